//! A request for a new password discloses nothing about an address.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::base::id::MailId;
use signet::crypto::random::SystemEntropy;
use signet::store::mails::{self, NewMail};

use super::{ADA, NEW};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::process::{Launch, until};
use crate::support::server::{PASSWORD, Server};
use crate::support::smtp_sink::{Behavior, Sink};

#[tokio::test(flavor = "multi_thread")]
async fn every_address_gets_the_same_answer_and_only_an_owner_gets_mail() {
    on_both("recovery: same answer", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let off = place.user("off", "off@example.org").await;
        let path = format!("/v1/admin/users/{off}/disable");
        place.admin(Method::POST, &path, Value::Null).await.is(200);
        let unverified = json!({"login": "eve", "password": PASSWORD, "email": "eve@example.org"});
        place.admin(Method::POST, "/v1/admin/users", unverified).await.is(201);
        // A login that looks like an address is not one.
        place.server.register("squat@example.org").await;
        let mut answers = Vec::new();
        for email in
            [ADA, "nobody@example.org", "off@example.org", "eve@example.org", "squat@example.org"]
        {
            answers.push(place.server.post("/v1/recovery", json!({ "email": email })).await);
        }
        let shape = |answer: &crate::support::server::Answer| {
            // The workers of the server order headers differently.
            let headers: BTreeMap<String, String> = answer
                .headers
                .iter()
                .filter(|(name, _)| !["x-request-id", "date"].contains(&name.as_str()))
                .map(|(name, value)| (name.to_string(), value.to_str().unwrap().to_owned()))
                .collect();
            let expires_in = answer.json()["expires_in"].clone();
            (answer.status, headers, answer.text.len(), expires_in)
        };
        assert_eq!(answers[0].status, 202);
        assert!(answers.iter().all(|answer| shape(answer) == shape(&answers[0])), "{answers:?}");
        let all = place.all().await;
        assert_eq!(all.len(), 1);
        assert_eq!(all[0].to, ADA);
        // A wrong code for an address without a user is refused like any other, and as often.
        for answer in &answers {
            let challenge = answer.string("challenge");
            let wrong = json!({ "code": all[0].wrong_code() });
            place.proceed(&challenge, wrong).await.is_problem(401, "mfa_failed");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_mail_goes_to_the_address_as_its_owner_has_stored_it() {
    on_both("recovery: stored address", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", "Ada@Example.org").await;
        place.recover("aDA@example.ORG").await;
        assert_eq!(place.newest().await.to, "Ada@example.org");
        for bad in ["", "ada", "ad a@example.org", "ä@example.org"] {
            let answer = place.server.post("/v1/recovery", json!({ "email": bad })).await;
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], "email");
        }
    })
    .await;
}

