//! The outbox against a mail server that refuses, hangs or disconnects.

use serde_json::json;
use signet::base::TimeSpan;
use signet::base::id::MailId;
use signet::crypto::random::SystemEntropy;
use signet::jobs;
use signet::store::mails::{self, NewMail};

use super::{ADA, all_delivered, counted, options, queue, queue_in, waiting};
use crate::support::Server;
use crate::support::process::until;
use crate::support::server::on_both;
use crate::support::smtp_sink::{Behavior, Sink};

/// The deadline of a delivery in tests of a server that hangs, in milliseconds.
const SHORT: &str = "400";

async fn deferred(server: &Server, times: u64) {
    until("it was deferred", async || counted(server, "deferred") == times).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_is_refused_for_now_is_delivered_later() {
    on_both("mail: 451", async |backend| {
        let sink = Sink::start().await;
        sink.behave([
            Behavior::Reply("RCPT", "451 4.3.0 later"),
            Behavior::Reply("MAIL", "421 4.3.2 closing"),
            Behavior::DropAfterData,
        ]);
        let server = options(backend, &sink).start().await;
        queue(&server, ADA).await;
        for (times, pause) in [(1, 5), (2, 20), (3, 80)] {
            deferred(&server, times).await;
            // A second before its time no attempt is made.
            server.advance(TimeSpan::from_secs(pause - 1));
            jobs::deliver_mail(&server.app).await.unwrap();
            assert_eq!(sink.connections() as u64, times);
            server.advance(TimeSpan::from_secs(1));
        }
        all_delivered(&server).await;
        assert_eq!(sink.received().len(), 1);
        assert_eq!((counted(&server, "delivered"), counted(&server, "refused")), (1, 0));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_permanently_refused_mail_is_tried_once() {
    on_both("mail: 550", async |backend| {
        let sink = Sink::start().await;
        sink.behave([Behavior::Reply("RCPT", "550 5.1.1 <ada@example.org>: no such user")]);
        let server = options(backend, &sink).start().await;
        queue(&server, ADA).await;
        all_delivered(&server).await;
        let root = server.administrator("root").await;
        let events = server.events(&root, "mail.refused").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["detail"], "test: recipient 550 5.1.1");
        server.advance(TimeSpan::from_days(2));
        jobs::deliver_mail(&server.app).await.unwrap();
        assert_eq!((sink.connections(), counted(&server, "refused")), (1, 1));
    })
    .await;
}

/// A mail server that refuses the connection or the password refuses every mail: none is abandoned because of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_of_the_connection_is_not_a_refusal_of_the_mail() {
    on_both("mail: 5xx of the connection", async |backend| {
        let sink = Sink::start().await;
        sink.behave([Behavior::Reply("EHLO", "554 5.7.1 not from here")]);
        let server = options(backend, &sink).start().await;
        queue(&server, ADA).await;
        deferred(&server, 1).await;
        assert_eq!(waiting(&server).await, 1);
        server.advance(TimeSpan::from_secs(5));
        all_delivered(&server).await;
        assert_eq!(sink.received().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_server_that_hangs_holds_up_no_request_and_the_mail_is_tried_again() {
    on_both("mail: hangs", async |backend| {
        for behavior in [Behavior::SilentAtGreeting, Behavior::SilentAfterData] {
            let sink = Sink::start().await;
            sink.behave([behavior.clone()]);
            let options = options(backend, &sink).with("SIGNET_TEST_MAIL_MILLIS", SHORT);
            let server = options.start().await;
            queue(&server, ADA).await;
            until("it is being tried", async || sink.connections() == 1).await;
            server.register("ada").await;
            server.login("ada").await;
            deferred(&server, 1).await;
            server.advance(TimeSpan::from_secs(5));
            all_delivered(&server).await;
            let ids: Vec<String> =
                sink.received().iter().map(|mail| mail.header("message-id")).collect();
            // The server that stored the message without a reply received it twice, with one `Message-ID`.
            let expected = if behavior == Behavior::SilentAfterData { 2 } else { 1 };
            assert_eq!(ids.len(), expected, "{behavior:?}");
            assert!(ids.iter().all(|id| *id == ids[0]));
        }
    })
    .await;
}

/// Other requests get a response while a delivery is pending, whose deadline has not passed.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_while_a_mail_is_being_tried() {
    on_both("mail: hangs on", async |backend| {
        let sink = Sink::start().await;
        sink.behave([Behavior::SilentAtGreeting]);
        let server = options(backend, &sink).start().await;
        queue(&server, ADA).await;
        until("it is being tried", async || sink.connections() == 1).await;
        server.register("ada").await;
        let tokens = server.login("ada").await;
        server.refresh(&tokens.refresh).await.is(200);
        queue(&server, ADA).await;
        assert_eq!((waiting(&server).await, sink.received().len()), (2, 0));
        assert_eq!((counted(&server, "deferred"), counted(&server, "failed")), (0, 0));
    })
    .await;
}

/// The reply to the message decides; later events of the connection do not.
#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_mail_is_not_sent_again_when_quit_is_not_answered() {
    on_both("mail: QUIT", async |backend| {
        let sink = Sink::start().await;
        sink.behave([Behavior::SilentAfterAccept]);
        let server = options(backend, &sink).start().await;
        queue(&server, ADA).await;
        all_delivered(&server).await;
        server.advance(TimeSpan::from_days(1));
        jobs::deliver_mail(&server.app).await.unwrap();
        assert_eq!((sink.connections(), sink.received().len()), (1, 1));
        assert_eq!(counted(&server, "delivered"), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_that_cannot_be_delivered_is_given_up_with_an_event() {
    on_both("mail: given up", async |backend| {
        let sink = Sink::start().await;
        let options = options(backend, &sink);
        // A server that requires STARTTLS does not send to one without it.
        let url = format!("smtp://127.0.0.1:{}", sink.address.port());
        let server = options.with("SIGNET_SMTP_URL", &url).start().await;
        queue(&server, ADA).await;
        deferred(&server, 1).await;
        server.advance(TimeSpan::from_mins(10));
        let age = |page: &str| {
            let name = "signet_mail_oldest_age_seconds ";
            page.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse::<i64>().unwrap()
        };
        assert_eq!(age(&signet::http::metrics_text(&server.app)), 600);
        server.advance(TimeSpan::from_mins(24 * 60));
        all_delivered(&server).await;
        let root = server.administrator("root").await;
        let events = server.events(&root, "mail.failed").await;
        assert_eq!(events.len(), 1);
        let detail = events[0]["detail"].as_str().unwrap();
        assert!(detail.starts_with("test: not delivered in "), "{detail}");
        assert_eq!((sink.received().len(), counted(&server, "failed")), (0, 1));
        let commands = sink.commands();
        assert!(commands.iter().all(|verb| verb == "EHLO" || verb == "QUIT"), "{commands:?}");
        jobs::deliver_mail(&server.app).await.unwrap();
        assert_eq!(age(&signet::http::metrics_text(&server.app)), 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_mail_is_delivered_after_a_new_master_key() {
    on_both("mail: rewrap", async |backend| {
        let key = |byte: u8| {
            use base64::Engine as _;
            base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([byte; 32])
        };
        let sink = Sink::start().await;
        sink.behave([Behavior::Reply("RCPT", "451 4.3.0 later")]);
        let first = options(backend, &sink).with("SIGNET_MASTER_KEY", &key(1)).start().await;
        queue(&first, ADA).await;
        deferred(&first, 1).await;
        let (url, dir, base) =
            (first.database_url.clone(), std::sync::Arc::clone(&first.dir), first.base.clone());
        drop(first);
        let start = async |new: &str, old: Option<&str>| {
            let mut options =
                options(backend, &sink).with("SIGNET_MASTER_KEY", new).with("SIGNET_ISSUER", &base);
            if let Some(old) = old {
                options = options.with("SIGNET_MASTER_KEY_OLD", old);
            }
            if let Some(url) = &url {
                options = options.on_database(url);
            }
            options.start_in(std::sync::Arc::clone(&dir)).await
        };
        let both = start(&key(2), Some(&key(1))).await;
        let info = signet::domain::request_info::RequestInfo::cli(both.now());
        let work = signet::admin::master_key::rewrap(both.app.clone(), info);
        both.app.run_to_completion(work).await.unwrap_or_else(|stop| panic!("{stop:?}"));
        drop(both);
        let after = start(&key(2), None).await;
        after.advance(TimeSpan::from_secs(5));
        all_delivered(&after).await;
        assert_eq!(sink.received().len(), 1);
    })
    .await;
}

/// The limit is the same for every caller, and requests without mail continue.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_waiting_mails_are_the_most() {
    on_both("mail: limit", async |backend| {
        let sink = Sink::start().await;
        let server = options(backend, &sink).start().await;
        server.register("ada").await;
        let tokens = server.login("ada").await;
        let now = server.now();
        let fill = async |count: usize| {
            let mut tx = server.app.db.begin().await.unwrap();
            for _ in 0..count {
                let mail = NewMail {
                    id: MailId::new(now, &SystemEntropy),
                    kind: "test",
                    user_id: None,
                    link_hash: None,
                    // Cannot be opened with any key, so it stays in the outbox.
                    sealed: b"",
                    expires_at: now + TimeSpan::from_days(1),
                };
                mails::insert(&mut tx, &mail, now).await.unwrap();
            }
            tx.commit().await.unwrap();
        };
        for _ in 0..9 {
            fill(1_000).await;
        }
        fill(999).await;
        queue(&server, ADA).await;
        // The mail that can be delivered may have been delivered by now.
        fill(1).await;
        let refused = queue_in(&server.app, ADA, "en").await.unwrap_err();
        assert!(refused.contains("Unavailable"), "{refused}");
        server.get("/.well-known/jwks.json").await.is(200);
        server.refresh(&tokens.refresh).await.is(200);
        server.post("/v1/login", json!({"login": "ada", "password": "wrong one"})).await.is(401);
    })
    .await;
}
