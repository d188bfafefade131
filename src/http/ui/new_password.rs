//! `/login/password`: a user whose password has to be replaced chooses a new one, and continues with the request
//! that led to the sign-in.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::authentication::{Entry, Waiting};
use crate::identity::browser_login;
use crate::oauth::pending_request::{Destination, PendingRequest, of_another_kind};
use crate::oauth::restart::RestartOptions;

use super::login::answered;
use super::pages::NewPasswordPage;
use super::render::{self, aim, path_of};
use super::{flow_error_page, own_account, page_with, policy, said};

/// A sign-in that waits for another step, in the browser that it was begun in.
pub(super) struct UnderWay {
    pub(super) context: Context,
    pub(super) visit: Visit,
    pub(super) flow: PendingRequest,
    /// The flow, as the form carries it.
    pub(super) sealed: String,
    pub(super) challenge: String,
}

/// The page.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let (under_way, _) = match UnderWay::of_address(context, params) {
        Ok(both) => both,
        Err(answer) => return *answer,
    };
    let answer = match under_way.waiting(PAGE).await {
        Ok(waiting) => under_way.show(Some(&waiting.user.login), None, HttpResponse::Ok()),
        Err(answer) => *answer,
    };
    under_way.finished(answer)
}

/// The new password.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let mut form = match form {
        Ok(form) => form,
        Err(problem) => return flow_error_page(&context, &problem, &RestartOptions::default()),
    };
    // First of all: a form that this browser was not given changes no password.
    let under_way = match UnderWay::of(context, form.take("flow"), form.take("challenge")) {
        Ok(under_way) => under_way,
        Err(answer) => return *answer,
    };
    let UnderWay { context, visit, flow, sealed, challenge } = &under_way;
    let entry = Entry::NewPassword(form.take("new_password"));
    let (app, visitor) = (context.app.clone(), visit.visitor.clone());
    let step = (challenge.clone(), entry);
    let info = render::sign_in_info(context, flow);
    let work = browser_login::continue_sign_in(app, step, visitor, info);
    let answer = match context.run(work).await {
        Ok(outcome) => answered(context, flow, sealed, &outcome),
        Err(problem) => under_way.again(&problem).await,
    };
    under_way.finished(answer)
}

const PAGE: &str = "/login/password";

/// Where the page that was requested begins. A sign-up or a recovery needs no sign-in, which is where every other step
/// begins again.
fn beginning(context: &Context) -> RestartOptions {
    let path = context.app.base_path.route(context.path()).unwrap_or_default();
    let page = ["/signup", "/recover"].into_iter().find(|page| path.starts_with(page));
    page.map(|page| RestartOptions::repeating(page, Vec::new())).unwrap_or_default()
}

fn unreadable(context: &Context, problem: &Problem) -> Box<HttpResponse> {
    Box::new(flow_error_page(context, problem, &RestartOptions::default()))
}

impl UnderWay {
    /// The one that the address of a page names.
    pub(super) fn of_address(
        context: Context,
        params: Result<Params, Problem>,
    ) -> Result<(Self, Params), Box<HttpResponse>> {
        let params = params.map_err(|problem| unreadable(&context, &problem))?;
        let given = |name: &str| params.get(name).unwrap_or_default().to_owned();
        Ok((Self::of(context, given("flow"), given("challenge"))?, params))
    }

    /// The one that a form belongs to.
    pub(super) fn of_form(
        context: Context,
        form: Result<FormFields, Problem>,
    ) -> Result<(Self, FormFields), Box<HttpResponse>> {
        let mut form = form.map_err(|problem| unreadable(&context, &problem))?;
        let (sealed, challenge) = (form.take("flow"), form.take("challenge"));
        Ok((Self::of(context, sealed, challenge)?, form))
    }

