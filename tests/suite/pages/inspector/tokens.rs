//! Tokens for the inspector: valid ones, and invalid ones of every kind that a browser can detect.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::opaque_token;
use signet::crypto::jwt::SigningKey;

use crate::support::Server;
use crate::support::server::{PASSWORD, Tokens};

pub const API: &str = "https://api.example.com";

/// A token, with the audience for which it is checked.
pub struct Case {
    pub what: String,
    pub token: String,
    pub audience: Option<&'static str>,
}

/// Creates tokens with a key of the server.
pub struct Maker {
    key: Arc<SigningKey>,
    header: Value,
    /// The claims of a valid token for the issuer itself.
    pub claims: Value,
    now: i64,
}

fn part(text: impl AsRef<[u8]>) -> String {
    URL_SAFE_NO_PAD.encode(text)
}

fn with(value: &Value, name: &str, new: Value) -> Value {
    let mut value = value.clone();
    value[name] = new;
    value
}

fn without(value: &Value, name: &str) -> Value {
    let mut value = value.clone();
    value.as_object_mut().unwrap().remove(name);
    value
}

impl Maker {
    /// One that makes tokens like `good`.
    pub fn like(server: &Server, good: &Tokens) -> Self {
        let header = URL_SAFE_NO_PAD.decode(good.access.split('.').next().unwrap()).unwrap();
        let header: Value = serde_json::from_slice(&header).unwrap();
        let key = server.app.keyring().parsed(header["kid"].as_str().unwrap()).unwrap();
        Self { key, header, claims: good.claims(), now: server.now().secs() }
    }

    /// Signed, with any header and payload.
    fn sign(&self, header: &str, payload: impl AsRef<[u8]>) -> String {
        let message = format!("{}.{}", part(header), part(payload));
        let signature = self.key.sign(message.as_bytes()).unwrap();
        format!("{message}.{}", part(signature))
    }

    /// A token with these claims.
    pub fn token(&self, claims: &Value) -> String {
        self.sign(&self.header.to_string(), claims.to_string())
    }

    /// A valid token with one claim changed.
    pub fn claim(&self, name: &str, value: Value) -> String {
        self.token(&with(&self.claims, name, value))
    }

    fn head(&self, header: &Value) -> String {
        self.sign(&header.to_string(), self.claims.to_string())
    }

    /// Every token that the page and `signet token why` must judge alike. `for_api` creates tokens for [`API`].
    pub fn cases(&self, for_api: &Self) -> Vec<Case> {
        let mut all = Vec::new();
        let mut add = |kind: &str, tokens: Vec<String>| {
            for (n, token) in tokens.into_iter().enumerate() {
                all.push(Case { what: format!("{kind} {n}"), token, audience: None });
            }
        };
        add("good", self.good());
        add("form", self.forms());
        add("secret", opaque_token::KINDS.iter().map(|(prefix, _)| format!("{prefix}x")).collect());
        add("header", self.headers());
        add("signature", self.signatures());
        add("claim", self.changed_claims());
        add("missing", self.missing_claims());
        add("written", self.written_claims());
        for asked in [API, "https://api.example.com/", "https://api.example.co", "urn:other"] {
            let token = for_api.token(&for_api.claims);
            all.push(Case { what: format!("for {asked}"), token, audience: Some(asked) });
        }
        let list = for_api.claim("aud", json!([API, "urn:other"]));
        all.push(Case { what: "list of audiences".to_owned(), token: list, audience: Some(API) });
        let jwt = with(&self.header, "typ", json!("JWT"));
        let token = for_api.sign(&jwt.to_string(), for_api.claims.to_string());
        all.push(Case { what: "typ JWT for an API".to_owned(), token, audience: Some(API) });
        all
    }

