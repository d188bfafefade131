//! Users delete their own accounts: removed data, notices, and remaining data.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::base::id::UserId;
use signet::fetch_all;

use super::{ADA, delete_as, patch_as};
use crate::support::mailed::MailingServer;
use crate::support::relying_party::{App, Person};
use crate::support::second_factors::Authenticator;
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::software_authenticator::SoftwareAuthenticator;
use crate::support::{Server, on_both};

/// How many rows of each table belong to a user.
async fn rows_of(server: &Server, user: &str) -> Vec<(String, i64)> {
    let mut reader = server.app.db.reader().await.unwrap();
    let user: UserId = user.parse().unwrap();
    let rows = fetch_all!(
        &mut reader,
        (String, i64),
        "SELECT 'sessions', count(*) FROM sessions WHERE user_id = $1 \
         UNION ALL SELECT 'browser_sessions', count(*) FROM browser_sessions WHERE user_id = $1 \
         UNION ALL SELECT 'consents', count(*) FROM consents WHERE user_id = $1 \
         UNION ALL SELECT 'codes', count(*) FROM authorization_codes WHERE user_id = $1 \
         UNION ALL SELECT 'factors', count(*) FROM factors WHERE user_id = $1 \
         UNION ALL SELECT 'recovery_codes', count(*) FROM recovery_codes WHERE user_id = $1 \
         UNION ALL SELECT 'mailed_codes', count(*) FROM mailed_codes WHERE user_id = $1 \
         UNION ALL SELECT 'mails', count(*) FROM mails WHERE user_id = $1 \
         UNION ALL SELECT 'email_owners', count(*) FROM email_owners WHERE user_id = $1 \
         UNION ALL SELECT 'former_logins', count(*) FROM former_logins WHERE user_id = $1",
        user
    );
    rows.unwrap()
}

