//! The authorization challenge endpoint: a first-party application shows its own sign-in form (OAuth 2.0 for
//! First-Party Applications, draft-ietf-oauth-first-party-apps).
//!
//! Owns the order of a request. `auth_session` carries its state between two calls, and is good for one
//! authorization code. `domain::authn` decides the next factor.

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::Method;
use crate::domain::authorization::{Authorization, Grantor};
use crate::domain::client::{Client, ClientType};
use crate::domain::interaction::{Prompt, ResponseMode};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::identity::authentication::{Completed, Entry, FirstFactor, RemainingStep};
use crate::store::{authorization_codes, users};

pub use super::auth_session::Challenge;
use super::auth_session::{AuthSession, invalid_session};
use super::authorize::request::{AnswerTo, check};
use super::challenge_steps::{Taken, Typed, first_factor, first_passkey, second_factor, typed};
use super::client_auth::{self, Call};
use super::code::issue_code;
use super::dpop::{self, Endpoint, Purpose};
use super::findings::note_refusal;
use super::par::NewRequest;
use super::params::{Params, invalid};
use super::rate_limits::{give_back, throttle_public};
use super::scope_narrowing::{count_dropped, still_available, withdrawn};
use super::security_profile;
use super::token::ClientRequest;

const PATH: &str = "/oauth2/authorize-challenge";

/// The place of the sign-in in audit events.
const PLACE: &str = "authorize_challenge";

/// The response to a client.
pub enum ChallengeAnswer {
    /// The user is authenticated: an authorization code.
    Code(String),
    /// The user must complete another factor.
    Insufficient(Challenge),
    /// The user's entry is wrong. The client may retry in the same session.
    Denied(Challenge, Refusal),
    /// The next step is one of the pages: the client continues at the authorization endpoint.
    RedirectToWeb(Option<String>),
}

/// Handles a challenge request.
///
/// # Errors
/// `invalid_client`, `unauthorized_client`, `invalid_session`, the errors of the authorization
/// endpoint; too many attempts; faults.
pub async fn authorize_challenge(
    app: App,
    request: ClientRequest,
    now: Timestamp,
) -> Result<ChallengeAnswer, Failure> {
    let ClientRequest { params, authorization, proof, origin, device } = request;
    let info = RequestInfo::new(origin, device, now);
    params.once()?;
    let call = Call { path: PATH, authorization: authorization.as_deref() };
    let client = client_auth::authenticate_client(&app, call, &params, &info.origin, now).await?;
    let client = client.client();
    check_client(client)?;
    let info = info.for_client(Some(client.client_id.clone()));
    let jkt = match &proof {
        None => None,
        Some(proof) => {
            throttle_public(&app, client, RateLimit::Proof, &info.origin)?;
            let purpose =
                Purpose { method: "POST", endpoint: Endpoint::Own(PATH), access_token: None };
            let proved = dpop::prove(&app, proof, purpose, now).await?;
            security_profile::check_proof(client, Some(&proved))?;
            Some(proved.as_str().to_owned())
        }
    };
    let session = match params.get("auth_session") {
        Some(sealed) => {
            let session = AuthSession::open(&app, sealed, now)
                .filter(|session| session.is_of(client, jkt.as_deref()))
                .ok_or_else(invalid_session)?;
            // Checked first: a used session must neither reveal whether a password is right nor consume a code.
            if authorization_codes::is_answered(&mut app.db.reader().await?, &session.id).await? {
                return Err(invalid_session().into());
            }
            session
        }
        None => begin(&app, client, &params, jkt.clone(), now).await?,
    };
    let mut session = AuthSession { proved: jkt, ..session };
    let Typed { credentials, mut code, credential } = typed(&params)?;
    let demand = session.request.authn.demand(client.metadata.min_acr);
    let mut taken = match (credentials, &session.progress) {
        (Some(credentials), _) => first_factor(&app, credentials, &demand, &info).await,
        (None, Some((progress, _))) => {
            let entry = credential.map(Entry::Passkey).or_else(|| code.take().map(Entry::Code));
            let Some(entry) = entry else {
                return Ok(ChallengeAnswer::Insufficient(session.challenge(&app, now).await?));
            };
            second_factor(&app, *progress, (&session.id, entry), &info).await
        }
        (None, None) if code.is_some() => {
            return Err(
                invalid("code must follow login and password, or be sent with them.").into()
            );
        }
        (None, None) => {
            let Some(response) = credential else {
                return Ok(ChallengeAnswer::Insufficient(session.challenge(&app, now).await?));
            };
            first_passkey(&app, (&session.id, response), &demand, &info).await
        }
    };
    // At most two rounds: a password, then the code that was sent with it.
    let completed = loop {
        match taken {
            Ok(Taken::Completed(completed)) => break completed,
            Ok(Taken::Pending(progress, RemainingStep::Factor(methods), first))
                if methods != [Method::MailedCode] =>
            {
                session.progress = Some((progress, methods));
                if let Some(first) = first {
                    app.transaction(&info, async |tx| Ok(first.record(tx, Some(PLACE)).await?))
                        .await?;
                }
                let Some(code) = code.take() else {
                    return Ok(ChallengeAnswer::Insufficient(session.challenge(&app, now).await?));
                };
                let entry = (&session.id, Entry::Code(code));
                taken = second_factor(&app, progress, entry, &info).await;
            }
            Ok(Taken::Pending(_, _, first)) => {
                return to_pages(&app, client, &session, first.as_deref(), &info).await;
            }
            Err(failure) => return denied(&app, &session, failure, now).await,
        }
    };
    let code = app.transaction(&info, async |tx| issue(tx, client, &session, &completed).await);
    let code = code.await;
    match code {
        Ok(code) => {
            if proof.is_some() {
                give_back(&app, client, RateLimit::Proof, &info.origin);
            }
            app.count_login("ok");
            Ok(ChallengeAnswer::Code(code))
        }
        Err(failure) => denied(&app, &session, failure, now).await,
    }
}

