//! Logging out at a client's request (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Only a request with an ID token of the signed-in user ends a session without confirmation. Any other asks the
//! user, because any page can send a browser here. Every other error in the request still lets the user log out: a
//! mistake of the application must not leave the user logged in. A browser is only redirected to a registered URI
//! of the client and, without an ID token, only after the user has confirmed.

use std::sync::Arc;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{BrowserId, SessionId};
use crate::domain::client::Client;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::redirect::RegisteredRedirect;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::EndReason;
use crate::identity::browser_login;
use crate::identity::current_login::{BrowserCookies, current_login};
use crate::store::sessions;
use crate::store::sessions::end::Ending;

use super::id_token_hint;
use super::params::Params;
use super::pending_request::{Destination, LogoutDestination, PendingRequest, of_another_kind};
use super::sealed_request::SealedRequest;
use crate::identity::logout_notices;

/// The longest `state`, in bytes.
const MAX_STATE: usize = 3 * 1024;

/// The result.
pub enum LogoutStep {
    /// The user is asked for confirmation.
    Ask(Box<LogoutView>),
    /// The user is logged out.
    Out {
        /// The requested return address.
        back: Option<Box<Back>>,
    },
    /// No user was logged in, so there was nothing to confirm: the return address is a link.
    NotLoggedIn {
        /// Where the link leads, and the client it is named after.
        link: Option<Box<(Back, Arc<Client>)>>,
    },
    /// The user chose to stay signed in.
    Stay,
}

/// The data of the confirmation page.
pub struct LogoutView {
    /// The request.
    pub sealed: SealedRequest,
    /// The login of the user.
    pub login: String,
    /// The client that sent the user.
    pub client: Option<Arc<Client>>,
}

/// The return address after logging out.
pub struct Back {
    /// The registered URI.
    pub redirect: RegisteredRedirect,
    /// The URI with the client's `state`.
    pub location: String,
}

