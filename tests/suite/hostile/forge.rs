//! The requests of the rows: tokens that differ from a valid one in one respect, signed with keys of the test.
//!
//! Owns how each row is sent. The current time is used, so that a row can be created again.

use std::sync::atomic::{AtomicU64, Ordering};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::Serialize;
use serde_json::{Value, json};
use signet::crypto::jwk::PublicJwk;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;
use tokio::net::TcpListener;

use super::issuer::{StandIn, now};
use super::rows::{Row, Says};

/// The session of R2: the feed has to list it.
pub const ENDED_SESSION: &str = "0190f3a1-0000-7000-8000-00000000dead";
/// The session of all other tokens.
pub const SESSION: &str = "0190f3a1-0000-7000-8000-0000000000aa";
/// The path that is requested at the resource server.
const TARGET: &str = "/orders";

/// A request that client libraries may refuse to send.
#[derive(Debug, Clone, Serialize)]
pub struct Request {
    pub method: &'static str,
    pub target: String,
    pub headers: Vec<(String, String)>,
    pub body: String,
}

/// A row with its request, as a line of JSON for programs in other languages.
#[derive(Debug, Clone, Serialize)]
pub struct Case {
    pub id: &'static str,
    pub what: &'static str,
    pub request: Request,
    pub expect: &'static [u16],
    /// The `error` of the challenge: `none`, `invalid_token` or `any`.
    pub error: &'static str,
}

/// Creates tokens of one issuer for one audience with one algorithm.
pub struct Forge<'a> {
    pub issuer: &'a StandIn,
    pub audience: &'a str,
    pub alg: SigningAlg,
    /// The listener behind `jku` and `x5u`, which must get no connection.
    pub canary: TcpListener,
}

impl<'a> Forge<'a> {
    /// For an audience and an algorithm, ES256 or RS256.
    pub async fn new(issuer: &'a StandIn, audience: &'a str, alg: SigningAlg) -> Self {
        let canary = TcpListener::bind("127.0.0.1:0").await.unwrap();
        Self { issuer, audience, alg, canary }
    }

    /// The key that signs.
    pub fn key(&self) -> &SigningKey {
        self.issuer.keys.of(self.alg)
    }

    fn index(&self) -> usize {
        usize::from(self.alg != SigningAlg::Es256)
    }

    /// The header of a valid token.
    pub fn header(&self) -> Value {
        json!({"alg": self.alg, "typ": "at+jwt", "kid": self.key().kid})
    }

    /// The claims of a valid token. Each has its own `jti`.
    pub fn claims(&self) -> Value {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let now = now();
        json!({
            "iss": self.issuer.base, "sub": "0190f3a1-0000-7000-8000-000000000001",
            "aud": self.audience, "exp": now + 300, "iat": now, "jti": format!("token-{id}"),
            "client_id": "shop", "scope": "orders:read", "sid": SESSION,
        })
    }

    /// A valid token.
    pub fn good(&self) -> String {
        self.with(|_, _| ())
    }

    /// A token whose header and claims were changed before it was signed.
    pub fn with(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let (mut header, mut claims) = (self.header(), self.claims());
        change(&mut header, &mut claims);
        sign(self.key(), &header, claims.to_string().as_bytes())
    }

    fn claim(&self, name: &str, value: Value) -> String {
        self.with(|_, claims| claims[name] = value)
    }

    fn without(&self, name: &str) -> String {
        self.with(|_, claims| drop(claims.as_object_mut().unwrap().remove(name)))
    }

    fn typ(&self, typ: &str) -> String {
        self.with(|header, _| header["typ"] = json!(typ))
    }

    /// With `aud` twice, which no JSON value can have.
    fn two_audiences(&self, first: &str, last: &str) -> String {
        let mut claims = self.claims();
        claims.as_object_mut().unwrap().remove("aud");
        let text = claims.to_string();
        let rest = text.strip_prefix('{').unwrap();
        let text = format!("{{\"aud\":{},\"aud\":{},{rest}", json!(first), json!(last));
        sign(self.key(), &self.header(), text.as_bytes())
    }

