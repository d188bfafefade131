//! Walks through the users with a selected role or group, and counts the sessions of each.

use uuid::Uuid;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Failure;
use crate::domain::pagination::PageRequest;
use crate::domain::session::SessionFilter;
use crate::domain::user::User;
use crate::identity::sessions;
use crate::store::users;

use super::session_selection::{Call, Count};
use super::session_walk::{Position, Stage};

/// The number of users that are read at once.
const AT_ONCE: i64 = 100;
/// The number of sessions that are listed at once.
const ROWS: i64 = 500;

/// A walk through the users of a selection who are logged in.
pub(super) struct UserWalk {
    /// The user who is skipped.
    except: Option<UserId>,
    after: Option<Uuid>,
    is_over: bool,
    /// The number of users that were read.
    pub(super) examined: u64,
}

impl UserWalk {
    /// A walk from where the previous call stopped, without `except`.
    pub(super) fn new(call: &Call, except: Option<UserId>) -> Self {
        Self { except, after: call.after(Stage::Users), is_over: false, examined: 0 }
    }

    /// Where the next call continues; `None` at the end.
    pub(super) fn place(&self) -> Option<Position> {
        let after = self.after.filter(|_| !self.is_over)?;
        Some(Position { stage: Stage::Users, after })
    }

    /// The selected ones of the next users, with the sessions of each; `None` at the end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn next(
        &mut self,
        app: &App,
        call: &Call,
        now: Timestamp,
    ) -> Result<Option<Vec<(UserId, Count)>>, Failure> {
        if self.is_over {
            return Ok(None);
        }
        let request = PageRequest { after: self.after, limit: AT_ONCE };
        let page = users::page(&mut app.db.reader().await?, request).await?;
        self.examined += page.data.len() as u64;
        self.is_over = page.next.is_none();
        self.after = page.data.last().map(|user| user.id.uuid());
        let mut logged_in = Vec::new();
        let is_other = |user: &&User| Some(user.id) != self.except;
        for user in page.data.iter().filter(is_other).filter(|user| call.which.includes(user)) {
            let mut of_user = Count::default();
            count_of_user(app, user.id, now, &mut of_user).await?;
            if of_user != Count::default() {
                logged_in.push((user.id, of_user));
            }
        }
        Ok(Some(logged_in))
    }
}

/// Adds the number of a user's sessions.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn count_of_user(
    app: &App,
    user: UserId,
    now: Timestamp,
    count: &mut Count,
) -> Result<(), Failure> {
    let (filter, mut after) = (SessionFilter::of_user(user), None);
    loop {
        let request = PageRequest { after, limit: ROWS };
        let page = sessions::list(app.clone(), &filter, request, now).await?;
        count.add(&page.data);
        after = page.position();
        if after.is_none() {
            return Ok(());
        }
    }
}
