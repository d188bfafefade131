//! `signet health`: is a server alive?
//!
//! Owns one small HTTP request over a plain socket. An HTTP client would be a dependency larger
//! than the rest of the command line, for one line of answer.

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, ToSocketAddrs as _};
use std::time::{Duration, Instant};

use clap::Args;
use url::Url;

use crate::config::Config;

use super::error::CommandError;
use super::exit::Exit;
use super::startup_report;
use super::tls;

/// How long the whole question may take.
const PATIENCE: Duration = Duration::from_secs(3);
/// The longest status line looked at.
const MAX_LINE: usize = 1024;

/// `signet health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask this server (default: the first address in SIGNET_LISTEN)
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// What to ask, and whom.
#[derive(Debug, PartialEq, Eq)]
struct Question {
    /// The address as people see it.
    shown: String,
    /// What to connect to, in this order.
    addresses: Vec<SocketAddr>,
    /// The `Host` header.
    host: String,
    path: String,
    tls: bool,
}

/// Asks. Opens no database.
pub fn run(args: &HealthArgs) -> Result<(), CommandError> {
    let question = match &args.url {
        Some(url) => at_url(url)?,
        None => at_own_address(&Config::load()?.config)?,
    };
    match ask(&question) {
        Ok(200) => {
            startup_report::say(&format!("{} is alive.\n", question.shown));
            Ok(())
        }
        Ok(status) => Err(dead(&question, &format!("it answered {status} instead of 200"))),
        Err(error) => Err(dead(&question, &error.to_string())),
    }
}

fn dead(question: &Question, why: &str) -> CommandError {
    CommandError::new(
        Exit::Unreachable,
        format!(
            "{} is not alive: {why}.\n  Start it:  signet serve   or name another address:  \
             --url http://127.0.0.1:8484",
            question.shown
        ),
    )
}

fn at_url(text: &str) -> Result<Question, CommandError> {
    let wrong = |why: &str| {
        CommandError::usage(format!(
            "--url {text:?} {why}.\n  Type an address such as http://127.0.0.1:8484"
        ))
    };
    let url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    if url.scheme() != "http" {
        return Err(wrong("does not begin with http://"));
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(wrong("names no host"));
    };
    let addresses: Vec<SocketAddr> = (host.trim_matches(['[', ']']), port)
        .to_socket_addrs()
        .map(Iterator::collect)
        .unwrap_or_default();
    if addresses.is_empty() {
        return Err(CommandError::new(Exit::Unreachable, format!("the host {host} is not known.")));
    }
    let path = if url.path() == "/" { "/health" } else { url.path() };
    Ok(Question {
        shown: format!("http://{host}:{port}{path}"),
        addresses,
        host: format!("{host}:{port}"),
        path: path.to_owned(),
        tls: false,
    })
}

fn at_own_address(config: &Config) -> Result<Question, CommandError> {
    let address = config.listen.first().copied().filter(|address| address.port() != 0);
    let address = address.map(reachable).ok_or_else(|| {
        CommandError::usage(
            "SIGNET_LISTEN lets the system choose the port, so it is not known here.\n  Name the \
             address:  signet health --url http://127.0.0.1:8484",
        )
    })?;
    let tls = config.tls.is_some();
    let scheme = if tls { "https" } else { "http" };
    Ok(Question {
        shown: format!("{scheme}://{address}/health"),
        addresses: vec![address],
        host: address.to_string(),
        path: "/health".to_owned(),
        tls,
    })
}

/// The address to connect to for one that is listened on: "every address" is reached at loopback.
fn reachable(mut address: SocketAddr) -> SocketAddr {
    match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => address.set_ip(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(ip) if ip.is_unspecified() => address.set_ip(Ipv6Addr::LOCALHOST.into()),
        _ => {}
    }
    address
}

/// The status of the answer.
fn ask(question: &Question) -> std::io::Result<u16> {
    let until = Instant::now() + PATIENCE;
    let stream = connect(&question.addresses, until)?;
    if question.tls {
        exchange(tls::client(Patient { stream, until })?, question)
    } else {
        exchange(Patient { stream, until }, question)
    }
}

fn connect(addresses: &[SocketAddr], until: Instant) -> std::io::Result<TcpStream> {
    let mut last = std::io::Error::from(std::io::ErrorKind::NotFound);
    for address in addresses {
        match TcpStream::connect_timeout(address, left(until)?) {
            Ok(stream) => return Ok(stream),
            Err(error) => last = error,
        }
    }
    Err(last)
}

fn exchange(mut stream: impl Read + Write, question: &Question) -> std::io::Result<u16> {
    let Question { host, path, .. } = question;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes())?;
    stream.flush()?;
    let mut line = Vec::new();
    let mut piece = [0; 256];
    while !line.contains(&b'\n') && line.len() < MAX_LINE {
        match stream.read(&mut piece)? {
            0 => break,
            n => line.extend_from_slice(&piece[..n]),
        }
    }
    status(&line).ok_or_else(|| std::io::Error::other("what answers there does not speak HTTP"))
}

/// The status of a status line (RFC 9112 §4).
fn status(line: &[u8]) -> Option<u16> {
    let text = line.strip_prefix(b"HTTP/1.")?;
    std::str::from_utf8(text.get(2..5)?).ok()?.parse().ok()
}

fn left(until: Instant) -> std::io::Result<Duration> {
    let left = until.saturating_duration_since(Instant::now());
    if left.is_zero() { Err(too_slow()) } else { Ok(left) }
}

fn too_slow() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::TimedOut, "no answer within 3 s")
}

/// A stream with one deadline for everything: a time limit for each read would let a server that
/// sends a byte now and then hold the check for ever.
struct Patient {
    stream: TcpStream,
    until: Instant,
}

impl Patient {
    fn named<T>(outcome: std::io::Result<T>) -> std::io::Result<T> {
        // A socket time-out surfaces as "would block", which tells nobody anything.
        outcome.map_err(|error| match error.kind() {
            std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut => too_slow(),
            _ => error,
        })
    }
}

impl Read for Patient {
    fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
        self.stream.set_read_timeout(Some(left(self.until)?))?;
        Self::named(self.stream.read(bytes))
    }
}

impl Write for Patient {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.stream.set_write_timeout(Some(left(self.until)?))?;
        Self::named(self.stream.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.stream.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn status_lines() {
        assert_eq!(status(b"HTTP/1.1 200 OK\r\n"), Some(200));
        assert_eq!(status(b"HTTP/1.0 503 Service Unavailable\r\n"), Some(503));
        assert_eq!(status(b"HTTP/1.1 20"), None);
        assert_eq!(status(b"SSH-2.0-OpenSSH\r\n"), None);
        assert_eq!(status(b""), None);
    }

    #[test]
    fn every_address_is_reached_at_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8484"), "127.0.0.1:8484");
        assert_eq!(reached("[::]:8484"), "[::1]:8484");
        assert_eq!(reached("192.0.2.1:80"), "192.0.2.1:80");
    }

    #[test]
    fn urls() {
        let question = at_url("http://127.0.0.1:9000").unwrap();
        assert_eq!(
            (question.shown.as_str(), question.tls),
            ("http://127.0.0.1:9000/health", false)
        );
        let question = at_url("http://[::1]/ready").unwrap();
        assert_eq!((question.host.as_str(), question.path.as_str()), ("[::1]:80", "/ready"));
        for wrong in ["127.0.0.1:9000", "https://127.0.0.1", "file:///x", "http://"] {
            assert!(at_url(wrong).is_err(), "{wrong}");
        }
    }
}
