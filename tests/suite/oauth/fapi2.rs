//! Clients with the profile `fapi2`: the FAPI 2.0 Security Profile, with the cases of its certification modules.

use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;
use signet::store::clients;

use crate::support::relying_party::{App, FORM, Person, VERIFIER, error_of, form, param, signed};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

use super::dpop::Proof;
use super::{API, key};

const TOKEN: &str = "/oauth2/token";
const PAR: &str = "/oauth2/par";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// A server, and a client with the profile.
struct Place {
    server: Server,
    root: Tokens,
    app: App,
    /// The key with which the client authenticates.
    mine: SigningKey,
    /// The key to which its tokens are bound.
    bound: SigningKey,
    /// Each assertion and each proof has its own id.
    serial: AtomicU64,
}

impl Place {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let api = json!({"identifier": API, "scopes": ["read"]});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        let (mine, bound) = (key(), key());
        let client = json!({"type": "web", "skip_consent": true, "audiences": [API],
            "token_endpoint_auth_method": "private_key_jwt", "jwks": [mine.public],
            "security_profile": "fapi2",
            "grant_types": ["authorization_code", "refresh_token", "client_credentials"]});
        let app = App::register(&server, &root, client).await;
        Self { server, root, app, mine, bound, serial: AtomicU64::new(0) }
    }

    fn next(&self) -> String {
        self.serial.fetch_add(1, Ordering::Relaxed).to_string()
    }

    fn claims(&self, change: &[(&str, Value)]) -> Value {
        let now = self.server.now().secs();
        let mut claims = json!({"iss": self.app.id, "sub": self.app.id, "aud": self.server.base,
            "jti": self.next(), "iat": now, "exp": now + 60});
        for (name, value) in change {
            claims[*name] = value.clone();
        }
        claims
    }

    fn assertion(&self) -> String {
        signed(&self.mine, &json!({"alg": "ES256"}), &self.claims(&[]))
    }

    fn proof<'k>(&self, key: &'k SigningKey, path: &str) -> Proof<'k> {
        Proof::new(&self.server, key, "POST", path, &self.next())
    }

    /// A request of the client with an assertion, and optionally a proof.
    async fn send(&self, path: &str, fields: &[(&str, &str)], proof: Option<String>) -> Answer {
        self.send_with(path, fields, &self.assertion(), proof).await
    }

    async fn send_with(
        &self,
        path: &str,
        fields: &[(&str, &str)],
        assertion: &str,
        proof: Option<String>,
    ) -> Answer {
        let own = [("client_assertion_type", ASSERTION), ("client_assertion", assertion)];
        let request = self.server.request(Method::POST, path).header("content-type", FORM);
        let request = match proof {
            Some(proof) => request.header("dpop", proof),
            None => request,
        };
        self.server.send(request.body(form([&own, fields].concat()))).await
    }

    async fn push(&self, more: &[(&str, &str)]) -> Answer {
        let request = self.app.request(more);
        let fields: Vec<_> = request.iter().map(|(name, value)| (&**name, &**value)).collect();
        self.send(PAR, &fields, None).await
    }

    async fn code(&self, person: &Person<'_>) -> String {
        let pushed = self.push(&[]).await.is(201).string("request_uri");
        let query = form([("client_id", &*self.app.id), ("request_uri", &*pushed)]);
        person.visit(&format!("/oauth2/authorize?{query}")).await.said("code")
    }

    async fn redeem(&self, code: &str, proof: Option<String>) -> Answer {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &*self.app.redirect_uri),
            ("code_verifier", VERIFIER),
        ];
        self.send(TOKEN, &fields, proof).await
    }

    async fn refresh(&self, token: &str, key: &SigningKey) -> Answer {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token)];
        self.send(TOKEN, &fields, Some(self.proof(key, TOKEN).sign())).await
    }

    async fn tokens(&self, person: &Person<'_>) -> Value {
        let code = self.code(person).await;
        let proof = self.proof(&self.bound, TOKEN).sign();
        self.redeem(&code, Some(proof)).await.is(200).json()
    }
}

