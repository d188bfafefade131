//! The relying party of passkeys.
//!
//! Owns the RP ID, which is stored with the first passkey: with another one, no stored passkey works.

use crate::config::Config;
use crate::crypto::webauthn::RelyingParty;
use crate::domain::outcome::{Failure, Fault};
use crate::domain::passkey::origin_of;
use crate::store::{Db, Tx, meta};

use super::{OpenError, OpenPurpose};
use crate::app::App;

/// The row with the RP ID of the stored passkeys.
const RP_ID: &str = "rp_id";

/// The relying party of an issuer; `None` if passkeys are off.
///
/// # Errors
/// When the stored passkeys are for another RP ID, unless that is confirmed; faults.
pub(super) async fn relying_party(
    config: &Config,
    db: &Db,
    purpose: OpenPurpose,
) -> Result<Option<RelyingParty>, OpenError> {
    let rp_id = match config.passkeys.rp_id_of(&config.issuer) {
        Ok(rp_id) => rp_id,
        Err(unavailable) => {
            if purpose != OpenPurpose::Administer {
                tracing::warn!(
                    issuer = config.issuer,
                    "passkeys are off: the issuer {}. Set SIGNET_PASSKEYS=off, or an issuer such as \
                     https://id.example.com or http://localhost:8484",
                    unavailable.reason()
                );
            }
            None
        }
    };
    let (Some(id), Some(origin)) = (rp_id, origin_of(&config.issuer)) else { return Ok(None) };
    if purpose != OpenPurpose::Administer {
        check_stored(config, db, &id).await?;
    }
    let origins = std::iter::once(origin).chain(config.passkeys.origins.iter().cloned()).collect();
    Ok(Some(RelyingParty { id, origins }))
}

async fn check_stored(config: &Config, db: &Db, id: &str) -> Result<(), OpenError> {
    let stored = meta::get(&mut db.reader().await?, RP_ID).await?;
    let Some(stored) = stored.and_then(|bytes| String::from_utf8(bytes).ok()) else {
        return Ok(());
    };
    if stored == id {
        return Ok(());
    }
    if config.passkeys.rp_id_old.as_deref() != Some(&*stored) {
        return Err(OpenError::Configuration(format!(
            "the passkeys of this database are bound to {stored}, and this start would use {id}: none of them would \
             work.\n  Set SIGNET_RP_ID={stored}, if the issuer still belongs to that domain. To give \
             the passkeys up, so that users add new ones: SIGNET_RP_ID_OLD={stored}"
        )));
    }
    let mut tx = db.begin().await?;
    meta::set(&mut tx, RP_ID, id.as_bytes()).await?;
    tx.commit().await?;
    tracing::warn!(from = stored, to = id, "passkeys are bound to another domain now");
    Ok(())
}

impl App {
    /// Stores the RP ID of the passkey that is stored in this transaction.
    ///
    /// # Errors
    /// Unavailable when another process uses another RP ID.
    pub async fn remember_rp_id(&self, tx: &mut Tx, party: &RelyingParty) -> Result<(), Failure> {
        if meta::put_once(tx, RP_ID, party.id.as_bytes()).await? {
            return Ok(());
        }
        let stored = meta::get(tx, RP_ID).await?;
        if stored.as_deref() == Some(party.id.as_bytes()) {
            return Ok(());
        }
        Err(Fault::unavailable("the passkeys of this database are bound to another RP ID").into())
    }
}