    /// Signed by a key that was never published, with a change to the header that would make a careless
    /// verifier trust it.
    fn foreign(&self, change: impl FnOnce(&mut Value, &SigningKey)) -> String {
        let key = &self.issuer.keys.foreign[self.index()];
        let mut header = self.header();
        change(&mut header, key);
        sign(key, &header, self.claims().to_string().as_bytes())
    }

    /// With the `kid` of one published key, signed by the other with the other's algorithm.
    fn swapped(&self, named: SigningAlg, signing: SigningAlg) -> String {
        let keys = &self.issuer.keys;
        let header = json!({"alg": signing, "typ": "at+jwt", "kid": keys.of(named).kid});
        sign(keys.of(signing), &header, self.claims().to_string().as_bytes())
    }

    /// HS256 with a public key as the secret.
    fn hs256(&self, key: &SigningKey) -> String {
        let header = json!({"alg": "HS256", "typ": "at+jwt", "kid": key.kid}).to_string();
        let message = format!(
            "{}.{}",
            URL_SAFE_NO_PAD.encode(header),
            URL_SAFE_NO_PAD.encode(self.claims().to_string())
        );
        let secret = pem(&key.public);
        let secret = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, secret.as_bytes());
        let tag = aws_lc_rs::hmac::sign(&secret, message.as_bytes());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(tag.as_ref()))
    }

    fn unsigned(&self, alg: &str) -> String {
        let token = self.with(|header, _| header["alg"] = json!(alg));
        format!("{}.", token.rsplit_once('.').unwrap().0)
    }

    /// A valid token with another signature.
    fn signature(&self, change: impl FnOnce(Vec<u8>) -> Vec<u8>) -> String {
        let token = self.good();
        let (message, signature) = token.rsplit_once('.').unwrap();
        let changed = change(URL_SAFE_NO_PAD.decode(signature).unwrap());
        format!("{message}.{}", URL_SAFE_NO_PAD.encode(changed))
    }

    /// A valid token with another payload.
    fn changed_payload(&self) -> String {
        let (one, two) =
            (self.good(), self.claim("sub", json!("0190f3a1-0000-7000-8000-0000000000ff")));
        let part = |token: &str, nth| token.split('.').nth(nth).unwrap().to_owned();
        format!("{}.{}.{}", part(&one, 0), part(&two, 1), part(&one, 2))
    }

    /// A valid token of a length in bytes.
    pub fn long(&self, length: usize) -> String {
        let spare = length.saturating_sub(self.good().len()) / 4 * 3;
        self.claim("filler", json!("x".repeat(spare)))
    }

    /// The token of a row whose request differs by its token only.
    fn token(&self, id: &str) -> String {
        let (now, keys) = (now(), &self.issuer.keys);
        let other = "https://other.example.com";
        let canary = format!("http://{}", self.canary.local_addr().unwrap());
        match id {
            "T1" => self.claim("exp", json!(now - 3_600)),
            "T2" => self.claim("exp", json!(now - 65)),
            "T3" => self.claim("exp", json!(now - 3)),
            "T4" => self.without("exp"),
            "T5" => self.claim("exp", json!((now + 300).to_string())),
            "T6" => self.claim("nbf", json!(now + 3_600)),
            "T7" => self.with(|_, claims| {
                claims["iat"] = json!(now + 3_600);
                claims["exp"] = json!(now + 7_200);
            }),
            "I1" => self.claim("iss", json!(other)),
            "I2" => self.claim("iss", json!(format!("{}/", self.issuer.base))),
            "I3" => self.without("iss"),
            "A1" => self.claim("aud", json!(other)),
            "A2" => self.without("aud"),
            "A3" => self.claim("aud", json!(format!("{}/", self.audience))),
            "A4" => self.claim("aud", json!(self.audience[..self.audience.len() - 1])),
            "A5" => self.claim("aud", json!([other, format!("{}/x", self.audience)])),
            "A6" => self.claim("aud", json!(self.issuer.base)),
            "A7" => self.two_audiences(other, self.audience),
            "A8" => self.two_audiences(self.audience, other),
            "A9" => self.claim("aud", json!([other, self.audience])),
            "Y1" => self.with(|header, claims| {
                header["typ"] = json!("JWT");
                claims["nonce"] = json!("n-0S6_WzA2Mj");
                claims["auth_time"] = json!(now);
                claims.as_object_mut().unwrap().remove("client_id");
                claims.as_object_mut().unwrap().remove("scope");
            }),
            "Y2" => self.with(|header, _| drop(header.as_object_mut().unwrap().remove("typ"))),
            "Y3" => self.with(|header, claims| {
                header["typ"] = json!("logout+jwt");
                claims["events"] =
                    json!({"http://schemas.openid.net/event/backchannel-logout": {}});
            }),
            "Y4" => self.typ("dpop+jwt"),
            "Y5" => self.typ("signet-identity+jwt"),
            "Y6" => self.typ("application/at+jwt"),
            "K1" => self.unsigned("none"),
            "K2" => self.unsigned("nOnE"),
            "K3" => self.hs256(&keys.rs),
            "K4" => self.hs256(&keys.es),
            "K5" => self.swapped(SigningAlg::Es256, SigningAlg::Rs256),
            "K6" => self.swapped(SigningAlg::Rs256, SigningAlg::Es256),
            "K7" => self.with(|header, _| header["kid"] = json!("never-published")),
            "K8" => self.with(|header, _| header["kid"] = json!("../../dev/null")),
            "K9" => self.with(|header, _| header["kid"] = json!(7)),
            "K10" => self.foreign(|header, key| header["jwk"] = json!(key.public)),
            "K11" => self.foreign(|header, key| {
                header["kid"] = json!(key.kid);
                header["jku"] = json!(format!("{canary}/jwks"));
            }),
            "K12" => self.foreign(|header, key| {
                header["kid"] = json!(key.kid);
                header["x5u"] = json!(format!("{canary}/certificate"));
            }),
            "K13" => self.with(|header, _| {
                header["crit"] = json!(["urn:example:unknown"]);
                header["urn:example:unknown"] = json!(true);
            }),
            "K14" => self.with(|header, _| {
                header["crit"] = json!(["b64"]);
                header["b64"] = json!(false);
            }),
            "K15" => {
                let key = &keys.retired[self.index()];
                let mut header = self.header();
                header["kid"] = json!(key.kid);
                sign(key, &header, self.claims().to_string().as_bytes())
            }
            "S1" => self.signature(|_| Vec::new()),
            "S2" => self.signature(|signature| vec![0; signature.len()]),
            "S3" => self.signature(|signature| der(self.alg, &signature)),
            "S4" => self.foreign(|_, _| ()),
            "S5" => self.signature(|signature| [&signature[..], &[0]].concat()),
            "S6" => self.changed_payload(),
            "S7" => not_canonical(&self.good()),
            "S8" => format!("{}==", self.good()),
            "F1" => self.good().rsplit_once('.').unwrap().0.to_owned(),
            "F2" => format!("{0}.{1}.{1}", self.good(), URL_SAFE_NO_PAD.encode("more")),
            "F3" => sign(self.key(), &self.header(), json!([self.claims()]).to_string().as_bytes()),
            "F4" => sign(self.key(), &self.header(), b"not JSON"),
            "F5" => self.long(64 * 1024),
            "R1" => self.claim("cnf", json!({"jkt": keys.foreign[0].public.thumbprint()})),
            "R2" => self.claim("sid", json!(ENDED_SESSION)),
            "R3" => format!("srt_{}", URL_SAFE_NO_PAD.encode([7; 48])),
            "R4" => self.without("sub"),
            "R5" => self.without("client_id"),
            "G1" | "G2" => self.good(),
            other => panic!("no token is made for the row {other}"),
        }
    }

    /// The request of a row, created now.
    pub fn request(&self, id: &str) -> Request {
        let authorization = |value: String| vec![("Authorization".to_owned(), value)];
        let bearer = |token: &str| authorization(format!("Bearer {token}"));
        let (mut method, mut target, mut body) = ("GET", TARGET.to_owned(), String::new());
        let headers = match id {
            "P1" => Vec::new(),
            "P2" => authorization("Bearer ".to_owned()),
            "P3" => authorization(format!("Basic {}", self.good())),
            "P4" => {
                target = format!("{TARGET}?access_token={}", self.good());
                Vec::new()
            }
            "P5" => {
                (method, body) = ("POST", format!("access_token={}", self.good()));
                vec![("Content-Type".to_owned(), "application/x-www-form-urlencoded".to_owned())]
            }
            "P6" => [bearer(&self.good()), bearer(&self.good())].concat(),
            "P7" => authorization(format!("bearer {}", self.good())),
            id => bearer(&self.token(id)),
        };
        Request { method, target, headers, body }
    }

    /// A row with its request.
    pub fn case(&self, row: &Row) -> Case {
        let error = match row.says {
            Says::NoError => "none",
            Says::InvalidToken => "invalid_token",
            Says::Any => "any",
        };
        let Row { id, what, expect, .. } = *row;
        Case { id, what, request: self.request(id), expect, error }
    }
}

