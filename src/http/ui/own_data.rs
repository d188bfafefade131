//! `/account/export` and `/account/delete`: users take what is stored about them, and delete their account.

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
use super::pages::{AccountDeletedPage, DeleteAccountPage, ExportPage};
use super::render::go_here;
use super::{error_page, page, said};

/// The page of the export.
pub async fn get_export(context: Context) -> HttpResponse {
    let visited = match visited(context, Some(AccountSection::Export)).await {
        Ok(visited) => visited,
        Err(answer) => return answer,
    };
    let is_fresh = match visited.is_fresh().await {
        Ok(is_fresh) => is_fresh,
        Err(answer) => return answer,
    };
    let frame = visited.context.frame(None);
    page(HttpResponse::Ok(), &ExportPage { frame, csrf: &visited.csrf(), is_fresh })
}

/// The export, as a file.
pub async fn post_export(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (visited, _) = match submitted(context, form).await {
        Ok(both) => both,
        Err(answer) => return answer,
    };
    let (app, here, info) = visited.parts();
    match visited.context.run(export::export(app, here.into(), info)).await {
        Ok(export) => HttpResponse::Ok()
            .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"account.json\""))
            .json(view::export(&export)),
        Err(problem) if problem.code() == Code::ReauthenticationRequired => {
            go_here(HttpResponse::SeeOther(), &visited.context.link("/account/export"))
        }
        Err(problem) => error_page(&visited.context, &problem),
    }
}

/// The page of the deletion.
pub async fn get_delete(context: Context) -> HttpResponse {
    match visited(context, Some(AccountSection::Delete)).await {
        Ok(visited) => visited.show_delete(None, HttpResponse::Ok()).await,
        Err(answer) => answer,
    }
}

/// Deletes the account.
pub async fn post_delete(context: Context, form: Result<FormFields, Problem>) -> HttpResponse {
    let (visited, mut form) = match submitted(context, form).await {
        Ok(both) => both,
        Err(answer) => return answer,
    };
    let (app, here, info) = visited.parts();
    let work = deletion::delete_own(app, here.into(), form.take("login"), info);
    match visited.context.run(work).await {
        Ok(()) => {
            let Visited { context, visit, .. } = &visited;
            let mut answer = HttpResponse::Ok();
            cookie::log_out(&context.app, visit, &mut answer);
            page(answer, &AccountDeletedPage { frame: context.frame(None) })
        }
        Err(problem) if problem.code() == Code::ReauthenticationRequired => {
            go_here(HttpResponse::SeeOther(), &visited.context.link("/account/delete"))
        }
        Err(problem)
            if matches!(problem.code(), Code::ValidationFailed | Code::LastAdministrator) =>
        {
            let head = problem.head();
            visited.show_delete(Some(&problem), head).await
        }
        Err(problem) => error_page(&visited.context, &problem),
    }
}

impl Visited {
    /// Whether the sign-in is fresh enough for what needs a fresh authentication.
    pub(super) async fn is_fresh(&self) -> Result<bool, HttpResponse> {
        let (app, here, info) = self.parts();
        let work =
            async move { fresh_authentication::is_fresh_at(&app, here.into(), info.now).await };
        self.context.run(work).await.map_err(|problem| error_page(&self.context, &problem))
    }

    async fn show_delete(
        self,
        problem: Option<&Problem>,
        answer: HttpResponseBuilder,
    ) -> HttpResponse {
        let is_fresh = match self.is_fresh().await {
            Ok(is_fresh) => is_fresh,
            Err(answer) => return answer,
        };
        let frame = self.context.frame(None);
        let error = problem.map(|problem| said(frame.locale, problem));
        let template = DeleteAccountPage {
            frame,
            csrf: &self.csrf(),
            login: &self.here.user.login,
            is_fresh,
            error: error.as_deref(),
        };
        page(answer, &template)
    }
}
