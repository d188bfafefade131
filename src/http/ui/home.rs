//! `/`: the start page, with links to the other pages.

use actix_web::HttpResponse;
use askama::Template;

use crate::domain::outcome::Failure;
use crate::http::context::Context;
use crate::identity::setup;

use super::page_error::{OrErrorPage, PageResult};
use super::{Frame, page};

#[derive(Template)]
#[template(path = "home.html")]
pub(super) struct HomePage<'a> {
    pub(super) frame: Frame<'a>,
    /// The addresses for operators and developers. `None` if the pages have a custom brand, whose users do not need
    /// them.
    pub(super) issuer: Option<&'a str>,
    pub(super) needs_setup: bool,
}

/// The start page; without an administrator it explains how to create one.
pub async fn get(context: Context) -> PageResult {
    let app = context.app.clone();
    let is_open = async move { setup::is_open(&app).await.map_err(Failure::from) };
    let needs_setup = context.run(is_open).await.or_error_page(&context)?;
    let frame = context.frame(None);
    let issuer = (!frame.brand.is_own()).then_some(context.app.issuer());
    Ok(page(HttpResponse::Ok(), &HomePage { frame, issuer, needs_setup }))
}
