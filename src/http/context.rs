//! The request context of handlers: everything about a request except its body.
//!
//! Owns the extractors: the context itself, the caller, the administrator.

use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::uri::PathAndQuery;
use actix_web::http::{Method, Uri};
use actix_web::{FromRequest, HttpMessage as _, HttpRequest, web};

use crate::app::{App, Fetcher};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::audit::{Origin, Via};
use crate::domain::base_path::Link;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::trace::Trace;
use crate::domain::user_agent::Device;
use crate::i18n::{self, Locale};
use crate::identity::administrator::{self, Administrator, Presented};
use crate::identity::bearer::{self, Caller};

use super::accepted;
use super::error::Problem;
use super::openapi::FORCE;

/// The facts about a request that the middleware determines once: its time, its origin and its id.
#[derive(Debug, Clone)]
pub struct Facts {
    /// The request's id, in the answer, the log and the audit trail.
    pub request_id: String,
    /// The trace it belongs to.
    pub trace: Trace,
    /// The address of its client.
    pub address: Option<IpAddr>,
    /// The time of its arrival.
    pub now: Timestamp,
}

/// The user and the client of a request with an access token, for its log line.
pub struct CallerIds {
    /// The id of the user.
    pub user_id: UserId,
    /// The client of the session.
    pub client_id: String,
}

/// The application and the facts of one request.
#[derive(Clone)]
pub struct Context {
    /// The application.
    pub app: App,
    /// The request's facts.
    pub facts: Facts,
    user_agent: String,
    method: Method,
    uri: Uri,
    cookies: Option<HeaderValue>,
    accept_language: Option<HeaderValue>,
}

impl Context {
    /// The time of the request: the only "now" while it is served.
    #[must_use]
    pub const fn now(&self) -> Timestamp {
        self.facts.now
    }

    /// The actor for the audit trail, before the caller has authenticated.
    #[must_use]
    pub fn origin(&self) -> Origin {
        Origin {
            actor: None,
            client: None,
            via: Via::Http,
            address: self.facts.address,
            request_id: self.facts.request_id.clone(),
            trace: Some(self.facts.trace),
        }
    }

    /// The request information for use cases, before the caller has authenticated.
    #[must_use]
    pub fn request_info(&self) -> RequestInfo {
        let info = RequestInfo::new(self.origin(), self.device(), self.now());
        info.in_language(self.locale(None).lang()).forced(self.is_forced())
    }

    /// Whether the query contains `force=true`; operations without this parameter have already refused it.
    fn is_forced(&self) -> bool {
        let query = self.uri.query().unwrap_or_default();
        let mut pairs = url::form_urlencoded::parse(query.as_bytes());
        pairs.any(|(name, value)| name == FORCE.name && value == "true")
    }

    /// The same with the acting user.
    #[must_use]
    pub fn request_info_of(&self, caller: &Caller) -> RequestInfo {
        self.request_info().by(caller.user.id)
    }

    /// The same with the acting administrator and the right that permits the action.
    #[must_use]
    pub fn administration(&self, administrator: &Administrator) -> RequestInfo {
        administrator.acting(self.request_info())
    }

    /// The device the request comes from.
    #[must_use]
    pub fn device(&self) -> Device {
        Device::new(&self.user_agent, self.facts.address)
    }

    /// The resource server that fetches the public keys, with the name that it sent, if any.
    #[must_use]
    pub fn fetcher<'a>(&'a self, name: Option<&'a str>) -> Fetcher<'a> {
        Fetcher { name, user_agent: &self.user_agent, address: self.facts.address }
    }

    /// The value of a cookie.
    #[must_use]
    pub fn cookie(&self, name: &str) -> Option<&str> {
        cookie(self.cookies.as_ref()?.to_str().ok()?, name)
    }

    /// The language of the answer and of mail that the request causes: the user's choice on a page, else the
    /// `ui_locales` of the application, else the preference of the browser.
    #[must_use]
    pub fn locale(&self, ui_locales: Option<&str>) -> Locale {
        Locale::choose(ui_locales, self.cookie(i18n::COOKIE), self.accept_language())
    }

    /// The path, as it was requested.
    #[must_use]
    pub fn path(&self) -> &str {
        self.uri.path()
    }

    /// The query, as it was requested; empty without one.
    #[must_use]
    pub fn query(&self) -> &str {
        self.uri.query().unwrap_or_default()
    }

    /// The languages that the browser prefers, as sent.
    #[must_use]
    pub fn accept_language(&self) -> Option<&str> {
        self.accept_language.as_ref()?.to_str().ok()
    }

    /// Path and query of this page, if loading it again shows the same page. After a form: if the query names
    /// the pending request; otherwise the page that contains the form.
    #[must_use]
    pub fn reloadable(&self) -> Option<&str> {
        let names_flow = || self.uri.query().is_some_and(|query| query.starts_with("flow="));
        if self.method == Method::GET || names_flow() {
            return self.uri.path_and_query().map(PathAndQuery::as_str);
        }
        page_of_form(self.uri.path())
    }

    /// The address of a page of the server's own, as browsers see it.
    #[must_use]
    pub fn link(&self, path: &str) -> Link {
        self.app.base_path.link(path)
    }

