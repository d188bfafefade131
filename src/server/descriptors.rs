//! The limit of open files, and how many connections it allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::http_client::outgoing_sockets;

/// File descriptors of a server without clients: its sockets, the database, the log.
const LEAST_DESCRIPTORS: u64 = 80;
/// File descriptors of each worker: its event loop and its wake-up.
const OF_A_WORKER: u64 = 8;
/// File descriptors reserved for the database, the log and the operator, besides those of outgoing requests.
pub const RESERVED_DESCRIPTORS: u64 = 64;
/// The part of it that is neither a worker's nor the database's.
const RESERVED_FOR_THE_REST: u64 = 32;
/// How many connections may be closing while others are admitted.
pub(super) const MAX_CLOSING: usize = 8;
/// How many connections may wait to be admitted.
pub(super) const MAX_WAITING: usize = 4;
/// The most connections to the metrics, including closing ones and those that wait for admission.
pub(super) const MAX_METRICS_CONNECTIONS: usize = 8;
/// Sockets that listen, standard streams and the lock of the data directory.
const ALWAYS_OPEN: usize = 12;
const _: () = assert!(
    (MAX_CLOSING + MAX_WAITING + MAX_METRICS_CONNECTIONS + ALWAYS_OPEN) as u64
        <= RESERVED_FOR_THE_REST
);
/// The assumed limit if the system sets none.
const UNLIMITED: u64 = 1 << 20;

/// Raises the soft limit of open files to the hard one. Shells and container runtimes set a soft limit of
/// 1,024 for programs that use `select`, which this one does not. If that fails, the limit stays.
pub fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    if limit.current == limit.maximum {
        return;
    }
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::warn!(%error, soft = limit.current, "the limit of open files stays as it is");
    }
}

/// Checks that this process may open enough files to serve. Otherwise a worker that cannot be created would panic.
///
/// # Errors
/// A message with the current limit and the required one.
pub fn require_descriptors(cores: usize) -> Result<(), String> {
    let Some(limit) = getrlimit(Resource::Nofile).current else { return Ok(()) };
    let least = LEAST_DESCRIPTORS + OF_A_WORKER * cores as u64;
    if limit >= least {
        return Ok(());
    }
    Err(format!(
        "this process may open {limit} files, and a server on {cores} cores needs {least}.\n  Raise the \
         limit: ulimit -n 4096, LimitNOFILE= in a systemd unit, --ulimit nofile= for a container."
    ))
}

/// How many client connections this process may have: its limit of open files minus the reserve.
pub(super) fn connection_budget(cores: usize, database_connections: u32) -> usize {
    let limit = getrlimit(Resource::Nofile).current.unwrap_or(UNLIMITED);
    budget(limit, cores as u64, u64::from(database_connections))
}

/// The reserve is larger where workers and database need more of it.
fn budget(limit: u64, cores: u64, database_connections: u64) -> usize {
    let needed = RESERVED_FOR_THE_REST + OF_A_WORKER * cores + database_connections;
    let reserved = needed.max(RESERVED_DESCRIPTORS) + outgoing_sockets(limit);
    let left = limit.saturating_sub(reserved).max(1);
    usize::try_from(left).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_the_database_and_the_operator_do_not_need() {
        assert_eq!(budget(1_024, 2, 16), 960 - 128);
        assert_eq!(budget(1_024, 1, 4), 960 - 128);
        assert_eq!(budget(1_024, 16, 16), 1_024 - 176 - 128);
        assert_eq!(budget(1_024, 2, 100), 1_024 - 148 - 128);
        assert_eq!(budget(1 << 20, 2, 16), (1 << 20) - 64 - 512, "requests to others stop growing");
        assert_eq!(budget(10, 2, 16), 1);
    }
}
