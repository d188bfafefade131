//! Renders the step of a use case as a page or a response, for all endpoints that users see.
//!
//! Owns the page and the policy of each step, and how a response reaches a client. Makes no decisions.

use actix_web::http::{Method, header};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};

use crate::config::PersistentSessions;
use crate::domain::base_path::Link;
use crate::domain::interaction::{Prompt, ResponseMode};
use crate::domain::oidc;
use crate::domain::outcome::Code;
use crate::domain::redirect::RegisteredRedirect;
use crate::domain::request_info::RequestInfo;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::identity::authentication::{IssuedChallenge, RemainingStep};
use crate::oauth::authorize::response::Answer;
use crate::oauth::page_step::{AnswerTo, ConsentView, PageStep};
use crate::oauth::params::Params;
use crate::oauth::pending_request::{AccountSection, Destination, PendingRequest};
use crate::oauth::restart::RestartOptions;
use crate::oauth::sealed_request::SealedRequest;

use super::client_card::logo_of;
use super::pages::{
    ClientCard, ConsentItem, ConsentPage, ContinuePage, DeviceDonePage, DocumentCard, FormPostPage,
    LoginPage,
};
use super::pending_page::open;
use super::{Locale, flow_error_page, page, page_with, passkeys, policy};

/// The page or the response of a step.
pub fn step(context: &Context, visit: &Visit, step: PageStep) -> HttpResponse {
    step_after(context, visit, step, None)
}

/// The same after a refused decision: if the user still has to decide, the error is shown above the buttons.
pub fn step_after(
    context: &Context,
    visit: &Visit,
    step: PageStep,
    refused: Option<&Problem>,
) -> HttpResponse {
    match step {
        PageStep::Login(sealed) if asks_to_sign_up(context, &sealed.request) => {
            let mut answer = HttpResponse::SeeOther();
            visit.keep(&context.app, &mut answer);
            let query = format!("flow={}", sealed.text);
            go_here(answer, &context.link("/signup").with_query(&query))
        }
        PageStep::Login(sealed) => {
            let hint = sealed.request.authorization().and_then(|it| it.login_hint.as_deref());
            let login = Login { login: hint.unwrap_or_default(), ..Login::of(&sealed) };
            login.show(context, visit, HttpResponse::Ok())
        }
        PageStep::StepUp(view) => {
            let mut answer = HttpResponse::SeeOther();
            visit.keep(&context.app, &mut answer);
            go_here(answer, &page_of(context, &view.sealed, &view.challenge))
        }
        PageStep::Consent(view) => consent(context, visit, &view, refused),
        PageStep::Answer(answer) => done(context, visit, &answer),
        PageStep::DeviceDecided { allowed, client } => {
            let (frame, client_name) = (context.frame(None).shown_once(), &client.metadata.name);
            page(HttpResponse::Ok(), &DeviceDonePage { frame, allowed, client_name })
        }
    }
}

/// Whether the client requests that the user creates an account, and the user can.
fn asks_to_sign_up(context: &Context, request: &PendingRequest) -> bool {
    let is_asked = request.authorization().is_some_and(|it| it.authn.has(Prompt::Create));
    is_asked && context.app.config.registration.takes_anyone()
}

/// The path of the page of a step.
pub fn path_of(step: &RemainingStep) -> &'static str {
    match step {
        RemainingStep::Factor(_) if step.is_mailed_code() => "/login/mailed-code",
        RemainingStep::Factor(_) => "/login/verify",
        RemainingStep::NewPassword => "/login/password",
        RemainingStep::Enrol { .. } => "/login/enrol",
    }
}

/// The page of the next step of a sign-in.
pub fn page_of(context: &Context, sealed: &SealedRequest, pending: &IssuedChallenge) -> Link {
    let query = format!("flow={}&challenge={}", sealed.text, pending.challenge);
    context.link(path_of(&pending.step)).with_query(&query)
}

/// The data of the sign-in page.
pub struct Login<'a> {
    /// The pending request, sealed into the page.
    pub sealed: &'a SealedRequest,
    /// The initial value of the login name.
    pub login: &'a str,
    /// Whether "stay signed in" is ticked, if the page has it.
    pub stay: bool,
    /// The error of the last attempt.
    pub error: Option<&'a str>,
}

impl<'a> Login<'a> {
    /// The page of a request, without a login name.
    pub const fn of(sealed: &'a SealedRequest) -> Self {
        Self { sealed, login: "", stay: false, error: None }
    }

