//! Who a client is: authentication at the endpoints that clients call (RFC 6749 §2.3, RFC 7523).
//!
//! Owns the methods and the one answer to all that fail. Only [`authenticate_client`] makes an
//! [`AuthenticatedClient`], so nothing behind it can be reached without.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::app::App;
use crate::app::limits::Subject;
use crate::base::Timestamp;
use crate::base::opaque_token::{self, CLIENT_SECRET};
use crate::crypto::digest::{constant_time_eq, token_hash};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::client::{AuthMethod, Client};
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::metrics::Metrics;

use super::client_assertion::{self, Assertion};
use super::params::{Params, invalid};

/// The longest `Authorization` header that is looked at, in bytes.
const MAX_HEADER: usize = 4 * 1024;

/// A client that proved who it is, as far as its kind can.
#[derive(Debug, Clone)]
pub struct AuthenticatedClient(Arc<Client>);

impl AuthenticatedClient {
    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Arc<Client> {
        &self.0
    }
}

/// How a client presents itself.
enum Presented {
    /// By its name alone.
    Name { client_id: String },
    /// With a secret.
    Secret { client_id: String, secret: String, method: AuthMethod },
    /// With a token it made.
    Assertion(Assertion),
}

impl Presented {
    fn client_id(&self) -> &str {
        match self {
            Self::Name { client_id } | Self::Secret { client_id, .. } => client_id,
            Self::Assertion(assertion) => &assertion.client_id,
        }
    }
}

/// The one answer to an unknown client, a wrong secret and a bad assertion.
fn refused() -> Refusal {
    Refusal::oauth(OAuthError::InvalidClient, "The client is unknown or did not prove who it is.")
}

/// Authenticates the client of a request: by its `Authorization` header, or by its parameters.
///
/// # Errors
/// `invalid_client`, the same for an unknown client and a wrong secret; `invalid_request` when it is
/// said twice how; too many attempts, for a request that failed, from one network.
pub async fn authenticate_client(
    app: &App,
    authorization: Option<&str>,
    params: &Params,
    origin: &Origin,
    now: Timestamp,
) -> Result<AuthenticatedClient, Failure> {
    let presented = present(authorization, params, app.issuer());
    let named = presented.as_ref().ok().and_then(|presented| app.client(presented.client_id()));
    let outcome = match presented {
        Ok(presented) => check(app, presented, now).await,
        Err(refusal) => Err(refusal.into()),
    };
    if let Err(Failure::Refused(refusal)) = &outcome
        && refusal.oauth == Some(OAuthError::InvalidClient)
    {
        count_failure(app, named.as_deref(), origin)?;
        record(app, named.as_deref(), origin, now).await?;
    }
    outcome.map(AuthenticatedClient)
}

/// Counts a failure for the network and the registered client that was named; names that no client has are
/// counted together. The credential is checked first, always: a client that authenticates is not held up
/// by failures, and a failure beyond the limit is answered 429 and leaves no trace.
///
/// # Errors
/// Too many failures.
fn count_failure(app: &App, named: Option<&Client>, origin: &Origin) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let purpose = RateLimit::ClientAuth;
    let client_id = named.map_or("", |client| &client.client_id);
    let taken = app.address_limiter.take(Subject::named(purpose, origin.address, client_id));
    taken.map_err(|wait| {
        Metrics::count(&app.metrics.limited, purpose.as_str());
        let message = "Too many failed attempts. Wait, then try again.";
        Refusal::new(Code::TooManyAttempts, message).retry_after(wait)
    })
}

/// Records a failure: one row a minute for each client and network, and one for all that name no client
/// there is, so that failures cannot fill the disk.
async fn record(
    app: &App,
    named: Option<&Client>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), Failure> {
    let client_id = named.map_or("", |client| &client.client_id);
    let minute = now.secs().div_euclid(60).to_be_bytes();
    let address = origin.address.map_or_else(String::new, |address| address.to_string());
    let parts: [&[u8]; 3] = [client_id.as_bytes(), address.as_bytes(), &minute];
    let fold = app.pseudonyms.of("audit/client.auth_failed", &parts);
    let mut event = Event::new(EventKind::ClientAuthFailed).folded(fold);
    event.detail = named.map(|client| client.client_id.clone());
    let info = RequestInfo::without_device(origin.clone(), now);
    app.transaction_or_nothing(&info, async |tx| Ok(tx.record(&event).await?)).await
}

