//! `signet health`: whether a server is running. With `--details`: whether it can work.
//!
//! Owns the choice of the address and the exit code. `http_client` sends the request, `admin::health` makes the checks.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};

use clap::Args;
use url::Url;

use crate::admin::health::{self, Health};
use crate::base::Timestamp;
use crate::config::Config;
use crate::http_client::probe;
use crate::view;

use super::error::CommandError;
use super::exit::Exit;
use super::output::{self, Format, Output};
use super::relative_time::ago;
use super::startup_report;
use super::table::Table;
use super::with_app::with_app;

/// `signet health`.
#[derive(Debug, Args)]
pub struct HealthArgs {
    /// The server to check (default: the first address in SIGNET_LISTEN or, if that is not set, either default
    /// address)
    #[arg(long, value_name = "URL")]
    url: Option<String>,
    /// Check database, signing and clock from this machine, and list the servers on the database, as the Health page
    /// of the console does
    #[arg(long, conflicts_with = "url")]
    details: bool,
}

/// A server to check.
#[derive(Debug)]
struct Question {
    /// The address in messages.
    shown: String,
    url: Url,
    /// The address to connect to, if it differs from that of the URL.
    address: Option<SocketAddr>,
}

/// Runs the check. Opens no database, unless details are requested.
pub fn run(args: &HealthArgs, output: Output) -> Result<(), CommandError> {
    if args.details {
        return details(output);
    }
    let questions = match &args.url {
        Some(url) => vec![at_url(url)?],
        None => at_own_addresses(&Config::load()?.config)?,
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| CommandError::new(Exit::Failed, error.to_string()))?;
    let mut failure = None;
    for Question { shown, url, address } in questions {
        let why = match runtime.block_on(probe(&url, address)) {
            Ok(200) => {
                startup_report::say(&format!("{shown} is alive.\n"));
                return Ok(());
            }
            Ok(status) => format!("it answered {status} instead of 200"),
            Err(why) => why,
        };
        failure.get_or_insert(dead(&shown, &why));
    }
    failure.map_or(Ok(()), Err)
}

fn details(output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let found = app.run_to_completion(health::collect(app.clone(), app.now())).await?;
        match output.format() {
            Format::Table => output::write(&table(&found, output.now()))?,
            _ => output.object(&view::health(&found))?,
        }
        match checks(&found).iter().all(|(_, is_good)| *is_good) {
            true => Ok(()),
            false => Err(CommandError::told(Exit::CheckFailed)),
        }
    })
}

const fn checks(found: &Health) -> [(&'static str, bool); 5] {
    [
        ("database can be read", found.reads),
        ("database can be written", found.writes),
        ("signing and verifying", found.signs),
        ("clock agrees with the database", found.clock_agrees),
        ("servers have the same settings", found.differing_settings == 0),
    ]
}

/// The checks and the servers, for people.
pub(super) fn table(found: &Health, now: Timestamp) -> String {
    let result = |is_good: bool| if is_good { "good" } else { "failing" };
    let checks =
        checks(found).map(|(what, is_good)| vec![what.to_owned(), result(is_good).to_owned()]);
    let servers: Vec<Vec<String>> = found
        .processes
        .iter()
        .map(|process| {
            let (started, seen) = (ago(process.started_at, now), ago(process.beat_at, now));
            vec![process.name.clone(), process.version.clone(), started, seen]
        })
        .collect();
    let mut text = Table::new(&["check", "result"]).lines(&checks);
    text.push('\n');
    text.push_str(&Table::new(&["server", "version", "started", "last seen"]).lines(&servers));
    text
}

fn dead(shown: &str, why: &str) -> CommandError {
    CommandError::new(
        Exit::Unreachable,
        format!(
            "{shown} is not alive: {why}.\n  Start it:  signet serve   or name another address:  \
             --url http://127.0.0.1:8484"
        ),
    )
}

fn at_url(text: &str) -> Result<Question, CommandError> {
    let wrong = |why: &str| {
        CommandError::usage(format!(
            "--url {text:?} {why}.\n  Type an address such as http://127.0.0.1:8484"
        ))
    };
    let mut url = Url::parse(text).map_err(|_| wrong("is no URL"))?;
    if url.scheme() != "http" {
        return Err(wrong("does not begin with http://"));
    }
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return Err(wrong("names no host"));
    };
    let mut known = (host.trim_matches(['[', ']']), port).to_socket_addrs().into_iter().flatten();
    if known.next().is_none() {
        return Err(CommandError::new(Exit::Unreachable, format!("the host {host} is unknown.")));
    }
    let path = if url.path() == "/" { "/health" } else { url.path() };
    let shown = format!("http://{host}:{port}{path}");
    let path = path.to_owned();
    url.set_path(&path);
    url.set_query(None);
    url.set_fragment(None);
    Ok(Question { shown, url, address: None })
}

/// The first configured address, or all default ones, because a machine may have only one of them.
fn at_own_addresses(config: &Config) -> Result<Vec<Question>, CommandError> {
    let count = if config.listen_is_default { config.listen.len() } else { 1 };
    let known = config.listen.iter().take(count).filter(|address| address.port() != 0);
    let questions = known.map(|address| at_address(config, reachable(*address)));
    let questions = questions.collect::<Result<Vec<_>, _>>()?;
    if questions.is_empty() {
        return Err(CommandError::usage(
            "SIGNET_LISTEN lets the system choose the port, so it is not known here.\n  Name the \
             address:  signet health --url http://127.0.0.1:8484",
        ));
    }
    Ok(questions)
}

fn at_address(config: &Config, address: SocketAddr) -> Result<Question, CommandError> {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    // This path does not depend on the path of the issuer.
    let url = Url::parse(&format!("{scheme}://localhost:{}/health", address.port()));
    let url = url.map_err(|error| CommandError::new(Exit::Failed, error.to_string()))?;
    Ok(Question { shown: format!("{scheme}://{address}/health"), url, address: Some(address) })
}

/// The address to connect to for a listening address: the unspecified address is reached at loopback.
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
    fn urls_are_completed_or_refused() {
        for (typed, shown, url) in [
            (
                "http://127.0.0.1:9000",
                "http://127.0.0.1:9000/health",
                "http://127.0.0.1:9000/health",
            ),
            ("http://[::1]/ready?x#y", "http://[::1]:80/ready", "http://[::1]/ready"),
        ] {
            let question = at_url(typed).unwrap();
            assert_eq!((question.shown.as_str(), question.url.as_str()), (shown, url));
        }
        for wrong in ["127.0.0.1:9000", "https://127.0.0.1", "file:///x", "http://"] {
            assert!(at_url(wrong).is_err(), "{wrong}");
        }
    }
}