    /// One that no application waits for.
    pub(super) fn begin(context: Context) -> Result<Self, Box<HttpResponse>> {
        let visit = Visit::of(&context);
        let flow = PendingRequest::begin(&context.app, Destination::Account, context.now());
        match flow.seal(&context.app, &visit.visitor) {
            Ok(sealed) => Ok(Self { context, visit, flow, sealed, challenge: String::new() }),
            Err(fault) => {
                Err(Box::new(super::error_page(&context, &context.problem(fault.into()))))
            }
        }
    }

    pub(super) fn of(
        context: Context,
        sealed: String,
        challenge: String,
    ) -> Result<Self, Box<HttpResponse>> {
        let visit = Visit::of(&context);
        let flow = PendingRequest::open(&context.app, &sealed, &visit.visitor, context.now());
        let flow = flow.and_then(|flow| match flow.aim {
            Destination::Logout(_) => Err(of_another_kind()),
            Destination::Authorize(_) | Destination::Device(_) | Destination::Account => Ok(flow),
        });
        match flow {
            Ok(flow) => Ok(Self { context, visit, flow, sealed, challenge }),
            Err(refusal) => {
                let restart = match RestartOptions::of_sealed(&context.app, &sealed) {
                    restart if restart.is_unknown() => beginning(&context),
                    restart => restart,
                };
                let problem = context.problem(refusal.into());
                Err(Box::new(flow_error_page(&context, &problem, &restart)))
            }
        }
    }

    /// The sign-in, if it waits for the step of `page`. Otherwise the answer: the way to
    /// the page of the step that it waits for, or why there is none.
    pub(super) async fn waiting(&self, page: &str) -> Result<Waiting, Box<HttpResponse>> {
        let Self { context, visit, sealed, challenge, .. } = self;
        let (app, visitor) = (context.app.clone(), visit.visitor.clone());
        let work = browser_login::waiting(app, challenge.clone(), visitor, context.now());
        match context.run(work).await {
            Ok(waiting) if path_of(&waiting.step) == page => Ok(waiting),
            Ok(Waiting { step, .. }) => {
                let query = format!("flow={sealed}&challenge={challenge}");
                let to = context.link(path_of(&step)).with_query(&query);
                Err(Box::new(render::go_here(HttpResponse::SeeOther(), &to)))
            }
            Err(problem) => Err(Box::new(self.failed(&problem))),
        }
    }

    fn show(
        &self,
        login: Option<&str>,
        problem: Option<&Problem>,
        mut answer: HttpResponseBuilder,
    ) -> HttpResponse {
        let Self { context, visit, flow, sealed, challenge } = self;
        let (client_name, ui_locales) = aim(context, flow);
        let frame = context.frame(ui_locales.as_deref());
        let error = problem.map(|problem| said(frame.locale, problem));
        let template = NewPasswordPage {
            frame,
            flow: sealed,
            challenge,
            client_name: client_name.as_deref(),
            login,
            error: error.as_deref(),
            restart: &render::restart(context, sealed),
        };
        visit.keep(&context.app, &mut answer);
        page_with(answer, &template, &policy(true))
    }

    /// The page once more, where the user can correct what was wrong.
    async fn again(&self, problem: &Problem) -> HttpResponse {
        match problem.code() {
            Code::WeakPassword | Code::TooManyAttempts => match self.waiting(PAGE).await {
                Ok(waiting) => self.show(Some(&waiting.user.login), Some(problem), problem.head()),
                Err(answer) => *answer,
            },
            Code::Unavailable => self.show(None, Some(problem), problem.head()),
            // The form of another step.
            Code::ValidationFailed => match self.waiting(PAGE).await {
                Ok(_) => self.failed(problem),
                Err(answer) => *answer,
            },
            _ => self.failed(problem),
        }
    }

    pub(super) fn failed(&self, problem: &Problem) -> HttpResponse {
        let restart = RestartOptions::of(&self.context.app, &self.flow);
        flow_error_page(&self.context, problem, &restart)
    }

    /// With the headers of what the sign-in is for.
    pub(super) fn finished(&self, answer: HttpResponse) -> HttpResponse {
        if matches!(self.flow.aim, Destination::Account) { own_account(answer) } else { answer }
    }
}
