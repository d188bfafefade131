//! The cost of a token beyond its bare signature.
//!
//! Owns the limit: signing a whole token takes at most 15 % more than the signature alone, for ES256 and
//! RS256. Because machines are noisy, the final table uses medians of interleaved rounds.

use std::hint::black_box;
use std::io::{Write as _, stdout};
use std::time::{Duration, Instant};

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED,
    ECDSA_P384_SHA384_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_SHA256, RSA_PSS_2048_8192_SHA256,
    RSA_PSS_SHA256, RsaEncoding, RsaKeyPair, VerificationAlgorithm,
};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use criterion::Criterion;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use signet::base::Timestamp;
use signet::crypto::jwt::{
    Expected, GeneratedKey, Signer, SigningKey, UnverifiedHeader, VerifyingKey,
};
use signet::domain::authn::Factors;
use signet::domain::claims::{AccessClaims, TokenType, VerifiedClaims};
use signet::domain::signing_key::SigningAlg;

const ISSUER: &str = "https://auth.example.com";
const AUDIENCE: &str = "https://api.example.com";

/// How long one operation is repeated before the next one: shorter than a scheduler's time slice, so that
/// most rounds are not interrupted and the median is one of those.
const TURN: Duration = Duration::from_micros(300);
const ROUNDS: usize = 500;

type Operation = Box<dyn Fn()>;

/// The operations that are measured for one algorithm; the bare signature comes first.
pub struct Measured {
    alg: SigningAlg,
    sign: Vec<(&'static str, Operation)>,
    verify: Vec<(&'static str, Operation)>,
}

pub fn measure(criterion: &mut Criterion) -> Vec<Measured> {
    let measured: Vec<Measured> = SigningAlg::ALL.iter().copied().map(measured).collect();
    for Measured { alg, sign, verify } in &measured {
        for (job, operations) in [("sign", sign), ("verify", verify)] {
            let mut group = criterion.benchmark_group(format!("{job}/{alg}"));
            for (name, operation) in operations {
                group.bench_function(*name, |bencher| bencher.iter(operation));
            }
            group.finish();
        }
    }
    measured
}

pub fn claims() -> AccessClaims<'static> {
    AccessClaims {
        iss: ISSUER,
        sub: "0190f2d8-b0a4-7000-8000-000000000001".to_owned(),
        aud: AUDIENCE,
        exp: 1_784_247_000,
        iat: 1_784_246_400,
        jti: "b0a4c5f2-9f5b-4e0e-8d0e-0190f2d8b0a4",
        client_id: "signet",
        azp: None,
        scope: "orders:read orders:write".to_owned(),
        sid: Some("0190f2d8-b0a4-7000-8000-000000000002".to_owned()),
        api_key_id: None,
        auth_time: Some(1_784_246_400),
        acr: Some(Factors::password(Timestamp::from_secs(1_784_246_400)).acr()),
        amr: Some(Factors::password(Timestamp::from_secs(1_784_246_400)).amr()),
        act: None,
        cnf: None,
        asked: serde_json::Map::new(),
    }
}

fn measured(alg: SigningAlg) -> Measured {
    let GeneratedKey { key, pkcs8 } = SigningKey::generate(alg).unwrap();
    let public = key.public.clone();
    let kid = key.kid.clone();
    let signer = Signer::new(key);
    let token = signer.sign(TokenType::AtJwt, &claims()).unwrap();
    let (message, signature) = token.rsplit_once('.').unwrap();
    let message = message.as_bytes().to_vec();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();

    let key = VerifyingKey::new(alg, &public).unwrap();
    let (parsed, bare_message) = (parsed(alg, &pkcs8), message.clone());
    let bare_verify = move || parsed.verify_sig(&bare_message, &signature).unwrap();
    let ours_verify = move || {
        let header = UnverifiedHeader::read(&token).unwrap();
        let expected = Expected { issuer: ISSUER, audience: AUDIENCE, typ: TokenType::AtJwt };
        black_box(key.verify::<VerifiedClaims>(&token, &header, &expected)).unwrap();
    };
    let ready = claims();
    let ours_sign = move || {
        black_box(signer.sign(TokenType::AtJwt, black_box(&ready)).unwrap());
    };
    Measured {
        alg,
        sign: vec![
            ("bare", bare_sign(alg, &pkcs8, message)),
            ("signer", Box::new(ours_sign)),
            ("jsonwebtoken", library_sign(alg, &pkcs8, kid)),
        ],
        verify: vec![("bare", Box::new(bare_verify)), ("verifier", Box::new(ours_verify))],
    }
}

/// The signature alone, with prepared bytes and a prepared key.
fn bare_sign(alg: SigningAlg, pkcs8: &[u8], message: Vec<u8>) -> Operation {
    let rsa = |padding: &'static dyn RsaEncoding| -> Operation {
        let pair = RsaKeyPair::from_pkcs8(pkcs8).unwrap();
        let (rng, message) = (SystemRandom::new(), message.clone());
        Box::new(move || {
            let mut signature = [0; 256];
            pair.sign(padding, &rng, &message, &mut signature).unwrap();
            black_box(signature);
        })
    };
    match alg {
        SigningAlg::Rs256 => rsa(&RSA_PKCS1_SHA256),
        SigningAlg::Ps256 => rsa(&RSA_PSS_SHA256),
        SigningAlg::Es256 | SigningAlg::Es384 => {
            let curve = if alg == SigningAlg::Es256 {
                &ECDSA_P256_SHA256_FIXED_SIGNING
            } else {
                &ECDSA_P384_SHA384_FIXED_SIGNING
            };
            let pair = EcdsaKeyPair::from_pkcs8(curve, pkcs8).unwrap();
            let rng = SystemRandom::new();
            Box::new(move || {
                black_box(pair.sign(&rng, &message).unwrap());
            })
        }
        SigningAlg::EdDsa => {
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8).unwrap();
            Box::new(move || {
                black_box(pair.try_sign(&message).unwrap());
            })
        }
    }
}

