//! What somebody with an account, a client or an API of their own could try to get more than theirs.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::jwt::SigningKey;
use signet::domain::rate_limit::{
    ADDRESS_CLIENTS, ADDRESS_PROOFS, ADDRESS_REQUESTS, ADDRESS_USER_CODES, Bucket,
};
use signet::domain::signing_key::SigningAlg;
use signet::store::consents;

use crate::support::relying_party::signed;
use crate::support::relying_party::{App, FORM, Person, basic, error_of, field, form, id_token};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server};

const API: &str = "https://api.example.com";
const STOCK: &str = "https://stock.example.com";

async fn set() -> (Server, Tokens) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    server.register("mallory").await;
    for (api, scopes) in [(API, json!(["read", "write"])), (STOCK, json!(["read", "count"]))] {
        let api = json!({"identifier": api, "scopes": scopes});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    (server, root)
}

/// Any page can send a browser to the place where one logs out; none logs anybody out by it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_logged_out_by_somebody_elses_page() {
    let (server, root) = set().await;
    let bye = "https://app.example.com/bye";
    let app = json!({"type": "spa", "post_logout_redirect_uris": [bye]});
    let app = App::register(&server, &root, app).await;
    let mallory = Person::new(&server, "mallory");
    let tokens = app.tokens(&server, &mallory).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let ada = Person::new(&server, "ada");
    app.code(&ada, &[]).await;
    let silent = app.url(&[("prompt", "none")]);

    // With an ID token of one's own: it is not of whoever is logged in here, so that one is asked.
    let pairs = [("id_token_hint", hint), ("post_logout_redirect_uri", bye)];
    let page = ada.get(&format!("/oauth2/logout?{}", form(pairs))).await;
    assert!(page.is(200).text.contains(r#"value="allow""#), "{}", page.text);
    assert_eq!((page.header("set-cookie"), page.header("location")), ("", ""));
    ada.visit(&silent).await.said("code");
    mallory.visit(&silent).await.said("code");

    // A form from another site comes without cookies: what it did not show is not taken away.
    let post = |pairs: &[(&str, &str)]| {
        let request = server.request(Method::POST, "/oauth2/logout").header("content-type", FORM);
        request.header("sec-fetch-site", "cross-site").body(form(pairs.iter().copied()))
    };
    let answer = server.send(post(&[("state", "x")])).await;
    assert_eq!(answer.is(303).header("location"), "/oauth2/logout?state=x");
    for answer in [answer, server.send(post(&pairs)).await, server.get("/oauth2/logout").await] {
        assert!(!answer.header("set-cookie").contains("signet_session"), "{}", answer.text);
    }
    ada.visit(&silent).await.said("code");
    // A client that sends its hint in a form has logged its own person out, cookie or not.
    assert_eq!(mallory.visit(&silent).await.said("error"), "login_required");
}

const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";

async fn exchange(server: &Server, app: &App, token: &str, more: &[(&str, &str)]) -> Answer {
    let usual =
        [("grant_type", EXCHANGE), ("subject_token", token), ("subject_token_type", ACCESS_TOKEN)];
    app.call(server, "/oauth2/token", &[&usual, more].concat()).await
}

async fn is_active(server: &Server, app: &App, token: &str) -> bool {
    let answer = app.call(server, "/oauth2/introspect", &[("token", token)]).await;
    answer.is(200).json()["active"] == true
}

async fn change(server: &Server, root: &Tokens, app: &App, what: Value) {
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::PATCH, &path, &root.access, what).await.is(200);
}

