//! Password hashes for use cases: a place first, the hash when everything else is ready.
//!
//! Owns what becomes of whoever cannot be served: the refusal, when to come again, the counter. The
//! queue and its threads are `crypto::password`'s.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::TimeSpan;
use crate::crypto::password::{HashError, Lane, Overloaded, Refused, Slot, Verified};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::password::Password;
use crate::metrics::Metrics;

use super::limits::network;
use super::{App, disconnect};

/// Why a password was not hashed for somebody who had a place.
#[derive(Debug)]
pub enum PasswordNotHashed {
    /// His turn did not come in time.
    Late(Refusal),
    /// He went away before it came.
    Gone,
    /// It failed.
    Failed(Fault),
}

impl From<PasswordNotHashed> for Failure {
    fn from(why: PasswordNotHashed) -> Self {
        match why {
            PasswordNotHashed::Late(refusal) => refusal.into(),
            // Nobody reads it.
            PasswordNotHashed::Gone => Fault::unavailable("the caller has gone away").into(),
            PasswordNotHashed::Failed(fault) => fault.into(),
        }
    }
}

impl App {
    /// A place in the queue for password hashes. To be taken before anything is read or written
    /// for whoever needs one, so that an overload costs nothing but the answer.
    ///
    /// # Errors
    /// `unavailable` at once, with the time it would have taken, when that is too long.
    pub fn reserve_hash_slot(&self, lane: Lane, address: Option<IpAddr>) -> Result<Slot, Refusal> {
        self.hasher.reserve(lane, address.map(network)).map_err(|Overloaded { why, wait }| {
            let why = match why {
                Refused::Full => "queue_full",
                Refused::NetworkQuota => "network_share",
                Refused::TooLong => "too_long",
            };
            self.turned_away(why, wait)
        })
    }

    /// Compares a password with a stored hash, or with none; see
    /// [`PasswordHasher::verify`](crate::crypto::password::PasswordHasher::verify). Nothing may have
    /// been written that must be followed by something else: it ends here when the caller goes.
    ///
    /// # Errors
    /// See [`PasswordNotHashed`].
    pub async fn verify_password(
        &self,
        place: Slot,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verified, PasswordNotHashed> {
        self.while_present(self.hasher.verify(place, password, stored)).await
    }

    /// The form in which a password is stored. Nothing may have been written that must be followed
    /// by something else: it ends here when the caller goes.
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
        // No fault of ours that somebody should look into, line by line: the counter says it.
        Refusal::new(
            Code::Unavailable,
            "Too many passwords are checked just now. Try again shortly.",
        )
        .retry_after(TimeSpan::from_millis(wait))
    }
}