/// Handles the request of a client, or of any page that sends a browser here.
///
/// # Errors
/// Only faults.
pub async fn begin(
    app: App,
    params: Params,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<LogoutStep, Failure> {
    let now = info.now;
    // A repeated parameter is ignored, so the user is asked.
    let params = if params.once().is_ok() { params } else { Params::default() };
    let here = current_login(&app, &cookies, now).await?;
    // A hint with an invalid signature, or whose key is no longer published, proves nothing, nor does one of
    // another user (§2). The user is then asked, as without a hint.
    let hint = match params.get("id_token_hint") {
        Some(token) => id_token_hint::read(&app, token).await?,
        None => None,
    };
    let hint = hint.filter(|hint| {
        here.as_ref().is_none_or(|found| found.user.id.to_string() == hint.claims.sub)
    });
    // A hint that was issued to a client other than `client_id` (§2) is ignored, and so is `client_id`.
    let named = params.get("client_id");
    let hint = hint.filter(|hint| named.is_none_or(|named| hint.client.client_id == named));
    if let Some(hint) = hint {
        // Without a registered URI the log-out still works, but without a redirect.
        let asked = params.get("post_logout_redirect_uri");
        let redirect = asked.and_then(|asked| hint.client.after_logout(asked));
        let back = redirect.map(|redirect| Box::new(to_client(redirect, params.get("state"))));
        let sid = hint.claims.sid.parse().ok();
        let browser = here.map(|found| found.browser.id);
        end(app, sid, browser, &hint.claims.sub, info).await?;
        return Ok(LogoutStep::Out { back });
    }
    let client = match named {
        Some(named) => app.client_or_reload(named).await?,
        None => None,
    };
    // An unregistered URI is ignored.
    let redirect = client.as_ref().zip(params.get("post_logout_redirect_uri"));
    let redirect = redirect.and_then(|(client, asked)| client.after_logout(asked));
    let state = params.text("state").filter(|state| state.len() <= MAX_STATE);
    let Some(found) = here else {
        let link = redirect.map(|redirect| to_client(redirect, state.as_deref()));
        return Ok(LogoutStep::NotLoggedIn { link: link.zip(client).map(Box::new) });
    };
    let destination = LogoutDestination {
        client_id: client.as_ref().map(|client| client.client_id.clone()),
        ui_locales: params.text("ui_locales"),
        return_uri: redirect.map(|redirect| redirect.as_str().to_owned()),
        state,
    };
    let request = PendingRequest::begin(&app, Destination::Logout(Box::new(destination)), now);
    let sealed = SealedRequest::seal(&app, request, &cookies)?;
    let login = found.user.login;
    Ok(LogoutStep::Ask(Box::new(LogoutView { sealed, login, client })))
}

/// Handles the user's decision; without one, the user is asked again.
///
/// # Errors
/// `forbidden` if the request is of another kind.
pub async fn decide(
    app: App,
    sealed: SealedRequest,
    leave: Option<bool>,
    cookies: BrowserCookies,
    info: RequestInfo,
) -> Result<LogoutStep, Failure> {
    let now = info.now;
    let request = &sealed.request;
    let Destination::Logout(destination) = &request.destination else {
        return Err(of_another_kind().into());
    };
    match leave {
        Some(true) => {}
        Some(false) => return Ok(LogoutStep::Stay),
        None => {
            let found = current_login(&app, &cookies, now).await?;
            let Some(found) = found else { return Ok(LogoutStep::NotLoggedIn { link: None }) };
            let client = match &destination.client_id {
                Some(client_id) => app.client_or_reload(client_id).await?,
                None => None,
            };
            let client = client.filter(|client| client.owned_name_at(request.begun_at));
            let view = LogoutView { login: found.user.login, client, sealed: sealed.clone() };
            return Ok(LogoutStep::Ask(Box::new(view)));
        }
    }
    if let Some(found) = current_login(&app, &cookies, now).await? {
        let sub = found.user.id.to_string();
        end(app.clone(), None, Some(found.browser.id), &sub, info).await?;
    }
    Ok(LogoutStep::Out { back: way_back(&app, destination, request.begun_at).await?.map(Box::new) })
}

/// The return URI after a confirmation, if the client is still the same and the URI still registered.
async fn way_back(
    app: &App,
    destination: &LogoutDestination,
    made: Timestamp,
) -> Result<Option<Back>, Fault> {
    let Some((client_id, uri)) =
        destination.client_id.as_ref().zip(destination.return_uri.as_ref())
    else {
        return Ok(None);
    };
    let client = app.client_or_reload(client_id).await?;
    let client = client.filter(|client| client.owned_name_at(made));
    let redirect = client.and_then(|client| client.after_logout(uri));
    Ok(redirect.map(|redirect| to_client(redirect, destination.state.as_deref())))
}

fn to_client(redirect: RegisteredRedirect, state: Option<&str>) -> Back {
    let uri = redirect.as_str();
    let location = match state.filter(|state| state.len() <= MAX_STATE) {
        None => uri.to_owned(),
        Some(state) => {
            let said = url::form_urlencoded::Serializer::new(String::new())
                .append_pair("state", state)
                .finish();
            format!("{uri}{}{said}", if uri.contains('?') { '&' } else { '?' })
        }
    };
    Back { redirect, location }
}

/// Ends the session with this id, its sign-in, the sign-in in this browser and all their sessions, and records the
/// notices for clients.
async fn end(
    app: App,
    session: Option<SessionId>,
    here: Option<BrowserId>,
    sub: &str,
    info: RequestInfo,
) -> Result<(), Failure> {
    let now = info.now;
    app.transaction_or_nothing(&info, async |tx| {
        let mut browsers_to_end: Vec<BrowserId> = here.into_iter().collect();
        if let Some(id) = session
            && let Some((session, user)) = sessions::with_user(tx, id).await?
            && user.id.to_string() == sub
        {
            browsers_to_end.extend(session.browser.filter(|other| Some(*other) != here));
            let ended = tx.end_session(id, Ending::of(EndReason::Logout)).await?;
            logout_notices::tell(&app, tx, ended.as_slice(), now).await?;
        }
        for browser in browsers_to_end {
            browser_login::end_browser(tx, browser).await?;
        }
        Ok(())
    })
    .await
}
