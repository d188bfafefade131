//! Why a token does not verify, as a code, without the database.
//!
//! The complete diagnosis is in `admin/token_diagnosis`. This one is for callers that present a token with every
//! request, so it never reads the database.

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::jwt::{VerifyingKey, decode_unverified};
use crate::domain::token_diagnosis::{
    self, Evidence, NamedKey, OpaqueKind, Presented, Signed, TokenCode,
};
use crate::domain::token_rules::TokenAlg;

/// Why a token does not verify for `audience`.
#[must_use]
pub fn code_of(app: &App, token: &str, audience: &str, now: Timestamp) -> TokenCode {
    if let Some(kind) = OpaqueKind::of(token) {
        return kind.code();
    }
    let evidence = Evidence {
        issuer: app.issuer().to_owned(),
        audience: Some(audience.to_owned()),
        presented: Presented::Signed(Box::new(examined(app, token))),
    };
    let found = token_diagnosis::diagnose(&evidence, app.claim_time(now)).code;
    // The verifier refused the token for a reason that no check covers.
    found.unwrap_or(TokenCode::BadSignature)
}

fn examined(app: &App, token: &str) -> Signed {
    let mut signed = Signed::of(decode_unverified(token));
    let audience = signed.text("aud").and_then(|audience| app.audience(Some(audience)));
    signed.registered = audience.is_some();
    if let Some(audience) = &audience {
        signed.expected_type = audience.target.rules().token_type();
    }
    let Some(kid) = signed.header("kid").map(str::to_owned) else { return signed };
    let secret = audience.as_ref().and_then(|audience| audience.secret.as_ref());
    if let Some(secret) = secret.filter(|secret| secret.kid() == kid) {
        if signed.header("alg") == Some(TokenAlg::SharedSecret.as_str()) {
            signed.signature = Some(secret.made(token));
        }
        signed.key = Some(NamedKey::SharedSecret);
        return signed;
    }
    let keyring = app.keyring();
    let Some(facts) = keyring.facts.iter().find(|facts| facts.kid == kid) else { return signed };
    if signed.header("alg") == Some(facts.alg.as_str())
        && let Some(key) = keyring.parsed(&kid)
        && let Ok(key) = VerifyingKey::new(key.alg, &key.public)
    {
        signed.signature = Some(key.made(token));
    }
    signed.key = Some(NamedKey::Signing(Box::new(facts.clone())));
    signed
}
