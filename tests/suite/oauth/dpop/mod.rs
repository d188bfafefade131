//! DPoP (RFC 9449): tokens and pushed requests that are bound to a key.

mod attacks;

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::digest::sha256_base64url;
use signet::crypto::jwt::SigningKey;

use crate::support::Server;
use crate::support::relying_party::{
    App, FORM, Person, REDIRECT_URI, VERIFIER, error_of, form, signed,
};
use crate::support::server::{Answer, Tokens};

use super::{key, set};

/// A DPoP proof with the changes of a test.
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
async fn bound_tokens_are_refused_without_a_proof() {
    let (server, root, _) = set().await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let (mine, thiefs) = (key(), key());
    // The required members of a proof; each is tried with a new `jti`, before other parameters are checked.
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
        // The code was not used up: with a valid proof it is still accepted.
        let good = at_token(&format!("good{index}")).sign();
        redeem_with(&server, &app, &code, &good).await.is(200);
    }
    for offset in [-10, 10] {
        let mut proof = at_token(&format!("offset{offset}"));
        proof.claims["iat"] = json!(now + offset);
        let code = app.code(&ada, &[]).await;
        redeem_with(&server, &app, &code, &proof.sign()).await.is(200);
    }
    // A code that was requested for a key is for its holder.
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

    // Userinfo requires a proof of this key for this token, and its scheme.
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
    let stored = async || {
        let mut link = server.app.db.reader().await.unwrap();
        let rows = signet::fetch_optional!(&mut link, (i64,), "SELECT count(*) FROM spent_ids");
        rows.unwrap().unwrap().0
    };
    let before = stored().await;
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
    assert_eq!(stored().await, before, "a refused proof was stored");
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
