//! Selections of sessions and sign-ins, and their counts.

use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::user::User;
use crate::identity::sessions::LoggedIn;

/// Which sessions and sign-ins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Selection {
    /// Everything of all users.
    Everyone,
    /// Everything of a user.
    User(UserId),
    /// The sessions of a client.
    Client(String),
    /// Everything that began before this time.
    Before(Timestamp),
    /// Everything of the users who have this role.
    Role(String),
    /// Everything of the users who are in this group.
    Group(String),
}

/// How many there are, or how many have ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Count {
    /// Sessions of clients.
    pub sessions: u64,
    /// Sign-ins at the pages.
    pub sign_ins: u64,
}

impl Selection {
    /// Whether everything of this user is selected by a role or a group.
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
