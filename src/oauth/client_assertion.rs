//! Client assertions: a client proves who it is with a token signed by its own key (RFC 7523).
//!
//! Owns what such a token must say. Its only audience is the issuer: one that another server could
//! have been given is worth nothing here.

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::external_jwt::{ExternalJwt, public_key};
use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal};

use super::params::{Params, invalid};
use super::replay::{self, Counted};

/// The only `client_assertion_type`.
const TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
/// How far ahead the end of an assertion may lie.
const LONGEST: TimeSpan = TimeSpan::from_mins(60);
/// How far a client's clock may be off.
const LEEWAY: TimeSpan = TimeSpan::from_secs(30);

/// An assertion whose claims fit; its signature is still to be checked.
pub struct Assertion {
    /// The client it speaks for.
    pub client_id: String,
    token: String,
}

/// Reads the assertion among the parameters.
///
/// # Errors
/// `invalid_request` when it is of no known kind; `invalid_client` when it does not speak for one
/// client to this issuer.
pub fn read(params: &Params, issuer: &str) -> Result<Assertion, Refusal> {
    if params.get("client_assertion_type") != Some(TYPE) {
        return Err(invalid("client_assertion_type is none that is supported."));
    }
    let token = params.required("client_assertion", "client_assertion is missing.")?;
    let refused = || {
        let message =
            "The client assertion is not good: iss and sub are the client_id, aud is the issuer.";
        Refusal::oauth(OAuthError::InvalidClient, message)
    };
    let jwt = ExternalJwt::read(token).ok_or_else(refused)?;
    let client_id =
        jwt.text("sub").filter(|sub| jwt.text("iss") == Some(sub)).ok_or_else(refused)?;
    let named = params.get("client_id").is_none_or(|named| named == client_id);
    if jwt.text("aud") != Some(issuer) || !named {
        return Err(refused());
    }
    Ok(Assertion { client_id: client_id.to_owned(), token: token.to_owned() })
}

/// Whether `client` made the assertion, now and for the first time. None when not.
///
/// # Errors
/// When it cannot be written down that it came.
pub async fn check(
    app: &App,
    client: &Client,
    assertion: &Assertion,
    now: Timestamp,
) -> Result<Option<()>, Failure> {
    let Some(jwt) = ExternalJwt::read(&assertion.token) else { return Ok(None) };
    let Some((jti, expires)) = timely(&jwt, now) else { return Ok(None) };
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

/// The id of an assertion whose time is now, and until when it counts.
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
