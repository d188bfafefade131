//! `/account/login`: the user's login name, if the operator lets users change it.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::outcome::{Code, Refusal};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::login_change;
use crate::identity::profile::ProfileChange;
use crate::oauth::pending_request::AccountSection;

use super::account::{Visited, submitted, visited};
use super::page_error::{OrErrorPage, PageError, PageResult};
use super::pages::{Done, OwnLoginPage};
use super::render::go_here;
use super::{error_page, page};

/// The page for a change of the login name.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    require_allowed(&context)?;
    let done = params.ok().and_then(|params| params.get("done")?.parse::<Done>().ok());
    visited(context, Some(AccountSection::Login))
        .await?
        .show_login(done, ("", None), HttpResponse::Ok())
        .await
}

/// Changes the login name.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    require_allowed(&context)?;
    let (visited, mut form) = submitted(context, form).await?;
    let typed = form.take("login");
    let (app, here, info) = visited.parts();
    let work =
        login_change::change(app, here.into(), typed.clone(), ProfileChange::default(), info);
    let page = visited.context.link("/account/login");
    match visited.context.run(work).await {
        Ok(_) => {
            let to = page.with_query(&format!("done={}", Done::LoginChanged));
            Ok(go_here(HttpResponse::SeeOther(), &to))
        }
        // The page offers a new sign-in.
        Err(problem) if problem.code() == Code::ReauthenticationRequired => {
            Ok(go_here(HttpResponse::SeeOther(), &page))
        }
        Err(problem) if problem.fields().is_empty() => {
            Err(error_page(&visited.context, &problem).into())
        }
        Err(problem) => {
            let head = problem.head();
            visited.show_login(None, (&typed, Some(&problem)), head).await
        }
    }
}

/// Checks that users may change their login names.
fn require_allowed(context: &Context) -> Result<(), PageError> {
    let allowed = login_change::require_allowed(&context.app).map_err(|refusal| {
        let message = refusal.message.into_owned();
        Refusal::new(Code::FeatureDisabled, "").with_message(message)
    });
    context.check(allowed).or_error_page(context)
}

impl Visited {
    async fn show_login(
        self,
        done: Option<Done>,
        (typed, problem): (&str, Option<&Problem>),
        answer: HttpResponseBuilder,
    ) -> PageResult {
        let is_fresh = self.is_fresh().await?;
        let frame = self.context.frame(None);
        let error = problem.and_then(|problem| problem.fields().first());
        let template = OwnLoginPage {
            frame,
            csrf: &self.csrf(),
            notice: done.map(|done| done.text(frame.locale)),
            login: &self.here.user.login,
            is_fresh,
            typed,
            error: error.map(|error| frame.field(error)),
        };
        Ok(page(answer, &template))
    }
}
