//! The cache of this process: keys, APIs and clients, with one version row in the database.
//!
//! Users, sessions and revocations are never cached.

mod audiences;
mod clients;
mod documents;
mod token_cache;
mod unknown;
mod verified_tokens;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use arc_swap::ArcSwap;
use uuid::Uuid;

use crate::base::{TimeSpan, Timestamp};
use crate::config::Config;
use crate::crypto::keyring::Keyring;
use crate::crypto::refresh_token::RefreshKeys;
use crate::crypto::seal::Seals;
use crate::domain::client::Client;
use crate::domain::client_document::DocumentUrl;
use crate::domain::client_logo::ImageType;
use crate::domain::key_rotation::{KEEP_AFTER, Policy, WAIT_AT_MOST};
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::RateLimit;
use crate::domain::signing_key::SigningAlg;
use crate::store::db::Reader;
use crate::store::{Link, meta, unlocked_networks};

use super::{App, keys};
use audiences::Audiences;
use clients::Clients;
use documents::Documents;

pub use audiences::Audience;
pub(super) use audiences::{new_secret, open_secret, rewrap, seal_secret};
pub use documents::KnownDocument;
pub use token_cache::TokenCache;
pub use verified_tokens::{
    IdentityTokenCache, MadeIdentityToken, VerifiedToken, VerifiedTokenCache,
};

/// The cached values.
pub(super) struct Caches {
    keyring: ArcSwap<Keyring>,
    refresh_keys: ArcSwap<RefreshKeys>,
    audiences: ArcSwap<Audiences>,
    clients: ArcSwap<Clients>,
    documents: ArcSwap<Documents>,
    version: AtomicI64,
    reloading: tokio::sync::Mutex<()>,
    /// When an unknown name last caused a reload, by the monotonic clock.
    asked_at: tokio::sync::Mutex<Option<TimeSpan>>,
}

impl Caches {
    /// The first load. `versions` were read before it, so that a change in between is noticed by the next check.
    pub(super) async fn load(
        reader: &mut Reader,
        (version, documents): (i64, i64),
        seal: &Seals,
        config: &Config,
        longest_max_age: TimeSpan,
    ) -> Result<Self, Fault> {
        let audiences = Audiences::load(reader, seal).await?;
        let clients = Clients::load(reader).await?;
        let documents = Documents::load(reader, documents, config, &audiences, None).await?;
        let policy = policy(config, &audiences, &clients, longest_max_age);
        let keyring = keys::keyring(reader, seal, config.signing_alg, &policy, None).await?;
        let refresh_keys = keys::refresh_keys(reader, seal, None).await?;
        Ok(Self {
            keyring: ArcSwap::from_pointee(keyring),
            refresh_keys: ArcSwap::from_pointee(refresh_keys),
            audiences: ArcSwap::from_pointee(audiences),
            clients: ArcSwap::from_pointee(clients),
            documents: ArcSwap::from_pointee(documents),
            version: AtomicI64::new(version),
            reloading: tokio::sync::Mutex::new(()),
            asked_at: tokio::sync::Mutex::new(None),
        })
    }
}

impl App {
    /// The signing keys in force.
    #[must_use]
    pub fn keyring(&self) -> arc_swap::Guard<Arc<Keyring>> {
        self.caches.keyring.load()
    }

    /// The keys of the MACs of refresh tokens.
    #[must_use]
    pub fn refresh_keys(&self) -> arc_swap::Guard<Arc<RefreshKeys>> {
        self.caches.refresh_keys.load()
    }

    /// The registered API with this identifier; without an identifier, the issuer.
    #[must_use]
    pub fn audience(&self, identifier: Option<&str>) -> Option<Arc<Audience>> {
        self.caches.audiences.load().get(identifier)
    }

    /// The issuer, and all registered APIs in the order of their identifiers.
    #[must_use]
    pub fn audiences(&self) -> Vec<Arc<Audience>> {
        self.caches.audiences.load().all()
    }