/// happy-flow, and refresh tokens that do not rotate (§5.3.2.1, note 1).
#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_stays_the_same_and_its_key_is_needed() {
    on_both("fapi2 refresh", async |backend| {
        let place = Place::on(backend).await;
        let ada = Person::new(&place.server, "ada");
        let stranger = App::register(&place.server, &place.root, json!({"type": "web"})).await;
        let tokens = place.tokens(&ada).await;
        assert_eq!(tokens["token_type"], "DPoP");
        let id_token = tokens["id_token"].as_str().unwrap();
        let header = jsonwebtoken::decode_header(id_token).unwrap();
        assert_eq!(header.alg, jsonwebtoken::Algorithm::ES256);
        let token = tokens["refresh_token"].as_str().unwrap().to_owned();
        for wait in [0, 10, 300, 86_400] {
            place.server.advance(TimeSpan::from_secs(wait));
            let again = place.refresh(&token, &place.bound).await.is(200).json();
            assert_eq!(again["refresh_token"], *token, "after {wait} s");
            assert_eq!(again["token_type"], "DPoP");
        }
        let all = join_all((0..20).map(|_| place.refresh(&token, &place.bound))).await;
        assert!(all.iter().all(|answer| answer.is(200).json()["refresh_token"] == *token));
        // Neither another key nor another client can use it, and neither attempt ends the session.
        let other = place.refresh(&token, &key()).await;
        assert_eq!(error_of(&other, 400), "invalid_grant");
        let fields = [("grant_type", "refresh_token"), ("refresh_token", &*token)];
        let without = place.send(TOKEN, &fields, None).await;
        assert_eq!(error_of(&without, 400), "invalid_dpop_proof");
        let answer = stranger.refresh(&place.server, &token).await;
        assert_eq!(error_of(&answer, 400), "invalid_grant");
        place.refresh(&token, &place.bound).await.is(200);
        // The administrator's first token has expired meanwhile.
        let login = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
        let root = Tokens::of(&place.server.post("/v1/login", login).await);
        assert!(place.server.events(&root, "refresh.reuse_detected").await.is_empty());
        // Revocation ends it like any other.
        place.send("/oauth2/revoke", &[("token", &token)], None).await.is(200);
        let ended = place.refresh(&token, &place.bound).await;
        assert_eq!(error_of(&ended, 400), "invalid_grant");
    })
    .await;
}

/// A client whose tokens rotated before it got the profile: its older tokens are refused without an alarm.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_from_before_the_profile_raise_no_alarm() {
    on_both("fapi2 and older tokens", async |backend| {
        let place = Place::on(backend).await;
        let path = format!("/v1/admin/clients/{}", place.app.id);
        let change = async |value: Value| {
            let body = json!({ "security_profile": value });
            let answer = place.server.call_as(Method::PATCH, &path, &place.root.access, body);
            answer.await.is(200);
        };
        let ada = Person::new(&place.server, "ada");
        change(Value::Null).await;
        let first = place.tokens(&ada).await["refresh_token"].as_str().unwrap().to_owned();
        let rotated = async |token: &str| {
            let answer = place.refresh(token, &place.bound).await;
            answer.is(200).string("refresh_token")
        };
        let second = rotated(&first).await;
        let third = rotated(&second).await;
        change(json!("fapi2")).await;
        // The current one is not bound to a key, and could otherwise be used with any.
        for old in [&first, &second, &third] {
            let answer = place.refresh(old, &place.bound).await;
            assert_eq!(error_of(&answer, 400), "invalid_grant");
        }
        // No session has ended: without the profile it continues.
        change(Value::Null).await;
        rotated(&third).await;
        assert!(place.server.events(&place.root, "refresh.reuse_detected").await.is_empty());
    })
    .await;
}

