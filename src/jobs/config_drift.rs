//! Managed objects that were changed elsewhere, for the metrics and the log.

use crate::admin::declarative::drift;
use crate::app::App;
use crate::domain::outcome::Fault;

// Every server counts for itself: the gauge of each is true, and there is no leader to lose.

/// Compares every managed object with what the files said, sets the gauge of each source and warns of those that have
/// drifted. Changes nothing.
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