/// `read` at one API is not `read` at another one.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_allowed_at_one_api_opens_no_other() {
    let (server, root) = set().await;
    let grants = ["authorization_code", "refresh_token", EXCHANGE];
    let app = json!({"type": "web", "audiences": [API, STOCK], "grant_types": grants});
    let app = App::register(&server, &root, app).await;
    let ada = Person::new(&server, "ada");
    let at = |api| [("scope", "openid read"), ("resource", api), ("prompt", "none")];
    let code = app.code(&ada, &[("scope", "openid read"), ("resource", API)]).await;
    let access = app.redeem(&server, &code).await.is(200).string("access_token");
    ada.visit(&app.url(&at(API))).await.said("code");
    assert_eq!(ada.visit(&app.url(&at(STOCK))).await.said("error"), "consent_required");
    let page = ada.get(&app.url(&[("scope", "openid read"), ("resource", STOCK)])).await;
    assert!(page.text.contains("consent") && page.text.contains(STOCK), "{}", page.text);

    // Nor is there a way round the question with a token that the client has.
    let further = [("resource", STOCK), ("scope", "read")];
    let refused = exchange(&server, &app, &access, &further).await;
    assert_eq!(error_of(&refused, 400), "invalid_target");
    app.code(&ada, &[("scope", "openid read"), ("resource", STOCK)]).await;

    // One application is one row, and taking it back is for every API.
    let account = ada.get("/account").await;
    let row = format!(r#"name="client_id" value="{}""#, app.id);
    assert_eq!(account.is(200).text.matches(&row).count(), 1);
    let csrf = field(&account.text, "csrf");
    ada.post("/account/apps/remove", &[("csrf", &csrf), ("client_id", &app.id)]).await.is(303);
    for api in [API, STOCK] {
        assert_eq!(ada.visit(&app.url(&at(api))).await.said("error"), "consent_required");
    }
}

/// A claim is a part of a scope: whoever may not have the scope does not get it in parts.
#[tokio::test(flavor = "multi_thread")]
async fn single_claims_are_no_way_round_the_scopes_of_a_client() {
    let (server, root) = set().await;
    let app = json!({"type": "web", "scopes": ["openid", "profile"]});
    let app = App::register(&server, &root, app).await;
    let ada = Person::new(&server, "ada");
    let asked =
        r#"{"id_token":{"roles":null,"name":null},"userinfo":{"groups":null,"roles":null}}"#;
    let code = app.code(&ada, &[("scope", "openid"), ("claims", asked)]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let said = id_token(&server, &app, &tokens, Some("the nonce")).await;
    assert_eq!(said.get("roles"), None);
    let access = tokens["access_token"].as_str().unwrap();
    let told = server.get_as("/oauth2/userinfo", access).await.is(200).json();
    assert_eq!((told.get("groups"), told.get("roles")), (None, None), "{told}");

    // One that may have it gets it, until an administrator takes it away.
    change(&server, &root, &app, json!({"scopes": ["openid", "groups", "roles"]})).await;
    let more = [("scope", "openid groups"), ("claims", asked)];
    let tokens = app.redeem(&server, &app.code(&ada, &more).await).await.is(200).json();
    let told = async |tokens: &Value| {
        let access = tokens["access_token"].as_str().unwrap();
        server.get_as("/oauth2/userinfo", access).await.is(200).json()
    };
    assert!(told(&tokens).await.get("groups").is_some());
    change(&server, &root, &app, json!({"scopes": ["openid"]})).await;
    assert_eq!(told(&tokens).await.get("groups"), None);
    let again = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
    let again = again.is(200).json();
    assert_eq!(again["scope"], "openid");
    assert_eq!(id_token(&server, &app, &again, None).await.get("roles"), None);
    assert_eq!(told(&again).await.get("roles"), None);
}

/// What an administrator takes from a client is not renewed; what is given back goes on.
#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_was_taken_from_a_client_gets_no_new_tokens() {
    let (server, root) = set().await;
    let app = json!({"type": "web", "audiences": [API]});
    let app = App::register(&server, &root, app).await;
    let ada = Person::new(&server, "ada");
    let code = app.code(&ada, &[("scope", "openid read write")]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let pending = app.code(&ada, &[("scope", "openid read write")]).await;
    let page = ada.get(&app.url(&[("scope", "openid read"), ("prompt", "consent")])).await;
    change(&server, &root, &app, json!({"audiences": []})).await;
    assert_eq!(error_of(&app.redeem(&server, &pending).await, 400), "invalid_grant");
    let answer = ada.decide(&page, "allow").await;
    assert_eq!(ada.go_on(answer).await.said("error"), "invalid_scope");
    for _ in 0..6 {
        server.advance(TimeSpan::from_mins(10));
        assert_eq!(error_of(&app.refresh(&server, refresh).await, 400), "invalid_grant");
    }
    // A client that asks again and again is not taken for a thief.
    let root = server.administrator("boss").await;
    assert!(server.events(&root, "refresh.reuse_detected").await.is_empty());
    change(&server, &root, &app, json!({"audiences": [API]})).await;
    app.refresh(&server, refresh).await.is(200);
}

/// Who shares a secret with the server can sign tokens for himself; they open nothing else.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_its_api_could_have_made_leads_nowhere() {
    let (server, root) = set().await;
    let path = format!("/v1/admin/apis/{}", API.replace(':', "%3A").replace('/', "%2F"));
    let shared = json!({"signing_alg": "HS256"});
    let secret = server.call_as(Method::PATCH, &path, &root.access, shared).await;
    let secret = secret.is(200).json();
    let grants = [EXCHANGE, "client_credentials"];
    let api = json!({"type": "service", "serves": [API], "audiences": [STOCK, API],
        "grant_types": grants});
    let api = App::register(&server, &root, api).await;
    let victim = json!({"type": "service", "audiences": [API, STOCK]});
    let victim = App::register(&server, &root, victim).await;
    let fields = [("grant_type", "client_credentials"), ("resource", API)];
    let genuine =
        victim.call(&server, "/oauth2/token", &fields).await.is(200).string("access_token");
    let signed = forged(&secret, &genuine, |claims| claims["scope"] = json!("read write"));
    assert!(is_active(&server, &api, &signed).await, "the forgery is as good as any there");
    for token in [&genuine, &signed] {
        let next = exchange(&server, &api, token, &[("resource", STOCK)]).await;
        assert_eq!(error_of(&next, 400), "invalid_grant");
    }
    // Nor does it say who acts.
    let own = api.call(&server, "/oauth2/token", &fields).await.is(200).string("access_token");
    let actor = forged(&secret, &own, |claims| claims["sub"] = json!(victim.id));
    let actor = [("actor_token", &*actor), ("actor_token_type", ACCESS_TOKEN)];
    assert_eq!(error_of(&exchange(&server, &api, &own, &actor).await, 400), "invalid_grant");
    // A line longer than any that was issued is no reason to read on and on.
    let long = forged(&secret, &genuine, |claims| claims["jti"] = json!(".".repeat(4_000)));
    assert!(!is_active(&server, &api, &long).await);
}

