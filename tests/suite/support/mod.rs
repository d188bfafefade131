//! Support for every test: a real server on a real socket with a database of its own, a manual clock, and a
//! client that has only the address.

use signet::base::Deadlines;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

pub mod balancer;
pub mod clients;
pub mod clock;
pub mod document_host;
pub mod keys;
pub mod log_schema;
pub mod mailed;
pub mod packages;
pub mod pgbouncer;
pub mod ports;
pub mod postgres;
pub mod process;
pub mod prometheus;
pub mod relying_party;
pub mod require;
pub mod scripts;
pub mod second_factors;
pub mod server;
pub mod sessions;
pub mod smtp_sink;
pub mod software_authenticator;
pub mod tables;
pub mod third_party_verifier;

pub use server::{Backend, Server, on_both};

/// Whether no connection was made to `canary`: connections are accepted in the order in which they were made,
/// so the first accepted one must be the one made here.
pub async fn is_untouched(canary: &TcpListener) -> bool {
    let own = TcpStream::connect(canary.local_addr().unwrap()).await.unwrap();
    let (_, first) = canary.accept().await.unwrap();
    first == own.local_addr().unwrap()
}

/// The status of the response to a request that is sent byte by byte as given, without a client library.
pub async fn raw_status(server: &Server, request: &str) -> u16 {
    let address = server.base.strip_prefix("http://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut head = [0; 12];
    stream.read_exact(&mut head).await.unwrap();
    let head = std::str::from_utf8(&head).unwrap();
    head.strip_prefix("HTTP/1.1 ").unwrap().parse().unwrap()
}

/// Settings of the servers of the suite: deadlines thirty times as long as in service, and a matching wait
/// for password hashes, so that a busy machine fails no test. Tests of a deadline set `1`.
pub const PATIENT: [(&str, &str); 2] = [(DEADLINES, "30"), ("SIGNET_HASH_MAX_WAIT", "60s")];
/// The factor by which the deadlines of a server of the suite are longer than in service; not a setting for operators.
pub const DEADLINES: &str = "SIGNET_TEST_DEADLINES";
/// The same deadlines for a database that a test opens itself.
pub const LONG: Deadlines = Deadlines::stretched(30);
