//! `signet health`: is a server alive?
//!
//! Owns which address is asked and what the answer means. The request is `http_client`'s.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use clap::Args;
use url::Url;

use crate::config::Config;
use crate::http_client::probe;

use super::error::CommandError;
use super::exit::Exit;
use super::startup_report;

/// `signet health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// Ask this server (default: the first address in SIGNET_LISTEN)
    #[arg(long, value_name = "URL")]
    url: Option<String>,
}

/// Asks. Opens no database.
pub fn run(args: &HealthArgs) -> Result<(), CommandError> {
    let url = match &args.url {
        Some(url) => at_url(url)?,
        None => at_own_address(&Config::load()?.config)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::new(Exit::Failed, error.to_string()))?;
    match runtime.block_on(probe(&url)) {
        Ok(200) => {
            startup_report::say(&format!("{url} is alive.\n"));
            Ok(())
        }
        Ok(status) => Err(dead(&url, &format!("it answered {status} instead of 200"))),
        Err(why) => Err(dead(&url, &why)),
    }
}

fn dead(url: &str, why: &str) -> CommandError {
    CommandError::new(
        Exit::Unreachable,
        format!(
            "{url} is not alive: {why}.\n  Start it:  signet serve   or name another address:  \
             --url http://127.0.0.1:8484"
        ),
    )
}

fn at_url(text: &str) -> Result<String, CommandError> {
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
    let mut known = (host.trim_matches(['[', ']']), port).to_socket_addrs().into_iter().flatten();
    if known.next().is_none() {
        return Err(CommandError::new(Exit::Unreachable, format!("the host {host} is not known.")));
    }
    let path = if url.path() == "/" { "/health" } else { url.path() };
    Ok(format!("http://{host}:{port}{path}"))
}

fn at_own_address(config: &Config) -> Result<String, CommandError> {
    let address = config.listen.first().copied().filter(|address| address.port() != 0);
    let address = address.map(reachable).ok_or_else(|| {
        CommandError::usage(
            "SIGNET_LISTEN lets the system choose the port, so it is not known here.\n  Name the \
             address:  signet health --url http://127.0.0.1:8484",
        )
    })?;
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    Ok(format!("{scheme}://{address}/health"))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_address_is_reached_at_loopback() {
        let reached = |text: &str| reachable(text.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:8484"), "127.0.0.1:8484");
        assert_eq!(reached("[::]:8484"), "[::1]:8484");
        assert_eq!(reached("192.0.2.1:80"), "192.0.2.1:80");
    }

    #[test]
    fn urls() {
        assert_eq!(at_url("http://127.0.0.1:9000").unwrap(), "http://127.0.0.1:9000/health");
        assert_eq!(at_url("http://[::1]/ready").unwrap(), "http://[::1]:80/ready");
        for wrong in ["127.0.0.1:9000", "https://127.0.0.1", "file:///x", "http://"] {
            assert!(at_url(wrong).is_err(), "{wrong}");
        }
    }
}