/// The same token with other claims, under the secret that the API has.
fn forged(api: &Value, token: &str, change: impl FnOnce(&mut Value)) -> String {
    let parts: Vec<&str> = token.split('.').collect();
    let mut claims: Value =
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(parts[1]).unwrap()).unwrap();
    change(&mut claims);
    let message = format!("{}.{}", parts[0], URL_SAFE_NO_PAD.encode(claims.to_string()));
    let secret = api["shared_secret"].as_str().unwrap_or_else(|| panic!("{api}"));
    let secret = URL_SAFE_NO_PAD.decode(secret).unwrap();
    let key = jsonwebtoken::EncodingKey::from_secret(&secret);
    let algorithm = jsonwebtoken::Algorithm::HS256;
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), &key, algorithm).unwrap();
    format!("{message}.{signature}")
}

/// What was exchanged ends with what it came from, also where no session vouches for either.
#[tokio::test(flavor = "multi_thread")]
async fn a_revoked_token_takes_those_along_that_came_of_it() {
    let (server, root) = set().await;
    let grants = [EXCHANGE, "client_credentials"];
    let job = json!({"type": "service", "audiences": [API], "grant_types": grants});
    let job = App::register(&server, &root, job).await;
    let api = json!({"type": "service", "serves": [API], "audiences": [STOCK],
        "grant_types": [EXCHANGE]});
    let api = App::register(&server, &root, api).await;
    let stock = json!({"type": "service", "serves": [STOCK], "audiences": [API],
        "grant_types": [EXCHANGE]});
    let stock = App::register(&server, &root, stock).await;
    let first = async || {
        let fields = [("grant_type", "client_credentials"), ("scope", "read write")];
        job.call(&server, "/oauth2/token", &fields).await.is(200).string("access_token")
    };
    let next = async |app: &App, token: &str, more: &[(&str, &str)]| {
        exchange(&server, app, token, more).await.is(200).string("access_token")
    };
    let revoke = async |app: &App, token: &str| {
        app.call(&server, "/oauth2/revoke", &[("token", token)]).await.is(200);
    };
    let a = first().await;
    let small = next(&job, &a, &[("scope", "read")]).await;
    let b = next(&api, &small, &[("resource", STOCK), ("scope", "count")]).await;
    let c = next(&stock, &b, &[("resource", API), ("scope", "read")]).await;
    let other = first().await;
    let alive = async || {
        let mut alive = Vec::new();
        for (app, token) in [(&job, &a), (&job, &small), (&api, &b), (&stock, &c), (&job, &other)] {
            alive.push(is_active(&server, app, token).await);
        }
        alive
    };
    assert_eq!(alive().await, [true; 5]);
    // From the middle down, then from the top; another line goes on.
    revoke(&api, &b).await;
    assert_eq!(alive().await, [true, true, false, false, true]);
    revoke(&job, &a).await;
    assert_eq!(alive().await, [false, false, false, false, true]);
    let why = json!({"token": c});
    let why = server.call_as(Method::POST, "/v1/admin/tokens/why", &root.access, why).await;
    assert!(why.is(200).text.contains("token_revoked"), "{}", why.text);
    // No line is endless.
    let mut last = other;
    for _ in 0..8 {
        last = next(&job, &last, &[("scope", "read")]).await;
    }
    assert!(is_active(&server, &job, &last).await);
    assert_eq!(error_of(&exchange(&server, &job, &last, &[]).await, 400), "invalid_grant");
}

