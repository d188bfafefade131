//! The account that a sign-up creates.

use reqwest::Method;
use serde_json::json;

use super::{ADA, NEW, begin, complete, users, verified};
use crate::support::on_both;
use crate::support::server::{Answer, PASSWORD, Tokens};

const EVIL: &str = "<a href=//evil>";

/// The name is in no mail: no user input is, before the proof or after it.
#[tokio::test(flavor = "multi_thread")]
async fn the_account_has_the_proven_address_and_no_mail_has_its_name() {
    on_both("sign-up: account", async |backend| {
        let terms = ("SIGNET_TERMS_URL", "https://example.com/terms");
        let place = verified(backend, &[terms]).await;
        let challenge = begin(&place, "New@Example.org").await;
        assert_eq!(users(&place).await, 0, "no user before the proof");
        let mailed = place.newest().await;
        let body = json!({"challenge": challenge, "code": mailed.code, "name": EVIL});
        for terms in [json!(null), json!(false)] {
            let mut body = body.clone();
            body["terms_accepted"] = terms;
            let refused = complete(&place, body).await;
            refused.is_problem(422, "validation_failed");
            assert_eq!(refused.json()["errors"][0]["field"], "terms_accepted");
        }
        let mut accepted = body.clone();
        accepted["terms_accepted"] = json!(true);
        let made = complete(&place, accepted).await;
        let user = made.is(201).json();
        assert_eq!((&user["login"], &user["name"]), (&json!("New@Example.org"), &json!(EVIL)));
        assert_eq!(
            (&user["email"], &user["email_verified"]),
            (&json!("New@Example.org"), &json!(true))
        );
        let tokens = Tokens::of(&place.server.try_login(NEW, PASSWORD).await);
        let me = place.server.get_as("/v1/me", &tokens.access).await.is(200).json();
        assert_eq!((&me["id"], &me["email_verified"]), (&user["id"], &json!(true)));
        // The next sign-up with the same address gets the mail that there is an account, and nothing else.
        begin(&place, NEW).await;
        place.recover(NEW).await;
        place.delivered().await;
        let mails = place.sink.received();
        assert_eq!(mails.len(), 3);
        assert!(mails.iter().all(|mail| !mail.data.contains("evil")), "{mails:?}");
        for (kind, detail) in [
            ("user.created", json!("registered")),
            ("terms.accepted", json!("https://example.com/terms")),
            ("email.changed", json!("verified")),
        ] {
            let events = place.server.events(&place.root, kind).await;
            let of_user = events.iter().find(|event| event["user_id"] == user["id"]);
            assert_eq!(of_user.unwrap()["detail"], detail, "{events:?}");
        }
    })
    .await;
}

