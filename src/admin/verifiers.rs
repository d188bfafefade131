//! The resource servers that fetch the public keys: counted in memory, written down in batches.

use crate::app::App;
use crate::domain::outcome::Fault;
use crate::store::Tx;
use crate::store::verifiers::{self, SeenVerifier};

/// The most verifiers that are kept, and looked at.
pub const MAX_VERIFIERS: i64 = 10_000;
/// How many of them are written in one transaction: a flood of names keeps nobody waiting.
const WRITTEN_AT_ONCE: usize = 100;

/// Moves what this process has counted into the database.
///
/// # Errors
/// When the database cannot be written; the counts of this time are lost, which costs nothing but
/// some waiting.
pub async fn write_verifiers(app: &App) -> Result<(), Fault> {
    let mut seen = app.jwks_fetches.take();
    // Two processes write the same rows: in one order, or each waits for the other.
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    for some in seen.chunks(WRITTEN_AT_ONCE) {
        let mut tx = app.db.begin().await?;
        let mut known = verifiers::count(&mut tx).await?;
        for verifier in some {
            known += i64::from(write_verifier(&mut tx, verifier, known).await?);
        }
        tx.commit().await?;
    }
    Ok(())
}

async fn write_verifier(tx: &mut Tx, seen: &SeenVerifier, known: i64) -> Result<bool, Fault> {
    if verifiers::touch(tx, seen).await? || known >= MAX_VERIFIERS {
        return Ok(false);
    }
    verifiers::add(tx, seen).await?;
    Ok(true)
}
