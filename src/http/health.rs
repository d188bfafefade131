//! Liveness, readiness and metrics, for operators and load balancers.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use actix_web::HttpResponse;
use serde_json::json;

use crate::app::App;
use crate::base::{Timestamp, build_info};
use crate::domain::outcome::Failure;
use crate::metrics::{LOST_LOG_LINES, Reading};
use crate::oauth::grants;

use super::context::Context;

/// Liveness: accesses nothing, so that a slow database does not cause a restart of the process.
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Readiness: actually signs, verifies, reads and writes.
pub async fn ready(context: Context) -> HttpResponse {
    readiness(&context, true).await
}

/// Readiness of the routes that only read: the same without the write. A load balancer uses it for the keys, the
/// metadata and introspection, which must stay reachable when the database cannot be written.
pub async fn ready_read(context: Context) -> HttpResponse {
    readiness(&context, false).await
}

async fn readiness(context: &Context, writes: bool) -> HttpResponse {
    let app = &context.app;
    let signing = app.keyring().works(app.issuer(), context.now());
    let probed = {
        let app = app.clone();
        let probe = async move {
            let read = app.read_probe().await.is_ok();
            Ok::<_, Failure>((read, !writes || read && app.can_write().await))
        };
        context.app.run_to_completion(probe).await
    };
    let (read, write) = probed.unwrap_or((false, !writes));
    let draining = app.is_draining();
    let word = |ok: bool| if ok { "ok" } else { "failing" };
    let clock = app.agrees_with_database_clock();
    let ok = signing && read && write && clock && !draining;
    let mut body = json!({
        "status": word(ok),
        "checks": {
            "database": word(read),
            "signing_key": word(signing),
            "accepting": word(!draining),
            "clock": word(clock),
        },
    });
    if writes {
        body["checks"]["database_write"] = word(write).into();
    }
    if ok {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().insert_header(("Retry-After", "2")).json(body)
    }
}

/// Initialises every counter with a grant label at 0.
pub fn begin_counting(app: &App) {
    app.metrics.know_grants(grants::NAMES.iter().copied().chain([grants::label("")]));
}

/// The current metrics as OpenMetrics text, served on a separate listener.
#[must_use]
pub fn metrics_text(app: &App) -> String {
    let now = app.now();
    let mut shown = vec![
        Reading::with("signet_build_info", "Version and commit", [(version_labels(), 1.0)]),
        Reading::by(
            "signet_ready",
            "Whether this server is ready, by dependency",
            "check",
            [
                ("database", app.metrics.database_works()),
                ("signing_key", app.keyring().works(app.issuer(), now)),
                ("clock", app.agrees_with_database_clock()),
                ("accepting", !app.is_draining()),
            ],
        ),
        Reading::gauge(
            "signet_argon2_queue_depth",
            "Password hashes waiting",
            app.hasher.queue_depth(),
        ),
        Reading::gauge(
            "signet_argon2_workers",
            "Password hashes at the same time",
            app.hasher.workers(),
        ),
        Reading::gauge(
            "signet_clock_believed",
            "Whether keys rotate: 0 after a clock jump",
            app.clock_was_steady(),
        ),
        Reading::gauge(
            "signet_clock_offset_seconds",
            "The clock of the database minus that of this machine",
            app.clock_offset().millis() as f64 / 1000.0,
        ),
        Reading::gauge(
            "signet_settings_that_differ",
            "Settings that differ between the servers on the database for ten minutes",
            app.process.differing_settings(),
        ),
        Reading::gauge(
            "signet_mail_oldest_age_seconds",
            "How long the oldest mail has waited to be delivered",
            app.metrics.longest_wait_of_mail(now).secs(),
        ),
        Reading::gauge(
            "signet_refresh_queue_depth",
            "Refreshes waiting",
            app.refresher.queue_depth(),
        ),
        Reading::counter(
            "signet_log_lines_lost",
            "Log lines that were dropped because they were written faster than they were read",
            LOST_LOG_LINES.load(Ordering::Relaxed),
        ),
    ];
    shown.extend(signing_keys(app, now));
    shown.extend(connections(app));
    if let Some(ends) = app.metrics.certificate_end() {
        let help = "When the first certificate of the TLS chain expires, in seconds since 1970";
        let name = "signet_tls_certificate_expiry_timestamp_seconds";
        shown.push(Reading::gauge(name, help, ends.secs()));
    }
    app.metrics.render(&shown)
}

fn version_labels() -> Vec<(&'static str, String)> {
    let commit = build_info::commit().unwrap_or("unknown");
    vec![("version", build_info::VERSION.to_owned()), ("commit", commit.to_owned())]
}

/// The age of the oldest published key of each algorithm and state, and when they change next.
fn signing_keys(app: &App, now: Timestamp) -> Vec<Reading> {
    let keyring = app.keyring();
    let mut ages = BTreeMap::new();
    for key in &keyring.facts {
        let age = ages.entry((key.alg.as_str(), key.state.as_str())).or_insert(0);
        *age = (now - key.published_at).secs().max(*age);
    }
    let ages = ages.into_iter().map(|((alg, state), age)| {
        (vec![("alg", alg.to_owned()), ("state", state.to_owned())], age as f64)
    });
    let help = "Time since the oldest key of this algorithm and state was published";
    let mut shown = vec![Reading::with("signet_signing_key_age_seconds", help, ages)];
    if let Some(next) = keyring.next_change {
        let help = "When the published keys change next as far as planned, in seconds since 1970";
        let name = "signet_signing_key_next_change_timestamp_seconds";
        shown.push(Reading::gauge(name, help, next.secs()));
    }
    shown
}

fn connections(app: &App) -> Vec<Reading> {
    let (idle, lent) = app.db.lent_connections();
    let help = "Connections to the database";
    let states = [("idle", idle), ("in_use", lent)];
    let mut shown = vec![Reading::by("signet_db_pool_connections", help, "state", states)];
    if let Some((open, limit)) = app.db.connections() {
        shown.push(Reading::gauge(
            "signet_database_connections",
            "Connections to PostgreSQL",
            open,
        ));
        shown.push(Reading::gauge(
            "signet_database_connections_limit",
            "Connections to PostgreSQL that the settings and the server allow",
            limit,
        ));
    }
    shown
}
