//! Drift of managed objects, for the metrics and the log.

use crate::admin::declarative::drift;
use crate::app::App;
use crate::domain::outcome::Fault;

// Every server counts for itself, so no leader is needed.

/// Compares every managed object with what was applied, sets the gauge of each source, and logs a warning for sources
/// with drift. Changes nothing.
///
/// # Errors
/// When the database cannot be read.
pub async fn compare(app: &App) -> Result<(), Fault> {
    let found = drift(app).await?;
    for (source, objects) in found.by_source.iter().filter(|(_, objects)| **objects > 0) {
        tracing::warn!(
            "{objects} objects of the configuration source {source} have drifted: signet drift lists them"
        );
    }
    let by_source = found.by_source.iter().map(|(source, objects)| (source, *objects));
    app.metrics.config_has_drifted(by_source);
    Ok(())
}
