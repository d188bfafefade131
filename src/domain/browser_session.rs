//! A log-in at Signet's own pages: one person in one browser, until they log out.
//!
//! Owns when it still counts.

use crate::base::Timestamp;
use crate::base::id::{BrowserId, UserId};

use super::authn::{Authentication, Factors};
use super::liveness::inactive_user;
use super::user::User;

/// One person in one browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// Its id. The cookie is another value, which changes with every authentication.
    pub id: BrowserId,
    /// The person.
    pub user_id: UserId,
    /// The person's epoch when the password was checked.
    pub user_epoch: i64,
    /// When the person last authenticated.
    pub auth_time: Timestamp,
    /// How; none means with the password alone, at `auth_time`.
    pub factors: Option<Factors>,
    /// When it ends in any case.
    pub expires_at: Timestamp,
    /// Whether its cookie outlives the browser.
    pub persistent: bool,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

impl BrowserSession {
    /// When and how its user authenticated.
    #[must_use]
    pub const fn authentication(&self) -> Authentication {
        Authentication { auth_time: self.auth_time, factors: self.factors }
    }

    /// Whether it still counts at `now`, given its user as stored now.
    #[must_use]
    pub fn is_live(&self, user: &User, now: Timestamp) -> bool {
        self.ended_at.is_none()
            && now < self.expires_at
            && inactive_user(user.into(), Some(self.user_epoch)).next().is_none()
    }
}
