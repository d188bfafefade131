//! `/account/export` and `/account/delete`: users export their data and delete their account.

use actix_web::http::header;
use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::cookie;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::identity::{deletion, export, fresh_authentication};
use crate::oauth::pending_request::AccountSection;
use crate::view;

use super::account::{Visited, submitted, visited};
use super::page_error::{OrErrorPage, PageError, PageResult};
use super::pages::{AccountDeletedPage, DeleteAccountPage, ExportPage};
use super::render::go_here;
use super::{error_page, page};

/// The page of the export.
pub async fn get_export(context: Context) -> PageResult {
    let visited = visited(context, Some(AccountSection::Export)).await?;
    let is_fresh = visited.is_fresh().await?;
    let frame = visited.context.frame(None);
    Ok(page(HttpResponse::Ok(), &ExportPage { frame, csrf: &visited.csrf(), is_fresh }))
}

/// The export, as a file.
pub async fn post_export(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, _) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let export = visited.context.run(export::export(app, here.into(), info)).await;
    let export = export.map_err(|problem| visited.stale_or(&problem, "/account/export"))?;
    Ok(HttpResponse::Ok()
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"account.json\""))
        .json(view::export(&export)))
}

/// The page of the deletion.
pub async fn get_delete(context: Context) -> PageResult {
    visited(context, Some(AccountSection::Delete))
        .await?
        .show_delete(None, HttpResponse::Ok())
        .await
}

/// Deletes the account.
pub async fn post_delete(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let work = deletion::delete_own(app, here.into(), form.take("login"), info);
    match visited.context.run(work).await {
        Ok(()) => {
            let Visited { context, visit, .. } = &visited;
            let mut answer = HttpResponse::Ok();
            cookie::log_out(&context.app, visit, &mut answer);
            Ok(page(answer, &AccountDeletedPage { frame: context.frame(None) }))
        }
        Err(problem)
            if matches!(problem.code(), Code::ValidationFailed | Code::LastAdministrator) =>
        {
            let head = problem.head();
            visited.show_delete(Some(&problem), head).await
        }
        Err(problem) => Err(visited.stale_or(&problem, "/account/delete")),
    }
}

impl Visited {
    /// Whether the sign-in is fresh enough for sensitive actions.
    pub(super) async fn is_fresh(&self) -> Result<bool, PageError> {
        let (app, here, info) = self.parts();
        let work =
            async move { fresh_authentication::is_fresh_at(&app, here.into(), info.now).await };
        self.context.run(work).await.or_error_page(&self.context)
    }

    /// A refusal. If the sign-in is too old, `page` offers a new one.
    fn stale_or(&self, problem: &Problem, page: &str) -> PageError {
        if problem.code() == Code::ReauthenticationRequired {
            return go_here(HttpResponse::SeeOther(), &self.context.link(page)).into();
        }
        error_page(&self.context, problem).into()
    }

    async fn show_delete(
        self,
        problem: Option<&Problem>,
        answer: HttpResponseBuilder,
    ) -> PageResult {
        let is_fresh = self.is_fresh().await?;
        let frame = self.context.frame(None);
        let error = problem.map(|problem| frame.refusal(problem));
        let template = DeleteAccountPage {
            frame,
            csrf: &self.csrf(),
            login: &self.here.user.login,
            is_fresh,
            error: error.as_deref(),
        };
        Ok(page(answer, &template))
    }
}
