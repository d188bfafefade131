//! Malformed and conflicting client authentication: headers, assertions, and both at once.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::jwt::SigningKey;

use crate::support::clients::old_client;
use crate::support::relying_party::{App, FORM, basic, error_of, form, signed};
use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server};

use super::key;

const PATH: &str = "/oauth2/introspect";
const KIND: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

async fn set() -> (Server, Tokens) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    (server, root)
}

async fn send(server: &Server, headers: &[(&str, &str)], body: String) -> Answer {
    let mut request = server.request(Method::POST, PATH).header("content-type", FORM);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    server.send(request.body(body)).await
}

/// RFC 6749 §2.3.1: both halves are form-encoded, so the id of an old client may contain a colon.
#[tokio::test(flavor = "multi_thread")]
async fn a_basic_header_is_read_to_the_letter() {
    let (server, _) = set().await;
    let id = "https://svc.example.com/a:b~c";
    let secret = old_client(&server, id).await;
    let raw = |text: &str| format!("Basic {}", STANDARD.encode(text));
    let token = || "token=x".to_owned();
    let good = basic(id, &secret);
    send(&server, &[("authorization", &good)], token()).await.is(200);
    let scheme = good.replacen("Basic", "bAsIc", 1);
    send(&server, &[("authorization", &scheme)], token()).await.is(200);
    // Without encoding the id ends at its first colon.
    for wrong in [
        raw(&format!("{id}:{secret}")),
        raw(&format!("https%3A%2F%2Fsvc.example.com%2Fa%3Ab~c:{secret}x")),
        raw(&format!("https%3A%2F%2Fsvc.example.com%2Fa%3Ab~c:{}", &secret[..secret.len() - 1])),
        raw(&format!("https%3A%2F%2Fsvc.example.com%2Fa%3Ab~c:{}", secret.to_uppercase())),
        raw(&format!("%zz%:{secret}")),
        raw(&format!("%00:{secret}")),
        raw(&format!("{}:{secret}", "a".repeat(3_000))),
        format!("{good}="),
        format!("{good} x"),
        good.replacen("Basic ", "Basic", 1),
        "Basic".to_owned(),
        "Basic //79".to_owned(),
    ] {
        let answer = send(&server, &[("authorization", &wrong)], token()).await;
        assert_eq!(error_of(&answer, 401), "invalid_client", "{wrong:.60}");
        assert!(answer.header("www-authenticate").starts_with("Basic "), "{wrong:.60}");
    }
    let two = [("authorization", &*good), ("authorization", &*good)];
    assert_eq!(error_of(&send(&server, &two, token()).await, 400), "invalid_request");
    let another = format!("token=x&{}", form([("client_id", "another")]));
    let answer = send(&server, &[("authorization", &good)], another).await;
    assert_eq!(error_of(&answer, 400), "invalid_request");
    // A long header gets a response and does not crash the server.
    let long = raw(&format!("a:{}", "b".repeat(1 << 20)));
    // With a separate client: the connection is closed, perhaps before the request was sent completely, and
    // must not be reused by other tests.
    let own = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = own.post(server.url(PATH)).header("content-type", FORM);
    match request.header("authorization", long).body(token()).send().await {
        Ok(answer) => assert!((400..500).contains(&answer.status().as_u16())),
        Err(error) => assert!(error.is_request(), "{error}"),
    }
    send(&server, &[("authorization", &good)], token()).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_disabled_and_deleted_clients_are_refused_alike() {
    let (server, root) = set().await;
    let clients: Vec<App> = {
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(App::register(&server, &root, json!({"type": "web"})).await);
        }
        all
    };
    let path = |app: &App| format!("/v1/admin/clients/{}", app.id);
    let disable = format!("{}/disable", path(&clients[0]));
    server.call_as(Method::POST, &disable, &root.access, Value::Null).await.is(200);
    server.call_as(Method::DELETE, &path(&clients[1]), &root.access, Value::Null).await.is(204);
    let wrong = App { secret: clients[0].secret.clone(), ..clients[2].clone() };
    let mut texts = Vec::new();
    for app in [&clients[0], &clients[1], &wrong] {
        let answer = app.call(&server, PATH, &[("token", "x")]).await;
        assert_eq!(error_of(&answer, 401), "invalid_client");
        // The order of headers is not compared.
        let names: BTreeSet<String> = answer.headers.keys().map(ToString::to_string).collect();
        texts.push((answer.text, names));
    }
    for other in &texts[1..] {
        assert_eq!(texts[0], *other);
    }
    clients[2].call(&server, PATH, &[("token", "x")]).await.is(200);
}

struct Asserting {
    server: Server,
    root: Tokens,
    app: App,
    mine: SigningKey,
}

impl Asserting {
    async fn new() -> Self {
        let (server, root) = set().await;
        let mine = key();
        let client = json!({"type": "web", "token_endpoint_auth_method": "private_key_jwt",
            "jwks": {"keys": [mine.public]}});
        let app = App::register(&server, &root, client).await;
        Self { server, root, app, mine }
    }

    fn claims(&self, jti: &str) -> Value {
        json!({"iss": self.app.id, "sub": self.app.id, "aud": self.server.base, "jti": jti,
            "exp": self.server.now().secs() + 60})
    }

