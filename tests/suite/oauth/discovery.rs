//! Discovery and the server agree: every listed feature works, and others are refused.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use crate::support::relying_party::{
    App, FORM, Landing, Person, REDIRECT_URI, VERIFIER, error_of, field, form, signed,
};
use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server};

use super::workload;

const DOCUMENT: &str = "/.well-known/openid-configuration";
const API: &str = "https://api.example.com";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

async fn set() -> (Server, Tokens, Value) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    let api = json!({"identifier": API, "scopes": ["read"]});
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    server.register("ada").await;
    let document = server.get(DOCUMENT).await.is(200).json();
    (server, root, document)
}

fn list(document: &Value, name: &str) -> Vec<String> {
    let values = document[name].as_array().unwrap_or_else(|| panic!("no list {name}"));
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_endpoint_is_there_and_both_documents_say_the_same() {
    let (server, _, document) = set().await;
    let other = server.get("/.well-known/oauth-authorization-server").await;
    assert_eq!(other.is(200).json(), document);
    let mut seen = 0;
    for (name, value) in document.as_object().unwrap() {
        if !name.ends_with("_endpoint") && name != "jwks_uri" {
            continue;
        }
        seen += 1;
        let path = value.as_str().unwrap().strip_prefix(&server.base).unwrap();
        let get = server.get(path).await.status;
        let post = server.request(Method::POST, path).header("content-type", FORM);
        let post = server.send(post.body(String::new())).await.status;
        assert!(get != 404 && post != 404 && get < 500 && post < 500, "{name}: {get} {post}");
        assert!(get != 405 || post != 405, "{name}");
    }
    assert!(seen >= 9, "{seen} endpoints");
    // Headers about the host of the request change nothing.
    for name in ["host", "x-forwarded-host", "forwarded", "x-forwarded-proto"] {
        let value = if name == "forwarded" { "host=evil.example" } else { "evil.example" };
        let request = server.request(Method::GET, DOCUMENT).header(name, value);
        assert_eq!(server.send(request).await.is(200).json(), document, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_metadata_matches_the_authorization_endpoint() {
    let (server, root, document) = set().await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    app.code(&ada, &[]).await;
    let modes = list(&document, "response_modes_supported");
    for mode in &modes {
        let landed = ada.visit(&app.url(&[("response_mode", mode)])).await;
        let code = match landed {
            Landing::Page(page) => field(&page.is(200).text, "code"),
            Landing::Callback(url) => {
                let answer = url.fragment().or(url.query()).unwrap();
                let mut pairs = url::form_urlencoded::parse(answer.as_bytes());
                pairs.find(|(name, _)| name == "code").unwrap().1.into_owned()
            }
        };
        app.redeem(&server, &code).await.is(200);
    }
    let prompts = list(&document, "prompt_values_supported");
    for prompt in &prompts {
        server.advance(TimeSpan::from_secs(1));
        ada.visit(&app.url(&[("prompt", "none")])).await.said("code");
        let page = ada.get(&app.url(&[("prompt", prompt)])).await;
        let asks = |action: &str| page.text.contains(&format!(r#"action="{action}""#));
        match prompt.as_str() {
            "none" => assert_eq!(page.status, 303),
            "login" | "select_account" => assert!(asks("/login"), "{}", page.text),
            "create" => {
                let to = page.is(303).header("location");
                assert!(to.contains("/signup?"), "{to}");
            }
            "consent" => assert!(asks("/consent"), "{}", page.text),
            other => panic!("nothing here tries prompt={other}"),
        }
    }
    let methods = list(&document, "code_challenge_methods_supported");
    assert_eq!(methods, ["S256"]);
    assert_eq!(list(&document, "response_types_supported"), ["code"]);
    for (name, values) in [
        ("response_mode", &["jwt", "query.jwt", "form_post.jwt", "web_message", "QUERY"][..]),
        ("prompt", &["CREATE", "NONE", "login_required"]),
        ("code_challenge_method", &["plain", "s256", "S512"]),
    ] {
        for value in values {
            assert!(!modes.iter().chain(&prompts).chain(&methods).any(|known| known == value));
            let landed = ada.visit(&app.url(&[(name, value)])).await;
            assert_eq!(landed.said("error"), "invalid_request", "{name}={value}");
        }
    }
    // Each listed scope can be granted, and no others.
    let scopes = list(&document, "scopes_supported");
    for scope in &scopes {
        let asked = format!("openid {scope}");
        let code = app.code(&ada, &[("scope", &asked)]).await;
        let given = app.redeem(&server, &code).await.is(200).string("scope");
        assert!(given.split(' ').any(|known| known == scope), "{scope}: {given}");
    }
    for scope in ["address", "phone"] {
        assert!(!scopes.iter().any(|known| known == scope));
    }
    let ours = list(&document, "ui_locales_supported");
    for language in &ours {
        let page = Person::new(&server, "ada").get(&app.url(&[("ui_locales", language)])).await;
        assert!(page.is(200).text.contains(&format!(r#"lang="{language}""#)), "{language}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_grant_gives_a_token_and_no_other_does() {
    let (server, root, document) = set().await;
    let all = list(&document, "grant_types_supported");
    let web = json!({"type": "web", "audiences": [API], "grant_types": all});
    let app = App::register(&server, &root, web).await;
    let ada = Person::new(&server, "ada");
    let mut tokens = Value::Null;
    for grant in &all {
        let ask = async |fields: &[(&str, &str)]| {
            let fields = [&[("grant_type", &**grant)], fields].concat();
            app.call(&server, "/oauth2/token", &fields).await
        };
        let answer = match grant.as_str() {
            "authorization_code" => {
                let code = app.code(&ada, &[("scope", "openid read")]).await;
                let (to, proof) = (("redirect_uri", REDIRECT_URI), ("code_verifier", VERIFIER));
                let answer = ask(&[("code", &*code), to, proof]).await;
                tokens = answer.json();
                answer
            }
            "refresh_token" => {
                let fresh = app.tokens(&server, &ada).await;
                ask(&[("refresh_token", fresh["refresh_token"].as_str().unwrap())]).await
            }
            "client_credentials" => ask(&[]).await,
            DEVICE => {
                let path = "/oauth2/device_authorization";
                let begun = app.call(&server, path, &[("scope", "openid")]).await;
                allow(&ada, &begun.is(200).string("user_code")).await;
                ask(&[("device_code", &*begun.string("device_code"))]).await
            }
            EXCHANGE => {
                let kind = "urn:ietf:params:oauth:token-type:access_token";
                let access = tokens["access_token"].as_str().unwrap();
                ask(&[("subject_token", access), ("subject_token_type", kind)]).await
            }
            BEARER => by_workload(&server, &root).await,
            other => panic!("nothing here tries {other}"),
        };
        assert_eq!(answer.is(200).json()["token_type"], "Bearer", "{grant}");
    }
    // Never: they would issue passwords or put tokens in addresses, or are not names of grants.
    let never = ["password", "implicit", "Authorization_Code", "device_code"];
    assert!(!all.iter().any(|known| never.contains(&&**known)), "{all:?}");
    let standard = [
        "urn:ietf:params:oauth:grant-type:jwt-bearer",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
        "urn:openid:params:grant-type:ciba",
    ];
    let unknown = standard.into_iter().filter(|grant| !all.iter().any(|known| known == grant));
    for grant in never.into_iter().chain(unknown) {
        let answer = app.call(&server, "/oauth2/token", &[("grant_type", grant)]).await;
        assert_eq!(error_of(&answer, 400), "unsupported_grant_type", "{grant}");
    }
}

/// The response to a workload of a trusted issuer.
async fn by_workload(server: &Server, root: &Tokens) -> Answer {
    let key = workload::key();
    for (path, body) in [
        (
            "/v1/admin/trusted-issuers",
            json!({"name": "ci", "issuer": "https://ci.example", "jwks": workload::keys(&key)}),
        ),
        (
            "/v1/admin/clients",
            json!({"client_id": "job", "name": "Job", "type": "service", "audiences": [API],
                "token_endpoint_auth_method": "private_key_jwt", "grant_types": [BEARER],
                "workloads": ["ci: sub=job"]}),
        ),
    ] {
        server.call_as(Method::POST, path, &root.access, body).await.is(201);
    }
    let now = server.now().secs();
    let claims = json!({"iss": "https://ci.example", "sub": "job", "aud": server.base, "jti": "1",
        "iat": now, "exp": now + 60});
    let assertion = signed(&key, &workload::header(), &claims);
    let body = form([("grant_type", BEARER), ("assertion", &*assertion)]);
    let request = server.request(Method::POST, "/oauth2/token").header("content-type", FORM);
    server.send(request.body(body)).await
}

/// A user enters the code and allows it.
async fn allow(person: &Person<'_>, user_code: &str) {
    let page = person.get(&format!("/device?user_code={user_code}")).await;
    let flow = field(&page.is(200).text, "flow");
    let page = person.post("/device", &[("flow", &flow), ("user_code", user_code)]).await;
    person.decide(&page, "allow").await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_authenticate_in_the_ways_that_are_named() {
    let (server, root, document) = set().await;
    let key = SigningKey::generate(SigningAlg::Es256).unwrap().key;
    let all = list(&document, "token_endpoint_auth_methods_supported");
    let at =
        |endpoint: &str| list(&document, &format!("{endpoint}_endpoint_auth_methods_supported"));
    for method in &all {
        let public = method == "none";
        let mut client = json!({"type": if public { "spa" } else { "web" },
            "token_endpoint_auth_method": method});
        if method == "private_key_jwt" {
            client["jwks"] = json!({"keys": [key.public]});
        }
        let app = App::register(&server, &root, client).await;
        for endpoint in ["introspection", "revocation"] {
            let url = document[format!("{endpoint}_endpoint")].as_str().unwrap();
            let path = url.strip_prefix(&server.base).unwrap();
            let answer = send(&server, &app, &key, method, path).await;
            let named = at(endpoint).contains(method);
            assert_eq!(answer.status, if named { 200 } else { 401 }, "{method} at {endpoint}");
        }
    }
    for method in ["client_secret_jwt", "tls_client_auth", "self_signed_tls_client_auth", "None"] {
        assert!(!all.iter().any(|known| known == method));
        let body = json!({"type": "web", "name": "App", "redirect_uris": [REDIRECT_URI],
            "token_endpoint_auth_method": method});
        let answer = server.call_as(Method::POST, "/v1/admin/clients", &root.access, body).await;
        assert!((400..=422).contains(&answer.status), "{method}: {}", answer.text);
        assert!(answer.text.contains("token_endpoint_auth_method"), "{}", answer.text);
    }
}

/// A request with an unknown token, by a client that authenticates by `method`.
async fn send(server: &Server, app: &App, key: &SigningKey, method: &str, path: &str) -> Answer {
    if matches!(method, "client_secret_basic" | "none") {
        return app.call(server, path, &[("token", "x")]).await;
    }
    let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
    let assertion = crate::support::relying_party::signed(
        key,
        &json!({"alg": "ES256"}),
        &json!({"iss": app.id, "sub": app.id, "aud": server.base, "jti": path,
            "exp": server.now().secs() + 60}),
    );
    let secret = app.secret.clone().unwrap_or_default();
    let fields = match method {
        "client_secret_post" => vec![("client_id", &*app.id), ("client_secret", &*secret)],
        "private_key_jwt" => {
            vec![("client_assertion_type", kind), ("client_assertion", &*assertion)]
        }
        other => panic!("nothing here tries {other}"),
    };
    let fields = [&[("token", "x")], &*fields].concat();
    let request = server.request(Method::POST, path).header("content-type", FORM);
    server.send(request.body(form(fields))).await
}

/// Each algorithm in the list signs an ID token, and a new one is listed at once.
#[tokio::test(flavor = "multi_thread")]
async fn id_tokens_are_signed_with_what_is_named() {
    let (server, root, _) = set().await;
    let ada = Person::new(&server, "ada");
    for alg in SigningAlg::ALL {
        let client = json!({"type": "web", "skip_consent": true,
            "id_token_signed_response_alg": alg.as_str()});
        let app = App::register(&server, &root, client).await;
        let named =
            list(&server.get(DOCUMENT).await.json(), "id_token_signing_alg_values_supported");
        assert_eq!(named[0], "RS256");
        assert!(named.contains(&alg.as_str().to_owned()), "{named:?}");
        let tokens = app.tokens(&server, &ada).await;
        let header = jsonwebtoken::decode_header(tokens["id_token"].as_str().unwrap()).unwrap();
        let jwks = server.get("/.well-known/jwks.json").await.json();
        let keys = jwks["keys"].as_array().unwrap();
        let by = keys.iter().find(|key| key["kid"] == json!(header.kid)).unwrap();
        assert_eq!(by["alg"], alg.as_str());
        // The public keys contain no private members.
        for private in ["d", "p", "q", "dp", "dq", "qi", "k", "oth"] {
            assert!(keys.iter().all(|key| key.get(private).is_none()), "{private}");
        }
    }
    for alg in ["none", "HS256", "RS1", "es256"] {
        let body = json!({"type": "web", "name": "App", "redirect_uris": [REDIRECT_URI],
            "id_token_signed_response_alg": alg});
        let answer = server.call_as(Method::POST, "/v1/admin/clients", &root.access, body).await;
        assert!((400..=422).contains(&answer.status), "{alg}: {}", answer.text);
        assert!(answer.text.contains("id_token_signed_response_alg"), "{}", answer.text);
    }
}

/// Discovery lists exactly the claims of ID tokens and userinfo, and none of access tokens alone.
#[tokio::test(flavor = "multi_thread")]
async fn the_claims_of_id_tokens_and_userinfo_are_named_and_no_others() {
    let (server, root, document) = set().await;
    let named = list(&document, "claims_supported");
    let app = App::register(&server, &root, json!({"type": "web", "audiences": [API]})).await;
    let own = server.login("ada").await;
    let name = json!({"name": "Ada"});
    server.call_as(Method::PATCH, "/v1/me", &own.access, name).await.is(200);
    let path = format!("/v1/admin/users/{}", own.claims()["sub"].as_str().unwrap());
    let email = json!({"email": "ada@x.org", "email_verified": true});
    server.call_as(Method::PATCH, &path, &root.access, email).await.is(200);
    let ada = Person::new(&server, "ada");
    let more = [
        ("scope", "openid profile email roles groups read"),
        ("claims", r#"{"id_token":{"name":null,"roles":null}}"#),
    ];
    let code = app.code(&ada, &more).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let read = |name: &str| {
        let access = tokens[name].as_str().unwrap().to_owned();
        Tokens { access, refresh: String::new() }.claims()
    };
    let info = server.get_as("/oauth2/userinfo", tokens["access_token"].as_str().unwrap()).await;
    let mut told = BTreeSet::new();
    for claims in [read("id_token"), info.is(200).json()] {
        told.extend(claims.as_object().unwrap().keys().cloned());
    }
    assert_eq!(told, named.iter().cloned().collect());
    assert_eq!(told.len(), named.len(), "a claim is named twice");
    for of_access_tokens in ["jti", "client_id", "scope", "act", "cnf", "azp"] {
        assert!(!told.contains(of_access_tokens), "{of_access_tokens}");
    }
}
