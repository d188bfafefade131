//! Generating, sealing and unsealing the keys in the database.
//!
//! Owns the purpose that each sealed value is bound to.

mod factors;
mod mailed_codes;
mod operations;

use std::sync::Arc;

use crate::base::entropy::random;
use crate::base::{Entropy, TimeSpan, Timestamp};
use crate::crypto::digest::PseudonymKey;
use crate::crypto::jwt::{GeneratedKey, SigningKey};
use crate::crypto::keyring::{Keyring, StatedKey, public_json};
use crate::crypto::refresh_token::{RefreshKey, RefreshKeys};
use crate::crypto::seal::{SealKey, Seals};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::key_rotation::{self, KeyFacts, Policy};
use crate::domain::outcome::Fault;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::store::keys::{self, StoredKey};
use crate::store::{Db, Link, Tx, audit, meta};

pub use factors::code_key;

/// The name of the value by which a master key is checked.
const KEY_CHECK: &str = "master_key_check";
const KEY_CHECK_PLAIN: &[u8] = b"signet master key check v1";

/// The name of the key for pseudonyms, which is also its purpose.
const PSEUDONYM_KEY: &str = "pseudonym_key";

/// How the master keys at hand compare with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterKeyFit {
    /// The database has never seen a master key.
    Fresh,
    /// It is sealed under the newest.
    Fits,
    /// It is still sealed under the old one.
    FitsOld,
    /// It is sealed under another one.
    Wrong,
}

/// Whether this database was ever sealed.
pub async fn is_sealed(link: &mut impl Link) -> Result<bool, Fault> {
    Ok(meta::get(link, KEY_CHECK).await?.is_some())
}

/// Compares the master keys with the sealed check value.
pub async fn fit(link: &mut impl Link, seals: &Seals) -> Result<MasterKeyFit, Fault> {
    let Some(check) = meta::get(link, KEY_CHECK).await? else { return Ok(MasterKeyFit::Fresh) };
    Ok(match seals.of(KEY_CHECK, &check) {
        Some(key) if std::ptr::eq(key, seals.newest()) => MasterKeyFit::Fits,
        Some(_) => MasterKeyFit::FitsOld,
        None => MasterKeyFit::Wrong,
    })
}

/// The key for sealing new values, locked until the end of `tx`. It is the one that the database is sealed under, so
/// that one key opens everything in it.
pub async fn in_force<'s>(tx: &mut Tx, seals: &'s Seals) -> Result<&'s SealKey, Fault> {
    meta::hold(tx, KEY_CHECK).await?;
    let check = meta::get(tx, KEY_CHECK).await?.unwrap_or_default();
    seals.of(KEY_CHECK, &check).ok_or_else(|| {
        Fault::unavailable("the master key was replaced; restart this process with the new one")
    })
}

/// Seals all secrets under the newest key. True when there was anything to do.
pub async fn rewrap(tx: &mut Tx, seals: &Seals) -> Result<bool, Fault> {
    if std::ptr::eq(in_force(tx, seals).await?, seals.newest()) {
        return Ok(false);
    }
    let again = |purpose: &str, sealed: &[u8]| {
        let plain = seals.open(purpose, sealed).map_err(|_| {
            Fault::internal("a sealed value opens with neither master key; nothing was changed")
        })?;
        seals.newest().seal(purpose, &plain)
    };
    for key in keys::signing_keys(tx).await? {
        let purpose = signing_purpose(&key.facts.kid, key.facts.alg);
        keys::reseal_signing_key(tx, &key.facts.kid, &again(&purpose, &key.sealed)?).await?;
    }
    for (version, sealed) in keys::refresh_keys(tx).await? {
        let purpose = refresh_purpose(u16::try_from(version).unwrap_or_default());
        keys::reseal_refresh_key(tx, version, &again(&purpose, &sealed)?).await?;
    }
    factors::rewrap(tx, &again).await?;
    mailed_codes::rewrap(tx, &again).await?;
    for name in [PSEUDONYM_KEY, factors::CODE_KEY, KEY_CHECK] {
        if let Some(sealed) = meta::get(tx, name).await? {
            meta::set(tx, name, &again(name, &sealed)?).await?;
        }
    }
    Ok(true)
}

