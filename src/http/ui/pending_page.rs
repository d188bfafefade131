//! The pending request that a page belongs to, opened when the page is loaded or its form is sent.
//!
//! Owns the common part of these pages: the request, the sign-in that waits for another step, and the next page of
//! both.

use actix_web::HttpResponse;

use crate::domain::base_path::Link;
use crate::domain::outcome::{Code, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::{Entry, Waiting};
use crate::identity::browser_login::{self, SignInOutcome};
use crate::oauth::pending_request::{Destination, PendingRequest};
use crate::oauth::restart::RestartOptions;
use crate::oauth::sealed_request::{SealedRequest, UnusableRequest};

use super::page_error::{OrErrorPage, PageError, PageResult};
use super::render::{client_name, go_here, path_of, sign_in_info};
use super::{Frame, flow_error_page, own_account};

/// A sign-in whose next step is pending, in the browser in which it was begun.
pub(super) struct PendingPage {
    pub(super) context: Context,
    pub(super) visit: Visit,
    pub(super) sealed: SealedRequest,
    pub(super) challenge: String,
}

/// Opens the request that a form or an address names.
pub(super) fn open(
    context: &Context,
    visit: &Visit,
    text: String,
) -> Result<SealedRequest, UnusableRequest> {
    SealedRequest::open(&context.app, text, &visit.cookies, context.now())
}

/// The first page of the requested step. A sign-up or a recovery begins at its own page, every other step at the
/// sign-in.
fn beginning(context: &Context) -> RestartOptions {
    let path = context.app.base_path.route(context.path()).unwrap_or_default();
    let page = ["/signup", "/recover"].into_iter().find(|page| path.starts_with(page));
    page.map(|page| RestartOptions::repeating(page, Vec::new())).unwrap_or_default()
}

/// The page that refuses an invalid sealed request, with links to restart.
pub(super) fn unusable(context: &Context, unusable: UnusableRequest) -> PageError {
    let (refusal, restart) = RestartOptions::of_unusable(&context.app, unusable);
    refused(context, refusal, &restart)
}

fn refused(context: &Context, refusal: Refusal, restart: &RestartOptions) -> PageError {
    flow_error_page(context, &context.problem(refusal.into()), restart).into()
}

impl PendingPage {
    /// The request in the address of a page.
    pub(super) fn of_address(
        context: Context,
        params: Result<Params, Problem>,
    ) -> Result<(Self, Params), PageError> {
        let params = params.or_restart_page(&context, &RestartOptions::default())?;
        let given = |name: &str| params.get(name).unwrap_or_default().to_owned();
        Ok((Self::of(context, given("flow"), given("challenge"))?, params))
    }

    /// The request of a form.
    pub(super) fn of_form(
        context: Context,
        form: Result<FormFields, Problem>,
    ) -> Result<(Self, FormFields), PageError> {
        let mut form = form.or_restart_page(&context, &RestartOptions::default())?;
        let (sealed, challenge) = (form.take("flow"), form.take("challenge"));
        // Checked first, because a form of another browser must not change anything.
        Ok((Self::of(context, sealed, challenge)?, form))
    }

    /// The request in an address, or a new one without an application.
    pub(super) fn of_address_or_new(context: Context, params: &Params) -> Result<Self, PageError> {
        let challenge = params.get("challenge").unwrap_or_default().to_owned();
        match params.get("flow") {
            Some(sealed) => Self::of(context, sealed.to_owned(), challenge),
            None => Self::begin(context),
        }
    }

    fn begin(context: Context) -> Result<Self, PageError> {
        let visit = Visit::of(&context);
        let request = PendingRequest::begin(&context.app, Destination::Account, context.now());
        let sealed = SealedRequest::seal(&context.app, request, &visit.cookies);
        let sealed = sealed.map_err(|fault: Fault| context.problem(fault.into()));
        let sealed = sealed.or_error_page(&context)?;
        Ok(Self { context, visit, sealed, challenge: String::new() })
    }

    fn of(context: Context, sealed: String, challenge: String) -> Result<Self, PageError> {
        let visit = Visit::of(&context);
        let opened = open(&context, &visit, sealed);
        match opened.and_then(|sealed| sealed.require(PendingRequest::needs_sign_in)) {
            Ok(sealed) => Ok(Self { context, visit, sealed, challenge }),
            Err(unusable) => {
                let (refusal, restart) = RestartOptions::of_unusable(&context.app, unusable);
                let is_unknown = restart.is_unknown();
                let restart = if is_unknown { beginning(&context) } else { restart };
                Err(refused(&context, refusal, &restart))
            }
        }
    }

    /// The language and the brand of its pages.
    pub(super) fn frame(&self) -> Frame<'_> {
        self.context.frame(self.sealed.request.ui_locales())
    }

    /// The name of the requesting application.
    pub(super) fn client_name(&self) -> Option<String> {
        client_name(&self.context, &self.sealed.request)
    }

    /// The links to restart for a user who cannot continue.
    pub(super) fn restart(&self) -> RestartOptions {
        RestartOptions::of(&self.context.app, &self.sealed.request).nearest()
    }

    /// The request information for use cases, with the language of the page, which is also that of the mail.
    pub(super) fn info(&self) -> RequestInfo {
        let language = self.context.locale(self.sealed.request.ui_locales()).lang();
        self.context.request_info().in_language(language)
    }

    /// The sign-in, if its next step is the one of `page`. Otherwise the response: a redirect to the page of its
    /// step, or an error page.
    pub(super) async fn waiting(&self, page: &str) -> Result<Waiting, PageError> {
        let Self { context, visit, challenge, .. } = self;
        let (app, cookies) = (context.app.clone(), visit.cookies.clone());
        let work = browser_login::waiting(app, challenge.clone(), cookies, context.now());
        let waiting = context.run(work).await.map_err(|problem| self.failed(&problem))?;
        let waits_at = path_of(&waiting.step);
        if waits_at == page { Ok(waiting) } else { Err(self.to(waits_at, challenge).into()) }
    }

    /// Performs the next step of the sign-in.
    pub(super) async fn advance(&self, entry: Entry) -> Result<SignInOutcome, Problem> {
        let Self { context, visit, sealed, challenge } = self;
        let (app, cookies) = (context.app.clone(), visit.cookies.clone());
        let (step, info) = ((challenge.clone(), entry), sign_in_info(context, &sealed.request));
        context.run(browser_login::continue_sign_in(app, step, cookies, info)).await
    }

    /// The response to a refusal that the user cannot correct. For a form of another step it is a redirect to the
    /// page of the next step.
    pub(super) async fn not_taken(&self, page: &str, problem: &Problem) -> PageError {
        if problem.code() == Code::ValidationFailed
            && let Err(answer) = self.waiting(page).await
        {
            return answer;
        }
        self.failed(problem)
    }

    /// A page that cannot continue.
    pub(super) fn failed(&self, problem: &Problem) -> PageError {
        let restart = RestartOptions::of(&self.context.app, &self.sealed.request);
        flow_error_page(&self.context, problem, &restart).into()
    }

    /// The response of a page that cannot continue. An expired challenge restarts at `path`, for the same request.
    pub(super) fn failed_or_over(&self, problem: &Problem, path: &'static str) -> PageError {
        if problem.code() != Code::ChallengeInvalid {
            return self.failed(problem);
        }
        let again = RestartOptions::repeating(path, vec![("flow", self.sealed.text.clone())]);
        let ui_locales = self.sealed.request.ui_locales().map(str::to_owned);
        flow_error_page(&self.context, problem, &RestartOptions { ui_locales, ..again }).into()
    }

    /// The response, with the headers that the purpose of the sign-in requires.
    pub(super) async fn finish(&self, answer: impl Future<Output = PageResult>) -> PageResult {
        let answer = answer.await.unwrap_or_else(HttpResponse::from);
        Ok(if self.sealed.request.is_own_account() { own_account(answer) } else { answer })
    }

    /// A redirect to the page of a step with this challenge.
    pub(super) fn to(&self, path: &str, challenge: &str) -> HttpResponse {
        let query = format!("flow={}&challenge={challenge}", self.sealed.text);
        go_here(HttpResponse::SeeOther(), &self.context.link(path).with_query(&query))
    }

    /// A redirect to the sign-in page, which shows `notice` and continues with the same request.
    pub(super) fn to_login(&self, notice: &str) -> HttpResponse {
        let query = format!("flow={}&notice={notice}", self.sealed.text);
        go_here(HttpResponse::SeeOther(), &self.context.link("/login").with_query(&query))
    }

    pub(super) fn with_flow(&self, path: &str) -> Link {
        self.context.link(path).with_query(&format!("flow={}", self.sealed.text))
    }

    pub(super) fn with_challenge(&self, path: &str) -> Link {
        let query = format!("flow={}&challenge={}", self.sealed.text, self.challenge);
        self.context.link(path).with_query(&query)
    }
}
