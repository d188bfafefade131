//! `/account/login`: the login name of one's own account, where an operator lets users change it.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::outcome::{Code, Refusal};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::login_change;
use crate::identity::profile::ProfileChange;
use crate::oauth::pending_request::AccountSection;

use super::account::{Visited, submitted, visited};
use super::pages::{Done, OwnLoginPage};
use super::render::go_here;
use super::{error_page, page};

/// The page.
pub async fn get(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    if let Some(answer) = not_allowed(&context) {
        return answer;
    }
    let done = params.ok().and_then(|params| params.get("done")?.parse::<Done>().ok());
    match visited(context, Some(AccountSection::Login)).await {
        Ok(visited) => visited.show_login(done, ("", None), HttpResponse::Ok()).await,
        Err(answer) => answer,
    }
}

/// Another login name.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    if let Some(answer) = not_allowed(&context) {
        return answer;
    }
    let (visited, mut form) = match submitted(context, form).await {
        Ok(both) => both,
        Err(answer) => return answer,
    };
    let typed = form.take("login");
    let (app, here, info) = visited.parts();
    let work =
        login_change::change(app, here.into(), typed.clone(), ProfileChange::default(), info);
    let page = visited.context.link("/account/login");
    match visited.context.run(work).await {
        Ok(_) => {
            let to = page.with_query(&format!("done={}", Done::LoginChanged));
            go_here(HttpResponse::SeeOther(), &to)
        }
        // The page says so and offers a new sign-in.
        Err(problem) if problem.code() == Code::ReauthenticationRequired => {
            go_here(HttpResponse::SeeOther(), &page)
        }
        Err(problem) if problem.fields().is_empty() => error_page(&visited.context, &problem),
        Err(problem) => {
            let head = problem.head();
            visited.show_login(None, (&typed, Some(&problem)), head).await
        }
    }
}

/// The answer where no user changes the login name.
fn not_allowed(context: &Context) -> Option<HttpResponse> {
    let Refusal { message, .. } = login_change::require_allowed(&context.app).err()?;
    let refusal = Refusal::new(Code::FeatureDisabled, "").with_message(message.into_owned());
    Some(error_page(context, &context.problem(refusal.into())))
}

impl Visited {
    async fn show_login(
        self,
        done: Option<Done>,
        (typed, problem): (&str, Option<&Problem>),
        answer: HttpResponseBuilder,
    ) -> HttpResponse {
        let is_fresh = match self.is_fresh().await {
            Ok(is_fresh) => is_fresh,
            Err(answer) => return answer,
        };
        let frame = self.context.frame(None);
        let error = problem.and_then(|problem| problem.fields().first());
        let template = OwnLoginPage {
            frame,
            csrf: &self.csrf(),
            notice: done.map(|done| done.text(frame.locale)),
            login: &self.here.user.login,
            is_fresh,
            typed,
            error: error.map(|error| frame.locale.field(error)),
        };
        page(answer, &template)
    }
}
