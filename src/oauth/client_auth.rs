//! Client authentication at the endpoints that clients call (RFC 6749 §2.3, RFC 7523).
//!
//! Owns the methods and the refusals. An unknown client and a wrong credential get the same refusal; a client that
//! uses another method than its registered one is told which one it is, before its credential is checked. Only
//! [`authenticate_client`] creates an [`AuthenticatedClient`].

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::app::App;
use crate::app::limits::Subject;
use crate::base::Timestamp;
use crate::crypto::digest::{constant_time_eq, token_hash};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::client::{AuthMethod, BUILT_IN, Client, ClientMetadata, ClientType};
use crate::domain::client_finding::FindingCode;
use crate::domain::grant_type::GrantInfo;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::metrics::Metrics;

use super::client_assertion::{self, Assertion};
use super::findings::note_code;
use super::params::{Params, invalid};
use super::workload;

/// The longest accepted `Authorization` header, in bytes.
const MAX_HEADER: usize = 4 * 1024;

/// The endpoint of a request, and its `Authorization` header.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// The path of the endpoint.
    pub path: &'static str,
    /// The `Authorization` header, if the request has one.
    pub authorization: Option<&'a str>,
}

/// A client that has authenticated. A public client has no credential, and is only identified.
#[derive(Debug, Clone)]
pub struct AuthenticatedClient {
    client: Arc<Client>,
    not_after: Option<Timestamp>,
}

impl AuthenticatedClient {
    /// The built-in client, for grants to a user's own key, in which no application takes part.
    pub(super) fn built_in(app: &App, grant: GrantInfo) -> Self {
        let name = app.config.brand.name.clone();
        let mut metadata = ClientMetadata::new(name, ClientType::Native, &[]);
        metadata.grant_types = vec![grant.name.to_owned()];
        let since = Timestamp::from_millis(0);
        let client = Arc::new(Client::new(BUILT_IN.to_owned(), metadata, since));
        Self { client, not_after: None }
    }

    /// A client whose authentication does not expire.
    const fn of(client: Arc<Client>) -> Self {
        Self { client, not_after: None }
    }

    /// The client that a workload has authenticated as, with a token that expires at `expires`.
    pub(super) const fn of_workload(client: Arc<Client>, expires: Timestamp) -> Self {
        Self { client, not_after: Some(expires) }
    }

    /// The client.
    #[must_use]
    pub const fn client(&self) -> &Arc<Client> {
        &self.client
    }

    /// The latest expiry of a token that the client gets in its own name.
    #[must_use]
    pub const fn not_after(&self) -> Option<Timestamp> {
        self.not_after
    }
}

/// Whether a request neither names nor authenticates a client.
pub(super) fn names_no_client(authorization: Option<&str>, params: &Params) -> bool {
    let names = ["client_id", "client_secret", "client_assertion", "client_assertion_type"];
    authorization.is_none() && names.iter().all(|name| params.get(name).is_none())
}

/// The credential of a client.
enum Presented {
    /// Only its `client_id`.
    Name { client_id: String },
    /// With a secret.
    Secret { client_id: String, secret: String, method: AuthMethod },
    /// A token that the client has signed.
    Assertion(Assertion),
    /// A token that another issuer has signed.
    Workload { client_id: String, token: String },
}

impl Presented {
    fn client_id(&self) -> &str {
        match self {
            Self::Name { client_id }
            | Self::Secret { client_id, .. }
            | Self::Workload { client_id, .. } => client_id,
            Self::Assertion(assertion) => &assertion.client_id,
        }
    }

    /// The authentication method, if it is one that clients are registered with. Workload tokens are not.
    const fn method(&self) -> Option<AuthMethod> {
        match self {
            Self::Name { .. } => Some(AuthMethod::None),
            Self::Secret { method, .. } => Some(*method),
            Self::Assertion(_) => Some(AuthMethod::PrivateKeyJwt),
            Self::Workload { .. } => None,
        }
    }
}

