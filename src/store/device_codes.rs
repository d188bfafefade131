//! Device codes that wait for a user's decision (RFC 8628).

use crate::base::id::UserId;
use crate::base::opaque_token::TokenHash;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::authorization::Authorization;
use crate::domain::device_code::{DeviceCode, DeviceState, LIFE};
use crate::domain::outcome::Fault;
use crate::domain::validity::latest_end;
use crate::{execute, fetch_optional};

use super::attributes::column;
use super::{Link, Tx};

#[derive(sqlx::FromRow)]
struct DeviceRow {
    user_code: String,
    client_id: String,
    asked: String,
    state: String,
    pause: i64,
    polled_at: Option<Timestamp>,
    expires_at: Timestamp,
}

impl TryFrom<DeviceRow> for DeviceCode {
    type Error = Fault;
    fn try_from(row: DeviceRow) -> Result<Self, Fault> {
        let impossible = || Fault::internal("a device code row that cannot be");
        Ok(Self {
            user_code: row.user_code,
            client_id: row.client_id,
            asked: serde_json::from_str(&row.asked).map_err(|_| impossible())?,
            state: row.state.parse().map_err(|_| impossible())?,
            pause: TimeSpan::from_millis(row.pause),
            polled_at: row.polled_at,
            expires_at: row.expires_at,
        })
    }
}

/// Stores a device code. False when its user code is in use.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, hash: &TokenHash, device: &DeviceCode) -> Result<bool, Fault> {
    let rows = execute!(
        tx,
        "INSERT INTO device_codes (hash, user_code, client_id, asked, state, pause, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (user_code) DO NOTHING",
        hash.bytes(),
        &device.user_code,
        &device.client_id,
        column(&device.asked),
        device.state.as_str(),
        device.pause.millis(),
        device.expires_at
    )?;
    Ok(rows == 1)
}

/// The device code with this user code.
///
/// # Errors
/// When the database cannot be read.
pub async fn by_user_code(
    link: &mut impl Link,
    user_code: &str,
) -> Result<Option<DeviceCode>, Fault> {
    fetch_optional!(
        link,
        DeviceRow,
        "SELECT user_code, client_id, asked, state, pause, polled_at, expires_at \
         FROM device_codes WHERE user_code = $1",
        user_code
    )?
    .map(DeviceCode::try_from)
    .transpose()
}

/// Stores the user's decision. False when it was already decided or has expired.
///
/// # Errors
/// When the database cannot be written.
pub async fn decide(
    tx: &mut Tx,
    user_code: &str,
    user: UserId,
    allowed: Option<&Authorization>,
    now: Timestamp,
) -> Result<bool, Fault> {
    let state = if allowed.is_some() { DeviceState::Allowed } else { DeviceState::Denied };
    let rows = execute!(
        tx,
        "UPDATE device_codes SET state = $1, user_id = $2, grants = $3 \
         WHERE user_code = $4 AND state = 'pending' AND expires_at > $5 AND expires_at <= $6",
        state.as_str(),
        user,
        allowed.map(column),
        user_code,
        now,
        latest_end(LIFE, now)
    )?;
    Ok(rows == 1)
}

/// The device code as it was before its poll at `now`, which is recorded with the new interval.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn poll(
    tx: &mut Tx,
    hash: &TokenHash,
    next_pause: impl FnOnce(&DeviceCode) -> TimeSpan + Send,
    now: Timestamp,
) -> Result<Option<DeviceCode>, Fault> {
    // Locks the row first, so that concurrent polls are serialised.
    execute!(tx, "UPDATE device_codes SET pause = pause WHERE hash = $1", hash.bytes())?;
    let device = fetch_optional!(
        tx,
        DeviceRow,
        "SELECT user_code, client_id, asked, state, pause, polled_at, expires_at \
         FROM device_codes WHERE hash = $1",
        hash.bytes()
    )?
    .map(DeviceCode::try_from)
    .transpose()?;
    if let Some(device) = &device {
        execute!(
            tx,
            "UPDATE device_codes SET polled_at = $1, pause = $2 WHERE hash = $3",
            now,
            next_pause(device).millis(),
            hash.bytes()
        )?;
    }
    Ok(device)
}

/// Takes the authorization; it can be taken only once.
///
/// # Errors
/// When the database cannot be written.
pub async fn redeem(tx: &mut Tx, hash: &TokenHash) -> Result<Option<Authorization>, Fault> {
    let row = fetch_optional!(
        tx,
        (String,),
        "DELETE FROM device_codes WHERE hash = $1 AND state = 'allowed' RETURNING grants",
        hash.bytes()
    )?;
    row.map(|(grants,)| {
        let unreadable = |error| Fault::internal("an authorization row").with_source(error);
        serde_json::from_str(&grants).map_err(unreadable)
    })
    .transpose()
}

/// Removes the approvals of device codes that were requested before this time and not redeemed.
///
/// # Errors
/// When the database cannot be written.
pub async fn void_issued_before(tx: &mut Tx, before: Timestamp) -> Result<u64, Fault> {
    execute!(
        tx,
        "DELETE FROM device_codes WHERE expires_at < $1 AND user_id IS NOT NULL",
        before + LIFE
    )
}

/// Removes a user's approvals for a client that were not redeemed.
///
/// # Errors
/// When the database cannot be written.
pub async fn void(tx: &mut Tx, user: UserId, client_id: &str) -> Result<u64, Fault> {
    execute!(tx, "DELETE FROM device_codes WHERE user_id = $1 AND client_id = $2", user, client_id)
}