/// The name of a client that was deleted may be given to another one, which inherits nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_inherits_nothing_from_one_that_had_its_name() {
    let (server, root) = set().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = ["authorization_code", "refresh_token", device];
    let new = json!({"client_id": "shop", "type": "spa", "grant_types": grants});
    let app = App::register(&server, &root, new.clone()).await;
    let ada = Person::new(&server, "ada");
    let old = app.tokens(&server, &ada).await;
    let code = app.code(&ada, &[]).await;
    let page = ada.get(&app.url(&[("prompt", "consent")])).await;
    let asked = app.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let (waiting, typed) = (asked.is(200).string("device_code"), asked.string("user_code"));
    server.advance(TimeSpan::from_secs(1));
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
    App::register(&server, &root, new).await;

    assert_eq!(error_of(&app.redeem(&server, &code).await, 400), "invalid_grant");
    let refresh = old["refresh_token"].as_str().unwrap();
    assert_eq!(error_of(&app.refresh(&server, refresh).await, 400), "invalid_grant");
    server.get_as("/oauth2/userinfo", old["access_token"].as_str().unwrap()).await.is(401);
    assert_eq!(ada.decide(&page, "allow").await.is(400).header("location"), "");
    let silent = app.url(&[("prompt", "none")]);
    assert_eq!(ada.visit(&silent).await.said("error"), "consent_required");
    let form = ada.get("/device").await;
    let flow = field(&form.text, "flow");
    ada.post("/device", &[("flow", &flow), ("user_code", &typed)]).await.is(422);
    let poll = [("grant_type", device), ("device_code", &*waiting)];
    assert_eq!(error_of(&app.call(&server, "/oauth2/token", &poll).await, 400), "invalid_grant");
}

/// Whoever takes something back while a code is being made has used up no code: it finds nothing when it
/// is redeemed.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_worth_no_more_than_the_consent_it_rests_on() {
    let (server, root) = set().await;
    let ada = Person::new(&server, "ada");
    let own = json!({"type": "web", "skip_consent": true});
    let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"]});
    for (client, wanted) in [(json!({"type": "spa"}), 400), (own, 200), (native, 200)] {
        let app = App::register(&server, &root, client).await;
        let kept = app.code(&ada, &[]).await;
        let tokens = app.redeem(&server, &kept).await.is(200).json();
        let claims = id_token(&server, &app, &tokens, Some("the nonce")).await;
        let code = app.code(&ada, &[]).await;
        let mut tx = server.app.db.begin().await.unwrap();
        let user = claims["sub"].as_str().unwrap().parse().unwrap();
        consents::forget(&mut tx, user, &app.id).await.unwrap();
        tx.commit().await.unwrap();
        app.redeem(&server, &code).await.is(wanted);
    }
}