/// The refusal of an unknown client, a wrong secret and an invalid assertion alike.
fn refused() -> Refusal {
    let message = "Client authentication failed: the client is unknown or disabled, or its \
                   credential is wrong.";
    Refusal::oauth(OAuthError::InvalidClient, message)
}

/// The refusal of a method that `client` is not registered for. It is independent of the credential, so it does
/// not reveal whether that was right.
fn wrong_method(client: &Client) -> Refusal {
    let pinned = client.metadata.pins_auth_method();
    let message = match client.metadata.auth_method {
        AuthMethod::None => {
            "This client is registered as a public client (none): it sends client_id and no secret."
        }
        AuthMethod::Basic | AuthMethod::Post if !pinned => {
            "This client is registered for client_secret_basic and client_secret_post."
        }
        AuthMethod::Basic => "This client is registered for client_secret_basic only.",
        AuthMethod::Post => "This client is registered for client_secret_post only.",
        AuthMethod::PrivateKeyJwt => "This client is registered for private_key_jwt only.",
    };
    Refusal::oauth(OAuthError::InvalidClient, message)
}

/// Authenticates the client of a request, by its `Authorization` header or its parameters.
///
/// # Errors
/// `invalid_client`, the same for an unknown client and a wrong secret; `invalid_request` if there
/// are two credentials; too many attempts, for a failed request from one network.
pub async fn authenticate_client(
    app: &App,
    call: Call<'_>,
    params: &Params,
    origin: &Origin,
    now: Timestamp,
) -> Result<AuthenticatedClient, Failure> {
    let presented = present(call, params);
    let method = presented.as_ref().ok().and_then(Presented::method);
    let named = presented.as_ref().ok().and_then(|presented| app.client(presented.client_id()));
    let outcome = match presented {
        Ok(Presented::Workload { client_id, token }) => {
            by_workload(app, &client_id, (&token, call.path), origin, now).await
        }
        Ok(presented) => check(app, presented, now).await.map(AuthenticatedClient::of),
        Err(refusal) => Err(refusal.into()),
    };
    if let Err(Failure::Refused(refusal)) = &outcome
        && refusal.oauth == Some(OAuthError::InvalidClient)
    {
        count_failure(app, named.as_deref(), origin)?;
        if let (Some(client), Some(method)) = (&named, method) {
            note_code(app, client, call.path, (failure(client, method), method.as_str()));
        }
        record(app, named.as_deref(), origin, now).await?;
    }
    outcome
}

/// Counts and records a failure of `named`, or of an unknown client.
///
/// # Errors
/// Too many failures; faults.
pub(super) async fn note_failure(
    app: &App,
    named: Option<&Client>,
    origin: &Origin,
    now: Timestamp,
) -> Result<(), Failure> {
    count_failure(app, named, origin)?;
    record(app, named, origin, now).await
}

/// Authenticates a client by a workload token.
async fn by_workload(
    app: &App,
    client_id: &str,
    presented: (&str, &'static str),
    origin: &Origin,
    now: Timestamp,
) -> Result<AuthenticatedClient, Failure> {
    let client = app.client_or_reload(client_id).await?.ok_or_else(refused)?;
    let matched = workload::authenticate(app, &client, presented, now).await?;
    let matched = matched.ok_or_else(refused)?;
    matched.record(app, &client, origin, now).await?;
    Ok(AuthenticatedClient::of_workload(client, matched.expires))
}

/// Why the authentication of `client` failed, for a finding.
fn failure(client: &Client, method: AuthMethod) -> FindingCode {
    match method {
        method if !client.metadata.may_authenticate_with(method) => FindingCode::WrongMethod,
        AuthMethod::PrivateKeyJwt => FindingCode::AssertionRefused,
        _ => FindingCode::WrongSecret,
    }
}

/// Counts a failure for the network and the named client; unknown names are counted together. The credential is
/// always checked first: failures do not block a client that authenticates. A failure beyond the limit is
/// answered with 429 and not recorded.
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

/// Records a failure: one row per minute for each client and network, and one for all unknown clients, so that
/// failures cannot fill the disk.
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
    if let Some(client) = named {
        event = event.for_client(&*client.client_id).detail(&*client.client_id);
    }
    let info = RequestInfo::without_device(origin.clone(), now);
    app.transaction_or_nothing(&info, async |tx| Ok(tx.record(&event).await?)).await
}

