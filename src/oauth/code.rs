//! Issuing authorization codes: for users at the pages, and for first-party applications.
//!
//! A request gives one code, and the number of codes per user and client is bounded.

use crate::app::AuditedTx;
use crate::base::opaque_token::{self, AUTHORIZATION_CODE};
use crate::crypto::digest::token_hash;
use crate::domain::authorization::{Authorization, CODE_LIFE, MAX_CODES};
use crate::domain::outcome::Fault;
use crate::store::authorization_codes::{self, NewCode};

/// Stores a code for `authorization` and returns it. `None` when the request `flow` has already given one.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn issue_code(
    tx: &mut AuditedTx,
    flow: &[u8; 16],
    authorization: &Authorization,
) -> Result<Option<String>, Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    let code = opaque_token::generate(AUTHORIZATION_CODE, &*app.entropy);
    let hash = token_hash(&code);
    let new = NewCode { hash: &hash, flow, authorization, expires_at: now + CODE_LIFE };
    if !authorization_codes::insert(tx, &new).await? {
        return Ok(None);
    }
    authorization_codes::remove_surplus(tx, &new, MAX_CODES).await?;
    Ok(Some(code))
}
