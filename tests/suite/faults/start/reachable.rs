//! PostgreSQL that cannot be reached yet, or not at all.

use std::sync::Arc;

use rustix::process::Signal;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use super::certificate::make;
use super::{is_refused, run};
use crate::support::postgres::{Cluster, as_role, execute};
use crate::support::process::{Launch, until};
use crate::support::require;

fn on(url: &str, wait: &str) -> Launch {
    Launch::new().with("SIGNET_DATABASE_URL", url).with("SIGNET_DATABASE_WAIT", wait)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_cannot_be_reached_is_exit_75_and_a_wrong_one_78() {
    for (url, words) in [
        ("postgres://u:hunter2@127.0.0.1:1/x", ["127.0.0.1:1", "SIGNET_DATABASE_URL"]),
        ("postgres://u:hunter2@db.invalid/x", ["db.invalid:5432", "SIGNET_DATABASE_WAIT"]),
    ] {
        let text = is_refused(on(url, "0s").try_start().await, 75, &words);
        assert!(!text.contains("hunter2"), "{text}");
        // A command does not wait: its user reads the message.
        let (code, text) = run(&on(url, "1h"), &["user", "list"]);
        assert_eq!(code, Some(75), "{text}");
        let (code, text) = run(&on(url, "0s"), &["migrate", "up"]);
        assert_eq!(code, Some(75), "{text}");
    }
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a server that refuses");
    };
    let url = cluster.fresh_database().await;
    execute(&url, "CREATE ROLE full_up LOGIN CONNECTION LIMIT 0").await;
    let full = on(&as_role(&url, "full_up"), "0s");
    let words = ["no connection left", "SIGNET_DATABASE_CONNECTIONS"];
    is_refused(full.try_start().await, 75, &words);
    // Errors that do not pass are not waited for.
    let absent = format!("{}_absent", url);
    is_refused(on(&absent, "1h").try_start().await, 78, &["CREATE DATABASE", "does not exist"]);
    let stranger = on(&as_role(&url, "absent_role"), "1h");
    is_refused(stranger.try_start().await, 78, &["pg_hba.conf"]);
    // This server speaks no TLS.
    let secure = on(&format!("{url}?sslmode=require"), "1h");
    is_refused(secure.try_start().await, 78, &["sslmode"]);
}

/// A server that does not respond, or closes at once, may be starting: 75, also for a command.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent_or_hangs_up_is_exit_75() {
    let (silent, url) = listening().await;
    // Connections are accepted by the system, and never read.
    let refused = on(&url, "0s").in_service().try_start().await;
    is_refused(refused, 75, &["SIGNET_DATABASE_URL"]);
    drop(silent);
    let (hanging_up, url) = listening().await;
    let hangs_up = tokio::spawn(async move {
        loop {
            let (stream, _) = hanging_up.accept().await.unwrap();
            // Closed with a reset: the client's bytes are not read.
            stream.set_zero_linger().unwrap();
        }
    });
    is_refused(on(&url, "0s").try_start().await, 75, &["SIGNET_DATABASE_URL"]);
    let (code, text) = run(&on(&url, "0s"), &["user", "list"]);
    assert_eq!(code, Some(75), "{text}");
    hangs_up.abort();
}

/// A certificate of an untrusted authority is not waited for.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_with_a_certificate_of_another_authority_is_exit_78() {
    let folder = tempfile::tempdir().unwrap();
    if !make(folder.path(), 60) {
        return require::missing("openssl", "a certificate of PostgreSQL");
    }
    let [certificate, key] = ["live.pem", "live.key"].map(|name| folder.path().join(name));
    let chain: Vec<CertificateDer<'static>> =
        CertificateDer::pem_file_iter(&certificate).unwrap().collect::<Result<_, _>>().unwrap();
    let key = PrivateKeyDer::from_pem_file(&key).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let (server, url) = listening().await;
    let serves = tokio::spawn(async move {
        loop {
            let (mut stream, _) = server.accept().await.unwrap();
            // The request for TLS (PostgreSQL's documentation, 55.2.10), which is accepted.
            let mut request = [0; 8];
            stream.read_exact(&mut request).await.unwrap();
            stream.write_all(b"S").await.unwrap();
            // The client closes when it sees the certificate.
            let _ = acceptor.accept(stream).await;
        }
    });
    let other = tempfile::tempdir().unwrap();
    assert!(make(other.path(), 60));
    let other = other.path().join("live.pem");
    let strict = format!("{url}?sslmode=verify-full&sslrootcert={}", other.display());
    let text = is_refused(on(&strict, "1h").try_start().await, 78, &["certificate"]);
    assert!(!text.contains("hunter2"), "{text}");
    serves.abort();
}

/// A listener, and the URL of a database there.
async fn listening() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, format!("postgres://u:hunter2@localhost:{port}/x"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_start_waits_for_a_server_that_comes_and_says_so() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a server that is started late");
    };
    let url = cluster.fresh_database().await;
    cluster.stop_immediate().await;
    let launch = on(&url, "10m");
    let waiting = launch.spawn(&["serve"]);
    until("the start says that it waits", async || {
        waiting.log().contains("waiting for PostgreSQL")
    })
    .await;
    assert!(!launch.dir.path().join("data/master.key").exists(), "made before the server came");
    cluster.start_again().await;
    until("it serves", async || waiting.log().contains("\"event\":\"started\"")).await;
}

/// A start that waits can be stopped.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_that_waits_can_be_stopped() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut waiting = on("postgres://u@127.0.0.1:1/x", "1h").spawn(&["serve"]);
        until("the start says that it waits", async || {
            waiting.log().contains("waiting for PostgreSQL")
        })
        .await;
        waiting.signal(signal);
        assert_eq!(waiting.ended().await, Some(0), "{}", waiting.log());
    }
}
