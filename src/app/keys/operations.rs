//! Key operations for use cases: generating, sealing and parsing keys, and resealing everything.

use std::sync::Arc;

use uuid::Uuid;
use zeroize::Zeroizing;

use crate::base::entropy::random;
use crate::base::{Secret, Timestamp};
use crate::crypto::hs256::GeneratedSecret;
use crate::crypto::jwt::SigningKey;
use crate::domain::outcome::Fault;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::store::Tx;
use crate::store::apis::{SealedSecret, StoredApi};
use crate::store::keys::{self, StoredKey};

use super::{MadeKey, in_force, refresh_purpose, retired, rewrap};
use crate::app::{App, cache, outbox};

impl App {
    /// A new secret for the API with this row id: sealed for storage in this transaction, and in the clear to be
    /// shown once.
    ///
    /// # Errors
    /// Unavailable when the master key was replaced and this process does not have the new one.
    pub async fn new_shared_secret(
        &self,
        tx: &mut Tx,
        api: Uuid,
    ) -> Result<(SealedSecret, Secret<String>), Fault> {
        let seal = in_force(tx, &self.seal).await?;
        cache::new_secret(seal, &*self.entropy, api)
    }

    /// A given secret, sealed for the API with this row id.
    ///
    /// # Errors
    /// As [`new_shared_secret`](Self::new_shared_secret).
    pub async fn seal_shared_secret(
        &self,
        tx: &mut Tx,
        api: Uuid,
        secret: &GeneratedSecret,
    ) -> Result<SealedSecret, Fault> {
        cache::seal_secret(in_force(tx, &self.seal).await?, api, secret)
    }

    /// The secret of a stored API, for a comparison; `None` if it has none.
    ///
    /// # Errors
    /// When it cannot be unsealed.
    pub fn shared_secret(&self, stored: &StoredApi) -> Result<Option<Zeroizing<Vec<u8>>>, Fault> {
        cache::open_secret(&self.seal, stored)
    }

    /// Generates a signing key outside of the request path, because RSA takes a tenth of a second.
    ///
    /// # Errors
    /// If the crypto library fails.
    pub async fn make_signing_key(
        &self,
        alg: SigningAlg,
        state: KeyState,
        now: Timestamp,
    ) -> Result<MadeKey, Fault> {
        let made = self.runtime.spawn_blocking(move || MadeKey::new(alg, state, now));
        made.await.map_err(|error| Fault::internal("making a signing key").with_source(error))?
    }

    /// The form in which a signing key is stored in this transaction.
    ///
    /// # Errors
    /// Unavailable when the master key was replaced and this process does not have the new one.
    pub async fn seal_key(&self, tx: &mut Tx, made: &MadeKey) -> Result<StoredKey, Fault> {
        made.sealed(in_force(tx, &self.seal).await?)
    }

    /// The parsed form of a stored key, published or not; `None` if it cannot be unsealed.
    #[must_use]
    pub fn parsed_key(&self, stored: &StoredKey) -> Option<Arc<SigningKey>> {
        let published = self.keyring().parsed(&stored.facts.kid);
        published.or_else(|| retired(&self.seal, stored).map(Arc::new))
    }

    /// Replaces the keys for refresh tokens with a new one: all issued refresh tokens become invalid.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn replace_refresh_keys(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Fault> {
        let newest = keys::refresh_keys(tx).await?.last().map_or(0, |(version, _)| *version);
        let version = u16::try_from(newest + 1)
            .map_err(|_| Fault::internal("there is no further version of the refresh key"))?;
        let key: [u8; 32] = random(&*self.entropy);
        let sealed = in_force(tx, &self.seal).await?.seal(&refresh_purpose(version), &key)?;
        keys::insert_refresh_key(tx, version, &sealed, now).await?;
        keys::remove_refresh_keys_before(tx, version).await?;
        Ok(())
    }

    /// Seals all secrets under the newest master key. True when there was anything to do.
    ///
    /// # Errors
    /// When neither key opens a value. Nothing was changed then.
    pub async fn rewrap(&self, tx: &mut Tx) -> Result<bool, Fault> {
        if !rewrap(tx, &self.seal).await? {
            return Ok(false);
        }
        cache::rewrap(tx, &self.seal).await?;
        outbox::rewrap(tx, &self.seal).await?;
        Ok(true)
    }
}
