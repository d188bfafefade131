//! The authorization endpoint: a client sends a user, who returns with a code.
//!
//! Owns the flow: the request (`request`), the next step (`domain::interaction`) and the response
//! (`response`). Renders no pages.

pub mod request;
pub mod response;

use std::sync::Arc;

use crate::app::cache::Audience;
use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authorization::{Authorization, Grantor, Request};
use crate::domain::interaction::{self, ConsentPolicy, NextStep};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::domain::scope::Scopes;
use crate::identity::browser_step_up::Lacking;
use crate::identity::current_login::{BrowserCookies, CurrentLogin, current_login_for};
use crate::identity::write_limit::UserWrite;
use crate::store::{consents, users};

use super::client_documents::{ensure_document, keep};
use super::code::issue_code;
use super::findings::note_refusal;
use super::page_step::{AnswerTo, AssessedLogin, ConsentView, PageStep, log_in};
use super::par::{self, Pushed};
use super::params::Params;
use super::pending_request::{Destination, PendingRequest, of_another_kind};
use super::rate_limits::throttle_unattended;
use super::scope_narrowing::{count_dropped, still_available, withdrawn};
use super::sealed_request::SealedRequest;

use request::{Addressed, address};
use response::Answer;

/// The path of the endpoint.
const PATH: &str = "/oauth2/authorize";

/// A validated request.
struct Checked {
    addressed: Addressed,
    request: Request,
    flow: PendingRequest,
    /// When the request was sent: for a pushed one, before its page was loaded.
    made: Timestamp,
}

impl Checked {
    /// Checks a pending authorization request again.
    async fn again(app: &App, flow: PendingRequest) -> Result<Self, Failure> {
        let request = flow.authorization().ok_or_else(of_another_kind)?.clone();
        let addressed = Addressed::again(app, &request, flow.begun_at).await?;
        let made = flow.begun_at;
        Ok(Self { addressed, request, flow, made })
    }

    /// The requested API, or the issuer. `None` if the API was deleted since, even if another one has its
    /// identifier: the user did not consent to that one.
    fn audience(&self, app: &App) -> Option<Arc<Audience>> {
        app.audience_given_at(self.request.audience.as_deref(), self.made)
    }

    /// The signed-in user of this browser, with their consent for the client.
    async fn current_login(
        &self,
        app: &App,
        cookies: &BrowserCookies,
        now: Timestamp,
    ) -> Result<Option<CurrentLogin>, Fault> {
        let client = (&*self.request.client_id, self.request.audience.as_deref());
        current_login_for(app, cookies, client, now).await
    }

    /// Compares the sign-in with the requirements of this request.
    async fn assess(
        &self,
        app: &App,
        login: Option<CurrentLogin>,
        cookies: &BrowserCookies,
        now: Timestamp,
    ) -> Result<Option<AssessedLogin>, Failure> {
        let demand = self.request.authn.demand(self.addressed.client.metadata.min_acr);
        AssessedLogin::of(app, login, demand, cookies, now).await
    }

    /// Whether everything requested was consented to before, for this client and API.
    fn has_consent(&self, login: &CurrentLogin, audience: &Audience) -> bool {
        login.consented.as_ref().is_some_and(|consented| {
            wanted(&self.request).is_within(&consented.scopes)
                && consented.document == self.addressed.client.document
                && self.addressed.client.owned_name_at(consented.at)
                && audience.owned_name_at(consented.at)
        })
    }

    /// The error response to the client.
    fn refused(&self, app: &App, error: OAuthError, message: impl Into<String>) -> PageStep {
        refused(app, &self.addressed, error, message)
    }

    /// The response if the API was deleted.
    fn without_api(&self, app: &App) -> PageStep {
        self.refused(app, OAuthError::InvalidTarget, "The API has been deleted.")
    }
}

