//! The outbox of several processes, and of one that is killed.

use std::collections::BTreeSet;

use sqlx::{Connection as _, SqliteConnection};

use super::{ADA, FROM, options, queue, waiting};
use crate::support::Backend;
use crate::support::process::{Launch, until};
use crate::support::server::{Options, Server};
use crate::support::smtp_sink::{Behavior, Sink};
use crate::support::{postgres, require};

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_deliver_each_mail_once() {
    const MAILS: usize = 200;
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "the mail of two processes");
    };
    let sink = Sink::start().await;
    let on = |options: Options| options.on_database(&url);
    let one = on(options(Backend::Postgres, &sink)).start().await;
    let key = std::fs::read_to_string(one.dir.path().join("data/master.key")).unwrap();
    let two = on(options(Backend::Postgres, &sink))
        .with("SIGNET_MASTER_KEY", key.trim())
        .with("SIGNET_ISSUER", &one.base)
        .start()
        .await;
    let fill = async |server: &Server| {
        for _ in 0..MAILS / 2 {
            queue(server, ADA).await;
        }
    };
    tokio::join!(fill(&one), fill(&two));
    until("the outbox is empty", async || waiting(&one).await == 0).await;
    let received = sink.received();
    let ids: BTreeSet<String> = received.iter().map(|mail| mail.header("message-id")).collect();
    assert_eq!((received.len(), ids.len()), (MAILS, MAILS));
    for server in [&one, &two] {
        assert!(super::counted(server, "delivered") > 0, "one process delivered everything");
    }
}

/// The mail server has accepted the message and the process is killed before it knows. The mail is sent again
/// with the same `Message-ID`. `SIGNET_TEST_ROUNDS` is the number of rounds (20).
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_while_the_mail_server_replies_loses_no_mail() {
    let sink = Sink::start().await;
    let launch = Launch::new().with("SIGNET_SMTP_URL", &sink.url()).with("SIGNET_MAIL_FROM", FROM);
    let mut process = launch.start().await;
    for round in 0..require::number("SIGNET_TEST_ROUNDS").unwrap_or(20) {
        // Either the reply is on its way when the process is killed, or it is never sent.
        let withheld = round % 2 == 0;
        sink.behave([if withheld {
            Behavior::SilentAfterData
        } else {
            Behavior::SilentAfterAccept
        }]);
        let before = sink.received().len();
        let mut command = launch.spawn(&["mail", "test", ADA, "--queue"]);
        assert_eq!(command.ended().await, Some(0), "{}", command.all_of_log());
        until("the mail server has it", async || sink.received().len() > before).await;
        process.kill();
        let mut database =
            SqliteConnection::connect(&format!("sqlite://{}", launch.database().display()))
                .await
                .unwrap();
        // The lease of the killed process expires, in the database.
        sqlx::query("UPDATE mails SET next_at = 0").execute(&mut database).await.unwrap();
        database.close().await.unwrap();
        process = launch.start().await;
        let left = async || {
            let mut database =
                SqliteConnection::connect(&format!("sqlite://{}", launch.database().display()))
                    .await
                    .unwrap();
            let count: i64 = sqlx::query_scalar("SELECT count(*) FROM mails")
                .fetch_one(&mut database)
                .await
                .unwrap();
            database.close().await.unwrap();
            count
        };
        until("the outbox is empty", async || left().await == 0).await;
        let ids: Vec<String> =
            sink.received()[before..].iter().map(|mail| mail.header("message-id")).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert!(ids.len() == 2 || !withheld, "{ids:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_demo_writes_its_mail_into_files_and_says_where() {
    let process = Launch::new().start_as(&["dev"]).await;
    until("the demo is described", async || process.log().contains("Press Ctrl+C")).await;
    let log = process.log();
    let line = log.lines().find_map(|line| line.trim().strip_prefix("mail  ")).expect(&log);
    assert!(line.contains("/signet-dev-") && line.ends_with("/mail"), "{line}");
}
