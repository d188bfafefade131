//! Ports for programs that have to be told theirs before they start.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// The ports that are given out. They lie below the range from which Linux takes the port of a socket that
/// asks for none (`net.ipv4.ip_local_port_range`, from 32768): a connection or a server of another test
/// cannot take one between its choice and its use. PostgreSQL of the suite has the ports from 20,000.
const FIRST: u16 = 10_100;
const COUNT: u16 = 9_900;

/// A port of the loopback interface at which no program listens, and that no other test of this process is
/// given until all the others were.
pub fn free_port() -> u16 {
    static TAKEN: AtomicU16 = AtomicU16::new(0);
    // Suites that run side by side begin at different ports.
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

/// [`free_port`] with its address.
pub fn free_address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free_port()))
}
