//! What is kept of access tokens between two requests with the same one.

use std::sync::Arc;

use serde_json::{Map, Value};

use crate::base::Timestamp;
use crate::domain::claims::VerifiedClaims;

use super::{Audience, TokenCache};

/// An access token with a valid signature. Whether its session is active is not known yet.
#[derive(Clone)]
pub struct VerifiedToken {
    /// What it says.
    pub claims: Arc<VerifiedClaims>,
    /// Whom it is for.
    pub audience: Arc<Audience>,
}

/// Access tokens whose signature has been verified.
///
/// Verifying a signature costs more than everything else a request with a token needs, and clients
/// present the same token until it expires. Only the signature is cached: whether session, user and
/// client are active is read for every request.
pub type VerifiedTokenCache = TokenCache<VerifiedToken>;

/// The identity token that was last made for an access token.
#[derive(Clone)]
pub struct MadeIdentityToken {
    /// The token.
    pub token: Arc<str>,
    /// When it was made.
    pub made_at: Timestamp,
    /// What it says about the user: one that says anything else by now is not given again.
    pub asked: Arc<Map<String, Value>>,
}

/// Identity tokens that gateways are given: a signature for each of their requests would cost the most of it.
pub type IdentityTokenCache = TokenCache<MadeIdentityToken>;