    /// The same, after a reload if it is unknown, because another process may just have registered it. Reloads
    /// happen at most once a second, so a new API can stay unknown for that long.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn audience_or_reload(
        &self,
        identifier: Option<&str>,
    ) -> Result<Option<Arc<Audience>>, Fault> {
        if let Some(known) = self.audience(identifier) {
            return Ok(Some(known));
        }
        self.reload_for_unknown().await?;
        Ok(self.audience(identifier))
    }

    /// The API with this row id, after a reload if it is unknown.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn api_of_id_or_reload(&self, id: Uuid) -> Result<Option<Arc<Audience>>, Fault> {
        if let Some(known) = self.caches.audiences.load().of_id(id) {
            return Ok(Some(known));
        }
        self.reload_for_unknown().await?;
        Ok(self.caches.audiences.load().of_id(id))
    }

    /// The API, or the issuer, for which an object was issued at `at`. `None` if the API was deleted since, even
    /// if another one has its identifier now.
    #[must_use]
    pub fn audience_given_at(
        &self,
        identifier: Option<&str>,
        at: Timestamp,
    ) -> Option<Arc<Audience>> {
        self.audience(identifier).filter(|known| known.owned_name_at(at))
    }

    /// The audience that a request names: a registered API, or the issuer. Clients spell an identifier in several
    /// ways; the `aud` of tokens is the registered spelling.
    #[must_use]
    pub fn audience_named(&self, named: &str) -> Option<Arc<Audience>> {
        self.caches.audiences.load().named(named, self.issuer())
    }

    /// The same, after a reload if it is unknown.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn audience_named_or_reload(
        &self,
        named: &str,
    ) -> Result<Option<Arc<Audience>>, Fault> {
        if let Some(known) = self.audience_named(named) {
            return Ok(Some(known));
        }
        self.reload_for_unknown().await?;
        Ok(self.audience_named(named))
    }

    /// The audiences as `link` reads them, including the writes of its transaction.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn stored_audiences(
        &self,
        link: &mut impl Link,
    ) -> Result<Vec<Arc<Audience>>, Fault> {
        Ok(Audiences::load(link, &self.seal).await?.all())
    }

    /// Whether any registered API offers this scope.
    #[must_use]
    pub fn is_offered(&self, scope: &str) -> bool {
        self.caches.audiences.load().is_offered(scope)
    }

    /// The client of this name: a registered one that is not disabled, or one that describes itself and is not
    /// blocked.
    #[must_use]
    pub fn client(&self, client_id: &str) -> Option<Arc<Client>> {
        match self.caches.clients.load().get(client_id) {
            Some(registered) => Some(registered).filter(|client| client.disabled_at.is_none()),
            None => self.document(client_id)?.client.clone(),
        }
    }

    /// Whether a client is registered under this name, enabled or not.
    #[must_use]
    pub fn is_registered_client(&self, client_id: &str) -> bool {
        self.caches.clients.load().get(client_id).is_some()
    }

    /// The cached document of this URL.
    #[must_use]
    pub fn document(&self, client_id: &str) -> Option<Arc<KnownDocument>> {
        if !DocumentUrl::is_meant(client_id) {
            return None;
        }
        self.caches.documents.load().get(client_id)
    }

    /// The enabled clients with a rule for workloads of the trusted issuer of this name.
    #[must_use]
    pub fn clients_with_rules_for(&self, issuer: &str) -> Vec<Arc<Client>> {
        self.caches.clients.load().with_rules_for(issuer)
    }

    /// The media type of the logo with this hash, if a registered client has it.
    #[must_use]
    pub fn logo_type(&self, hash: &str) -> Option<ImageType> {
        self.caches.clients.load().logo_type(hash)
    }

    /// The same, after a reload if it is unknown, because another process may just have registered it. Reloads
    /// happen at most once a second, so a new client can stay unknown for that long.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn client_or_reload(&self, client_id: &str) -> Result<Option<Arc<Client>>, Fault> {
        if let Some(known) = self.client(client_id) {
            return Ok(Some(known));
        }
        self.reload_for_unknown().await?;
        Ok(self.client(client_id))
    }

    /// The version of the cached keys, APIs and clients. A result that was derived with another version is stale.
    #[must_use]
    pub fn cache_version(&self) -> i64 {
        self.caches.version.load(Ordering::Acquire)
    }

    /// Whether scripts of this origin may call Signet, because a registered client has it.
    #[must_use]
    pub fn is_client_origin(&self, origin: &str) -> bool {
        self.caches.clients.load().has_origin(origin)
    }

    /// Whether any client has registered for logout tokens.
    #[must_use]
    pub fn any_client_to_tell(&self) -> bool {
        self.caches.clients.load().any_to_tell()
    }

    /// The key policy that follows from the settings, the registered APIs and the clients.
    #[must_use]
    pub fn key_policy(&self) -> Policy {
        policy(
            &self.config,
            &self.caches.audiences.load(),
            &self.caches.clients.load(),
            self.longest_max_age,
        )
    }

    /// The longest lifetime of any access token that is issued now.
    #[must_use]
    pub fn longest_access_ttl(&self) -> TimeSpan {
        let longest = self.caches.audiences.load().longest_access_ttl(self.lifetimes.access);
        self.caches.clients.load().longest_access_ttl(longest)
    }

    /// Reads APIs, clients and keys again if another process changed them. Called every second.
    ///
    /// # Errors
    /// When the database cannot be read. The cached values stay in force.
    pub async fn reload_if_changed(&self) -> Result<(), Fault> {
        let mut reader = self.db.reader().await?;
        if meta::cache_versions(&mut reader).await? == self.known_versions() {
            return Ok(());
        }
        drop(reader);
        // One reload at a time: an older one must not overwrite a newer one.
        let _turn = self.caches.reloading.lock().await;
        let mut reader = self.db.reader().await?;
        // The versions are read first, so that a change in between is noticed by the next check.
        let (version, of_documents) = meta::cache_versions(&mut reader).await?;
        if version == self.caches.version.load(Ordering::Acquire) {
            return self.reload_documents(&mut reader, of_documents).await;
        }
        let audiences = Audiences::load(&mut reader, &self.seal).await?;
        let clients = Clients::load(&mut reader).await?;
        // All of them, because the rights of each depend on the APIs.
        let documents =
            Documents::load(&mut reader, of_documents, &self.config, &audiences, None).await?;
        let policy = policy(&self.config, &audiences, &clients, self.longest_max_age);
        let (alg, before) = (self.config.signing_alg, self.caches.keyring.load_full());
        let keyring = keys::keyring(&mut reader, &self.seal, alg, &policy, Some(&before)).await?;
        let before = self.caches.refresh_keys.load_full();
        let refresh_keys = keys::refresh_keys(&mut reader, &self.seal, Some(&before)).await?;
        // Keys are stored before the APIs and clients that use them, and clients before the APIs that they may
        // target.
        self.caches.keyring.store(Arc::new(keyring));
        self.caches.refresh_keys.store(Arc::new(refresh_keys));
        self.caches.clients.store(Arc::new(clients));
        self.caches.documents.store(Arc::new(documents));
        self.caches.audiences.store(Arc::new(audiences));
        let before = self.caches.version.load(Ordering::Acquire);
        for network in unlocked_networks::since(&mut reader, before).await? {
            if let Ok(address) = network.parse() {
                self.address_limiter.clear(RateLimit::Login, address);
            }
        }
        self.caches.version.store(version, Ordering::Release);
        Ok(())
    }
}

