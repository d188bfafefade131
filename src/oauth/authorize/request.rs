//! Parsing and checking of authorization requests.
//!
//! There are two steps. First the redirect URI is validated ([`Addressed`]); until then errors are shown to the
//! user and sent nowhere. Then everything else is checked, and errors go back to the client.

use std::sync::Arc;

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::authn::AssuranceLevel;
use crate::domain::authorization::Request;
use crate::domain::claims_request::{AcrRequest, ClaimsRequest};
use crate::domain::client::{Client, PkcePolicy};
use crate::domain::client_finding::{FindingCode, redirect_detail};
use crate::domain::interaction::{AuthnRequest, Prompt, RequestedAcr, ResponseMode};
use crate::domain::oauth_error::OAuthError;
use crate::domain::oidc::{OPENID, RequestedClaims};
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::pkce;
use crate::domain::redirect::RegisteredRedirect;
use crate::domain::refusal_reason::Reason;
use crate::oauth::findings::note_code;
use crate::oauth::grants::AUTHORIZATION_CODE;
use crate::oauth::id_token_hint;
use crate::oauth::params::{Params, invalid};
use crate::oauth::scope_narrowing::{NarrowedForUser, narrow_for_user};

/// The longest `state`, in bytes: it occurs in two URLs.
const MAX_STATE: usize = 3 * 1024;
/// The longest `nonce`, in bytes.
const MAX_NONCE: usize = 1024;
/// The longest `login_hint`, in bytes. Login names are shorter.
const MAX_LOGIN_HINT: usize = 320;
/// The longest `ui_locales`, in bytes.
pub const MAX_UI_LOCALES: usize = 320;

/// A request with a validated redirect URI.
pub struct Addressed {
    /// The client.
    pub client: Arc<Client>,
    /// The registered redirect URI.
    pub redirect: RegisteredRedirect,
    /// The response mode.
    pub mode: ResponseMode,
    /// The value that is returned to the client unchanged.
    pub state: Option<String>,
    /// The languages of a page that contains the response.
    pub ui_locales: Option<String>,
    params: Params,
}

/// The refusal of a request whose redirect URI is not valid. It is the same for unknown and disabled clients.
fn unanswerable(reason: Reason) -> Refusal {
    Refusal::oauth_because(OAuthError::InvalidRequest, reason)
}

/// Validates the client and the redirect URI of a request to `endpoint`.
///
/// # Errors
/// Refusals that are shown to the user; faults of the client's lookup.
pub async fn address(
    app: &App,
    params: Params,
    endpoint: &'static str,
) -> Result<Addressed, Failure> {
    if params.is_repeated("client_id") || params.is_repeated("redirect_uri") {
        return Err(unanswerable(Reason::ClientTwice).into());
    }
    let unknown = || unanswerable(Reason::ClientUnknown);
    let client_id = params.get("client_id").ok_or_else(unknown)?;
    let client = app.client_or_reload(client_id).await?.ok_or_else(unknown)?;
    let asked = params.get("redirect_uri").ok_or_else(|| unanswerable(Reason::NoRedirect))?;
    let redirect = client.redirect(asked).ok_or_else(|| {
        note_code(app, &client, endpoint, (FindingCode::RedirectUri, &redirect_detail(asked)));
        unanswerable(Reason::WrongRedirect)
    })?;
    let mode = params.get("response_mode").and_then(|mode| mode.parse().ok());
    let state = params.text("state").filter(|state| state.len() <= MAX_STATE);
    let mode = mode.unwrap_or(ResponseMode::Query);
    let ui_locales = params.text("ui_locales").filter(|tags| tags.len() <= MAX_UI_LOCALES);
    Ok(Addressed { client, redirect, mode, state, ui_locales, params })
}

impl Addressed {
    /// Validates a request again that was checked before.
    ///
    /// # Errors
    /// Refusals that are shown to the user, when the client or its redirect URI no longer exists, or another client
    /// has its name.
    pub async fn again(app: &App, request: &Request, made: Timestamp) -> Result<Self, Failure> {
        let gone = || unanswerable(Reason::ClientGone);
        let client = app.client_or_reload(&request.client_id).await?;
        let client = client.filter(|client| client.owned_name_at(made)).ok_or_else(gone)?;
        let redirect = client.redirect(&request.redirect_uri).ok_or_else(gone)?;
        let (mode, state) = (request.mode, request.state.clone());
        let ui_locales = request.ui_locales.clone();
        Ok(Self { client, redirect, mode, state, ui_locales, params: Params::default() })
    }

    /// Checks everything else.
    ///
    /// # Errors
    /// Refusals that go back to the client; faults.
    pub async fn check(&self, app: &App) -> Result<Request, Failure> {
        let redirect_uri = self.redirect.as_str().to_owned();
        let to = AnswerTo { redirect_uri, mode: self.mode, state: self.state.clone() };
        check(app, &self.client, &self.params, to).await
    }
}

