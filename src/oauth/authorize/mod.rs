//! The authorization endpoint: a client sends a user, who returns with a code.
//!
//! Owns the way through: what the client asks (`request`), what has to happen first
//! (`domain::interaction`), and the answer (`response`). Shows no page itself.

pub mod request;
pub mod response;

use std::sync::Arc;

use crate::app::cache::Audience;
use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authorization::{Authorization, Grantor, Request};
use crate::domain::client::Client;
use crate::domain::interaction::{self, CheckedLogin, ConsentPolicy, NextStep as Next};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::Scopes;
use crate::domain::user::User;
use crate::identity::authentication::{IssuedChallenge, unmet_requirements};
use crate::identity::browser_step_up::{self, Lacking};
use crate::identity::current_login::{BrowserCookies, CurrentLogin, current_login_for};
use crate::identity::write_limit::UserWrite;
use crate::store::consents;

use super::code::issue_code;
use super::findings::note_refusal;
use super::par::{self, Pushed};
use super::params::Params;
use super::pending_request::{Destination, PendingRequest, of_another_kind};
use super::rate_limits::throttle_unattended;
use super::scope_narrowing::{count_dropped, still_available, withdrawn};

use request::{Addressed, address};
use response::Answer;

/// The path of the endpoint.
const PATH: &str = "/oauth2/authorize";

/// What happens next.
pub enum Step {
    /// The user authenticates.
    Login(Box<LoginView>),
    /// The user completes what the sign-in lacks.
    MissingFactor(Box<StepUpView>),
    /// The user is asked for consent.
    Consent(Box<ConsentView>),
    /// The client is answered.
    Done(Box<Answer>),
}

/// What the log-in page needs to know.
pub struct LoginView {
    /// The sealed flow.
    pub flow: String,
    /// The client.
    pub client: Arc<Client>,
    /// What the request says.
    pub request: Request,
}

/// What a page for a further step needs to know.
pub struct StepUpView {
    /// The sealed flow.
    pub flow: String,
    /// The step.
    pub challenge: IssuedChallenge,
}

/// What the page that asks needs to know.
pub struct ConsentView {
    /// The sealed flow.
    pub flow: String,
    /// The client.
    pub client: Arc<Client>,
    /// What the request says.
    pub request: Request,
    /// Who is asked.
    pub user: User,
    /// The scopes to be allowed, those of single claims included.
    pub scopes: Scopes,
    /// Where the answer will go, for the page's policy.
    pub destination: String,
}

/// A request of which it is known where its answer goes and what it asks for.
struct Checked {
    addressed: Addressed,
    request: Request,
    flow: PendingRequest,
    /// When the request was made: for a pushed one, before its page was loaded.
    made: Timestamp,
}

impl Checked {
    /// The API that was requested, or the issuer. None where the API was deleted since, also when another
    /// one is registered under its identifier: what the user saw or allowed was not about that one.
    fn audience(&self, app: &App) -> Option<Arc<Audience>> {
        app.audience_given_at(self.request.audience.as_deref(), self.made)
    }

    /// What a sign-in lacks for this request.
    async fn lacking(
        &self,
        app: &App,
        found: &CurrentLogin,
        visitor: &BrowserCookies,
        now: Timestamp,
    ) -> Result<Lacking, Failure> {
        let demand = self.request.wishes.demand(self.addressed.client.metadata.min_acr);
        browser_step_up::lacking(app, found, demand, visitor, now).await
    }
}

/// A client sends a user.
///
/// # Errors
/// Refused on a page for the user when the client cannot be answered; faults.
pub async fn begin(
    app: App,
    params: Params,
    visitor: BrowserCookies,
    info: RequestInfo,
) -> Result<Step, Failure> {
    let now = info.now;
    if let Some(Pushed { request, at, id }) = par::resolve(&app, &params, now).await? {
        let addressed = Addressed::again(&app, &request, at).await?;
        let aim = Destination::Authorize(Box::new(request.clone()));
        // A pushed request gives one code, however often its page is loaded.
        let flow = PendingRequest { id, ..PendingRequest::begin(&app, aim, now) };
        let checked = Checked { addressed, request, flow, made: at };
        return go_on(app, checked, visitor, info).await;
    }
    let addressed = address(&app, params, PATH).await?;
    if addressed.client.metadata.is_fapi2() {
        let message = "This client is registered with the profile fapi2: it pushes its requests to \
                    /oauth2/par (RFC 9126).";
        let refusal = Refusal::oauth(OAuthError::InvalidRequest, message);
        return refuse(&app, &addressed, refusal.into());
    }
    let checked = addressed.check(&app).await;
    note_refusal(&app, &addressed.client, PATH, &checked);
    let request = match checked {
        Ok(request) => request,
        Err(stop) => return refuse(&app, &addressed, stop),
    };
    count_dropped(&app, &addressed.client, PATH, &request.dropped);
    let flow = PendingRequest::begin(&app, Destination::Authorize(Box::new(request.clone())), now);
    go_on(app, Checked { addressed, request, flow, made: now }, visitor, info).await
}