    /// Runs a use case to completion, even if the client disconnects.
    ///
    /// # Errors
    /// The failure of the use case, ready to be rendered.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> impl Future<Output = Result<T, Problem>> {
        let work = self.app.run_to_completion(work);
        async move { work.await.map_err(|stop| self.problem(stop)) }
    }

    /// Renders the refusal of a parser.
    ///
    /// # Errors
    /// The refusal, ready to be rendered.
    pub fn check<T>(&self, parsed: Result<T, Refusal>) -> Result<T, Problem> {
        parsed.map_err(|refusal| self.problem(refusal.into()))
    }

    /// The failure of a use case, ready to be rendered.
    #[must_use]
    pub fn problem(&self, stop: Failure) -> Problem {
        Problem::of(stop, &self.facts.request_id, Some(self.facts.trace))
    }

    /// The context that the middleware stored in the request.
    pub(super) fn of(request: &HttpRequest) -> Option<Self> {
        let app = request.app_data::<web::Data<App>>()?.get_ref().clone();
        let facts = request.extensions().get::<Facts>().cloned()?;
        let user_agent = request.headers().get(header::USER_AGENT);
        let user_agent = user_agent.and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
        let header = |name| request.headers().get(name).cloned();
        let (cookies, accept_language) = (header(header::COOKIE), header(header::ACCEPT_LANGUAGE));
        let (method, uri) = (request.method().clone(), request.uri().clone());
        Some(Self { app, facts, user_agent, method, uri, cookies, accept_language })
    }

    fn required(request: &HttpRequest) -> Result<Self, Problem> {
        Self::of(request).ok_or_else(Problem::misrouted)
    }
}

/// The pages of the user's account, whose forms are sent to paths below them.
const ACCOUNT_PAGES: [&str; 3] = ["/account/security", "/account/email", "/account"];

/// The page with the form that is sent to `path`, if loading that page changes nothing and needs no query.
fn page_of_form(path: &str) -> Option<&str> {
    let is_below = |page: &str| {
        path.strip_prefix(page).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    if let Some(page) = ACCOUNT_PAGES.into_iter().find(|page| is_below(page)) {
        return Some(page);
    }
    let has_form = path == "/device" || path.starts_with("/setup/") || path.starts_with("/link/");
    has_form.then_some(path)
}

/// The value of a cookie (RFC 6265 §4.2.1).
fn cookie<'a>(all: &'a str, name: &str) -> Option<&'a str> {
    let mut pairs = all.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.find_map(|(known, value)| (known == name).then_some(value))
}

impl FromRequest for Context {
    type Error = Problem;
    type Future = std::future::Ready<Result<Self, Problem>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        std::future::ready(Self::required(request))
    }
}

/// The Bearer token of a request, if there is one (RFC 6750 §2.1). The scheme is case-insensitive.
///
/// # Errors
/// For several `Authorization` headers, or one of another form.
pub fn bearer_token(request: &HttpRequest) -> Result<Option<String>, Refusal> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    let malformed =
        || Refusal::new(Code::InvalidToken, "Send one header: Authorization: Bearer TOKEN.");
    if values.next().is_some() {
        return Err(malformed());
    }
    let text = value.to_str().map_err(|_| malformed())?;
    let (scheme, token) = text.split_once(' ').ok_or_else(malformed)?;
    let token = token.trim_matches(' ');
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() || token.contains(' ') {
        return Err(malformed());
    }
    Ok(Some(token.to_owned()))
}

/// A handler's caller together with its context.
pub struct Authenticated<C> {
    /// The request's context.
    pub context: Context,
    /// The caller that the access token or key authenticates.
    pub caller: C,
}

type Extraction<T> = Pin<Box<dyn Future<Output = Result<T, Problem>>>>;

impl FromRequest for Authenticated<Caller> {
    type Error = Problem;
    type Future = Extraction<Self>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let context = Context::required(request);
        let token = bearer_token(request);
        let request = request.clone();
        Box::pin(async move {
            let context = context?;
            let Some(token) = context.check(token)? else {
                return Err(Problem::no_token(&context.facts.request_id));
            };
            // It only reads, and may be cancelled.
            let caller = bearer::require_caller(context.app.clone(), token, context.now()).await;
            let caller = caller.map_err(|stop| context.problem(stop))?;
            let client_id = caller.session.client_id.clone();
            request.extensions_mut().insert(CallerIds { user_id: caller.user.id, client_id });
            Ok(Self { context, caller })
        })
    }
}

impl FromRequest for Authenticated<Administrator> {
    type Error = Problem;
    type Future = Extraction<Self>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let context = Context::required(request);
        let token = bearer_token(request);
        let action = accepted::action(request);
        Box::pin(async move {
            let (context, action) = (context?, action.ok_or_else(Problem::misrouted)?);
            let Some(token) = context.check(token)? else {
                return Err(Problem::no_token(&context.facts.request_id));
            };
            let presented = Presented { token, address: context.facts.address };
            let (app, now) = (context.app.clone(), context.now());
            let caller = administrator::require_administrator(app, presented, action, now).await;
            let caller = caller.map_err(|stop| context.problem(stop))?;
            Ok(Self { context, caller })
        })
    }
}
