//! The protection of second factors: the seal of TOTP secrets, and the key of the MACs of codes.
//!
//! Owns the purpose that each is bound to. Codes are checked elsewhere.

use crate::base::Entropy;
use crate::base::entropy::random;
use crate::base::id::{FactorId, UserId};
use crate::crypto::digest::CodeKey;
use crate::crypto::seal::Seals;
use crate::crypto::totp::TotpSecret;
use crate::domain::outcome::Fault;
use crate::domain::recovery_code::RecoveryCode;
use crate::store::factors::{self, SealedFactor};
use crate::store::{Db, Tx, meta};

use super::in_force;
use crate::app::App;

/// The name of the key for codes, which is also its purpose.
pub(super) const CODE_KEY: &str = "code_key";

impl App {
    /// The form in which a TOTP secret is stored in this transaction.
    ///
    /// # Errors
    /// Unavailable when the master key was replaced and this process does not have the new one.
    pub async fn seal_totp(
        &self,
        tx: &mut Tx,
        user: UserId,
        id: FactorId,
        secret: &TotpSecret,
    ) -> Result<Vec<u8>, Fault> {
        in_force(tx, &self.seal).await?.seal(&purpose(user, id), secret.bytes())
    }

    /// A stored TOTP secret.
    ///
    /// # Errors
    /// When it was sealed for another user or factor, or under another key.
    pub fn unseal_totp(
        &self,
        user: UserId,
        id: FactorId,
        sealed: &[u8],
    ) -> Result<TotpSecret, Fault> {
        let plain = self.seal.open(&purpose(user, id), sealed).ok();
        plain
            .and_then(|plain| TotpSecret::from_bytes(&plain))
            .ok_or_else(|| Fault::internal("a TOTP secret cannot be unsealed"))
    }

    /// The form in which a recovery code of `user` is stored.
    ///
    /// # Errors
    /// On the command line, before a server has created the key.
    pub fn recovery_code_mac(&self, user: UserId, code: &RecoveryCode) -> Result<Vec<u8>, Fault> {
        let no_key = || Fault::internal("the key for codes does not exist yet");
        let key = self.code_key.as_ref().ok_or_else(no_key)?;
        Ok(key.mac("recovery-code/v1", &[user.uuid().as_bytes(), code.bytes()]))
    }
}

/// The key for codes: random, created by the first server that starts. `None` if it does not exist and `store` is
/// false.
pub async fn code_key(
    db: &Db,
    seals: &Seals,
    entropy: &dyn Entropy,
    store: bool,
) -> Result<Option<CodeKey>, Fault> {
    let stored = meta::get(&mut db.reader().await?, CODE_KEY).await?;
    if let Some(sealed) = stored {
        return unsealed(seals, &sealed).map(Some);
    }
    if !store {
        return Ok(None);
    }
    let mut tx = db.begin().await?;
    let seal = in_force(&mut tx, seals).await?;
    // Another process may have created it before this transaction locked the master key's row.
    let key = match meta::get(&mut tx, CODE_KEY).await? {
        Some(sealed) => unsealed(seals, &sealed)?,
        None => {
            let key: [u8; 32] = random(entropy);
            meta::put_once(&mut tx, CODE_KEY, &seal.seal(CODE_KEY, &key)?).await?;
            CodeKey::new(&key)
        }
    };
    tx.commit().await?;
    Ok(Some(key))
}

fn unsealed(seals: &Seals, sealed: &[u8]) -> Result<CodeKey, Fault> {
    let unreadable = || Fault::internal("the key for codes cannot be unsealed");
    let key = seals.open(CODE_KEY, sealed).map_err(|_| unreadable())?;
    let key = <&[u8; 32]>::try_from(key.as_slice()).map_err(|_| unreadable())?;
    Ok(CodeKey::new(key))
}

/// Seals the TOTP secrets under the newest key.
pub(super) async fn rewrap(
    tx: &mut Tx,
    again: &(impl Fn(&str, &[u8]) -> Result<Vec<u8>, Fault> + Sync),
) -> Result<(), Fault> {
    for SealedFactor { id, user_id, sealed } in factors::all_sealed(tx).await? {
        factors::reseal(tx, id, &again(&purpose(user_id, id), &sealed)?).await?;
    }
    Ok(())
}

fn purpose(user: UserId, id: FactorId) -> String {
    format!("factor/v1/{user}/{id}")
}