/// The user comes back from the log-in page.
///
/// # Errors
/// As [`begin`]; `forbidden` when it was begun in another browser.
pub async fn resume(
    app: App,
    sealed: String,
    visitor: BrowserCookies,
    info: RequestInfo,
) -> Result<Step, Failure> {
    let now = info.now;
    let flow = PendingRequest::open(&app, &sealed, &visitor, now)?;
    let Destination::Authorize(request) = flow.aim.clone() else {
        return Err(of_another_kind().into());
    };
    let addressed = Addressed::again(&app, &request, flow.begun_at).await?;
    let made = flow.begun_at;
    go_on(app, Checked { addressed, request: *request, flow, made }, visitor, info).await
}

/// The user has decided.
///
/// # Errors
/// `forbidden` when it was begun in another browser or another user was asked; `conflict` when the
/// request was answered already; too many writes.
pub async fn decide(
    app: App,
    sealed: String,
    allow: bool,
    visitor: BrowserCookies,
    info: RequestInfo,
) -> Result<Step, Failure> {
    let now = info.now;
    let flow = PendingRequest::open(&app, &sealed, &visitor, now)?;
    let Destination::Authorize(request) = flow.aim.clone() else {
        return Err(of_another_kind().into());
    };
    let addressed = Addressed::again(&app, &request, flow.begun_at).await?;
    let found = asked(&app, &visitor, &request, now).await?;
    let made = flow.begun_at;
    let checked = Checked { addressed, request: *request, flow, made };
    if checked.audience(&app).is_none() {
        // Nothing is remembered for an API that the user was not asked about.
        return go_on(app, checked, visitor, info).await;
    }
    let Some(found) = found.filter(|found| checked.flow.asked == Some(found.user.id)) else {
        // Logged out, or logged in as another user, since the page was shown: ask again.
        return go_on(app, checked, visitor, info).await;
    };
    if !allow {
        let message = "The user denied the request.";
        let addressed = &checked.addressed;
        let answer = Answer::refused(app.issuer(), addressed, OAuthError::AccessDenied, message);
        return Ok(Step::Done(Box::new(answer)));
    }
    // Signed in anew with fewer factors.
    if !matches!(checked.lacking(&app, &found, &visitor, now).await?, Lacking::Nothing) {
        return go_on(app, checked, visitor, info).await;
    }
    let info = info.by(found.user.id);
    let write = UserWrite::new(&app);
    let answer = app
        .transaction_or_nothing(&info, async |tx| {
            let Checked { addressed, request, .. } = &checked;
            // Consent for a client that cannot be proven is not remembered; the audit event is written anyway.
            let is_new = addressed.client.is_unprovable(&addressed.redirect)
                || remember(tx, &found, request).await?;
            if is_new {
                write.take(&found.user)?;
                allowed(tx, found.user.id, &request.client_id).await?;
            }
            issue(tx, &checked, &found).await
        })
        .await?;
    Ok(Step::Done(Box::new(answer)))
}

/// A refusal goes back to the client; a fault does not.
fn refuse(app: &App, addressed: &Addressed, stop: Failure) -> Result<Step, Failure> {
    match stop {
        Failure::Refused(refusal) => {
            let error = refusal.oauth.unwrap_or(OAuthError::InvalidRequest);
            Ok(Step::Done(Box::new(Answer::refused(
                app.issuer(),
                addressed,
                error,
                refusal.message,
            ))))
        }
        failed => Err(failed),
    }
}

/// The user signed in in this browser, and the consent for `request`.
async fn asked(
    app: &App,
    visitor: &BrowserCookies,
    request: &Request,
    now: Timestamp,
) -> Result<Option<CurrentLogin>, Fault> {
    let client = (&*request.client_id, request.audience.as_deref());
    current_login_for(app, visitor, client, now).await
}

/// Everything that has to be allowed: the scopes, and those that cover single claims.
fn wanted(request: &Request) -> Scopes {
    request.scopes.with(request.asked_claims.scopes())
}

