//! Sign-ins at Signet's own pages, by the hash of their cookie; `list` lists them.

use crate::base::Timestamp;
use crate::base::id::{BrowserId, UserId};
use crate::base::opaque_token::TokenHash;
use crate::domain::attributes::Subject;
use crate::domain::authn::Authentication;
use crate::domain::browser_session::BrowserSession;
use crate::domain::outcome::Fault;
use crate::domain::scope::Scopes;
use crate::domain::user::User;
use crate::domain::user_agent::Device;
use crate::{execute, fetch_all, fetch_optional};

use super::attributes::{StoredSubject, column, factors};
use super::{Link, Tx};

pub mod list;

/// The user who is signed in in a browser, and their consent for a client.
#[derive(Debug, Clone)]
pub struct Found {
    /// The log-in.
    pub browser: BrowserSession,
    /// The user as stored now.
    pub user: User,
    /// The consent for the client, if any.
    pub consented: Option<Consented>,
}

/// A stored consent of a user for a client at one API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Consented {
    /// The scopes.
    pub scopes: Scopes,
    /// When a scope was last added.
    pub at: Timestamp,
    /// The fingerprint of the client's document at that time; `None` if the client is registered.
    pub document: Option<String>,
}

#[derive(sqlx::FromRow)]
struct FoundRow {
    browser_id: BrowserId,
    user_epoch: i64,
    auth_time: Timestamp,
    factors: Option<String>,
    expires_at: Timestamp,
    persistent: bool,
    ended_at: Option<Timestamp>,
    id: UserId,
    login: String,
    name: Option<String>,
    #[sqlx(flatten)]
    subject: StoredSubject,
    session_epoch: i64,
    disabled_at: Option<Timestamp>,
    created_at: Timestamp,
    updated_at: Timestamp,
    must_change_password: bool,
    consented_scope: Option<String>,
    consented_at: Option<Timestamp>,
    consented_document: Option<String>,
}

impl TryFrom<FoundRow> for Found {
    type Error = Fault;
    fn try_from(row: FoundRow) -> Result<Self, Fault> {
        let unreadable = |_| Fault::internal("a consent with scopes that cannot be read");
        let Subject { role, attributes, email } = row.subject.read()?;
        let consented = match (row.consented_scope, row.consented_at) {
            (Some(scope), Some(at)) => {
                let scopes = Scopes::parse(&scope).map_err(unreadable)?;
                Some(Consented { scopes, at, document: row.consented_document })
            }
            _ => None,
        };
        let browser = BrowserSession {
            id: row.browser_id,
            user_id: row.id,
            user_epoch: row.user_epoch,
            auth_time: row.auth_time,
            factors: factors(row.factors)?,
            expires_at: row.expires_at,
            persistent: row.persistent,
            ended_at: row.ended_at,
        };
        let user = User {
            id: row.id,
            login: row.login,
            name: row.name,
            role,
            attributes,
            email,
            disabled_at: row.disabled_at,
            created_at: row.created_at,
            updated_at: row.updated_at,
            session_epoch: row.session_epoch,
            must_change_password: row.must_change_password,
        };
        Ok(Self { browser, user, consented })
    }
}

/// The sign-in of this cookie, its user, and the user's consent for `client_id` at `audience`, in the only
/// statement that an authorization request needs.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(
    link: &mut impl Link,
    cookie: &TokenHash,
    client_id: &str,
    audience: Option<&str>,
) -> Result<Option<Found>, Fault> {
    fetch_optional!(
        link,
        FoundRow,
        "SELECT b.id AS browser_id, b.user_epoch, b.auth_time, b.factors, b.expires_at, b.persistent, b.ended_at, u.id, \
         u.login, u.name, u.role, u.roles, u.groups, u.claims, u.email, u.email_verified_at, \
         u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) AS session_epoch, u.disabled_at, \
         u.created_at, u.updated_at, u.must_change_password, c.scope AS consented_scope, c.updated_at AS consented_at, \
         c.document AS consented_document \
         FROM browser_sessions b JOIN users u ON u.id = b.user_id \
         LEFT JOIN consents c ON c.user_id = u.id AND c.client_id = $2 AND c.audience = $3 \
         WHERE b.hash = $1",
        cookie.bytes(),
        client_id,
        audience.unwrap_or_default()
    )?
    .map(Found::try_from)
    .transpose()
}

/// Begins a log-in, if the user's epoch is still the one that was read with the password hash.
///
/// # Errors
/// When the database cannot be written.
pub async fn begin(
    tx: &mut Tx,
    browser: &BrowserSession,
    cookie: &TokenHash,
    device: &Device,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO browser_sessions (id, hash, user_id, user_epoch, auth_time, expires_at, \
         user_agent, address, factors, persistent) \
         SELECT $1, $2, users.id, $6, $3, $4, $7, $8, $9, $10 FROM users \
         WHERE users.id = $5 AND users.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) = $6 \
         AND users.disabled_at IS NULL",
        browser.id,
        cookie.bytes(),
        browser.auth_time,
        browser.expires_at,
        browser.user_id,
        browser.user_epoch,
        &device.user_agent,
        device.address.map(|address| address.to_string()),
        browser.factors.as_ref().map(column),
        browser.persistent
    )?;
    Ok(rows == 1)
}

