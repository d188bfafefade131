//! The first step of a sign-in that begins with a passkey.
//!
//! Owns its order: the credential and its account are read, the assertion is verified and recorded, and the rule
//! decides the next step.

use crate::app::App;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{Demand, Method};
use crate::domain::liveness::inactive_user;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::identity::authenticate::account_state;
use crate::identity::lockout;
use crate::identity::passkey::{self, Assertion};
use crate::identity::write_limit::UserWrite;

use super::{Advanced, Progress, SingleUse, Taken, challenge_invalid, conclude, counted};

/// Performs the first step of a sign-in with a passkey, which is the last one unless the account requires more.
/// Its changes are written in the transaction that opens a session.
///
/// # Errors
/// `mfa_failed`, the same for an unknown credential, a disabled user and a wrong signature;
/// `challenge_invalid` when the challenge was used before; `feature_disabled`; too many attempts.
pub async fn begin_with_passkey(
    app: &App,
    assertion: &Assertion,
    single_use: Option<SingleUse>,
    demand: &Demand,
    info: &RequestInfo,
) -> Result<Advanced, Failure> {
    let now = info.now;
    lockout::check_network(app, info)?;
    let mut reader = app.db.reader().await?;
    let judged = passkey::judge(app, &mut reader, assertion, None).await?;
    let account = passkey::account_of(&mut reader, &judged).await?;
    drop(reader);
    let state = account.as_ref().map(account_state);
    let may_count = state.is_some_and(|state| inactive_user(state.user, None).next().is_none());
    // No hash limits the rate of such sign-ins, and each leaves rows.
    if let Some(account) = account.as_ref().filter(|_| may_count && judged.is_valid()) {
        UserWrite::new(app).take(&account.user)?;
    }
    let checked = app.transaction(info, async |tx| judged.settle(tx, may_count).await).await;
    checked.map_err(|failure| counted(app, info, failure))?;
    let credential = account.ok_or_else(challenge_invalid)?;
    let progress = Progress::of_passkey(&credential.user, *demand, now);
    let account = account_state(&credential);
    let taken = Taken { progress, account, new_password: None, recovery_codes: Vec::new() };
    let advanced = conclude(app, taken, (credential, single_use), info).await?;
    if let Advanced::Pending(progress, _) = &advanced {
        let event = Event::new(EventKind::LoginFirstFactor).about(progress.user);
        let method = Method::Passkey.as_str();
        let event = event.detail(method).by_methods([method]);
        app.transaction(info, async |tx| Ok(tx.record(&event).await?)).await?;
    }
    Ok(advanced)
}
