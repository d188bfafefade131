//! What operators and load balancers ask: alive, ready, how busy.

use actix_web::HttpResponse;
use serde_json::json;

use crate::app::App;
use crate::domain::outcome::Failure;

use super::context::Context;

/// Alive: touches nothing, so that a slow database does not get the process restarted.
pub async fn health() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok" }))
}

/// Ready: really signs, verifies and reads.
pub async fn ready(context: Context) -> HttpResponse {
    let app = &context.app;
    let signing = app.keyring().works(app.issuer(), context.now());
    let database = {
        let app = app.clone();
        let read = async move { app.read_probe().await.map_err(Failure::from) };
        context.app.run_to_completion(read).await.is_ok()
    };
    let draining = app.is_draining();
    let word = |ok: bool| if ok { "ok" } else { "failing" };
    let ok = signing && database && !draining;
    let body = json!({
        "status": word(ok),
        "checks": {
            "database": word(database),
            "signing_key": word(signing),
            "accepting": word(!draining),
        },
    });
    if ok {
        HttpResponse::Ok().json(body)
    } else {
        HttpResponse::ServiceUnavailable().insert_header(("Retry-After", "2")).json(body)
    }
}

/// The metrics of the moment in OpenMetrics text; served on a listener of its own.
#[must_use]
pub fn metrics_text(app: &App) -> String {
    let depth = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
    app.metrics.render(&[
        ("argon2_queue_depth", "Password hashes waiting", depth(app.hasher.queue_depth())),
        ("argon2_workers", "Password hashes at the same time", depth(app.hasher.workers())),
        (
            "clock_believed",
            "Whether keys rotate: 0 after a jump",
            i64::from(app.clock_was_steady()),
        ),
        ("refresh_queue_depth", "Refreshes waiting", depth(app.refresher.queue_depth())),
    ])
}
