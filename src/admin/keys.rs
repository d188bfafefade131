//! Listing signing keys.

use serde_json::Value;

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::jwk::PublicJwk;
use crate::crypto::spki;
use crate::domain::key_rotation::{Fetch, KeyFacts, Policy};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::store::keys::{self, StoredKey};
use crate::store::verifiers::SeenVerifier;

use super::verifiers::{self, write_verifiers};

/// A signing key without its private half.
#[derive(Debug, Clone, serde::Serialize)]
pub struct PublicKey {
    /// Its `kid`.
    pub kid: String,
    /// Its signature algorithm.
    pub alg: SigningAlg,
    /// Its state.
    pub state: KeyState,
    /// When it entered that state.
    #[serde(serialize_with = "as_rfc3339")]
    pub since: Timestamp,
    /// When it was created.
    #[serde(serialize_with = "as_rfc3339")]
    pub created_at: Timestamp,
    /// Whether it signs access tokens for APIs that set no algorithm of their own.
    pub default: bool,
    /// The next planned stage, if any.
    pub next: Option<NextStage>,
    /// Which known verifiers hold it; `None` for a key that is not published.
    pub verifiers: Option<Holders>,
}

/// The next stage of a key.
#[derive(Debug, Clone, serde::Serialize)]
pub struct NextStage {
    /// The next state: `successor`, `active` or `retired`.
    pub what: &'static str,
    /// The earliest time.
    #[serde(serialize_with = "as_rfc3339")]
    pub at: Timestamp,
    /// Whether it may wait for verifiers beyond that time.
    pub waits_for_verifiers: bool,
}

/// The verifiers that have fetched a key.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Holders {
    /// How many verifiers fetched keys within a week.
    pub known: usize,
    /// How many of them have fetched the keys since this one was published.
    pub holding: usize,
    /// The others, those absent longest first; at most twenty.
    pub missing: Vec<Missing>,
}

/// A verifier that has not fetched a key.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Missing {
    /// Its name, or its user agent and address.
    pub name: String,
    /// When it last fetched the keys.
    #[serde(serialize_with = "as_rfc3339")]
    pub last_fetch_at: Timestamp,
}

/// The most missing verifiers that are named.
const NAMED: usize = 20;

fn as_rfc3339<S: serde::Serializer>(at: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&at.rfc3339())
}

/// Every signing key, oldest first.
///
/// # Errors
/// Only faults.
pub async fn list(app: App, now: Timestamp) -> Result<Vec<PublicKey>, Failure> {
    write_verifiers(&app, now).await?;
    let seen = verifiers::known(&app, now).await?;
    let stored = keys::signing_keys(&mut app.db.reader().await?).await?;
    let policy = app.key_policy();
    let all: Vec<KeyFacts> = stored.iter().map(|key| key.facts.clone()).collect();
    let key = |key: StoredKey| {
        let facts = key.facts;
        PublicKey {
            default: facts.alg == app.config.signing_alg && facts.state == KeyState::Active,
            next: next_stage(&facts, &all, &policy, now),
            verifiers: facts.state.is_public().then(|| holders(&facts, &seen)),
            kid: facts.kid,
            alg: facts.alg,
            state: facts.state,
            since: facts.since,
            created_at: key.created_at,
        }
    };
    Ok(stored.into_iter().map(key).collect())
}

fn next_stage(
    key: &KeyFacts,
    all: &[KeyFacts],
    policy: &Policy,
    now: Timestamp,
) -> Option<NextStage> {
    let (what, at) = match key.state {
        KeyState::Active => ("successor", key.succession_at(all, policy)?),
        KeyState::Published => ("active", key.may_sign_at(policy)),
        KeyState::Retiring => ("retired", key.goes_at(policy)),
        KeyState::Retired => return None,
    };
    let waits_for_verifiers = key.state == KeyState::Published && now >= at;
    Some(NextStage { what, at, waits_for_verifiers })
}

fn holders(key: &KeyFacts, seen: &[SeenVerifier]) -> Holders {
    let lacks = |verifier: &&SeenVerifier| !key.is_held_by(Fetch(verifier.last_fetch_at));
    let lacking: Vec<&SeenVerifier> = seen.iter().filter(lacks).collect();
    let missing = |verifier: &&SeenVerifier| Missing {
        name: verifier.name.clone(),
        last_fetch_at: verifier.last_fetch_at,
    };
    Holders {
        known: seen.len(),
        holding: seen.len() - lacking.len(),
        missing: lacking.iter().take(NAMED).map(missing).collect(),
    }
}

/// A key as it is published.
#[derive(Debug, Clone)]
pub struct Published {
    /// Its signature algorithm.
    pub alg: SigningAlg,
    /// Its entry in the JWKS.
    pub jwk: Value,
    /// Its SubjectPublicKeyInfo as PEM (RFC 7468 §13), one block with its final newline.
    pub pem: String,
}

/// The JWKS, byte for byte as it is published.
#[must_use]
pub fn jwks(app: &App) -> String {
    String::from_utf8_lossy(&app.keyring().jwks.body).into_owned()
}

/// The published keys one by one, in the order of the JWKS.
///
/// They come from the published document, which is built from the unsealed keys. The public columns of the database
/// are not authenticated, and a verifier must not be given a key that Signet does not hold.
///
/// # Errors
/// Only faults.
pub fn published(app: &App) -> Result<Vec<Published>, Fault> {
    let unreadable = || Fault::internal("reading the published keys");
    let document: Value = serde_json::from_str(&jwks(app)).map_err(|_| unreadable())?;
    let entries = document.get("keys").and_then(Value::as_array).ok_or_else(unreadable)?;
    entries
        .iter()
        .map(|entry| {
            let alg = entry.get("alg").and_then(Value::as_str).and_then(|alg| alg.parse().ok());
            let jwk =
                serde_json::from_value::<PublicJwk>(entry.clone()).map_err(|_| unreadable())?;
            Ok(Published {
                alg: alg.ok_or_else(unreadable)?,
                jwk: entry.clone(),
                pem: spki::pem(&jwk)?,
            })
        })
        .collect()
}
