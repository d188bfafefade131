//! The form of a message.

use super::{ADA, FROM, all_delivered, options, queue_in};
use crate::support::server::on_both;
use crate::support::smtp_sink::Sink;

#[tokio::test(flavor = "multi_thread")]
async fn a_message_says_that_no_person_sent_it_and_fetches_nothing() {
    on_both("mail: message", async |backend| {
        let sink = Sink::start().await;
        let server = options(backend, &sink)
            .with("SIGNET_ISSUER", "https://id.example.com/auth")
            .with("SIGNET_BRAND_NAME", "Bücher & Söhne")
            .start()
            .await;
        queue_in(&server.app, "Ada@bücher.example", "en").await.unwrap();
        all_delivered(&server).await;
        let mail = sink.received().remove(0);
        assert_eq!(mail.hello, "id.example.com");
        assert!(mail.from.starts_with("<signet@example.com>"), "{}", mail.from);
        assert_eq!(mail.to, "<Ada@xn--bcher-kva.example>");
        assert_eq!(mail.header("from"), FROM);
        assert_eq!(mail.header("to"), "Ada@xn--bcher-kva.example");
        assert_eq!(mail.header("auto-submitted"), "auto-generated");
        assert_eq!(mail.header("content-language"), "en");
        assert_eq!(mail.header("date"), "Fri, 15 Jan 2027 08:00:00 +0000");
        let id = mail.header("message-id");
        let (id, host) = id.trim_matches(['<', '>']).split_once('@').unwrap();
        assert_eq!((id.len(), host), (36, "id.example.com"));
        // The text comes first; a mail reader shows the last part that it understands (RFC 2046 §5.1.4).
        assert!(mail.header("content-type").starts_with("multipart/alternative;"), "{}", mail.data);
        let plain = mail.data.find("Content-Type: text/plain").unwrap();
        let html = mail.data.find("Content-Type: text/html").unwrap();
        assert!(plain < html, "{}", mail.data);
        assert!(mail.data.is_ascii() && mail.data.lines().all(|line| line.len() <= 998));
        assert!(!mail.data.to_lowercase().contains("list-unsubscribe"));
        let text = mail.data.replace("=\r\n", "");
        for address in text.split("://").skip(1) {
            assert!(address.starts_with("id.example.com/auth"), "{address}");
        }
        assert!(!text.contains("<img") && !text.contains("src=3D"), "{text}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_in_the_language_of_its_cause() {
    on_both("mail: language", async |backend| {
        let sink = Sink::start().await;
        let server = options(backend, &sink).start().await;
        for (language, lang, word) in [
            ("de", "de", "Testnachricht"),
            ("de-AT", "de", "Testnachricht"),
            ("fr", "en", "Test message"),
        ] {
            queue_in(&server.app, ADA, language).await.unwrap();
            all_delivered(&server).await;
            let mail = sink.received().pop().unwrap();
            assert_eq!(mail.header("content-language"), lang);
            assert!(mail.header("subject").starts_with(word), "{}", mail.header("subject"));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn issuers_with_an_ip_address_are_spelt_as_address_literals() {
    on_both("mail: address literals", async |backend| {
        let sink = Sink::start().await;
        let server =
            options(backend, &sink).with("SIGNET_ISSUER", "http://127.0.0.1:8484").start().await;
        queue_in(&server.app, ADA, "en").await.unwrap();
        all_delivered(&server).await;
        let mail = sink.received().remove(0);
        assert_eq!(mail.hello, "[127.0.0.1]");
        assert!(mail.header("message-id").ends_with("@[127.0.0.1]>"), "{}", mail.data);
    })
    .await;
}
