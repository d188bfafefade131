//! Failed sign-in attempts in the audit trail, and what must not be stored.

use std::net::{IpAddr, Ipv6Addr};

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::password::{Lane, Requester, Slot};
use signet::domain::failure_reason::FailureReason;
use signet::fetch_all;

use crate::support::postgres::everything_in;
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

async fn limited(backend: Backend) -> Server {
    let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
    options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32").start().await
}

async fn login_from(server: &Server, address: &str, login: &str, password: &str) -> Answer {
    let request = server.request(Method::POST, "/v1/login").header("x-forwarded-for", address);
    server.send(request.json(&json!({"login": login, "password": password}))).await
}

/// The events of one kind, after those in memory were written.
async fn events(server: &Server, root: &Tokens, kind: &str) -> Vec<Value> {
    server.app.write_refusals().await.unwrap();
    server.events(root, kind).await
}

/// A failed log-in is in the audit trail with the account that the login names, the reason and the client; the
/// response to the caller is the same as for an unknown login.
#[tokio::test(flavor = "multi_thread")]
async fn a_failed_log_in_names_account_reason_and_client() {
    on_both("reasons", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let bob = server.register("bob").await;
        let path = format!("/v1/admin/users/{bob}/disable");
        server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
        let body = json!({"login": "eve"});
        let eve = server.call_as(Method::POST, "/v1/admin/users", &root.access, body).await;
        let eve = eve.is(201).string("id");
        let known = server.try_login("ada", "wrong password").await;
        known.is_problem(401, "invalid_credentials");
        for login in ["bob", "eve", "nobody"] {
            let answer = server.try_login(login, PASSWORD).await;
            let shape = |answer: &Answer| {
                let mut body = answer.json();
                body["request_id"] = Value::Null;
                (answer.status, body)
            };
            assert_eq!(shape(&answer), shape(&known), "{login}");
        }
        let failed = events(&server, &root, "login.failed").await;
        let of = |reason: &str| {
            let found = failed.iter().find(|event| event["reason"] == reason);
            found.unwrap_or_else(|| panic!("{reason} in {failed:#?}")).clone()
        };
        assert_eq!(failed.len(), 4);
        for (reason, user) in [
            ("wrong_password", json!(ada)),
            ("disabled", json!(bob)),
            ("no_password", json!(eve)),
            ("no_such_user", Value::Null),
        ] {
            let event = of(reason);
            assert_eq!(event["user_id"], user, "{reason}");
            assert_eq!(event["client_id"], "signet", "{reason}");
            assert_eq!(event["last_at"], event["at"], "{reason}");
        }
        server.advance(TimeSpan::from_secs(1));
        // In the same minute and for the same reason it is the same row.
        server.try_login("ada", "wrong password").await.is(401);
        let failed = events(&server, &root, "login.failed").await;
        let ada = failed.iter().find(|event| event["reason"] == "wrong_password").unwrap();
        assert_eq!(ada["times"], 2);
        assert_ne!(ada["last_at"], ada["at"]);
    })
    .await;
}

/// Users type passwords into the field for the login: the entered login is in no row of the database.
#[tokio::test(flavor = "multi_thread")]
async fn typed_logins_are_not_stored() {
    on_both("typed login", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        let typed = "correct-horse-8Zq6";
        for login in [typed, "correct horse 8Zq6", "correct-horse-8zq6@example.com"] {
            for _ in 0..25 {
                let status = login_from(&server, "192.0.2.9", login, "pw").await.status;
                assert!([401, 429].contains(&status), "{status}");
            }
        }
        assert!(!events(&server, &root, "login.throttled").await.is_empty());
        let answer = server.get_as("/v1/admin/audit?limit=200", &root.access).await;
        let told = answer.text.to_lowercase();
        assert!(!told.contains("8zq6"), "{told}");
        let mut link = server.app.db.reader().await.unwrap();
        let rows = fetch_all!(
            &mut link,
            (String,),
            "SELECT kind || ' ' || coalesce(detail, '') || ' ' || coalesce(reason, '') || ' ' || \
             coalesce(browser, '') || ' ' || coalesce(client_id, '') || request_id FROM audit_events"
        );
        for (row,) in rows.unwrap() {
            assert!(!row.to_lowercase().contains("8zq6"), "{row}");
        }
        drop(link);
        let everything = match &server.database_url {
            Some(url) => everything_in(url).await,
            None => {
                server.app.db.checkpoint().await.unwrap();
                ["signet.db", "signet.db-wal"].map(|file| {
                    std::fs::read(server.dir.path().join("data").join(file)).unwrap_or_default()
                }).concat()
            }
        };
        // Too long to occur by chance.
        let has = |text: &[u8]| {
            everything.windows(text.len()).any(|bytes| bytes.eq_ignore_ascii_case(text))
        };
        assert!(has(b"login.throttled"));
        for typed in [&b"horse-8zq6"[..], b"horse 8zq6"] {
            assert!(!has(typed), "{}", String::from_utf8_lossy(typed));
        }
    })
    .await;
}