/// Whoever allows something can read later that it was done, also where nothing is remembered.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_allows_is_in_the_audit_trail() {
    let (server, root) = set().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let tv = json!({"type": "native", "grant_types": [device]});
    let tv = App::register(&server, &root, tv).await;
    let native = json!({"type": "native", "redirect_uris": ["com.example.app:/cb"]});
    let native = App::register(&server, &root, native).await;
    let ada = Person::new(&server, "ada");
    ada.visit(&native.url(&[])).await;
    let asked = tv.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    for decision in ["deny", "allow"] {
        let asked = match decision {
            "deny" => asked.string("user_code"),
            _ => {
                let fields = [("scope", "openid")];
                let again = tv.call(&server, "/oauth2/device_authorization", &fields).await;
                again.string("user_code")
            }
        };
        let form = ada.get("/device").await;
        let flow = field(&form.text, "flow");
        let page = ada.post("/device", &[("flow", &flow), ("user_code", &asked)]).await;
        ada.decide(&page, decision).await.is(200);
    }
    let events = server.events(&root, "consent.granted").await;
    let details: Vec<&str> = events.iter().filter_map(|event| event["detail"].as_str()).collect();
    assert_eq!(details.len(), 2, "{events:?}");
    assert!(details.contains(&&*tv.id) && details.contains(&&*native.id), "{details:?}");
}

/// Whoever names a public client can have something written down: so much and no more. A client that
/// authenticates has its users behind it and is not held up by their number.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_fill_no_table() {
    let server = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on").start().await;
    let root = server.administrator("root").await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = json!(["authorization_code", "refresh_token", device]);
    let spa = json!({"type": "spa", "grant_types": grants});
    let spa = App::register(&server, &root, spa).await;
    let web = json!({"type": "web", "grant_types": grants});
    let web = App::register(&server, &root, web).await;
    let here = Some("127.0.0.1".parse().unwrap());
    let drain = |purpose, bucket: Bucket| {
        let take = || server.app.address_limiter.take(purpose, bucket, here, server.now());
        while take().is_ok() {}
    };
    let push = async |app: &App| {
        let request = app.request(&[("client_id", "")]);
        let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
        app.call(&server, "/oauth2/par", &fields).await.status
    };
    let wait = async |app: &App| {
        app.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await.status
    };
    assert_eq!([push(&spa).await, push(&web).await], [201, 201]);
    assert_eq!([wait(&spa).await, wait(&web).await], [200, 200]);
    drain("pushed_request", ADDRESS_REQUESTS);
    drain("device_request", ADDRESS_REQUESTS);
    assert_eq!([push(&spa).await, push(&web).await], [429, 201]);
    assert_eq!([wait(&spa).await, wait(&web).await], [429, 200]);
    server.advance(TimeSpan::from_secs(1));
    assert_eq!([push(&spa).await, wait(&spa).await], [201, 200]);

    // A request that is longer than any address.
    let long = "x".repeat(17_000);
    let request = web.request(&[("client_id", ""), ("unknown", &long)]);
    let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
    assert_eq!(error_of(&web.call(&server, "/oauth2/par", &fields).await, 400), "invalid_request");

    // Proofs that came to nothing count, those of whoever is right do not.
    let key = SigningKey::generate(SigningAlg::Es256).unwrap().key;
    let refresh = async |app: &App, jti: &str| {
        let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public});
        let claims = json!({"htm": "POST", "htu": server.url("/oauth2/token"), "jti": jti,
            "iat": server.now().secs()});
        let mut request = server.request(Method::POST, "/oauth2/token");
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", "srt_x")];
        match &app.secret {
            Some(secret) => request = request.header("authorization", basic(&app.id, secret)),
            None => fields.push(("client_id", &app.id)),
        }
        let request = request.header("dpop", signed(&key, &header, &claims));
        server.send(request.header("content-type", FORM).body(form(fields))).await.status
    };
    for _ in 1..ADDRESS_PROOFS.burst {
        server.app.address_limiter.take("proof", ADDRESS_PROOFS, here, server.now()).unwrap();
    }
    assert_eq!([refresh(&spa, "a").await, refresh(&spa, "b").await], [400, 429]);
    assert_eq!(refresh(&web, "c").await, 400);
    server.advance(ADDRESS_PROOFS.every);
    assert_eq!(refresh(&spa, "d").await, 400);
}

