//! Whom tokens can be for, as every process keeps them in memory.
//!
//! Owns the snapshot: an API and the secret it shares with the server are one value, so that nobody
//! sees the one without the other. Also owns which purpose a sealed secret is bound to.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;

use crate::base::{Entropy, Secret};
use crate::crypto::seal::SealKey;
use crate::crypto::shared_secret::{GeneratedSecret, SharedSecret};
use crate::domain::api::Target;
use crate::domain::stop::Fault;
use crate::store::Link;
use crate::store::apis::{self, SealedSecret};

/// Somebody a token can be for.
pub struct Audience {
    /// Who, and how its tokens look.
    pub target: Target,
    /// The secret its tokens are signed with, where the rules say so.
    pub secret: Option<SharedSecret>,
}

/// Everybody a token can be for.
pub(super) struct Audiences {
    issuer: Arc<Audience>,
    apis: HashMap<String, Arc<Audience>>,
}

impl Audiences {
    /// Reads the APIs and unseals their secrets.
    pub(super) async fn load(link: &mut impl Link, seal: &SealKey) -> Result<Self, Fault> {
        let mut by_identifier = HashMap::new();
        for stored in apis::all(link).await? {
            let unreadable = || Fault::internal("the shared secret of an API cannot be unsealed");
            let secret = match stored.secret {
                None => None,
                Some(SealedSecret { kid, sealed }) => {
                    let bytes =
                        seal.open(&purpose(stored.id), &sealed).map_err(|_| unreadable())?;
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

    /// The API of this identifier; without one the issuer itself.
    pub(super) fn get(&self, identifier: Option<&str>) -> Option<Arc<Audience>> {
        match identifier {
            None => Some(Arc::clone(&self.issuer)),
            Some(identifier) => self.apis.get(identifier).cloned(),
        }
    }
}

/// A new secret for the API with this row id: sealed, and as it is handed over once.
pub(super) fn new_secret(
    seal: &SealKey,
    entropy: &dyn Entropy,
    api: Uuid,
) -> Result<(SealedSecret, Secret<String>), Fault> {
    let made = GeneratedSecret::make(entropy);
    let sealed = seal.seal(&purpose(api), &*made.bytes)?;
    let spelt = made.spelt();
    Ok((SealedSecret { kid: made.kid, sealed }, spelt))
}

fn purpose(api: Uuid) -> String {
    format!("api-secret/v1/{api}")
}
