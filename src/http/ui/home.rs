//! `/`: so that nobody who comes here is lost.

use actix_web::HttpResponse;
use askama::Template;

use crate::domain::outcome::Failure;
use crate::http::context::Context;
use crate::identity::setup;

use super::{Frame, error_page, page};

#[derive(Template)]
#[template(path = "home.html")]
pub(super) struct HomePage<'a> {
    pub(super) frame: Frame<'a>,
    pub(super) issuer: &'a str,
    pub(super) needs_setup: bool,
}

/// What this server is, and what to do when it has no administrator yet.
pub async fn get(context: Context) -> HttpResponse {
    let app = context.app.clone();
    match context.run(async move { setup::is_open(&app).await.map_err(Failure::from) }).await {
        Ok(needs_setup) => {
            let frame = context.frame(None);
            let template = HomePage { frame, issuer: context.app.issuer(), needs_setup };
            page(HttpResponse::Ok(), &template)
        }
        Err(problem) => error_page(&context, &problem),
    }
}
