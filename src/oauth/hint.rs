//! ID tokens that come back: `id_token_hint` (OpenID Connect Core §3.1.2.1, RP-Initiated Logout §2).
//!
//! Owns reading them. A hint names somebody and logs nobody in; it may be long over.

use std::sync::Arc;

use crate::app::App;
use crate::crypto::jwt::{Expected, dissect};
use crate::domain::claims::{HintClaims, TokenType};
use crate::domain::client::Client;

/// An ID token of ours.
pub struct Hint {
    /// The client it was issued to.
    pub client: Arc<Client>,
    /// What it says.
    pub claims: HintClaims,
}

/// The hint, if we signed it for a client that is registered. Its time does not matter; an access
/// token is no hint.
#[must_use]
pub fn read(app: &App, token: &str) -> Option<Hint> {
    let anatomy = dissect(token);
    let aud = anatomy.claims.as_ref()?.get("aud")?.as_str()?;
    let client = app.client(aud)?;
    let expected = Expected { issuer: app.issuer(), audience: aud, typ: TokenType::Jwt };
    let claims: HintClaims = app.keyring().verify(token, &expected)?;
    Some(Hint { client, claims })
}
