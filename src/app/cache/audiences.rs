//! The audiences of tokens, cached in every process.
//!
//! Owns the snapshot: an API and the secret it shares with the server are one value, so that neither is read
//! without the other. Also owns the purpose to which a sealed secret is bound.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::base::{Entropy, Secret, TimeSpan, Timestamp};
use crate::crypto::hs256::{GeneratedSecret, SharedSecret};
use crate::crypto::seal::{SealKey, Seals};
use crate::domain::api::Target;
use crate::domain::http_uri;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::SigningAlg;
use crate::domain::token_rules::TokenAlg;
use crate::store::apis::{SealedSecret, StoredApi};
use crate::store::{self, Link, Tx};

/// An API a token can be for, or the issuer itself.
pub struct Audience {
    /// The audience and the rules for its tokens.
    pub target: Target,
    /// The secret its tokens are signed with, if the rules require one.
    pub secret: Option<SharedSecret>,
    /// When its identifier was registered.
    pub name_since: Timestamp,
}

impl Audience {
    /// The issuer, whose identifier never belonged to another audience.
    #[must_use]
    pub const fn issuer() -> Self {
        Self { target: Target::Issuer, secret: None, name_since: Timestamp::from_millis(0) }
    }

    /// Since when it has its identifier, for the liveness rule.
    #[must_use]
    pub const fn since(&self) -> Timestamp {
        self.name_since
    }

    /// Whether an object that was issued for this identifier at `at` belongs to this API, and not to an earlier one
    /// of the same identifier.
    #[must_use]
    pub fn owned_name_at(&self, at: Timestamp) -> bool {
        self.name_since <= at
    }
}

/// The issuer and all registered APIs.
pub(in crate::app) struct Audiences {
    issuer: Arc<Audience>,
    apis: HashMap<String, Arc<Audience>>,
    by_id: HashMap<Uuid, Arc<Audience>>,
    /// The APIs by the normal form of their identifiers, if they have one.
    by_normal_form: HashMap<String, Vec<Arc<Audience>>>,
}

impl Audiences {
    /// Reads the APIs and unseals their secrets.
    pub(in crate::app) async fn load(link: &mut impl Link, seals: &Seals) -> Result<Self, Fault> {
        let (mut apis, mut by_id) = (HashMap::new(), HashMap::new());
        let mut by_normal_form: HashMap<String, Vec<Arc<Audience>>> = HashMap::new();
        for stored in store::apis::all(link).await? {
            let unreadable = || Fault::internal("the shared secret of an API cannot be unsealed");
            let secret = match stored.secret {
                None => None,
                Some(SealedSecret { kid, sealed }) => {
                    let bytes =
                        seals.open(&purpose(stored.id), &sealed).map_err(|_| unreadable())?;
                    Some(SharedSecret::new(kid, &bytes).ok_or_else(unreadable)?)
                }
            };
            let identifier = stored.api.identifier.clone();
            let target = Target::Api(stored.api);
            let name_since = stored.name_since;
            let audience = Arc::new(Audience { target, secret, name_since });
            if let Some(normal) = http_uri::normal_identifier(&identifier) {
                by_normal_form.entry(normal).or_default().push(Arc::clone(&audience));
            }
            by_id.insert(stored.id, Arc::clone(&audience));
            apis.insert(identifier, audience);
        }
        let issuer = Arc::new(Audience::issuer());
        Ok(Self { issuer, apis, by_id, by_normal_form })
    }

    /// The algorithms that were chosen for APIs.
    pub(in crate::app) fn algorithms(&self) -> impl Iterator<Item = SigningAlg> {
        self.apis.values().filter_map(|api| match api.target.rules().signing_alg {
            Some(TokenAlg::Key(alg)) => Some(alg),
            Some(TokenAlg::SharedSecret) | None => None,
        })
    }

    /// The longest lifetime of access tokens for any API; `server` is the default.
    pub(in crate::app) fn longest_access_ttl(&self, server: TimeSpan) -> TimeSpan {
        let chosen = self.apis.values().filter_map(|api| api.target.rules().access_ttl);
        chosen.fold(server, TimeSpan::max)
    }

