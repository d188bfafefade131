//! Opens and ends sessions directly in the database, without use cases.

use signet::base::id::{BranchId, SessionId, UserId};
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::Origin;
use signet::domain::outcome::Fault;
use signet::domain::session::{EndReason, Session};
use signet::domain::user_agent::Device;
use signet::store::Tx;
use signet::store::sessions::end::{self, EndContext, Ending};
use signet::store::sessions::open;

/// The same session under this id, with a branch of its own.
pub fn numbered(id: SessionId, session: Session) -> Session {
    Session { id, branch: BranchId::from_uuid(id.uuid()), ..session }
}

/// Opens a session as given. False when its user or its sign-in has ended.
pub async fn open(tx: &mut Tx, session: &Session, device: &Device) -> Result<bool, Fault> {
    let held = open::hold(tx, session).await?;
    if held {
        open::insert(tx, session, device).await?;
    }
    Ok(held)
}

/// The context of endings in tests: the system as the actor, and access tokens of ten minutes.
pub fn context(origin: &Origin, now: Timestamp) -> EndContext<'_> {
    EndContext { origin, now, entropy: &SystemEntropy, longest_access_ttl: TimeSpan::from_mins(10) }
}

/// Ends a session. Returns its user; `None` when it had ended before.
pub async fn end(
    tx: &mut Tx,
    id: SessionId,
    reason: EndReason,
    at: Timestamp,
) -> Result<Option<UserId>, Fault> {
    let origin = Origin::system();
    let ended = end::end_session(tx, id, Ending::of(reason), &context(&origin, at)).await?;
    Ok(ended.map(|ended| ended.user_id))
}
