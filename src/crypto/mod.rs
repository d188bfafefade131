//! Mechanisms of cryptography: sealing, MACs, signatures, password hashes.
//!
//! Owns every use of the crypto libraries. Policy, such as which tokens may be issued, is in `domain`.

pub mod age;
pub mod certificate;
pub mod client_key;
pub mod digest;
pub mod external_jwt;
pub mod hs256;
pub mod import;
pub mod jwk;
mod jws;
pub mod jwt;
pub mod keyring;
pub mod password;
pub mod random;
pub mod refresh_token;
mod roca;
pub mod seal;
pub mod spki;
#[cfg(test)]
mod test_vectors;
pub mod totp;
pub mod webauthn;

use crate::domain::outcome::Fault;

/// Converts an opaque library error into a fault.
fn fault(doing: &'static str) -> impl FnOnce(aws_lc_rs::error::Unspecified) -> Fault {
    move |_| Fault::internal(doing)
}
