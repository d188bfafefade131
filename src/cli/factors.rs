//! The second factors of users: showing them with their user, and removing them.

use serde_json::{Value, json};

use crate::admin::factors;
use crate::app::App;
use crate::base::Timestamp;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::identity::factors::Overview;
use crate::view;

use super::error::{CommandError, about};
use super::output::{Output, Row};
use super::startup_report;
use super::user::Named;
use super::with_app::with_app;

/// A user with their second factors.
struct UserWithFactors {
    user: User,
    factors: Overview,
}

impl Row for UserWithFactors {
    const HEAD: &'static [&'static str] =
        &["login", "role", "status", "name", "email", "created", "id", "second factors"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let names =
            self.factors.factors.iter().map(|factor| format!("{} ({})", factor.name, factor.kind));
        let mut cells = self.user.cells(now);
        let mut factors: Vec<String> = names.collect();
        if self.factors.recovery_codes > 0 {
            factors.push(format!("{} recovery codes left", self.factors.recovery_codes));
        }
        cells.push(factors.join(", "));
        cells
    }

    fn json(&self) -> Value {
        let mut value = self.user.json();
        let factors = view::factors(&self.factors);
        value["factors"] = json!(factors["data"]);
        value["recovery_codes_left"] = json!(factors["recovery_codes_left"]);
        value
    }
}

/// Shows a user with their second factors.
pub async fn show(app: App, named: &Named, output: Output) -> Result<(), CommandError> {
    let user = named.find(&app).await?;
    let factors = app.run_to_completion(factors::list(app.clone(), user.id)).await;
    let factors = factors.map_err(about("user", &user.login))?;
    Ok(output.one(&UserWithFactors { user, factors })?)
}

/// Removes all second factors and recovery codes of a user.
pub fn reset(named: &Named) -> Result<(), CommandError> {
    with_app(async |app| {
        let user = named.find(&app).await?;
        let work = factors::reset(app.clone(), user.id, RequestInfo::cli(app.now()));
        let removed = app.run_to_completion(work).await.map_err(about("user", &user.login))?;
        let (login, id) = (&user.login, user.id);
        startup_report::say(&if removed {
            format!(
                "Removed the second factors and recovery codes of user {login} ({id}); the user's sessions \
                 have ended\n"
            )
        } else {
            format!(
                "User {login} ({id}) has no second factors and no recovery codes; nothing changed\n"
            )
        });
        Ok(())
    })
}
