//! Periodic counts, because counting at each scrape would cost too much.

use super::readings::Reading;
use crate::base::{TimeSpan, Timestamp};

/// The last counts. A value that has not been counted yet is `None` and not exported.
#[derive(Debug, Clone, Default)]
pub struct Sample {
    /// The numbers of enabled and of disabled users.
    pub users: Option<[i64; 2]>,
    /// Sessions that are neither ended nor expired: of `/v1`, of clients, and sign-ins at the pages.
    pub sessions: Option<[i64; 3]>,
    /// Password hashes by class.
    pub password_hashes: Vec<(String, i64)>,
    /// Logout notices that wait to be delivered.
    pub logout_notices: Option<i64>,
    /// The numbers of known resource servers that have and have not fetched the newest key.
    pub verifiers: Option<[i64; 2]>,
    /// Size of the database.
    pub db_bytes: Option<u64>,
    /// Size of its write-ahead log; SQLite only.
    pub wal_bytes: Option<u64>,
    /// Free space on its file system; SQLite only.
    pub free_bytes: Option<u64>,
    /// Whether the last heartbeat read and wrote the database.
    pub database_works: Option<bool>,
    /// When the last backup was made in the directory of the settings.
    pub last_backup: Option<Timestamp>,
    /// How long a scheduled backup has been due.
    pub backup_overdue: TimeSpan,
}

impl Sample {
    pub(super) fn shown(&self) -> Vec<Reading> {
        let Self { users, sessions, verifiers, .. } = self;
        let named = |names: &[&'static str], counts: &[i64]| -> Vec<(&'static str, i64)> {
            names.iter().copied().zip(counts.iter().copied()).collect()
        };
        let mut shown = Vec::new();
        if let Some(users) = users {
            let values = named(&["enabled", "disabled"], users);
            shown.push(Reading::by(
                "signet_users",
                "Users, counted every five minutes",
                "state",
                values,
            ));
        }
        if let Some(sessions) = sessions {
            let help = "Sessions that are neither ended nor expired, counted every five minutes";
            let values = named(&["api", "client", "browser"], sessions);
            shown.push(Reading::by("signet_sessions_active", help, "kind", values));
        }
        let help = "Password hashes by class";
        shown.push(Reading::by(
            "signet_password_hashes",
            help,
            "class",
            self.password_hashes.iter().map(|(class, users)| (class.clone(), *users)),
        ));
        if let Some(verifiers) = verifiers {
            let help = "Known resource servers by whether they have fetched the newest signing key";
            let values = named(&["current", "behind"], verifiers);
            shown.push(Reading::by("signet_verifiers", help, "state", values));
        }
        let notices = self.logout_notices.map(|waiting| {
            let help = "Logout notices that wait to be delivered";
            Reading::gauge("signet_logout_notices_pending", help, waiting)
        });
        shown.extend(notices);
        for (name, help, bytes) in [
            ("signet_db_size_bytes", "Size of the database", self.db_bytes),
            ("signet_db_wal_bytes", "Size of the write-ahead log of SQLite", self.wal_bytes),
            (
                "signet_db_free_bytes",
                "Free space on the file system of the SQLite database",
                self.free_bytes,
            ),
        ] {
            shown.extend(bytes.map(|bytes| Reading::gauge(name, help, bytes)));
        }
        for (name, help, seconds) in [
            (
                "signet_backup_last_success_timestamp_seconds",
                "When the last backup was made and verified; 0 for none",
                self.last_backup.map_or(0, Timestamp::secs),
            ),
            (
                "signet_backup_overdue_seconds",
                "How long a scheduled backup has been due",
                self.backup_overdue.secs(),
            ),
        ] {
            shown.push(Reading::gauge(name, help, seconds));
        }
        shown
    }
}
