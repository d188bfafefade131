//! The overview of the console and `signet overview`: whether the last hours were normal.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::activity::Series;
use crate::domain::outcome::Failure;

use super::activity::{self, Activity, DayActivity, Range};
use super::attention::{self, Finding};
use super::health::Health;

/// The overview.
#[derive(Debug, Clone)]
pub struct Overview {
    /// Conditions that need an administrator, and the health of the server; `None` if the caller may not see them.
    pub state: Option<(Vec<Finding>, Health)>,
    /// The last day, and the days before for comparison.
    pub days: Vec<DayActivity>,
    /// The counts of each series.
    pub activity: Vec<(Series, Activity)>,
}

/// Collects the overview. It includes the counts of this process, if the database can be written, but the counts of
/// other processes in the last minute may be missing.
///
/// # Errors
/// When the database cannot be read.
pub async fn collect(
    app: App,
    range: Range,
    with_state: bool,
    now: Timestamp,
) -> Result<Overview, Failure> {
    activity::write_counted(&app).await;
    let state = match with_state {
        true => Some(attention::collect(app.clone(), now).await?),
        false => None,
    };
    let days = activity::last_days(&app, now).await?;
    let mut found = Vec::new();
    for series in Series::ALL {
        found.push((*series, activity::over(&app, *series, range, now).await?));
    }
    Ok(Overview { state, days, activity: found })
}