    fn good(&self, jti: &str) -> String {
        signed(&self.mine, &json!({"alg": "ES256"}), &self.claims(jti))
    }

    async fn send(&self, fields: &[(&str, &str)]) -> Answer {
        let fields = [&[("token", "x")], fields].concat();
        send(&self.server, &[], form(fields)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_comes_alone_and_in_the_body() {
    let asserting = Asserting::new().await;
    let (server, app) = (&asserting.server, &asserting.app);
    let kind = ("client_assertion_type", KIND);
    asserting.send(&[kind, ("client_assertion", &asserting.good("1"))]).await.is(200);
    let two = asserting.good("2");
    for (what, fields) in [
        ("no type", vec![("client_assertion", &*two)]),
        ("another type", {
            let saml = "urn:ietf:params:oauth:client-assertion-type:saml2-bearer";
            vec![("client_assertion_type", saml), ("client_assertion", &*two)]
        }),
        ("a type alone", vec![kind]),
        ("nothing in it", vec![kind, ("client_assertion", "")]),
        ("twice", vec![kind, ("client_assertion", &*two), ("client_assertion", &*two)]),
        ("with a secret", vec![kind, ("client_assertion", &*two), ("client_secret", "x")]),
    ] {
        let answer = asserting.send(&fields).await;
        assert_eq!(error_of(&answer, 400), "invalid_request", "{what}");
    }
    // In the query it is not read, and the one in the body has not been used up by any of this.
    let query = form([kind, ("client_assertion", &*two)]);
    let request = server.request(Method::POST, &format!("{PATH}?{query}"));
    let answer = server.send(request.header("content-type", FORM).body("token=x")).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
    asserting.send(&[kind, ("client_assertion", &two)]).await.is(200);
    // A client with a key cannot authenticate by a secret, nor without a credential.
    let header = basic(&app.id, "anything");
    let answer = send(server, &[("authorization", &header)], "token=x".to_owned()).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
    let answer = asserting.send(&[("client_id", &app.id)]).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
}

/// RFC 8725: no publicly known key is accepted.
#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_is_signed_with_the_clients_own_key() {
    let asserting = Asserting::new().await;
    let (server, root, app) = (&asserting.server, &asserting.root, &asserting.app);
    let public = json!(asserting.mine.public);
    let encode = |text: &str| URL_SAFE_NO_PAD.encode(text);
    let hmac = |secret: &[u8], jti: &str| {
        let header = json!({"alg": "HS256"}).to_string();
        let claims = asserting.claims(jti).to_string();
        let message = format!("{}.{}", encode(&header), encode(&claims));
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret);
        let tag = aws_lc_rs::hmac::sign(&key, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    };
    let point = URL_SAFE_NO_PAD.decode(public["x"].as_str().unwrap()).unwrap();
    let good = asserting.good("base");
    let (message, _) = good.rsplit_once('.').unwrap();
    let thiefs = key();
    let own_key = json!({"alg": "ES256", "jwk": thiefs.public});
    let unsigned = {
        let header = json!({"alg": "none"}).to_string();
        format!("{}.{}.", encode(&header), encode(&asserting.claims("none").to_string()))
    };
    // The public half of a key of the server.
    let ours = asserting.server.app.keyring();
    let ours = ours.signer(signet::domain::signing_key::SigningAlg::Es256).unwrap();
    let ours = ours.sign(signet::domain::claims::TokenType::Jwt, &asserting.claims("o")).unwrap();
    for (what, assertion) in [
        ("the public key as a secret", hmac(public.to_string().as_bytes(), "h1")),
        ("its point as a secret", hmac(&point, "h2")),
        ("no secret", hmac(b"", "h3")),
        ("its name as a secret", hmac(app.id.as_bytes(), "h4")),
        ("no signature", format!("{message}.")),
        ("zeros", format!("{message}.{}", "A".repeat(86))),
        ("unsigned", unsigned),
        ("a key it brings along", signed(&thiefs, &own_key, &asserting.claims("jwk"))),
        ("the server's key", ours),
        ("two parts", message.to_owned()),
        ("five parts", format!("{good}.x.y")),
        ("long", "e".repeat(30_000)),
    ] {
        let fields = [("client_assertion_type", KIND), ("client_assertion", &*assertion)];
        let answer = asserting.send(&fields).await;
        assert_eq!(error_of(&answer, 401), "invalid_client", "{what}");
    }
    // After a change of the key, signatures of the old one are refused.
    let next = key();
    let path = format!("/v1/admin/clients/{}", app.id);
    let jwks = json!({"jwks": {"keys": [next.public]}});
    server.call_as(Method::PATCH, &path, &root.access, jwks).await.is(200);
    let old = asserting.good("old");
    let fields = [("client_assertion_type", KIND), ("client_assertion", &*old)];
    assert_eq!(error_of(&asserting.send(&fields).await, 401), "invalid_client");
    let new = signed(&next, &json!({"alg": "ES256"}), &asserting.claims("new"));
    let fields = [("client_assertion_type", KIND), ("client_assertion", &*new)];
    asserting.send(&fields).await.is(200);
}
