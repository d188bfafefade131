//! `/oauth2/authorize`: a client sends somebody (OpenID Connect Core §3.1.2).

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::stop::{Code, Refusal, Stop};
use crate::http::body::Body;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::fields::is_form;
use crate::oauth::authorize;
use crate::oauth::params::{Params, invalid};

use super::error_page;
use super::interaction::{go_here, step};

/// The longest address a posted request is turned into.
const MAX_ADDRESS: usize = 6 * 1024;

/// A request in the address, or the way back from the log-in page.
pub async fn get(context: Context, request: HttpRequest) -> HttpResponse {
    // Whoever only asks for the head must not be given a code.
    if request.method() == Method::HEAD {
        let refusal = Refusal::new(Code::MethodNotAllowed, "Ask with GET or POST.");
        let problem = context.problem(refusal.into()).allowing("GET, POST".to_owned());
        return error_page(&context, &problem);
    }
    answer(context, Params::parse(request.query_string().as_bytes()).map_err(Stop::from)).await
}

/// A request in a form. From another site it comes without our cookies, which are `SameSite=Lax`:
/// then the browser is asked to come again with the same request in the address, and brings them.
pub async fn post(context: Context, request: HttpRequest, body: Body) -> HttpResponse {
    if !is_form(&request) {
        let refusal = invalid("The request is a form.");
        return error_page(&context, &context.problem(refusal.into()));
    }
    let body = match body.0 {
        Ok(body) => body,
        Err(refusal) => return error_page(&context, &context.problem(refusal.into())),
    };
    let site = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
    let elsewhere = site.is_some_and(|site| site != "same-origin" && site != "none");
    if elsewhere && body.len() <= MAX_ADDRESS && Visit::of(&context).is_new() {
        let text = String::from_utf8_lossy(&body);
        return match Params::parse(text.as_bytes()) {
            Ok(params) if params.once().is_ok() => {
                let address = format!("/oauth2/authorize?{}", params.encoded());
                go_here(HttpResponse::SeeOther(), &address)
            }
            _ => answer(context, Params::parse(&body).map_err(Stop::from)).await,
        };
    }
    answer(context, Params::parse(&body).map_err(Stop::from)).await
}

async fn answer(context: Context, params: Result<Params, Stop>) -> HttpResponse {
    let visit = Visit::of(&context);
    let (app, visitor, now) = (context.app.clone(), visit.visitor.clone(), context.now());
    let done = match params {
        Err(stop) => Err(context.problem(stop)),
        Ok(params) => match params.text("flow") {
            Some(flow) => context.run(authorize::resume(app, flow, visitor, now)).await,
            None => context.run(authorize::begin(app, params, visitor, now)).await,
        },
    };
    match done {
        Ok(done) => step(&context, &visit, done),
        Err(problem) => error_page(&context, &problem),
    }
}
