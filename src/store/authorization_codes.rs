//! Authorization codes, by their hash. A request gives one code, and a code one session.

use crate::base::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::base::opaque_token::TokenHash;
use crate::domain::authorization::{Authorization, CODE_LIFE};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_optional};

use super::attributes::column;
use super::{Link, Tx};

/// A code that is to be issued.
pub struct NewCode<'a> {
    /// The hash of the code.
    pub hash: &'a TokenHash,
    /// The request for which it is issued: there is one code for each.
    pub flow: &'a [u8],
    /// The authorization that the code represents.
    pub authorization: &'a Authorization,
    /// Until when it can be redeemed.
    pub expires_at: Timestamp,
}

/// Stores a code; `false` if its request already has one.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, code: &NewCode<'_>) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO authorization_codes (hash, flow, user_id, grants, expires_at, client_id) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (flow) DO NOTHING",
        code.hash.bytes(),
        code.flow,
        code.authorization.user_id,
        column(code.authorization),
        code.expires_at,
        &code.authorization.client_id
    )?;
    Ok(rows == 1)
}

/// Removes the oldest other codes of the user and client of `code` beyond `most`, separately for redeemed and
/// unredeemed ones. So an attacker who makes a browser request codes cannot remove the record of a redemption,
/// which is needed to detect reuse.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove_surplus(tx: &mut Tx, code: &NewCode<'_>, most: i64) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM authorization_codes WHERE hash IN (SELECT hash FROM (SELECT hash, row_number() OVER \
         (PARTITION BY redeemed_at IS NULL ORDER BY expires_at DESC, hash DESC) AS position \
         FROM authorization_codes WHERE user_id = $1 AND client_id = $2 AND hash <> $3) others \
         WHERE position > $4)",
        code.authorization.user_id,
        &code.authorization.client_id,
        code.hash.bytes(),
        most
    )
}

/// Whether a code was issued for the request `flow`.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_answered(link: &mut impl Link, flow: &[u8]) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (i64,),
        "SELECT expires_at FROM authorization_codes WHERE flow = $1",
        flow
    )?;
    Ok(row.is_some())
}

/// A code that was redeemed.
pub struct Redeemed {
    /// The authorization that the code represented.
    pub authorization: Authorization,
    /// When the code expires; checked by the caller.
    pub expires_at: Timestamp,
    /// Whether its user has a stored consent for the client at this time.
    pub consented: bool,
}

/// Redeems a code for the session `session` of `client_id`. The second of two callers gets nothing. The caller
/// checks the authorization.
///
/// # Errors
/// When the database cannot be written.
pub async fn redeem(
    tx: &mut Tx,
    hash: &TokenHash,
    session: SessionId,
    client_id: &str,
    now: Timestamp,
) -> Result<Option<Redeemed>, Fault> {
    let row = fetch_optional!(
        tx,
        (String, Timestamp, bool),
        "UPDATE authorization_codes SET redeemed_at = $1, session_id = $2 \
         WHERE hash = $3 AND redeemed_at IS NULL RETURNING grants, expires_at, \
         EXISTS (SELECT 1 FROM consents c WHERE c.user_id = authorization_codes.user_id \
         AND c.client_id = $4)",
        now,
        session,
        hash.bytes(),
        client_id
    )?;
    row.map(|(grants, expires_at, consented)| {
        let unreadable = |error| Fault::internal("an authorization row").with_source(error);
        let authorization = serde_json::from_str(&grants).map_err(unreadable)?;
        Ok(Redeemed { authorization, expires_at, consented })
    })
    .transpose()
}

/// Voids the unredeemed codes of a user. It precedes the end of sessions, so that a concurrent redemption commits
/// first and its session is found.
///
/// # Errors
/// When the database cannot be written.
pub async fn void(tx: &mut Tx, user: UserId, now: Timestamp) -> Result<u64, Fault> {
    execute!(
        tx,
        "UPDATE authorization_codes SET redeemed_at = $1 \
         WHERE user_id = $2 AND redeemed_at IS NULL AND expires_at > $1",
        now,
        user
    )
}

/// Voids the unredeemed codes of all users that were issued before this time.
///
/// # Errors
/// When the database cannot be written.
pub async fn void_issued_before(
    tx: &mut Tx,
    before: Timestamp,
    now: Timestamp,
) -> Result<u64, Fault> {
    execute!(
        tx,
        "UPDATE authorization_codes SET redeemed_at = $1 \
         WHERE expires_at > $1 AND expires_at < $2 AND redeemed_at IS NULL",
        now,
        before + CODE_LIFE
    )
}

/// Records that a redeemed code opened a branch of this session.
///
/// # Errors
/// When the database cannot be written.
pub async fn gave_branch_of(
    tx: &mut Tx,
    hash: &TokenHash,
    session: SessionId,
) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE authorization_codes SET session_id = $1 WHERE hash = $2",
        session,
        hash.bytes()
    )?;
    Ok(())
}

/// The session that a redeemed code opened, if there is such a code.
///
/// # Errors
/// When the database cannot be read.
pub async fn gave(link: &mut impl Link, hash: &TokenHash) -> Result<Option<SessionId>, Fault> {
    let row = fetch_optional!(
        link,
        (SessionId,),
        "SELECT session_id FROM authorization_codes WHERE hash = $1 AND session_id IS NOT NULL",
        hash.bytes()
    )?;
    Ok(row.map(|(session,)| session))
}
