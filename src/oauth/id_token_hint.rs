//! ID tokens as hints: `id_token_hint` (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2).
//!
//! A hint names a user but authenticates no one. It may have expired, and its key may have been retired.

use std::sync::Arc;

use crate::app::App;
use crate::crypto::jwt::{Expected, decode_unverified};
use crate::domain::claims::{HintClaims, TokenType};
use crate::domain::client::Client;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::{SigningAlg, is_kid};

/// A verified hint.
pub struct Hint {
    /// The client it was issued to.
    pub client: Arc<Client>,
    /// Its claims.
    pub claims: HintClaims,
}

/// The hint, if it has a valid signature and a registered client. Its expiry is ignored; access tokens are refused.
///
/// A hint with an unknown key may have been signed by another process within the last second, so the cache is
/// reloaded first, at most once a second, as in `tokens::validate`. Otherwise a hint with an unknown key is
/// [outlived](is_outlived), and the user is asked.
///
/// # Errors
/// If the database cannot be read.
pub async fn read(app: &App, token: &str) -> Result<Option<Hint>, Fault> {
    if is_outlived(app, token) {
        app.reload_for_unknown().await?;
    }
    Ok(read_by_known_keys(app, token))
}

fn read_by_known_keys(app: &App, token: &str) -> Option<Hint> {
    let anatomy = decode_unverified(token);
    let aud = anatomy.claims.as_ref()?.get("aud")?.as_str()?;
    let client = app.client(aud)?;
    let expected = Expected { issuer: app.issuer(), audience: aud, typ: TokenType::Jwt };
    let claims: HintClaims = app.keyring().verify(token, &expected)?;
    Some(Hint { client, claims })
}

/// Whether the text looks like a hint whose key is no longer published: clients keep ID tokens as long as their
/// sessions. Its authenticity cannot be verified, so the user must be asked.
#[must_use]
pub fn is_outlived(app: &App, token: &str) -> bool {
    let anatomy = decode_unverified(token);
    let (Some(header), Some(claims)) = (&anatomy.header, &anatomy.claims) else { return false };
    let says = |name: &str| claims.get(name).and_then(|value| value.as_str());
    let signed = header.get("alg").and_then(|alg| alg.as_str()?.parse::<SigningAlg>().ok());
    let kid = header.get("kid").and_then(|kid| kid.as_str());
    signed.is_some()
        && kid.is_some_and(|kid| is_kid(kid) && !app.keyring().knows(kid))
        && says("iss") == Some(app.issuer())
        && says("aud").is_some_and(|aud| app.client(aud).is_some())
}
