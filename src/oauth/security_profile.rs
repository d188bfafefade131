//! The rules of a security profile for the requests of a client.

use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::Refusal;

use super::dpop::Thumbprint;

/// Checks the DPoP proof of `client`, or its absence: with the profile `fapi2` every token is bound to a key,
/// and proofs need a strong algorithm.
///
/// # Errors
/// `invalid_dpop_proof`.
pub fn check_proof(client: &Client, proved: Option<&Thumbprint>) -> Result<(), Refusal> {
    let message = match proved {
        None if client.metadata.is_fapi2() => {
            "A DPoP proof is missing: this client is registered with the profile fapi2."
        }
        Some(proved) if !client.metadata.may_sign_with(proved.alg()) => {
            "The DPoP proof must be signed with PS256, ES256 or EdDSA: this client is registered with \
             the profile fapi2."
        }
        _ => return Ok(()),
    };
    Err(Refusal::oauth(OAuthError::InvalidDpopProof, message))
}
