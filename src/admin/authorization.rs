//! Authorization of an action on a target, within the transaction that performs it.
//!
//! The right is evaluated at that moment: a role or scope that was withdrawn since the request arrived is missing,
//! and a target that has become protected is protected. The rules are in `domain::permission`.

use crate::app::AuditedTx;
use crate::base::id::UserId;
use crate::domain::audit::{ActingClient, Event, EventKind};
use crate::domain::client::{Client, ClientMetadata};
use crate::domain::helpdesk::Reset;
use crate::domain::liveness::{inactive_client, inactive_user};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::permission::{Action, Authority, TargetKind};
use crate::domain::scope::Scopes;
use crate::domain::user::User;
use crate::identity::fresh_authentication::require_fresh_user;
use crate::store::{admin_keys, clients, helpdesk_resets, users};

/// Refuses an action on targets of these kinds. The caller has locked the rows that the kinds were read from.
///
/// # Errors
/// `insufficient_scope`, `forbidden`, `reauthentication_required`; faults.
pub async fn authorize(
    tx: &mut AuditedTx,
    action: Action,
    kinds: &[TargetKind],
) -> Result<(), Failure> {
    let authority = current(tx).await?;
    authority.require_on(action, kinds.iter().copied()).map_err(Refusal::from)?;
    let info = tx.info();
    match (authority, info.origin.actor) {
        (Authority::User { epoch, factors, .. }, Some(user))
            if action.permission().needs_fresh_user =>
        {
            require_fresh_user(&mut **tx, user, (epoch, factors), info.now).await
        }
        _ => Ok(()),
    }
}

/// Refuses an action on a user.
///
/// # Errors
/// As [`authorize`].
pub async fn authorize_on_user(
    tx: &mut AuditedTx,
    action: Action,
    user: &User,
) -> Result<(), Failure> {
    authorize(tx, action, &[TargetKind::of_user(user.role)]).await
}

/// Refuses an action on a client.
///
/// # Errors
/// As [`authorize`].
pub async fn authorize_on_client(
    tx: &mut AuditedTx,
    action: Action,
    metadata: &ClientMetadata,
) -> Result<(), Failure> {
    authorize(tx, action, &[TargetKind::of_client(metadata)]).await
}

/// Refuses administration scopes that a client did not have in `before`, unless the caller may grant them, and
/// records the grant.
///
/// # Errors
/// As [`authorize`].
pub async fn grant_admin_scopes(
    tx: &mut AuditedTx,
    before: Option<&ClientMetadata>,
    client: &Client,
) -> Result<(), Failure> {
    let is_new = |scope: &str| before.is_none_or(|before| !before.admin_scopes.contains(scope));
    let given = client.metadata.admin_scopes.only(is_new);
    if given.is_empty() {
        return Ok(());
    }
    authorize(tx, Action::GrantAdminScopes, &[TargetKind::AdminClient]).await?;
    let event = Event::new(EventKind::ClientAdminGranted).for_client(&*client.client_id);
    Ok(tx.record(&event.detail(given.to_string())).await?)
}

/// Refuses a reset by the helpdesk that would follow another kind of reset too soon, and records it. Other callers
/// are not limited. The caller has locked the user's row.
///
/// # Errors
/// `conflict`; faults.
pub async fn limit_helpdesk(tx: &mut AuditedTx, user: UserId, what: Reset) -> Result<(), Failure> {
    let info = tx.info();
    if !info.authority.is_helpdesk() {
        return Ok(());
    }
    what.check(helpdesk_resets::last(&mut **tx, user, what.other()).await?, info.now)?;
    Ok(helpdesk_resets::note(tx, user, what, info.now).await?)
}

/// The current authority of the caller.
async fn current(tx: &mut AuditedTx) -> Result<Authority, Failure> {
    let info = tx.info();
    match (&info.authority, info.origin.actor, &info.origin.client) {
        (Authority::User { scopes, epoch, factors, .. }, Some(id), _) => {
            let user = users::find(&mut **tx, id).await?.ok_or_else(ended)?;
            if inactive_user((&user).into(), Some(*epoch)).next().is_some() {
                return Err(ended().into());
            }
            let scopes = scopes.clone();
            Ok(Authority::User { role: user.role, scopes, epoch: *epoch, factors: *factors })
        }
        (Authority::Client { scopes }, _, Some(client)) => {
            Ok(Authority::Client { scopes: scopes_now(tx, client, scopes).await? })
        }
        (authority, ..) => Ok(authority.clone()),
    }
}

/// The scopes of the token that its client still has.
async fn scopes_now(
    tx: &mut AuditedTx,
    acting: &ActingClient,
    scopes: &Scopes,
) -> Result<Scopes, Failure> {
    let now = tx.info().now;
    let stored = clients::find(&mut **tx, &acting.client_id).await?;
    let client = stored.map(|stored| stored.client);
    if inactive_client(client.as_ref().into(), now).is_some() {
        return Err(ended().into());
    }
    if let Some(key) = acting.key
        && admin_keys::find(&mut **tx, key).await?.is_none()
    {
        return Err(ended().into());
    }
    Ok(scopes.only(|scope| {
        client.as_ref().is_some_and(|client| client.metadata.admin_scopes.contains(scope))
    }))
}

fn ended() -> Refusal {
    Refusal::new(
        Code::InvalidToken,
        "The authorization of this request was revoked. Sign in again, or request another token.",
    )
}