/// The number of pending log-out notices of a user.
async fn notices_of(server: &Server, user: &str) -> i64 {
    let mut reader = server.app.db.reader().await.unwrap();
    let user: UserId = user.parse().unwrap();
    let rows = fetch_all!(
        &mut reader,
        (i64,),
        "SELECT count(*) FROM logout_notices WHERE user_id = $1",
        user
    );
    rows.unwrap()[0].0
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_of_the_user_goes_and_name_and_address_are_free() {
    on_both("deletion: everything", async |backend| {
        let place = MailingServer::start(backend).await;
        let server = &place.server;
        let id = place.user("ada", ADA).await;
        let client = json!({"type": "spa", "backchannel_logout_uri": "http://127.0.0.1:9/"});
        let app = App::register(server, &place.root, client).await;
        let person = Person::new(server, "ada");
        let of_client = app.tokens(server, &person).await;
        let code_under_way = app.code(&person, &[]).await;
        let first = server.login("ada").await;
        let device = Authenticator::enrol(server, &first).await;
        let tokens = device.log_in(server, "ada").await;
        let change = json!({"email": "lovelace@example.net"});
        server.call_as(Method::PUT, "/v1/email", &tokens.access, change).await.is(202);
        let change = place.newest().await;
        place.recover(ADA).await;
        let recovery = place.newest().await;

        let before = rows_of(server, &id).await;
        let has = |table: &str| before.iter().any(|(name, rows)| name == table && *rows > 0);
        for table in
            ["sessions", "browser_sessions", "consents", "codes", "factors", "mailed_codes"]
        {
            assert!(has(table), "{table}: {before:?}");
        }
        // Only the login name of the account confirms it, in any spelling.
        for typed in ["", "bob", ADA] {
            let refused = delete_as(server, &tokens, typed).await;
            let refused = refused.is_problem(422, "validation_failed").json();
            let error = &refused["errors"][0];
            assert_eq!(
                (&error["field"], &error["code"]),
                (&json!("login"), &json!("not_confirmed"))
            );
        }
        delete_as(server, &tokens, "ADA").await.is(204);

        for access in [&tokens.access, &first.access] {
            server.get_as("/v1/me", access).await.is_problem(401, "invalid_token");
        }
        for refresh in [&tokens.refresh, &first.refresh] {
            assert_eq!(server.refresh(refresh).await.status, 401);
        }
        app.refresh(server, of_client["refresh_token"].as_str().unwrap_or_default()).await.is(400);
        app.redeem(server, &code_under_way).await.is(400);
        assert!(person.get("/account").await.is(303).header("location").ends_with("/login"));
        for link in [&change.link, &recovery.link] {
            assert_eq!(place.redeem(link, "another fine one").await.code(), "link_invalid");
        }
        let (gone, unknown) =
            (server.try_login("ada", PASSWORD).await, server.try_login("eve", PASSWORD).await);
        assert_eq!((gone.status, gone.code()), (unknown.status, unknown.code()));

        let left = rows_of(server, &id).await;
        assert_eq!(left.len(), 10);
        assert!(left.iter().all(|(_, rows)| *rows == 0), "{left:?}");
        // Notices are written in the transaction that ended the sessions.
        assert!(notices_of(server, &id).await >= 1);
        let subjects = place.sent_to(ADA).await;
        assert_eq!(subjects.last().unwrap().1, "Your account was deleted", "{subjects:?}");

        // The audit trail keeps the id, and neither name nor address.
        let answer = server
            .get_as(&format!("/v1/admin/audit?user_id={id}&limit=200"), &place.root.access)
            .await;
        let events = answer.is(200).json()["data"].as_array().unwrap().clone();
        let deleted = events.iter().find(|event| event["kind"] == "user.deleted").unwrap();
        assert_eq!((&deleted["actor_id"], &deleted["user_id"]), (&json!(id), &json!(id)));
        assert!(!answer.text.contains(ADA) && !answer.text.contains("\"ada\""), "{}", answer.text);

        let again = place.user("ada", ADA).await;
        assert_ne!(again, id);
        let tokens = server.login("ada").await;
        assert_eq!(tokens.claims()["sub"], json!(again));
        let history = server.get_as("/v1/me/history", &tokens.access).await.is(200).json();
        assert_eq!(history["data"].as_array().unwrap().len(), 1);
        for refresh in [&first.refresh] {
            assert_eq!(server.refresh(refresh).await.status, 401, "of the user before");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_needs_a_fresh_authentication() {
    on_both("deletion: fresh authentication", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let tokens = server.login("ada").await;
        server.advance(TimeSpan::from_secs(301));
        let answer = delete_as(&server, &tokens, "ada").await;
        answer.is_problem(401, "reauthentication_required");
        assert!(answer.header("www-authenticate").contains("max_age=\"300\""), "{answer:?}");
        let tokens = server.login("ada").await;
        let device = Authenticator::enrol(&server, &tokens).await;
        delete_as(&server, &tokens, "ada").await.is_problem(401, "reauthentication_required");
        let tokens = device.log_in(&server, "ada").await;
        for body in
            [Value::Null, json!({}), json!({"login": 1}), json!({"login": "ada", "sure": true})]
        {
            let refused = server.call_as(Method::DELETE, "/v1/me", &tokens.access, body).await;
            assert!([415, 422].contains(&refused.status), "{refused:?}");
        }
        delete_as(&server, &tokens, "ada").await.is(204);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_passkey_of_a_deleted_user_is_an_unknown_credential() {
    on_both("deletion: passkey", async |backend| {
        let issuer = "https://id.example.com";
        let server = Options::on(backend).with("SIGNET_ISSUER", issuer).start().await;
        server.register("pia").await;
        let tokens = server.login("pia").await;
        let mut passkey = SoftwareAuthenticator::new(issuer);
        let path = "/v1/factors/passkeys/options";
        let begun =
            server.call_as(Method::POST, path, &tokens.access, Value::Null).await.is(200).json();
        let credential = passkey.create(&begun["public_key"]);
        let body = json!({"challenge": begun["challenge"], "credential": credential});
        server.call_as(Method::POST, "/v1/factors/passkeys", &tokens.access, body).await.is(201);
        let sign_in = async |passkey: &mut SoftwareAuthenticator| {
            let begun = server.post("/v1/login/passkey", json!({})).await.is(200).json();
            let credential = passkey.get(&begun["public_key"]);
            let body = json!({"challenge": begun["challenge"], "credential": credential});
            server.post("/v1/login/continue", body).await
        };
        let tokens = Tokens::of(&sign_in(&mut passkey).await);
        delete_as(&server, &tokens, "pia").await.is(204);
        sign_in(&mut passkey).await.is_problem(401, "mfa_failed");
        // Nor does it sign in to the account of the next user with the name.
        server.register("pia").await;
        sign_in(&mut passkey).await.is_problem(401, "mfa_failed");
    })
    .await;
}

/// Otherwise an attacker could sign in from their own network to an account with a login that they had before,
/// without a mail about a new network.
#[tokio::test(flavor = "multi_thread")]
async fn the_networks_of_a_deleted_user_are_not_known_to_the_next_one_of_the_name() {
    on_both("deletion: known networks", async |backend| {
        let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
        let server = options.with("SIGNET_LOGIN_CHANGE", "on").start().await;
        let known = async || {
            let mut reader = server.app.db.reader().await.unwrap();
            let rows = fetch_all!(&mut reader, (i64,), "SELECT count(*) FROM known_networks");
            rows.unwrap()[0].0
        };
        server.register("bob").await;
        server.login("bob").await;
        let others = known().await;
        server.register("ada").await;
        let tokens = server.login("ada").await;
        assert_eq!(known().await, others + 1);
        // Also of the previous name, which the deletion releases as well.
        patch_as(&server, &tokens, json!({"login": "lovelace"})).await.is(200);
        assert_eq!(known().await, others + 2);
        delete_as(&server, &tokens, "lovelace").await.is(204);
        assert_eq!(known().await, others);
    })
    .await;
}
