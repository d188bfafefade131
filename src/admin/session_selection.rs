//! Selections of sessions and sign-ins that are ended or counted together, the bounds of one call, and its result.

use uuid::Uuid;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::user::User;
use crate::identity::sessions::LoggedIn;

use super::session_walk::{Position, Stage, Walk};

/// The selected sessions and sign-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// All sessions of all users.
    Everyone,
    /// All sessions of a user.
    User(UserId),
    /// The sessions of a client.
    Client(String),
    /// All sessions and sign-ins that began before this time.
    Before(Timestamp),
    /// All sessions of the users who have this role.
    Role(String),
    /// All sessions of the users who are in this group.
    Group(String),
}

/// How many were found or ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Sessions of clients.
    pub sessions: u64,
    /// Sign-ins at the pages.
    pub sign_ins: u64,
}

/// The parameters of one call.
#[derive(Debug, Clone)]
pub struct Call {
    /// The selection.
    pub which: Selection,
    /// Where an earlier call stopped.
    pub after: Option<Position>,
    /// The bound of this call.
    pub bound: Bound,
}

/// How much a call does before it stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bound {
    /// Unbounded.
    None,
    /// Bounded for a request that waits for the result.
    Request,
    /// Bounded for a page that only displays the number.
    Page,
}

/// The result of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The count; `None` if all ended with the write of one row.
    pub count: Option<Count>,
    /// Where the next call continues; `None` when everything is done.
    pub next: Option<Position>,
}

/// The most rows that a bounded call reads.
const MOST_ROWS: u64 = 50_000;
/// The most sessions that are counted for a page.
const MOST_SHOWN: u64 = 1_000;
/// The most sessions that a bounded call ends one by one.
const MOST_ENDED: u64 = 1_000;

impl Call {
    pub(super) fn is_full(&self, count: Count, examined: u64) -> bool {
        let is_bounded = self.bound != Bound::None;
        is_bounded && (examined >= MOST_ROWS || count.sessions + count.sign_ins >= MOST_ENDED)
    }

    /// The most rows that are read to count sessions.
    pub(super) const fn most_rows(&self) -> u64 {
        match self.bound {
            Bound::None => u64::MAX,
            Bound::Request => MOST_ROWS,
            Bound::Page => MOST_SHOWN,
        }
    }

    pub(super) fn after(&self, stage: Stage) -> Option<Uuid> {
        self.after.filter(|position| position.stage == stage).map(|position| position.after)
    }

    pub(super) fn walk<'a>(&self, app: &'a App, now: Timestamp) -> Walk<'a> {
        let before = if let Selection::Before(before) = self.which { Some(before) } else { None };
        let is_walk = |at: &Position| matches!(at.stage, Stage::SignIns | Stage::Sessions);
        Walk::new(app, before, self.after.filter(is_walk), now)
    }
}

impl Selection {
    /// Whether this user is selected by a role or a group.
    pub(super) fn includes(&self, user: &User) -> bool {
        match self {
            Self::Role(role) => user.role.as_str() == role || user.attributes.roles.contains(role),
            Self::Group(group) => user.attributes.groups.contains(group),
            _ => false,
        }
    }
}

impl Count {
    /// Adds another count.
    pub(super) fn sum(&mut self, other: Self) {
        self.sessions += other.sessions;
        self.sign_ins += other.sign_ins;
    }

    /// Adds the entries of a list.
    pub(super) fn add(&mut self, listed: &[LoggedIn]) {
        for row in listed {
            match row {
                LoggedIn::Client(_) => self.sessions += 1,
                LoggedIn::Browser(..) => self.sign_ins += 1,
            }
        }
    }
}
