//! A request for an account discloses nothing about an address.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::request_info::RequestInfo;
use signet::identity::authentication::Channel;
use signet::identity::sign_up::{self, SignUpRequest};
use signet::jobs;
use signet::store::db::counted;
use signet::store::mails;

use super::{ADA, NEW, ask, begin, complete, users, verified};
use crate::support::on_both;
use crate::support::process::until;
use crate::support::server::{Answer, PASSWORD};
use crate::support::smtp_sink::Behavior;

#[tokio::test(flavor = "multi_thread")]
async fn every_address_gets_the_same_answer_and_an_owner_another_mail() {
    on_both("sign-up: same answer", async |backend| {
        let place = verified(backend, &[]).await;
        place.user("ada", ADA).await;
        let off = place.user("off", "off@example.org").await;
        let path = format!("/v1/admin/users/{off}/disable");
        place.admin(Method::POST, &path, Value::Null).await.is(200);
        // An unverified claim, and a login that looks like an address: neither is an owner.
        for user in [
            json!({"login": "eve", "password": PASSWORD, "email": "eve@example.org"}),
            json!({"login": "squat@example.org", "password": PASSWORD}),
        ] {
            place.admin(Method::POST, "/v1/admin/users", user).await.is(201);
        }
        let taken = [(ADA, true), ("aDA@Example.ORG", true), ("off@example.org", true)];
        let free = [(NEW, false), ("eve@example.org", false), ("squat@example.org", false)];
        let mut shapes = Vec::new();
        for (email, is_taken) in taken.into_iter().chain(free) {
            let answer = ask(&place, email).await;
            place.delivered().await;
            let mail = place.sink.received().pop().unwrap();
            let data = mail.data.replace("=\r\n", "");
            assert_eq!(data.contains("/link/"), !is_taken, "{email}: {data}");
            assert_eq!(data.contains("/recover"), is_taken, "{email}: {data}");
            // Not as it was typed: as the owner has stored it.
            assert_eq!(mail.to.trim_matches(['<', '>']), email.to_ascii_lowercase());
            shapes.push(shape(&answer));
        }
        assert_eq!(shapes[0].0, 202);
        assert!(shapes.iter().all(|shape| *shape == shapes[0]), "{shapes:?}");
        assert_eq!(place.sink.received().len(), 6);
        // Nothing was created.
        assert_eq!(users(&place).await, 4);
        // A wrong code for an address with an account is refused like any other.
        for email in [ADA, NEW] {
            let challenge = begin(&place, email).await;
            let wrong = json!({"challenge": challenge, "code": "00000000", "login": "mallory"});
            complete(&place, wrong).await.is_problem(401, "mfa_failed");
        }
    })
    .await;
}

fn shape(answer: &Answer) -> (u16, String, usize, Value) {
    let mut headers = answer.headers.clone();
    for changes in ["x-request-id", "date"] {
        headers.remove(changes);
    }
    let expires_in = answer.json()["expires_in"].clone();
    (answer.status, format!("{headers:?}"), answer.text.len(), expires_in)
}

