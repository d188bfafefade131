//! `/v1/forward-auth` and `/v1/ext-authz`: decide for a gateway whether a client's request may pass.
//!
//! Owns the form of each response for gateways and for the clients behind them.

mod question;

use std::sync::Arc;

use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use crate::app::cache::Audience;
use crate::domain::forward_auth::{HEADERS, Missing, role_list};
use crate::domain::outcome::{Code, Fault, Refusal, quotable};
use crate::domain::path_spelling::percent_encoded;
use crate::domain::signing_key::SigningAlg;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::oauth::forward_auth::{self, Denial, Identity, ROLES_CLAIM};

use question::{ApiName, Question};

/// For gateways that call one fixed address: its query names API, scopes and roles. Awaited on the HTTP thread: it
/// only reads, and may be cancelled.
///
/// # Errors
/// See `docs/gateways.md`.
pub async fn by_query(context: Context, request: HttpRequest) -> Result<HttpResponse, Problem> {
    answer(&context, &request, Question::of_query(request.query_string())).await
}

/// For gateways that append path and query of the request to their own address: both come from the client and are
/// ignored.
///
/// # Errors
/// See `docs/gateways.md`.
pub async fn by_path(context: Context, request: HttpRequest) -> Result<HttpResponse, Problem> {
    answer(&context, &request, Question::of_path(context.path())).await
}

async fn answer(
    context: &Context,
    request: &HttpRequest,
    asked: Result<Question, String>,
) -> Result<HttpResponse, Problem> {
    let asked = asked.map_err(|message| misconfigured(context, message))?;
    let audience = audience(context, &asked).await?;
    let presented =
        question::presented(request, context.facts.address, &context.app.config.trusted_proxies);
    let presented = presented.map_err(|refusal| context.problem(refusal.into()))?;
    let Some(presented) = presented else { return Err(no_token(context, &audience)) };
    let (requirement, now) = (&asked.requirement, context.now());
    let checked = forward_auth::check(&context.app, &audience, requirement, &presented, now).await;
    match checked.map_err(|stop| context.problem(stop))? {
        Ok(identity) => admitted(context, &identity),
        Err(denial) => Err(denied(context, &audience, &asked, denial)),
    }
}

/// The API that the operator named. Fails if a role is required and the tokens of the API contain no roles.
async fn audience(context: &Context, asked: &Question) -> Result<Arc<Audience>, Problem> {
    let app = &context.app;
    let found = match &asked.api {
        ApiName::Identifier(identifier) => app.audience_or_reload(Some(identifier)).await,
        ApiName::Id(id) => app.api_of_id_or_reload(*id).await,
    };
    let Some(audience) = found.map_err(|fault| context.problem(fault.into()))? else {
        let message = match &asked.api {
            ApiName::Identifier(identifier) => format!(
                "audience is \"{}\", which is not the identifier of a registered API. signet api list shows them.",
                quotable(identifier)
            ),
            ApiName::Id(id) => format!(
                "The first segment after /v1/ext-authz is {id}, which is not the id of an API. signet api list shows \
                 them."
            ),
        };
        return Err(misconfigured(context, message));
    };
    // An API with a shared secret could forge such a token, and Signet's response would make the forgery credible.
    if audience.secret.is_some() {
        let message = "The API shares a secret with this server and could forge its tokens. Use a key instead: \
                       signet api \
                       set IDENTIFIER --signing-alg ES256.";
        return Err(misconfigured(context, message.to_owned()));
    }
    if let Some(unknown) =
        asked.requirement.scopes.iter().find(|scope| !audience.target.offers(scope))
    {
        let message = format!(
            "The API does not offer the scope {unknown}, so no token has it. Correct the configuration of the \
             gateway, or of the API: signet \
             api set IDENTIFIER --scope {unknown}."
        );
        return Err(misconfigured(context, message));
    }
    let asks = audience.target.rules().has_claim(ROLES_CLAIM);
    if !asked.requirement.roles.is_empty() && !asks {
        let message =
            "role requires an API with the claim roles: signet api set IDENTIFIER --claim roles.";
        return Err(misconfigured(context, message.to_owned()));
    }
    Ok(audience)
}

