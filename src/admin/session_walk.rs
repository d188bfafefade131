//! Walks through active sessions and sign-ins if no index finds the selected ones, and resumes where an
//! earlier call stopped.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::{BranchId, BrowserId, SessionId, UserId};
use crate::domain::outcome::Failure;
use crate::domain::pagination::PageRequest;
use crate::domain::session::SessionFilter;
use crate::identity::sessions::{self, LoggedIn};
use crate::store::sessions::walk;

/// The rows per statement.
const ROWS: i64 = 500;

/// The rows to walk through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    /// Sign-ins at the pages. They come first, because their sessions end with them.
    SignIns,
    /// Sessions of clients.
    Sessions,
    /// Users.
    Users,
    /// The sessions of one client.
    OfClient,
}

const STAGES: [Stage; 4] = [Stage::SignIns, Stage::Sessions, Stage::Users, Stage::OfClient];

/// The position of a walk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub(super) stage: Stage,
    pub(super) after: Uuid,
}

impl Position {
    /// The cursor of this position.
    #[must_use]
    pub fn cursor(&self) -> String {
        let mut bytes = vec![self.stage as u8];
        bytes.extend_from_slice(self.after.as_bytes());
        URL_SAFE_NO_PAD.encode(bytes)
    }

    /// Reads a cursor. `None` if it is invalid.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (stage, after) = bytes.split_first()?;
        let stage = *STAGES.get(usize::from(*stage))?;
        Some(Self { stage, after: Uuid::from_slice(after).ok()? })
    }
}

/// An active entry of a walk.
#[derive(Debug, Clone, Copy)]
pub(super) enum Found {
    /// A session of a client.
    Session(SessionId),
    /// A sign-in at the pages.
    SignIn(BrowserId),
}

/// A walk through all sign-ins, then all sessions.
pub(super) struct Walk<'a> {
    app: &'a App,
    before: Option<Timestamp>,
    /// The user whose sessions are skipped.
    except: Option<UserId>,
    now: Timestamp,
    /// The position; `None` at the end.
    place: Option<Position>,
    /// The rows that were read.
    pub(super) examined: u64,
}

impl<'a> Walk<'a> {
    /// A walk through sessions that began before `before`, or through all.
    pub(super) fn new(
        app: &'a App,
        before: Option<Timestamp>,
        start: Option<Position>,
        now: Timestamp,
    ) -> Self {
        let first = Position { stage: Stage::SignIns, after: Uuid::nil() };
        let place = Some(start.unwrap_or(first));
        Self { app, before, except: None, now, place, examined: 0 }
    }

    /// The same walk, without the sessions of this user.
    pub(super) fn except(self, user: Option<UserId>) -> Self {
        Self { except: user, ..self }
    }

    /// The position at which it continues.
    pub(super) const fn place(&self) -> Option<Position> {
        self.place
    }

    /// The live entries among the next rows that began before the time; `None` at the end.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Found>>, Failure> {
        let Some(Position { stage, after }) = self.place else { return Ok(None) };
        let is_older = |made_at: Timestamp| self.before.is_none_or(|before| made_at < before);
        let is_of_others = |user: UserId| Some(user) != self.except;
        let mut reader = self.app.db.reader().await?;
        let (found, read, last): (Vec<Found>, usize, Option<Uuid>) = if stage == Stage::SignIns {
            let after = BrowserId::from_uuid(after);
            let rows = walk::sign_ins(&mut reader, after, ROWS, self.now).await?;
            let live = rows.iter().filter(|row| row.is_live() && is_of_others(row.user_id));
            let live = live.filter(|row| is_older(row.id.made_at()));
            let found = live.map(|row| Found::SignIn(row.id)).collect();
            (found, rows.len(), rows.last().map(|row| row.id.uuid()))
        } else {
            let after = BranchId::from_uuid(after);
            let rows = walk::branches(&mut reader, after, ROWS, self.now).await?;
            let live = rows.iter().filter(|row| row.is_live() && is_of_others(row.user_id));
            let live = live.filter(|row| is_older(row.session.made_at()));
            let found = live.map(|row| Found::Session(row.session)).collect();
            (found, rows.len(), rows.last().map(|row| row.id.uuid()))
        };
        self.examined += read as u64;
        self.place = match (last, stage) {
            (Some(after), _) => Some(Position { stage, after }),
            (None, Stage::SignIns) => Some(Position { stage: Stage::Sessions, after: Uuid::nil() }),
            (None, _) => None,
        };
        Ok(Some(found))
    }
}

/// The active sessions of a user that began before a time.
///
/// # Errors
/// When the database cannot be read.
pub(super) async fn of_user(
    app: &App,
    user: UserId,
    before: Timestamp,
    now: Timestamp,
) -> Result<Vec<Found>, Failure> {
    let (filter, mut after, mut found) = (SessionFilter::of_user(user), None, Vec::new());
    loop {
        let request = PageRequest { after, limit: ROWS };
        let page = sessions::list(app.clone(), &filter, request, now).await?;
        found.extend(page.data.iter().filter_map(|row| match row {
            LoggedIn::Client(listed) => {
                let id = listed.session.id;
                (id.made_at() < before).then_some(Found::Session(id))
            }
            LoggedIn::Browser(browser, _) => {
                (browser.id.made_at() < before).then_some(Found::SignIn(browser.id))
            }
        }));
        after = page.position();
        if after.is_none() {
            return Ok(found);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_leads_back_to_its_position() {
        for stage in STAGES {
            let position = Position { stage, after: Uuid::from_u128(7) };
            assert_eq!(Position::parse(&position.cursor()), Some(position));
        }
        for text in ["", "x", "AAAA", "_wAAAAAAAAAAAAAAAAAAAAc"] {
            assert_eq!(Position::parse(text), None, "{text}");
        }
    }
}