/// Guessing a secret is written down, folded, and names no client there is not.
#[tokio::test(flavor = "multi_thread")]
async fn who_fails_to_be_a_client_is_in_the_audit_trail() {
    let (server, root) = set().await;
    let app = App::register(&server, &root, json!({"type": "web"})).await;
    let wrong = App { secret: Some("scs_wrong".to_owned()), ..app.clone() };
    let nobody = App { id: "nobody".to_owned(), ..wrong.clone() };
    let other = App { id: "somebody".to_owned(), ..wrong.clone() };
    let silent = App { secret: None, ..app.clone() };
    for app in [&wrong, &wrong, &silent, &nobody, &nobody, &other] {
        let answer = app.call(&server, "/oauth2/introspect", &[("token", "x")]).await;
        assert_eq!(error_of(&answer, 401), "invalid_client");
    }
    app.call(&server, "/oauth2/introspect", &[("token", "x")]).await.is(200);
    let events = server.events(&root, "client.auth_failed").await;
    let mut details: Vec<&str> = events.iter().filter_map(|e| e["detail"].as_str()).collect();
    details.sort_unstable();
    assert_eq!((events.len(), details), (2, vec![&*app.id]), "{events:?}");
}

async fn limited() -> (Server, Tokens) {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let server = options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32").start().await;
    let root = server.administrator("root").await;
    (server, root)
}

/// Guessing the secret of a client is held up, by address; the client itself, at another one, is not.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_secret_holds_up_the_guesser_alone() {
    let (server, root) = limited().await;
    let app = App::register(&server, &root, json!({"type": "web"})).await;
    let from = async |address: &str, secret: &str| {
        let request = server.request(Method::POST, "/oauth2/introspect");
        let request = request.header("x-forwarded-for", address).header("content-type", FORM);
        let request = request.header("authorization", basic(&app.id, secret)).body("token=x");
        server.send(request).await
    };
    let right = app.secret.as_deref().unwrap();
    for _ in 0..ADDRESS_CLIENTS.burst {
        assert_eq!(error_of(&from("192.0.2.1", "scs_wrong").await, 401), "invalid_client");
    }
    for secret in ["scs_wrong", right] {
        let answer = from("192.0.2.1", secret).await;
        assert_eq!(error_of(&answer, 429), "temporarily_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    from("192.0.2.2", right).await.is(200);
    server.advance(ADDRESS_CLIENTS.every);
    from("192.0.2.1", right).await.is(200);
}

/// Eight letters are few: whoever tries many is held up before they are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_the_code_of_a_device_is_held_up() {
    let (server, root) = limited().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let tv = json!({"type": "native", "grant_types": [device]});
    let tv = App::register(&server, &root, tv).await;
    let asked = tv.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let code = asked.is(200).string("user_code");
    let mallory = Person::new(&server, "mallory");
    let page = mallory.get("/device").await;
    let flow = field(&page.text, "flow");
    let tried = async |code: &str| {
        mallory.post("/device", &[("flow", &flow), ("user_code", code)]).await.status
    };
    for _ in 0..ADDRESS_USER_CODES.burst {
        assert_eq!(tried("BCDF-GHJK").await, 422);
    }
    assert_eq!([tried("BCDF-GHJK").await, tried(&code).await], [429, 429]);
    server.advance(ADDRESS_USER_CODES.every);
    assert_eq!([tried(&code).await, tried(&code).await], [200, 429]);
}