/// Request outside PAR, PKCE required, DPoP required and its algorithms, client assertions, code bound to a
/// key, other ways to log in.
#[tokio::test(flavor = "multi_thread")]
async fn the_profile_requires_what_it_names() {
    let place = Place::on(Backend::Sqlite).await;
    let (server, app) = (&place.server, &place.app);
    let ada = Person::new(server, "ada");
    let said = ada.visit(&app.url(&[])).await.callback();
    assert_eq!(param(&said, "error").as_deref(), Some("invalid_request"));
    assert!(param(&said, "error_description").unwrap().contains("/oauth2/par"));
    for more in [
        &[("code_challenge", ""), ("code_challenge_method", "")][..],
        &[("code_challenge_method", "plain")],
        &[("response_type", "code id_token")],
    ] {
        place.push(more).await.is(400);
    }
    // Every grant requires a proof, and a request without one does not use up the code.
    let code = place.code(&ada).await;
    assert_eq!(error_of(&place.redeem(&code, None).await, 400), "invalid_dpop_proof");
    let rsa = SigningKey::generate(SigningAlg::Rs256).unwrap();
    let weak = SigningKey::parse(SigningAlg::Rs256, &rsa.pkcs8).unwrap();
    let strong = SigningKey::parse(SigningAlg::Ps256, &rsa.pkcs8).unwrap();
    let mut proof = place.proof(&weak, TOKEN);
    proof.header["alg"] = json!("RS256");
    let answer = place.redeem(&code, Some(proof.sign())).await;
    assert_eq!(error_of(&answer, 400), "invalid_dpop_proof");
    let mut proof = place.proof(&weak, PAR);
    proof.header["alg"] = json!("RS256");
    let request = app.request(&[]);
    let fields: Vec<_> = request.iter().map(|(name, value)| (&**name, &**value)).collect();
    let pushed = place.send(PAR, &fields, Some(proof.sign())).await;
    assert_eq!(error_of(&pushed, 400), "invalid_dpop_proof");
    let mut proof = place.proof(&strong, TOKEN);
    proof.header["alg"] = json!("PS256");
    place.redeem(&code, Some(proof.sign())).await.is(200);
    let own = [("grant_type", "client_credentials")];
    assert_eq!(error_of(&place.send(TOKEN, &own, None).await, 400), "invalid_dpop_proof");
    let proof = place.proof(&place.bound, TOKEN).sign();
    place.send(TOKEN, &own, Some(proof)).await.is(200);
    // The audience of an assertion is the issuer, as a string.
    for aud in [
        json!([server.base]),
        json!(server.url(TOKEN)),
        json!(server.url(PAR)),
        json!(format!("{}/", server.base)),
    ] {
        let assertion =
            signed(&place.mine, &json!({"alg": "ES256"}), &place.claims(&[("aud", aud)]));
        let proof = place.proof(&place.bound, TOKEN).sign();
        let answer = place.send_with(TOKEN, &own, &assertion, Some(proof)).await;
        assert_eq!(error_of(&answer, 401), "invalid_client");
    }
    // A stored RSA key without alg verifies PS256 and nothing else.
    let mut tx = server.app.db.begin().await.unwrap();
    let mut stored = clients::hold(&mut tx, &app.id).await.unwrap().unwrap();
    stored.client.metadata.jwks = vec![json!(weak.public)];
    clients::update(&mut tx, &stored).await.unwrap();
    tx.commit().await.unwrap();
    server.app.reload_if_changed().await.unwrap();
    for (key, alg, status) in [(&weak, "RS256", 401), (&strong, "PS256", 200)] {
        let assertion = signed(key, &json!({ "alg": alg }), &place.claims(&[]));
        let proof = place.proof(&place.bound, TOKEN).sign();
        place.send_with(TOKEN, &own, &assertion, Some(proof)).await.is(status);
    }
    let login = json!({"login": "ada", "password": PASSWORD, "client_id": app.id});
    server.post("/v1/login", login).await.is_problem(400, "invalid_client");
    let assertion = signed(&strong, &json!({"alg": "PS256"}), &place.claims(&[]));
    let answer = place.send_with("/oauth2/device_authorization", &[], &assertion, None).await;
    assert_eq!(error_of(&answer, 400), "unauthorized_client");
    let assertion = signed(&strong, &json!({"alg": "PS256"}), &place.claims(&[]));
    let typed = [("login", "ada"), ("password", PASSWORD)];
    let answer = place.send_with("/oauth2/authorize-challenge", &typed, &assertion, None).await;
    assert_eq!(error_of(&answer, 400), "unauthorized_client");
}

/// A request from before the profile lacked its protection: a code from a request through the browser is
/// refused after the profile was enabled.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_of_a_request_that_was_not_pushed_is_not_redeemed_under_the_profile() {
    on_both("fapi2 switched on", async |backend| {
        let place = Place::on(backend).await;
        let path = format!("/v1/admin/clients/{}", place.app.id);
        let profile = async |profile: Value| {
            let change = json!({ "security_profile": profile });
            place.server.call_as(Method::PATCH, &path, &place.root.access, change).await.is(200);
        };
        let proof = || Some(place.proof(&place.bound, TOKEN).sign());
        let ada = Person::new(&place.server, "ada");
        profile(Value::Null).await;
        let plain = place.app.code(&ada, &[]).await;
        let pushed = place.code(&ada).await;
        // A request that was not pushed, whose user decides after the change.
        let again = [("prompt", "login")];
        let page = ada.get(&place.app.url(&again)).await;
        let redeemed = place.app.code(&ada, &[]).await;
        place.redeem(&redeemed, proof()).await.is(200);

        profile(json!("fapi2")).await;
        let late = ada.go_on(page).await.said("code");
        for code in [plain, late] {
            let tries = join_all((0..8).map(|_| place.redeem(&code, proof()))).await;
            for answer in &tries {
                assert_eq!(error_of(answer, 400), "invalid_grant");
            }
            let said = |answer: &Answer| answer.string("error_description").contains("not pushed");
            assert_eq!(
                tries.iter().filter(|answer| said(answer)).count(),
                1,
                "used up by the first"
            );
        }
        place.redeem(&pushed, proof()).await.is(200);
    })
    .await;
}
