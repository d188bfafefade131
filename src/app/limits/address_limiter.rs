//! Limits by address, in the memory of this process.
//!
//! Owns the table of buckets and its bound. The arithmetic is `domain::rate_limit`'s; what counts
//! against an address is decided where it is used.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use crate::base::{TimeSpan, Timestamp};
use crate::domain::rate_limit::{Bucket, Level};

/// The most networks remembered; beyond it the full ones are forgotten, then strangers share one.
const MAX_NETWORKS: usize = 100_000;

/// Buckets by network and purpose.
#[derive(Default)]
pub struct AddressLimiter {
    levels: Mutex<HashMap<(Option<IpAddr>, &'static str), Level>>,
}

/// The network an address belongs to: itself for IPv4, its /64 for IPv6, because a host has a
/// whole /64 to choose from.
#[must_use]
pub fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(v4),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6([a, b, c, d, 0, 0, 0, 0].into())
        }
    }
}

impl AddressLimiter {
    /// Takes one from the bucket of this address for this purpose.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub fn take(
        &self,
        purpose: &'static str,
        bucket: Bucket,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), TimeSpan> {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if levels.len() >= MAX_NETWORKS {
            levels.retain(|_, level| !bucket.is_full(*level, now));
        }
        let mut key = (address.map(network), purpose);
        if levels.len() >= MAX_NETWORKS && !levels.contains_key(&key) {
            key = (None, purpose);
        }
        let level = levels.get(&key).copied().unwrap_or(bucket.full());
        levels.insert(key, bucket.take(level, now)?);
        Ok(())
    }

    /// Whether there is one to take, without taking it.
    ///
    /// # Errors
    /// How long to wait for the next.
    pub fn peek(
        &self,
        purpose: &'static str,
        bucket: Bucket,
        address: Option<IpAddr>,
        now: Timestamp,
    ) -> Result<(), TimeSpan> {
        let levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let level = levels.get(&(address.map(network), purpose));
        level.map_or(Ok(()), |level| bucket.take(*level, now).map(drop))
    }

    /// Gives one back: the try turned out to be harmless.
    pub fn give_back(&self, purpose: &'static str, bucket: Bucket, address: Option<IpAddr>) {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(level) = levels.get_mut(&(address.map(network), purpose)) {
            *level = bucket.give_back(*level);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_ipv6_network_share_a_bucket() {
        let limiter = AddressLimiter::default();
        let bucket = Bucket { burst: 2, every: TimeSpan::from_secs(1) };
        let now = Timestamp::from_secs(100);
        let take = |text: &str| limiter.take("x", bucket, text.parse().ok(), now);
        assert!(take("2001:db8::1").is_ok());
        assert!(take("2001:db8::2").is_ok());
        assert!(take("2001:db8::3").is_err());
        assert!(take("2001:db8:0:1::1").is_ok());
        assert!(take("::ffff:192.0.2.1").is_ok());
        assert!(take("192.0.2.1").is_ok());
        assert!(take("192.0.2.1").is_err());
        limiter.give_back("x", bucket, "192.0.2.1".parse().ok());
        assert!(take("192.0.2.1").is_ok());
    }
}
