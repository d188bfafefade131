//! Password hashes for use cases: a place first, the hash when everything else is ready.
//!
//! Owns what becomes of whoever cannot be served: the refusal, when to come again, the counter. The
//! queue and its threads are `crypto::password`'s.

use std::net::IpAddr;
use std::time::Duration;

use crate::base::Span;
use crate::crypto::password::{Busy, Lane, Place, Refused, Unhashed, Verified};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::password::Password;
use crate::metrics::Metrics;

use super::limits::network;
use super::{App, disconnect};

/// Why a password was not hashed for somebody who had a place.
#[derive(Debug)]
pub enum HashError {
    /// His turn did not come in time.
    Late(Refusal),
    /// He went away before it came.
    Gone,
    /// It failed.
    Failed(Fault),
}

impl From<HashError> for Failure {
    fn from(why: HashError) -> Self {
        match why {
            HashError::Late(refusal) => refusal.into(),
            // Nobody reads it.
            HashError::Gone => Fault::unavailable("the caller has gone away").into(),
            HashError::Failed(fault) => fault.into(),
        }
    }
}

impl App {
    /// A place in the queue for password hashes. To be taken before anything is read or written
    /// for whoever needs one, so that an overload costs nothing but the answer.
    ///
    /// # Errors
    /// `unavailable` at once, with the time it would have taken, when that is too long.
    pub fn hash_place(&self, lane: Lane, address: Option<IpAddr>) -> Result<Place, Refusal> {
        self.hasher.place(lane, address.map(network)).map_err(|Busy { why, wait }| {
            let why = match why {
                Refused::Full => "queue_full",
                Refused::Share => "network_share",
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
    /// See [`HashError`].
    pub async fn verify_password(
        &self,
        place: Place,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verified, HashError> {
        self.while_present(self.hasher.verify(place, password, stored)).await
    }

    /// The form in which a password is stored. Nothing may have been written that must be followed
    /// by something else: it ends here when the caller goes.
    ///
    /// # Errors
    /// See [`HashError`].
    pub async fn hash_password(
        &self,
        place: Place,
        password: Password,
    ) -> Result<String, HashError> {
        self.while_present(self.hasher.hash(place, password)).await
    }

    async fn while_present<T>(
        &self,
        work: impl Future<Output = Result<T, Unhashed>>,
    ) -> Result<T, HashError> {
        let done = tokio::select! {
            biased;
            done = work => done,
            () = disconnect::gone() => {
                Metrics::count(&self.metrics.hashes, "gone");
                return Err(HashError::Gone);
            }
        };
        match done {
            Ok(value) => {
                Metrics::count(&self.metrics.hashes, "ok");
                Ok(value)
            }
            Err(Unhashed::Late) => {
                let wait = self.config.hash_max_wait.std();
                Err(HashError::Late(self.turned_away("late", wait)))
            }
            Err(Unhashed::Failed(fault)) => Err(HashError::Failed(fault)),
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
        .retry_after(Span::from_millis(wait))
    }
}
