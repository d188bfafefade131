//! The issuer of a server with a port chosen by the system.
//!
//! Owns the row from which commands read it.

use super::Startup;
use crate::domain::outcome::Fault;
use crate::store::{Db, meta};

/// The row with the last such issuer.
const CHOSEN_ISSUER: &str = "chosen_issuer";

impl Startup {
    /// The issuer in force. If it is not set and the system chooses the port, only the server knows it, and stores
    /// it for the command line.
    pub(super) async fn issuer(&self, db: &Db) -> Result<String, Fault> {
        let config = &self.config;
        let chosen = config.listen.first().is_some_and(|address| address.port() == 0);
        let issuer = config.issuer.clone();
        if !config.issuer_is_default || !chosen {
            return Ok(issuer);
        }
        if !self.serves() {
            let noted = meta::get(&mut db.reader().await?, CHOSEN_ISSUER).await?;
            return Ok(noted.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or(issuer));
        }
        let mut tx = db.begin().await?;
        meta::set(&mut tx, CHOSEN_ISSUER, issuer.as_bytes()).await?;
        tx.commit().await?;
        Ok(issuer)
    }
}
