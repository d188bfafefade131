//! Assurance levels at the provider: claims of tokens, and the requirements of requests, clients and policies.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::relying_party::{
    App, Landing, Person, REDIRECT_URI, error_of, field, id_token, param,
};
use crate::support::second_factors::Authenticator;
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

use super::{ACCESS_TOKEN, API, EXCHANGE};

const SINGLE: &str = "urn:signet:acr:single";
const MFA: &str = "urn:signet:acr:mfa";

/// A server with a client, and `tia`, who is to have an authenticator app.
struct Place {
    server: Server,
    root: Tokens,
    app: App,
}

async fn place(backend: Backend, client: Value) -> Place {
    place_with(Options::on(backend), client).await
}

async fn place_with(options: Options, mut client: Value) -> Place {
    let server = options.start().await;
    let root = server.administrator("root").await;
    server.register("tia").await;
    server.register("ada").await;
    client["type"] = json!("web");
    client["redirect_uris"] = json!([REDIRECT_URI]);
    client["skip_consent"] = json!(true);
    let app = App::register(&server, &root, client).await;
    Place { server, root, app }
}

impl Place {
    /// A browser in which `tia` has signed in with the password, before she enrols an app.
    async fn single(&self) -> (Person<'_>, Authenticator) {
        let tia = Person::new(&self.server, "tia");
        self.app.code(&tia, &[]).await;
        let session = self.server.login("tia").await;
        (tia, Authenticator::enrol(&self.server, &session).await)
    }

    async fn claims(&self, code: &str) -> Value {
        let tokens = self.app.redeem(&self.server, code).await.is(200).json();
        let claims = id_token(&self.server, &self.app, &tokens, Some("the nonce")).await;
        let access = tokens["access_token"].as_str().unwrap().to_owned();
        let access = Tokens { access, refresh: String::new() }.claims();
        for name in ["acr", "amr", "auth_time"] {
            assert_eq!(claims[name], access[name], "{name}");
        }
        claims
    }
}

#[track_caller]
fn page(landing: Landing) -> Answer {
    match landing {
        Landing::Page(page) => page,
        Landing::Callback(url) => panic!("{url}"),
    }
}

