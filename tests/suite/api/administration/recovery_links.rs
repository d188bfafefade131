//! Recovery links of administrators and the helpdesk: their recipients, and when they become invalid.

use reqwest::Method;
use serde_json::{Value, json};
use signet::domain::user::Role;

use super::{Place, USERS, user_path};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::server::{PASSWORD, Tokens};

const NEW_PASSWORD: &str = "plaid sofa under rain";

/// The token of a link in a response.
fn token_of(link: &Value) -> String {
    link.as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

/// A link from before its user got one of Signet's roles is invalid: its holder cannot gain the role, and the password
/// is kept. Application roles do not invalidate links.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_of_signets_own_voids_links_that_were_handed_over_before() {
    on_both("links and roles", async |backend| {
        let place = Place::on(backend).await;
        let hugo = place.administrator("hugo", Role::Helpdesk, "signet:users signet:read").await;
        let link_for = async |access: &str, login: &str| {
            let user = place.user(login, Role::User, Some(PASSWORD)).await;
            let path = format!("{}/recovery", user_path(user));
            let sent = place.call(access, Method::POST, &path, Value::Null).await;
            (user, token_of(&sent.is(200).json()["link"]))
        };
        let redeem = async |token: &str| {
            let body = json!({"token": token, "new_password": NEW_PASSWORD});
            place.server.post("/v1/link", body).await
        };
        for role in ["admin", "signet:auditor", "signet:helpdesk"] {
            let login = format!("new-{}", role.trim_start_matches("signet:"));
            let (user, token) = link_for(&hugo.access, &login).await;
            let body = json!({ "role": role });
            place.call(&place.root.access, Method::PATCH, &user_path(user), body).await.is(200);
            let refused = redeem(&token).await;
            assert!((400..500).contains(&refused.status), "{role}: {}", refused.text);
            place.server.try_login(&login, NEW_PASSWORD).await.is(401);
            place.server.try_login(&login, PASSWORD).await.is(200);
        }
        let (user, token) = link_for(&hugo.access, "ada").await;
        let body = json!({"roles": ["support"]});
        place.call(&place.root.access, Method::PATCH, &user_path(user), body).await.is(200);
        redeem(&token).await.is(204);
        place.server.try_login("ada", NEW_PASSWORD).await.is(200);
    })
    .await;
}

/// With mail, the helpdesk never sees a link: for a user without a verified address the request is refused and creates
/// none. An administrator gets the link.
#[tokio::test(flavor = "multi_thread")]
async fn the_helpdesk_is_shown_no_link_where_mail_is_on() {
    on_both("links and mail", async |backend| {
        let place = MailingServer::start(backend).await;
        let body = json!({"login": "hugo", "password": PASSWORD, "role": "signet:helpdesk"});
        place.admin(Method::POST, USERS, body).await.is(201);
        let body = json!({"login": "hugo", "password": PASSWORD, "scope": "signet:users"});
        let first = place.server.post("/v1/login", body).await;
        let hugo = if first.status == 200 {
            Tokens::of(&first)
        } else {
            let challenge = first.is_problem(401, "password_change_required").string("challenge");
            let changed = place.proceed(&challenge, json!({"new_password": NEW_PASSWORD})).await;
            Tokens::of(&changed)
        };
        let user =
            async |body: Value| place.admin(Method::POST, USERS, body).await.is(201).string("id");
        let none = user(json!({"login": "none", "password": PASSWORD})).await;
        let unverified = json!({"login": "odd", "password": PASSWORD, "email": "odd@example.org"});
        let unverified = user(unverified).await;
        for id in [&none, &unverified] {
            let path = format!("{USERS}/{id}/recovery");
            let refused =
                place.server.call_as(Method::POST, &path, &hugo.access, Value::Null).await;
            refused.is_problem(409, "conflict");
            assert!(!refused.text.contains("/link/"), "{}", refused.text);
        }
        assert!(place.server.events(&place.root, "recovery.sent").await.is_empty());
        assert_eq!(place.all().await, []);
        let ada = place.user("ada", "ada@example.org").await;
        let path = format!("{USERS}/{ada}/recovery");
        let sent = place.server.call_as(Method::POST, &path, &hugo.access, Value::Null).await;
        assert!(!sent.is(200).text.contains("/link/"), "{}", sent.text);
        assert_eq!(place.newest().await.to, "ada@example.org");
        let path = format!("{USERS}/{none}/recovery");
        let shown = place.admin(Method::POST, &path, Value::Null).await;
        assert!(shown.is(200).text.contains("/link/"), "{}", shown.text);
    })
    .await;
}
