//! The signing keys in force, and the rendered JWKS.
//!
//! Owns the immutable snapshot with which requests sign, verify and publish. `domain::signing_key` decides the
//! states of keys.

use std::collections::HashMap;
use std::sync::Arc;

use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::base::Timestamp;
use crate::domain::claims::{TokenType, VerifiedClaims};
use crate::domain::key_rotation::KeyFacts;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::{KeyState, SigningAlg};

use super::digest::sha256_base64url;
use super::jwk::{Entry, PublicJwk};
use super::jwt::{Expected, Signer, SigningKey, UnverifiedHeader, VerifyingKey};

/// A key with its state.
pub struct StatedKey {
    /// The parsed key.
    pub key: Arc<SigningKey>,
    /// Its state.
    pub state: KeyState,
}

/// Bytes that are published under an entity tag.
#[derive(Clone)]
pub struct Document {
    /// The body; cheap to clone.
    pub body: Bytes,
    /// The strong entity tag with its quotes (RFC 9110 §8.8.3).
    pub etag: String,
}

impl Document {
    /// Computes the tag of `body` from its hash.
    #[must_use]
    pub fn new(body: Vec<u8>) -> Self {
        let etag = format!("\"{}\"", sha256_base64url(&body));
        Self { body: body.into(), etag }
    }
}

/// The keys in force.
pub struct Keyring {
    signers: HashMap<SigningAlg, Signer>,
    verifiers: HashMap<String, VerifyingKey>,
    keys: HashMap<String, Arc<SigningKey>>,
    default_alg: SigningAlg,
    /// The JWKS (RFC 7517 §5), rendered once.
    pub jwks: Document,
    /// When it changes next, if planned.
    pub next_change: Option<Timestamp>,
    /// When the next scheduled activation is due.
    pub next_order: Option<Timestamp>,
    /// Facts about the published keys, for the operator.
    pub facts: Vec<KeyFacts>,
}

#[derive(serde::Serialize)]
struct Jwks {
    keys: Vec<Entry>,
}

/// Why a bearer token is refused at Signet's own endpoints.
#[derive(Debug, Clone)]
pub enum TokenProblem {
    /// Any other reason.
    Invalid,
    /// Genuine, but expired.
    Expired(Box<VerifiedClaims>),
}

impl Keyring {
    /// Builds the snapshot: active keys first in the JWKS, the default algorithm before the others.
    ///
    /// # Errors
    /// Only when a key cannot be read.
    pub fn new(
        mut keys: Vec<StatedKey>,
        default_alg: SigningAlg,
        next_change: Option<Timestamp>,
    ) -> Result<Self, Fault> {
        keys.retain(|key| key.state.is_public());
        keys.sort_by_key(|key| (key.state != KeyState::Active, key.key.alg != default_alg));
        let mut entries = Vec::new();
        let mut verifiers = HashMap::new();
        let mut signers = HashMap::new();
        let mut parsed = HashMap::new();
        for StatedKey { key, state } in keys {
            entries.push(key.public.entry(&key.kid, key.alg));
            verifiers.insert(key.kid.clone(), VerifyingKey::new(key.alg, &key.public)?);
            parsed.insert(key.kid.clone(), Arc::clone(&key));
            if state == KeyState::Active {
                signers.entry(key.alg).or_insert_with(|| Signer::new(key));
            }
        }
        let body = serde_json::to_vec(&Jwks { keys: entries })
            .map_err(|error| Fault::internal("writing the JWKS").with_source(error))?;
        let jwks = Document::new(body);
        Ok(Self {
            signers,
            verifiers,
            keys: parsed,
            default_alg,
            jwks,
            next_change,
            next_order: None,
            facts: Vec::new(),
        })
    }

    /// The active key for `alg`; `None` if there is none.
    #[must_use]
    pub fn signer(&self, alg: SigningAlg) -> Option<&Signer> {
        self.signers.get(&alg)
    }

    /// Verifies an access token for `audience` at `now`, without leeway, because the same clock issued it.
    ///
    /// # Errors
    /// An expired token is reported separately, because log-out accepts it.
    pub fn verify_access(
        &self,
        token: &str,
        issuer: &str,
        audience: &str,
        now: Timestamp,
    ) -> Result<VerifiedClaims, TokenProblem> {
        // Never `JWT`: tokens for the issuer itself have one type, and no other token may pass for one.
        let expected = Expected { issuer, audience, typ: TokenType::AtJwt };
        let claims: VerifiedClaims = self.verify(token, &expected).ok_or(TokenProblem::Invalid)?;
        if claims.exp <= now.secs() {
            return Err(TokenProblem::Expired(Box::new(claims)));
        }
        Ok(claims)
    }

    /// The claims of a token that one of these keys signed, if it is as expected. Times are not checked.
    #[must_use]
    pub fn verify<T: DeserializeOwned>(&self, token: &str, expected: &Expected<'_>) -> Option<T> {
        let header = UnverifiedHeader::read(token)?;
        self.verifiers.get(&header.kid)?.verify(token, &header, expected)
    }

    /// Whether a key with this `kid` is published.
    #[must_use]
    pub fn knows(&self, kid: &str) -> bool {
        self.verifiers.contains_key(kid)
    }

    /// Signs and verifies once, for readiness.
    #[must_use]
    pub fn works(&self, issuer: &str, now: Timestamp) -> bool {
        let claims = serde_json::json!({
            "iss": issuer, "aud": issuer, "sub": "ready", "sid": "ready", "scope": "",
            "iat": now.secs(), "exp": now.secs() + 1,
        });
        let Some(signer) = self.signers.get(&self.default_alg) else { return false };
        signer
            .sign(TokenType::AtJwt, &claims)
            .is_ok_and(|token| self.verify_access(&token, issuer, issuer, now).is_ok())
    }

    /// The algorithms with an active key, in the order of their declaration.
    #[must_use]
    pub fn algorithms(&self) -> Vec<SigningAlg> {
        SigningAlg::ALL.iter().copied().filter(|alg| self.signers.contains_key(alg)).collect()
    }

    /// The parsed key `kid`, so that the next snapshot need not parse it again.
    #[must_use]
    pub fn parsed(&self, kid: &str) -> Option<Arc<SigningKey>> {
        self.keys.get(kid).cloned()
    }
}

/// The public JWK in its stored form.
#[must_use]
pub fn public_json(public: &PublicJwk) -> String {
    serde_json::to_string(public).unwrap_or_default()
}