/// Where and how the response to a request is sent.
pub(in crate::oauth) struct AnswerTo {
    /// The registered redirect URI; empty if the endpoint responds directly.
    pub redirect_uri: String,
    /// The response mode.
    pub mode: ResponseMode,
    /// The value that is returned to the client unchanged.
    pub state: Option<String>,
}

/// Checks all parameters of a request except for the client and the redirect URI.
///
/// # Errors
/// Refusals that go back to the client; faults.
pub(in crate::oauth) async fn check(
    app: &App,
    client: &Client,
    params: &Params,
    to: AnswerTo,
) -> Result<Request, Failure> {
    params.once()?;
    for (name, error, message) in UNSUPPORTED {
        if params.get(name).is_some() {
            return Err(Refusal::oauth(*error, message).into());
        }
    }
    match params.get("response_type") {
        Some("code") => {}
        None => return Err(invalid("response_type is missing.").into()),
        Some(_) => {
            let message = "Only response_type=code is supported.";
            return Err(Refusal::oauth(OAuthError::UnsupportedResponseType, message).into());
        }
    }
    if !client.may_use(AUTHORIZATION_CODE) {
        let message = "The client may not log users in.";
        let refusal = Refusal::oauth(OAuthError::UnauthorizedClient, message);
        return Err(refusal.with_finding([AUTHORIZATION_CODE]).into());
    }
    if params.get("response_mode").is_some_and(|mode| mode.parse::<ResponseMode>().is_err()) {
        return Err(invalid("response_mode must be query, fragment or form_post.").into());
    }
    if params.get("state").is_some_and(|state| state.len() > MAX_STATE) {
        return Err(invalid("state is longer than 3072 bytes.").into());
    }
    let code_challenge = challenge(params)?;
    let nonce = params.text("nonce");
    if nonce.as_ref().is_some_and(|nonce| nonce.len() > MAX_NONCE) {
        return Err(invalid("nonce is longer than 1024 bytes.").into());
    }
    let dpop_jkt = params.text("dpop_jkt");
    if dpop_jkt.as_ref().is_some_and(|jkt| !pkce::is_challenge(jkt)) {
        return Err(invalid("dpop_jkt is not the thumbprint of a key.").into());
    }
    let (authn, asked_claims) = authn_request(app, params).await?;
    let NarrowedForUser { narrowed, dropped } = narrow_for_user(app, client, params).await?;
    let openid = narrowed.scopes.scopes().contains(OPENID);
    let policy = client.metadata.pkce_policy();
    if code_challenge.is_none() && !policy.allows_no_challenge(openid, nonce.is_some()) {
        return Err(no_challenge(client, openid && nonce.is_some()).into());
    }
    Ok(Request {
        client_id: client.client_id.clone(),
        redirect_uri: to.redirect_uri,
        mode: to.mode,
        state: to.state,
        scopes: narrowed.scopes.scopes().clone(),
        dropped,
        audience: narrowed.audience,
        nonce,
        code_challenge,
        authn,
        asked_claims: asked_claims.only(|scope| client.may_request_scope(scope)),
        dpop_jkt,
        login_hint: params.text("login_hint").filter(|hint| hint.len() <= MAX_LOGIN_HINT),
        ui_locales: params.text("ui_locales").filter(|tags| tags.len() <= MAX_UI_LOCALES),
        pushed: false,
    })
}

/// Unsupported parameters, each with its error code.
const UNSUPPORTED: &[(&str, OAuthError, &str)] = &[
    (
        "request",
        OAuthError::RequestNotSupported,
        "Request objects are not supported. Send the parameters themselves, or push them (RFC 9126).",
    ),
    (
        "request_uri",
        OAuthError::RequestUriNotSupported,
        "request_uri must be one that /oauth2/par returned.",
    ),
    (
        "registration",
        OAuthError::RegistrationNotSupported,
        "Clients are registered by an administrator.",
    ),
];

/// The PKCE challenge, if the request has one. A method without a challenge means that the challenge was removed in
/// transit (RFC 9700 §4.8.2).
fn challenge(params: &Params) -> Result<Option<String>, Refusal> {
    let method = params.get("code_challenge_method");
    let Some(challenge) = params.get("code_challenge") else {
        return match method {
            None => Ok(None),
            Some(_) => {
                Err(invalid("code_challenge_method is present, but code_challenge is missing."))
            }
        };
    };
    // Without a method, `plain` is meant (RFC 7636 §4.3), which is not supported.
    if method != Some(pkce::METHOD) {
        return Err(invalid("code_challenge_method must be S256."));
    }
    if !pkce::is_challenge(challenge) {
        return Err(invalid("code_challenge is not a SHA-256 hash in base64url."));
    }
    Ok(Some(challenge.to_owned()))
}

