//! DPoP: a request proves that its sender holds a key (RFC 9449).
//!
//! Owns the checks of a proof and its single use. No nonce is required: a proof is valid for a minute, and all
//! processes remember it for that time.

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::{constant_time_eq, sha256_base64url};
use crate::crypto::external_jwt::{ExternalJwt, public_key};
use crate::domain::http_uri;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::signing_key::SigningAlg;

use super::replay::{self, Counted};

/// The maximum age of a proof, and how far the client's clock may be ahead.
const WINDOW: TimeSpan = TimeSpan::from_secs(60);

/// The endpoint of a request with a proof.
#[derive(Debug, Clone, Copy)]
pub enum Endpoint<'a> {
    /// A path of this server, with the issuer's origin, independent of the request's `Host`.
    Own(&'a str),
    /// The URL of a service behind a gateway.
    Elsewhere(&'a str),
}

/// The request of a proof.
#[derive(Debug, Clone, Copy)]
pub struct Purpose<'a> {
    /// The method of the request.
    pub method: &'a str,
    /// The endpoint of the request.
    pub endpoint: Endpoint<'a>,
    /// The access token of the request.
    pub access_token: Option<&'a str>,
}

/// The thumbprint of the key that a proof was created with (RFC 7638), and the algorithm of the proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbprint {
    text: String,
    alg: SigningAlg,
}

impl Thumbprint {
    /// Its text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The algorithm of the proof.
    #[must_use]
    pub const fn alg(&self) -> SigningAlg {
        self.alg
    }
}

/// The refusal of a proof.
#[must_use]
pub fn refused() -> Refusal {
    Refusal::oauth(OAuthError::InvalidDpopProof, "The DPoP proof is not valid for this request.")
}

/// Checks a proof and consumes it.
///
/// # Errors
/// `invalid_dpop_proof`, without a reason; faults when it cannot be stored.
pub async fn prove(
    app: &App,
    proof: &str,
    purpose: Purpose<'_>,
    now: Timestamp,
) -> Result<Thumbprint, Failure> {
    verify(app, proof, purpose, now)?.spend(app).await
}

/// A valid proof that has not been consumed.
#[must_use = "a proof counts once"]
pub struct Verified {
    by: Thumbprint,
    jti: String,
    until: Timestamp,
}

/// Checks a proof. Nothing is written, so a caller that refuses the key can do so before the proof is consumed.
///
/// # Errors
/// `invalid_dpop_proof`, without a reason.
pub fn verify(
    app: &App,
    proof: &str,
    purpose: Purpose<'_>,
    now: Timestamp,
) -> Result<Verified, Refusal> {
    let jwt = ExternalJwt::read(proof).ok_or_else(refused)?;
    let (jkt, jti, until) =
        check(&jwt, app.issuer(), purpose, app.claim_time(now)).ok_or_else(refused)?;
    let by = Thumbprint { text: jkt, alg: jwt.alg };
    Ok(Verified { by, jti: jti.to_owned(), until })
}

impl Verified {
    /// Whether it was created with the key of this thumbprint.
    #[must_use]
    pub fn is_by(&self, jkt: &str) -> bool {
        self.by.text == jkt
    }

    /// Consumes it.
    ///
    /// # Errors
    /// `invalid_dpop_proof` for a replay; faults when it cannot be stored.
    pub async fn spend(self, app: &App) -> Result<Thumbprint, Failure> {
        let Self { by, jti, until } = self;
        if !replay::spend(app, Counted::Proof { jkt: &by.text, jti: &jti }, until).await? {
            return Err(refused().into());
        }
        Ok(by)
    }
}

/// The key's thumbprint, the proof's id and its expiry.
fn check<'a>(
    jwt: &'a ExternalJwt<'_>,
    issuer: &str,
    purpose: Purpose<'_>,
    now: Timestamp,
) -> Option<(String, &'a str, Timestamp)> {
    let typ = jwt.header.get("typ")?.as_str()?;
    let jwk = jwt.header.get("jwk").filter(|jwk| jwt.uses_alg_of(jwk))?;
    let key = public_key(jwk)?;
    let jti = jwt.text("jti").filter(|jti| (1..=replay::MAX_ID).contains(&jti.len()))?;
    let iat = Timestamp::from_secs(jwt.time("iat")??);
    let htu = jwt.text("htu")?;
    let in_time = |name, good: &dyn Fn(Timestamp) -> bool| match jwt.time(name) {
        None => true,
        Some(time) => time.is_some_and(|secs| good(Timestamp::from_secs(secs))),
    };
    let good = typ == "dpop+jwt"
        && match purpose.endpoint {
            Endpoint::Own(path) => http_uri::is_same_endpoint(htu, &format!("{issuer}{path}")),
            Endpoint::Elsewhere(uri) => http_uri::is_same_endpoint(htu, uri),
        }
        && jwt.text("htm") == Some(purpose.method)
        && iat >= now - WINDOW
        && iat <= now + WINDOW
        && in_time("exp", &|exp| exp > now)
        && in_time("nbf", &|nbf| nbf <= now + WINDOW);
    let for_token = match purpose.access_token {
        None => true,
        Some(token) => {
            let hash = sha256_base64url(token.as_bytes());
            constant_time_eq(jwt.text("ath")?.as_bytes(), hash.as_bytes())
        }
    };
    let proved = good && for_token && jwt.is_by(&key);
    proved.then(|| (key.thumbprint(), jti, iat + WINDOW + WINDOW))
}
