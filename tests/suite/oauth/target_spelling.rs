//! A request may spell an API in another way than it is registered; tokens have the registered spelling.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::Timestamp;
use signet::domain::api::Api;
use signet::domain::scope::Scopes;
use signet::store::apis::{self, StoredApi};

use crate::support::relying_party::{App, Person, error_of, field, form};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

use super::{ACCESS_TOKEN, DEVICE, EXCHANGE};

const TOKEN: &str = "/oauth2/token";
/// The registered spelling; clients may vary a part of it.
const STOCK: &str = "https://Stock.example.com:443/V1/";
const API: &str = "https://api.example.com";
const URN: &str = "urn:orders";

async fn set(backend: Backend) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    for identifier in [STOCK, API, URN] {
        let api = json!({"identifier": identifier, "scopes": ["read"]});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    let client = json!({"type": "web", "audiences": [STOCK, API, URN], "serves": [API],
        "skip_consent": true, "grant_types": ["authorization_code", "refresh_token", DEVICE,
            "client_credentials", EXCHANGE]});
    let app = App::register(&server, &root, client).await;
    (server, root, app)
}

fn audience(tokens: &Value) -> Value {
    let access = tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}"));
    Tokens { access: access.to_owned(), refresh: String::new() }.claims()["aud"].clone()
}

/// Every way to name the API of a token, with the name of the way.
async fn every_way(
    server: &Server,
    root: &Tokens,
    app: &App,
    named: &str,
) -> Vec<(String, Answer)> {
    let mut answers = Vec::new();
    let ada = Person::new(server, "ada");
    for parameter in ["resource", "audience"] {
        let pushed = app.request(&[("client_id", ""), ("scope", "read"), (parameter, named)]);
        let pushed: Vec<(&str, &str)> = pushed.iter().map(|(n, v)| (&**n, &**v)).collect();
        let pushed = app.call(server, "/oauth2/par", &pushed).await;
        if pushed.status == 201 {
            let name = pushed.string("request_uri");
            let pairs = form([("client_id", &*app.id), ("request_uri", &*name)]);
            let code = ada.visit(&format!("/oauth2/authorize?{pairs}")).await.said("code");
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("code_verifier", crate::support::relying_party::VERIFIER),
                (parameter, named),
            ];
            let tokens = app.call(server, TOKEN, &fields).await;
            let refresh = tokens.is(200).string("refresh_token");
            let fields =
                [("grant_type", "refresh_token"), ("refresh_token", &*refresh), (parameter, named)];
            answers.push((format!("refresh {parameter}"), app.call(server, TOKEN, &fields).await));
            answers.push((format!("code {parameter}"), tokens));
        } else {
            answers.push((format!("pushed {parameter}"), pushed));
            let landed = ada.visit(&app.url(&[("scope", "read"), (parameter, named)])).await;
            assert_eq!(landed.said("error"), "invalid_target", "{named}");
        }
        let fields = [("grant_type", "client_credentials"), (parameter, named)];
        answers.push((format!("credentials {parameter}"), app.call(server, TOKEN, &fields).await));
        let fields = [("scope", "read"), (parameter, named)];
        let begun = app.call(server, "/oauth2/device_authorization", &fields).await;
        answers.push((format!("device {parameter}"), device(server, app, &ada, begun).await));

        let code = app.code(&ada, &[("scope", "read"), ("resource", API)]).await;
        let subject = app.redeem(server, &code).await.is(200).string("access_token");
        let fields = [
            ("grant_type", EXCHANGE),
            ("subject_token", &*subject),
            ("subject_token_type", ACCESS_TOKEN),
            (parameter, named),
        ];
        answers.push((format!("exchange {parameter}"), app.call(server, TOKEN, &fields).await));
    }
    let body = json!({"login": "ada", "password": PASSWORD, "audience": named});
    answers.push(("login".to_owned(), server.post("/v1/login", body).await));
    let users = server.get_as("/v1/admin/users?limit=200", &root.access).await.json();
    let id = users["data"][0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/admin/users/{id}/token-preview?{}", form([("audience", named)]));
    answers.push(("preview".to_owned(), server.get_as(&path, &root.access).await));
    answers
}

