//! The parameters of a query.

use std::collections::HashMap;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use super::context::Context;
use super::error::Problem;
use super::extract::pairs;

/// The parameters of the query.
pub struct Params(HashMap<String, String>);

impl Params {
    /// The fields of a form as parameters.
    pub(super) const fn of(fields: HashMap<String, String>) -> Self {
        Self(fields)
    }

    /// A parameter, if present.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Whether a parameter is empty or blank.
    #[must_use]
    pub fn has_blank(&self) -> bool {
        self.0.values().any(|value| value.trim().is_empty())
    }

    /// The same without empty and blank parameters: a form sends all of its fields.
    #[must_use]
    pub fn filled_in(mut self) -> Self {
        self.0.retain(|_, value| {
            *value = value.trim().to_owned();
            !value.is_empty()
        });
        self
    }
}

impl FromRequest for Params {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;
    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let context = Context::extract(request);
        let params = pairs(request.query_string().as_bytes());
        Box::pin(async move { context.await?.check(params).map(Self) })
    }
}
