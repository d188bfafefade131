//! `/admin/users`: finds users, shows one, and acts on them.
//!
//! Owns the presentation of a user: login, roles, state.

pub mod actions;
pub mod api_keys;
pub mod bulk;
mod causes;
mod filters;
pub mod list;
mod list_query;
pub mod new;
pub mod one;
mod outcomes;
pub mod preview;
mod selection;
mod typed_user;
pub mod why;

use std::collections::HashMap;

use crate::admin::{user_search, users};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::user::User;
use crate::http::error::Problem;
use crate::http::ui::pages::{Cell, State};

use super::Console;

pub(super) use list_query::{UserListQuery, find_command, knows};

impl Console {
    /// Until when users are locked out by failed attempts.
    async fn locked_until(&self, users: Vec<User>) -> Result<HashMap<UserId, Timestamp>, Problem> {
        let context = self.context();
        context.run(user_search::locked_until(context.app.clone(), users, context.now())).await
    }

    /// Whether a user can sign in, as a word with a sign.
    fn state(&self, user: &User, locked: &HashMap<UserId, Timestamp>) -> Cell {
        let locale = self.locale();
        if let Some(at) = user.disabled_at {
            let since = locale.with("console.disabled_since", &[("when", &self.when(at))]);
            Cell::state(State::Alarm, locale.t("console.disabled")).noting(since)
        } else if let Some(until) = locked.get(&user.id) {
            let until = locale.with("console.until", &[("when", &locale.date_time(*until))]);
            Cell::state(State::Alarm, locale.t("console.locked")).noting(until)
        } else if user.must_change_password {
            Cell::state(State::Plain, locale.t("console.must_change"))
        } else {
            Cell::state(State::Good, locale.t("console.active"))
        }
    }

    /// The role at Signet itself; a badge if it administers.
    fn role_cell(&self, user: &User) -> Cell {
        match user.role.is_signets_own() {
            true => Cell { is_badge: true, ..Cell::text(user.role.as_str()) },
            false => Cell::text(user.role.as_str()),
        }
    }

    /// The user that an address names.
    pub(super) async fn named_user(&self, id: &str) -> Result<User, Problem> {
        let unknown = || Refusal::new(Code::NotFound, "There is no such user.");
        let id = self.context().check(id.parse::<UserId>().map_err(|_| unknown()))?;
        self.context().run(users::show(self.context().app.clone(), id)).await
    }
}
