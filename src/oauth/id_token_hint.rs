//! ID tokens that come back: `id_token_hint` (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2).
//!
//! Owns reading them. A hint names a user and logs no one in; it may be long over, and so may the key
//! that signed it.

use std::sync::Arc;

use crate::app::App;
use crate::crypto::jwt::{Expected, decode_unverified};
use crate::domain::claims::{HintClaims, TokenType};
use crate::domain::client::Client;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::{SigningAlg, is_kid};

/// An ID token of ours.
pub struct Hint {
    /// The client it was issued to.
    pub client: Arc<Client>,
    /// What it says.
    pub claims: HintClaims,
}

/// The hint, if we signed it for a client that is registered. Its time does not matter; an access
/// token is no hint.
///
/// A hint that names a key of which this process does not know may have been signed by another process within
/// the last second, as in `tokens::validate`: what is cached is read again first, once a second at most. In
/// that second a hint under another unknown key counts as [outlived](is_outlived), and the user is asked.
///
/// # Errors
/// When the database cannot be read.
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

/// Whether the text looks like a hint of ours whose key has left the published set since: clients keep
/// ID tokens as long as their sessions. Nothing proves that it is one, so nothing may be done on its
/// word but to ask the person.
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