/// Unverified claims of others to the address end with its verification: no pre-hijacking, no dead end.
#[tokio::test(flavor = "multi_thread")]
async fn a_proof_takes_the_address_from_unverified_claims() {
    on_both("sign-up: claims", async |backend| {
        let place = verified(backend, &[]).await;
        let claim = json!({"login": "eve", "password": PASSWORD, "email": NEW});
        let eve = place.admin(Method::POST, "/v1/admin/users", claim).await.is(201).string("id");
        let squatter = json!({"login": NEW, "password": "of the squatter"});
        place.admin(Method::POST, "/v1/admin/users", squatter).await.is(201);
        let challenge = begin(&place, NEW).await;
        let mailed = place.newest().await;
        // The other user keeps the login; another one is free.
        let taken = complete(&place, json!({"challenge": challenge, "code": mailed.code})).await;
        let next = taken.is_problem(409, "login_taken").string("challenge");
        complete(&place, json!({"challenge": next, "login": "vic"})).await.is(201);
        let path = format!("/v1/admin/users/{eve}");
        let claimed = place.admin(Method::GET, &path, json!(null)).await.is(200).json();
        assert!(claimed["email"].is_null(), "{claimed}");
        assert_eq!(place.server.try_login("vic", PASSWORD).await.status, 200);
        assert_eq!(place.server.try_login(NEW, "of the squatter").await.status, 200);
        // Mail to the address reaches the owner only.
        place.recover(NEW).await;
        assert_eq!(place.newest().await.to, NEW);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_was_verified_meanwhile_makes_no_second_account() {
    on_both("sign-up: taken meanwhile", async |backend| {
        let place = verified(backend, &[]).await;
        let challenge = begin(&place, NEW).await;
        let mailed = place.newest().await;
        place.user("ada", NEW).await;
        let body = json!({"challenge": challenge, "code": mailed.code, "login": "late"});
        complete(&place, body).await.is_problem(409, "email_taken");
        let body = json!({"token": mailed.link, "login": "late"});
        complete(&place, body).await.is_problem(409, "email_taken");
        assert_eq!(users(&place).await, 1);
        assert_eq!(place.server.try_login("late", PASSWORD).await.status, 401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_makes_an_account_where_it_is_opened() {
    on_both("sign-up: link", async |backend| {
        let place = verified(backend, &[]).await;
        begin(&place, NEW).await;
        let mailed = place.newest().await;
        // The endpoint for other links refuses it and names the right one.
        let other = place.redeem(&mailed.link, PASSWORD).await;
        other.is_problem(422, "validation_failed");
        assert!(other.text.contains("/v1/register/complete"), "{}", other.text);
        complete(&place, json!({"token": mailed.link, "login": "lovelace"})).await.is(201);
        assert_eq!(place.server.try_login("lovelace", PASSWORD).await.status, 200);
        let again = complete(&place, json!({"token": mailed.link, "login": "again"})).await;
        again.is_problem(404, "link_invalid");
        // A link for another purpose creates no account.
        place.user("ada", ADA).await;
        place.recover(ADA).await;
        let recovery = place.newest().await;
        let refused = complete(&place, json!({"token": recovery.link, "login": "x"})).await;
        refused.is_problem(404, "link_invalid");
    })
    .await;
}

/// The application's request for consent is kept.
#[tokio::test(flavor = "multi_thread")]
async fn open_registration_records_the_terms_that_were_accepted() {
    on_both("sign-up: terms where it is open", async |backend| {
        let settings =
            [("SIGNET_REGISTRATION", "open"), ("SIGNET_TERMS_URL", "https://example.com/terms")];
        let place = crate::support::mailed::MailingServer::with(backend, &settings).await;
        let register = async |login: &str, terms: serde_json::Value| {
            let body = json!({"login": login, "password": PASSWORD, "terms_accepted": terms});
            place.server.post("/v1/register", body).await
        };
        register("ada", json!(true)).await.is(201);
        register("bob", json!(null)).await.is(201);
        register("eve", json!(false)).await.is_problem(422, "validation_failed");
        let events = place.server.events(&place.root, "terms.accepted").await;
        assert_eq!(events.len(), 1, "{events:?}");
        let refused =
            complete(&place, json!({"challenge": "sch_AAAA", "terms_accepted": true})).await;
        refused.is_problem(403, "feature_disabled");
    })
    .await;
}

/// The address signs in as well, so it is refused as a password, whatever the login name is.
#[tokio::test(flavor = "multi_thread")]
async fn the_address_of_an_account_is_not_its_password() {
    on_both("sign-up: address as password", async |backend| {
        let place = verified(backend, &[]).await;
        let challenge = begin(&place, "adalovelace@example.org").await;
        let code = place.newest().await.code;
        let is_refused = |answer: &Answer, field: &str| {
            answer.is_problem(422, "weak_password");
            let error = &answer.json()["errors"][0];
            assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!("same_as_login")));
        };
        for password in ["AdaLovelace@Example.org", "adalovelace"] {
            let body =
                json!({"challenge": challenge, "code": code, "login": "ada", "password": password});
            is_refused(&complete(&place, body).await, "password");
        }
        let body = json!({"challenge": challenge, "code": code, "login": "ada"});
        complete(&place, body).await.is(201);
        let tokens = place.server.login("ada").await;
        let change =
            json!({"current_password": PASSWORD, "new_password": "adalovelace@example.org"});
        let changed =
            place.server.call_as(Method::POST, "/v1/password", &tokens.access, change).await;
        is_refused(&changed, "new_password");
    })
    .await;
}
