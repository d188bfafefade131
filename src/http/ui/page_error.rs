//! The errors of page handlers.
//!
//! Owns the error type of page handlers: a response that is ready to be sent, because only the handler knows the
//! language of its page and how to restart.

use actix_web::HttpResponse;
use actix_web::error::InternalError;

use crate::http::context::Context;
use crate::http::error::Problem;
use crate::oauth::restart::RestartOptions;

use super::{error_page, flow_error_page};

/// The result of a page handler.
pub type PageResult = Result<HttpResponse, PageError>;

/// The response of a page handler that cannot continue: an error page, or a redirect to another page.
#[derive(Debug)]
pub struct PageError(Box<HttpResponse>);

impl From<HttpResponse> for PageError {
    fn from(answer: HttpResponse) -> Self {
        Self(Box::new(answer))
    }
}

impl From<PageError> for HttpResponse {
    fn from(PageError(answer): PageError) -> Self {
        *answer
    }
}

impl From<PageError> for actix_web::Error {
    fn from(error: PageError) -> Self {
        InternalError::from_response("the page cannot be shown", error.into()).into()
    }
}

/// Converts a problem into the response of a page handler.
pub(super) trait OrErrorPage<T> {
    /// The error page, with a link to the start page.
    fn or_error_page(self, context: &Context) -> Result<T, PageError>;

    /// The same with links to restart.
    fn or_restart_page(self, context: &Context, restart: &RestartOptions) -> Result<T, PageError>;
}

impl<T> OrErrorPage<T> for Result<T, Problem> {
    fn or_error_page(self, context: &Context) -> Result<T, PageError> {
        self.map_err(|problem| error_page(context, &problem).into())
    }

    fn or_restart_page(self, context: &Context, restart: &RestartOptions) -> Result<T, PageError> {
        self.map_err(|problem| flow_error_page(context, &problem, restart).into())
    }
}
