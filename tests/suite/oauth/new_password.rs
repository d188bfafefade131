//! The page on which a password is replaced, inside every flow that begins with a sign-in, and the way to it from
//! the authorization challenge endpoint.

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::CONTENT_TYPE;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::digest::sha256_base64url;
use url::Url;

use crate::support::relying_party::{
    App, FORM, Landing, Person, VERIFIER, error_of, field, form, id_token, param,
};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

use super::DEVICE;

const NEW: &str = "known to ada alone";

struct Place {
    server: Server,
    root: Tokens,
    app: App,
    ada: String,
}

/// A server with a user whose password has to be replaced.
async fn place(backend: Backend) -> Place {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    let ada = server.register("ada").await;
    let client =
        json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"], "first_party": true});
    let app = App::register(&server, &root, client).await;
    let place = Place { server, root, app, ada };
    place.require().await;
    // Events of one moment have no order.
    place.server.advance(TimeSpan::from_secs(1));
    place
}

impl Place {
    async fn require(&self) {
        let path = format!("/v1/admin/users/{}/password", self.ada);
        let body = json!({ "password": PASSWORD });
        self.server.call_as(Method::POST, &path, &self.root.access, body).await.is(204);
    }

    async fn ask(&self, fields: &[(&str, &str)]) -> Answer {
        let challenge = sha256_base64url(VERIFIER.as_bytes());
        let mut all = vec![
            ("response_type", "code"),
            ("scope", "openid profile"),
            ("nonce", "the nonce"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
        ];
        all.extend_from_slice(fields);
        self.app.call(&self.server, "/oauth2/authorize-challenge", &all).await
    }
}

/// The page for a new password, reached from the sign-in page.
async fn asked(person: &Person<'_>, login: &Answer) -> Answer {
    let answer = person.log_in(login, PASSWORD).await;
    let to = answer.is(303).header("location").to_owned();
    assert!(to.starts_with("/login/password?flow="), "{to}");
    let page = person.get(&to).await;
    assert_eq!(page.is(200).header("cache-control"), "no-store");
    page
}

/// Submits the page.
async fn filled(person: &Person<'_>, page: &Answer, password: &str) -> Answer {
    let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
    let fields = [("flow", &*flow), ("challenge", &*challenge), ("new_password", password)];
    person.post("/login/password", &fields).await
}

fn page(landing: Landing) -> Answer {
    match landing {
        Landing::Page(page) => page,
        Landing::Callback(url) => panic!("{url}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_leads_on_to_the_application() {
    on_both("new password for a client", async |backend| {
        let place = place(backend).await;
        let old = Person::new(&place.server, "ada");
        let person = Person::new(&place.server, "ada");
        let login = person.get(&place.app.url(&[])).await;
        let shown = asked(&person, &login).await;
        assert!(shown.text.contains("App"), "{}", shown.text);
        assert!(shown.text.contains("autocomplete=\"new-password\""), "{}", shown.text);
        assert!(shown.text.contains("At least 8 characters"), "{}", shown.text);
        // No user is signed in yet, in this browser or any other.
        assert_eq!(person.cookie("signet_session"), None);
        assert_eq!(person.get("/account").await.header("location"), "/login");
        for (password, said) in [(PASSWORD, "current password"), ("short", "at least 8 characters")]
        {
            let refused = filled(&person, &shown, password).await;
            assert!(refused.is(422).text.contains(said), "{}", refused.text);
            assert!(!refused.text.contains(password), "{}", refused.text);
        }
        let answer = filled(&person, &shown, NEW).await;
        assert_eq!(answer.status, 303);
        let landing = person.go_on(answer).await;
        let code = landing.said("code");
        let tokens = place.app.redeem(&place.server, &code).await.is(200).json();
        let claims = id_token(&place.server, &place.app, &tokens, Some("the nonce")).await;
        assert_eq!((&claims["amr"], &claims["sub"]), (&json!(["pwd"]), &json!(place.ada)));
        // It can be submitted once.
        let again = filled(&person, &shown, "another one again").await;
        assert!(again.is(401).text.contains("was already sent"), "{}", again.text);
        assert!(again.text.contains("action=\"/oauth2/authorize\""), "{}", again.text);
        let login = old.get("/login").await;
        old.log_in(&login, PASSWORD).await.is(401);
        old.log_in(&login, NEW).await.is(303);
        let details = ["browser", "browser"];
        let first = place.server.events(&place.root, "login.first_factor").await;
        assert_eq!(first[0]["detail"], details[0]);
        let done = place.server.events(&place.root, "login.succeeded").await;
        assert_eq!(
            (&done[0]["detail"], &done[1]["detail"]),
            (&json!(details[0]), &json!(details[1]))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_leads_on_to_the_account_and_to_a_device() {
    on_both("new password elsewhere", async |backend| {
        let place = place(backend).await;
        let person = Person::new(&place.server, "ada");
        let login = person.get("/login").await;
        let shown = asked(&person, &login).await;
        assert!(shown.header("content-security-policy").contains("form-action 'self'"));
        let done = filled(&person, &shown, NEW).await;
        assert_eq!(done.is(303).header("location"), "/account");
        person.get("/account").await.is(200);

        // A password set by an administrator ends the sign-in at the pages as well.
        place.require().await;
        assert_eq!(person.get("/account").await.header("location"), "/login");
        let device = json!({"type": "native", "grant_types": [DEVICE], "name": "TV"});
        let device = App::register(&place.server, &place.root, device).await;
        let began =
            device.call(&place.server, "/oauth2/device_authorization", &[("scope", "openid")]);
        let began = began.await.is(200).json();
        let user_code = began["user_code"].as_str().unwrap();
        let typed = person.get("/device").await;
        let flow = field(&typed.text, "flow");
        let login = person.post("/device", &[("flow", &flow), ("user_code", user_code)]).await;
        let shown = asked(&person, &login).await;
        let answer = filled(&person, &shown, NEW).await;
        page(person.go_on(answer).await).is(200);
        let fields =
            [("grant_type", DEVICE), ("device_code", began["device_code"].as_str().unwrap())];
        device.call(&place.server, "/oauth2/token", &fields).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_of_the_pages_is_valid_in_its_browser_for_ten_minutes() {
    on_both("challenges of the pages", async |backend| {
        let place = place(backend).await;
        let person = Person::new(&place.server, "ada");
        let login = person.get(&place.app.url(&[])).await;
        let shown = asked(&person, &login).await;
        let challenge = field(&shown.text, "challenge");
        // Another browser, with a flow of its own.
        let thief = Person::new(&place.server, "ada");
        let own = field(&thief.get("/login").await.text, "flow");
        for sealed in [&*own, &*field(&shown.text, "flow")] {
            let fields = [("flow", sealed), ("challenge", &*challenge), ("new_password", NEW)];
            let refused = thief.post("/login/password", &fields).await;
            assert!(matches!(refused.status, 401 | 403), "{}", refused.text);
            let path = format!("/login/password?{}", form(fields[..2].iter().copied()));
            assert!(matches!(thief.get(&path).await.status, 401 | 403));
        }
        // Its challenge is refused at /v1, and one of /v1 is refused here.
        let body = json!({"challenge": challenge, "new_password": NEW});
        place.server.post("/v1/login/continue", body).await.is_problem(401, "challenge_invalid");
        let api = place.server.try_login("ada", PASSWORD).await.string("challenge");
        let flow = field(&shown.text, "flow");
        let fields = [("flow", &*flow), ("challenge", &*api), ("new_password", NEW)];
        person.post("/login/password", &fields).await.is(401);
        // Forms of a log-out are not accepted.
        place.server.advance(TimeSpan::from_secs(599));
        filled(&person, &shown, "short").await.is(422);
        place.server.advance(TimeSpan::from_secs(1));
        let over = filled(&person, &shown, NEW).await;
        assert!(over.is(401).text.contains("has expired"), "{}", over.text);
        assert!(over.text.contains("action=\"/oauth2/authorize\""), "{}", over.text);
        let path =
            format!("/login/password?{}", form([("flow", &*flow), ("challenge", &*challenge)]));
        person.get(&path).await.is(401);
        place.server.try_login("ada", NEW).await.is(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_submissions_of_the_page_one_wins() {
    on_both("submissions of a new password", async |backend| {
        let place = place(backend).await;
        let person = Person::new(&place.server, "ada");
        let login = person.get("/login").await;
        let shown = asked(&person, &login).await;
        let passwords: Vec<String> = (0..10).map(|number| format!("{NEW} {number}")).collect();
        let all = join_all(passwords.iter().map(|new| filled(&person, &shown, new))).await;
        let won: Vec<usize> = (0..10).filter(|number| all[*number].status == 303).collect();
        assert_eq!(won.len(), 1);
        for (number, answer) in all.iter().enumerate() {
            let status = if number == won[0] { 303 } else { 401 };
            assert_eq!(answer.status, status, "{}", answer.text);
            let status = if number == won[0] { 200 } else { 401 };
            place.server.try_login("ada", &passwords[number]).await.is(status);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_endpoint_sends_the_user_to_the_pages_once() {
    on_both("redirect to web", async |backend| {
        let place = place(backend).await;
        let typed = [("login", "ada"), ("password", PASSWORD), ("state", "the state")];
        let refused = place.ask(&typed).await;
        assert_eq!(error_of(&refused, 400), "redirect_to_web");
        let body = refused.json();
        assert_eq!(body["expires_in"], 90);
        assert!(
            body.get("auth_session").is_none() && body.get("authorization_code").is_none(),
            "{body}"
        );
        let first = place.server.events(&place.root, "login.first_factor").await;
        assert_eq!(first[0]["detail"], "authorize_challenge");
        let uri = body["request_uri"].as_str().unwrap();
        let url = format!(
            "/oauth2/authorize?{}",
            form([("client_id", &*place.app.id), ("request_uri", uri)])
        );
        let person = Person::new(&place.server, "ada");
        let login = person.get(&url).await;
        let shown = asked(&person, &login).await;
        let answer = filled(&person, &shown, NEW).await;
        let callback: Url = person.go_on(answer).await.callback();
        assert_eq!(param(&callback, "state").as_deref(), Some("the state"));
        let code = param(&callback, "code").unwrap();
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("redirect_uri", "http://127.0.0.1/cb"),
            ("code_verifier", VERIFIER),
        ];
        place.app.call(&place.server, "/oauth2/token", &fields).await.is(200);
        // One request gives one code.
        let again = page(person.visit(&url).await);
        again.is(409);
        // It is bound to this client.
        let other = App::register(&place.server, &place.root, json!({"type": "spa"})).await;
        let url = format!(
            "/oauth2/authorize?{}",
            form([("client_id", &*other.id), ("request_uri", uri)])
        );
        page(person.visit(&url).await).is(400);
        // From now on the endpoint returns a code without a page.
        let typed = [("login", "ada"), ("password", NEW)];
        place.ask(&typed).await.is(200);
    })
    .await;
}

/// A wrong password leads to no page and does not disclose that a change is required.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_right_password_tells_that_it_has_to_be_replaced() {
    on_both("wrong passwords of such users", async |backend| {
        let place = place(backend).await;
        let wrong = place.server.try_login("ada", "wrong password").await;
        let unknown = place.server.try_login("nobody", "wrong password").await;
        let without_id = |answer: &Answer| {
            let mut body = answer.is_problem(401, "invalid_credentials").json();
            body["request_id"] = Value::Null;
            body
        };
        assert_eq!(without_id(&wrong), without_id(&unknown));
        let denied = place.ask(&[("login", "ada"), ("password", "wrong password")]).await;
        assert_eq!(error_of(&denied, 400), "access_denied");
        let person = Person::new(&place.server, "ada");
        let login = person.get("/login").await;
        person.log_in(&login, "wrong password").await.is(401);
        // A form without the cookie of its browser changes nothing.
        let shown = asked(&person, &login).await;
        let (flow, challenge) = (field(&shown.text, "flow"), field(&shown.text, "challenge"));
        let body = form([("flow", &*flow), ("challenge", &*challenge), ("new_password", NEW)]);
        let request =
            place.server.request(Method::POST, "/login/password").header(CONTENT_TYPE, FORM);
        place.server.send(request.body(body)).await.is(403);
        place.server.try_login("ada", NEW).await.is(401);
    })
    .await;
}
