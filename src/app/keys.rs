//! Making, sealing and unsealing the keys in the database.
//!
//! Owns which purpose each sealed value is bound to.

use crate::base::entropy::random;
use crate::base::{Entropy, Span, Timestamp};
use crate::crypto::jwt::{GeneratedKey, SigningKey};
use crate::crypto::keyring::{Keyring, StatedKey, public_json};
use crate::crypto::refresh_token::RefreshKeys;
use crate::crypto::seal::SealKey;
use crate::domain::key_life::{self, KeyFacts, Policy};
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::domain::stop::Fault;
use crate::store::keys::{self, StoredKey};
use crate::store::{Link, Tx, meta};

/// The name of the value that tells whether a master key is the right one.
const KEY_CHECK: &str = "master_key_check";
const KEY_CHECK_PLAIN: &[u8] = b"signet master key check v1";

/// How the master key at hand compares with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MasterKeyFit {
    /// The database has never seen a master key.
    Fresh,
    /// It is the one the database was sealed with.
    Fits,
    /// It is another one.
    Wrong,
}

/// Whether this database was ever sealed.
pub async fn is_sealed(link: &mut impl Link) -> Result<bool, Fault> {
    Ok(meta::get(link, KEY_CHECK).await?.is_some())
}

/// Compares the master key with the sealed check value.
pub async fn fit(link: &mut impl Link, seal: &SealKey) -> Result<MasterKeyFit, Fault> {
    Ok(match meta::get(link, KEY_CHECK).await? {
        None => MasterKeyFit::Fresh,
        Some(sealed) if seal.open(KEY_CHECK, &sealed).is_ok() => MasterKeyFit::Fits,
        Some(_) => MasterKeyFit::Wrong,
    })
}

/// The keys of a new database, made before its transaction begins: RSA takes a tenth of a second.
pub struct FirstKeys {
    check: Vec<u8>,
    signing: Vec<StoredKey>,
    refresh: Vec<u8>,
}

impl FirstKeys {
    /// Makes and seals one key of each kind.
    pub fn make(seal: &SealKey, entropy: &dyn Entropy, now: Timestamp) -> Result<Self, Fault> {
        let signing = [SigningAlg::Es256, SigningAlg::Rs256]
            .into_iter()
            .map(|alg| sealed_signing_key(seal, alg, KeyState::Active, now))
            .collect::<Result<_, _>>()?;
        let refresh: [u8; 32] = random(entropy);
        Ok(Self {
            check: seal.seal(KEY_CHECK, KEY_CHECK_PLAIN)?,
            signing,
            refresh: seal.seal(&refresh_purpose(1), &refresh)?,
        })
    }

    /// Stores them, unless another process was first: the check value is the gate. True when stored.
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

/// Makes a key in the state it begins in, and seals it. RSA takes about a tenth of a second.
pub fn sealed_signing_key(
    seal: &SealKey,
    alg: SigningAlg,
    state: KeyState,
    now: Timestamp,
) -> Result<StoredKey, Fault> {
    let GeneratedKey { key, pkcs8 } = SigningKey::generate(alg)?;
    let sealed = seal.seal(&signing_purpose(&key.kid, alg), &pkcs8)?;
    Ok(StoredKey {
        public_jwk: public_json(&key.public),
        facts: KeyFacts {
            kid: key.kid,
            alg,
            state,
            since: now,
            published_at: now,
            activated_at: (state == KeyState::Active).then_some(now),
            longest_ttl: Span::ZERO,
        },
        sealed,
        created_at: now,
    })
}

/// Unseals and parses the signing keys.
pub async fn keyring(
    link: &mut impl Link,
    seal: &SealKey,
    default_alg: SigningAlg,
    policy: &Policy,
) -> Result<Keyring, Fault> {
    let mut stated = Vec::new();
    let mut facts = Vec::new();
    for stored in keys::signing_keys(link).await? {
        let KeyFacts { kid, alg, state, .. } = &stored.facts;
        if !state.is_public() {
            continue;
        }
        let pkcs8 = seal
            .open(&signing_purpose(kid, *alg), &stored.sealed)
            .map_err(|_| Fault::internal("a signing key cannot be unsealed"))?;
        let key = SigningKey::parse(*alg, &pkcs8)?;
        if key.kid != *kid {
            return Err(Fault::internal("a signing key is stored under another's name"));
        }
        stated.push(StatedKey { key, state: *state });
        facts.push(stored.facts);
    }
    Keyring::new(stated, default_alg, key_life::next_change(&facts, policy))
}

/// Unseals the keys that vouch for refresh tokens.
pub async fn refresh_keys(link: &mut impl Link, seal: &SealKey) -> Result<RefreshKeys, Fault> {
    let mut unsealed = Vec::new();
    for (version, sealed) in keys::refresh_keys(link).await? {
        let unreadable = || Fault::internal("a refresh key cannot be unsealed");
        let version = u16::try_from(version).map_err(|_| unreadable())?;
        let key = seal.open(&refresh_purpose(version), &sealed).map_err(|_| unreadable())?;
        unsealed.push((version, <[u8; 32]>::try_from(key.as_slice()).map_err(|_| unreadable())?));
    }
    RefreshKeys::new(&unsealed).ok_or_else(|| Fault::internal("the database has no refresh key"))
}

fn signing_purpose(kid: &str, alg: SigningAlg) -> String {
    format!("signing-key/v1/{alg}/{kid}")
}

fn refresh_purpose(version: u16) -> String {
    format!("refresh-key/v1/{version}")
}