/// The refusal of a request without a required challenge, with the command that would allow it. `nonce`: the
/// request has `openid` and a `nonce`.
fn no_challenge(client: &Client, nonce: bool) -> Refusal {
    let metadata = &client.metadata;
    if client.is_public() || metadata.is_fapi2() {
        return invalid("code_challenge is missing: this client uses PKCE with S256 (RFC 7636).");
    }
    let wanted = match metadata.pkce_policy() {
        PkcePolicy::Required => "this client is registered for PKCE with S256 (RFC 7636)",
        _ => "send one with S256 (RFC 7636), or the scope openid and a nonce",
    };
    let policy = if nonce { PkcePolicy::Nonce } else { PkcePolicy::Optional };
    invalid("").with_message(format!(
        "code_challenge is missing: {wanted}. If the client cannot: signet client update {} --pkce \
         {policy}",
        client.client_id
    ))
}

async fn authn_request(
    app: &App,
    params: &Params,
) -> Result<(AuthnRequest, RequestedClaims), Failure> {
    let words = params.get("prompt").unwrap_or_default().split(' ').filter(|word| !word.is_empty());
    let prompt = words.map(str::parse).collect::<Result<Vec<Prompt>, _>>();
    let mut prompt = prompt
        .map_err(|_| invalid("prompt must be none, login, consent, select_account or create."))?;
    if prompt.contains(&Prompt::Create) && !app.config.registration.takes_anyone() {
        let message = "prompt=create is not supported: users cannot sign up at this server.";
        return Err(invalid(message).into());
    }
    if prompt.contains(&Prompt::None) && prompt.len() > 1 {
        return Err(invalid("prompt=none excludes other prompts.").into());
    }
    let max_age = match params.get("max_age") {
        None => None,
        Some(text) => {
            let age =
                text.parse::<u32>().map_err(|_| invalid("max_age must be a number of seconds."))?;
            Some(TimeSpan::from_secs(i64::from(age)))
        }
    };
    let claims = match params.get("claims") {
        None => ClaimsRequest::default(),
        Some(text) => ClaimsRequest::parse(text)
            .map_err(|_| invalid("claims is not a JSON object of claims requests."))?,
    };
    let acr = requested_acr(params.get("acr_values"), claims.acr)?;
    let hinted = match params.get("id_token_hint") {
        None => None,
        Some(token) => match id_token_hint::read(app, token).await? {
            Some(hint) => Some(hint),
            None if !id_token_hint::is_outlived(app, token) => {
                return Err(invalid("id_token_hint is not an ID token of this issuer.").into());
            }
            None if prompt.contains(&Prompt::None) => {
                let message = "The key that signed id_token_hint was removed: send the request without prompt=none.";
                return Err(Refusal::oauth(OAuthError::LoginRequired, message).into());
            }
            // The user of the hint can no longer be determined, so the user must log in again.
            None => {
                prompt.push(Prompt::Login);
                None
            }
        },
    };
    let sub = match (claims.sub, hinted.map(|hint| hint.claims.sub)) {
        (Some(one), Some(other)) if one != other => {
            return Err(invalid("claims and id_token_hint name two users.").into());
        }
        (one, other) => one.or(other),
    };
    Ok((AuthnRequest { prompt, max_age, sub, acr }, claims.asked))
}

/// The requested level. An essential `acr` overrides `acr_values`, because their combination is unspecified (OpenID
/// Connect Core §5.5.1.1). Unknown values are ignored.
///
/// # Errors
/// `unmet_authentication_requirements` if an essential `acr` has only unknown values.
fn requested_acr(
    acr_values: Option<&str>,
    claim: Option<AcrRequest>,
) -> Result<Option<RequestedAcr>, Refusal> {
    let least = |values: &mut dyn Iterator<Item = &str>| {
        values.filter_map(|value| value.parse::<AssuranceLevel>().ok()).min()
    };
    let is_essential = claim.as_ref().is_some_and(|claim| claim.is_essential);
    let claimed = claim.and_then(|claim| least(&mut claim.values.iter().map(String::as_str)));
    if is_essential && claimed.is_none() {
        let message = "claims requests an essential acr, but none of its values is supported: see \
                       acr_values_supported in the discovery document.";
        return Err(Refusal::oauth(OAuthError::UnmetAuthenticationRequirements, message));
    }
    let wished = || least(&mut acr_values.unwrap_or_default().split(' '));
    let level = claimed.or_else(wished);
    Ok(level.map(|level| RequestedAcr { level, is_essential }))
}