/// The key for pseudonyms. It is derived from the first master key and then sealed like every other, so that
/// counters of failed log-ins survive a new master key.
pub async fn pseudonyms(db: &Db, seals: &Seals, store: bool) -> Result<PseudonymKey, Fault> {
    let stored = meta::get(&mut db.reader().await?, PSEUDONYM_KEY).await?;
    if let Some(sealed) = stored {
        let unreadable = || Fault::internal("the key for pseudonyms cannot be unsealed");
        let key = seals.open(PSEUDONYM_KEY, &sealed).map_err(|_| unreadable())?;
        let key = <&[u8; 32]>::try_from(key.as_slice()).map_err(|_| unreadable())?;
        return Ok(PseudonymKey::new(key));
    }
    let mut tx = db.begin().await?;
    let seal = in_force(&mut tx, seals).await?;
    let key = seal.first_pseudonym_key();
    if store {
        let sealed = seal.seal(PSEUDONYM_KEY, key)?;
        meta::put_once(&mut tx, PSEUDONYM_KEY, &sealed).await?;
        tx.commit().await?;
    } else {
        tx.rollback().await;
    }
    Ok(PseudonymKey::new(key))
}

/// The keys of a new database, generated before its transaction because RSA takes a tenth of a second.
pub struct FirstKeys {
    check: Vec<u8>,
    signing: Vec<StoredKey>,
    refresh: Vec<u8>,
}

impl FirstKeys {
    /// Generates and seals one key of each kind.
    pub fn make(seal: &SealKey, entropy: &dyn Entropy, now: Timestamp) -> Result<Self, Fault> {
        let signing = [SigningAlg::Es256, SigningAlg::Rs256]
            .into_iter()
            .map(|alg| MadeKey::new(alg, KeyState::Active, now)?.sealed(seal))
            .collect::<Result<_, _>>()?;
        let refresh: [u8; 32] = random(entropy);
        Ok(Self {
            check: seal.seal(KEY_CHECK, KEY_CHECK_PLAIN)?,
            signing,
            refresh: seal.seal(&refresh_purpose(1), &refresh)?,
        })
    }

    /// Stores them, unless another process has already stored its keys, which the check value decides. True
    /// when stored.
    pub async fn store(&self, tx: &mut Tx, now: Timestamp) -> Result<bool, Fault> {
        if !meta::put_once(tx, KEY_CHECK, &self.check).await? {
            return Ok(false);
        }
        for key in &self.signing {
            keys::insert_signing_key(tx, key).await?;
        }
        keys::insert_refresh_key(tx, 1, &self.refresh, now).await?;
        Ok(true)
    }

    /// The names of the signing keys, for the first start's report.
    pub fn names(&self) -> Vec<(SigningAlg, String)> {
        self.signing.iter().map(|key| (key.facts.alg, key.facts.kid.clone())).collect()
    }
}

/// A generated key that is not stored yet.
pub struct MadeKey {
    /// The parsed key and the bytes to seal.
    pub generated: GeneratedKey,
    /// The state it begins in.
    pub state: KeyState,
    /// When it was generated.
    pub at: Timestamp,
}

impl MadeKey {
    /// Generates a key. RSA takes about a tenth of a second.
    pub fn new(alg: SigningAlg, state: KeyState, now: Timestamp) -> Result<Self, Fault> {
        Ok(Self { generated: SigningKey::generate(alg)?, state, at: now })
    }

    /// The form in which it is stored.
    pub fn sealed(&self, seal: &SealKey) -> Result<StoredKey, Fault> {
        let GeneratedKey { key, pkcs8 } = &self.generated;
        Ok(StoredKey {
            public_jwk: public_json(&key.public),
            facts: KeyFacts {
                kid: key.kid.clone(),
                alg: key.alg,
                state: self.state,
                since: self.at,
                published_at: self.at,
                activated_at: (self.state == KeyState::Active).then_some(self.at),
                signs_at: None,
                longest_ttl: TimeSpan::ZERO,
            },
            sealed: seal.seal(&signing_purpose(&key.kid, key.alg), pkcs8)?,
            created_at: self.at,
        })
    }
}

