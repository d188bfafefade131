//! The selected users, encoded in an address.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::admin::users;
use crate::base::id::UserId;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::user::User;
use crate::http::error::Problem;
use crate::http::ui::console::Console;

/// The most users of one form.
pub(super) const MAX_USERS: usize = 100;
/// The separator of ids in an address.
const SEPARATOR: char = '.';

impl Console {
    pub(super) fn too_many(&self, found: usize) -> Problem {
        let (n, max) = (found.to_string(), MAX_USERS.to_string());
        self.unusable(self.locale().with("console.bulk.too_many", &[("n", &n), ("max", &max)]))
    }

    fn unusable(&self, message: String) -> Problem {
        let refusal = Refusal::new(Code::ValidationFailed, "").with_message(message);
        self.context().problem(refusal.into())
    }

    /// The users that an address names, sorted by login. Users that were deleted meanwhile are left out.
    pub(super) async fn selected(&self, ids: &str) -> Result<Vec<User>, Problem> {
        let none = || self.unusable(self.locale().t("console.bulk.no_users").to_owned());
        let ids = decode(ids).ok_or_else(none)?;
        if ids.len() > MAX_USERS {
            return Err(self.too_many(ids.len()));
        }
        let mut users = Vec::with_capacity(ids.len());
        for id in ids {
            match self.context().run(users::show(self.context().app.clone(), id)).await {
                Ok(user) => users.push(user),
                Err(problem) if problem.code() == Code::NotFound => {}
                Err(problem) => return Err(problem),
            }
        }
        users.sort_by(|one, other| one.login.cmp(&other.login));
        Ok(users)
    }
}

/// The ids of users for an address.
pub(super) fn encode(ids: &BTreeSet<Uuid>) -> String {
    let ids: Vec<String> = ids.iter().map(|id| URL_SAFE_NO_PAD.encode(id.as_bytes())).collect();
    ids.join(&SEPARATOR.to_string())
}

/// The ids in an address, without repetitions. `None` if a part is not an id.
fn decode(text: &str) -> Option<Vec<UserId>> {
    let ids = text.split(SEPARATOR).map(|id| {
        let bytes: [u8; 16] = URL_SAFE_NO_PAD.decode(id).ok()?.try_into().ok()?;
        Some(Uuid::from_bytes(bytes))
    });
    let ids: BTreeSet<Uuid> = ids.collect::<Option<_>>()?;
    Some(ids.into_iter().map(UserId::from_uuid).collect())
}