async fn verify(person: &Person<'_>, page: &Answer, code: &str) -> Answer {
    assert!(page.text.contains("/login/verify"), "{}", page.text);
    let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
    let fields = [("flow", &*flow), ("challenge", &*challenge), ("method", "totp"), ("code", code)];
    person.post("/login/verify", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_say_how_well_their_user_authenticated_and_a_refresh_changes_nothing() {
    on_both("acr of tokens", async |backend| {
        let place = place(backend, json!({})).await;
        let server = &place.server;
        let document = server.get("/.well-known/openid-configuration").await.json();
        assert_eq!(document["acr_values_supported"], json!([SINGLE, MFA, "phr"]));
        assert!(document["claims_supported"].as_array().unwrap().contains(&json!("acr")));
        let (tia, authenticator) = place.single().await;
        let asked = page(tia.visit(&place.app.url(&[("acr_values", MFA)])).await);
        let code = authenticator.new_code(server);
        let done = verify(&tia, &asked, &code).await;
        let code = tia.go_on(done).await.said("code");
        let first = place.app.redeem(server, &code).await.is(200).json();
        let said = |tokens: &Value| {
            let access = tokens["access_token"].as_str().unwrap().to_owned();
            let claims = Tokens { access, refresh: String::new() }.claims();
            ["acr", "amr", "auth_time"].map(|name| claims[name].clone())
        };
        let wanted = said(&first);
        assert_eq!(wanted[..2], [json!(MFA), json!(["pwd", "otp", "mfa"])]);
        let mut tokens = first;
        for _ in 0..20 {
            server.advance(TimeSpan::from_secs(60));
            let refresh = tokens["refresh_token"].as_str().unwrap();
            tokens = place.app.refresh(server, refresh).await.is(200).json();
            assert_eq!(said(&tokens), wanted);
        }
        let claims = id_token(server, &place.app, &tokens, None).await;
        assert_eq!((&claims["acr"], &claims["auth_time"]), (&wanted[0], &wanted[2]));
        for name in ["access_token", "refresh_token"] {
            let token = tokens[name].as_str().unwrap();
            let seen = place.app.call(server, "/oauth2/introspect", &[("token", token)]).await;
            let seen = seen.is(200).json();
            assert_eq!((&seen["acr"], &seen["auth_time"]), (&wanted[0], &wanted[2]), "{seen}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_exchanged_token_inherits_the_level() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("tia").await;
    let stock = "https://stock.example.com";
    for (api, scope) in [(API, "read"), (stock, "count")] {
        let api = json!({"identifier": api, "scopes": [scope]});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    let app = json!({"type": "web", "audiences": [API], "skip_consent": true});
    let app = App::register(&server, &root, app).await;
    let api = json!({"type": "service", "serves": [API], "audiences": [stock],
        "grant_types": [EXCHANGE]});
    let api = App::register(&server, &root, api).await;
    let session = server.login("tia").await;
    let authenticator = Authenticator::enrol(&server, &session).await;
    let tia = Person::new(&server, "tia");
    let asked = page(tia.visit(&app.url(&[("scope", "openid read")])).await);
    let code = authenticator.new_code(&server);
    let done = verify(&tia, &asked, &code).await;
    let code = tia.go_on(done).await.said("code");
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let fields = [
        ("grant_type", EXCHANGE),
        ("subject_token", tokens["access_token"].as_str().unwrap()),
        ("subject_token_type", ACCESS_TOKEN),
        ("audience", stock),
        ("scope", "count"),
    ];
    let exchanged = api.call(&server, "/oauth2/token", &fields).await;
    let access = exchanged.is(200).string("access_token");
    let claims = Tokens { access, refresh: String::new() }.claims();
    assert_eq!((&claims["acr"], &claims["amr"]), (&json!(MFA), &json!(["pwd", "otp", "mfa"])));
    assert!(claims["act"].is_object() && claims["auth_time"].is_i64(), "{claims}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_weak_sign_in_is_stepped_up_by_the_second_factor_alone() {
    on_both("step-up at the pages", async |backend| {
        let place = place(backend, json!({})).await;
        let server = &place.server;
        let (tia, authenticator) = place.single().await;
        let signed_in = server.now().secs();
        server.advance(TimeSpan::from_secs(100));
        // The sign-in satisfies a request without `acr_values`, and one for its own level.
        for wish in ["", SINGLE, "urn:example:unknown"] {
            let code = place.app.code(&tia, &[("acr_values", wish)]).await;
            assert_eq!(place.claims(&code).await["acr"], SINGLE, "{wish}");
        }
        let url = place.app.url(&[("acr_values", MFA)]);
        let asked = page(tia.visit(&url).await);
        assert!(!asked.text.contains(r#"name="password""#), "{}", asked.text);
        // A wrong code leaves the sign-in as it was.
        let wrong = authenticator.wrong_code(server);
        verify(&tia, &asked, &wrong).await.is(401);
        let code = place.app.code(&tia, &[]).await;
        assert_eq!(place.claims(&code).await["acr"], SINGLE);
        // The challenge is of this browser and this sign-in.
        let code = authenticator.new_code(server);
        let elsewhere = Person::new(server, "tia");
        elsewhere.get("/login").await;
        assert!([401, 403].contains(&verify(&elsewhere, &asked, &code).await.status));
        let done = verify(&tia, &asked, &code).await;
        let code = tia.go_on(done).await.said("code");
        let claims = place.claims(&code).await;
        assert_eq!(claims["acr"], MFA);
        assert_eq!(claims["auth_time"].as_i64().unwrap(), signed_in, "the password's");
        assert_eq!(server.events(&place.root, "login.stepped_up").await.len(), 1);
        // The sign-in is raised for every client, and no page is shown any more.
        let code = place.app.code(&tia, &[("acr_values", MFA), ("prompt", "none")]).await;
        assert_eq!(place.claims(&code).await["acr"], MFA);
        // Too old as well: both factors are required.
        let url = place.app.url(&[("acr_values", MFA), ("max_age", "0")]);
        let login = tia.get(&url).await;
        let answer = tia.log_in(&login, PASSWORD).await;
        let asked = tia.get(&tia.below_base(answer.is(303).header("location"))).await;
        let done = verify(&tia, &asked, &authenticator.new_code(server)).await;
        let code = tia.go_on(done).await.said("code");
        let claims = place.claims(&code).await;
        assert!(claims["auth_time"].as_i64().unwrap() > signed_in + 100);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_of_many_step_ups_by_one_challenge_wins() {
    on_both("race of a step-up", async |backend| {
        let place = place(backend, json!({})).await;
        let (tia, authenticator) = place.single().await;
        let asked = page(tia.visit(&place.app.url(&[("acr_values", MFA)])).await);
        let code = authenticator.new_code(&place.server);
        let answers = join_all((0..20).map(|_| verify(&tia, &asked, &code))).await;
        let won = answers.iter().filter(|answer| answer.status == 303).count();
        assert_eq!(won, 1, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
        assert_eq!(place.server.events(&place.root, "login.stepped_up").await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_of_a_sign_in_that_has_ended_opens_nothing() {
    on_both("step-up after sign-out", async |backend| {
        let place = place(backend, json!({})).await;
        let (tia, authenticator) = place.single().await;
        let asked = page(tia.visit(&place.app.url(&[("acr_values", MFA)])).await);
        let csrf = field(&tia.get("/account").await.text, "csrf");
        let account = tia.post("/logout", &[("csrf", &csrf)]).await;
        assert!(account.status < 400, "{}", account.text);
        let code = authenticator.new_code(&place.server);
        verify(&tia, &asked, &code).await.is(401);
        assert!(tia.get("/account").await.header("location").ends_with("/login"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unreachable_levels_are_refused_only_where_essential() {
    on_both("unmet levels", async |backend| {
        let place = place(backend, json!({})).await;
        let (tia, _authenticator) = place.single().await;
        let essential = |value: &str| {
            format!(r#"{{"id_token":{{"acr":{{"essential":true,"value":"{value}"}}}}}}"#)
        };
        let refused = async |person: &Person<'_>, more: &[(&str, &str)]| {
            person.visit(&place.app.url(more)).await.said("error")
        };
        // The account has no passkey, and the other values do not exist.
        for value in ["phr", "urn:example:unknown"] {
            let error = refused(&tia, &[("claims", &essential(value))]).await;
            assert_eq!(error, "unmet_authentication_requirements", "{value}");
        }
        let ada = Person::new(&place.server, "ada");
        place.app.code(&ada, &[]).await;
        let error = refused(&ada, &[("claims", &essential(MFA))]).await;
        assert_eq!(error, "unmet_authentication_requirements");
        // With `prompt=none` no page may be shown.
        for more in [[("acr_values", MFA)], [("claims", &*essential("phr"))]] {
            let error = refused(&tia, &[&more[..], &[("prompt", "none")]].concat()).await;
            assert_eq!(error, "login_required");
        }
        // A voluntary level that the account cannot reach is no failure: the response names the reached one.
        let code = place.app.code(&ada, &[("acr_values", MFA)]).await;
        assert_eq!(place.claims(&code).await["acr"], SINGLE);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_names_the_least_level_of_its_users() {
    on_both("min_acr", async |backend| {
        let place = place(backend, json!({"min_acr": MFA})).await;
        let server = &place.server;
        // Without a second factor, one is enrolled during the sign-in.
        let ada = Person::new(server, "ada");
        let enrol = page(ada.visit(&place.app.url(&[])).await);
        assert!(enrol.is(200).text.contains("Set up two-step sign-in"), "{}", enrol.text);
        assert!(!enrol.text.contains("Not now"), "{}", enrol.text);
        let silent = ada.visit(&place.app.url(&[("prompt", "none")])).await;
        assert_eq!(silent.said("error"), "login_required");
        // The API refuses unknown levels.
        let path = format!("/v1/admin/clients/{}", place.app.id);
        let change = async |level: Value| {
            let body = json!({ "min_acr": level });
            server.call_as(Method::PATCH, &path, &place.root.access, body).await
        };
        change(json!("mfa")).await.is_problem(422, "validation_failed");
        assert_eq!(change(json!("phr")).await.is(200).json()["min_acr"], "phr");
        let error = ada.visit(&place.app.url(&[])).await.said("error");
        assert_eq!(error, "unmet_authentication_requirements");
        assert!(change(Value::Null).await.is(200).json()["min_acr"].is_null());
        let code = place.app.code(&ada, &[]).await;
        assert_eq!(place.claims(&code).await["acr"], SINGLE);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_can_be_enrolled_a_strict_client_refuses() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_SECOND_FACTOR", "off");
    let place = place_with(options, json!({"min_acr": MFA})).await;
    let ada = Person::new(&place.server, "ada");
    let url = ada.visit(&place.app.url(&[])).await.callback();
    assert_eq!(param(&url, "error").as_deref(), Some("unmet_authentication_requirements"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_first_party_client_gets_no_code_without_a_second_factor() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let client = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
        "first_party": true, "min_acr": MFA});
    let app = App::register(&server, &root, client).await;
    let challenge = signet::crypto::digest::sha256_base64url(
        crate::support::relying_party::VERIFIER.as_bytes(),
    );
    let ask = async |more: &[(&str, &str)]| {
        let fields = [
            ("scope", "openid"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
            ("login", "ada"),
            ("password", PASSWORD),
        ];
        app.call(&server, "/oauth2/authorize-challenge", &[&fields[..], more].concat()).await
    };
    // An enrolment requires a page.
    let answer = ask(&[]).await;
    assert_eq!(error_of(&answer, 400), "redirect_to_web");
    assert!(answer.json()["request_uri"].is_string(), "{}", answer.text);
    let phr = r#"{"id_token":{"acr":{"essential":true,"value":"phr"}}}"#;
    let answer = ask(&[("claims", phr)]).await;
    assert_eq!(error_of(&answer, 400), "unmet_authentication_requirements");
    // The same client at /v1.
    let body = json!({"login": "ada", "password": PASSWORD, "client_id": app.id});
    let asked = server.post("/v1/login", body).await;
    asked.is_problem(401, "enrolment_required");
    let (authenticator, done) =
        Authenticator::enrol_at_login(&server, &asked.string("challenge")).await;
    assert_eq!(Tokens::of(&done).claims()["acr"], MFA);
    let code = authenticator.new_code(&server);
    let answer = ask(&[("code", &code)]).await;
    assert!(answer.is(200).json()["authorization_code"].is_string());
}
