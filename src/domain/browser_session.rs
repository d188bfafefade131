//! A log-in at Signet's own pages: one person in one browser, until they log out.
//!
//! Owns when it still counts, and whether it is fresh enough for what a client asks.

use crate::base::id::{BrowserId, UserId};
use crate::base::{TimeSpan, Timestamp};

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
    /// When it ends in any case.
    pub expires_at: Timestamp,
    /// When it was ended.
    pub ended_at: Option<Timestamp>,
}

impl BrowserSession {
    /// Whether it still counts at `now`, given its user as stored now.
    #[must_use]
    pub fn is_live(&self, user: &User, now: Timestamp) -> bool {
        self.ended_at.is_none()
            && now < self.expires_at
            && self.user_epoch == user.session_epoch
            && user.disabled_at.is_none()
    }

    /// Whether the person authenticated no longer than `max_age` ago (OpenID Connect Core §3.1.2.1).
    /// Counted in whole seconds, as `auth_time` is.
    #[must_use]
    pub fn is_fresh(&self, max_age: TimeSpan, now: Timestamp) -> bool {
        now.secs() - self.auth_time.secs() <= max_age.secs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn session() -> BrowserSession {
        BrowserSession {
            id: BrowserId::earliest(Timestamp::from_secs(1)),
            user_id: UserId::earliest(Timestamp::from_secs(1)),
            user_epoch: 4,
            auth_time: Timestamp::from_secs(100),
            expires_at: Timestamp::from_secs(200),
            ended_at: None,
        }
    }

    #[test]
    fn freshness_is_counted_in_seconds() {
        let fresh =
            |age, at| session().is_fresh(TimeSpan::from_secs(age), Timestamp::from_millis(at));
        assert!(fresh(0, 100_999));
        assert!(!fresh(0, 101_000));
        assert!(fresh(10, 110_000));
        assert!(!fresh(10, 111_000));
        assert!(fresh(10, 50_000), "a clock that stepped back makes nobody old");
    }
}