/// A secret in an address ends up in logs; it is not looked at there.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_taken_from_an_address() {
    let (server, root) = set().await;
    let post = json!({"type": "web", "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "client_credentials"], "audiences": [API]});
    let post = App::register(&server, &root, post).await;
    let secret = post.secret.as_deref().unwrap();
    let proof = [("client_id", &*post.id), ("client_secret", secret)];
    let asked = [("grant_type", "client_credentials"), ("scope", "read")];
    let send = async |path: String, body: String| {
        let request = server.request(Method::POST, &path).header("content-type", FORM);
        server.send(request.body(body)).await
    };
    let in_address = |path: &str| format!("{path}?{}", form(proof));
    let answer = send(in_address("/oauth2/token"), form(asked)).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
    let token = send("/oauth2/token".to_owned(), form([asked, proof].concat())).await;
    let token = token.is(200).string("access_token");
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        let answer = send(in_address(path), form([("token", &*token)])).await;
        assert_eq!(error_of(&answer, 401), "invalid_client");
        let answer = send(format!("{path}?token={token}"), form(proof)).await;
        assert_eq!(error_of(&answer, 400), "invalid_request");
    }
    let answer = server.get(&format!("/oauth2/userinfo?access_token={token}")).await;
    assert_eq!(answer.is(401).header("www-authenticate"), r#"Bearer realm="signet""#);
}

/// Every page people see, whatever it says: in no frame, in no cache, with no script but ours, and
/// readable by no other site.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_its_headers() {
    let (server, root) = set().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = ["authorization_code", device];
    let app = App::register(&server, &root, json!({"type": "spa", "grant_types": grants})).await;
    let native = json!({"type": "native", "redirect_uris": ["com.example.app:/cb"]});
    let native = App::register(&server, &root, native).await;
    let ada = Person::new(&server, "ada");
    let mut pages = vec![("log-in", ada.get(&app.url(&[])).await)];
    pages.push(("wrong password", ada.log_in(&pages[0].1, "not the password").await));
    let answer = ada.log_in(&pages[0].1, crate::support::server::PASSWORD).await;
    pages.push(("consent", ada.get(answer.header("location")).await));
    pages.push(("switch", {
        let flow = field(&pages[2].1.text, "flow");
        ada.post("/login/switch", &[("flow", &flow)]).await
    }));
    let asks = ada.get(&app.url(&[("response_mode", "form_post")])).await;
    pages.push(("form_post", ada.decide(&asks, "allow").await));
    let asks = ada.get(&native.url(&[])).await;
    pages.push(("continue", ada.decide(&asks, "allow").await));
    pages.push(("device", ada.get("/device").await));
    let asked = app.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let (flow, code) = (field(&pages[6].1.text, "flow"), asked.is(200).string("user_code"));
    pages.push(("unknown code", ada.post("/device", &[("flow", &flow), ("user_code", "x")]).await));
    pages
        .push(("device asks", ada.post("/device", &[("flow", &flow), ("user_code", &code)]).await));
    pages.push(("device done", ada.decide(&pages[8].1, "allow").await));
    pages.push(("account", ada.get("/account").await));
    pages.push(("foreign form", ada.post("/account/profile", &[("csrf", "x")]).await));
    pages.push(("wrong client", ada.get("/oauth2/authorize").await));
    pages.push(("nothing", ada.get("/nowhere").await));
    pages.push(("method", ada.post("/account", &[]).await));
    let asks = ada.get("/oauth2/logout").await;
    let flow = field(&asks.text, "flow");
    pages.push(("log-out", asks));
    let leave = [("flow", &*flow), ("decision", "allow")];
    pages.push(("logged out", ada.post("/oauth2/logout", &leave).await));
    for (what, page) in &pages {
        assert!(page.header("content-type").starts_with("text/html"), "{what}: {}", page.text);
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{what}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
        assert!(policy.contains("form-action 'self'"), "{what}: {policy}");
        assert!(policy.contains("base-uri 'none'"), "{what}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("access-control-allow-origin", ""),
            ("cross-origin-opener-policy", "same-origin"),
        ] {
            assert_eq!(page.header(name), value, "{what}: {name}");
        }
        assert!(!page.text.contains("<script>") && !page.text.contains(" style="), "{what}");
    }
}
