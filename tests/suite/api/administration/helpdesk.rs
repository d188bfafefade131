//! The rights of the helpdesk: it helps users, and cannot change users with a role of Signet's own.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::user::Role;

use super::{Place, user_path};
use crate::support::second_factors::Authenticator;
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, on_both};

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

/// The helpdesk sends a user a recovery link; it neither sets nor sees a password.
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
        // The current password is valid until the user has chosen another one.
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

/// A server with rate limits, behind a proxy that reports addresses.
async fn limited(backend: Backend) -> Place {
    let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
    Place::with(options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32")).await
}

async fn log_in_from(place: &Place, address: &str, login: &str, password: &str) -> Answer {
    let request = place.server.request(Method::POST, "/v1/login");
    let body = json!({"login": login, "password": password});
    place.server.send(request.header("x-forwarded-for", address).json(&body)).await
}

/// An explanation for an unknown login discloses whether that text was entered as a login. A caller without the full
/// right may ask thirty times, then once in ten seconds; each such request is an event; and only callers who may read
/// the audit trail see the addresses of attempts.
#[tokio::test(flavor = "multi_thread")]
async fn questions_about_unknown_logins_are_limited_and_recorded() {
    on_both("questions about logins", async |backend| {
        let place = limited(backend).await;
        let hugo = place.administrator("hugo", Role::Helpdesk, "signet:users").await;
        log_in_from(&place, "192.0.2.9", "hunter2", PASSWORD).await.is(401);
        let ask = async |access: &str| {
            place.server.get_as("/v1/admin/users/why?login=hunter2", access).await
        };
        let told = ask(&hugo.access).await;
        assert!(told.is(200).text.contains("It was tried once"), "{}", told.text);
        assert!(!told.text.contains("192.0.2"), "{}", told.text);
        assert_eq!(told.json()["failures"][0]["address"], Value::Null);
        for _ in 1..30 {
            ask(&hugo.access).await.is(200);
        }
        let refused = ask(&hugo.access).await;
        refused.is_problem(429, "too_many_attempts");
        assert!(!refused.header("retry-after").is_empty());
        let events = place.events("login.explained").await;
        assert_eq!(events.len(), 30);
        assert!(events.iter().all(|event| event["actor_id"] == hugo.claims()["sub"]));
        assert!(!events.iter().any(|event| event.to_string().contains("hunter2")));
        for _ in 0..31 {
            let told = ask(&place.root.access).await;
            assert_eq!(told.is(200).json()["failures"][0]["address"], "192.0.2.9");
            assert!(told.text.contains("It was tried once"), "a question is no attempt");
        }
        // Requests about existing users leave no event.
        place.server.get_as("/v1/admin/users/why?login=hugo", &place.root.access).await.is(200);
        assert_eq!(place.events("login.explained").await.len(), 61);
    })
    .await;
}

/// The helpdesk can unlock a network for a user only if attempts at that account from it are counted, or if it refused
/// this user and the user has signed in from it before: otherwise it could unlock a network that attacks other
/// accounts. A full administrator can.
#[tokio::test(flavor = "multi_thread")]
async fn the_helpdesk_unlocks_networks_that_concern_the_user() {
    on_both("helpdesk and networks", async |backend| {
        let place = limited(backend).await;
        let hugo = place.administrator("hugo", Role::Helpdesk, "signet:users").await;
        let ada = place.user("ada", Role::User, Some(PASSWORD)).await;
        let eva = place.user("eva", Role::User, Some(PASSWORD)).await;
        let [path, of_eva] = [ada, eva].map(|id| format!("{}/unlock", user_path(id)));
        log_in_from(&place, "192.0.2.9", "ada", PASSWORD).await.is(200);
        for login in ["bob", "eve", "joe"] {
            for _ in 0..20 {
                log_in_from(&place, "192.0.2.9", login, "wrong password").await.is(401);
            }
        }
        let unlock = async |access: &str| {
            place.call(access, Method::POST, &path, json!({"network": "192.0.2.9"})).await
        };
        let refused = unlock(&hugo.access).await;
        refused.is_problem(409, "conflict");
        assert!(refused.string("detail").contains("192.0.2.9"), "{}", refused.text);
        log_in_from(&place, "192.0.2.9", "bob", PASSWORD).await.is(429);
        assert!(place.events("user.unlocked").await.is_empty());
        // A network that attacks is refused for every account, and its attempts unlock none.
        log_in_from(&place, "192.0.2.9", "eva", PASSWORD).await.is(429);
        let other = json!({"network": "192.0.2.9"});
        place.call(&hugo.access, Method::POST, &of_eva, other).await.is(409);
        log_in_from(&place, "192.0.2.9", "bob", PASSWORD).await.is(429);
        // Users who were refused where they sign in from can be unlocked.
        log_in_from(&place, "192.0.2.9", "ada", PASSWORD).await.is(429);
        unlock(&hugo.access).await.is(204);
        log_in_from(&place, "192.0.2.9", "ada", PASSWORD).await.is(200);
        // Counted attempts at the account are cleared, and those at other accounts are kept.
        log_in_from(&place, "198.51.100.7", "ada", "wrong password").await.is(401);
        let body = json!({"network": "198.51.100.7"});
        place.call(&hugo.access, Method::POST, &path, body.clone()).await.is(204);
        place.call(&hugo.access, Method::POST, &path, body.clone()).await.is(409);
        place.call(&place.root.access, Method::POST, &path, body).await.is(204);
        // A network is the unit of counting: one IPv4 address, or the /64 of an IPv6 address.
        for network in ["0.0.0.0/0", "192.0.2.0/24", "2001:db8::/32", "192.0.2.9/64", "::/0", "x"] {
            let refused =
                place.call(&place.root.access, Method::POST, &path, json!({ "network": network }));
            let refused = refused.await;
            assert_eq!(refused.is(422).json()["errors"][0]["field"], "network", "{network}");
        }
        for network in ["192.0.2.9/32", "2001:db8::7", "2001:db8::/64"] {
            let body = json!({ "network": network });
            place.call(&place.root.access, Method::POST, &path, body).await.is(204);
        }
    })
    .await;
}
