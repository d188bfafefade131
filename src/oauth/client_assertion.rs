//! Client assertions: a client authenticates with a token signed by its own key (RFC 7523).
//!
//! Owns the checks of its claims. The audience must be the issuer, unless the client is registered with another
//! policy: an assertion for the URL of an endpoint could have been made for another server that claims this
//! endpoint as its own (draft-ietf-oauth-rfc7523bis).

use serde_json::Value;

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::external_jwt::{ExternalJwt, public_key};
use crate::domain::client::{AssertionAudience, Client};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal, quotable};

use super::params::{Params, invalid};
use super::replay::{self, Counted};

/// The `client_assertion_type` of a JWT.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// The `client_assertion_type` of a JWT-SVID (draft-ietf-oauth-spiffe-client-auth §3.1), which is always a
/// token of another issuer.
const SPIFFE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe";
/// The path of the token endpoint.
const TOKEN_PATH: &str = "/oauth2/token";
/// The maximum time until an assertion expires.
const LONGEST: TimeSpan = TimeSpan::from_mins(60);
/// The accepted clock skew of a client.
const LEEWAY: TimeSpan = TimeSpan::from_secs(30);

/// An assertion with its claimed client, otherwise unchecked.
pub struct Assertion {
    /// The client that it claims to be from.
    pub client_id: String,
    /// The path of the endpoint that it was sent to.
    path: &'static str,
    token: String,
}

/// A token of another issuer, presented as a client assertion.
pub struct Foreign {
    /// The client that the request names.
    pub client_id: String,
    /// The token.
    pub token: String,
}

/// The workload token among the parameters of a request, if there is one. It needs the `client_id` parameter. A
/// token whose `iss` is the `client_id` is the client's own assertion instead.
pub fn foreign(params: &Params) -> Option<Foreign> {
    let kind = params.get("client_assertion_type")?;
    let (token, client_id) = (params.get("client_assertion")?, params.get("client_id")?);
    let jwt = ExternalJwt::read(token)?;
    let is_own = jwt.text("iss") == Some(client_id);
    let is_foreign = kind == SPIFFE || (kind == TYPE && !is_own);
    is_foreign.then(|| Foreign { client_id: client_id.to_owned(), token: token.to_owned() })
}

/// Reads the assertion among the parameters of a request to `path`.
///
/// # Errors
/// `invalid_request` if its type is unknown; `invalid_client` if it does not name exactly one client.
pub fn read(params: &Params, path: &'static str) -> Result<Assertion, Refusal> {
    if params.get("client_assertion_type") != Some(TYPE) {
        return Err(invalid("client_assertion_type is not supported."));
    }
    let token = params.required("client_assertion", "client_assertion is missing.")?;
    let refused = || {
        let message = "The client assertion is invalid: it must be a JWT signed by the client, and \
                       its iss and sub must be the client_id.";
        Refusal::oauth(OAuthError::InvalidClient, message)
    };
    let jwt = ExternalJwt::read(token).ok_or_else(refused)?;
    let client_id =
        jwt.text("sub").filter(|sub| jwt.text("iss") == Some(sub)).ok_or_else(refused)?;
    let named = params.get("client_id").is_none_or(|named| named == client_id);
    if !named {
        return Err(refused());
    }
    Ok(Assertion { client_id: client_id.to_owned(), path, token: token.to_owned() })
}

/// Checks the audience of the assertion by the policy of `client`.
///
/// # Errors
/// `invalid_client`, with the audience found and the expected one, neither of which is secret.
pub fn check_audience(client: &Client, assertion: &Assertion, issuer: &str) -> Result<(), Refusal> {
    let jwt = ExternalJwt::read(&assertion.token);
    let found = jwt.as_ref().and_then(|jwt| jwt.claims.get("aud"));
    let endpoints = [TOKEN_PATH, assertion.path].map(|path| format!("{issuer}{path}"));
    let (accepted, expected) = match client.metadata.assertion_audience {
        AssertionAudience::Issuer => (
            found.and_then(Value::as_str).is_some_and(|aud| aud == issuer),
            format!("the issuer, {issuer}, as a string"),
        ),
        AssertionAudience::Endpoint => (
            only_text(found).is_some_and(|aud| aud == issuer || endpoints.iter().any(|e| e == aud)),
            match &endpoints {
                [token, called] if token == called => format!("{issuer} or {token}"),
                [token, called] => format!("one of {issuer}, {token} and {called}"),
            },
        ),
    };
    if accepted {
        return Ok(());
    }
    let found = match found {
        None => "none".to_owned(),
        Some(Value::String(aud)) => quotable(aud),
        Some(Value::Array(list)) => {
            let texts: Vec<&str> = list.iter().filter_map(Value::as_str).collect();
            format!("the list [{}]", quotable(&texts.join(", ")))
        }
        Some(_) => "neither a string nor a list".to_owned(),
    };
    let message = format!(
        "The aud of the client assertion is not accepted. Found: {found}. Expected: {expected}."
    );
    Err(Refusal::oauth(OAuthError::InvalidClient, "").with_message(message))
}

/// A string, or the only string of an array.
fn only_text(value: Option<&Value>) -> Option<&str> {
    match value? {
        Value::String(text) => Some(text),
        Value::Array(list) => match list.as_slice() {
            [only] => only.as_str(),
            _ => None,
        },
        _ => None,
    }
}

/// Checks signature, times and single use of the assertion. `None` if it is invalid.
///
/// # Errors
/// If its use cannot be stored.
pub async fn check(
    app: &App,
    client: &Client,
    assertion: &Assertion,
    now: Timestamp,
) -> Result<Option<()>, Failure> {
    let Some(jwt) = ExternalJwt::read(&assertion.token) else { return Ok(None) };
    let Some((jti, expires)) = timely(&jwt, app.claim_time(now)) else { return Ok(None) };
    if !client.metadata.may_sign_with(jwt.alg) {
        return Ok(None);
    }
    let kid = jwt.header.get("kid");
    let signed = client.metadata.jwks.iter().any(|key| {
        let named = kid.is_none() || key.get("kid").is_none() || key.get("kid") == kid;
        named && jwt.uses_alg_of(key) && public_key(key).is_some_and(|key| jwt.is_by(&key))
    });
    if !signed {
        return Ok(None);
    }
    let counted = Counted::Assertion { client_id: &client.client_id, jti };
    let first = replay::spend(app, counted, expires).await?;
    Ok(first.then_some(()))
}

/// `jti` and expiry of an assertion, if its times are valid now.
fn timely<'a>(jwt: &'a ExternalJwt<'_>, now: Timestamp) -> Option<(&'a str, Timestamp)> {
    let typ = jwt.header.get("typ");
    let typed = typ.is_none_or(|typ| {
        typ.as_str().is_some_and(|typ| {
            typ.eq_ignore_ascii_case("JWT") || typ.eq_ignore_ascii_case("client-authentication+jwt")
        })
    });
    let jti = jwt.text("jti").filter(|jti| (1..=replay::MAX_ID).contains(&jti.len()))?;
    let expires = Timestamp::from_secs(jwt.time("exp")??);
    let not_later = |name| match jwt.time(name) {
        None => Some(true),
        Some(time) => time.map(|secs| Timestamp::from_secs(secs) <= now + LEEWAY),
    };
    let good = typed
        && expires + LEEWAY > now
        && expires <= now + LONGEST + LEEWAY
        && not_later("iat")?
        && not_later("nbf")?;
    good.then_some((jti, expires + LEEWAY))
}
