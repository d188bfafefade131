//! `/consent`: a user gives or denies consent to a client or a device.

use crate::domain::outcome::Refusal;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::oauth::consent;
use crate::oauth::restart::RestartOptions;

use super::page_error::{OrErrorPage, PageResult};
use super::pending_page::{open, unusable};
use super::render;

/// Handles the decision of the user.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let mut form = form.or_restart_page(&context, &RestartOptions::default())?;
    let visit = Visit::of(&context);
    let sealed = open(&context, &visit, form.take("flow"));
    let request = sealed.map_err(|error| unusable(&context, error))?.request;
    let restart = RestartOptions::of(&context.app, &request);
    let decision = context.check(decision(&form.take("decision")));
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let allow = decision.as_ref().ok().copied();
    let work = consent::decide(app, request, allow, cookies, context.request_info());
    let step = context.run(work).await.or_restart_page(&context, &restart)?;
    Ok(render::step_after(&context, &visit, step, decision.err().as_ref()))
}

/// Parses the decision; only these two values are accepted.
pub(super) fn decision(typed: &str) -> Result<bool, Refusal> {
    match typed {
        "allow" => Ok(true),
        "deny" => Ok(false),
        _ => Err(Refusal::field(
            "decision",
            "unknown",
            "Choose one of the two buttons: allow or deny.",
        )),
    }
}