fn present(call: Call<'_>, params: &Params) -> Result<Presented, Refusal> {
    let Call { path, authorization } = call;
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
        // Some libraries send a header for public clients too, with an empty secret.
        return Ok(match secret.is_empty() {
            true => Presented::Name { client_id },
            false => Presented::Secret { client_id, secret, method: AuthMethod::Basic },
        });
    }
    if let Some(workload) = client_assertion::foreign(params) {
        return Ok(Presented::Workload { client_id: workload.client_id, token: workload.token });
    }
    if asserted {
        return client_assertion::read(params, path).map(Presented::Assertion);
    }
    // A request that names no client did not authenticate one (RFC 6749 §5.2).
    let client_id = params.text("client_id").ok_or_else(refused)?;
    Ok(match secret {
        Some(secret) => {
            let (secret, method) = (secret.to_owned(), AuthMethod::Post);
            Presented::Secret { client_id, secret, method }
        }
        None => Presented::Name { client_id },
    })
}

/// Id and secret of a Basic header; the secret may be empty. Both are form-encoded inside it
/// (RFC 6749 §2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, encoded) = header.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") || header.len() > MAX_HEADER {
        return None;
    }
    let decoded = STANDARD.decode(encoded.trim_matches(' ')).ok()?;
    let decoded = String::from_utf8(decoded).ok()?;
    let (id, secret) = decoded.split_once(':')?;
    let (id, secret) = (form_decoded(id)?, form_decoded(secret)?);
    (!id.is_empty()).then_some((id, secret))
}

/// One form-encoded value, in which an ampersand or an equals sign is literal.
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
            if client.is_public() { Ok(client) } else { Err(wrong_method(&client).into()) }
        }
        Presented::Secret { client_id, secret, method } => {
            if let Some(client) = right(app.client(&client_id), &secret, method) {
                return Ok(client);
            }
            // Another process may have changed its secret or method within the last second. Done for unknown
            // clients too, so that the response takes the same time.
            app.reload_for_unknown().await?;
            let client = app.client(&client_id);
            let other = client.clone().filter(|one| !one.metadata.may_authenticate_with(method));
            match right(client, &secret, method) {
                Some(client) => Ok(client),
                None => Err(other.map_or_else(refused, |client| wrong_method(&client)).into()),
            }
        }
        // `authenticate_client` handles workload tokens.
        Presented::Workload { .. } => Err(refused().into()),
        Presented::Assertion(assertion) => {
            let client = app.client_or_reload(&assertion.client_id).await?.ok_or_else(refused)?;
            if client.metadata.auth_method != AuthMethod::PrivateKeyJwt {
                return Err(wrong_method(&client).into());
            }
            client_assertion::check_audience(&client, &assertion, app.issuer())?;
            client_assertion::check(app, &client, &assertion, now).await?.ok_or_else(refused)?;
            Ok(client)
        }
    }
}

/// The client, if the secret is right and its method is allowed. The secret is hashed and compared for unknown
/// clients as well, to take the same time.
fn right(client: Option<Arc<Client>>, secret: &str, method: AuthMethod) -> Option<Arc<Client>> {
    let hash = token_hash(secret);
    let known = client.as_deref().map_or(&[][..], |client| &client.secrets);
    // Compares every secret, in constant time.
    let fits =
        known.iter().fold(false, |fits, known| fits | constant_time_eq(&known.hash, hash.digest()));
    client.filter(|client| fits && client.metadata.may_authenticate_with(method))
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
        assert_eq!(both("app:"), is("app", ""));
        for bad in ["app", ":secret", ":", ""] {
            assert_eq!(both(bad), None, "{bad}");
        }
        assert_eq!(basic("bAsIc YTpi"), is("a", "b"));
        for bad in ["Basic", "Basic !", "Bearer YTpi", "Basic YTpi=", "Basic /w=="] {
            assert_eq!(basic(bad), None, "{bad}");
        }
    }
}
