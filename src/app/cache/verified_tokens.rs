//! The caches of verified access tokens and of the identity tokens derived from them.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::base::Timestamp;
use crate::domain::claims::VerifiedClaims;

use super::{Audience, TokenCache};

/// An access token with a valid signature. Its session has not been checked.
#[derive(Clone)]
pub struct VerifiedToken {
    /// Its claims.
    pub claims: Arc<VerifiedClaims>,
    /// Its audience.
    pub audience: Arc<Audience>,
}

/// Access tokens whose signature has been verified.
///
/// Verifying a signature costs more than everything else a request with a token needs, and clients
/// present the same token until it expires. Only the signature is cached: whether session, user and
/// client are active is read for every request.
pub type VerifiedTokenCache = TokenCache<VerifiedToken>;

/// The identity token that was last issued for an access token.
#[derive(Clone)]
pub struct MadeIdentityToken {
    /// The token.
    pub token: Arc<str>,
    /// When it was created.
    pub made_at: Timestamp,
    /// The claims about the user. If they have changed, the token is not reused.
    pub asked: Arc<Map<String, Value>>,
}

/// Identity tokens for gateways. Otherwise a signature would be the largest cost of each of their requests.
pub type IdentityTokenCache = TokenCache<MadeIdentityToken>;