/// The tokens of a device, or the refusal of its request.
async fn device(server: &Server, app: &App, ada: &Person<'_>, begun: Answer) -> Answer {
    if begun.status != 200 {
        return begun;
    }
    let typed = begun.string("user_code");
    let page = ada.get(&format!("/device?user_code={typed}")).await;
    let flow = field(&page.is(200).text, "flow");
    let page = ada.post("/device", &[("flow", &flow), ("user_code", &typed)]).await;
    ada.go_on(page).await;
    let code = begun.string("device_code");
    app.call(server, TOKEN, &[("grant_type", DEVICE), ("device_code", &code)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn every_spelling_of_an_identifier_means_the_registered_api() {
    let (server, root, app) = set(Backend::Sqlite).await;
    for (named, registered) in [
        (STOCK, STOCK),
        ("https://stock.example.com/V1", STOCK),
        ("HTTPS://STOCK.EXAMPLE.COM:443/V1/", STOCK),
        ("https://api.example.com/", API),
        ("https://API.example.com:443", API),
        ("https://api.example.com:/", API),
        (URN, URN),
    ] {
        for (way, answer) in every_way(&server, &root, &app, named).await {
            let said = answer.is(200).json();
            let aud =
                if way == "preview" { said["claims"]["aud"].clone() } else { audience(&said) };
            assert_eq!(aud, registered, "{way} {named}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn other_identifiers_are_invalid_targets() {
    let (server, root, app) = set(Backend::Sqlite).await;
    for named in [
        "https://stock.example.com/v1/",
        "https://stock.example.com/V1///",
        "https://stock.example.com/V1/x",
        "https://stock.example.com/V1?x=1",
        "https://stock.example.com/%561/",
        "https://api.example.com#x",
        "https://api.example.com/#",
        "https://api.example.com//",
        "https://api.example.com/v1",
        "https://api.example.com./",
        "https://api.example.com:8443",
        "http://api.example.com",
        "https://user@api.example.com",
        "URN:orders",
        "urn:ORDERS",
        "urn:orders/",
    ] {
        for (way, answer) in every_way(&server, &root, &app, named).await {
            assert_eq!(answer.status, 400, "{way} {named}: {}", answer.text);
            let body = answer.json();
            let code = body["error"].as_str().or(body["code"].as_str()).unwrap().to_owned();
            assert_eq!(code, "invalid_target", "{way} {named}");
        }
    }
}

/// Two registered APIs whose identifiers are spellings of each other.
#[tokio::test(flavor = "multi_thread")]
async fn of_two_candidates_neither_is_meant_unless_named_exactly() {
    on_both("look-alike APIs", async |backend| {
        let (server, root, app) = set(backend).await;
        let twins = ["https://twin.example.com", "https://twin.example.com/"];
        let mut tx = server.app.db.begin().await.unwrap();
        for (number, identifier) in twins.iter().enumerate() {
            let api = Api::new(identifier, Scopes::parse("read").unwrap()).unwrap();
            let id = uuid::Uuid::from_u128(number as u128 + 1);
            let (created_at, name_since) = (server.now(), Timestamp::from_millis(0));
            let stored = StoredApi { id, api, secret: None, created_at, name_since };
            assert!(apis::insert(&mut tx, &stored).await.unwrap());
        }
        tx.commit().await.unwrap();
        server.app.reload_if_changed().await.unwrap();
        let path = format!("/v1/admin/clients/{}", app.id);
        let audiences = json!({"audiences": twins, "grant_types": ["client_credentials"]});
        server.call_as(Method::PATCH, &path, &root.access, audiences).await.is(200);
        let ask = async |named: &str| {
            let fields = [("grant_type", "client_credentials"), ("resource", named)];
            app.call(&server, TOKEN, &fields).await
        };
        for exact in twins {
            assert_eq!(audience(&ask(exact).await.is(200).json()), exact);
        }
        for either in ["https://TWIN.example.com", "https://twin.example.com:443/"] {
            assert_eq!(error_of(&ask(either).await, 400), "invalid_target", "{either}");
        }
        // A spelling that only one of them can have is not ambiguous.
        let only = ask("https://twin.example.com//").await.is(200).json();
        assert_eq!(audience(&only), "https://twin.example.com/");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_target_in_two_spellings_is_one_and_two_apis_are_two() {
    let (server, _, app) = set(Backend::Sqlite).await;
    let ask = async |targets: &[(&str, &str)]| {
        let fields = [&[("grant_type", "client_credentials")], targets].concat();
        app.call(&server, TOKEN, &fields).await
    };
    let both = [("resource", "https://api.example.com/"), ("audience", API)];
    assert_eq!(audience(&ask(&both).await.is(200).json()), API);
    let twice = [("resource", "https://API.example.com"), ("resource", "https://api.example.com/")];
    assert_eq!(audience(&ask(&twice).await.is(200).json()), API);
    let two = [("resource", "https://api.example.com/"), ("resource", STOCK)];
    assert_eq!(error_of(&ask(&two).await, 400), "invalid_target");
}

/// The issuer can be named too, and is the same target at every endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn the_issuer_is_named_in_every_spelling() {
    let (server, _, app) = set(Backend::Sqlite).await;
    let ada = Person::new(&server, "ada");
    for named in [
        server.base.clone(),
        format!("{}/", server.base),
        server.base.replace("http://", "HTTP://"),
    ] {
        let code = app.code(&ada, &[("scope", "openid"), ("resource", &named)]).await;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &*code),
            ("code_verifier", crate::support::relying_party::VERIFIER),
            ("resource", &*named),
        ];
        let tokens = app.call(&server, TOKEN, &fields).await.is(200).json();
        assert_eq!(audience(&tokens), server.base, "{named}");
        let refresh = tokens["refresh_token"].as_str().unwrap();
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", refresh), ("resource", &*named)];
        app.call(&server, TOKEN, &fields).await.is(200);
        // A client in its own name cannot get a token for the issuer.
        let fields = [("grant_type", "client_credentials"), ("resource", &*named)];
        let refused = app.call(&server, TOKEN, &fields).await;
        assert_eq!(error_of(&refused, 400), "invalid_target", "{named}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_api_is_registered_that_is_another_spelling_of_one() {
    on_both("look-alikes at registration", async |backend| {
        let (server, root, _) = set(backend).await;
        let create = async |identifier: &str| {
            let api = json!({ "identifier": identifier });
            server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await
        };
        for taken in [
            API,
            "https://api.example.com/",
            "https://API.example.com",
            "https://api.example.com:443",
            "HTTPS://api.example.com/",
            "https://stock.example.com/V1",
            "https://stock.example.com/V1/",
        ] {
            create(taken).await.is_problem(409, "conflict");
        }
        let issuer = server.base.replace("http://", "HTTP://");
        create(&issuer).await.is_problem(422, "validation_failed");
        for other in ["https://api.example.com/v1", "https://stock.example.com/v1", "URN:orders"] {
            create(other).await.is(201);
        }
        // Of concurrent registrations of one identifier in any spelling, one succeeds.
        for round in 0..3 {
            let spellings = [
                format!("https://race{round}.example.com"),
                format!("https://race{round}.example.com/"),
                format!("https://RACE{round}.example.com"),
                format!("https://race{round}.example.com:443/"),
            ];
            let tries = (0..20).map(|number| create(&spellings[number % 4]));
            let answers = futures_util::future::join_all(tries).await;
            let made = answers.iter().filter(|answer| answer.status == 201).count();
            let taken = answers.iter().filter(|answer| answer.status == 409).count();
            assert_eq!((made, taken), (1, 19), "round {round}");
        }
    })
    .await;
}
