//! Opens sessions for log-ins, codes and devices.
//!
//! Owns the order: dependencies are locked first, the branch finds its session, and a session beyond the limit ends
//! the one that was not used for the longest time.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::audit::Origin;
use crate::domain::outcome::Fault;
use crate::domain::session::{EndReason, Session, place};
use crate::domain::user_agent::Device;
use crate::store::Tx;
use crate::store::sessions::end::{EndContext, Ending, end_session};
use crate::store::sessions::open::{self, NewBranch};

use super::logout_notices;

/// The parameters of a new session.
pub struct Opening<'a> {
    /// The session, with the first branch that it would have.
    pub session: Session,
    /// The device it is opened on.
    pub device: &'a Device,
    /// The origin of the request.
    pub origin: &'a Origin,
    /// Since when the client has its `client_id`.
    pub name_since: Timestamp,
}

/// A session that was opened.
pub struct Opened {
    /// The session.
    pub session: Session,
    /// The number of branches that it replaced. The caller counts them after the commit.
    pub replaced: u64,
}

/// Opens a session, or a branch of the session that the client already has in the same sign-in. `None` when the
/// user was disabled, got a new password or logged out after authorizing it.
///
/// # Errors
/// When the database cannot be written.
pub async fn open_session(
    app: &App,
    tx: &mut Tx,
    opening: Opening<'_>,
) -> Result<Option<Opened>, Fault> {
    let Opening { mut session, device, origin, name_since } = opening;
    if !open::hold(tx, &session).await? {
        return Ok(None);
    }
    let (mut joined, mut replaced) = (false, 0);
    if let Some(browser) = session.browser {
        let of = NewBranch { session: &session, name_since };
        let placement = place(&open::live_branches(tx, of, browser).await?);
        for branch in placement.replaces {
            open::remove_branch(tx, branch).await?;
            replaced += 1;
        }
        if let Some(id) = placement.joins {
            session.id = id;
            joined = true;
        }
    }
    if !joined {
        end_surplus(app, tx, &session, origin).await?;
    }
    open::insert(tx, &session, device).await?;
    Ok(Some(Opened { session, replaced }))
}

/// Makes room for one more session of its user. The user's row is locked, so that concurrent log-ins see each
/// other.
async fn end_surplus(
    app: &App,
    tx: &mut Tx,
    session: &Session,
    origin: &Origin,
) -> Result<(), Fault> {
    let now = session.created_at;
    let most = app.config.max_sessions_per_user - 1;
    for id in open::over_limit(tx, session.user_id, most, now).await? {
        let context = EndContext {
            origin,
            now,
            entropy: &*app.entropy,
            longest_access_ttl: app.longest_access_ttl(),
        };
        let ended = end_session(tx, id, Ending::of(EndReason::SessionLimit), &context).await?;
        logout_notices::tell(app, tx, ended.as_slice(), now).await?;
    }
    Ok(())
}
