//! Tokens at the endpoints that read them: introspection, revocation, userinfo, DPoP, exchange,
//! devices, back-channel logout, scripts of other origins.

use std::sync::mpsc;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::digest::sha256_base64url;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;
use signet::oauth::backchannel;

use crate::support::relying_party::{
    App, FORM, Person, REDIRECT_URI, VERIFIER, error_of, field, form, signed,
};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server};

const API: &str = "https://api.example.com";
const ACCESS_TOKEN: &str = "urn:ietf:params:oauth:token-type:access_token";
const EXCHANGE: &str = "urn:ietf:params:oauth:grant-type:token-exchange";
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

async fn set() -> (Server, Tokens, App) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    for (api, scopes) in
        [(API, json!(["read", "write"])), ("https://stock.example.com", json!(["count"]))]
    {
        let api = json!({"identifier": api, "scopes": scopes});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    let app = App::register(&server, &root, json!({"type": "web", "audiences": [API]})).await;
    (server, root, app)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_what_concerns_it_and_nothing_else() {
    let (server, root, app) = set().await;
    let api = json!({"type": "service", "serves": [API], "grant_types": [EXCHANGE]});
    let api = App::register(&server, &root, api).await;
    let stranger = App::register(&server, &root, json!({"type": "web"})).await;
    let public = App::register(&server, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let code = app.code(&ada, &[("scope", "openid read")]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    let look = async |app: &App, token: &str| {
        app.call(&server, "/oauth2/introspect", &[("token", token), ("token_type_hint", "x")]).await
    };
    let inactive = json!({"active": false});
    for asker in [&app, &api] {
        let seen = look(asker, access).await.is(200).json();
        assert_eq!(
            (&seen["active"], &seen["aud"], &seen["scope"]),
            (&json!(true), &json!(API), &json!("openid read"))
        );
        assert_eq!(seen["client_id"], app.id);
    }
    assert_eq!(look(&stranger, access).await.is(200).json(), inactive);
    assert_eq!(error_of(&look(&public, access).await, 401), "invalid_client");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(look(&app, refresh).await.json()["active"], true);
    assert_eq!(look(&api, refresh).await.json(), inactive);
    for rubbish in ["x", "srt_x", &"x".repeat(20_000), tokens["id_token"].as_str().unwrap(), &code]
    {
        assert_eq!(look(&app, rubbish).await.is(200).json(), inactive);
    }
    // A token of /v1 for the API concerns the API too.
    let login = json!({"login": "ada", "password": crate::support::server::PASSWORD,
        "audience": API, "scope": "read"});
    let own = Tokens::of(&server.post("/v1/login", login).await);
    assert_eq!(look(&api, &own.access).await.json()["active"], true);

    // Revoked by somebody else: nothing happens. By its client: everything of it is over.
    stranger.call(&server, "/oauth2/revoke", &[("token", refresh)]).await.is(200);
    stranger.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(200);
    app.call(&server, "/oauth2/revoke", &[("token", "rubbish")]).await.is(200);
    assert_eq!(look(&app, access).await.json()["active"], true);
    server.get("/oauth2/revoke").await.is(405);
    let nobody = App { secret: Some("x".to_owned()), ..app.clone() };
    nobody.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(401);
    app.call(&server, "/oauth2/revoke", &[("token", refresh)]).await.is(200);
    for token in [access, refresh] {
        assert_eq!(look(&app, token).await.json(), inactive);
    }
    assert_eq!(error_of(&app.refresh(&server, refresh).await, 400), "invalid_grant");
}

#[tokio::test(flavor = "multi_thread")]
async fn assertions_are_believed_once_and_to_the_letter() {
    let dir = std::sync::Arc::new(tempfile::tempdir().unwrap());
    let server = Options::on(Backend::Sqlite).start_in(std::sync::Arc::clone(&dir)).await;
    let root = server.administrator("root").await;
    let (mine, other) = (key(), key());
    let jwks = |key: &SigningKey| {
        let mut jwk = json!(key.public);
        jwk["kid"] = json!("k");
        json!({"keys": [jwk]})
    };
    let client = |key: &SigningKey| json!({"type": "web", "token_endpoint_auth_method": "private_key_jwt", "jwks": jwks(key)});
    let app = App::register(&server, &root, client(&mine)).await;
    let second = App::register(&server, &root, client(&other)).await;
    let (now, base) = (server.now().secs(), server.base.clone());
    let good = |jti: &str| json!({"iss": app.id, "sub": app.id, "aud": base, "jti": jti, "iat": now, "exp": now + 60});
    let header = json!({"alg": "ES256", "kid": "k"});
    let send = async |server: &Server, assertion: &str, more: &[(&str, &str)]| {
        let kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
        let fields = [
            &[("token", "x"), ("client_assertion_type", kind), ("client_assertion", assertion)],
            more,
        ]
        .concat();
        let request = server.request(Method::POST, "/oauth2/introspect");
        server.send(request.header("content-type", FORM).body(form(fields))).await
    };
    let first = signed(&mine, &header, &good("one"));
    send(&server, &first, &[]).await.is(200);
    assert_eq!(error_of(&send(&server, &first, &[]).await, 401), "invalid_client");
    // Twenty at once: one.
    let raced = signed(&mine, &header, &good("raced"));
    let tries = (0..20).map(|_| send(&server, &raced, &[]));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);

    let change = |name: &str, value: Value| {
        let mut claims = good(&format!("{name}{value}"));
        if value == json!("-") {
            claims.as_object_mut().unwrap().remove(name);
        } else {
            claims[name] = value;
        }
        claims
    };
    for claims in [
        change("aud", json!(format!("{}/", server.base))),
        change("aud", json!(format!("{}/oauth2/token", server.base))),
        change("aud", json!([server.base])),
        change("aud", json!("https://other.example")),
        change("aud", json!("-")),
        change("exp", json!("-")),
        change("exp", json!(now - 300)),
        change("exp", json!(now + 7_200)),
        change("exp", json!((now + 60).to_string())),
        change("exp", json!(1e308)),
        change("exp", json!(-1)),
        change("exp", Value::Null),
        change("iat", json!(now + 600)),
        change("iat", json!("now")),
        change("nbf", json!(now + 120)),
        change("nbf", json!("99999999999")),
        change("jti", json!("-")),
        change("jti", json!("")),
        change("jti", json!(5)),
        change("iss", json!(second.id)),
        change("sub", json!(second.id)),
        change("sub", json!(1)),
    ] {
        let answer = send(&server, &signed(&mine, &header, &claims), &[]).await;
        assert_eq!(error_of(&answer, 401), "invalid_client", "{claims}");
    }
    send(&server, &signed(&mine, &header, &change("nbf", json!(now + 8))), &[]).await.is(200);
    for (what, header) in [
        ("none", json!({"alg": "none"})),
        ("crit", json!({"alg": "ES256", "kid": "k", "crit": ["x"]})),
        ("HS256", json!({"alg": "HS256", "kid": "k"})),
        ("typ", json!({"alg": "ES256", "kid": "k", "typ": "at+jwt"})),
        ("kid", json!({"alg": "ES256", "kid": "../../dev/null"})),
    ] {
        let answer = send(&server, &signed(&mine, &header, &good(what)), &[]).await;
        assert_eq!(error_of(&answer, 401), "invalid_client", "{what}");
    }
    let foreign = signed(&other, &header, &good("foreign"));
    assert_eq!(error_of(&send(&server, &foreign, &[]).await, 401), "invalid_client");
    let named = signed(&mine, &header, &good("named"));
    let answer = send(&server, &named, &[("client_id", &second.id)]).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
    // A restart forgets nothing.
    drop(server);
    let again = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", &base).start_in(dir).await;
    assert_eq!(error_of(&send(&again, &first, &[]).await, 401), "invalid_client");
    send(&again, &signed(&mine, &header, &good("after")), &[]).await.is(200);
}

/// A key of the test's own.
pub fn key() -> SigningKey {
    SigningKey::generate(SigningAlg::Es256).unwrap().key
}

/// A DPoP proof with what is changed about it.
pub struct Proof<'a> {
    pub key: &'a SigningKey,
    pub header: Value,
    pub claims: Value,
}

impl<'a> Proof<'a> {
    pub fn new(server: &Server, key: &'a SigningKey, method: &str, path: &str, jti: &str) -> Self {
        let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public});
        let claims = json!({"htm": method, "htu": server.url(path), "jti": jti,
            "iat": server.now().secs()});
        Self { key, header, claims }
    }

    pub fn for_token(mut self, token: &str) -> Self {
        self.claims["ath"] = json!(sha256_base64url(token.as_bytes()));
        self
    }

    pub fn sign(&self) -> String {
        signed(self.key, &self.header, &self.claims)
    }
}

