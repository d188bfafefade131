//! A sign-in at Signet's own pages: one user in one browser.
//!
//! Owns its validity.

use crate::base::Timestamp;
use crate::base::id::{BrowserId, UserId};

use super::authn::{Authentication, Factors};
use super::liveness::inactive_user;
use super::user::User;

/// One user in one browser.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BrowserSession {
    /// Its id. The cookie contains a different value, which changes with every authentication.
    pub id: BrowserId,
    /// The user who is signed in.
    pub user_id: UserId,
    /// The user's session epoch at the authentication.
    pub user_epoch: i64,
    /// When the user last authenticated.
    pub auth_time: Timestamp,
    /// The factors; `None` means the password alone, at `auth_time`.
    pub factors: Option<Factors>,
    /// Its absolute expiry.
    pub expires_at: Timestamp,
    /// Whether its cookie outlives the browser.
    pub persistent: bool,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

impl BrowserSession {
    /// The time and the factors of the authentication.
    #[must_use]
    pub const fn authentication(&self) -> Authentication {
        Authentication { auth_time: self.auth_time, factors: self.factors }
    }

    /// Whether it is valid at `now`, given the stored state of its user.
    #[must_use]
    pub fn is_live(&self, user: &User, now: Timestamp) -> bool {
        self.ended_at.is_none()
            && now < self.expires_at
            && inactive_user(user.into(), Some(self.user_epoch)).next().is_none()
    }
}
