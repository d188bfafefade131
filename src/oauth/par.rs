//! Pushed authorization requests (RFC 9126): the client sends its request directly, and the browser carries
//! only its `request_uri`.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::app::App;
use crate::base::Timestamp;
use crate::base::entropy::random;
use crate::crypto::digest::token_hash;
use crate::domain::authorization::{PUSHED_REQUEST_LIFE, Request};
use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::store::{Tx, pushed_requests};

use super::authorize::request::address;
use super::client_auth::{self, Call};
use super::dpop::{self, Endpoint, Purpose};
use super::findings::note_refusal;
use super::params::{Params, invalid};
use super::rate_limits::throttle_public;
use super::scope_narrowing::count_dropped;
use super::security_profile;
use super::token::ClientRequest;

/// The longest request, in bytes; the same as for a URL.
const MAX_REQUEST: usize = 16 * 1024;

const PREFIX: &str = "urn:ietf:params:oauth:request_uri:";

/// The path of the endpoint.
const PATH: &str = "/oauth2/par";

/// The parameter with the thumbprint of a DPoP key.
const DPOP_JKT: &str = "dpop_jkt";

/// Parameters of client authentication, which are not part of the authorization request.
const PROOFS: &[&str] = &["client_secret", "client_assertion", "client_assertion_type"];

/// A request that was pushed.
pub struct Pushed {
    /// Its parameters, validated when it was pushed.
    pub request: Request,
    /// When it was pushed.
    pub at: Timestamp,
    /// Its unique id.
    pub id: [u8; 16],
}

/// The stored form: the validated request, in the same form as a sealed one, without unknown parameters.
#[derive(Serialize, Deserialize)]
struct Stored {
    at: Timestamp,
    request: Request,
}

/// Stores a request and returns its `request_uri`.
///
/// # Errors
/// The errors of the authorization endpoint; `invalid_client`; `invalid_dpop_proof`.
pub async fn push(app: App, request: ClientRequest, now: Timestamp) -> Result<String, Failure> {
    let ClientRequest { params, authorization, proof, origin, device } = request;
    let info = RequestInfo::new(origin, device, now);
    params.once()?;
    let client = client_auth::authenticate_client(
        &app,
        Call { path: PATH, authorization: authorization.as_deref() },
        &params,
        &info.origin,
        now,
    )
    .await?;
    throttle_public(&app, client.client(), RateLimit::PushedRequest, &info.origin)?;
    if params.get("request_uri").is_some() {
        return Err(invalid("A pushed request must not have a request_uri.").into());
    }
    let client_id = client.client().client_id.clone();
    let params = params.without(PROOFS).with("client_id", &client_id);
    let params = match proof {
        Some(proof) => bound(&app, client.client(), params, &proof, now).await?,
        None => params,
    };
    if params.encoded().len() > MAX_REQUEST {
        return Err(invalid("The request is longer than 16 KiB.").into());
    }
    let request = address(&app, params, PATH).await?.check(&app).await;
    note_refusal(&app, client.client(), PATH, &request);
    let request = request?;
    count_dropped(&app, client.client(), PATH, &request.dropped);
    let pushed = NewRequest::of(&app, request, now)?;
    app.transaction_or_nothing(&info, async |tx| Ok(pushed.insert(tx).await?)).await?;
    Ok(pushed.name)
}

/// A validated request that is to be stored.
pub(super) struct NewRequest {
    /// Its `request_uri`.
    pub name: String,
    client_id: String,
    stored: String,
    expires_at: Timestamp,
}

impl NewRequest {
    /// Generates the `request_uri` of `request`.
    ///
    /// # Errors
    /// If it cannot be serialised.
    pub fn of(app: &App, request: Request, now: Timestamp) -> Result<Self, Fault> {
        let client_id = request.client_id.clone();
        let request = Request { pushed: true, ..request };
        let stored = serde_json::to_string(&Stored { at: now, request })
            .map_err(|error| Fault::internal("writing a pushed request").with_source(error))?;
        let name = format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(random::<32>(&*app.entropy)));
        Ok(Self { name, client_id, stored, expires_at: now + PUSHED_REQUEST_LIFE })
    }

    /// Stores it.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub async fn insert(&self, tx: &mut Tx) -> Result<(), Fault> {
        let hash = token_hash(&self.name);
        pushed_requests::insert(tx, &hash, &self.client_id, &self.stored, self.expires_at).await
    }
}

/// The request, bound to the key that signed `proof` as if `dpop_jkt` named it (RFC 9449 §10.1).
async fn bound(
    app: &App,
    client: &Client,
    params: Params,
    proof: &str,
    now: Timestamp,
) -> Result<Params, Failure> {
    let purpose = Purpose { method: "POST", endpoint: Endpoint::Own(PATH), access_token: None };
    let proved = dpop::prove(app, proof, purpose, now).await?;
    security_profile::check_proof(client, Some(&proved))?;
    if params.get(DPOP_JKT).is_some_and(|named| named != proved.as_str()) {
        return Err(dpop::refused().into());
    }
    Ok(params.with(DPOP_JKT, proved.as_str()))
}

/// The pushed request that `params` name, if any.
///
/// # Errors
/// A refusal that is shown to the user when it is unknown or expired; faults.
pub(super) async fn resolve(
    app: &App,
    params: &Params,
    now: Timestamp,
) -> Result<Option<Pushed>, Failure> {
    let Some(name) = params.get("request_uri").filter(|name| name.starts_with(PREFIX)) else {
        return Ok(None);
    };
    let refused =
        || Refusal::oauth_because(OAuthError::InvalidRequestUri, Reason::PushedRequestOver);
    let client_id = params.get("client_id").ok_or_else(refused)?;
    let hash = token_hash(name);
    let stored = pushed_requests::find(&mut app.db.reader().await?, &hash, client_id, now).await?;
    // A request that was stored by another version may be unreadable. It would expire soon anyway.
    let Stored { at, request } =
        serde_json::from_str(&stored.ok_or_else(refused)?).map_err(|_| refused())?;
    let mut id = [0; 16];
    id.copy_from_slice(&hash.digest()[..16]);
    Ok(Some(Pushed { request, at, id }))
}
