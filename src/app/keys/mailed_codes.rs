//! The protection of mailed codes: the seal of the data stored with them, and the MAC of the code.
//!
//! Owns the purpose that each is bound to. Codes are checked elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::base::opaque_token::TokenHash;
use crate::domain::mailed_code::{CodePurpose, MailedCode};
use crate::domain::outcome::Fault;
use crate::store::{Tx, mailed_codes};

use super::in_force;
use crate::app::App;

impl App {
    /// Seals the data of a mailed code for storage in this transaction.
    ///
    /// # Errors
    /// Unavailable when the master key was replaced and this process does not have the new one.
    pub async fn seal_mailed_code(
        &self,
        tx: &mut Tx,
        purpose: CodePurpose,
        link_hash: &TokenHash,
        plain: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let bound_to = bound_to(purpose.as_str(), link_hash.digest());
        in_force(tx, &self.seal).await?.seal(&bound_to, plain)
    }

    /// Unseals the data of a mailed code.
    ///
    /// # Errors
    /// When it was sealed with another code, or under another key.
    pub fn unseal_mailed_code(
        &self,
        purpose: CodePurpose,
        link_hash: &TokenHash,
        sealed: &[u8],
    ) -> Result<Vec<u8>, Fault> {
        let plain = self.seal.open(&bound_to(purpose.as_str(), link_hash.digest()), sealed);
        plain
            .map(|plain| plain.to_vec())
            .map_err(|_| Fault::internal("what belongs to a mailed code cannot be unsealed"))
    }

    /// The stored form of a mailed code: a MAC that binds it to its purpose and its link.
    ///
    /// # Errors
    /// On the command line, before a server has created the key.
    pub fn mailed_code_mac(
        &self,
        purpose: CodePurpose,
        link_hash: &TokenHash,
        code: &MailedCode,
    ) -> Result<Vec<u8>, Fault> {
        let no_key = || Fault::internal("the key for codes does not exist yet");
        let key = self.code_key.as_ref().ok_or_else(no_key)?;
        let parts: [&[u8]; 3] = [purpose.as_str().as_bytes(), link_hash.digest(), code.digits()];
        Ok(key.mac("mailed-code/v1", &parts))
    }
}

/// Seals the data of mailed codes under the newest key.
pub(super) async fn rewrap(
    tx: &mut Tx,
    again: &(impl Fn(&str, &[u8]) -> Result<Vec<u8>, Fault> + Sync),
) -> Result<(), Fault> {
    for (purpose, link_hash, sealed) in mailed_codes::sealed(tx).await? {
        let sealed = again(&bound_to(&purpose, &link_hash), &sealed)?;
        mailed_codes::reseal(tx, &link_hash, &sealed).await?;
    }
    Ok(())
}

fn bound_to(purpose: &str, link_hash: &[u8]) -> String {
    format!("mailed-code/v1/{purpose}/{}", URL_SAFE_NO_PAD.encode(link_hash))
}
