//! Accepted and refused tokens.

use serde_json::{Value, json};

use super::*;

#[test]
fn every_algorithm_passes_and_the_claims_are_said() {
    for alg in ["ES256", "RS256", "PS256", "EdDSA"] {
        let issuer = Issuer::new(alg);
        let verifier = issuer.verifier(Revocations::NotRead);
        let value = format!("Bearer {}", issuer.token(|_| ()));
        let request: &[&[u8]] = &[value.as_bytes()];
        let verified = block_on(verifier.verify(&Request::bearer(request), NOW)).unwrap();
        let claims = verified.claims;
        assert_eq!(
            (&*claims.sub, &*claims.client_id, &*claims.jti),
            ("ada", "shop", "t1"),
            "{alg}"
        );
        assert!(claims.has_scope("read") && claims.has_scope("write") && !claims.has_scope("rea"));
        assert_eq!((claims.sid.as_deref(), claims.exp), (Some("s1"), NOW + 600));
        assert_eq!(claims.all["scope"], "read write");
    }
}

#[test]
fn claims_are_compared() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    for (name, value, expected) in [
        ("exp", json!(NOW - 4), None),
        ("exp", json!(NOW - 5), Some(Code::Expired)),
        ("exp", json!(1_799_999_995.5), Some(Code::Expired)),
        ("exp", json!("1900000000"), Some(Code::IncompleteClaims)),
        ("exp", Value::Null, Some(Code::IncompleteClaims)),
        ("nbf", json!(NOW + 5), None),
        ("nbf", json!(NOW + 6), Some(Code::IssuedInFuture)),
        ("nbf", json!("soon"), Some(Code::IncompleteClaims)),
        ("iat", json!(NOW + 60), None),
        ("iat", json!(NOW + 61), Some(Code::IssuedInFuture)),
        ("iss", json!(format!("{ISSUER}/")), Some(Code::WrongIssuer)),
        ("iss", json!([ISSUER]), Some(Code::IncompleteClaims)),
        ("aud", json!([API, "https://other.example.com"]), None),
        ("aud", json!("https://other.example.com"), Some(Code::WrongAudience)),
        ("aud", json!([]), Some(Code::WrongAudience)),
        ("aud", json!([API, 7]), Some(Code::IncompleteClaims)),
        ("sub", json!(7), Some(Code::IncompleteClaims)),
        ("scope", json!(["read"]), Some(Code::IncompleteClaims)),
        ("cnf", json!({"jkt": "x"}), Some(Code::ProofRequired)),
        ("cnf", json!({"x5t#S256": "x"}), Some(Code::ProofRequired)),
        ("cnf", json!(null), Some(Code::ProofRequired)),
        ("roles", json!(["admin"]), None),
    ] {
        let token = issuer.token(|claims| claims[name] = value.clone());
        assert_eq!(code(&verifier, &token, NOW), expected, "{name} {value}");
    }
    for name in ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"] {
        let token = issuer.token(|claims| drop(claims.as_object_mut().unwrap().remove(name)));
        assert!(code(&verifier, &token, NOW).is_some(), "{name}");
    }
    for name in ["sid", "scope"] {
        let token = issuer.token(|claims| drop(claims.as_object_mut().unwrap().remove(name)));
        assert_eq!(code(&verifier, &token, NOW), None, "{name}");
    }
}

