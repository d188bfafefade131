//! What the helpdesk may do: help users, and touch nothing of users with a role of Signet's own.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::user::Role;

use super::{Place, user_path};
use crate::support::on_both;
use crate::support::second_factors::Authenticator;
use crate::support::server::PASSWORD;

const SCOPES: &str = "signet:users signet:read";

/// The helpdesk cannot end, reset or change anything of an administrator, an auditor or another member, and gives
/// no user a role.
#[tokio::test(flavor = "multi_thread")]
async fn the_helpdesk_touches_no_user_with_a_role_of_signets_own() {
    on_both("helpdesk and administrators", async |backend| {
        let place = Place::on(backend).await;
        let hugo = place.administrator("hugo", Role::Helpdesk, SCOPES).await;
        for (login, role) in
            [("adam", Role::Admin), ("vera", Role::Auditor), ("hilda", Role::Helpdesk)]
        {
            let target = place.user(login, role, Some(PASSWORD)).await;
            let own = place.server.login(login).await;
            let sid = own.claims()["sid"].as_str().unwrap().to_owned();
            let path = user_path(target);
            for (method, path) in [
                (Method::POST, format!("{path}/unlock")),
                (Method::POST, format!("{path}/recovery")),
                (Method::DELETE, format!("{path}/factors")),
                (Method::DELETE, format!("/v1/admin/sessions?user_id={target}")),
                (Method::DELETE, format!("/v1/admin/sessions/{sid}")),
            ] {
                let refused = place.call(&hugo.access, method, &path, Value::Null).await;
                refused.is_problem(403, "forbidden");
                assert!(
                    refused.string("detail").contains("Signet's own roles"),
                    "{}",
                    refused.text
                );
            }
            place.server.get_as("/v1/me", &own.access).await.is(200);
            place.server.get_as(&path, &hugo.access).await.is(200);
        }
        let ada = place.user("ada", Role::User, Some(PASSWORD)).await;
        let path = user_path(ada);
        for (method, path, body) in [
            (Method::PATCH, path.clone(), json!({"role": "signet:helpdesk"})),
            (Method::PATCH, path.clone(), json!({"name": "Ada"})),
            (Method::POST, format!("{path}/password"), json!({"password": PASSWORD})),
            (Method::POST, format!("{path}/disable"), Value::Null),
            (Method::POST, format!("{path}/invite"), Value::Null),
            (Method::DELETE, path.clone(), Value::Null),
            (Method::POST, "/v1/admin/users".to_owned(), json!({"login": "eve"})),
        ] {
            place.call(&hugo.access, method, &path, body).await.is_problem(403, "forbidden");
        }
        let kinds =
            ["session.ended", "sessions.ended", "recovery.sent", "user.unlocked", "factors.reset"];
        for kind in kinds {
            assert!(place.events(kind).await.is_empty(), "{kind}");
        }
    })
    .await;
}

/// The helpdesk helps a user back in with a link that the user follows; it neither sets nor sees a password.
#[tokio::test(flavor = "multi_thread")]
async fn the_helpdesk_helps_a_user_with_a_link() {
    on_both("helpdesk and users", async |backend| {
        let place = Place::on(backend).await;
        let hugo = place.administrator("hugo", Role::Helpdesk, SCOPES).await;
        let ada = place.user("ada", Role::User, Some(PASSWORD)).await;
        let path = user_path(ada);
        place
            .call(&hugo.access, Method::POST, &format!("{path}/unlock"), Value::Null)
            .await
            .is(204);
        let recovery = format!("{path}/recovery");
        let sent = place.call(&hugo.access, Method::POST, &recovery, Value::Null).await;
        let sent = sent.is(200).json();
        assert!(sent["link"].as_str().unwrap().contains("/link/"));
        // The present password works until the user has chosen another one.
        let own = place.server.login("ada").await;
        let sid = own.claims()["sid"].as_str().unwrap().to_owned();
        let session = format!("/v1/admin/sessions/{sid}");
        place.call(&hugo.access, Method::DELETE, &session, Value::Null).await.is(204);
        place.server.get_as("/v1/me", &own.access).await.is(401);
        let event = place.events("recovery.sent").await.remove(0);
        assert_eq!(event["actor_id"], hugo.claims()["sub"]);
        assert_eq!(event["actor_client_id"], Value::Null);
    })
    .await;
}

/// A member of the helpdesk cannot reset both the password and the second factors of an account within a day, in
/// either order; an administrator can.
#[tokio::test(flavor = "multi_thread")]
async fn the_helpdesk_resets_password_or_factors_of_an_account_in_a_day() {
    on_both("helpdesk pause", async |backend| {
        let place = Place::on(backend).await;
        place.user("hugo", Role::Helpdesk, Some(PASSWORD)).await;
        for first_is_password in [true, false] {
            let login = if first_is_password { "ada" } else { "tia" };
            let user = place.user(login, Role::User, Some(PASSWORD)).await;
            let own = place.server.login(login).await;
            Authenticator::enrol(&place.server, &own).await;
            let recovery = (Method::POST, format!("{}/recovery", user_path(user)));
            let factors = (Method::DELETE, format!("{}/factors", user_path(user)));
            let (first, second) =
                if first_is_password { (recovery, factors) } else { (factors, recovery) };
            let call = async |access: &str, (method, path): &(Method, String)| {
                place.call(access, method.clone(), path, Value::Null).await
            };
            let hugo = place.log_in("hugo", SCOPES).await;
            assert!(call(&hugo.access, &first).await.status < 300);
            let refused = call(&hugo.access, &second).await;
            refused.is_problem(409, "conflict");
            assert!(refused.string("detail").contains("24 hours"), "{}", refused.text);
            place.server.advance(TimeSpan::from_secs(86_399));
            let hugo = place.log_in("hugo", SCOPES).await;
            call(&hugo.access, &second).await.is_problem(409, "conflict");
            place.server.advance(TimeSpan::from_secs(1));
            assert!(call(&hugo.access, &second).await.status < 300);
            let root = place.log_in("root", "signet:admin").await;
            assert!(call(&root.access, &first).await.status < 300, "an administrator may");
        }
    })
    .await;
}