pub async fn redeem_with(server: &Server, app: &App, code: &str, proof: &str) -> Answer {
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("client_id", &*app.id),
    ];
    let request = server.request(Method::POST, "/oauth2/token").header("dpop", proof);
    server.send(request.header("content-type", FORM).body(form(fields))).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_bound_to_a_key_is_worth_nothing_without_it() {
    let (server, root, _) = set().await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let (mine, thiefs) = (key(), key());
    // What a proof must say; each is tried with a fresh id and before anything else is looked at.
    let at_token = |jti: &str| Proof::new(&server, &mine, "POST", "/oauth2/token", jti);
    let now = server.now().secs();
    let mut private = json!(mine.public);
    private["d"] = json!("AAAA");
    let with = |jti: &str, part: &str, name: &str, value: Value| {
        let mut proof = at_token(jti);
        let target = if part == "header" { &mut proof.header } else { &mut proof.claims };
        if value == json!("-") {
            target.as_object_mut().unwrap().remove(name);
        } else {
            target[name] = value;
        }
        proof
    };
    for (index, proof) in [
        with("a", "header", "typ", json!("JWT")),
        with("b", "header", "alg", json!("none")),
        with("c", "header", "alg", json!("HS256")),
        with("d", "header", "jwk", private),
        with("e", "header", "jwk", json!(thiefs.public)),
        with("f", "header", "jwk", json!("-")),
        with("g", "claims", "htm", json!("GET")),
        with("h", "claims", "htu", json!(server.url("/oauth2/userinfo"))),
        with("i", "claims", "htu", json!("https://other.example/oauth2/token")),
        with("j", "claims", "iat", json!(now - 61)),
        with("k", "claims", "iat", json!(now + 61)),
        with("l", "claims", "iat", json!("-")),
        with("m", "claims", "iat", json!("now")),
        with("n", "claims", "jti", json!("-")),
        with("o", "claims", "exp", json!(now - 1)),
        with("p", "claims", "nbf", json!(now + 3_600)),
    ]
    .iter()
    .enumerate()
    {
        let code = app.code(&ada, &[]).await;
        let answer = redeem_with(&server, &app, &code, &proof.sign()).await;
        assert_eq!(error_of(&answer, 400), "invalid_dpop_proof", "{index}");
        // The code was not looked at: with a good proof it still is one.
        let good = at_token(&format!("good{index}")).sign();
        redeem_with(&server, &app, &code, &good).await.is(200);
    }
    for offset in [-10, 10] {
        let mut proof = at_token(&format!("offset{offset}"));
        proof.claims["iat"] = json!(now + offset);
        let code = app.code(&ada, &[]).await;
        redeem_with(&server, &app, &code, &proof.sign()).await.is(200);
    }
    // A code that was asked for with a key is for its holder.
    let bound = [("dpop_jkt", &*mine.public.thumbprint())];
    for (proof, ok) in [
        (Some(Proof::new(&server, &thiefs, "POST", "/oauth2/token", "x1").sign()), false),
        (Some(at_token("x2").sign()), true),
        (None, false),
    ] {
        let code = app.code(&ada, &bound).await;
        let answer = match proof {
            Some(proof) => redeem_with(&server, &app, &code, &proof).await,
            None => app.redeem(&server, &code).await,
        };
        assert_eq!(answer.status == 200, ok, "{}", answer.text);
    }
    let code = app.code(&ada, &[]).await;
    let proof = at_token("once").sign();
    let tokens = redeem_with(&server, &app, &code, &proof).await.is(200).json();
    assert_eq!(tokens["token_type"], "DPoP");
    let code = app.code(&ada, &[]).await;
    let replayed = redeem_with(&server, &app, &code, &proof).await;
    assert_eq!(error_of(&replayed, 400), "invalid_dpop_proof");

    // Userinfo: with a proof of this key for this token, in the scheme for it.
    let access = tokens["access_token"].as_str().unwrap();
    let claims = Tokens { access: access.to_owned(), refresh: String::new() }.claims();
    assert_eq!(claims["cnf"]["jkt"], mine.public.thumbprint());
    let ask = async |scheme: &str, proof: Option<String>| {
        let request = server.request(Method::GET, "/oauth2/userinfo");
        let mut request = request.header("authorization", format!("{scheme} {access}"));
        if let Some(proof) = proof {
            request = request.header("dpop", proof);
        }
        server.send(request).await
    };
    let at = |key, jti| Proof::new(&server, key, "GET", "/oauth2/userinfo", jti);
    ask("dPoP", Some(at(&mine, "u1").for_token(access).sign())).await.is(200);
    for (scheme, proof) in [
        ("Bearer", None),
        ("DPoP", None),
        ("Bearer", Some(at(&mine, "u2").for_token(access).sign())),
        ("DPoP", Some(at(&mine, "u3").sign())),
        ("DPoP", Some(at(&mine, "u4").for_token("another").sign())),
        ("DPoP", Some(at(&thiefs, "u5").for_token(access).sign())),
        ("DPoP", Some(at(&mine, "u1").for_token(access).sign())),
    ] {
        let answer = ask(scheme, proof).await;
        assert_eq!(answer.status, 401, "{}", answer.text);
        assert!(answer.header("www-authenticate").starts_with(&scheme.to_owned()));
    }
    // The refresh token is bound too, and a thief cannot even end the session with it.
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(error_of(&app.refresh(&server, refresh).await, 400), "invalid_grant");
    let with_key = async |key: &SigningKey, jti: &str| {
        let proof = Proof::new(&server, key, "POST", "/oauth2/token", jti).sign();
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", refresh), ("client_id", &*app.id)];
        let request = server.request(Method::POST, "/oauth2/token").header("dpop", proof);
        server.send(request.header("content-type", FORM).body(form(fields))).await
    };
    assert_eq!(error_of(&with_key(&thiefs, "r1").await, 400), "invalid_grant");
    with_key(&mine, "r2").await.is(200);
}