/// Handles the request of a client.
///
/// # Errors
/// A refusal, shown to the user, if the client's redirect URI is not valid; faults.
pub async fn begin(
    app: App,
    params: Params,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    let now = info.now;
    if let Some(Pushed { request, at, id }) = par::resolve(&app, &params, now).await? {
        let addressed = Addressed::again(&app, &request, at).await?;
        let destination = Destination::Authorize(Box::new(request.clone()));
        // A pushed request gives one code, however often its page is loaded.
        let flow = PendingRequest { id, ..PendingRequest::begin(&app, destination, now) };
        let checked = Checked { addressed, request, flow, made: at };
        return go_on(app, checked, cookies, info).await;
    }
    if let Some(client_id) = params.get("client_id") {
        ensure_document(&app, client_id, &info).await?;
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
    go_on(app, Checked { addressed, request, flow, made: now }, cookies, info).await
}

/// Continues after the sign-in page.
///
/// # Errors
/// As [`begin`]; `forbidden` if the request is of another kind.
pub async fn resume(
    app: App,
    request: PendingRequest,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    let checked = Checked::again(&app, request).await?;
    go_on(app, checked, cookies, info).await
}

/// Handles the user's decision.
///
/// # Errors
/// `forbidden` if the request is of another kind; `conflict` if it was already answered; too many writes.
pub async fn decide(
    app: App,
    request: PendingRequest,
    allow: bool,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    let now = info.now;
    let checked = Checked::again(&app, request).await?;
    // No consent is stored for an API that the user was not asked about.
    let Some(audience) = checked.audience(&app) else { return Ok(checked.without_api(&app)) };
    let login = checked.current_login(&app, &cookies, now).await?;
    // The client's document may have changed since: then the user is asked again.
    let is_same = checked.flow.document == checked.addressed.client.document;
    let was_asked =
        is_same && login.as_ref().is_some_and(|login| checked.flow.asked == Some(login.user.id));
    if was_asked && !allow {
        let message = "The user denied the request.";
        return Ok(checked.refused(&app, OAuthError::AccessDenied, message));
    }
    match checked.assess(&app, login, &cookies, now).await? {
        Some(AssessedLogin { login, lacking: Lacking::Nothing }) if was_asked => {
            allow_and_issue(&app, &checked, &login, info).await
        }
        // The user has signed out, or signed in as another user or with fewer factors, since the page was shown:
        // ask again.
        assessed => next(app, (checked, &audience, assessed), cookies, info).await,
    }
}

/// Stores the consent and answers with a code.
async fn allow_and_issue(
    app: &App,
    checked: &Checked,
    login: &CurrentLogin,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    let info = info.by(login.user.id);
    let write = UserWrite::new(app);
    let answer = app
        .transaction_or_nothing(&info, async |tx| {
            let Checked { addressed, request, .. } = checked;
            // Consent for a client that can be impersonated is not stored; the audit event is written anyway.
            let is_new = addressed.client.is_unprovable(&addressed.redirect)
                || remember(tx, login, request).await?;
            if is_new {
                write.take(&login.user)?;
                allowed(tx, login.user.id, &request.client_id).await?;
            }
            issue(tx, checked, login).await
        })
        .await?;
    Ok(PageStep::Answer(Box::new(answer)))
}

/// Sends a refusal to the client; a fault is returned.
fn refuse(app: &App, addressed: &Addressed, stop: Failure) -> Result<PageStep, Failure> {
    match stop {
        Failure::Refused(refusal) => {
            let error = refusal.oauth.unwrap_or(OAuthError::InvalidRequest);
            Ok(refused(app, addressed, error, refusal.message))
        }
        failed => Err(failed),
    }
}

fn refused(
    app: &App,
    addressed: &Addressed,
    error: OAuthError,
    message: impl Into<String>,
) -> PageStep {
    PageStep::Answer(Box::new(Answer::refused(app.issuer(), addressed, error, message)))
}

/// Everything that needs consent: the scopes, and those that cover individual claims.
fn wanted(request: &Request) -> Scopes {
    request.scopes.with(request.asked_claims.scopes())
}

async fn go_on(
    app: App,
    checked: Checked,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    let now = info.now;
    let Some(audience) = checked.audience(&app) else { return Ok(checked.without_api(&app)) };
    let login = checked.current_login(&app, &cookies, now).await?;
    let assessed = checked.assess(&app, login, &cookies, now).await?;
    next(app, (checked, &audience, assessed), cookies, info).await
}

/// The step that the rule names for a request, its API and the login in this browser.
async fn next(
    app: App,
    (checked, audience, assessed): (Checked, &Audience, Option<AssessedLogin>),
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    let Checked { addressed, request, flow, .. } = &checked;
    let facts =
        assessed.as_ref().map(|found| found.checked(checked.has_consent(&found.login, audience)));
    let policy = ConsentPolicy {
        skip_consent: addressed.client.metadata.skips_consent(),
        always_ask: addressed.client.is_unprovable(&addressed.redirect),
    };
    let begun = flow.begun_at;
    let next = interaction::next_step(&request.authn, facts.as_ref(), policy, begun, info.now);
    match (next, assessed) {
        (NextStep::Refuse(error), _) => {
            let message = match error {
                OAuthError::LoginRequired => "The user is not signed in, and prompt is none.",
                OAuthError::ConsentRequired => "Consent is required, and prompt is none.",
                _ => "The user has to complete a step, and prompt is none.",
            };
            Ok(checked.refused(&app, error, message))
        }
        (NextStep::Issue, Some(AssessedLogin { login, .. })) => {
            if login.browser.auth_time < begun
                && let Err(refusal) = throttle_unattended(&app, login.user.id)
            {
                return refuse(&app, addressed, refusal.into());
            }
            let issued =
                app.transaction_or_nothing(&info, async |tx| issue(tx, &checked, &login).await);
            Ok(PageStep::Answer(Box::new(issued.await?)))
        }
        (NextStep::Consent, Some(AssessedLogin { login, .. })) => {
            let Checked { addressed, request, mut flow, .. } = checked;
            flow.asked = Some(login.user.id);
            flow.document.clone_from(&addressed.client.document);
            Ok(PageStep::Consent(Box::new(ConsentView {
                sealed: SealedRequest::seal(&app, flow, &cookies)?,
                answer_to: AnswerTo::Client(addressed.redirect.source()),
                client: addressed.client,
                user: login.user,
                scopes: wanted(&request),
                audience: request.audience,
            })))
        }
        (NextStep::StepUp, Some(assessed)) => {
            let Checked { addressed, flow, .. } = checked;
            let step = assessed.step_up(&app, flow, &cookies);
            step.or_else(|stop| refuse(&app, &addressed, stop))
        }
        (NextStep::Login | NextStep::StepUp | NextStep::Issue | NextStep::Consent, _) => {
            log_in(&app, checked.flow, &cookies)
        }
    }
}

/// Adds to the stored consent; `false` if it already covered everything.
async fn remember(
    tx: &mut AuditedTx,
    login: &CurrentLogin,
    request: &Request,
) -> Result<bool, Fault> {
    let (app, now) = (tx.app(), tx.info().now);
    let (user, client_id) = (login.user.id, &*request.client_id);
    let (client, audience) = (app.client(client_id), request.audience.as_deref());
    let document = client.as_ref().and_then(|client| client.document.clone());
    let before = consents::find(tx, user, client_id, audience).await?.filter(|consent| {
        app.audience_given_at(audience, consent.updated_at).is_some()
            && client.is_some_and(|client| client.owned_name_at(consent.updated_at))
            && consent.document == document
    });
    let all = match &before {
        Some(before) => before.scopes.with(wanted(request).iter()),
        None => wanted(request),
    };
    if before.is_some_and(|before| all.is_within(&before.scopes)) {
        return Ok(false);
    }
    // In the order of a deletion: first the user, then the consent. The other way round several decisions during a deletion
    // are a deadlock on PostgreSQL.
    users::hold_any(tx, user).await?;
    let key = consents::ConsentKey { user, client_id, audience };
    consents::remember(tx, key, &all, now).await?;
    if let Some(document) = &document {
        consents::bind_document(tx, key, document).await?;
    }
    Ok(true)
}

/// Writes the audit event of a consent by `user`, the actor of `tx`.
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
    login: &CurrentLogin,
) -> Result<Answer, Failure> {
    let Checked { addressed, request, flow, .. } = checked;
    let app = tx.app();
    let audience = checked.audience(&app);
    keep(tx, &addressed.client).await?;
    let available = still_available(&addressed.client, audience.as_deref(), &request.scopes);
    let Some(available) = available else {
        let message = withdrawn(&request.scopes).message;
        return Ok(Answer::refused(app.issuer(), addressed, OAuthError::InvalidScope, message));
    };
    let grantor = Grantor {
        user: &login.user,
        browser: Some(login.browser.id),
        authentication: login.browser.authentication(),
        by_consent: !addressed.client.metadata.skips_consent()
            && !addressed.client.is_unprovable(&addressed.redirect),
    };
    let authorization = Authorization::of(request, grantor, &available);
    let Some(code) = issue_code(tx, &flow.id, &authorization).await? else {
        return Err(Refusal::because(Code::Conflict, Reason::AlreadyAnswered).into());
    };
    Ok(Answer::code(app.issuer(), addressed, code))
}