/// The response to an error in the configuration of the gateway, which the operator has to correct.
fn misconfigured(context: &Context, message: String) -> Problem {
    context.app.warn_of_gateway(&message);
    context.problem(Refusal::new(Code::MalformedRequest, "").with_message(message).into())
}

fn no_token(context: &Context, audience: &Audience) -> Problem {
    let challenge = format!("Bearer {}", resource_metadata(context, audience));
    Problem::no_token(&context.facts.request_id).with_www_authenticate(challenge)
}

/// The URL from which clients learn which server issues tokens for the API (RFC 9728 §5.1).
fn resource_metadata(context: &Context, audience: &Audience) -> String {
    let identifier = percent_encoded(audience.target.audience().unwrap_or_default());
    let issuer = context.app.issuer();
    format!(r#"resource_metadata="{issuer}/v1/resource-metadata?audience={identifier}""#)
}

fn denied(context: &Context, audience: &Audience, asked: &Question, denial: Denial) -> Problem {
    let metadata = resource_metadata(context, audience);
    let (code, message, challenge) = match denial {
        Denial::Invalid(why) => invalid(why.as_str(), &metadata),
        Denial::Ended => {
            let message = "The access token is not valid here: its session has ended, its user or client is disabled \
                           or deleted, or it was revoked. See: signet token why.";
            let (code, _, challenge) = invalid("ended", &metadata);
            (code, message.to_owned(), challenge)
        }
        Denial::ProofRequired => {
            let algs: Vec<&str> = SigningAlg::ALL.iter().map(|alg| alg.as_str()).collect();
            let message = "The access token is bound to a key. Send it as Authorization: DPoP TOKEN with a proof of that \
                           key; the gateway has to be one of SIGNET_TRUSTED_PROXIES and to forward method and URL of the request.";
            let challenge = format!(
                r#"DPoP error="invalid_token", error_description="proof_required", algs="{}", {metadata}"#,
                algs.join(" ")
            );
            (Code::ProofRequired, message.to_owned(), Some(challenge))
        }
        Denial::Missing(Missing::Scope) => {
            let scope = asked.requirement.scopes.to_string();
            let message = format!("The access token does not have all of these scopes: {scope}.");
            let challenge =
                format!(r#"Bearer error="insufficient_scope", scope="{scope}", {metadata}"#);
            (Code::InsufficientScope, message, Some(challenge))
        }
        Denial::Missing(Missing::Role) => {
            let message = "The user has none of the required roles.".to_owned();
            (Code::RoleRequired, message, None)
        }
    };
    let problem = context.problem(Refusal::new(code, "").with_message(message).into());
    match challenge {
        Some(challenge) => problem.with_www_authenticate(challenge),
        None => problem,
    }
}

fn invalid(why: &str, metadata: &str) -> (Code, String, Option<String>) {
    let message = format!("The access token is not valid here: {why}. See docs/token-codes.");
    let challenge =
        format!(r#"Bearer error="invalid_token", error_description="{why}", {metadata}"#);
    (Code::InvalidToken, message, Some(challenge))
}

/// Every header is present, even if empty: the gateway overwrites the header of its client with it.
fn admitted(context: &Context, identity: &Identity) -> Result<HttpResponse, Problem> {
    let mut answer = HttpResponse::Ok();
    let roles = role_list(&identity.roles);
    let values =
        [&*identity.token, &*identity.subject, &*identity.client_id, &*identity.scope, &*roles];
    for (name, value) in HEADERS.into_iter().zip(values) {
        let value = HeaderValue::from_str(value).map_err(|error| {
            let fault = Fault::internal("a value for a gateway is no header").with_source(error);
            context.problem(fault.into())
        })?;
        answer.insert_header((HeaderName::from_static(name), value));
    }
    Ok(answer.finish())
}