fn present(
    authorization: Option<&str>,
    params: &Params,
    issuer: &str,
) -> Result<Presented, Refusal> {
    let asserted = params.get("client_assertion").or(params.get("client_assertion_type")).is_some();
    let secret = params.get("client_secret");
    let ways = usize::from(authorization.is_some())
        + usize::from(asserted)
        + usize::from(secret.is_some());
    if ways > 1 {
        return Err(invalid("The client authenticates in more than one way."));
    }
    if let Some(header) = authorization {
        let (client_id, secret) = basic(header).ok_or_else(refused)?;
        if params.get("client_id").is_some_and(|named| named != client_id) {
            return Err(invalid("client_id names another client than the Authorization header."));
        }
        return Ok(Presented::Secret { client_id, secret, method: AuthMethod::Basic });
    }
    if asserted {
        return client_assertion::read(params, issuer).map(Presented::Assertion);
    }
    // A client that says nothing about itself is one that did not authenticate (RFC 6749 §5.2).
    let client_id = params.text("client_id").ok_or_else(refused)?;
    Ok(match secret {
        Some(secret) => {
            let (secret, method) = (secret.to_owned(), AuthMethod::Post);
            Presented::Secret { client_id, secret, method }
        }
        None => Presented::Name { client_id },
    })
}

/// Id and secret of a Basic header. Both are form-encoded inside it (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || header.len() > MAX_HEADER {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_matches(' ')).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let (id, secret) = (form_decoded(id)?, form_decoded(secret)?);
    (!id.is_empty() && !secret.is_empty()).then_some((id, secret))
}

/// One value of the form encoding. An ampersand or an equals sign stands for itself here.
fn form_decoded(text: &str) -> Option<String> {
    let escaped = text.replace('&', "%26").replace('=', "%3D");
    let mut pairs = url::form_urlencoded::parse(escaped.as_bytes());
    match (pairs.next(), pairs.next()) {
        (None, _) => Some(String::new()),
        (Some((value, _)), None) => Some(value.into_owned()),
        _ => None,
    }
}

async fn check(app: &App, presented: Presented, now: Timestamp) -> Result<Arc<Client>, Failure> {
    match presented {
        Presented::Name { client_id } => {
            let client = app.client_or_reload(&client_id).await?.ok_or_else(refused)?;
            if client.is_public() { Ok(client) } else { Err(refused().into()) }
        }
        Presented::Secret { client_id, secret, method } => {
            if let Some(client) = right(app.client(&client_id), &secret, method) {
                return Ok(client);
            }
            // Perhaps another process has given it a new secret within the last second. Asked for a
            // stranger as well: the answer takes as long.
            app.reload_if_changed().await?;
            Ok(right(app.client(&client_id), &secret, method).ok_or_else(refused)?)
        }
        Presented::Assertion(assertion) => {
            let client = app.client_or_reload(&assertion.client_id).await?.ok_or_else(refused)?;
            if client.metadata.auth_method != AuthMethod::PrivateKeyJwt {
                return Err(refused().into());
            }
            client_assertion::check(app, &client, &assertion, now).await?.ok_or_else(refused)?;
            Ok(client)
        }
    }
}

/// The client, if the secret is one of its own and sent as it registered. Hashed and compared
/// whoever it is.
fn right(client: Option<Arc<Client>>, secret: &str, method: AuthMethod) -> Option<Arc<Client>> {
    let hash = token_hash(secret);
    let known = client.as_deref().map_or(&[][..], |client| &client.secrets);
    // Every secret is compared, whichever fits.
    let fits =
        known.iter().fold(false, |fits, known| fits | constant_time_eq(&known.hash, hash.digest()));
    let spelt = opaque_token::is_well_formed(CLIENT_SECRET, secret);
    client.filter(|client| fits && spelt && client.metadata.auth_method == method)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_basic_header_holds_two_form_encoded_texts() {
        let header = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let both = |text: &str| basic(&header(text));
        let is = |id: &str, secret: &str| Some((id.to_owned(), secret.to_owned()));
        assert_eq!(both("app:secret"), is("app", "secret"));
        assert_eq!(both("a%3Ab:s%25+%3A%C3%BC"), is("a:b", "s% :\u{fc}"));
        assert_eq!(both("app:a:b"), is("app", "a:b"));
        assert_eq!(both("app:a&b=c"), is("app", "a&b=c"));
        for bad in ["app", ":secret", "app:", ""] {
            assert_eq!(both(bad), None, "{bad}");
        }
        assert_eq!(basic("bAsIc YTpi"), is("a", "b"));
        for bad in ["Basic", "Basic !", "Bearer YTpi", "Basic YTpi=", "Basic /w=="] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }
}