/// Ensures that a key of this algorithm is active: a server that is configured to use it cannot wait.
pub async fn ensure_active(
    db: &Db,
    seals: &Seals,
    alg: SigningAlg,
    entropy: &dyn Entropy,
    now: Timestamp,
) -> Result<Option<String>, Fault> {
    let signs = |key: &StoredKey| key.facts.alg == alg && key.facts.state == KeyState::Active;
    if keys::signing_keys(&mut db.reader().await?).await?.iter().any(signs) {
        return Ok(None);
    }
    let made = MadeKey::new(alg, KeyState::Active, now)?;
    let mut tx = db.begin().await?;
    let stored = made.sealed(in_force(&mut tx, seals).await?)?;
    let inserted = keys::insert_signing_key(&mut tx, &stored).await?;
    if inserted {
        let event = Event::new(EventKind::KeyActivated).detail(&*stored.facts.kid);
        audit::record(&mut tx, &event, &Origin::system(), now, entropy).await?;
    }
    tx.commit().await?;
    Ok(inserted.then_some(stored.facts.kid))
}

/// Unseals and parses the signing keys, except those already parsed in `before`.
pub async fn keyring(
    link: &mut impl Link,
    seals: &Seals,
    default_alg: SigningAlg,
    policy: &Policy,
    before: Option<&Keyring>,
) -> Result<Keyring, Fault> {
    let mut stated = Vec::new();
    let mut facts = Vec::new();
    for stored in keys::signing_keys(link).await? {
        if !stored.facts.state.is_public() {
            continue;
        }
        let key = match before.and_then(|before| before.parsed(&stored.facts.kid)) {
            Some(parsed) => parsed,
            None => Arc::new(unsealed(seals, &stored)?),
        };
        stated.push(StatedKey { key, state: stored.facts.state });
        facts.push(stored.facts);
    }
    let next_change = key_rotation::next_change(&facts, policy);
    let mut keyring = Keyring::new(stated, default_alg, next_change)?;
    keyring.next_order = facts.iter().filter_map(KeyFacts::ordered_for).min();
    keyring.facts = facts;
    Ok(keyring)
}

/// A key that is no longer published, for diagnosing tokens. The public half in the database is not authenticated,
/// so it is derived from the private one. `None` if it cannot be unsealed.
pub fn retired(seals: &Seals, stored: &StoredKey) -> Option<SigningKey> {
    unsealed(seals, stored).ok()
}

/// The seal binds a key to its `kid` and algorithm. The `kid` of an imported key was chosen.
fn unsealed(seals: &Seals, stored: &StoredKey) -> Result<SigningKey, Fault> {
    let KeyFacts { kid, alg, .. } = &stored.facts;
    let pkcs8 = seals
        .open(&signing_purpose(kid, *alg), &stored.sealed)
        .map_err(|_| Fault::internal("a signing key cannot be unsealed"))?;
    Ok(SigningKey::parse(*alg, &pkcs8)?.named(kid.clone()))
}

/// Unseals the keys for refresh tokens, except those already in `before`.
pub async fn refresh_keys(
    link: &mut impl Link,
    seals: &Seals,
    before: Option<&RefreshKeys>,
) -> Result<RefreshKeys, Fault> {
    let mut unsealed = Vec::new();
    for (version, sealed) in keys::refresh_keys(link).await? {
        let unreadable = || Fault::internal("a refresh key cannot be unsealed");
        let version = u16::try_from(version).map_err(|_| unreadable())?;
        let key = match before.and_then(|before| before.key(version)) {
            Some(key) => key,
            None => {
                let key = seals.open(&refresh_purpose(version), &sealed);
                let key = key.map_err(|_| unreadable())?;
                RefreshKey::new(key.as_slice().try_into().map_err(|_| unreadable())?)
            }
        };
        unsealed.push((version, key));
    }
    RefreshKeys::with(unsealed).ok_or_else(|| Fault::internal("the database has no refresh key"))
}

fn signing_purpose(kid: &str, alg: SigningAlg) -> String {
    format!("signing-key/v1/{alg}/{kid}")
}

fn refresh_purpose(version: u16) -> String {
    format!("refresh-key/v1/{version}")
}