    /// Also in other spellings with the same meaning.
    fn good(&self) -> Vec<String> {
        let spaced = serde_json::to_string_pretty(&self.claims).unwrap();
        let nested = with(&self.claims, "deep", json!({"a": [{"exp": "x"}, "\"}{,:\\", {}, []]}));
        vec![
            self.token(&self.claims),
            self.sign(&self.header.to_string(), spaced),
            self.token(&nested),
            self.claim("name", json!("Ada \u{202e}\u{0}\u{1f511} é")),
            self.claim("auth_time", Value::Null),
        ]
    }

    fn forms(&self) -> Vec<String> {
        let token = self.token(&self.claims);
        let parts: Vec<&str> = token.split('.').collect();
        let (header, claims) = (self.header.to_string(), self.claims.to_string());
        let payload = |payload: &[u8]| self.sign(&header, payload);
        let member = |text: &str| payload(format!("{{\"x\":{text},{}", &claims[1..]).as_bytes());
        let mut last = token.clone();
        // Sixteen letters decode to the same last bits of a signature of 64 bytes.
        let letter = if token.ends_with('A') { "B" } else { "A" };
        last.replace_range(token.len() - 1.., letter);
        let other = if token.ends_with('Q') { "R" } else { "B" };
        let mut stray = token.clone();
        stray.replace_range(token.len() - 1.., other);
        vec![
            "abc".to_owned(),
            "a.b.c".to_owned(),
            "a.b".to_owned(),
            "a.b.c.d.e".to_owned(),
            "..".to_owned(),
            "\u{1b}[31m\u{202e}.é.🗝".to_owned(),
            format!("{token}="),
            format!("{token}.x"),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{}.{}", parts[0], parts[1]),
            format!("{}.{}.!", parts[1], parts[0]),
            format!("{} .{}.{}", parts[0], parts[1], parts[2]),
            payload(b"[1]"),
            payload(b"null"),
            payload(b"{} x"),
            payload(b"\xef\xbb\xbf{}"),
            payload(b"{\"sub\":\"\xff\"}"),
            self.sign("\"a\"", &claims),
            member(&format!("{}{}", "[".repeat(127), "]".repeat(127))),
            member(&format!("{}{}", "[".repeat(126), "]".repeat(126))),
            member("1e400"),
            member("\"\\ud800\""),
            format!("{token}{}", "A".repeat(16_384)),
            "é.".repeat(9_000),
            last,
            stray,
        ]
    }

    fn headers(&self) -> Vec<String> {
        let header = &self.header;
        let more = |name: &str, value: Value| self.head(&with(header, name, value));
        let text = header.to_string();
        let kid = header["kid"].to_string();
        vec![
            more("crit", json!(["exp"])),
            more("jku", json!("http://127.0.0.1:1/jwks")),
            more("x5u", json!("http://127.0.0.1:1/cert")),
            more("jwk", json!({"kty": "EC"})),
            more("b64", json!(false)),
            more("typ", json!(5)),
            more("kid", json!(5)),
            more("alg", Value::Null),
            self.head(&without(header, "kid")),
            self.head(&without(header, "typ")),
            self.head(&json!({})),
            self.sign(&format!("{{\"kid\":{kid},{}", &text[1..]), self.claims.to_string()),
            more("typ", json!("JWT")),
            more("typ", json!("logout+jwt")),
            more("typ", json!("dpop+jwt")),
            more("typ", json!("signet-identity+jwt")),
            more("typ", json!("AT+JWT")),
            more("kid", json!("another")),
            more("kid", json!("")),
            more("kid", json!("../../dev/null")),
            more("kid", json!("__proto__")),
            more("kid", json!("k".repeat(4_000))),
            more("alg", json!("RS256")),
            more("alg", json!("HS256")),
            more("alg", json!("none")),
            more("alg", json!("nOnE")),
            more("alg", json!("")),
        ]
    }

