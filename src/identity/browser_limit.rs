//! The limit of live sign-ins at the pages per user, which equals that of sessions.
//!
//! A sign-in beyond it ends the one that was not used for the longest time, like `open_session` for the
//! sessions of clients.

use crate::app::AuditedTx;
use crate::domain::outcome::Fault;
use crate::domain::session::EndReason;
use crate::domain::user::User;
use crate::store::{browser_sessions, users};

use super::browser_login::end_browser_for;

/// Makes room for one more sign-in of `user`, and locks the user's row, so that concurrent sign-ins see each other.
/// False when the user was disabled or got a new password since `user` was read.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn make_room(tx: &mut AuditedTx, user: &User) -> Result<bool, Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    if !users::hold(tx, user.id, user.session_epoch).await? {
        return Ok(false);
    }
    let most = app.config.max_sessions_per_user - 1;
    for browser in browser_sessions::over_limit(&mut **tx, user.id, most, now).await? {
        end_browser_for(tx, browser, EndReason::SessionLimit).await?;
    }
    Ok(true)
}