async fn go_on(
    app: App,
    checked: Checked,
    visitor: BrowserCookies,
    info: RequestInfo,
) -> Result<Step, Failure> {
    let now = info.now;
    let Checked { addressed, request, flow, .. } = &checked;
    let Some(audience) = checked.audience(&app) else {
        let (error, message) = (OAuthError::InvalidTarget, "The API has been deleted.");
        let answer = Answer::refused(app.issuer(), addressed, error, message);
        return Ok(Step::Done(Box::new(answer)));
    };
    let found = asked(&app, &visitor, request, now).await?;
    let lacking = match &found {
        Some(found) => checked.lacking(&app, found, &visitor, now).await?,
        None => Lacking::Nothing,
    };
    let client = Arc::clone(&addressed.client);
    let allowed = wanted(request);
    let present = found.as_ref().map(|found| CheckedLogin {
        sub: found.user.id.to_string(),
        auth_time: found.browser.auth_time,
        is_enough: matches!(lacking, Lacking::Nothing),
        consented: found.consented.as_ref().is_some_and(|consented| {
            allowed.is_within(&consented.scopes)
                && client.owned_name_at(consented.at)
                && audience.owned_name_at(consented.at)
        }),
    });
    let manner = ConsentPolicy {
        skip_consent: client.metadata.skips_consent(),
        always_ask: client.is_unprovable(&addressed.redirect),
    };
    let destination = addressed.redirect.source();
    match (
        interaction::next_step(&request.wishes, present.as_ref(), manner, flow.begun_at, now),
        found,
    ) {
        (Next::Refuse(error), _) => {
            let message = "The user would have to be asked, and prompt is none.";
            Ok(Step::Done(Box::new(Answer::refused(app.issuer(), addressed, error, message))))
        }
        (Next::Issue, Some(found)) => {
            if found.browser.auth_time < flow.begun_at
                && let Err(refusal) = throttle_unattended(&app, found.user.id)
            {
                return refuse(&app, addressed, refusal.into());
            }
            let issued =
                app.transaction_or_nothing(&info, async |tx| issue(tx, &checked, &found).await);
            Ok(Step::Done(Box::new(issued.await?)))
        }
        (Next::Consent, Some(found)) => {
            let Checked { request, mut flow, .. } = checked;
            flow.asked = Some(found.user.id);
            let flow = flow.seal(&app, &visitor)?;
            let user = found.user;
            let view = ConsentView { flow, client, request, user, scopes: allowed, destination };
            Ok(Step::Consent(Box::new(view)))
        }
        (Next::StepUp, Some(_)) if !matches!(lacking, Lacking::SignIn) => match lacking {
            Lacking::Step(challenge) => {
                let flow = checked.flow.seal(&app, &visitor)?;
                Ok(Step::MissingFactor(Box::new(StepUpView { flow, challenge })))
            }
            Lacking::Nothing | Lacking::SignIn | Lacking::Unmet => {
                refuse(&app, &checked.addressed, unmet_requirements().into())
            }
        },
        (Next::Login | Next::StepUp | Next::Issue | Next::Consent, _) => {
            let Checked { request, flow, .. } = checked;
            let flow = flow.seal(&app, &visitor)?;
            Ok(Step::Login(Box::new(LoginView { flow, client, request })))
        }
    }
}

/// Adds what was allowed to the stored consent. False when the consent covered all of it already.
async fn remember(
    tx: &mut AuditedTx,
    found: &CurrentLogin,
    request: &Request,
) -> Result<bool, Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    let (user, client_id) = (found.user.id, &*request.client_id);
    let (client, audience) = (app.client(client_id), request.audience.as_deref());
    let before = consents::find(tx, user, client_id, audience).await?.filter(|consent| {
        app.audience_given_at(audience, consent.updated_at).is_some()
            && client.is_some_and(|client| client.owned_name_at(consent.updated_at))
    });
    let all = match &before {
        Some(before) => before.scopes.with(wanted(request).iter()),
        None => wanted(request),
    };
    if before.is_some_and(|before| all.is_within(&before.scopes)) {
        return Ok(false);
    }
    let key = consents::ConsentKey { user, client_id, audience };
    consents::remember(tx, key, &all, now).await?;
    Ok(true)
}

/// Writes down that `user`, who acts in `tx`, has allowed a client something.
pub(super) async fn allowed(
    tx: &mut AuditedTx,
    user: UserId,
    client_id: &str,
) -> Result<(), Fault> {
    tx.record(&Event::new(EventKind::ConsentGranted).about(user).detail(client_id)).await
}

async fn issue(
    tx: &mut AuditedTx,
    checked: &Checked,
    found: &CurrentLogin,
) -> Result<Answer, Failure> {
    let Checked { addressed, request, flow, .. } = checked;
    let app = tx.app();
    let audience = checked.audience(&app);
    let available = still_available(&addressed.client, audience.as_deref(), &request.scopes);
    let Some(available) = available else {
        let message = withdrawn(&request.scopes).message;
        return Ok(Answer::refused(app.issuer(), addressed, OAuthError::InvalidScope, message));
    };
    let grantor = Grantor {
        user: &found.user,
        browser: Some(found.browser.id),
        authentication: found.browser.authentication(),
        by_consent: !addressed.client.metadata.skips_consent()
            && !addressed.client.is_unprovable(&addressed.redirect),
    };
    let authorization = Authorization::of(request, grantor, &available);
    let Some(code) = issue_code(tx, &flow.id, &authorization).await? else {
        let message = "This request was answered already. Go back to the application.";
        return Err(Refusal::new(Code::Conflict, message).into());
    };
    Ok(Answer::code(app.issuer(), addressed, code))
}