impl App {
    /// The versions of the cached data.
    fn known_versions(&self) -> (i64, i64) {
        (self.caches.version.load(Ordering::Acquire), self.caches.documents.load().version)
    }

    /// Reads changed client documents again. Only one caller at a time does so.
    async fn reload_documents(&self, reader: &mut Reader, version: i64) -> Result<(), Fault> {
        let before = self.caches.documents.load_full();
        if before.version == version {
            return Ok(());
        }
        let audiences = self.caches.audiences.load_full();
        let loaded =
            Documents::load(reader, version, &self.config, &audiences, Some(&before)).await?;
        self.caches.documents.store(Arc::new(loaded));
        Ok(())
    }
}

fn policy(
    config: &Config,
    audiences: &Audiences,
    clients: &Clients,
    longest_max_age: TimeSpan,
) -> Policy {
    // ES256 and RS256 are published from the first start: no verifier refuses a key set because of them.
    let mut wanted = vec![SigningAlg::Es256, SigningAlg::Rs256];
    for alg in audiences.algorithms().chain(clients.algorithms()).chain([config.signing_alg]) {
        if !wanted.contains(&alg) {
            wanted.push(alg);
        }
    }
    Policy {
        rotate_every: config.key_rotation,
        publish_ahead: config.key_publish_ahead,
        keep_after: KEEP_AFTER,
        wait_at_most: WAIT_AT_MOST,
        longest_max_age,
        wanted,
    }
}