/// The first refused attempt of a window is a row at once, however many follow in the same minute.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_refused_attempt_is_recorded_at_once() {
    on_both("throttled once", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        for login in ["ada", "nobody"] {
            for _ in 0..20 {
                login_from(&server, "192.0.2.9", login, "wrong password").await.is(401);
            }
            login_from(&server, "192.0.2.9", login, PASSWORD)
                .await
                .is_problem(429, "too_many_attempts");
        }
        let throttled = server.events(&root, "login.throttled").await;
        assert_eq!(throttled.len(), 2, "{throttled:#?}");
        for event in &throttled {
            assert_eq!(event["reason"], "account_from_network");
            assert_eq!((&event["address"], &event["times"]), (&json!("192.0.2.9"), &json!(1)));
        }
        let named: Vec<_> = throttled.iter().map(|event| &event["user_id"]).collect();
        assert!(named.contains(&&json!(ada)) && named.contains(&&Value::Null), "{named:?}");
        for _ in 0..4 {
            login_from(&server, "192.0.2.9", "ada", PASSWORD).await.is(429);
        }
        let throttled = events(&server, &root, "login.throttled").await;
        assert_eq!(throttled.len(), 2);
        let times: i64 = throttled.iter().map(|event| event["times"].as_i64().unwrap()).sum();
        assert_eq!(times, 6);
    })
    .await;
}

/// A flood of refused attempts, also with changing logins, adds a bounded number of rows.
#[tokio::test(flavor = "multi_thread")]
async fn ten_thousand_refused_attempts_add_few_rows() {
    on_both("refused flood", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        // Uses up the limit of the network, with three accounts that are refused afterwards.
        for login in ["ada", "bob", "eve"] {
            for _ in 0..20 {
                login_from(&server, "192.0.2.9", login, "wrong password").await.is(401);
            }
        }
        let rows = async || {
            server.app.write_refusals().await.unwrap();
            let mut link = server.app.db.reader().await.unwrap();
            let sql = fetch_all!(&mut link, (i64,), "SELECT count(*) FROM audit_events");
            sql.unwrap()[0].0
        };
        let before = rows().await;
        for number in 0..10_000_u32 {
            let login = match number % 2 {
                0 => "ada".to_owned(),
                _ => format!("user{number}"),
            };
            let answer = login_from(&server, "192.0.2.9", &login, "wrong password").await;
            answer.is_problem(429, "too_many_attempts");
        }
        let added = rows().await - before;
        assert!((1..=20).contains(&added), "{added} rows");
        let throttled = events(&server, &root, "login.throttled").await;
        let times: i64 = throttled.iter().map(|event| event["times"].as_i64().unwrap()).sum();
        assert_eq!(times, 10_000);
    })
    .await;
}

/// An attempt that is refused because passwords cannot be checked in time is in the audit trail with its address, and
/// names no account.
#[tokio::test(flavor = "multi_thread")]
async fn attempts_turned_away_by_overload_are_recorded() {
    on_both("shed", async |backend| {
        let options = Options::on(backend).with("SIGNET_HASH_MAX_WAIT", "1s");
        let server = options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32").start().await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        server.app.hasher.hold(Some(0));
        for _ in 0..2 {
            let answer = login_from(&server, "192.0.2.9", "ada", PASSWORD).await;
            answer.is_problem(503, "unavailable");
        }
        server.app.hasher.hold(None);
        let shed = events(&server, &root, "login.shed").await;
        assert_eq!(shed.len(), 1, "{shed:#?}");
        let event = &shed[0];
        assert_eq!((&event["reason"], &event["times"]), (&json!("late"), &json!(2)));
        assert_eq!((&event["address"], &event["user_id"]), (&json!("192.0.2.9"), &Value::Null));
    })
    .await;
}

/// Takes places for password hashes until the next of these addresses gets none. Returns the reason.
fn fill(server: &Server, slots: &mut Vec<Slot>, address: impl Fn(u32) -> IpAddr) -> FailureReason {
    loop {
        let who = Requester::Address(address(u32::try_from(slots.len()).unwrap()));
        match server.app.try_hash_slot(Lane::Stranger, who) {
            Ok(slot) => slots.push(slot),
            Err((reason, _)) => return reason,
        }
    }
}

/// The reason of the event tells whether every place is taken, the network has used its share, or the wait would be too
/// long.
#[tokio::test(flavor = "multi_thread")]
async fn the_reason_of_an_overload_is_recorded() {
    on_both("shed: reasons", async |backend| {
        // Hashes that take no time, or so long that few places fill the wait.
        let quick = [("SIGNET_HASH_MAX_WAIT", "60s")];
        let slow = [
            ("SIGNET_HASH_WORKERS", "1"),
            ("SIGNET_HASH_MAX_WAIT", "20s"),
            ("SIGNET_ARGON2_MEMORY_KIB", "65536"),
            ("SIGNET_ARGON2_ITERATIONS", "2"),
        ];
        let busy = "192.0.2.9";
        let one = |_: u32| -> IpAddr { busy.parse().unwrap() };
        // Each in a network far from the others.
        let many =
            |number: u32| IpAddr::from(Ipv6Addr::from(u128::from(0x2000_0000 + number) << 96));
        for (settings, is_one, reason) in [
            (&quick[..], false, FailureReason::QueueFull),
            (&quick, true, FailureReason::NetworkShare),
            (&slow, false, FailureReason::TooLong),
        ] {
            let options = Options::on(backend).with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32");
            let options =
                settings.iter().fold(options, |options, (name, value)| options.with(name, value));
            let server = options.start().await;
            let root = server.administrator("root").await;
            let mut slots = Vec::new();
            let found = match is_one {
                true => fill(&server, &mut slots, one),
                false => fill(&server, &mut slots, many),
            };
            assert_eq!(found, reason);
            let answer = login_from(&server, busy, "ada", PASSWORD).await;
            answer.is_problem(503, "unavailable");
            drop(slots);
            let shed = events(&server, &root, "login.shed").await;
            assert_eq!(shed.len(), 1, "{reason}: {shed:#?}");
            assert_eq!(
                (&shed[0]["reason"], &shed[0]["address"], &shed[0]["user_id"]),
                (&json!(reason), &json!(busy), &Value::Null)
            );
        }
    })
    .await;
}
