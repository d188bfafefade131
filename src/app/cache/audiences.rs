//! Whom tokens can be for, as every process keeps them in memory.
//!
//! Owns the snapshot: an API and the secret it shares with the server are one value, so that nobody
//! sees the one without the other. Also owns which purpose a sealed secret is bound to.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::base::{Entropy, Secret, TimeSpan};
use crate::crypto::hs256::{GeneratedSecret, SharedSecret};
use crate::crypto::seal::{SealKey, Seals};
use crate::domain::api::Target;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::SigningAlg;
use crate::domain::token_rules::TokenAlg;
use crate::store::apis::{self, SealedSecret};
use crate::store::{Link, Tx};

/// Somebody a token can be for.
pub struct Audience {
    /// Who, and how its tokens look.
    pub target: Target,
    /// The secret its tokens are signed with, where the rules say so.
    pub secret: Option<SharedSecret>,
}

/// Everybody a token can be for.
pub(in crate::app) struct Audiences {
    issuer: Arc<Audience>,
    apis: HashMap<String, Arc<Audience>>,
}

impl Audiences {
    /// Reads the APIs and unseals their secrets.
    pub(in crate::app) async fn load(link: &mut impl Link, seals: &Seals) -> Result<Self, Fault> {
        let mut by_identifier = HashMap::new();
        for stored in apis::all(link).await? {
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
            by_identifier.insert(identifier, Arc::new(Audience { target, secret }));
        }
        let issuer = Arc::new(Audience { target: Target::Issuer, secret: None });
        Ok(Self { issuer, apis: by_identifier })
    }

    /// The algorithms somebody chose.
    pub(in crate::app) fn algorithms(&self) -> impl Iterator<Item = SigningAlg> {
        self.apis.values().filter_map(|api| match api.target.rules().signing_alg {
            Some(TokenAlg::Key(alg)) => Some(alg),
            Some(TokenAlg::SharedSecret) | None => None,
        })
    }

    /// The longest life of anybody's access tokens, where `server` is what the server says.
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
}

/// A new secret for the API with this row id: sealed, and as it is handed over once.
pub(in crate::app) fn new_secret(
    seal: &SealKey,
    entropy: &dyn Entropy,
    api: Uuid,
) -> Result<(SealedSecret, Secret<String>), Fault> {
    let made = GeneratedSecret::make(entropy);
    let sealed = seal.seal(&purpose(api), &*made.bytes)?;
    let spelt = made.spelt();
    Ok((SealedSecret { kid: made.kid, sealed }, spelt))
}

/// Seals every secret under the newest key.
pub(in crate::app) async fn rewrap(tx: &mut Tx, seals: &Seals) -> Result<(), Fault> {
    for stored in apis::all(tx).await? {
        let Some(SealedSecret { sealed, .. }) = stored.secret else { continue };
        let purpose = purpose(stored.id);
        let plain = seals.open(&purpose, &sealed).map_err(|_| {
            Fault::internal("a shared secret opens with neither master key; nothing was changed")
        })?;
        let sealed = seals.newest().seal(&purpose, &plain)?;
        apis::reseal_secret(tx, stored.id, &sealed).await?;
    }
    Ok(())
}

fn purpose(api: Uuid) -> String {
    format!("api-secret/v1/{api}")
}
