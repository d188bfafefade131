//! Neither the database nor the most verbose log contains recipients or texts while mail waits.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use signet::fetch_all;

use super::{FROM, options, queue_in, waiting};
use crate::support::process::{Launch, until};
use crate::support::require;
use crate::support::server::on_both;
use crate::support::smtp_sink::{Behavior, Encryption, Sink, certificate};

const PERSON: &str = "very-private-person@example.org";
const PASSWORD: &str = "relay-password-8Zq9";

#[tokio::test(flavor = "multi_thread")]
async fn the_database_has_neither_recipient_nor_text_while_mail_waits() {
    on_both("mail: sealed", async |backend| {
        let sink = Sink::start().await;
        sink.behave([Behavior::Reply("RCPT", "451 4.3.0 later")]);
        let server = options(backend, &sink).start().await;
        queue_in(&server.app, PERSON, "de").await.unwrap();
        until("it waits", async || super::counted(&server, "deferred") == 1).await;
        assert_eq!(waiting(&server).await, 1);
        let mut link = server.app.db.reader().await.unwrap();
        let rows = fetch_all!(&mut link, (String, Vec<u8>), "SELECT kind, sealed FROM mails");
        let rows = rows.unwrap();
        assert_eq!(rows[0].0, "test");
        let contains = |bytes: &[u8], text: &str| {
            bytes.windows(text.len()).any(|window| window == text.as_bytes())
        };
        assert!(!contains(&rows[0].1, "private") && !contains(&rows[0].1, "lang"));
        drop(link);
        if server.database_url.is_none() {
            let mut files = 0;
            for entry in std::fs::read_dir(server.dir.path().join("data")).unwrap() {
                let path = entry.unwrap().path();
                let bytes = std::fs::read(&path).unwrap();
                assert!(!contains(&bytes, "very-private-person"), "{}", path.display());
                files += 1;
            }
            assert!(files > 1);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_most_talkative_log_has_neither_recipient_nor_password_nor_text() {
    let folder = tempfile::tempdir().unwrap();
    if !certificate(folder.path()) {
        return require::missing("openssl", "the log of mail over TLS");
    }
    let login = Some(("relay-user", PASSWORD));
    let sink = Sink::with(Encryption::StartTls, Some(folder.path()), login).await;
    sink.behave([
        Behavior::Accept,
        Behavior::Reply("RCPT", "550 5.1.1 <very-private-person@example.org> is unknown"),
    ]);
    let launch = Launch::new()
        .with("SIGNET_LOG", "trace")
        .with("SIGNET_SMTP_URL", &format!("smtp://relay-user@localhost:{}", sink.address.port()))
        .with("SIGNET_SMTP_PASSWORD", PASSWORD)
        .with("SIGNET_MAIL_FROM", FROM)
        .with("SSL_CERT_FILE", folder.path().join("live.pem").to_str().unwrap());
    let process = launch.start().await;
    for connections in 1..=2 {
        let mut command = launch.spawn(&["mail", "test", PERSON, "--queue"]);
        assert_eq!(command.ended().await, Some(0), "{}", command.all_of_log());
        until("it was tried", async || sink.connections() == connections).await;
    }
    until("it was refused", async || process.log().contains("mail.refused")).await;
    assert_eq!(sink.received().len(), 1);
    let log = process.log();
    let plain = STANDARD.encode(format!("\0relay-user\0{PASSWORD}"));
    for secret in ["very-private-person", PASSWORD, &plain, "requested this message"] {
        assert!(!log.contains(secret), "{secret}");
    }
}
