//! Password hashes for use cases: first a slot in the queue, then the hash when everything else is ready.
//!
//! Owns the refusal of requests that cannot be served, its `Retry-After` and the counters. The queue and its
//! threads are in `crypto::password`.

use std::time::Duration;

use crate::base::TimeSpan;
use crate::crypto::password::{HashError, Lane, Overloaded, Refused, Requester, Slot, Verified};
use crate::domain::failure_reason::FailureReason;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::password::{ARGON2ID, Password};
use crate::metrics::Metrics;
use crate::store::password_costs;

use super::{App, disconnect};

/// Why a password was not hashed for a request with a slot.
#[derive(Debug)]
pub enum PasswordNotHashed {
    /// Its turn did not come in time.
    Late(Refusal),
    /// The caller disconnected before its turn.
    Gone,
    /// Hashing failed.
    Failed(Fault),
}

impl From<PasswordNotHashed> for Failure {
    fn from(why: PasswordNotHashed) -> Self {
        match why {
            PasswordNotHashed::Late(refusal) => refusal.into(),
            // No caller is left to read it.
            PasswordNotHashed::Gone => Fault::unavailable("the caller has gone away").into(),
            PasswordNotHashed::Failed(fault) => fault.into(),
        }
    }
}

impl App {
    /// Reserves a slot in the queue for password hashes, before anything is read or written for the request, so
    /// that a refusal under overload is cheap. A request that is refused counts against the standing of its
    /// network, in memory.
    ///
    /// # Errors
    /// `unavailable` at once, with the expected wait, when that is too long.
    pub fn reserve_hash_slot(&self, lane: Lane, who: Requester) -> Result<Slot, Refusal> {
        self.try_hash_slot(lane, who).map_err(|(_, refusal)| *refusal)
    }

    /// The same, but returns the reason of a refusal.
    ///
    /// # Errors
    /// As [`App::reserve_hash_slot`].
    pub fn try_hash_slot(
        &self,
        lane: Lane,
        who: Requester,
    ) -> Result<Slot, (FailureReason, Box<Refusal>)> {
        self.hasher.reserve(lane, who).map_err(|Overloaded { why, wait }| {
            let reason = match why {
                Refused::Full => FailureReason::QueueFull,
                Refused::NetworkQuota => FailureReason::NetworkShare,
                Refused::TooLong => FailureReason::TooLong,
            };
            if let Requester::Address(address) = who {
                self.standing.count(address);
            }
            (reason, Box::new(self.turned_away(reason.as_str(), wait)))
        })
    }

    /// The refusal of an attempt that waited for other attempts for the maximum time.
    #[must_use]
    pub fn still_undecided(&self) -> Refusal {
        self.turned_away("undecided", self.config.hash_max_wait.std())
    }

    /// The decoy hash for a login name without an account or a password. It costs as much as the hashes of accounts.
    #[must_use]
    pub fn decoy(&self, key: &str) -> String {
        let point = self.pseudonyms.of("login/decoy", &[key.as_bytes()]);
        let point = point.first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        self.decoys.draw(point)
    }

    /// Adapts the decoys to the costs of the stored hashes.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn follow_stored_costs(&self) -> Result<(), Fault> {
        let counts = password_costs::count_by_class(&mut self.db.reader().await?).await?;
        let argon2id = counts.iter().filter(|count| count.class == ARGON2ID);
        self.decoys.follow(argon2id.map(|count| (&*count.cost, count.users)));
        Ok(())
    }

    /// Compares a password with a stored hash or a decoy; see
    /// [`PasswordHasher::verify`](crate::crypto::password::PasswordHasher::verify). Call it before any write that
    /// needs a later step, because it is cancelled when the caller disconnects.
    ///
    /// # Errors
    /// See [`PasswordNotHashed`].
    pub async fn verify_password(
        &self,
        place: Slot,
        password: Password,
        stored: String,
    ) -> Result<Verified, PasswordNotHashed> {
        self.while_present(self.hasher.verify(place, password, stored)).await
    }

    /// The form in which a password is stored. Call it before any write that needs a later step, because it is
    /// cancelled when the caller disconnects.
    ///
    /// # Errors
    /// See [`PasswordNotHashed`].
    pub async fn hash_password(
        &self,
        place: Slot,
        password: Password,
    ) -> Result<String, PasswordNotHashed> {
        self.while_present(self.hasher.hash(place, password)).await
    }

    async fn while_present<T>(
        &self,
        work: impl Future<Output = Result<T, HashError>>,
    ) -> Result<T, PasswordNotHashed> {
        let done = tokio::select! {
            biased;
            done = work => done,
            () = disconnect::gone() => {
                Metrics::count(&self.metrics.hashes, "gone");
                return Err(PasswordNotHashed::Gone);
            }
        };
        match done {
            Ok(value) => {
                Metrics::count(&self.metrics.hashes, "ok");
                Ok(value)
            }
            Err(HashError::Late) => {
                let wait = self.config.hash_max_wait.std();
                Err(PasswordNotHashed::Late(self.turned_away("late", wait)))
            }
            Err(HashError::Failed(fault)) => Err(PasswordNotHashed::Failed(fault)),
        }
    }

    fn turned_away(&self, why: &'static str, wait: Duration) -> Refusal {
        Metrics::count(&self.metrics.hashes, why);
        let wait = i64::try_from(wait.as_millis()).unwrap_or(i64::MAX);
        // Overload is reported by the counter, not by a log line for each request.
        Refusal::new(
            Code::Unavailable,
            "Too many passwords are being checked at the moment. Try again shortly.",
        )
        .retry_after(TimeSpan::from_millis(wait))
    }
}