/// The cause of equal times: the same work, counted in statements.
#[tokio::test(flavor = "multi_thread")]
async fn new_and_taken_addresses_cost_the_same_statements() {
    on_both("sign-up: statements", async |backend| {
        let place = verified(backend, &[("SIGNET_RATE_LIMITS", "on")]).await;
        place.user("ada", ADA).await;
        let off = place.user("off", "off@example.org").await;
        let path = format!("/v1/admin/users/{off}/disable");
        place.admin(Method::POST, &path, Value::Null).await.is(200);
        let unverified = json!({"login": "eve", "password": PASSWORD, "email": "eve@example.org"});
        place.admin(Method::POST, "/v1/admin/users", unverified).await.is(201);
        let mut counts = Vec::new();
        let mut before = place.work("signup").await;
        for email in [ADA, NEW, "off@example.org", "eve@example.org"] {
            let request = SignUpRequest { email: email.to_owned(), is_automated: false };
            let info = RequestInfo::system(place.server.now());
            let app = place.server.app.clone();
            let (answer, statements) =
                counted(sign_up::request(app, request, Channel::Api, info)).await;
            assert!(answer.is_ok());
            counts.push(statements);
            let after = place.work("signup").await;
            assert_eq!(after, (before.0, before.1 + 1), "{email}: no hash, one mail");
            before = after;
        }
        // The waiting mails; the two limits; the current master key, for code and mail; both rows.
        assert!(counts.iter().all(|count| *count == counts[0]), "{counts:?}");
        assert!(counts[0] <= 9, "{counts:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_addresses_of_the_listed_domains_sign_up() {
    on_both("sign-up: domains", async |backend| {
        let list = "example.org, *.Example.net, b\u{fc}cher.example";
        let place = verified(backend, &[("SIGNET_REGISTRATION_DOMAINS", list)]).await;
        place.user("ada", "ada@foreign.example").await;
        for email in [
            "ada@foreign.example",
            "new@foreign.example",
            "new@example.net",
            "new@a.example.org",
            "new@badexample.org",
        ] {
            let refused = ask(&place, email).await;
            refused.is_problem(422, "domain_not_allowed");
            assert_eq!(refused.json()["errors"][0]["field"], "email");
        }
        for email in [
            "new@EXAMPLE.org",
            "new@a.b.example.net",
            "new@xn--bcher-kva.example",
            "n@b\u{fc}cher.example",
        ] {
            begin(&place, email).await;
        }
        assert_eq!(place.all().await.len(), 4);
    })
    .await;
}

/// With open registration there is no proof; the login must match the list of domains.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_without_a_proof_is_held_to_the_list_of_domains() {
    on_both("sign-up: domains of logins", async |backend| {
        let settings =
            [("SIGNET_REGISTRATION", "open"), ("SIGNET_REGISTRATION_DOMAINS", "example.org")];
        let place = crate::support::mailed::MailingServer::with(backend, &settings).await;
        let register = async |login: &str| {
            let body = json!({"login": login, "password": PASSWORD});
            place.server.post("/v1/register", body).await
        };
        register(ADA).await.is(201);
        register("ada@foreign.example").await.is_problem(422, "domain_not_allowed");
        let name = register("ada").await;
        name.is_problem(422, "validation_failed");
        let error = &name.json()["errors"][0];
        assert_eq!((&error["field"], &error["code"]), (&json!("login"), &json!("not_an_address")));
        // No mail is sent, and an address alone is no registration.
        assert!(place.all().await.is_empty());
        ask(&place, NEW).await.is_problem(422, "validation_failed");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_sign_ups_name_the_field() {
    on_both("sign-up: bad requests", async |backend| {
        let place = verified(backend, &[]).await;
        for bad in ["", "ada", "ad a@example.org", "\u{e4}@example.org"] {
            let answer = ask(&place, bad).await;
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], "email", "{bad}");
        }
        for (body, field) in [
            (json!({}), "email"),
            (json!({"login": "ada", "password": PASSWORD}), "email"),
            (json!({"email": NEW, "login": "ada"}), "login"),
            (json!({"email": NEW, "password": PASSWORD}), "password"),
            // A name would be in a mail to a third party.
            (json!({"email": NEW, "name": "<a href=//evil>"}), "name"),
            (json!({"email": [NEW]}), "email"),
        ] {
            let answer = place.server.post("/v1/register", body.clone()).await;
            let errors = answer.is_problem(422, "validation_failed").json()["errors"].clone();
            let named = errors.as_array().unwrap().iter().any(|error| error["field"] == field);
            assert!(named, "{body}: {errors}");
        }
        let challenge = begin(&place, NEW).await;
        let mailed = place.newest().await;
        for (body, field) in [
            (json!({"code": mailed.code}), "challenge"),
            (json!({"challenge": challenge, "token": mailed.link}), "token"),
            (json!({"challenge": challenge}), "code"),
            (json!({"challenge": challenge, "code": 12_345_678}), "code"),
            (json!({"challenge": challenge, "code": mailed.code, "name": "\u{7}"}), "name"),
            (json!({"challenge": challenge, "code": mailed.code, "role": "admin"}), "role"),
            (json!({"challenge": challenge, "code": mailed.code, "login": "a b"}), "login"),
            (json!({"challenge": challenge, "code": mailed.code, "login": ADA}), "login"),
        ] {
            let answer = complete(&place, body.clone()).await;
            let errors = answer.is_problem(422, "validation_failed").json()["errors"].clone();
            assert_eq!(errors[0]["field"], field, "{body}");
        }
        let weak = json!({"challenge": challenge, "code": mailed.code, "password": "short"});
        complete(&place, weak).await.is_problem(422, "weak_password");
        // None of these used up an attempt.
        complete(&place, json!({"challenge": challenge, "code": mailed.code})).await.is(201);
    })
    .await;
}

/// Only the last of several codes is valid: repeated requests cannot fill the mailbox of a user.
#[tokio::test(flavor = "multi_thread")]
async fn of_requests_that_wait_only_the_last_one_is_mailed() {
    on_both("sign-up: replaced mails", async |backend| {
        let place = verified(backend, &[]).await;
        place.user("ada", ADA).await;
        for email in [ADA, NEW] {
            let (before, tried) = (place.sink.received().len(), place.sink.connections());
            for times in 1..=2 {
                place.sink.behave([Behavior::Reply("RCPT", "451 4.3.0 later")]);
                begin(&place, email).await;
                until("it is tried", async || place.sink.connections() == tried + times).await;
            }
            begin(&place, email).await;
            until("no mail waits", async || {
                place.server.advance(TimeSpan::from_secs(5));
                jobs::deliver_mail(&place.server.app).await.unwrap();
                mails::waiting(&mut place.server.app.db.reader().await.unwrap(), 1).await.unwrap()
                    == 0
            })
            .await;
            assert_eq!(place.sink.received().len(), before + 1, "{email}");
        }
    })
    .await;
}
