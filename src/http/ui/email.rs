//! `/account/email`: the e-mail address of the user's account, and the confirmation of a new one.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::account;
use crate::identity::email_change::{self, EmailOverview};
use crate::oauth::pending_request::AccountSection;
use crate::oauth::restart::RestartOptions;

use super::account::{Visited, submitted, visited};
use super::page_error::{OrErrorPage, PageResult};
use super::pages::{Done, EmailPage};
use super::render::go_here;
use super::{flow_error_page, page};

/// The entries of a form, and their errors.
#[derive(Default)]
struct Typed<'a> {
    address: &'a str,
    problem: Option<&'a Problem>,
}

/// The page for the user's e-mail address.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let done = params.ok().and_then(|params| params.get("done")?.parse::<Done>().ok());
    visited(context, Some(AccountSection::Email))
        .await?
        .show_email(done, Typed::default(), HttpResponse::Ok())
        .await
}

/// Sends a code to the entered address, to the stored one, or again to the pending one.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let address = form.take("email");
    let (app, here, info) = visited.parts();
    let work = email_change::request(app, here.into(), address.clone(), info);
    let done = visited.context.run(work).await.map(drop);
    visited.after_email(Done::EmailSent, &address, done).await
}

/// Checks the code.
pub async fn verify(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let work = email_change::confirm(app, here.into(), form.take("code"), info);
    let done = visited.context.run(work).await;
    visited.after_email(Done::EmailVerified, "", done).await
}

/// Cancels the change. Succeeds if it has already ended.
pub async fn cancel(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, _) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let done = match visited.context.run(email_change::cancel(app, here.user.id, info)).await {
        Err(problem) if problem.code() == Code::NotFound => Ok(()),
        done => done,
    };
    visited.after_email(Done::EmailCancelled, "", done).await
}

impl Visited {
    /// The response to a form: a redirect to the page, or the page with the errors.
    async fn after_email(self, what: Done, address: &str, done: Result<(), Problem>) -> PageResult {
        let here = self.context.link("/account/email");
        match done {
            Ok(()) => {
                let to = here.with_query(&format!("done={what}"));
                Ok(go_here(HttpResponse::SeeOther(), &to))
            }
            // The page offers a new sign-in.
            Err(problem) if problem.code() == Code::ReauthenticationRequired => {
                Ok(go_here(HttpResponse::SeeOther(), &here))
            }
            Err(problem) if problem.fields().is_empty() => {
                Err(flow_error_page(&self.context, &problem, &RestartOptions::default()).into())
            }
            Err(problem) => {
                let typed = Typed { address, problem: Some(&problem) };
                self.show_email(None, typed, problem.head()).await
            }
        }
    }

    async fn show_email(
        self,
        done: Option<Done>,
        typed: Typed<'_>,
        answer: HttpResponseBuilder,
    ) -> PageResult {
        let (app, here, info) = self.parts();
        let work = email_change::overview(app, here.into(), info.now);
        let overview = self.context.run(work).await.or_error_page(&self.context)?;
        let EmailOverview { pending, is_fresh } = overview;
        let frame = self.context.frame(None);
        let locale = frame.locale;
        let of = |field: &str| typed.problem?.fields().iter().find(|error| error.field == field);
        let csrf = account::token(&self.context.app, &self.visit.cookies);
        let user = &self.here.user;
        let template = EmailPage {
            frame,
            csrf: &csrf,
            notice: done.map(|done| done.text(locale)),
            address: user.email.as_ref().map(|email| &*email.address),
            is_verified: user.verified_email().is_some(),
            pending: pending.as_deref(),
            has_mail: self.context.app.mailer.is_some(),
            is_fresh,
            typed: typed.address,
            address_error: of("email").map(|error| frame.field(error)),
            code_error: of("code").map(|_| frame.t("email.code_wrong")),
        };
        Ok(page(answer, &template))
    }
}
