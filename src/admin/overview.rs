//! Whether the last hours were normal: what the overview of the console shows, and `signet overview` prints.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::activity::Series;
use crate::domain::outcome::Failure;

use super::activity::{self, Activity, DayActivity, Range};
use super::attention::{self, Finding};
use super::health::Health;

/// What was found.
#[derive(Debug, Clone)]
pub struct Overview {
    /// What needs an administrator, and the health of the server; none for one who may not see it.
    pub state: Option<(Vec<Finding>, Health)>,
    /// The last day beside those before.
    pub days: Vec<DayActivity>,
    /// How much happened of each series.
    pub activity: Vec<(Series, Activity)>,
}

/// Looks. What this process has counted is in it, unless the database cannot be written; what others have counted in
/// the last minute may not be.
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
