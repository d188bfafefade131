//! The right to change a target is checked in the transaction of the change.

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::user::Role;

use super::{Place, client_path, user_path};
use crate::support::on_both;
use crate::support::second_factors::Authenticator;
use crate::support::server::PASSWORD;

const ROUNDS: usize = 8;
const AT_ONCE: usize = 6;

/// While a user gets a role, a client with a narrow scope deletes the user: either the user was deleted before, or has
/// the role and stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_target_that_gets_a_role_meanwhile_is_protected() {
    on_both("role meanwhile", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.service("bot", &["signet:users"]).await;
        let access = place.service_token("bot", &secret, "signet:users").await;
        for round in 0..ROUNDS {
            let user = place.user(&format!("user{round}"), Role::User, None).await;
            let path = user_path(user);
            let body = json!({"role": "signet:helpdesk"});
            let promote = place.call(&place.root.access, Method::PATCH, &path, body);
            let deletes =
                (0..AT_ONCE).map(|_| place.call(&access, Method::DELETE, &path, Value::Null));
            let (promoted, deleted) = join(promote, join_all(deletes)).await;
            let gone = deleted.iter().filter(|answer| answer.status == 204).count();
            let kept = promoted.status == 200;
            assert_eq!(usize::from(kept) + gone, 1, "promoted {} deleted {gone}", promoted.status);
            let there = place.server.get_as(&path, &place.root.access).await.status;
            assert_eq!(there, if kept { 200 } else { 404 });
        }
    })
    .await;
}

/// The same for a client that becomes first-party meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_becomes_first_party_meanwhile_is_protected() {
    on_both("first-party meanwhile", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.service("bot", &["signet:clients"]).await;
        let access = place.service_token("bot", &secret, "signet:clients").await;
        for round in 0..ROUNDS {
            let id = format!("shop{round}");
            let body = json!({"client_id": id, "name": "Shop", "type": "web",
                "redirect_uris": ["https://shop.example/cb"]});
            place.call(&place.root.access, Method::POST, "/v1/admin/clients", body).await.is(201);
            let path = client_path(&id);
            let protect = json!({"first_party": true});
            let protect = place.call(&place.root.access, Method::PATCH, &path, protect);
            let deletes =
                (0..AT_ONCE).map(|_| place.call(&access, Method::DELETE, &path, Value::Null));
            let (protected, deleted) = join(protect, join_all(deletes)).await;
            let gone = deleted.iter().filter(|answer| answer.status == 204).count();
            let kept = protected.status == 200;
            assert_eq!(
                usize::from(kept) + gone,
                1,
                "protected {} deleted {gone}",
                protected.status
            );
        }
    })
    .await;
}

/// The helpdesk concurrently requests a new password and the removal of second factors of one account: exactly one of
/// them is done.
#[tokio::test(flavor = "multi_thread")]
async fn password_and_factors_are_not_both_reset_at_once() {
    on_both("helpdesk at once", async |backend| {
        let place = Place::on(backend).await;
        let hugo = place.administrator("hugo", Role::Helpdesk, "signet:users").await;
        for round in 0..ROUNDS / 2 {
            let login = format!("user{round}");
            let path = user_path(place.user(&login, Role::User, Some(PASSWORD)).await);
            Authenticator::enrol(&place.server, &place.server.login(&login).await).await;
            let (recovery, factors) = (format!("{path}/recovery"), format!("{path}/factors"));
            let call = async |method, path| {
                place.call(&hugo.access, method, path, Value::Null).await.status
            };
            let (recovered, removed) = join(
                join_all((0..AT_ONCE).map(|_| call(Method::POST, &recovery))),
                join_all((0..AT_ONCE).map(|_| call(Method::DELETE, &factors))),
            )
            .await;
            let did = |statuses: &[u16]| statuses.iter().any(|status| *status < 300);
            assert!(did(&recovered) != did(&removed), "{recovered:?} {removed:?}");
            let all = recovered.iter().chain(&removed);
            assert!(all.clone().all(|status| *status < 300 || *status == 409), "{all:?}");
        }
    })
    .await;
}

/// A client has at most 32 keys, also with concurrent creations.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_no_more_than_32_keys() {
    on_both("keys at once", async |backend| {
        let place = Place::on(backend).await;
        place.service("bot", &["signet:users"]).await;
        let path = format!("{}/keys", client_path("bot"));
        let make = async || {
            let body = json!({"name": "Key", "scopes": ["signet:users"], "expires_in": 3600});
            place.call(&place.root.access, Method::POST, &path, body).await
        };
        for _ in 0..30 {
            make().await.is(201);
        }
        let answers = join_all((0..8).map(|_| make())).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 2);
        for refused in answers.iter().filter(|answer| answer.status != 201) {
            refused.is_problem(409, "conflict");
        }
        assert_eq!(place.events("admin_key.created").await.len(), 32);
    })
    .await;
}
