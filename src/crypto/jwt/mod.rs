//! Signed tokens: issuing them at the cost of the bare signature, and verifying them.
//!
//! Tokens are assembled here because `jsonwebtoken::encode` parses the private key at every call
//! (docs/decisions/0006). `signing_key` holds private keys, `signer` writes tokens, `verify` verifies them and is
//! the only caller of `jsonwebtoken::decode`, and `decode_unverified` decodes untrusted texts.

mod decode_unverified;
pub(super) mod pkcs8;
mod signer;
mod signing_key;
mod verify;
#[cfg(test)]
mod verify_tests;

pub use decode_unverified::decode_unverified;
pub use signer::Signer;
pub use signing_key::{GeneratedKey, SigningKey};
pub use verify::{Expected, MAX_TOKEN, UnverifiedHeader, VerifyingKey};
