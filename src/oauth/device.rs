//! The device flow (RFC 8628): issuing codes, and their approval by a user in a browser.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::app::App;
use crate::base::Timestamp;
use crate::base::opaque_token::{self, DEVICE_CODE};
use crate::crypto::digest::token_hash;
use crate::domain::authorization::Authorization;
use crate::domain::client::Client;
use crate::domain::device_code::{
    DeviceAsk, DeviceCode, DeviceState, LIFE, PAUSE, make_user_code, parse_user_code,
    show_user_code,
};
use crate::domain::grant::AvailableScopes;
use crate::domain::interaction::{self, AuthnRequest, ConsentPolicy, NextStep};
use crate::domain::oidc::RequestedClaims;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::identity::browser_step_up::Lacking;
use crate::identity::current_login::{BrowserCookies, CurrentLogin, current_login};
use crate::identity::write_limit::UserWrite;
use crate::store::device_codes;

use super::authorize;
use super::client_auth::{self, Call};
use super::findings::note_refusal;
use super::grants;
use super::page_step::{AnswerTo, AssessedLogin, ConsentView, PageStep, log_in};
use super::pending_request::{Destination, PendingRequest};
use super::rate_limits::{throttle, throttle_public};
use super::scope_narrowing::{NarrowedForUser, count_dropped, narrow_for_user, still_available};
use super::sealed_request::SealedRequest;
use super::token::{ClientRequest, grant_not_allowed};

/// The path of the endpoint.
const PATH: &str = "/oauth2/device_authorization";

/// How often another user code is generated if one is in use.
const MAX_TRIES: u32 = 5;

/// A device requests a code (RFC 8628 §3.1).
///
/// # Errors
/// `invalid_client`, `unauthorized_client`, `invalid_scope`, `invalid_target`; too many requests.
pub async fn authorize(app: App, request: ClientRequest, now: Timestamp) -> Result<Value, Failure> {
    let ClientRequest { params, authorization, origin, device, .. } = request;
    let info = RequestInfo::new(origin, device, now);
    params.once()?;
    let client = client_auth::authenticate_client(
        &app,
        Call { path: PATH, authorization: authorization.as_deref() },
        &params,
        &info.origin,
        now,
    )
    .await?;
    let client = client.client();
    throttle_public(&app, client, RateLimit::DeviceRequest, &info.origin)?;
    if !client.may_use(grants::DEVICE_CODE) {
        let refused = Err(grant_not_allowed(client, grants::DEVICE_CODE).into());
        note_refusal(&app, client, PATH, &refused);
        return refused;
    }
    let narrowed = narrow_for_user(&app, client, &params).await;
    note_refusal(&app, client, PATH, &narrowed);
    let NarrowedForUser { narrowed, dropped } = narrowed?;
    count_dropped(&app, client, PATH, &dropped);
    let device_code = opaque_token::generate(DEVICE_CODE, &*app.entropy);
    let hash = token_hash(&device_code);
    let scopes = narrowed.scopes.scopes().clone();
    let asked = DeviceAsk { scopes, dropped, audience: narrowed.audience };
    for _ in 0..MAX_TRIES {
        let device = DeviceCode {
            user_code: make_user_code(&*app.entropy),
            client_id: client.client_id.clone(),
            asked: asked.clone(),
            state: DeviceState::Pending,
            pause: PAUSE,
            polled_at: None,
            expires_at: now + LIFE,
        };
        let inserted = app.transaction_or_nothing(&info, async |tx| {
            Ok(device_codes::insert(tx, &hash, &device).await?)
        });
        if inserted.await? {
            let shown = show_user_code(&device.user_code);
            let page = format!("{}/device", app.issuer());
            return Ok(json!({
                "device_code": device_code,
                "user_code": shown,
                "verification_uri": page,
                "verification_uri_complete": format!("{page}?user_code={shown}"),
                "expires_in": LIFE.secs(),
                "interval": PAUSE.secs(),
            }));
        }
    }
    Err(Fault::unavailable("no user code is free").into())
}

/// The refusal of a user code that does not exist.
fn unknown() -> Refusal {
    let message =
        "No device is waiting with this code. Check the code, or start again on the device.";
    Refusal::field("user_code", "unknown", message)
}

/// Handles a user code that a user entered.
///
/// # Errors
/// `validation_failed` on the field; `forbidden` if the request was begun in another browser; too
/// many attempts.
pub async fn typed(
    app: App,
    user_code: String,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    let now = info.now;
    throttle(&app, RateLimit::UserCode, &info.origin)?;
    let user_code = parse_user_code(&user_code).ok_or_else(unknown)?;
    let destination = Destination::Device(Some(user_code.clone()));
    let request = PendingRequest::begin(&app, destination, now);
    go_on(app, (request, &user_code), cookies, now).await
}

/// Continues after the sign-in page.
///
/// # Errors
/// As [`typed`].
pub async fn resume(
    app: App,
    request: PendingRequest,
    cookies: BrowserCookies,
    now: Timestamp,
) -> Result<PageStep, Failure> {
    let user_code = user_code_of(&request)?;
    go_on(app, (request, &user_code), cookies, now).await
}

