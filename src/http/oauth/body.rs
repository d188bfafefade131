//! The request of a client: a form, and the two headers that authenticate it.

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap, HeaderName};
use actix_web::{FromRequest, HttpRequest};
use futures_util::future::LocalBoxFuture;

use crate::domain::outcome::Refusal;
use crate::http::body;
use crate::http::context::Context;
use crate::http::extract::is_form;
use crate::oauth::dpop;
use crate::oauth::params::{Params, invalid};
use crate::oauth::token::ClientRequest;

use super::error::{OAuthProblem, render};

/// The header of a DPoP proof (RFC 9449 §4.1).
const DPOP: HeaderName = HeaderName::from_static("dpop");

/// A request of a client.
pub struct EndpointRequest {
    /// The request's context.
    pub context: Context,
    /// The parsed request.
    pub request: ClientRequest,
}

impl FromRequest for EndpointRequest {
    type Error = OAuthProblem;
    type Future = LocalBoxFuture<'static, Result<Self, OAuthProblem>>;
    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let context = Context::extract(request);
        let is_form = is_form(request);
        let headers =
            authorization(request.headers()).and_then(|a| Ok((a, proof(request.headers())?)));
        let body = body::read(request, payload);
        Box::pin(async move {
            let context = context.await.map_err(OAuthProblem::of)?;
            let read = async {
                if !is_form {
                    return Err(invalid(
                        "The body must be a form: Content-Type: application/x-www-form-urlencoded.",
                    ));
                }
                let body = body.await?;
                let (authorization, proof) = headers?;
                Ok((Params::parse(&body)?, authorization, proof))
            };
            match read.await {
                Ok((params, authorization, proof)) => {
                    let (origin, device) = (context.origin(), context.device());
                    let request = ClientRequest { params, authorization, proof, origin, device };
                    Ok(Self { context, request })
                }
                Err(refusal) => Err(render(&context, refusal.into())),
            }
        })
    }
}

/// The only `Authorization` header.
pub(super) fn authorization(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    let twice = || invalid("Send one Authorization header.");
    one(headers, &header::AUTHORIZATION, twice)
}

/// The only `DPoP` header.
pub(super) fn proof(headers: &HeaderMap) -> Result<Option<String>, Refusal> {
    one(headers, &DPOP, dpop::refused)
}

fn one(
    headers: &HeaderMap,
    name: &HeaderName,
    wrong: impl Fn() -> Refusal,
) -> Result<Option<String>, Refusal> {
    let mut values = headers.get_all(name);
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(wrong());
    }
    value.to_str().map(|text| Some(text.to_owned())).map_err(|_| wrong())
}
