//! Logging out where one logged in (OpenID Connect RP-Initiated Logout 1.0).
//!
//! Owns who may end what without being asked: a client that shows an ID token of whoever is logged in.
//! Whoever shows nothing, or another's, is asked, because any page can send a browser here.

use std::sync::Arc;

use crate::app::App;
use crate::base::id::{BrowserId, SessionId};
use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::redirect::RegisteredRedirect;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::EndReason;
use crate::identity::browser_login::{self, BrowserCookies};
use crate::store::sessions;
use crate::store::sessions::end::Ending;

use super::id_token_hint;
use super::params::Params;
use super::pending_request::{Destination, LogoutDestination, PendingRequest};
use crate::identity::logout_notices;

/// The longest `state`, in bytes.
const MAX_STATE: usize = 3 * 1024;

/// What comes of it.
pub enum LogoutStep {
    /// The person is asked.
    Ask {
        /// The sealed flow.
        flow: String,
        /// Who is logged in.
        login: String,
        /// The client that sent the person.
        client: Option<Arc<Client>>,
    },
    /// It is done.
    Out {
        /// Where the client wants the person.
        back: Option<Box<Back>>,
    },
    /// The person stays.
    Stay,
}

/// Where a person goes after logging out.
pub struct Back {
    /// The registered place.
    pub redirect: RegisteredRedirect,
    /// With the client's `state`.
    pub location: String,
}

fn unanswerable(message: &'static str) -> Refusal {
    Refusal {
        oauth: Some(OAuthError::InvalidRequest),
        ..Refusal::new(Code::MalformedRequest, message)
    }
}

/// A client, or anybody, sends a browser here.
///
/// # Errors
/// Refused for the person to see: nothing is sent to an address that is not registered.
pub async fn begin(
    app: App,
    params: Params,
    visitor: BrowserCookies,
    info: RequestInfo,
) -> Result<LogoutStep, Failure> {
    let now = info.now;
    params.once().map_err(|_| unanswerable("A parameter was sent twice."))?;
    let here = browser_login::current_login(&app, &visitor, "", None, now).await?;
    // One that we did not sign, or whose key has left the published set, proves nothing; nor does one
    // of somebody else than the person who is here, which anybody with an account has (§2). Then the
    // person is asked, as where there is none.
    let hint = params.get("id_token_hint").and_then(|token| id_token_hint::read(&app, token));
    let hint = hint.filter(|hint| {
        here.as_ref().is_none_or(|found| found.user.id.to_string() == hint.claims.sub)
    });
    let named = params.get("client_id");
    if let (Some(hint), Some(named)) = (&hint, named)
        && hint.client.client_id != named
    {
        return Err(unanswerable("client_id and id_token_hint name two applications.").into());
    }
    let back = match (params.get("post_logout_redirect_uri"), &hint) {
        // Whoever proves nothing gets nobody sent anywhere.
        (None, _) | (Some(_), None) => None,
        (Some(asked), Some(hint)) => {
            let redirect = hint.client.after_logout(asked).ok_or_else(|| {
                unanswerable(
                    "The application asked to send you to an address it has not registered \
                     (post_logout_redirect_uri). Nothing was sent there.",
                )
            })?;
            Some(Box::new(back(redirect, params.get("state"))))
        }
    };
    if let Some(hint) = hint {
        let sid = hint.claims.sid.parse().ok();
        let browser = here.map(|found| found.browser.id);
        end(app, sid, browser, &hint.claims.sub, info).await?;
        return Ok(LogoutStep::Out { back });
    }
    let Some(found) = here else { return Ok(LogoutStep::Out { back: None }) };
    let client = match named {
        Some(named) => app.client_or_reload(named).await?,
        None => None,
    };
    let aim = LogoutDestination {
        client_id: client.as_ref().map(|client| client.client_id.clone()),
        ui_locales: params.text("ui_locales"),
    };
    let flow = PendingRequest::begin(&app, Destination::Logout(Box::new(aim)), now)
        .seal(&app, &visitor)?;
    Ok(LogoutStep::Ask { flow, login: found.user.login, client })
}

/// Somebody was asked and has decided.
///
/// # Errors
/// `forbidden` when it was begun in another browser.
pub async fn decide(
    app: App,
    sealed: String,
    leave: bool,
    visitor: BrowserCookies,
    info: RequestInfo,
) -> Result<LogoutStep, Failure> {
    let now = info.now;
    let flow = PendingRequest::open(&app, &sealed, &visitor, now)?;
    if !matches!(flow.aim, Destination::Logout(_)) {
        let message = "This page belongs to something else that was begun.";
        return Err(Refusal::new(Code::Forbidden, message).into());
    }
    if !leave {
        return Ok(LogoutStep::Stay);
    }
    if let Some(found) = browser_login::current_login(&app, &visitor, "", None, now).await? {
        let sub = found.user.id.to_string();
        end(app, None, Some(found.browser.id), &sub, info).await?;
    }
    Ok(LogoutStep::Out { back: None })
}

fn back(redirect: RegisteredRedirect, state: Option<&str>) -> Back {
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

/// Ends the session of this id, the log-in it hangs on, the one in this browser, and everything that
/// hangs on either; and writes down who is to be told.
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
