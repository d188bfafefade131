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
use crate::oauth::restart::{RefusedRequest, RestartOptions};

use super::render::{once_more, step};
use super::{error_page, flow_error_page};

/// A request in the address, or the way back from the log-in page.
pub async fn get(context: Context, request: HttpRequest) -> HttpResponse {
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
    if !is_form(&request) {
        let refusal = invalid("The request is a form.");
        return error_page(&context, &context.problem(refusal.into()));
    }
    let body = match body.0 {
        Ok(body) => body,
        Err(refusal) => return error_page(&context, &context.problem(refusal.into())),
    };
    let params = Params::parse(&body);
    let here = context.link("/oauth2/authorize");
    if let Ok(params) = &params
        && let Some(answer) = once_more(&request, &Visit::of(&context), here, params, body.len())
    {
        return answer;
    }
    answer(context, params.map_err(Failure::from)).await
}

async fn answer(context: Context, params: Result<Params, Failure>) -> HttpResponse {
    let visit = Visit::of(&context);
    let (app, visitor, info) = (context.app.clone(), visit.visitor.clone(), context.request_info());
    let params = match params {
        Ok(params) => params,
        Err(stop) => {
            return flow_error_page(&context, &context.problem(stop), &RestartOptions::default());
        }
    };
    if let Some(flow) = params.text("flow") {
        let restart = RestartOptions::of_sealed(&app, &flow);
        return match context.run(authorize::resume(app, flow, visitor, info)).await {
            Ok(done) => step(&context, &visit, done),
            Err(problem) => flow_error_page(&context, &problem, &restart),
        };
    }
    let request = RefusedRequest::of(&params);
    match context.run(authorize::begin(app, params, visitor, info)).await {
        Ok(done) => step(&context, &visit, done),
        Err(problem) => {
            let restart = RestartOptions::of_refused(&context.app, request);
            flow_error_page(&context, &problem, &restart)
        }
    }
}
