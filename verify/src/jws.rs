//! The compact serialisation of a signed token (RFC 7515 §7.1), read strictly: each token has exactly one spelling.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::json::object;
use crate::key::{Alg, PublicKey};
use crate::refused::Code;

/// The longest token that is read, in bytes.
pub(crate) const MAX_TOKEN: usize = 16 * 1024;

/// An unverified token.
pub(crate) struct Jws<'a> {
    /// The header, with exactly the expected members.
    pub header: Map<String, Value>,
    payload: Vec<u8>,
    message: &'a [u8],
    signature: Vec<u8>,
}

impl<'a> Jws<'a> {
    /// Reads a token whose header has exactly `members`, among them `alg` and `typ`. An allow-list: `crit`, `b64`,
    /// `jku`, `x5u` and all future members are refused.
    pub fn read(token: &'a str, members: &[&str]) -> Result<Self, Code> {
        let mut parts = token.split('.');
        let (Some(header), Some(payload), Some(signature), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(Code::Malformed);
        };
        // The engine refuses padding and non-zero trailing bits.
        let decode = |part: &str| URL_SAFE_NO_PAD.decode(part).map_err(|_| Code::Malformed);
        let message = &token.as_bytes()[..header.len() + 1 + payload.len()];
        let header = object(&decode(header)?).ok_or(Code::Malformed)?;
        let expected = members.iter().all(|name| header.contains_key(*name));
        if !expected || header.len() != members.len() {
            return Err(Code::UnexpectedHeader);
        }
        Ok(Self { header, payload: decode(payload)?, message, signature: decode(signature)? })
    }

    /// A string member of the header.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.header.get(name)?.as_str()
    }

    /// Whether it is of this type, in either spelling (RFC 7515 §4.1.9).
    pub fn is_of_type(&self, typ: &str) -> bool {
        const PREFIX: &str = "application/";
        let found = self.text("typ").unwrap_or_default();
        let short = match found.get(..PREFIX.len()) {
            Some(prefix) if prefix.eq_ignore_ascii_case(PREFIX) => &found[PREFIX.len()..],
            _ => found,
        };
        short.eq_ignore_ascii_case(typ)
    }

    /// The algorithm, if it is supported.
    pub fn alg(&self) -> Option<Alg> {
        self.text("alg").and_then(Alg::named)
    }

    /// The claims, if `key` verifies the signature with its only algorithm (RFC 8725 §3.1).
    pub fn verify(&self, key: &PublicKey) -> Result<Map<String, Value>, Code> {
        if self.alg() != Some(key.alg) {
            return Err(Code::WrongAlgorithm);
        }
        if !key.made(self.message, &self.signature) {
            return Err(Code::BadSignature);
        }
        object(&self.payload).ok_or(Code::Malformed)
    }
}
