//! Ports for programs that need theirs in their configuration.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The range of the ports. It is below the range from which Linux assigns ports to sockets that ask for none
/// (`net.ipv4.ip_local_port_range`, from 32768), so that a connection or a server of another test cannot take
/// one between its choice and its use. The suite's PostgreSQL uses ports from 20,000.
const FIRST: u16 = 10_100;
const COUNT: u16 = 9_900;

/// A port of the loopback interface on which no program listens. No other test of this process gets it until
/// all others were returned.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Suites that run in parallel begin at different ports.
    let start = u16::try_from(std::process::id() % 99).unwrap() * 100;
    for _ in 0..COUNT {
        let taken = TAKEN.fetch_add(1, Ordering::Relaxed) % COUNT;
        let port = FIRST + (start + taken) % COUNT;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no port from {FIRST} to {} is free", FIRST + (COUNT - 1));
}

/// An address with a [`free_port`].
pub fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}