/// A token with this header and payload.
pub fn sign(key: &SigningKey, header: &Value, payload: &[u8]) -> String {
    let message = format!(
        "{}.{}",
        URL_SAFE_NO_PAD.encode(header.to_string()),
        URL_SAFE_NO_PAD.encode(payload)
    );
    let signature = key.sign(message.as_bytes()).unwrap();
    format!("{message}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// The same signature in another spelling: unused bits of the last base64url character are set.
fn not_canonical(token: &str) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let (rest, last) = token.split_at(token.len() - 1);
    let at = LETTERS.iter().position(|letter| *letter == last.as_bytes()[0]).unwrap();
    format!("{rest}{}", char::from(LETTERS[at ^ 1]))
}

/// An ECDSA signature as `SEQUENCE { r, s }` (RFC 3279 §2.2.3), an RSA signature as an `OCTET STRING`.
fn der(alg: SigningAlg, signature: &[u8]) -> Vec<u8> {
    let element = |tag: u8, content: &[u8]| {
        let length = content.len();
        let mut bytes = vec![tag];
        match u8::try_from(length) {
            Ok(short @ ..128) => bytes.push(short),
            _ => bytes.extend([0x82, (length >> 8) as u8, (length & 0xff) as u8]),
        }
        [&bytes, content].concat()
    };
    if alg != SigningAlg::Es256 {
        return element(4, signature);
    }
    let integer = |half: &[u8]| {
        let first = half.iter().position(|byte| *byte != 0).unwrap_or(half.len() - 1);
        let mut number = half[first..].to_vec();
        if number[0] >= 128 {
            number.insert(0, 0);
        }
        element(2, &number)
    };
    let (r, s) = signature.split_at(signature.len() / 2);
    element(0x30, &[integer(r), integer(s)].concat())
}

/// SubjectPublicKeyInfo (RFC 5280 §4.1) in PEM: a fixed prefix before the key.
pub fn pem(public: &PublicJwk) -> String {
    let bytes = |text: &str| URL_SAFE_NO_PAD.decode(text).unwrap();
    let der = match public {
        PublicJwk::Ec { x, y, .. } => {
            let prefix = [
                0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06,
                0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04,
            ];
            [&prefix[..], &bytes(x), &bytes(y)].concat()
        }
        PublicJwk::Rsa { n, .. } => {
            // A modulus of 2048 bits and the exponent 65537.
            let prefix = [
                0x30, 0x82, 0x01, 0x22, 0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d,
                0x01, 0x01, 0x01, 0x05, 0x00, 0x03, 0x82, 0x01, 0x0f, 0x00, 0x30, 0x82, 0x01, 0x0a,
                0x02, 0x82, 0x01, 0x01, 0x00,
            ];
            [&prefix[..], &bytes(n), &[0x02, 0x03, 0x01, 0x00, 0x01]].concat()
        }
        PublicJwk::Okp { .. } => panic!("the matrix has EC and RSA keys"),
    };
    let text = STANDARD.encode(der);
    let lines: Vec<&str> =
        text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("-----BEGIN PUBLIC KEY-----\n{}\n-----END PUBLIC KEY-----\n", lines.join("\n"))
}
