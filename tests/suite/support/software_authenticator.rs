//! A software authenticator, which can also produce responses that no browser would send.

use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P384_SHA384_ASN1_SIGNING, EcdsaKeyPair, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

pub const UP: u8 = 1;
pub const UV: u8 = 1 << 2;
pub const BE: u8 = 1 << 3;
pub const BS: u8 = 1 << 4;
const AT: u8 = 1 << 6;

/// A COSE algorithm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alg {
    Es256,
    Es384,
    Ed25519,
    Rs256,
}

enum Key {
    Ecdsa(EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
    Rsa(RsaKeyPair),
}

/// One credential and the device that it is on.
pub struct SoftwareAuthenticator {
    alg: Alg,
    key: Key,
    pub origin: String,
    pub credential_id: Vec<u8>,
    pub user_handle: Vec<u8>,
    pub count: u32,
}

/// A response before it is signed, which tests can change.
pub struct Response {
    pub client_data: Value,
    pub rp_id: String,
    pub flags: u8,
    pub count: u32,
    pub credential_id: Vec<u8>,
    pub user_handle: Option<Vec<u8>>,
    /// Appended to the authenticator data.
    pub extra: Vec<u8>,
    /// Whether a bit of the signature is flipped.
    pub bad_signature: bool,
}

fn encode(bytes: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The head of a CBOR item.
fn head(major: u8, value: usize) -> Vec<u8> {
    let major = major << 5;
    match value {
        0..24 => vec![major | u8::try_from(value).unwrap()],
        24..256 => vec![major | 24, u8::try_from(value).unwrap()],
        _ => [&[major | 25][..], &u16::try_from(value).unwrap().to_be_bytes()].concat(),
    }
}

fn bytes(value: &[u8]) -> Vec<u8> {
    [head(2, value.len()), value.to_vec()].concat()
}

fn int(value: i32) -> Vec<u8> {
    if value < 0 {
        head(1, usize::try_from(-1 - value).unwrap())
    } else {
        head(0, usize::try_from(value).unwrap())
    }
}

impl SoftwareAuthenticator {
    /// A new credential for pages of `origin`.
    pub fn new(origin: &str) -> Self {
        Self::with(origin, Alg::Es256)
    }

    pub fn with(origin: &str, alg: Alg) -> Self {
        let key = match alg {
            Alg::Es256 => {
                Key::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P256_SHA256_ASN1_SIGNING).unwrap())
            }
            Alg::Es384 => {
                Key::Ecdsa(EcdsaKeyPair::generate(&ECDSA_P384_SHA384_ASN1_SIGNING).unwrap())
            }
            Alg::Ed25519 => Key::Ed25519(Ed25519KeyPair::generate().unwrap()),
            Alg::Rs256 => Key::Rsa(RsaKeyPair::generate(KeySize::Rsa2048).unwrap()),
        };
        let mut credential_id = vec![0; 32];
        aws_lc_rs::rand::fill(&mut credential_id).unwrap();
        let origin = origin.to_owned();
        Self { alg, key, origin, credential_id, user_handle: Vec::new(), count: 0 }
    }

    /// The public key in COSE.
    pub fn public_key(&self) -> Vec<u8> {
        let pairs: Vec<(i32, Vec<u8>)> = match (&self.key, self.alg) {
            (Key::Ecdsa(key), alg) => {
                let point = &key.public_key().as_ref()[1..];
                let (x, y) = point.split_at(point.len() / 2);
                let (alg, curve) = if alg == Alg::Es256 { (-7, 1) } else { (-35, 2) };
                vec![(1, int(2)), (3, int(alg)), (-1, int(curve)), (-2, bytes(x)), (-3, bytes(y))]
            }
            (Key::Ed25519(key), _) => {
                let x = bytes(key.public_key().as_ref());
                vec![(1, int(1)), (3, int(-8)), (-1, int(6)), (-2, x)]
            }
            (Key::Rsa(key), _) => {
                let n = key.public_key().modulus().big_endian_without_leading_zero().to_vec();
                vec![(1, int(3)), (3, int(-257)), (-1, bytes(&n)), (-2, bytes(&[1, 0, 1]))]
            }
        };
        let members = pairs.iter().flat_map(|(label, value)| [int(*label), value.clone()].concat());
        head(5, pairs.len()).into_iter().chain(members).collect()
    }

