//! The right to change a target is asked in the transaction that changes it.

use futures_util::future::{join, join_all};
use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::user::Role;

use super::{Place, client_path, user_path};
use crate::support::on_both;

const ROUNDS: usize = 8;
const AT_ONCE: usize = 6;

/// While a user is given a role, a client with a narrow scope deletes the user: either the user is gone before, or has
/// the role and stays. Never both.
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

/// The same of a client that is made first-party meanwhile.
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
