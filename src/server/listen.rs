//! The listening sockets, and why one cannot be bound.
//!
//! Owns the address families of a socket.

use std::io;
use std::net::{Ipv6Addr, SocketAddr, SocketAddrV6, TcpListener};

use rustix::net::{AddressFamily, SocketFlags, SocketType, bind as bind_to, listen, sockopt};

use super::{Bound, tls};
use crate::config::{Config, MetricsListen};

/// Connections that may wait for acceptance on one socket; the kernel caps it (`somaxconn`).
const BACKLOG: i32 = 1024;

/// Why nothing can be served.
#[derive(Debug)]
pub enum BindError {
    /// Another process has the address that this setting names (exit code 69).
    Busy(&'static str, SocketAddr),
    /// The address in this setting does not belong to this machine or is not allowed (exit code 78).
    Refused(&'static str, SocketAddr, io::Error),
    /// Certificate or key cannot be used (exit code 78).
    Tls(String),
}

/// Reads the certificate and the key, if configured, like [`bind`].
///
/// # Errors
/// When they cannot be used.
pub fn check_tls(config: &Config) -> Result<(), String> {
    config.tls.as_ref().map(tls::Tls::load).transpose().map(drop)
}

/// Binds every address of the settings. Of the default list either address is sufficient: a machine may have
/// only IPv4 or only IPv6. If the default metrics address is in use, a warning is logged and metrics are not
/// served.
///
/// # Errors
/// The first address that cannot be bound.
pub fn bind(config: &Config) -> Result<Bound, BindError> {
    const LISTEN: &str = "SIGNET_LISTEN";
    let mut listeners = Vec::new();
    let mut missing = None;
    for &address in &config.listen {
        match listener(address, &config.listen) {
            Ok(listener) => listeners.push(listener),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                return Err(BindError::Busy(LISTEN, address));
            }
            Err(error) if config.listen_is_default => {
                missing.get_or_insert(BindError::Refused(LISTEN, address, error));
            }
            Err(error) => return Err(BindError::Refused(LISTEN, address, error)),
        }
    }
    if let (true, Some(error)) = (listeners.is_empty(), missing) {
        return Err(error);
    }
    let metrics = metrics_listener(config.metrics_listen)?;
    let tls = config.tls.as_ref().map(tls::Tls::load).transpose().map_err(BindError::Tls)?;
    Ok(Bound { listeners, metrics, tls })
}

fn metrics_listener(listen: MetricsListen) -> Result<Option<TcpListener>, BindError> {
    const METRICS: &str = "SIGNET_METRICS_LISTEN";
    match listen {
        MetricsListen::Off => Ok(None),
        MetricsListen::Set(address) => match TcpListener::bind(address) {
            Ok(listener) => Ok(Some(listener)),
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                Err(BindError::Busy(METRICS, address))
            }
            Err(error) => Err(BindError::Refused(METRICS, address, error)),
        },
        MetricsListen::Default(address) => match bind_loopback(address) {
            Ok(listener) => Ok(Some(listener)),
            Err(error) => {
                tracing::warn!(%address, %error, "no metrics; set SIGNET_METRICS_LISTEN");
                Ok(None)
            }
        },
    }
}

/// A socket for a loopback address, or for that of the other family if this machine lacks the first.
fn bind_loopback(address: SocketAddr) -> io::Result<TcpListener> {
    TcpListener::bind(address).or_else(|error| {
        if error.kind() != io::ErrorKind::AddrNotAvailable {
            return Err(error);
        }
        TcpListener::bind((Ipv6Addr::LOCALHOST, address.port()))
    })
}

/// A socket for `address`. One for all IPv6 addresses also accepts IPv4, unless the list has an IPv4 address with
/// the same port, which would otherwise be busy.
fn listener(address: SocketAddr, list: &[SocketAddr]) -> io::Result<TcpListener> {
    let same_port = |other: &SocketAddr| other.is_ipv4() && other.port() == address.port();
    match address {
        SocketAddr::V6(address) if list.iter().any(same_port) => only_ipv6(address),
        _ => TcpListener::bind(address),
    }
}

fn only_ipv6(address: SocketAddrV6) -> io::Result<TcpListener> {
    let (family, kind) = (AddressFamily::INET6, SocketType::STREAM);
    let socket = rustix::net::socket_with(family, kind, SocketFlags::CLOEXEC, None)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    sockopt::set_ipv6_v6only(&socket, true)?;
    bind_to(&socket, &address)?;
    listen(&socket, BACKLOG)?;
    Ok(TcpListener::from(socket))
}