    fn sign(&self, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.key {
            Key::Ecdsa(key) => key.sign(&random, message).unwrap().as_ref().to_vec(),
            Key::Ed25519(key) => key.sign(message).as_ref().to_vec(),
            Key::Rsa(key) => {
                let mut signature = vec![0; key.public_modulus_len()];
                key.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature).unwrap();
                signature
            }
        }
    }

    fn response(&self, kind: &str, rp_id: &Value, challenge: &Value) -> Response {
        Response {
            client_data: json!({
                "type": kind, "challenge": challenge, "origin": self.origin, "crossOrigin": false,
            }),
            rp_id: rp_id.as_str().unwrap().to_owned(),
            flags: UP | UV,
            count: self.count,
            credential_id: self.credential_id.clone(),
            user_handle: Some(self.user_handle.clone()),
            extra: Vec::new(),
            bad_signature: false,
        }
    }

    /// `navigator.credentials.create()`.
    pub fn create(&mut self, options: &Value) -> Value {
        self.create_with(options, |_| {})
    }

    pub fn create_with(&mut self, options: &Value, change: impl FnOnce(&mut Response)) -> Value {
        let handle = options["user"]["id"].as_str().unwrap();
        self.user_handle = URL_SAFE_NO_PAD.decode(handle).unwrap();
        let mut made =
            self.response("webauthn.create", &options["rp"]["id"], &options["challenge"]);
        made.flags |= AT;
        change(&mut made);
        let id = &made.credential_id;
        let length = u16::try_from(id.len()).unwrap().to_be_bytes();
        let credential = [&[0; 16][..], &length, id, &self.public_key()].concat();
        let data = [data(&made), credential, made.extra.clone()].concat();
        let mut object = b"\xa3\x63fmt\x64none\x67attStmt\xa0\x68authData".to_vec();
        object.extend(bytes(&data));
        json!({
            "id": encode(id), "rawId": encode(id), "type": "public-key",
            "response": {
                "clientDataJSON": encode(made.client_data.to_string().as_bytes()),
                "attestationObject": encode(&object),
                "transports": ["internal"],
            },
            "clientExtensionResults": {},
        })
    }

    /// `navigator.credentials.get()`.
    pub fn get(&mut self, options: &Value) -> Value {
        self.get_with(options, |_| {})
    }

    pub fn get_with(&mut self, options: &Value, change: impl FnOnce(&mut Response)) -> Value {
        self.count += 1;
        let mut made = self.response("webauthn.get", &options["rpId"], &options["challenge"]);
        change(&mut made);
        let client_data = made.client_data.to_string();
        let data = [data(&made), made.extra.clone()].concat();
        let hash = digest(&SHA256, client_data.as_bytes());
        let mut signature = self.sign(&[&data, hash.as_ref()].concat());
        if made.bad_signature {
            let last = signature.len() - 1;
            signature[last] ^= 1;
        }
        json!({
            "id": encode(&made.credential_id), "rawId": encode(&made.credential_id),
            "type": "public-key",
            "response": {
                "clientDataJSON": encode(client_data.as_bytes()),
                "authenticatorData": encode(&data),
                "signature": encode(&signature),
                "userHandle": made.user_handle.map(|handle| encode(&handle)),
            },
            "clientExtensionResults": {},
        })
    }
}

/// The first 37 bytes of authenticator data.
fn data(made: &Response) -> Vec<u8> {
    let hash = digest(&SHA256, made.rp_id.as_bytes());
    [hash.as_ref(), &[made.flags], &made.count.to_be_bytes()].concat()
}
