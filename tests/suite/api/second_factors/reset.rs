//! Removing factors: by their user, and by an administrator.

use std::sync::Arc;

use reqwest::Method;
use serde_json::{Value, json};
use signet::admin::master_key::{self, Rewrapped};
use signet::domain::request_info::RequestInfo;

use super::{place, place_with};
use crate::support::on_both;
use crate::support::second_factors::{Authenticator, log_in_with};
use crate::support::server::{Options, PASSWORD, Tokens};

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_factor_ends_every_other_session_and_lowers_this_one() {
    on_both("removed factor", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        let other = place.app.log_in(server, "tia").await;
        let own = place.app.log_in(server, "tia").await;
        let path = format!("/v1/factors/{}", place.app.factor);
        server.call_as(Method::DELETE, &path, &own.access, Value::Null).await.is(204);
        server.get_as("/v1/me", &other.access).await.is_problem(401, "invalid_token");
        server.get_as("/v1/me", &place.first.access).await.is_problem(401, "invalid_token");
        server.refresh(&other.refresh).await.is(401);
        server.get_as("/v1/me", &own.access).await.is(200);
        let next = Tokens::of(&server.refresh(&own.refresh).await);
        assert_eq!(next.claims()["amr"], json!(["pwd"]));
        assert_eq!(next.claims()["acr"], "urn:signet:acr:single");
        assert_eq!(next.claims()["sid"], own.claims()["sid"]);
        let listed = server.get_as("/v1/factors", &next.access).await.is(200).json();
        assert_eq!(listed, json!({"data": [], "recovery_codes_left": 0}));
        server.login("tia").await;
        log_in_with(server, "tia", &place.app.recovery_codes[0]).await.is(200);
        assert_eq!(place.events("factor.removed").await, 1);
        // Recovery codes replace a factor, and there is none.
        let path = "/v1/factors/recovery-codes";
        let refused = server.call_as(Method::POST, path, &next.access, Value::Null).await;
        refused.is_problem(409, "conflict");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_another_factor_left_the_account_still_asks_for_a_code() {
    on_both("one of two factors removed", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        let own = place.app.log_in(server, "tia").await;
        let second = Authenticator::enrol(server, &own).await;
        let path = format!("/v1/factors/{}", place.app.factor);
        server.call_as(Method::DELETE, &path, &own.access, Value::Null).await.is(204);
        server.try_login("tia", PASSWORD).await.is_problem(401, "mfa_required");
        let code = place.app.new_code(server);
        log_in_with(server, "tia", &code).await.is_problem(401, "mfa_failed");
        second.log_in(server, "tia").await;
        log_in_with(server, "tia", &place.app.recovery_codes[0]).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_removes_the_factors_of_a_user_and_ends_their_sessions() {
    on_both("reset of factors", async |backend| {
        let place = place(backend).await;
        let (server, root) = (&place.server, &place.root);
        let own = place.app.log_in(server, "tia").await;
        let path = format!("/v1/admin/users/{}/factors", place.tia);
        let listed = server.get_as(&path, &root.access).await.is(200).json();
        assert_eq!(listed["data"][0]["id"], json!(place.app.factor));
        assert!(listed["data"][0].get("secret").is_none());
        server.call_as(Method::DELETE, &path, &own.access, Value::Null).await.is(403);
        let one = format!("{path}/{}", own.claims()["sid"].as_str().unwrap());
        server.call_as(Method::DELETE, &one, &root.access, Value::Null).await.is(404);
        server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
        server.get_as("/v1/me", &own.access).await.is_problem(401, "invalid_token");
        assert_eq!(server.login("tia").await.claims()["amr"], json!(["pwd"]));
        // A second reset succeeds and ends nothing.
        let next = server.login("tia").await;
        server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
        server.get_as("/v1/me", &next.access).await.is(200);
        assert_eq!(place.events("factors.reset").await, 1);
        // One alone.
        let again = Authenticator::enrol(server, &next).await;
        let one = format!("{path}/{}", again.factor);
        server.call_as(Method::DELETE, &one, &root.access, Value::Null).await.is(204);
        server.get_as("/v1/me", &next.access).await.is_problem(401, "invalid_token");
        server.login("tia").await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_sealed_and_go_along_to_a_new_master_key() {
    on_both("sealed factors", async |backend| {
        use base64::Engine as _;
        let key = |byte: u8| base64::engine::general_purpose::URL_SAFE_NO_PAD.encode([byte; 32]);
        let options = Options::on(backend).with("SIGNET_MASTER_KEY", &key(1));
        let place = place_with(options).await;
        let mut reader = place.server.app.db.reader().await.unwrap();
        let user: signet::base::id::UserId = place.tia.parse().unwrap();
        let stored = signet::store::factors::of_user(&mut reader, user).await.unwrap();
        drop(reader);
        let sealed = stored[0].sealed.clone().unwrap();
        let secret = place.server.app.unseal_totp(user, stored[0].factor.id, &sealed).unwrap();
        assert!(!sealed.windows(20).any(|bytes| bytes == secret.bytes().as_slice()));
        // A secret that was sealed for another user cannot be opened.
        let other: signet::base::id::UserId =
            place.root.claims()["sub"].as_str().unwrap().parse().unwrap();
        assert!(place.server.app.unseal_totp(other, stored[0].factor.id, &sealed).is_err());
        let (url, dir, base) = (
            place.server.database_url.clone(),
            Arc::clone(&place.server.dir),
            place.server.base.clone(),
        );
        let app = place.app;
        drop(place.server);
        let start = async |new: &str, old: Option<&str>| {
            let mut options =
                Options::on(backend).with("SIGNET_MASTER_KEY", new).with("SIGNET_ISSUER", &base);
            if let Some(old) = old {
                options = options.with("SIGNET_MASTER_KEY_OLD", old);
            }
            if let Some(url) = &url {
                options = options.on_database(url);
            }
            options.start_in(Arc::clone(&dir)).await
        };
        let both = start(&key(2), Some(&key(1))).await;
        let work = master_key::rewrap(both.app.clone(), RequestInfo::cli(both.now()));
        assert_eq!(both.app.run_to_completion(work).await.unwrap(), Rewrapped::Done);
        drop(both);
        let after = start(&key(2), None).await;
        app.log_in(&after, "tia").await;
        log_in_with(&after, "tia", &app.recovery_codes[0]).await.is(200);
    })
    .await;
}
