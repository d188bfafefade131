//! `/v1/step-up`: a session is raised to a higher assurance level, or its user authenticates again.
//!
//! The session keeps its identity and its refresh token. Earlier access tokens keep their level, also here: a step-up
//! starts with the factors of the token and not with those of the session, which its user may have raised since with
//! another token.

use crate::app::App;
use crate::base::TimeSpan;
use crate::base::id::SessionId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::{AssuranceLevel, AuthnStep, Demand, Refused};
use crate::domain::claims::AccessTokenGrant;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::Session;
use crate::domain::user::User;
use crate::store::{sessions, users};
use crate::tokens::issue::{self, Tokens};

use super::authenticate::account_state;
use super::authentication::{Channel, Completed, Progress, RemainingStep, unmet_requirements};
use super::bearer::{Caller, invalid_token};
use super::continue_login::{ApiPurpose, LoginTokens, Pending};
use super::login::LoginOutcome;

/// The requested level of a session.
#[derive(Debug, Clone, Copy)]
pub struct StepUpRequest {
    /// The minimum level.
    pub level: Option<AssuranceLevel>,
    /// The maximum age of a factor.
    pub max_age: Option<TimeSpan>,
}

/// A new access token, if the caller's token already has the level of its session and that is sufficient; otherwise a
/// challenge for the missing factors.
///
/// # Errors
/// `forbidden` when the account has no factor of the level; `invalid_token` when the account has changed, or when the
/// token is sufficient but below the level of its session; faults.
pub async fn step_up(
    app: App,
    caller: Caller,
    request: StepUpRequest,
    info: RequestInfo,
) -> Result<LoginOutcome, Failure> {
    let now = info.now;
    let (factors, is_current) = (caller.factors(), caller.require_current());
    let Caller { session, user, .. } = caller;
    let credential = users::credential_of(&mut app.db.reader().await?, user.id).await?;
    let credential = credential.ok_or_else(invalid_token)?;
    let client = app.client(&session.client_id);
    let demand = Demand {
        wished: None,
        essential: request.level,
        client: client.and_then(|client| client.metadata.min_acr),
        since: request.max_age.map(|age| now - age),
    };
    let (user, account) = (&credential.user, account_state(&credential));
    let progress = Progress::step_up(user, session.user_epoch, factors, demand);
    let step = match progress.next_step(&app, (user, &account), now) {
        AuthnStep::Done(_) => {
            is_current?;
            let tokens = token_of(&app, &session, user, &info)?;
            return Ok(LoginOutcome::Tokens(LoginTokens::plain(tokens)));
        }
        AuthnStep::Authenticate(methods) => RemainingStep::Factor(methods),
        AuthnStep::Enrol { may_skip } => RemainingStep::Enrol { may_skip },
        AuthnStep::Refuse(Refused::UnmetRequirements) => return Err(unmet_requirements().into()),
        // A required password change has ended every session.
        AuthnStep::ChangePassword | AuthnStep::Refuse(Refused::AccountChanged) => {
            return Err(invalid_token().into());
        }
    };
    let pending = Pending::begin(&app, progress, ApiPurpose::StepUp { session: session.id }, now);
    Ok(LoginOutcome::Pending(pending.issue(&app, Channel::Api, step, &info).await?))
}

/// Raises the session, and returns an access token of that level.
///
/// # Errors
/// `challenge_invalid` when the session has ended since, or another request was first; faults.
pub(super) async fn raise(
    app: &App,
    completed: &Completed,
    id: SessionId,
    info: &RequestInfo,
) -> Result<LoginTokens, Failure> {
    let raised = app.transaction(info, async |tx| {
        let user = completed.enter(tx).await?;
        let authentication = &completed.authentication;
        let is_live = users::hold(tx, user.id, user.session_epoch).await?
            && sessions::raise(tx, id, &user, authentication, info.now).await?;
        let found = if is_live { sessions::with_user(tx, id).await? } else { None };
        let Some((session, user)) = found else {
            return Err(completed.refuse(tx, "session_ended").await);
        };
        let event = Event::new(EventKind::LoginSteppedUp).about(user.id).in_session(id);
        let event = event.for_client(&*session.client_id);
        completed.settle(tx, &event).await?;
        Ok((session, user))
    });
    let (session, user) = raised.await?;
    app.count_login("ok");
    Ok(LoginTokens::new(token_of(app, &session, &user, info)?, completed))
}

fn token_of(
    app: &App,
    session: &Session,
    user: &User,
    info: &RequestInfo,
) -> Result<Tokens, Failure> {
    let granted = AccessTokenGrant::of(session);
    let tokens = issue::access_token(app, &granted, || Ok(user.subject()), info.now)?;
    app.metrics.count_issued("step_up", tokens.alg());
    Ok(tokens)
}
