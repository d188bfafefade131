//! The resource servers that fetch the public keys: counted in memory, stored in batches.
//!
//! Owns which of them are considered known. Unknown names are bounded, displace only each other, and are neither
//! shown nor waited for.

use std::collections::HashSet;

use crate::app::{App, MAX_UNKNOWN};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::key_rotation::{LONG_SEEN, SEEN_OFTEN, VERIFIER_GONE, is_long_seen};
use crate::domain::outcome::Fault;
use crate::store::Tx;
use crate::store::verifiers::{self, SeenVerifier};

/// The most verifiers that are stored besides registered ones.
const MAX_VERIFIERS: i64 = 10_000;
/// The most that are read, enough for every registered one.
const MAX_LISTED: i64 = 2 * MAX_VERIFIERS;
/// How long after the first fetch a further one is counted as a return: resource servers fetch the keys every
/// few minutes.
const AGAIN: TimeSpan = TimeSpan::from_secs(60);
/// The rows per transaction, so that many names do not delay other writes.
const WRITTEN_AT_ONCE: usize = 100;

/// Writes the counts of this process to the database.
///
/// # Errors
/// When the database cannot be written. The counts since the last write are lost, which only delays a
/// rotation.
pub async fn write_verifiers(app: &App, now: Timestamp) -> Result<(), Fault> {
    let taken = app.jwks_fetches.take();
    for some in in_order(taken.known).chunks(WRITTEN_AT_ONCE) {
        let mut tx = app.db.begin().await?;
        for seen in some {
            if !verifiers::touch(&mut tx, seen).await? {
                verifiers::add(&mut tx, seen).await?;
            }
        }
        tx.commit().await?;
    }
    for some in in_order(taken.unknown).chunks(WRITTEN_AT_ONCE) {
        let mut tx = app.db.begin().await?;
        let mut new = Vec::new();
        for seen in some {
            if !verifiers::touch(&mut tx, seen).await? {
                new.push(seen);
            }
        }
        tx.commit().await?;
        if !new.is_empty() {
            let mut tx = app.db.begin().await?;
            add_unknown(app, &mut tx, &new, now).await?;
            tx.commit().await?;
        }
    }
    Ok(())
}

/// Sorted, so that two processes that write the same rows cannot deadlock.
fn in_order(mut seen: Vec<SeenVerifier>) -> Vec<SeenVerifier> {
    seen.sort_by(|a, b| a.name.cmp(&b.name));
    seen
}

/// Adds unknown names. If there is no room, names that never returned are removed first, those absent longest
/// before the others; then the newest. So new names cannot displace one that keeps returning.
async fn add_unknown(
    app: &App,
    tx: &mut Tx,
    new: &[&SeenVerifier],
    now: Timestamp,
) -> Result<(), Fault> {
    let young = verifiers::young(tx, now - LONG_SEEN, SEEN_OFTEN, MAX_LISTED).await?;
    let mut unknown: Vec<_> = young.iter().filter(|seen| !app.is_registered(&seen.name)).collect();
    let came_again = |seen: &SeenVerifier| seen.last_fetch_at - seen.first_fetch_at >= AGAIN;
    unknown.sort_by_key(|seen| match came_again(seen) {
        false => (false, seen.last_fetch_at.millis()),
        true => (true, -seen.first_fetch_at.millis()),
    });
    // Another process may have added some of them meanwhile. Their counts are updated.
    let is_there = |seen: &&&SeenVerifier| young.iter().any(|known| known.name == seen.name);
    let added = new.iter().filter(|seen| !is_there(seen)).count();
    let excess = (unknown.len() + added).saturating_sub(MAX_UNKNOWN);
    let mut displaced: Vec<_> = unknown.iter().take(excess).map(|seen| &seen.name).collect();
    displaced.sort();
    for name in displaced {
        verifiers::remove(tx, name).await?;
    }
    let mut count = verifiers::count(tx).await?;
    for seen in new {
        if count < MAX_VERIFIERS {
            verifiers::add(tx, seen).await?;
            count += 1;
        }
    }
    Ok(())
}

/// The known verifiers that fetched keys recently, those absent longest first: registered names, and names seen for
/// long enough.
///
/// # Errors
/// When the database cannot be read.
pub async fn known(app: &App, now: Timestamp) -> Result<Vec<SeenVerifier>, Fault> {
    let mut reader = app.db.reader().await?;
    let mut seen = verifiers::since(&mut reader, now - VERIFIER_GONE, MAX_LISTED).await?;
    drop(reader);
    let long = |seen: &SeenVerifier| is_long_seen(seen.first_fetch_at, seen.fetches, now);
    let names: HashSet<String> =
        seen.iter().filter(|seen| long(seen)).map(|seen| seen.name.clone()).collect();
    app.jwks_fetches.set_long_seen(names);
    seen.retain(|seen| long(seen) || app.is_registered(&seen.name));
    Ok(seen)
}