/// No spelling of an address sends its mail elsewhere (RFC 8264, UTS #39: look-alikes and case folding).
#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_recovers_the_account_of_its_owner_or_none() {
    on_both("recovery: spellings", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("alice", "alice@ex.com").await;
        for spelling in [
            "Alice@Ex.com",
            " alice@ex.com",
            "ALİCE@ex.com",
            "\u{ff41}lice@ex.com",
            "alice@ex.com\u{200b}",
            "a@b@c",
            "alice\u{ff20}ex.com",
            "alice@ex\u{3002}com",
            "alice@ex.com,eve@y.org",
            "alice@ex.com\r\nbcc: eve@y.org",
            "al\u{131}ce@ex.com",
            "\"alice@ex.com\"@y.org",
            "alice@ex.com@y.org",
        ] {
            let answer = place.server.post("/v1/recovery", json!({ "email": spelling })).await;
            assert!([202, 422].contains(&answer.status), "{spelling:?}: {}", answer.text);
        }
        let mails = place.all().await;
        assert!(
            !mails.is_empty() && mails.iter().all(|mail| mail.to == "alice@ex.com"),
            "{mails:?}"
        );
        assert!(place.sink.received().iter().all(|mail| mail.to == "<alice@ex.com>"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_begin_with_the_issuer_whatever_the_request_says() {
    on_both("recovery: host", async |backend| {
        let issuer = "https://id.example.com";
        let place = MailingServer::with(backend, &[("SIGNET_ISSUER", issuer)]).await;
        place.user("ada", ADA).await;
        let request = place.server.request(Method::POST, "/v1/recovery");
        let request = request
            .header("host", "evil.example")
            .header("x-forwarded-host", "evil.example")
            .header("forwarded", "host=evil.example;proto=http");
        place.server.send(request.json(&json!({ "email": ADA }))).await.is(202);
        place.delivered().await;
        let data = place.sink.received().pop().unwrap().data.replace("=\r\n", "");
        assert!(data.contains(&format!("{issuer}/link/")) && !data.contains("evil"), "{data}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_without_mail_says_so() {
    on_both("recovery: off", async |backend| {
        let server = Server::start(backend).await;
        let answer = server.post("/v1/recovery", json!({ "email": ADA })).await;
        answer.is_problem(403, "feature_disabled");
        assert!(!server.get("/login").await.is(200).text.contains("/recover"));
        server.get("/recover").await.is(403);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_outbox_refuses_known_and_unknown_addresses() {
    on_both("recovery: full outbox", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        let now = place.server.now();
        let mut tx = place.server.app.db.begin().await.unwrap();
        for _ in 0..10_000 {
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
        for email in [ADA, "nobody@example.org"] {
            let answer = place.server.post("/v1/recovery", json!({ "email": email })).await;
            answer.is_problem(503, "unavailable");
        }
        place.server.get("/.well-known/jwks.json").await.is(200);
        place.server.refresh(&tokens.refresh).await.is(200);
    })
    .await;
}

/// No request waits for the mail server: all get a response while the first deliveries are pending, whose
/// deadline has not passed.
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_answered_while_the_relay_hangs() {
    on_both("recovery: relay hangs on", async |backend| {
        for behavior in [Behavior::SilentAtGreeting, Behavior::SilentAfterData] {
            let place = MailingServer::start(backend).await;
            place.sink.behave(std::iter::repeat_n(behavior, 64));
            let owners = ["ada", "bob", "eve", "tia", "vic"];
            for login in owners {
                place.user(login, &format!("{login}@example.org")).await;
            }
            place.recover(ADA).await;
            until("it is being tried", async || place.sink.connections() > 0).await;
            for number in 0..50 {
                let login = owners.get(number % 10).copied().unwrap_or("nobody");
                place.recover(&format!("{login}@example.org")).await;
                place.server.login("bob").await;
            }
            // The job has at most four connections, all of which hang.
            assert!((1..=4).contains(&place.sink.connections()), "{}", place.sink.connections());
            let metrics = signet::http::metrics_text(&place.server.app);
            for result in ["deferred", "delivered", "refused", "failed"] {
                let ended =
                    format!("signet_mails_total{{kind=\"recovery\",result=\"{result}\"}} 0");
                assert!(metrics.contains(&ended), "{result}: {metrics}");
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_hangs_holds_up_no_request() {
    on_both("recovery: relay hangs", async |backend| {
        for behavior in [Behavior::SilentAtGreeting, Behavior::SilentAfterData] {
            let place = MailingServer::with(backend, &[("SIGNET_TEST_MAIL_MILLIS", "400")]).await;
            place.sink.behave([behavior]);
            place.user("ada", ADA).await;
            let challenge = place.recover(ADA).await;
            until("it is being tried", async || place.sink.connections() == 1).await;
            place.recover("nobody@example.org").await;
            let deferred = "signet_mails_total{kind=\"recovery\",result=\"deferred\"} 1";
            until("it was deferred", async || {
                signet::http::metrics_text(&place.server.app).contains(deferred)
            })
            .await;
            place.server.advance(TimeSpan::from_secs(5));
            let mailed = place.newest().await;
            let right = place.proceed(&challenge, json!({ "code": mailed.code })).await;
            right.is_problem(401, "password_change_required");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_the_database_nor_the_log_has_a_code_or_a_link() {
    let sink = Sink::start().await;
    sink.behave([Behavior::Reply("RCPT", "451 4.3.0 later")]);
    let launch = Launch::new()
        .with("SIGNET_LOG", "trace")
        .with("SIGNET_SMTP_URL", &sink.url())
        .with("SIGNET_MAIL_FROM", "signet@example.com");
    let process = launch.start().await;
    let mut create = launch.spawn(&[
        "user",
        "create",
        "ada",
        "--email",
        ADA,
        "--email-verified",
        "--no-password",
    ]);
    assert_eq!(create.ended().await, Some(0), "{}", create.all_of_log());
    let client = reqwest::Client::new();
    let asked = client.post(format!("{}/v1/recovery", process.base));
    let asked = asked.json(&json!({ "email": ADA })).send().await.unwrap();
    assert_eq!(asked.status(), 202);
    until("it waits", async || process.log().contains("a mail waits for another attempt")).await;
    let files: Vec<Vec<u8>> = std::fs::read_dir(launch.database().parent().unwrap())
        .unwrap()
        .map(|entry| std::fs::read(entry.unwrap().path()).unwrap())
        .collect();
    until("it is delivered", async || !sink.received().is_empty()).await;
    let mailed = crate::support::mailed::Mailed::of(&sink.received()[0]).unwrap();
    let url = format!("{}/link/{}", process.base, mailed.link);
    assert_eq!(client.get(&url).send().await.unwrap().status(), 200);
    let body = json!({ "token": mailed.link, "new_password": NEW });
    let redeem = client.post(format!("{}/v1/link", process.base)).json(&body);
    assert_eq!(redeem.send().await.unwrap().status(), 204);
    until("it is logged", async || process.log().contains("account.recovered")).await;
    let log = process.log();
    let shown = format!("{} {}", &mailed.code[..4], &mailed.code[4..]);
    for secret in [&mailed.link, &mailed.code, &shown, NEW] {
        assert!(!log.contains(secret), "{secret}");
        let holds =
            |file: &Vec<u8>| file.windows(secret.len()).any(|part| part == secret.as_bytes());
        assert!(!files.iter().any(holds), "{secret}");
    }
    assert!(log.contains("/link/{token}"), "{log}");
}