/// Handles the user's decision about a device.
///
/// # Errors
/// As [`typed`]; `conflict` if the request was already decided; too many writes.
pub async fn decide(
    app: App,
    request: PendingRequest,
    allow: bool,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<PageStep, Failure> {
    let now = info.now;
    let user_code = user_code_of(&request)?;
    let (device, client) = waiting(&app, &user_code, now).await?;
    let login = current_login(&app, &cookies, now).await?;
    let was_asked = login.as_ref().is_some_and(|login| request.asked == Some(login.user.id));
    let login = match login {
        // Denying needs no stronger sign-in.
        Some(login) if was_asked && !allow => login,
        login => match assess(&app, &client, login, &cookies, now).await? {
            Some(AssessedLogin { login, lacking: Lacking::Nothing }) if was_asked => login,
            // The user has signed in as another user or with fewer factors since the page was shown: ask again.
            assessed => return next(&app, (request, device, client), assessed, &cookies, now),
        },
    };
    let audience = app.audience_or_reload(device.asked.audience.as_deref()).await?;
    let available = still_available(&client, audience.as_deref(), &device.asked.scopes);
    let AvailableScopes { granted, dropped } = available.ok_or_else(unknown)?;
    let authorization = Authorization {
        client_id: client.client_id.clone(),
        user_id: login.user.id,
        user_epoch: login.user.session_epoch,
        // A device keeps its access after the browser session ends in which the user allowed it.
        browser: None,
        auth_time: login.browser.auth_time,
        factors: login.browser.factors,
        scopes: granted.scopes().clone(),
        dropped: device.asked.dropped.with(dropped.iter()),
        audience: device.asked.audience.clone(),
        asked_claims: RequestedClaims::default(),
        nonce: None,
        redirect_uri: None,
        code_challenge: None,
        dpop_jkt: None,
        by_consent: false,
        pushed: false,
    };
    let info = info.by(login.user.id);
    let write = UserWrite::new(&app);
    app.transaction_or_nothing(&info, async |tx| {
        let given = allow.then_some(&authorization);
        if device_codes::decide(tx, &user_code, login.user.id, given, now).await? {
            if allow {
                write.take(&login.user)?;
                authorize::allowed(tx, login.user.id, &client.client_id).await?;
            }
            return Ok(());
        }
        Err(Refusal::because(Code::Conflict, Reason::AlreadyDecided).into())
    })
    .await?;
    Ok(PageStep::DeviceDecided { allowed: allow, client })
}

/// The pending device code with this user code, and its client.
async fn waiting(
    app: &App,
    user_code: &str,
    now: Timestamp,
) -> Result<(DeviceCode, Arc<Client>), Failure> {
    let device = device_codes::by_user_code(&mut app.db.reader().await?, user_code).await?;
    let device =
        device.filter(|device| device.state == DeviceState::Pending && !device.has_expired(now));
    let device = device.ok_or_else(unknown)?;
    let client = app.client_or_reload(&device.client_id).await?;
    let client =
        client.filter(|client| client.owned_name_at(device.begun_at())).ok_or_else(unknown)?;
    app.audience_or_reload(device.asked.audience.as_deref()).await?;
    if is_offered(app, &device) { Ok((device, client)) } else { Err(unknown().into()) }
}

/// Whether the API that the device requested still exists.
pub(super) fn is_offered(app: &App, device: &DeviceCode) -> bool {
    app.audience_given_at(device.asked.audience.as_deref(), device.begun_at()).is_some()
}

/// The user code of a request.
fn user_code_of(request: &PendingRequest) -> Result<String, Refusal> {
    match &request.destination {
        Destination::Device(Some(user_code)) => Ok(user_code.clone()),
        _ => Err(unknown()),
    }
}

/// Compares the sign-in with the requirements of a device of this client.
async fn assess(
    app: &App,
    client: &Client,
    login: Option<CurrentLogin>,
    cookies: &BrowserCookies,
    now: Timestamp,
) -> Result<Option<AssessedLogin>, Failure> {
    let demand = AuthnRequest::default().demand(client.metadata.min_acr);
    AssessedLogin::of(app, login, demand, cookies, now).await
}

async fn go_on(
    app: App,
    (request, user_code): (PendingRequest, &str),
    cookies: BrowserCookies,
    now: Timestamp,
) -> Result<PageStep, Failure> {
    let (device, client) = waiting(&app, user_code, now).await?;
    let login = current_login(&app, &cookies, now).await?;
    let assessed = assess(&app, &client, login, &cookies, now).await?;
    next(&app, (request, device, client), assessed, &cookies, now)
}

/// The next step for a device and the sign-in in this browser. The user is always asked.
fn next(
    app: &App,
    (mut request, device, client): (PendingRequest, DeviceCode, Arc<Client>),
    assessed: Option<AssessedLogin>,
    cookies: &BrowserCookies,
    now: Timestamp,
) -> Result<PageStep, Failure> {
    let facts = assessed.as_ref().map(|assessed| assessed.checked(false));
    let policy = ConsentPolicy { skip_consent: false, always_ask: true };
    let (authn, begun) = (AuthnRequest::default(), request.begun_at);
    match (interaction::next_step(&authn, facts.as_ref(), policy, begun, now), assessed) {
        (NextStep::StepUp, Some(assessed)) => assessed.step_up(app, request, cookies),
        (NextStep::Consent, Some(AssessedLogin { login, .. })) => {
            request.asked = Some(login.user.id);
            Ok(PageStep::Consent(Box::new(ConsentView {
                sealed: SealedRequest::seal(app, request, cookies)?,
                client,
                user: login.user,
                scopes: device.asked.scopes,
                audience: device.asked.audience,
                answer_to: AnswerTo::Device(show_user_code(&device.user_code)),
            })))
        }
        _ => log_in(app, request, cookies),
    }
}
