//! Findings that need an administrator, from a few cheap reads.

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Failure;
use crate::domain::pagination::{MAX_LIMIT, PageRequest};
use crate::store::{admin_keys, clients, mails};

use super::declarative::drift;
use super::health::{self, Health};
use super::keys;

/// A mail that has waited for longer is not on its way.
const MAIL_PATIENCE: TimeSpan = TimeSpan::from_mins(10);
/// How long before its end a key is mentioned.
const EXPIRES_SOON: TimeSpan = TimeSpan::from_days(14);
/// More mails are not counted.
const MOST_MAILS: i64 = 1_000;

/// Something to look at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The database can be read and not written.
    ReadOnly,
    /// Tokens cannot be signed or verified.
    NotSigning,
    /// The clock differs from that of the database.
    Clock,
    /// Processes have different settings.
    Settings {
        /// How many settings differ.
        n: usize,
    },
    /// A published key waits for resource servers that have not fetched it.
    KeyWaits {
        /// The key.
        kid: String,
        /// How many have not fetched it.
        missing: usize,
    },
    /// Mails are not delivered.
    Mails {
        /// How many wait.
        n: i64,
        /// Since when the oldest does.
        since: Timestamp,
    },
    /// Objects that a configuration file manages were changed elsewhere.
    Drift {
        /// The source of the file.
        source: String,
        /// How many objects.
        n: usize,
    },
    /// An administration key ends soon.
    AdminKey {
        /// The client.
        client_id: String,
        /// The name of the key.
        name: String,
        /// When it ends.
        expires_at: Timestamp,
    },
}

/// What was found, and the health that it was found from.
///
/// # Errors
/// When the database cannot be read.
pub async fn look(app: App, now: Timestamp) -> Result<(Vec<Finding>, Health), Failure> {
    let health = health::look(app.clone(), now).await?;
    let mut found = of_health(&health);
    for key in keys::list(app.clone(), now).await? {
        let waits = key.next.is_some_and(|next| next.waits_for_verifiers);
        if let Some(held) = key.verifiers.filter(|_| waits) {
            found.push(Finding::KeyWaits { kid: key.kid, missing: held.known - held.holding });
        }
    }
    let mut reader = app.db.reader().await?;
    let since = mails::oldest(&mut reader).await?.map(|id| id.made_at());
    if let Some(since) = since.filter(|since| *since + MAIL_PATIENCE < now) {
        let n = mails::waiting(&mut reader, MOST_MAILS).await?;
        found.push(Finding::Mails { n, since });
    }
    for stored in clients::all(&mut reader).await? {
        if stored.client.metadata.admin_scopes.is_empty() {
            continue;
        }
        let (id, all) = (&stored.client.client_id, PageRequest { after: None, limit: MAX_LIMIT });
        for key in admin_keys::page(&mut reader, id, all).await?.data {
            if now < key.expires_at && key.expires_at <= now + EXPIRES_SOON {
                let (client_id, name, expires_at) = (id.clone(), key.name, key.expires_at);
                found.push(Finding::AdminKey { client_id, name, expires_at });
            }
        }
    }
    drop(reader);
    let drifts = drift(&app).await?;
    let drifted = drifts.by_source.into_iter().filter(|(_, n)| *n > 0);
    found.extend(drifted.map(|(source, n)| Finding::Drift { source, n }));
    Ok((found, health))
}

fn of_health(health: &Health) -> Vec<Finding> {
    let mut found = Vec::new();
    if !health.writes {
        found.push(Finding::ReadOnly);
    }
    if !health.signs {
        found.push(Finding::NotSigning);
    }
    if !health.clock_agrees {
        found.push(Finding::Clock);
    }
    if health.differing_settings > 0 {
        found.push(Finding::Settings { n: health.differing_settings });
    }
    found
}