#[test]
fn the_header_has_three_members_and_no_other() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    let payload = issuer.claims().to_string();
    let good = json!({"alg": "ES256", "kid": "one", "typ": "at+jwt"});
    let with = |name: &str, value: Value| {
        let mut header = good.clone();
        header[name] = value;
        code(&verifier, &issuer.key.sign(&header, &payload), NOW)
    };
    for typ in ["at+jwt", "AT+JWT", "application/at+jwt", "Application/At+Jwt"] {
        assert_eq!(with("typ", json!(typ)), None, "{typ}");
    }
    for typ in ["JWT", "revocations+jwt", "dpop+jwt", "signet-identity+jwt", "text/at+jwt", ""] {
        assert_eq!(with("typ", json!(typ)), Some(Code::WrongType), "{typ}");
    }
    for (name, value) in [
        ("crit", json!(["b64"])),
        ("b64", json!(true)),
        ("jwk", issuer.key.public()),
        ("jku", json!("https://id.example.com/jwks")),
        ("x5c", json!([])),
        ("cty", json!("JWT")),
    ] {
        assert_eq!(with(name, value), Some(Code::UnexpectedHeader), "{name}");
    }
    for alg in ["none", "nOnE", "HS256", "es256", "ES384"] {
        assert_eq!(with("alg", json!(alg)), Some(Code::WrongAlgorithm), "{alg}");
    }
    assert_eq!(with("alg", json!("RS256")), Some(Code::WrongAlgorithm));
    assert_eq!(with("kid", json!(7)), Some(Code::UnexpectedHeader));
    assert_eq!(with("kid", json!("two")), Some(Code::UnknownKey));
    for name in ["alg", "kid", "typ"] {
        let mut header = good.clone();
        header.as_object_mut().unwrap().remove(name);
        let token = issuer.key.sign(&header, &payload);
        assert_eq!(code(&verifier, &token, NOW), Some(Code::UnexpectedHeader), "{name}");
    }
}

#[test]
fn a_token_has_one_spelling() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    let token = issuer.token(|_| ());
    assert_eq!(code(&verifier, &token, NOW), None);
    // The last character of a signature of 64 bytes has 4 unused bits, so 15 other characters encode the same bytes.
    let (rest, last) = token.split_at(token.len() - 1);
    let letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    for letter in letters.chars().filter(|letter| *letter != last.chars().next().unwrap()) {
        assert!(code(&verifier, &format!("{rest}{letter}"), NOW).is_some(), "{letter}");
    }
    for end in ["=", "==", "A", "AA", ".", ".A", " "] {
        assert!(code(&verifier, &format!("{token}{end}"), NOW).is_some(), "{end:?}");
    }
    let (message, signature) = token.rsplit_once('.').unwrap();
    assert!(code(&verifier, message, NOW).is_some());
    assert_eq!(code(&verifier, &format!("{message}."), NOW), Some(Code::BadSignature));
    let bytes = URL_SAFE_NO_PAD.decode(signature).unwrap();
    for changed in [vec![0; 64], [&bytes[..], &[0]].concat(), bytes[..63].to_vec(), Vec::new()] {
        let token = format!("{message}.{}", URL_SAFE_NO_PAD.encode(changed));
        assert_eq!(code(&verifier, &token, NOW), Some(Code::BadSignature));
    }
    let long = issuer.token(|claims| claims["x"] = json!("x".repeat(16 * 1024)));
    assert_eq!(code(&verifier, &long, NOW), Some(Code::TooLarge));
}

#[test]
fn members_are_named_once() {
    let issuer = Issuer::new("ES256");
    let verifier = issuer.verifier(Revocations::NotRead);
    let header = json!({"alg": "ES256", "kid": "one", "typ": "at+jwt"});
    let claims = issuer.claims().to_string();
    let twice = claims.replacen('{', &format!("{{\"aud\":{},", json!(API)), 1);
    assert_eq!(code(&verifier, &issuer.key.sign(&header, &claims), NOW), None);
    for payload in [&twice, "[]", "x", "", "null"] {
        let token = issuer.key.sign(&header, payload);
        assert_eq!(code(&verifier, &token, NOW), Some(Code::Malformed), "{payload}");
    }
}

#[test]
fn trust_is_checked_when_the_verifier_is_made() {
    let issuer = Issuer::new("ES256");
    let good = Trust {
        issuer: ISSUER.to_owned(),
        audience: API.to_owned(),
        name: "orders".to_owned(),
        revocations: Revocations::NotRead,
    };
    assert!(Verifier::new(good.clone(), issuer.clone()).is_ok());
    for wrong in [
        Trust { issuer: format!("{ISSUER}/"), ..good.clone() },
        Trust { issuer: "id.example.com".to_owned(), ..good.clone() },
        Trust { name: "a b".to_owned(), ..good.clone() },
        Trust { name: String::new(), ..good.clone() },
        Trust { audience: String::new(), ..good.clone() },
        Trust { audience: ISSUER.to_owned(), ..good.clone() },
    ] {
        assert!(Verifier::new(wrong.clone(), issuer.clone()).is_err(), "{wrong:?}");
    }
}
