//! Signing in by a verified e-mail address: the same account, the same limits, and the same responses without
//! such an account.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::domain::audit::{Origin, Via};
use signet::domain::password::Password;
use signet::domain::request_info::RequestInfo;
use signet::identity::login::{LoginRequest, RequestedAccess, login};
use signet::identity::register::register;
use signet::identity::sign_up::{AccountForm, Terms};
use signet::store::db::counted;

use super::email::Place;
use crate::support::relying_party::{App, Person, field};
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Backend, on_both};

async fn sub(place: &Place, typed: &str, password: &str) -> String {
    let tokens = Tokens::of(&place.server.try_login(typed, password).await);
    tokens.claims()["sub"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verified_address_signs_its_owner_in_everywhere() {
    on_both("sign-in by address", async |backend| {
        let place = Place::on(backend).await;
        let ada = place.user("ada").await;
        place.patch(&ada, json!({"email": "ada@x.org"})).await.is(200);
        place.server.try_login("ada@x.org", PASSWORD).await.is_problem(401, "invalid_credentials");
        place.patch(&ada, json!({"email_verified": true})).await.is(200);
        for typed in ["ada", "ada@x.org", "ADA@X.ORG", " ada@x.org ", "ada\u{ff20}x.org"] {
            assert_eq!(sub(&place, typed, PASSWORD).await, ada, "{typed}");
        }
        place.server.try_login("ada@x.org", "wrong password").await.is(401);
        let app = App::register(&place.server, &place.root, json!({"type": "web"})).await;
        let person = Person::new(&place.server, "ada@x.org");
        let code = app.code(&person, &[("login_hint", "ada@x.org")]).await;
        let tokens = app.redeem(&place.server, &code).await.is(200).json();
        let access = tokens["access_token"].as_str().unwrap();
        let info = place.server.get_as("/oauth2/userinfo", access).await.is(200).json();
        assert_eq!((&info["sub"], &info["preferred_username"]), (&json!(ada), &json!("ada")));
        let native = json!({"type": "native", "first_party": true,
            "redirect_uris": ["http://127.0.0.1/cb"]});
        let native = App::register(&place.server, &place.root, native).await;
        let request = native.request(&[
            ("client_id", ""),
            ("state", ""),
            ("login", "ada@x.org"),
            ("password", PASSWORD),
        ]);
        let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
        let answer = native.call(&place.server, "/oauth2/authorize-challenge", &fields).await;
        assert!(!answer.is(200).string("authorization_code").is_empty());
        place.patch(&ada, json!({"email": "ada@y.org", "email_verified": true})).await.is(200);
        place.server.try_login("ada@x.org", PASSWORD).await.is_problem(401, "invalid_credentials");
        assert_eq!(sub(&place, "ada@y.org", PASSWORD).await, ada);
    })
    .await;
}

/// Another user has the login that is the address of a user.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_looks_like_an_address_is_not_that_address() {
    on_both("two namespaces", async |backend| {
        let place = Place::on(backend).await;
        let body = json!({"login": "vic@x.org", "password": "a password of a stranger"});
        let stranger = place.server.post("/v1/register", body).await.is(201).string("id");
        let vic = place.user("vic").await;
        // That does not prevent Vic from verifying the address, and the other user stays the same.
        place.verify(&vic, "vic@x.org").await.is(200);
        assert_eq!(sub(&place, "vic@x.org", "a password of a stranger").await, stranger);
        place.server.try_login("vic@x.org", PASSWORD).await.is_problem(401, "invalid_credentials");
        assert_eq!(sub(&place, "vic", PASSWORD).await, vic);
        assert_eq!(place.email(&stranger).await, (json!(null), json!(false)));
        place.verify(&stranger, "vic@x.org").await.is_problem(409, "email_taken");
        // A new login must not be refused for an address, nor an address for a login.
        place.user("ada").await;
        let eve = place.user("eve").await;
        place.verify(&eve, "ada@y.org").await.is(200);
        assert!(!place.user("ada@y.org").await.is_empty());
    })
    .await;
}

/// Registration discloses which logins exist, and no addresses.
#[tokio::test(flavor = "multi_thread")]
async fn open_registration_tells_logins_and_no_addresses() {
    on_both("registration of an address", async |backend| {
        let place = Place::on(backend).await;
        let vic = place.user("vic").await;
        place.verify(&vic, "vic@x.org").await.is(200);
        let off = place.user("off").await;
        place.verify(&off, "off@x.org").await.is(200);
        let path = format!("/v1/admin/users/{off}/disable");
        place.server.call_as(Method::POST, &path, &place.root.access, json!(null)).await.is(200);
        let eve = place.user("eve").await;
        place.patch(&eve, json!({"email": "eve@x.org"})).await.is(200);
        // Verified, of a disabled user, claimed, of no user.
        let all = ["vic@x.org", "off@x.org", "eve@x.org", "new@x.org"];
        let mut seen = Vec::new();
        let mut statements = Vec::new();
        for login in all {
            let form = AccountForm {
                login: Some(login.to_owned()),
                password: "a password of a stranger".to_owned(),
                name: None,
                terms: Terms::NotAsked,
            };
            let info = RequestInfo::system(place.server.now());
            let (made, count) = counted(register(place.server.app.clone(), form, info)).await;
            let user = made.unwrap();
            statements.push(count);
            seen.push((user.login.len(), user.name, user.email.is_none()));
        }
        assert!(seen.iter().all(|shape| *shape == seen[0]), "{seen:?}");
        assert!(statements.iter().all(|count| *count == statements[0]), "{statements:?}");
        // Over HTTP and at the page as well; an existing login is disclosed.
        let body = |login: &str| json!({"login": login, "password": "a password of a stranger"});
        place.server.post("/v1/register", body("VIC@x.org")).await.is_problem(409, "login_taken");
        let ada = place.user("ada").await;
        place.verify(&ada, "ada@x.org").await.is(200);
        place.server.post("/v1/register", body("ada@x.org")).await.is(201);
        let bob = place.user("bob").await;
        place.verify(&bob, "bob@x.org").await.is(200);
        for (login, status) in [("bob@x.org", 303), ("bob@x.org", 409)] {
            let stranger = Person::new(&place.server, "stranger");
            place.server.advance(TimeSpan::from_secs(3));
            let flow = field(&stranger.get("/signup").await.is(200).text, "flow");
            place.server.advance(TimeSpan::from_secs(3));
            let fields = [("flow", &*flow), ("login", login), ("password", PASSWORD)];
            stranger.post("/signup", &fields).await.is(status);
        }
        // The owner of the address continues with the login name, and keeps the address.
        assert_eq!(sub(&place, "vic", PASSWORD).await, vic);
        assert_eq!(place.email(&vic).await, (json!("vic@x.org"), json!(true)));
        place.server.try_login("vic@x.org", PASSWORD).await.is_problem(401, "invalid_credentials");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_by_address_and_by_login_use_up_one_limit() {
    on_both("one limit", async |backend| {
        let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
        let place = Place::around(options.start().await).await;
        let ada = place.user("ada").await;
        place.verify(&ada, "ada@x.org").await.is(200);
        for n in 0..20 {
            let typed = ["ada", "ada@x.org", "Ada@X.org", "ADA"][n % 4];
            place.server.try_login(typed, "wrong password").await.is(401);
        }
        for typed in ["ada", "ada@x.org"] {
            place.server.try_login(typed, PASSWORD).await.is_problem(429, "too_many_attempts");
        }
        // An address without an owner is limited in the same way.
        for _ in 0..20 {
            place.server.try_login("eve@x.org", "wrong password").await.is(401);
        }
        let refused = place.server.try_login("eve@x.org", "wrong password").await;
        refused.is_problem(429, "too_many_attempts");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn known_and_unknown_addresses_run_the_same_statements() {
    on_both("statements of a sign-in", async |backend| {
        let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
        let place = Place::around(options.start().await).await;
        let ada = place.user("ada").await;
        place.verify(&ada, "ada@x.org").await.is(200);
        let bob = place.user("bob").await;
        place.patch(&bob, json!({"email": "bob@x.org"})).await.is(200);
        place.user("eve@x.org").await;
        let statements = async |typed: &str| {
            let attempt = LoginRequest {
                code: None,
                login: typed.to_owned(),
                password: Password::for_verification("wrong password").unwrap(),
                asked: RequestedAccess::default(),
            };
            let origin =
                Origin { address: "192.0.2.1".parse().ok(), via: Via::Http, ..Origin::system() };
            let info = RequestInfo::without_device(origin, place.server.now());
            let (refused, statements) =
                counted(login(place.server.app.clone(), attempt, info)).await;
            assert!(refused.is_err());
            statements
        };
        // The first attempt of a network reads its standing, which is cached.
        statements("anyone").await;
        let by_name = statements("ada").await;
        assert_eq!(statements("nobody").await, by_name);
        // Owned, claimed and unverified, a login, or unknown: one statement decides.
        for typed in ["ada@x.org", "bob@x.org", "eve@x.org", "nobody@x.org"] {
            assert_eq!(statements(typed).await, by_name + 1, "{typed}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_answers_to_known_and_unknown_addresses_are_the_same() {
    let place = Place::on(Backend::Sqlite).await;
    let ada = place.user("ada").await;
    place.verify(&ada, "ada@x.org").await.is(200);
    let mut seen = Vec::new();
    for typed in ["ada@x.org", "nobody@x.org"] {
        let answer = place.server.try_login(typed, "wrong password").await;
        let mut body = answer.is(401).json();
        body.as_object_mut().unwrap().retain(|name, _| name != "request_id" && name != "instance");
        seen.push(body);
    }
    assert_eq!(seen[0], seen[1]);
    // Both leave one event of the same kind. That of the owner is in the history of the account.
    let events = place.server.events(&place.root, "login.failed").await;
    assert_eq!(events.len(), 2);
    let mut users: Vec<_> = events.iter().map(|event| event["user_id"].as_str()).collect();
    users.sort_unstable();
    assert_eq!(users, [None, Some(&*ada)], "{events:?}");
}
