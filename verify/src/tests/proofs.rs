//! Tokens that are bound to a key.

use serde_json::{Value, json};

use super::*;
use crate::key::sha256_base64url;

const URI: &str = "https://api.example.com/orders";

struct Sender {
    key: Arc<Key>,
    token: String,
}

impl Sender {
    fn proof(&self, change: impl FnOnce(&mut Value, &mut Value)) -> String {
        let mut header = json!({"alg": self.key.alg, "typ": "dpop+jwt", "jwk": self.key.public()});
        let ath = sha256_base64url(self.token.as_bytes());
        let mut claims = json!({"htm": "GET", "htu": URI, "jti": "p1", "iat": NOW, "ath": ath});
        change(&mut header, &mut claims);
        self.key.sign(&header, &claims.to_string())
    }

    fn code(&self, verifier: &Verifier, scheme: &str, proofs: &[&str], now: i64) -> Option<Code> {
        let authorization = format!("{scheme} {}", self.token);
        let headers: Vec<&[u8]> = proofs.iter().map(|proof| proof.as_bytes()).collect();
        let authorization: &[&[u8]] = &[authorization.as_bytes()];
        let proof = Proof { headers: &headers, method: "GET", uri: &format!("{URI}?page=2") };
        let request = Request { authorization, proof: Some(proof) };
        block_on(verifier.verify(&request, now)).err().map(|refused| refused.code)
    }
}

fn sender(issuer: &Issuer, alg: &'static str) -> Sender {
    let key = Key::new("own", alg);
    let token = issuer.token(|claims| claims["cnf"] = json!({"jkt": key.thumbprint()}));
    Sender { key, token }
}

#[test]
fn the_holder_of_the_key_passes_once_with_each_proof() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    for alg in ["ES256", "RS256", "PS256", "EdDSA"] {
        let sender = sender(&issuer, alg);
        let proof = sender.proof(|_, _| ());
        assert_eq!(sender.code(&verifier, "DPoP", &[&proof], NOW), None, "{alg}");
        let again = sender.code(&verifier, "DPoP", &[&proof], NOW + 1);
        assert_eq!(again, Some(Code::BadProof), "{alg}");
    }
}

#[test]
fn a_bound_token_is_never_bearer() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    let sender = sender(&issuer, "ES256");
    let proof = sender.proof(|_, _| ());
    assert_eq!(sender.code(&verifier, "Bearer", &[&proof], NOW), Some(Code::ProofRequired));
    assert_eq!(code(&verifier, &sender.token, NOW), Some(Code::ProofRequired));
    // Without proofs, the scheme is unknown.
    let value = format!("DPoP {}", sender.token);
    let request: &[&[u8]] = &[value.as_bytes()];
    let refused = block_on(verifier.verify(&Request::bearer(request), NOW)).unwrap_err();
    assert_eq!(refused.code, Code::NoToken);
    // A token that is not bound to a key needs no proof.
    let unbound = Sender { key: Arc::clone(&sender.key), token: issuer.token(|_| ()) };
    let proof = unbound.proof(|_, _| ());
    assert_eq!(unbound.code(&verifier, "DPoP", &[&proof], NOW), Some(Code::BadProof));
}

#[test]
fn a_proof_is_for_one_request_one_token_and_one_minute() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    let sender = sender(&issuer, "ES256");
    let other = Key::new("own", "ES256");
    let private = {
        let mut jwk = sender.key.public();
        jwk["d"] = json!("AA");
        jwk
    };
    type Change = Box<dyn Fn(&mut Value, &mut Value)>;
    let header = |name: &'static str, value: Value| -> Change {
        Box::new(move |header, _| header[name] = value.clone())
    };
    let claim = |name: &'static str, value: Value| -> Change {
        Box::new(move |_, claims| claims[name] = value.clone())
    };
    for (nth, change) in [
        header("typ", json!("JWT")),
        header("alg", json!("none")),
        header("alg", json!("HS256")),
        header("jwk", other.public()),
        header("jwk", private),
        header("jwk", json!("x")),
        header("crit", json!(["x"])),
        header("kid", json!("own")),
        claim("htm", json!("POST")),
        claim("htm", json!("get")),
        claim("htu", json!("https://api.example.com/order")),
        claim("htu", json!("http://api.example.com/orders")),
        claim("htu", json!(7)),
        claim("ath", json!(sha256_base64url(b"other"))),
        claim("ath", json!(null)),
        claim("iat", json!(NOW - 61)),
        claim("iat", json!(NOW + 61)),
        claim("iat", json!("now")),
        claim("jti", json!("")),
        claim("jti", json!(7)),
    ]
    .iter()
    .enumerate()
    {
        let proof = sender.proof(change);
        assert_eq!(sender.code(&verifier, "DPoP", &[&proof], NOW), Some(Code::BadProof), "{nth}");
    }
    assert_eq!(sender.code(&verifier, "DPoP", &[], NOW), Some(Code::BadProof));
    let (one, two) = (sender.proof(|_, c| c["jti"] = json!("a")), sender.proof(|_, _| ()));
    assert_eq!(sender.code(&verifier, "DPoP", &[&one, &two], NOW), Some(Code::SeveralHeaders));
    for (jti, iat) in [("b", NOW - 60), ("c", NOW + 60)] {
        let proof = sender.proof(|_, c| (c["jti"], c["iat"]) = (json!(jti), json!(iat)));
        assert_eq!(sender.code(&verifier, "DPoP", &[&proof], NOW), None);
        assert_eq!(sender.code(&verifier, "DPoP", &[&proof], NOW), Some(Code::BadProof));
    }
}
