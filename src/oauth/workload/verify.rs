//! Verifies a token of another issuer: signature, times and audience.
//!
//! Owns the order: unverified claims are used only to look up the issuer and the key.

use serde_json::{Map, Value};

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::external_jwt::{ExternalJwt, public_key};
use crate::domain::outcome::Failure;
use crate::domain::workload::token::{TokenFlaw, check_claims, id_of};
use crate::domain::workload::{Preset, TrustedIssuer, trust_domain_of};
use crate::store::trusted_issuers;

use super::keys;

/// The accepted `typ` values. Tokens of other types serve another purpose.
const TYPES: [&str; 2] = ["JWT", "JOSE"];

/// A program with a verified token.
pub(super) struct Workload {
    /// The issuer.
    pub issuer: TrustedIssuer,
    /// The claims of the token.
    pub claims: Map<String, Value>,
    /// `sub` of the token; empty if it has none.
    pub sub: String,
    /// `jti` of the token, if tokens of the issuer are single-use.
    pub jti: Option<String>,
    /// When the token expires.
    pub expires: Timestamp,
}

/// A refused token.
pub(super) struct Flawed {
    /// The reason.
    pub flaw: TokenFlaw,
    /// The name of the issuer, if it is trusted.
    pub issuer: Option<String>,
}

impl From<TokenFlaw> for Flawed {
    fn from(flaw: TokenFlaw) -> Self {
        Self { flaw, issuer: None }
    }
}

/// Verifies `token`.
///
/// # Errors
/// The inner error is the reason of a refusal; the outer one is a fault.
pub(super) async fn verify(
    app: &App,
    token: &str,
    now: Timestamp,
) -> Result<Result<Workload, Flawed>, Failure> {
    let Some(jwt) = ExternalJwt::read(token) else { return Ok(Err(TokenFlaw::Malformed.into())) };
    if !is_plain_type(&jwt) {
        return Ok(Err(TokenFlaw::Type.into()));
    }
    let Some(issuer) = issuer_of(app, &jwt).await? else {
        return Ok(Err(TokenFlaw::UnknownIssuer.into()));
    };
    let name = issuer.name.clone();
    let judged = judge(app, jwt, issuer, now).await;
    Ok(judged.map_err(|flaw| Flawed { flaw, issuer: Some(name) }))
}

async fn judge(
    app: &App,
    jwt: ExternalJwt<'_>,
    issuer: TrustedIssuer,
    now: Timestamp,
) -> Result<Workload, TokenFlaw> {
    if !issuer.may_sign_with(jwt.alg) {
        return Err(TokenFlaw::Algorithm);
    }
    // Checked first, because it is cheap and needs no keys.
    let claim_time = app.claim_time(now);
    let expires = check_claims(&jwt.claims, app.issuer(), issuer.max_life, claim_time)?;
    let jti = match issuer.preset.counts_once() {
        true => Some(id_of(&jwt.claims)?.to_owned()),
        false => None,
    };
    let kid = jwt.header.get("kid").and_then(Value::as_str);
    let keys = keys::of(app, &issuer, kid, now).await.ok_or(TokenFlaw::NoKeys)?;
    let is_named = |key: &Value| {
        let known = key.get("kid").and_then(Value::as_str);
        kid.is_none() || known.is_none() || known == kid
    };
    let signed = keys
        .iter()
        .filter(|key| is_named(key))
        .any(|key| jwt.uses_alg_of(key) && public_key(key).is_some_and(|key| jwt.is_by(&key)));
    if !signed {
        return Err(TokenFlaw::Signature);
    }
    let sub = jwt.text("sub").unwrap_or_default().to_owned();
    Ok(Workload { issuer, sub, jti, expires, claims: jwt.claims })
}

fn is_plain_type(jwt: &ExternalJwt<'_>) -> bool {
    jwt.header.get("typ").is_none_or(|typ| {
        typ.as_str().is_some_and(|typ| TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known)))
    })
}

/// The trusted issuer of a token, by `iss`. A SPIFFE token may lack `iss`; then by its trust domain.
async fn issuer_of(app: &App, jwt: &ExternalJwt<'_>) -> Result<Option<TrustedIssuer>, Failure> {
    let domain = jwt.text("sub").and_then(trust_domain_of);
    let mut reader = app.db.reader().await?;
    if let Some(iss) = jwt.text("iss")
        && let Some(found) = trusted_issuers::of_identifier(&mut reader, iss).await?
    {
        // A trust domain may issue only its own SPIFFE IDs.
        let speaks = found.preset != Preset::Spiffe || domain.as_deref() == Some(&*found.issuer);
        return Ok(Some(found).filter(|_| speaks));
    }
    match domain {
        Some(domain) => Ok(trusted_issuers::of_identifier(&mut reader, &domain).await?),
        None => Ok(None),
    }
}
