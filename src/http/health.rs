//! What operators and load balancers ask: alive, ready, how busy.

use actix_web::HttpResponse;
use serde_json::json;

use crate::app::App;
use crate::domain::outcome::Failure;
use crate::oauth::grants;

use super::context::Context;

/// Alive: touches nothing, so that a slow database does not get the process restarted.
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Ready: really signs, verifies, reads and writes.
pub async fn ready(context: Context) -> HttpResponse {
    readiness(&context, true).await
}

/// Ready for what only reads: the same without writing. For routes of which the keys, the metadata and
/// introspection are asked: a database that cannot be written must not take them away.
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

/// Lets everything that is counted by grant begin at 0.
pub fn begin_counting(app: &App) {
    app.metrics.know_grants(grants::NAMES.iter().copied().chain([grants::label("")]));
}

/// The metrics of the moment in OpenMetrics text; served on a listener of its own.
#[must_use]
pub fn metrics_text(app: &App) -> String {
    let depth = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    let mut gauges = vec![
        ("argon2_queue_depth", "Password hashes waiting", depth(app.hasher.queue_depth())),
        ("argon2_workers", "Password hashes at the same time", depth(app.hasher.workers())),
        (
            "clock_believed",
            "Whether keys rotate: 0 after a jump",
            i64::from(app.clock_was_steady()),
        ),
        (
            "clock_offset_milliseconds",
            "The clock of the database minus that of this machine",
            app.clock_offset().millis(),
        ),
        (
            "settings_that_differ",
            "Settings that differ between the servers on the database for ten minutes",
            app.process.differing_settings(),
        ),
        (
            "mail_oldest_age_seconds",
            "How long the oldest mail has waited to be delivered",
            app.metrics.longest_wait_of_mail(app.now()).secs(),
        ),
        ("refresh_queue_depth", "Refreshes waiting", depth(app.refresher.queue_depth())),
    ];
    if let Some((open, limit)) = app.db.connections() {
        gauges.push(("database_connections", "Connections to PostgreSQL", depth(open)));
        gauges.push((
            "database_connections_limit",
            "Connections to PostgreSQL that the settings and the server allow",
            depth(limit),
        ));
    }
    if let Some(ends) = app.metrics.certificate_end() {
        let help = "When the first certificate of the TLS chain expires, in seconds since 1970";
        gauges.push(("tls_certificate_expiry_timestamp_seconds", help, ends.secs()));
    }
    app.metrics.render(&gauges)
}