/// Only applications that an administrator has marked as first-party may handle passwords, and browser
/// applications never.
fn check_client(client: &Client) -> Result<(), Refusal> {
    let refused = |message: String| {
        Err(Refusal::oauth(OAuthError::UnauthorizedClient, "").with_message(message))
    };
    match client.metadata.client_type {
        ClientType::Spa => {
            return refused("A client of type spa signs users in at /oauth2/authorize.".to_owned());
        }
        ClientType::Service => {
            return refused("A client of type service cannot sign users in.".to_owned());
        }
        ClientType::Web | ClientType::Native => {}
    }
    if client.metadata.is_fapi2() {
        let message = "This client is registered with the profile fapi2: it signs users in at \
                    /oauth2/authorize.";
        return refused(message.to_owned());
    }
    if !client.metadata.first_party {
        return refused(format!(
            "This client is not first-party: it signs users in at /oauth2/authorize. If it may see \
             their passwords: signet client update {} --first-party true.",
            client.client_id
        ));
    }
    Ok(())
}

/// Starts a new request.
async fn begin(
    app: &App,
    client: &Client,
    params: &Params,
    jkt: Option<String>,
    now: Timestamp,
) -> Result<AuthSession, Failure> {
    // The endpoint responds directly, so the redirect URI is only needed again at the token endpoint.
    let redirect_uri = match params.get("redirect_uri") {
        None => String::new(),
        Some(named) if client.redirect(named).is_some() => named.to_owned(),
        Some(_) => return Err(invalid("redirect_uri is not registered for this client.").into()),
    };
    // The response of this endpoint contains no `state`; a response after the pages does.
    let to = AnswerTo { redirect_uri, mode: ResponseMode::Query, state: params.text("state") };
    // Only a code can be requested here; drafts of the specification differ about the parameter.
    let params = match params.get("response_type") {
        Some(_) => params.clone(),
        None => params.clone().with("response_type", "code"),
    };
    let checked = check(app, client, &params, to).await;
    note_refusal(app, client, PATH, &checked);
    let mut request = checked?;
    if request.code_challenge.is_none() {
        let message = "code_challenge is missing: this endpoint needs PKCE with S256 (RFC 7636).";
        return Err(invalid(message).into());
    }
    if request.authn.prompt.contains(&Prompt::None) {
        let message = "The user has to authenticate, but prompt is none.";
        return Err(Refusal::oauth(OAuthError::LoginRequired, message).into());
    }
    if request.authn.has(Prompt::Create) {
        let message = "prompt=create is not supported at this endpoint: send the user to \
                       /oauth2/authorize, where an account can be created.";
        return Err(invalid(message).into());
    }
    if request.dpop_jkt.is_some() && jkt.is_some() && request.dpop_jkt != jkt {
        return Err(dpop::refused().into());
    }
    request.dpop_jkt = request.dpop_jkt.or_else(|| jkt.clone());
    count_dropped(app, client, PATH, &request.dropped);
    Ok(AuthSession {
        id: random(&*app.entropy),
        begun_at: now,
        request,
        progress: None,
        bound_to: jkt,
        proved: None,
    })
}