/// RFC 9449 §10.1: a request that was pushed with a proof is bound to its key.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_is_pushed_with_a_key_is_for_its_holder() {
    let (server, root, _) = set().await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let (mine, thiefs) = (key(), key());
    let push = async |proof: &str, more: &[(&str, &str)]| {
        let all = app.request(more);
        let fields = all.iter().map(|(name, value)| (&**name, &**value));
        let request = server.request(Method::POST, "/oauth2/par").header("dpop", proof);
        server.send(request.header("content-type", FORM).body(form(fields))).await
    };
    let at = |key: &SigningKey, path: &str, jti: &str| {
        Proof::new(&server, key, "POST", path, jti).sign()
    };
    let thumbprint = mine.public.thumbprint();
    let named = [("dpop_jkt", &*thumbprint)];
    for (key, path, jti) in [(&thiefs, "/oauth2/par", "a"), (&mine, "/oauth2/token", "b")] {
        let answer = push(&at(key, path, jti), &named).await;
        assert_eq!(error_of(&answer, 400), "invalid_dpop_proof");
    }
    for (jti, more) in [("c", &[][..]), ("d", &named)] {
        for (redeemer, status) in [(&thiefs, 400), (&mine, 200)] {
            let proof = at(&mine, "/oauth2/par", &format!("{jti}{status}"));
            let pushed = push(&proof, more).await;
            let name = pushed.is(201).string("request_uri");
            let url = form([("client_id", &*app.id), ("request_uri", &name)]);
            let code = ada.visit(&format!("/oauth2/authorize?{url}")).await.said("code");
            let proof = at(redeemer, "/oauth2/token", &format!("{jti}{status}r"));
            redeem_with(&server, &app, &code, &proof).await.is(status);
            assert_eq!(error_of(&push(&proof, more).await, 400), "invalid_dpop_proof");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_exchanged_for_less_or_for_the_next_api() {
    let (server, root, app) = set().await;
    let stock = "https://stock.example.com";
    let api = json!({"type": "service", "serves": [API], "audiences": [stock],
        "grant_types": [EXCHANGE, "client_credentials"]});
    let api = App::register(&server, &root, api).await;
    let stranger = json!({"type": "service", "audiences": [stock], "grant_types": [EXCHANGE]});
    let stranger = App::register(&server, &root, stranger).await;
    let smaller = json!({"grant_types": ["authorization_code", "refresh_token", EXCHANGE]});
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::PATCH, &path, &root.access, smaller).await.is(200);
    let ada = Person::new(&server, "ada");
    let code = app.code(&ada, &[("scope", "openid read write")]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    let exchange = async |app: &App, token: &str, more: &[(&str, &str)]| {
        let fields = [
            &[
                ("grant_type", EXCHANGE),
                ("subject_token", token),
                ("subject_token_type", ACCESS_TOKEN),
            ],
            more,
        ]
        .concat();
        app.call(&server, "/oauth2/token", &fields).await
    };
    let claims = |answer: &Answer| {
        Tokens { access: answer.string("access_token"), refresh: String::new() }.claims()
    };
    // One's own, made smaller: nobody acts for anybody.
    let less = exchange(&app, access, &[("scope", "read")]).await;
    assert_eq!(less.is(200).json()["issued_token_type"], ACCESS_TOKEN);
    let said = claims(&less);
    assert_eq!((&said["scope"], &said["aud"]), (&json!("read"), &json!(API)));
    assert!(said.get("act").is_none() && less.json().get("refresh_token").is_none());
    assert_eq!(
        error_of(&exchange(&app, access, &[("scope", "profile")]).await, 400),
        "invalid_scope"
    );
    let small = less.string("access_token");
    assert_eq!(
        error_of(&exchange(&app, &small, &[("scope", "write")]).await, 400),
        "invalid_scope"
    );

    // The API that was called calls the next one: the user is the subject, the API acts.
    server.advance(TimeSpan::from_mins(5));
    let next = exchange(&api, access, &[("resource", stock), ("scope", "count")]).await;
    let said = claims(next.is(200));
    assert_eq!(said["sub"], claims(&less)["sub"]);
    assert_eq!((&said["act"]["sub"], &said["client_id"]), (&json!(api.id), &json!(api.id)));
    assert_eq!(said["aud"], stock);
    let before = Tokens { access: access.to_owned(), refresh: String::new() }.claims();
    assert_eq!(said["exp"], before["exp"], "it lives no longer than the one it came from");
    let delegated = next.string("access_token");
    let look = async |token: &str| {
        let answer = api.call(&server, "/oauth2/introspect", &[("token", token)]).await;
        answer.is(200).json()["active"].clone()
    };
    assert_eq!(look(&delegated).await, true);

    for (app, token, more, wanted) in [
        (&stranger, access, &[("resource", stock)][..], "invalid_grant"),
        (&api, access, &[("resource", "https://nowhere.example")], "invalid_target"),
        (&api, access, &[("resource", stock), ("scope", "everything")], "invalid_scope"),
        (&api, "rubbish", &[("resource", stock)], "invalid_grant"),
        (&api, tokens["id_token"].as_str().unwrap(), &[("resource", stock)], "invalid_grant"),
        (&api, tokens["refresh_token"].as_str().unwrap(), &[("resource", stock)], "invalid_grant"),
        (
            &api,
            access,
            &[("requested_token_type", "urn:ietf:params:oauth:token-type:saml2")],
            "invalid_request",
        ),
        (&api, access, &[("actor_token", access)], "invalid_request"),
        (
            &api,
            access,
            &[("actor_token", access), ("actor_token_type", ACCESS_TOKEN)],
            "invalid_grant",
        ),
    ] {
        assert_eq!(error_of(&exchange(app, token, more).await, 400), wanted, "{more:?}");
    }
    // What ends the session ends what was exchanged, and a revoked token gives no other.
    app.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(200);
    assert_eq!(look(&delegated).await, false);
    assert_eq!(
        error_of(&exchange(&api, access, &[("resource", stock)]).await, 400),
        "invalid_grant"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_until_somebody_decides() {
    let (server, root, _) = set().await;
    let device = json!({"type": "native", "grant_types": [DEVICE, "refresh_token"]});
    let device = App::register(&server, &root, device).await;
    let other = json!({"type": "native", "grant_types": [DEVICE]});
    let other = App::register(&server, &root, other).await;
    let begin = async || {
        let fields = [("scope", "openid profile")];
        let answer = device.call(&server, "/oauth2/device_authorization", &fields).await;
        assert_eq!(answer.is(200).json()["verification_uri"], server.url("/device"));
        (answer.string("device_code"), answer.string("user_code"))
    };
    let poll = async |app: &App, code: &str| {
        app.call(&server, "/oauth2/token", &[("grant_type", DEVICE), ("device_code", code)]).await
    };
    let ada = Person::new(&server, "ada");
    let kind = |person: &Person<'_>, typed: String| {
        let cookie = person.cookie("signet_browser");
        (typed, cookie)
    };
    for decision in ["allow", "deny"] {
        let (code, user_code) = begin().await;
        assert_eq!(error_of(&poll(&device, &code).await, 400), "authorization_pending");
        assert_eq!(error_of(&poll(&device, &code).await, 400), "slow_down");
        assert_eq!(error_of(&poll(&other, &code).await, 400), "invalid_grant");
        // The address with the code in it decides nothing by itself.
        let page = ada.get(&format!("/device?user_code={user_code}")).await;
        assert_eq!(field(&page.is(200).text, "user_code"), user_code);
        let (typed, _) = kind(&ada, user_code.to_lowercase().replace('-', " "));
        let flow = field(&page.text, "flow");
        let mut page = ada.post("/device", &[("flow", &flow), ("user_code", &typed)]).await;
        if page.text.contains(r#"action="/login""#) {
            let answer = ada.log_in(&page, crate::support::server::PASSWORD).await;
            page = ada.get(answer.is(303).header("location")).await;
        }
        assert!(page.is(200).text.contains(&user_code), "{}", page.text);
        // Another browser cannot decide it.
        let sealed = field(&page.text, "flow");
        let stranger = Person::new(&server, "ada");
        stranger.get("/device").await;
        stranger.post("/consent", &[("flow", &sealed), ("decision", decision)]).await.is(403);
        ada.decide(&page, decision).await.is(200);
        ada.decide(&page, "allow").await;
        server.advance(TimeSpan::from_secs(30));
        if decision == "deny" {
            assert_eq!(error_of(&poll(&device, &code).await, 400), "access_denied");
            continue;
        }
        let tries = (0..20).map(|_| poll(&device, &code));
        let answers = futures_util::future::join_all(tries).await;
        let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(good.len(), 1);
        let tokens = good[0].json();
        assert_eq!(tokens["scope"], "openid profile");
        device.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await.is(200);
        assert_eq!(error_of(&poll(&device, &code).await, 400), "invalid_grant");
    }
    let (code, user_code) = begin().await;
    server.advance(TimeSpan::from_mins(10));
    assert_eq!(error_of(&poll(&device, &code).await, 400), "expired_token");
    let page = ada.get("/device").await;
    for typed in [&*user_code, "XXXX-XXXX", "<svg/onload=x>", ""] {
        let flow = field(&page.text, "flow");
        let answer = ada.post("/device", &[("flow", &flow), ("user_code", typed)]).await;
        assert!(answer.is(422).text.contains("role=\"alert\"") && !answer.text.contains("<svg"));
    }
    assert_eq!(error_of(&poll(&device, "sdc_x").await, 400), "invalid_grant");
}

/// A client that is told over HTTP: what it was sent, or silence.
fn listener(answers: bool) -> (String, mpsc::Receiver<String>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/logout", listener.local_addr().unwrap());
    let (sent, received) = mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().take(8) {
            let mut stream = stream.unwrap();
            let mut text = String::new();
            let mut buffer = [0; 8192];
            while !text.contains("logout_token=") {
                let Ok(count) = stream.read(&mut buffer) else { break };
                if count == 0 {
                    break;
                }
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            if sent.send(text).is_err() {
                return;
            }
            if answers {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
            } else {
                kept.push(stream);
            }
        }
    });
    (uri, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_that_a_session_has_ended() {
    let (server, root, _) = set().await;
    let (good, told) = listener(true);
    let (dead, held) = listener(false);
    let app = json!({"type": "web", "backchannel_logout_uri": good});
    let app = App::register(&server, &root, app).await;
    let hanging = json!({"type": "web", "backchannel_logout_uri": dead});
    let hanging = App::register(&server, &root, hanging).await;
    let ada = Person::new(&server, "ada");
    hanging.tokens(&server, &ada).await;
    let tokens = app.tokens(&server, &ada).await;
    let id =
        crate::support::relying_party::id_token(&server, &app, &tokens, Some("the nonce")).await;
    let hint = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
    // The answer does not wait for anybody who is told: the one that hangs is still asked after it.
    ada.get(&format!("/oauth2/logout?{}", form(hint))).await.is(200);
    let wait = std::time::Duration::from_secs(20);
    let sent = tokio::task::spawn_blocking(move || told.recv_timeout(wait).unwrap()).await.unwrap();
    assert!(sent.starts_with("POST /logout HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("application/x-www-form-urlencoded"), "{sent}");
    let token = sent.split_once("logout_token=").unwrap().1.trim().to_owned();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    let jwks = server.get("/.well-known/jwks.json").await;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwks.text).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(header.alg);
    rules.set_issuer(&[&server.base]);
    rules.set_audience(&[&app.id]);
    rules.validate_exp = false;
    let said = jsonwebtoken::decode::<Value>(&token, &key, &rules).unwrap().claims;
    assert_eq!((&said["sub"], &said["sid"]), (&id["sub"], &id["sid"]));
    assert!(said["iat"].is_i64() && said["jti"].is_string() && said.get("nonce").is_none());
    assert_eq!(said["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    tokio::task::spawn_blocking(move || held.recv_timeout(wait).unwrap()).await.unwrap();
    assert_eq!(ada.visit(&app.url(&[("prompt", "none")])).await.said("error"), "login_required");

    // Nobody answers at all: tried again, with pauses, and given up with an event.
    let gone = json!({"backchannel_logout_uri": "http://127.0.0.1:9/"});
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::PATCH, &path, &root.access, gone).await.is(200);
    let bob = server.register("bob").await;
    app.tokens(&server, &Person::new(&server, "bob")).await;
    let path = format!("/v1/admin/users/{bob}/disable");
    server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
    let mut failed = Vec::new();
    for _ in 0..60 {
        server.advance(TimeSpan::from_mins(60));
        backchannel::deliver(&server.app).await.unwrap();
        let root = Tokens::of(
            &server
                .post(
                    "/v1/login",
                    json!({"login": "root",
            "password": crate::support::server::PASSWORD, "scope": "signet:admin"}),
                )
                .await,
        );
        failed = server.events(&root, "logout.notice_failed").await;
        if failed.iter().any(|event| event["detail"] == app.id) {
            break;
        }
    }
    assert!(failed.iter().any(|event| event["detail"] == app.id), "{failed:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_of_registered_clients_may_ask() {
    let (server, root, _) = set().await;
    let spa = json!({"type": "spa", "web_origins": ["https://extra.example.com"]});
    App::register(&server, &root, spa).await;
    for path in ["/oauth2/token", "/oauth2/revoke", "/oauth2/userinfo", "/v1/me", "/v1/refresh"] {
        for (origin, allowed) in [
            ("https://app.example.com", true),
            ("https://extra.example.com", true),
            ("https://evil.example.com", false),
            ("https://app.example.com.evil.example", false),
            ("null", false),
        ] {
            let wanted = if allowed { origin } else { "" };
            let ask = server.request(Method::OPTIONS, path).header("origin", origin);
            let ask = ask.header("access-control-request-method", "POST");
            let preflight = server.send(ask).await;
            assert_eq!(preflight.header("access-control-allow-origin"), wanted, "{path} {origin}");
            let request = server.request(Method::GET, path).header("origin", origin);
            let answer = server.send(request).await;
            assert_eq!(answer.header("access-control-allow-origin"), wanted, "{path} {origin}");
            assert_eq!(answer.header("access-control-allow-credentials"), "");
        }
    }
}

/// Every algorithm that discovery names for clients' own signatures is one that is taken.
#[tokio::test(flavor = "multi_thread")]
async fn every_advertised_algorithm_of_clients_works() {
    let (server, root, _) = set().await;
    let document = server.get("/.well-known/openid-configuration").await.json();
    let now = server.now().secs();
    let newer = ("Ed25519", SigningAlg::EdDsa);
    let all = SigningAlg::ALL.iter().map(|alg| (alg.as_str(), *alg)).chain([newer]);
    for (name, alg) in all {
        for list in [
            "dpop_signing_alg_values_supported",
            "token_endpoint_auth_signing_alg_values_supported",
        ] {
            assert!(document[list].as_array().unwrap().contains(&json!(name)), "{name}");
        }
        let key = SigningKey::generate(alg).unwrap().key;
        let client = json!({"type": "service", "audiences": [API],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": {"keys": [key.public]}});
        let app = App::register(&server, &root, client).await;
        let claims =
            json!({"iss": app.id, "sub": app.id, "aud": server.base, "jti": "1", "exp": now + 60});
        let assertion = signed(&key, &json!({"alg": name}), &claims);
        let mut proof = Proof::new(&server, &key, "POST", "/oauth2/token", "1");
        proof.header["alg"] = json!(name);
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &*assertion),
        ];
        let request = server.request(Method::POST, "/oauth2/token").header("dpop", proof.sign());
        let answer = server.send(request.header("content-type", FORM).body(form(fields))).await;
        assert_eq!(answer.is(200).json()["token_type"], "DPoP", "{name}");
    }
}
