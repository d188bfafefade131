//! The sessions and consents that a change ends.

use serde_json::Value;

use super::plan::{Action, Change};
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::managed::ManagedKind;
use crate::domain::outcome::Fault;
use crate::store::{Link, impact, users};

/// The sessions and consents that a change ends, counted up to [`impact::MOST`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Impact {
    /// Live sessions.
    pub sessions: i64,
    /// Consents of users.
    pub consents: i64,
}

/// Counts the impact of changes that end something. A count that takes too long stays unknown.
pub async fn count(app: &App, changes: &mut [Change], now: Timestamp) {
    for change in changes.iter_mut().filter(|change| ends(change)) {
        match count_one(app, change, now).await {
            Ok(found) => change.impact = found,
            Err(fault) => tracing::warn!(%fault, "the effects of a change were not counted"),
        }
    }
}

/// Whether a change deletes its object or ends sessions.
fn ends(change: &Change) -> bool {
    match change.action {
        Action::Delete => true,
        Action::Update => change.fields.iter().any(|found| match &*found.field {
            "disabled" => found.after == Some(Value::Bool(true)),
            // One of Signet's own roles is withdrawn.
            "role" => found.before.is_some(),
            _ => false,
        }),
        _ => false,
    }
}

async fn count_one(app: &App, change: &Change, now: Timestamp) -> Result<Option<Impact>, Fault> {
    let mut reader = app.db.reader().await?;
    let name = &*change.name;
    let is_deleted = change.action == Action::Delete;
    Ok(Some(match change.kind {
        ManagedKind::Api => Impact {
            sessions: impact::sessions_for_api(&mut reader, name, now).await?,
            consents: impact::consents_for_api(&mut reader, name).await?,
        },
        ManagedKind::Client => Impact {
            sessions: impact::sessions_of_client(&mut reader, name, now).await?,
            consents: if is_deleted {
                impact::consents_of_client(&mut reader, name).await?
            } else {
                0
            },
        },
        ManagedKind::User => {
            let Some(user) = user_of(&mut reader, name).await? else { return Ok(None) };
            Impact {
                sessions: impact::sessions_of_user(&mut reader, user, now).await?,
                consents: if is_deleted {
                    impact::consents_of_user(&mut reader, user).await?
                } else {
                    0
                },
            }
        }
    }))
}

async fn user_of(link: &mut impl Link, name: &str) -> Result<Option<UserId>, Fault> {
    Ok(users::credential(link, name).await?.map(|found| found.user.id))
}