fn parsed(alg: SigningAlg, pkcs8: &[u8]) -> ParsedPublicKey {
    let (algorithm, key): (&'static dyn VerificationAlgorithm, Vec<u8>) = match alg {
        SigningAlg::Rs256 | SigningAlg::Ps256 => {
            let pair = RsaKeyPair::from_pkcs8(pkcs8).unwrap();
            let key = pair.public_key().as_der().unwrap().as_ref().to_vec();
            if alg == SigningAlg::Rs256 {
                (&RSA_PKCS1_2048_8192_SHA256, key)
            } else {
                (&RSA_PSS_2048_8192_SHA256, key)
            }
        }
        SigningAlg::Es256 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).unwrap();
            (&ECDSA_P256_SHA256_FIXED, pair.public_key().as_ref().to_vec())
        }
        SigningAlg::Es384 => {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P384_SHA384_FIXED_SIGNING, pkcs8).unwrap();
            (&ECDSA_P384_SHA384_FIXED, pair.public_key().as_ref().to_vec())
        }
        SigningAlg::EdDsa => {
            let pair = Ed25519KeyPair::from_pkcs8(pkcs8).unwrap();
            (&ED25519, pair.public_key().as_ref().to_vec())
        }
    };
    ParsedPublicKey::new(algorithm, key).unwrap()
}

/// A whole token, signed by the library.
#[expect(clippy::disallowed_methods, reason = "what the ban saves is what is measured here")]
fn library_sign(alg: SigningAlg, pkcs8: &[u8], kid: String) -> Operation {
    let pem = format!(
        "-----BEGIN PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----\n",
        STANDARD.encode(pkcs8)
    );
    let (algorithm, key) = match alg {
        SigningAlg::Es256 => (Algorithm::ES256, EncodingKey::from_ec_der(pkcs8)),
        SigningAlg::Rs256 => (Algorithm::RS256, EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()),
        SigningAlg::Ps256 => (Algorithm::PS256, EncodingKey::from_rsa_pem(pem.as_bytes()).unwrap()),
        SigningAlg::Es384 => (Algorithm::ES384, EncodingKey::from_ec_der(pkcs8)),
        SigningAlg::EdDsa => (Algorithm::EdDSA, EncodingKey::from_ed_der(pkcs8)),
    };
    let mut header = Header::new(algorithm);
    header.kid = Some(kid);
    header.typ = Some(TokenType::AtJwt.as_str().to_owned());
    let ready = claims();
    Box::new(move || {
        black_box(jsonwebtoken::encode(&header, black_box(&ready), &key).unwrap());
    })
}

/// Prints the cost of each operation, compared with the bare one.
pub fn table(measured: &[Measured]) {
    let mut out = stdout().lock();
    writeln!(out, "\nmedians of {ROUNDS} interleaved rounds, and ratios to the bare operation\n")
        .unwrap();
    writeln!(out, "| alg | job | operation | µs | ratio |\n|---|---|---|--:|--:|").unwrap();
    for Measured { alg, sign, verify } in measured {
        for (job, operations) in [("sign", sign), ("verify", verify)] {
            let medians = medians(operations);
            for ((name, _), median) in operations.iter().zip(&medians) {
                let ratio = median / medians[0];
                writeln!(out, "| {alg} | {job} | {name} | {median:.2} | {ratio:.3} |").unwrap();
            }
        }
    }
}

/// The median cost of each operation in microseconds.
fn medians(operations: &[(&str, Operation)]) -> Vec<f64> {
    let repeats: Vec<u32> = operations.iter().map(|(_, operation)| repeats(operation)).collect();
    let mut samples = vec![Vec::with_capacity(ROUNDS); operations.len()];
    for _ in 0..ROUNDS {
        for (((_, operation), repeats), samples) in
            operations.iter().zip(&repeats).zip(&mut samples)
        {
            let start = Instant::now();
            for _ in 0..*repeats {
                operation();
            }
            samples.push(start.elapsed().as_secs_f64() * 1e6 / f64::from(*repeats));
        }
    }
    let median = |mut samples: Vec<f64>| {
        samples.sort_by(f64::total_cmp);
        samples[samples.len() / 2]
    };
    samples.into_iter().map(median).collect()
}

/// How many repetitions of the operation fit into a round.
fn repeats(operation: &Operation) -> u32 {
    // The fastest of ten: the first is cold, and any may be interrupted.
    let once = (0..10).map(|_| {
        let start = Instant::now();
        operation();
        start.elapsed()
    });
    let once = once.min().unwrap_or(TURN).as_nanos().max(1);
    u32::try_from(TURN.as_nanos() / once).unwrap_or(1).max(1)
}