    /// The API of this identifier; without one the issuer itself.
    pub(in crate::app) fn get(&self, identifier: Option<&str>) -> Option<Arc<Audience>> {
        match identifier {
            None => Some(Arc::clone(&self.issuer)),
            Some(identifier) => self.apis.get(identifier).cloned(),
        }
    }

    /// The API with this row id.
    pub(in crate::app) fn of_id(&self, id: Uuid) -> Option<Arc<Audience>> {
        self.by_id.get(&id).cloned()
    }

    /// The issuer, and all APIs in the order of their identifiers.
    pub(in crate::app) fn all(&self) -> Vec<Arc<Audience>> {
        let mut apis: Vec<_> = self.apis.values().cloned().collect();
        apis.sort_unstable_by(|one, other| one.target.audience().cmp(&other.target.audience()));
        std::iter::once(Arc::clone(&self.issuer)).chain(apis).collect()
    }

    /// The identifiers of the APIs that accept clients which describe themselves, sorted.
    pub(in crate::app) fn for_documents(&self) -> Vec<String> {
        let apis = self.apis.values().filter_map(|audience| match &audience.target {
            Target::Api(api) if api.documents => Some(api.identifier.clone()),
            Target::Api(_) | Target::Issuer => None,
        });
        let mut identifiers: Vec<String> = apis.collect();
        identifiers.sort_unstable();
        identifiers
    }

    /// Whether an API offers this scope.
    pub(in crate::app) fn is_offered(&self, scope: &str) -> bool {
        self.apis.values().any(|api| api.target.offers(scope))
    }

    /// The target of a request that names `named`: the API of this identifier or the `issuer`, else the only one of
    /// them whose identifier is another spelling of it.
    pub(in crate::app) fn named(&self, named: &str, issuer: &str) -> Option<Arc<Audience>> {
        if named == issuer {
            return Some(Arc::clone(&self.issuer));
        }
        if let Some(exact) = self.apis.get(named) {
            return Some(Arc::clone(exact));
        }
        let meant = http_uri::identifiers_meant(named);
        let apis = meant.iter().filter_map(|normal| self.by_normal_form.get(normal)).flatten();
        let own = http_uri::may_mean(named, issuer).then_some(&self.issuer);
        let mut candidates = apis.chain(own);
        match (candidates.next(), candidates.next()) {
            (Some(only), None) => Some(Arc::clone(only)),
            _ => None,
        }
    }
}

/// A new secret for the API with this row id: sealed, and in the clear to be shown once.
pub(in crate::app) fn new_secret(
    seal: &SealKey,
    entropy: &dyn Entropy,
    api: Uuid,
) -> Result<(SealedSecret, Secret<String>), Fault> {
    let made = GeneratedSecret::make(entropy);
    let sealed = seal_secret(seal, api, &made)?;
    Ok((sealed, made.spelt()))
}

/// A secret for the API with this row id, sealed.
pub(in crate::app) fn seal_secret(
    seal: &SealKey,
    api: Uuid,
    secret: &GeneratedSecret,
) -> Result<SealedSecret, Fault> {
    let sealed = seal.seal(&purpose(api), &*secret.bytes)?;
    Ok(SealedSecret { kid: secret.kid.clone(), sealed })
}

/// The secret of a stored API, if it has one.
pub(in crate::app) fn open_secret(
    seals: &Seals,
    stored: &StoredApi,
) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
    let Some(SealedSecret { sealed, .. }) = &stored.secret else { return Ok(None) };
    let opened = seals.open(&purpose(stored.id), sealed);
    let unreadable = |_| Fault::internal("the shared secret of an API cannot be unsealed");
    opened.map(Some).map_err(unreadable)
}

/// Seals every secret under the newest key.
pub(in crate::app) async fn rewrap(tx: &mut Tx, seals: &Seals) -> Result<(), Fault> {
    for stored in store::apis::all(tx).await? {
        let Some(SealedSecret { sealed, .. }) = stored.secret else { continue };
        let purpose = purpose(stored.id);
        let plain = seals.open(&purpose, &sealed).map_err(|_| {
            Fault::internal("a shared secret opens with neither master key; nothing was changed")
        })?;
        let sealed = seals.newest().seal(&purpose, &plain)?;
        store::apis::reseal_secret(tx, stored.id, &sealed).await?;
    }
    Ok(())
}

fn purpose(api: Uuid) -> String {
    format!("api-secret/v1/{api}")
}