/// Renews a sign-in after another authentication of its user, with a new cookie and time; `false` if it has
/// ended or the epoch was raised in the meantime.
///
/// # Errors
/// When the database cannot be written.
pub async fn renew(
    tx: &mut Tx,
    browser: &BrowserSession,
    cookie: &TokenHash,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE browser_sessions SET hash = $1, auth_time = $2, expires_at = $3, user_epoch = $4, \
         factors = $7, persistent = $8 WHERE id = $5 AND user_id = $6 AND ended_at IS NULL AND EXISTS (SELECT 1 FROM users \
         WHERE users.id = $6 AND users.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) = $4 \
         AND users.disabled_at IS NULL)",
        cookie.bytes(),
        browser.auth_time,
        browser.expires_at,
        browser.user_epoch,
        browser.id,
        browser.user_id,
        browser.factors.as_ref().map(column),
        browser.persistent
    )?;
    Ok(rows == 1)
}

/// The live log-ins of a user beyond the `most` that were used last, the most recently used first. A sign-in is
/// used when its user authenticates, and when one of its sessions is refreshed. At most 100, so that one log-in
/// never has to end thousands.
///
/// # Errors
/// When the database cannot be read.
pub async fn over_limit(
    link: &mut impl Link,
    user: UserId,
    most: i64,
    now: Timestamp,
) -> Result<Vec<BrowserId>, Fault> {
    let rows = fetch_all!(
        link,
        (BrowserId,),
        "SELECT b.id FROM browser_sessions b JOIN users u ON u.id = b.user_id \
         LEFT JOIN sessions s ON s.browser_id = b.id \
         WHERE b.user_id = $1 AND b.ended_at IS NULL AND b.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         AND b.expires_at > $2 GROUP BY b.id, b.auth_time \
         ORDER BY CASE WHEN max(s.answered_at) > b.auth_time THEN max(s.answered_at) ELSE b.auth_time END DESC, \
         b.id DESC LIMIT 100 OFFSET $3",
        user,
        now,
        most
    )?;
    Ok(rows.into_iter().map(|(browser,)| browser).collect())
}

/// Replaces the authentication of a sign-in.
///
/// # Errors
/// When the database cannot be written.
pub async fn set_authentication(
    tx: &mut Tx,
    id: BrowserId,
    authentication: &Authentication,
) -> Result<(), Fault> {
    execute!(
        tx,
        "UPDATE browser_sessions SET auth_time = $1, factors = $2 WHERE id = $3",
        authentication.auth_time,
        authentication.factors.as_ref().map(column),
        id
    )?;
    Ok(())
}

/// Moves a sign-in to the user's new epoch after the user changed the password in it, with a new cookie or the same.
///
/// # Errors
/// When the database cannot be written.
pub async fn carry_over(
    tx: &mut Tx,
    id: BrowserId,
    (old_epoch, new_epoch): (i64, i64),
    cookie: Option<&TokenHash>,
) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE browser_sessions SET user_epoch = $1, hash = coalesce($4, hash) \
         WHERE id = $2 AND user_epoch = $3 AND ended_at IS NULL",
        new_epoch,
        id,
        old_epoch,
        cookie.map(TokenHash::bytes)
    )?;
    Ok(rows == 1)
}

/// Whether a log-in is this user's.
///
/// # Errors
/// When the database cannot be read.
pub async fn is_of(link: &mut impl Link, id: BrowserId, user: UserId) -> Result<bool, Fault> {
    let row = fetch_optional!(
        link,
        (BrowserId,),
        "SELECT id FROM browser_sessions WHERE id = $1 AND user_id = $2",
        id,
        user
    )?;
    Ok(row.is_some())
}

/// The user of a live log-in.
///
/// # Errors
/// When the database cannot be read.
pub async fn live_user(
    link: &mut impl Link,
    id: BrowserId,
    now: Timestamp,
) -> Result<Option<UserId>, Fault> {
    let row = fetch_optional!(
        link,
        (UserId,),
        "SELECT b.user_id FROM browser_sessions b JOIN users u ON u.id = b.user_id \
         WHERE b.id = $1 AND b.ended_at IS NULL AND b.user_epoch = u.session_epoch + (SELECT generation FROM session_generation WHERE id = 1) \
         AND b.expires_at > $2",
        id,
        now
    )?;
    Ok(row.map(|(user,)| user))
}

/// Whether this sign-in of `user` is live, and locks it until the end of `tx`, so that a concurrent end sees the
/// writes of `tx`.
pub(super) async fn hold(tx: &mut Tx, id: BrowserId, user: UserId) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "UPDATE browser_sessions SET ended_at = ended_at \
         WHERE id = $1 AND user_id = $2 AND ended_at IS NULL",
        id,
        user
    )?;
    Ok(rows == 1)
}

/// Ends a sign-in. Returns its user; `None` when it had already ended.
///
/// # Errors
/// When the database cannot be written.
pub async fn end(tx: &mut Tx, id: BrowserId, now: Timestamp) -> Result<Option<UserId>, Fault> {
    // Locks the user first, like the opening of a session, so that the two cannot deadlock.
    execute!(
        tx,
        "UPDATE users SET session_epoch = session_epoch \
         WHERE id = (SELECT user_id FROM browser_sessions WHERE id = $1)",
        id
    )?;
    let row = fetch_optional!(
        tx,
        (UserId,),
        "UPDATE browser_sessions SET ended_at = $1 WHERE id = $2 AND ended_at IS NULL \
         RETURNING user_id",
        now,
        id
    )?;
    Ok(row.map(|(user,)| user))
}
