//! `/oauth2/userinfo` (OpenID Connect Core §5.3), and the three ways to send it a token (RFC 6750 §2, RFC 9449
//! §7.1). A token in the query is ignored: addresses end up in logs.

use actix_web::{HttpRequest, HttpResponse};

use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::Refusal;
use crate::http::body::Body;
use crate::http::context::Context;
use crate::http::extract::is_form;
use crate::oauth::params::{Params, invalid};
use crate::oauth::userinfo::{self, Presented};

use super::answer;
use super::body::{authorization, proof};
use super::error::{OAuthProblem, render};

/// The claims that the scopes of the token allow. Awaited on the HTTP thread: it only reads, and may be cancelled.
///
/// # Errors
/// RFC 6750 §3.1.
pub async fn userinfo(
    context: Context,
    request: HttpRequest,
    body: Body,
) -> Result<HttpResponse, OAuthProblem> {
    let body = body.0.map_err(|refusal| render(&context, refusal.into()))?;
    let presented = match presented(&request, &body) {
        Ok(Some(presented)) => presented,
        Ok(None) => {
            let message = "This needs an access token: Authorization: Bearer TOKEN.";
            let refusal = Refusal::oauth(OAuthError::InvalidToken, message);
            return Err(render(&context, refusal.into()).bare());
        }
        Err(refusal) => return Err(render(&context, refusal.into())),
    };
    let as_bound = presented.as_bound;
    let said = userinfo::userinfo(context.app.clone(), presented, context.now()).await;
    let said = said.map_err(|stop| render(&context, stop).of_bound(as_bound))?;
    Ok(answer(HttpResponse::Ok(), &said))
}

fn presented(request: &HttpRequest, body: &[u8]) -> Result<Option<Presented>, Refusal> {
    let method = if request.method() == actix_web::http::Method::POST { "POST" } else { "GET" };
    let in_body = if method == "POST" && is_form(request) {
        let params = Params::parse(body)?;
        params.once()?;
        params.text("access_token")
    } else {
        None
    };
    let proof = proof(request.headers())?;
    let header = authorization(request.headers())?;
    let (token, as_bound) = match (header, in_body) {
        (None, None) => return Ok(None),
        (Some(_), Some(_)) => {
            return Err(invalid("The access token was sent twice, by different methods."));
        }
        (None, Some(token)) => (token, false),
        (Some(header), None) => {
            let (scheme, token) = header.split_once(' ').unwrap_or((&header, ""));
            let bound = scheme.eq_ignore_ascii_case("dpop");
            if !bound && !scheme.eq_ignore_ascii_case("bearer") {
                return Ok(None);
            }
            (token.trim_matches(' ').to_owned(), bound)
        }
    };
    Ok(Some(Presented { token, as_bound, proof, method }))
}