    /// The page.
    pub fn show(
        &self,
        context: &Context,
        visit: &Visit,
        answer: HttpResponseBuilder,
    ) -> HttpResponse {
        self.show_after(context, visit, answer, None)
    }

    /// The page after another action; `notice` is the key of the text about it.
    pub fn show_after(
        &self,
        context: &Context,
        visit: &Visit,
        mut answer: HttpResponseBuilder,
        notice: Option<&str>,
    ) -> HttpResponse {
        let SealedRequest { request, text } = self.sealed;
        let frame = context.frame(request.ui_locales());
        let with_flow = |path| context.link(path).with_query(&format!("flow={text}"));
        let signs_up = context.app.config.registration.takes_anyone();
        let client_name = client_name(context, request);
        let client_logo = logo_of(context, request);
        let template = LoginPage {
            frame,
            notice: notice.map(|key| frame.t(key)),
            recover: context.app.mailer.is_some().then(|| with_flow("/recover")),
            sign_up: signs_up.then(|| with_flow("/signup")),
            flow: text,
            login: self.login,
            client_name: client_name.as_deref(),
            client_logo: client_logo.as_ref(),
            stay: (context.app.config.browser_session_persistent == PersistentSessions::Ask)
                .then_some(self.stay),
            passkey: passkeys::sign_in_form(context, visit),
            error: self.error,
            restart: &restart(context, self.sealed),
        };
        visit.keep(&context.app, &mut answer);
        page_with(answer, &template, &policy(true))
    }
}

/// The head of a page, with the status of the error, if any.
pub(super) fn head(refused: Option<&Problem>) -> HttpResponseBuilder {
    refused.map_or_else(HttpResponse::Ok, Problem::head)
}

fn consent(
    context: &Context,
    visit: &Visit,
    view: &ConsentView,
    refused: Option<&Problem>,
) -> HttpResponse {
    let frame = context.frame(view.sealed.request.ui_locales());
    let item = |scope: &str| {
        let item = scope_item(context, frame.locale, scope, view.audience.as_deref());
        item.for_user(frame.locale, scope, &view.user)
    };
    let error = refused.map(|problem| frame.refusal(problem));
    let (destination, user_code) = match &view.answer_to {
        AnswerTo::Client(place) => (shown(place), None),
        AnswerTo::Device(user_code) => ("", Some(&**user_code)),
    };
    let host = view.client.document_host();
    let template = ConsentPage {
        frame,
        flow: &view.sealed.text,
        client: ClientCard::of(context, &view.client),
        document: host.as_deref().map(|host| DocumentCard { host, is_local: view.is_local() }),
        destination,
        login: &view.user.login,
        items: view.scopes.iter().map(item).collect(),
        is_device: user_code.is_some(),
        user_code,
        error: error.as_deref(),
        restart: &restart(context, &view.sealed),
    };
    let mut answer = head(refused);
    visit.keep(&context.app, &mut answer);
    page(answer, &template)
}

/// The links to restart on a page of a request.
pub fn restart(context: &Context, sealed: &SealedRequest) -> RestartOptions {
    RestartOptions::of(&context.app, &sealed.request).nearest()
}

/// A destination for display: a host, or a scheme.
fn shown(source: &str) -> &str {
    source.split_once("://").map_or(source.trim_end_matches(':'), |(_, host)| host)
}

fn done(context: &Context, visit: &Visit, answer: &Answer) -> HttpResponse {
    if answer.mode == ResponseMode::FormPost {
        let fields = answer.params.iter().map(|(name, value)| ((*name).to_owned(), value.clone()));
        let template = FormPostPage {
            frame: context.frame(answer.ui_locales.as_deref()).shown_once(),
            action: answer.redirect.as_str(),
            fields: fields.collect(),
        };
        let mut head = HttpResponse::Ok();
        visit.keep(&context.app, &mut head);
        return page_with(head, &template, &policy(true));
    }
    let to = Redirection { redirect: &answer.redirect, location: &answer.location() };
    go(context, HttpResponse::SeeOther(), to, answer.ui_locales.as_deref())
}

/// A registered destination, and the address there.
#[derive(Clone, Copy)]
pub struct Redirection<'a> {
    /// The registered destination.
    pub redirect: &'a RegisteredRedirect,
    /// The URL, with the response to the client.
    pub location: &'a str,
}

