//! The JSON of the overview and of the health of a server.

use serde_json::{Map, Value, json};

use crate::admin::activity::{Activity, Range};
use crate::admin::attention::Finding;
use crate::admin::health::Health;
use crate::admin::overview::Overview;
use crate::domain::activity::Series;
use crate::domain::day_comparison::DayComparison;

/// The conditions that need attention, the last day and the days before it, the counts, and the health of the server.
#[must_use]
pub fn overview(overview: &Overview, range: Range) -> Value {
    let days = overview.days.iter().map(|of| {
        let comparison = DayComparison::of(of.day, &of.before).as_str();
        json!({ "what": of.what, "last_day": of.day, "days_before": of.before, "comparison": comparison })
    });
    let activity = overview.activity.iter().map(|(series, found)| activity(*series, found));
    let state = overview.state.as_ref();
    json!({
        "range": range,
        "attention": state.map(|(found, _)| found.iter().map(finding).collect::<Vec<_>>()),
        "days": days.collect::<Vec<_>>(),
        "activity": activity.collect::<Vec<_>>(),
        "health": state.map(|(_, found)| health(found)),
    })
}

fn activity(series: Series, found: &Activity) -> Value {
    let steps = found.steps.iter().map(|step| {
        let counts = found.keys.iter().cloned().zip(step.counts.iter().map(|n| json!(n)));
        json!({ "at": step.at.rfc3339(), "counts": counts.collect::<Map<_, _>>() })
    });
    json!({ "series": series, "keys": found.keys, "steps": steps.collect::<Vec<_>>() })
}

/// A condition that needs attention.
fn finding(finding: &Finding) -> Value {
    match finding {
        Finding::ReadOnly => json!({ "finding": "read_only" }),
        Finding::NotSigning => json!({ "finding": "not_signing" }),
        Finding::Clock => json!({ "finding": "clock" }),
        Finding::Settings { n } => json!({ "finding": "settings_differ", "n": n }),
        Finding::KeyWaits { kid, missing } => {
            json!({ "finding": "key_waits", "kid": kid, "missing": missing })
        }
        Finding::Mails { n, since } => {
            json!({ "finding": "mail_waits", "n": n, "since": since.rfc3339() })
        }
        Finding::Drift { source, n } => json!({ "finding": "drift", "source": source, "n": n }),
        Finding::AdminKey { client_id, name, expires_at } => json!({
            "finding": "admin_key_expires",
            "client_id": client_id,
            "name": name,
            "expires_at": expires_at.rfc3339(),
        }),
    }
}

/// The health of a server, and the servers on its database.
#[must_use]
pub fn health(health: &Health) -> Value {
    let processes = health.processes.iter().map(|process| {
        json!({
            "id": process.id,
            "name": process.name,
            "version": process.version,
            "started_at": process.started_at.rfc3339(),
            "seen_at": process.beat_at.rfc3339(),
        })
    });
    json!({
        "database_read": health.reads,
        "database_write": health.writes,
        "signing": health.signs,
        "clock": health.clock_agrees,
        "differing_settings": health.differing_settings,
        "processes": processes.collect::<Vec<_>>(),
    })
}
