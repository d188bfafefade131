//! Signing algorithms and the states of a signing key.
//!
//! Owns the names of algorithms and of states. Transitions are in `key_rotation`, keys in `crypto::keyring`.

use crate::text_enum;

text_enum! {
    /// A JWS signature algorithm (RFC 7518 §3.1, RFC 8037 §3.1) that Signet signs with.
    pub enum SigningAlg {
        /// ECDSA on P-256 with SHA-256: the default for access tokens.
        Es256 = "ES256",
        /// RSASSA-PKCS1-v1_5 with SHA-256, 2048-bit keys: every verifier accepts it.
        Rs256 = "RS256",
        /// RSASSA-PSS with SHA-256, a salt as long as the hash, 2048-bit keys of its own: one key
        /// serves one algorithm (RFC 8017 §8.1).
        Ps256 = "PS256",
        /// ECDSA on P-384 with SHA-384.
        Es384 = "ES384",
        /// Ed25519, under the name that verifiers know. RFC 9864 renames it to `Ed25519`.
        EdDsa = "EdDSA",
    }
}

text_enum! {
    /// The state of a signing key.
    pub enum KeyState {
        /// Signs new tokens and is published.
        Active = "active",
        /// Published so that verifiers learn it, but signs nothing yet.
        Published = "published",
        /// No longer signs, but is published until its last token has expired.
        Retiring = "retiring",
        /// Neither signs nor is published.
        Retired = "retired",
    }
}

impl KeyState {
    /// Whether a key in this state belongs into the JWKS.
    #[must_use]
    pub const fn is_public(self) -> bool {
        !matches!(self, Self::Retired)
    }
}

/// The longest accepted `kid`, in characters.
const LONGEST_KID: usize = 255;

/// Whether an imported key can be published under this `kid`: 1 to 255 printable ASCII characters, including
/// spaces.
#[must_use]
pub fn is_kid(kid: &str) -> bool {
    (1..=LONGEST_KID).contains(&kid.len()) && kid.bytes().all(|c| matches!(c, 0x20..0x7f))
}
