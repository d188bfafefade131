//! Checking our own tokens: header first, then signature and claims.
//!
//! Owns the only call of `jsonwebtoken::decode` and what that library does not check: `crit`,
//! `typ`, presence of `aud`. Does not look at time: the caller has the clock.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::crypto::jwk::PublicJwk;
use crate::domain::claims::TokenType;
use crate::domain::signing_key::SigningAlg;
use crate::domain::stop::Fault;

/// The longest token we look at, in bytes; ours have a few hundred.
pub const MAX_TOKEN: usize = 8 * 1024;

/// What a token must be to pass.
pub struct Expected<'a> {
    /// The issuer.
    pub issuer: &'a str,
    /// The audience.
    pub audience: &'a str,
    /// The `typ` header.
    pub typ: TokenType,
}

/// The unverified header of a token that has the outer form of a JWS.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnverifiedHeader {
    /// The algorithm it claims.
    pub alg: String,
    /// The key it names.
    pub kid: String,
    /// Its kind.
    pub typ: String,
}

impl UnverifiedHeader {
    /// Reads the header if the text is three non-empty base64url segments and the header is
    /// exactly `alg`, `kid`, `typ`: ours never has more, so `crit`, `jku`, `jwk`, `x5u` and every
    /// other invitation end here.
    #[must_use]
    pub fn read(token: &str) -> Option<Self> {
        if token.len() > MAX_TOKEN {
            return None;
        }
        let mut parts = token.split('.');
        let (header, payload, signature) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || payload.is_empty() || signature.is_empty() {
            return None;
        }
        serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()
    }
}

/// The public half of a key, ready to verify.
pub struct VerifyingKey {
    alg: SigningAlg,
    key: DecodingKey,
}

impl VerifyingKey {
    /// Prepares a public key.
    ///
    /// # Errors
    /// When the members are not base64url.
    pub fn new(alg: SigningAlg, jwk: &PublicJwk) -> Result<Self, Fault> {
        let key = match jwk {
            PublicJwk::Rsa { n, e } => DecodingKey::from_rsa_components(n, e),
            PublicJwk::Ec { x, y, .. } => DecodingKey::from_ec_components(x, y),
        }
        .map_err(|error| Fault::internal("reading a public key").because(error))?;
        Ok(Self { alg, key })
    }

    /// The claims, if signature, algorithm, `typ`, `iss` and `aud` are right. Does not look at time.
    #[must_use]
    pub fn verify<T: DeserializeOwned>(
        &self,
        token: &str,
        header: &UnverifiedHeader,
        expected: &Expected<'_>,
    ) -> Option<T> {
        if header.alg != self.alg.as_str() || header.typ != expected.typ.as_str() {
            return None;
        }
        let mut validation = Validation::new(match self.alg {
            SigningAlg::Rs256 => Algorithm::RS256,
            SigningAlg::Es256 => Algorithm::ES256,
        });
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        validation.set_issuer(&[expected.issuer]);
        validation.set_audience(&[expected.audience]);
        // The library reads the system clock; ours is injected and compared by the caller.
        validation.validate_exp = false;
        jsonwebtoken::decode(token, &self.key, &validation).ok().map(|data| data.claims)
    }
}