    fn signatures(&self) -> Vec<String> {
        let token = self.token(&self.claims);
        let (message, signature) = token.rsplit_once('.').unwrap();
        let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        let signed = |bytes: &[u8]| format!("{message}.{}", part(bytes));
        let other = SigningKey::generate(self.key.alg).unwrap().key;
        let payload = part(with(&self.claims, "scope", json!("signet:admin")).to_string());
        let mut der = vec![0x30, 0x44, 0x02, 0x20];
        der.extend_from_slice(&bytes[..32]);
        der.extend([0x02, 0x20]);
        der.extend_from_slice(&bytes[32..]);
        let mut turned = bytes.clone();
        turned.reverse();
        vec![
            signed(&[0; 64]),
            signed(&[0]),
            signed(&der),
            signed(&turned),
            signed(&bytes[..63]),
            signed(&[bytes.as_slice(), &[0]].concat()),
            signed(&other.sign(message.as_bytes()).unwrap()),
            format!("{}.{payload}.{signature}", part(self.header.to_string())),
        ]
    }

    fn changed_claims(&self) -> Vec<String> {
        [
            ("iss", json!("https://other.example.com")),
            ("iss", json!(format!("{}/", self.claims["iss"].as_str().unwrap()))),
            ("iss", json!("<img src=x onerror=alert(1)>")),
            ("exp", json!(self.now)),
            ("exp", json!(self.now - 3_600)),
            ("exp", json!("1800000000")),
            ("exp", json!(-1)),
            ("exp", json!(253_402_300_800_i64)),
            ("iat", json!(self.now + 3_600)),
            ("iat", json!(self.now as f64 - 0.5)),
            ("nbf", json!(1)),
            ("nbf", Value::Null),
            ("sub", json!("")),
            ("jti", json!(7)),
            ("client_id", json!([])),
            ("scope", Value::Null),
            ("sid", json!({})),
            ("auth_time", json!("now")),
            ("amr", json!("pwd")),
            ("acr", json!(2)),
            ("acr", json!("urn:other")),
            ("act", json!("x")),
            ("cnf", json!({"jkt": 1})),
            ("cnf", json!("x")),
        ]
        .into_iter()
        .map(|(name, value)| self.claim(name, value))
        .collect()
    }

    fn missing_claims(&self) -> Vec<String> {
        ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "sid"]
            .map(|name| self.token(&without(&self.claims, name)))
            .to_vec()
    }

    /// Claims that JSON parsers read in more than one way.
    fn written_claims(&self) -> Vec<String> {
        let claims = self.claims.to_string();
        let first = |member: &str| format!("{{{member},{}", &claims[1..]);
        let exp = format!("\"exp\":{}", self.claims["exp"]);
        let in_place = |new: &str| claims.replace(&exp, &format!("\"exp\":{new}"));
        [
            first("\"scope\":\"signet:admin\""),
            first("\"exp\":1"),
            first("\"x\":1,\"x\":2"),
            first("\"iss\":\"https://other.example.com\""),
            first("\"\\u0061ud\":\"urn:other\""),
            in_place("2e9"),
            in_place("2000000000.0"),
            in_place("-0"),
        ]
        .map(|payload| self.sign(&self.header.to_string(), payload))
        .to_vec()
    }
}

/// A valid token and a modified one, for an API with each algorithm.
pub async fn of_every_algorithm(server: &Server, root: &Tokens, api: &str) -> Vec<Case> {
    let mut all = Vec::new();
    for alg in ["ES256", "RS256", "PS256", "ES384", "EdDSA"] {
        let rules = json!({ "signing_alg": alg });
        server.call_as(Method::PATCH, api, &root.access, rules).await.is(200);
        let login = json!({"login": "ada", "password": PASSWORD, "audience": API});
        let good = Tokens::of(&server.post("/v1/login", login).await).access;
        let (message, signature) = good.rsplit_once('.').unwrap();
        let mut bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
        bytes[9] ^= 1;
        let changed = format!("{message}.{}", part(bytes));
        for (what, token) in [("good", good.clone()), ("changed", changed)] {
            all.push(Case { what: format!("{alg}, {what}"), token, audience: Some(API) });
        }
    }
    all
}