/// Wrong credentials and codes leave the request unchanged; every other failure ends it.
async fn denied(
    app: &App,
    session: &AuthSession,
    failure: Failure,
    now: Timestamp,
) -> Result<ChallengeAnswer, Failure> {
    match failure {
        Failure::Refused(refusal)
            if matches!(refusal.code, Code::InvalidCredentials | Code::MfaFailed) =>
        {
            Ok(ChallengeAnswer::Denied(session.challenge(app, now).await?, refusal))
        }
        Failure::Refused(refusal) if refusal.code == Code::ChallengeInvalid => {
            Err(invalid_session().into())
        }
        failure => Err(failure),
    }
}

async fn issue(
    tx: &mut AuditedTx,
    client: &Client,
    session: &AuthSession,
    completed: &Completed,
) -> Result<String, Failure> {
    let app = tx.app();
    let AuthSession { id, request, .. } = session;
    let user = &completed.enter(tx).await?;
    if !users::hold(tx, user.id, user.session_epoch).await? {
        return Err(completed.refuse(tx, "account_changed").await);
    }
    if request.authn.sub.as_deref().is_some_and(|sub| sub != user.id.to_string()) {
        completed.refused(tx, "other_user").await?;
        let message = "Another user signed in than the one that the request names.";
        return Err(Refusal::oauth(OAuthError::AccessDenied, message).into());
    }
    let audience = app.audience_given_at(request.audience.as_deref(), session.begun_at);
    let available = still_available(client, audience.as_deref(), &request.scopes);
    let Some(available) = available else {
        completed.refused(tx, "invalid_scope").await?;
        return Err(withdrawn(&request.scopes).into());
    };
    let authentication = completed.authentication;
    let grantor = Grantor { user, browser: None, authentication, by_consent: false };
    let mut authorization = Authorization::of(request, grantor, &available);
    // If only the last request has a proof, the code is still bound to its key.
    authorization.dpop_jkt = authorization.dpop_jkt.or_else(|| session.proved.clone());
    let Some(code) = issue_code(tx, id, &authorization).await? else {
        completed.refused(tx, "auth_session_used").await?;
        return Err(invalid_session().into());
    };
    let event = Event::new(EventKind::LoginSucceeded).about(user.id).detail(PLACE);
    let event = event.for_client(&*client.client_id);
    completed.settle(tx, &event).await?;
    Ok(code)
}

/// Sends the user to the pages to choose a new password: the same request, pushed on behalf of the client if its
/// redirect URI is known.
async fn to_pages(
    app: &App,
    client: &Client,
    session: &AuthSession,
    first: Option<&FirstFactor>,
    info: &RequestInfo,
) -> Result<ChallengeAnswer, Failure> {
    let mut request = session.request.clone();
    if request.redirect_uri.is_empty()
        && let [only] = &*client.metadata.redirect_uris
    {
        request.redirect_uri.clone_from(only);
    }
    request.dpop_jkt = request.dpop_jkt.or_else(|| session.proved.clone());
    // A user who is already signed in in that browser must also choose a new password.
    if !request.authn.prompt.contains(&Prompt::Login) {
        request.authn.prompt.push(Prompt::Login);
    }
    let pushed = (!request.redirect_uri.is_empty())
        .then(|| NewRequest::of(app, request, info.now))
        .transpose()?;
    app.transaction(info, async |tx| {
        if let Some(first) = first {
            first.record(tx, Some(PLACE)).await?;
        }
        if let Some(pushed) = &pushed {
            pushed.insert(tx).await?;
        }
        Ok(())
    })
    .await?;
    Ok(ChallengeAnswer::RedirectToWeb(pushed.map(|pushed| pushed.name)))
}
