//! The outbox of back-channel log-out notices: written in the transaction that ends the sessions.
//!
//! `jobs::backchannel_logout` delivers them.

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{NoticeId, UserId};
use crate::domain::outcome::Fault;
use crate::store::logout_notices::{self, Notice};
use crate::store::sessions::EndedSession;
use crate::store::{Tx, sessions};

/// Writes down that the clients of these sessions are to be told.
///
/// # Errors
/// When the database cannot be written.
pub async fn tell(
    app: &App,
    tx: &mut Tx,
    ended: &[EndedSession],
    now: Timestamp,
) -> Result<(), Fault> {
    for session in ended {
        let client = app.client(&session.client_id);
        if client.is_none_or(|client| client.metadata.backchannel_logout_uri.is_none()) {
            continue;
        }
        let notice = Notice {
            id: NoticeId::new(now, &*app.entropy),
            client_id: session.client_id.clone(),
            user_id: session.user_id,
            session_id: session.id,
            tries: 0,
        };
        logout_notices::insert(tx, &notice, now).await?;
    }
    Ok(())
}

/// The sessions whose clients are to be told when everything of `user` ends: read before it does.
///
/// # Errors
/// When the database cannot be read.
pub async fn everything_of(
    app: &App,
    tx: &mut Tx,
    user: UserId,
    now: Timestamp,
) -> Result<Vec<EndedSession>, Fault> {
    if app.any_client_to_tell() {
        sessions::of_clients(tx, user, now).await
    } else {
        Ok(Vec::new())
    }
}
