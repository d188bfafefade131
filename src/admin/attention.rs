//! Conditions that need an administrator, found with a few cheap reads.

use crate::app::App;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Failure;
use crate::domain::pagination::{MAX_LIMIT, PageRequest};
use crate::store::{admin_keys, clients, mails};

use super::declarative::drift;
use super::health::{self, Health};
use super::keys;

/// How long a mail may wait until it is reported.
const MAIL_PATIENCE: TimeSpan = TimeSpan::from_mins(10);
/// How long before its expiry a key is reported.
const EXPIRES_SOON: TimeSpan = TimeSpan::from_days(14);
/// The most mails that are counted.
const MAX_MAILS: i64 = 1_000;

/// A condition that needs an administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The database can be read but not written.
    ReadOnly,
    /// Tokens cannot be signed or verified.
    NotSigning,
    /// The clock differs from that of the database.
    Clock,
    /// The processes have different settings.
    Settings {
        /// How many settings differ.
        n: usize,
    },
    /// A published key waits for resource servers that have not fetched it.
    KeyWaits {
        /// The key ID of the published key.
        kid: String,
        /// The number of resource servers that have not fetched it.
        missing: usize,
    },
    /// Mails are not delivered.
    Mails {
        /// The number of waiting mails.
        n: i64,
        /// When the oldest was written.
        since: Timestamp,
    },
    /// Objects that a configuration file manages were changed elsewhere.
    Drift {
        /// The source of the file.
        source: String,
        /// The number of objects.
        n: usize,
    },
    /// An administration key expires soon.
    AdminKey {
        /// The `client_id` of the service client.
        client_id: String,
        /// The name of the key.
        name: String,
        /// When it expires.
        expires_at: Timestamp,
    },
}

/// The findings, and the health that some of them are derived from.
///
/// # Errors
/// When the database cannot be read.
pub async fn collect(app: App, now: Timestamp) -> Result<(Vec<Finding>, Health), Failure> {
    let health = health::collect(app.clone(), now).await?;
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
        let n = mails::waiting(&mut reader, MAX_MAILS).await?;
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
