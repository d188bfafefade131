//! `/oauth2/authorize`: a client sends a user (OpenID Connect Core §3.1.2).

use actix_web::http::Method;
use actix_web::{HttpRequest, HttpResponse};

use crate::domain::outcome::{Code, Failure, Refusal};
use crate::http::body::Body;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::extract::is_form;
use crate::oauth::authorize;
use crate::oauth::params::{Params, invalid};

use super::render::{once_more, step};
use super::{error_page, under_way};

/// A request in the address, or the way back from the log-in page.
pub async fn get(context: Context, request: HttpRequest) -> HttpResponse {
    under_way(asked(context, request).await)
}

async fn asked(context: Context, request: HttpRequest) -> HttpResponse {
    // A request for the head alone must not use up a code.
    if request.method() == Method::HEAD {
        let refusal = Refusal::new(Code::MethodNotAllowed, "Ask with GET or POST.");
        let problem = context.problem(refusal.into()).allowing("GET, POST".to_owned());
        return error_page(&context, &problem);
    }
    answer(context, Params::parse(request.query_string().as_bytes()).map_err(Failure::from)).await
}

/// A request in a form, which from another site comes without cookies.
pub async fn post(context: Context, request: HttpRequest, body: Body) -> HttpResponse {
    under_way(posted(context, request, body).await)
}

async fn posted(context: Context, request: HttpRequest, body: Body) -> HttpResponse {
    if !is_form(&request) {
        let refusal = invalid("The request is a form.");
        return error_page(&context, &context.problem(refusal.into()));
    }
    let body = match body.0 {
        Ok(body) => body,
        Err(refusal) => return error_page(&context, &context.problem(refusal.into())),
    };
    let params = Params::parse(&body);
    if let Ok(params) = &params
        && let Some(answer) =
            once_more(&request, &Visit::of(&context), "/oauth2/authorize", params, body.len())
    {
        return answer;
    }
    answer(context, params.map_err(Failure::from)).await
}

async fn answer(context: Context, params: Result<Params, Failure>) -> HttpResponse {
    let visit = Visit::of(&context);
    let (app, visitor, info) = (context.app.clone(), visit.visitor.clone(), context.request_info());
    let done = match params {
        Err(stop) => Err(context.problem(stop)),
        Ok(params) => match params.text("flow") {
            Some(flow) => context.run(authorize::resume(app, flow, visitor, info)).await,
            None => context.run(authorize::begin(app, params, visitor, info)).await,
        },
    };
    match done {
        Ok(done) => step(&context, &visit, done),
        Err(problem) => error_page(&context, &problem),
    }
}
