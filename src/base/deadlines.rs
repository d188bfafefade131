//! The deadlines of the server.

use std::time::Duration;

/// The deadlines of one process: those in service, or the same ones stretched.
///
/// Tests stretch them, so that a busy machine does not fail them. No setting changes them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Deadlines {
    factor: u32,
    unread_millis: u32,
    /// In milliseconds; 0: the production deadline.
    mail_millis: u32,
    /// In milliseconds; 0: the production deadline.
    fetch_millis: u32,
}

impl Deadlines {
    /// The deadlines of a server in service.
    pub const IN_SERVICE: Self =
        Self { factor: 1, unread_millis: 30_000, mail_millis: 0, fetch_millis: 0 };

    /// The deadlines in service, multiplied by `factor`, which is at least 1.
    #[cfg(any(test, feature = "test-support"))]
    #[must_use]
    pub const fn stretched(factor: u32) -> Self {
        Self::IN_SERVICE.times(factor)
    }

    /// The same deadlines, `factor` times as long as in service; `factor` is at least 1.
    #[must_use]
    pub const fn times(self, factor: u32) -> Self {
        Self { factor: if factor == 0 { 1 } else { factor }, ..self }
    }

    /// The total time that a write may wait, for the queue and for the database, before it is a 503.
    #[must_use]
    pub const fn write(self) -> Duration {
        self.millis(2_000)
    }

    /// The total time of a run of configuration files: less than [`work`](Self::work), after which its caller gets 503.
    #[must_use]
    pub const fn run(self) -> Duration {
        self.millis(8_000)
    }

    /// How long a database waits for a lock: less than [`write`](Self::write), so that the connection is free again
    /// when the caller has its answer.
    #[must_use]
    pub const fn lock(self) -> Duration {
        self.millis(1_500)
    }

    /// How long opening a connection to PostgreSQL may take, with the handshake and the log-in.
    #[must_use]
    pub const fn connect(self) -> Duration {
        self.millis(10_000)
    }

    /// How long the check of an idle connection may take: a small part of [`write`](Self::write), so that time is
    /// left for another connection.
    #[must_use]
    pub const fn connection_check(self) -> Duration {
        self.millis(500)
    }

    /// The `statement_timeout` of PostgreSQL.
    #[must_use]
    pub const fn statement(self) -> Duration {
        self.millis(5_000)
    }

    /// The `idle_in_transaction_session_timeout` of PostgreSQL.
    #[must_use]
    pub const fn idle_transaction(self) -> Duration {
        self.millis(10_000)
    }

    /// How long any unit of work may take before its caller gets 503.
    #[must_use]
    pub const fn work(self) -> Duration {
        self.millis(10_000)
    }

    /// How long the head of a request may take to arrive.
    #[must_use]
    pub const fn request_head(self) -> Duration {
        self.millis(5_000)
    }

    /// How long the body of a request may take from the end of the head on: enough for 64 KiB over a
    /// poor line, and less than the half minute after which proxies give up.
    #[must_use]
    pub const fn request_body(self) -> Duration {
        self.millis(15_000)
    }

    /// How long a response may wait for its client to read any of it.
    #[must_use]
    pub const fn unread(self) -> Duration {
        Duration::from_millis(self.unread_millis as u64)
    }

    /// The same deadlines with another for [`unread`](Self::unread), which is not stretched.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub const fn with_unread(self, millis: u32) -> Self {
        Self { unread_millis: millis, ..self }
    }

    /// How long requests in flight may take after the shutdown is announced.
    #[must_use]
    pub const fn drain(self) -> Duration {
        self.millis(10_000)
    }

    /// The total time of one delivery to a client.
    #[must_use]
    pub const fn delivery(self) -> Duration {
        self.millis(5_000)
    }

    /// The part of it for connecting to a client.
    #[must_use]
    pub const fn delivery_connection(self) -> Duration {
        self.millis(2_000)
    }

    /// The total time of fetching a document from a host that an outsider has named.
    #[must_use]
    pub const fn fetch(self) -> Duration {
        match self.fetch_millis {
            0 => self.millis(3_000),
            millis => Duration::from_millis(millis as u64),
        }
    }

    /// The same deadlines with another for [`fetch`](Self::fetch), which is not stretched.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub const fn with_fetch(self, millis: u32) -> Self {
        Self { fetch_millis: millis, ..self }
    }

    /// How long one mail may take to be delivered, from the name of the server to its last reply.
    #[must_use]
    pub const fn mail(self) -> Duration {
        match self.mail_millis {
            0 => self.millis(30_000),
            millis => Duration::from_millis(millis as u64),
        }
    }

    /// The part of it for connecting to one address of the server.
    #[must_use]
    pub const fn mail_connection(self) -> Duration {
        self.millis(10_000)
    }

    /// The same deadlines with another for [`mail`](Self::mail), which is not stretched.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub const fn with_mail(self, millis: u32) -> Self {
        Self { mail_millis: millis, ..self }
    }

    const fn millis(self, millis: u32) -> Duration {
        Duration::from_millis(millis as u64 * self.factor as u64)
    }
}

impl Default for Deadlines {
    fn default() -> Self {
        Self::IN_SERVICE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_in_service_refuses_a_write_after_two_seconds() {
        let deadlines = Deadlines::default();
        assert_eq!(deadlines, Deadlines::stretched(0));
        assert_eq!(deadlines.write(), Duration::from_secs(2));
        assert_eq!(deadlines.work(), Duration::from_secs(10));
        assert_eq!(deadlines.request_head(), Duration::from_secs(5));
        assert_eq!(deadlines.request_body(), Duration::from_secs(15));
        assert_eq!(deadlines.delivery(), Duration::from_secs(5));
        assert_eq!(deadlines.unread(), Duration::from_secs(30));
        assert_eq!(deadlines.mail(), Duration::from_secs(30));
        assert_eq!(deadlines.fetch(), Duration::from_secs(3));
    }

    #[test]
    fn stretching_keeps_the_lock_shorter_than_the_write() {
        for deadlines in [Deadlines::IN_SERVICE, Deadlines::stretched(30)] {
            assert!(deadlines.lock() < deadlines.write());
            assert!(deadlines.write() < deadlines.work());
        }
        assert_eq!(Deadlines::stretched(30).write(), Duration::from_secs(60));
    }
}