/// Sends the browser to a registered destination: after a form always with 303, so that the entries are not
/// forwarded (RFC 9700 §4.12).
pub fn go(
    context: &Context,
    mut answer: HttpResponseBuilder,
    to: Redirection<'_>,
    ui_locales: Option<&str>,
) -> HttpResponse {
    let Redirection { redirect, location } = to;
    if redirect.is_web() {
        return answer.insert_header((header::LOCATION, location)).finish();
    }
    let source = redirect.source();
    let frame = context.frame(ui_locales).shown_once();
    let template = ContinuePage { frame, uri: location, destination: shown(&source) };
    answer.status(actix_web::http::StatusCode::OK);
    page(answer, &template)
}

/// Sends the browser to one of the server's own pages.
pub fn go_here(mut answer: HttpResponseBuilder, to: &Link) -> HttpResponse {
    answer.insert_header((header::LOCATION, to.as_str())).finish()
}

/// The longest form that is converted into an address.
const MAX_FORM: usize = 6 * 1024;

/// Forms from other sites carry no cookies, because these are `SameSite=Lax`. Redirects the browser to `to` with
/// the same parameters, which sends the cookies. `None` if they were already sent, or if a redirect would not help.
pub fn once_more(
    request: &HttpRequest,
    visit: &Visit,
    to: Link,
    params: &Params,
    length: usize,
) -> Option<HttpResponse> {
    let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let elsewhere = site.is_some_and(|site| site != "same-origin" && site != "none");
    let again = elsewhere && visit.is_new() && length <= MAX_FORM && params.once().is_ok();
    again.then(|| go_here(HttpResponse::SeeOther(), &to.with_query(&params.encoded())))
}

/// The page after a successful sign-in, or after another step of a request.
pub fn onwards(context: &Context, SealedRequest { request, text }: &SealedRequest) -> Link {
    let flow = format!("flow={text}");
    match request.destination {
        Destination::Authorize(_) => context.link("/oauth2/authorize").with_query(&flow),
        Destination::Device(_) => context.link("/device").with_query(&flow),
        Destination::Account | Destination::Logout(_) => context.link(match request.section {
            Some(AccountSection::Console) => request.console.as_deref().unwrap_or("/admin"),
            None => "/account",
            Some(AccountSection::Security) => "/account/security",
            Some(AccountSection::Email) => "/account/email",
            Some(AccountSection::History) => "/account/history",
            Some(AccountSection::Login) => "/account/login",
            Some(AccountSection::Export) => "/account/export",
            Some(AccountSection::Delete) => "/account/delete",
            Some(AccountSection::Keys) => "/account/keys",
        }),
    }
}

/// The response to reloading an address that only takes forms: a redirect to the current page of the request, if
/// the address names one of this browser.
pub fn reloaded(context: &Context, request: &HttpRequest, problem: &Problem) -> HttpResponse {
    let params = Params::parse(request.query_string().as_bytes()).unwrap_or_default();
    let Some(text) = params.text("flow") else {
        return flow_error_page(context, problem, &RestartOptions::default());
    };
    let restart = match open(context, &Visit::of(context), text) {
        Ok(sealed) if is_loaded_anew(request, problem) => {
            return go_here(HttpResponse::SeeOther(), &onwards(context, &sealed));
        }
        Ok(sealed) => RestartOptions::of(&context.app, &sealed.request),
        Err(unusable) => RestartOptions::of_unusable(&context.app, unusable).1,
    };
    flow_error_page(context, problem, &restart)
}

fn is_loaded_anew(request: &HttpRequest, problem: &Problem) -> bool {
    problem.code() == Code::MethodNotAllowed && request.method() == Method::GET
}

/// The texts of a scope that was requested together with `audience`.
pub fn scope_item(
    context: &Context,
    locale: Locale,
    scope: &str,
    audience: Option<&str>,
) -> ConsentItem {
    let Some(identifier) = audience.filter(|_| !oidc::is_scope(scope)) else {
        return ConsentItem::of_scope(locale, scope);
    };
    let known = context.app.audience(Some(identifier));
    let description = known.as_ref().and_then(|known| known.target.description_of(scope));
    ConsentItem::of_api(scope, identifier, description)
}

/// The name of the client of a request.
pub fn client_name(context: &Context, request: &PendingRequest) -> Option<String> {
    let client = context.app.client(&request.authorization()?.client_id)?;
    Some(client.shown_name())
}

/// The request of a step of a sign-in, with the client that the sign-in is for.
pub fn sign_in_info(context: &Context, request: &PendingRequest) -> RequestInfo {
    let client_id = request.authorization().map(|request| request.client_id.clone());
    context.request_info().for_client(client_id)
}
