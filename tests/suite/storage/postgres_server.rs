//! Signet's requirements of a PostgreSQL server, and its behaviour with restricted ones: default settings and
//! poolers in between.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use serde_json::json;
use signet::store::{Db, Link, meta};
use sqlx::{Connection as _, PgConnection};
use tokio::io::AsyncReadExt as _;
use tokio::net::TcpListener;

use super::conformance;
use crate::support::pgbouncer::{Bouncer, Program};
use crate::support::postgres::{Cluster, as_role, execute, fresh_database};
use crate::support::process::Launch;
use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, LONG, require};

/// A setting of the session of `link`.
async fn setting(link: &mut impl Link, name: &str) -> String {
    let row: Option<(String,)> =
        signet::fetch_optional!(link, (String,), "SELECT current_setting($1)", name).unwrap();
    row.unwrap().0
}

const TIMEOUTS: [&str; 3] =
    ["lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout"];

#[tokio::test(flavor = "multi_thread")]
async fn isolation_and_timeouts_go_with_the_transaction_and_not_with_the_session() {
    let Some(url) = fresh_database().await else {
        return require::missing("postgres", "the defaults of a role");
    };
    let name = url.rsplit('/').next().unwrap();
    for level in ["serializable", "repeatable read", "read uncommitted"] {
        let alter = format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'");
        execute(&url, &alter).await;
        let db = Db::postgres(&url, 2, LONG).await.unwrap();
        // Each existing connection, one after the other and both at once.
        for _ in 0..3 {
            let mut tx = db.begin().await.unwrap();
            assert_eq!(setting(&mut tx, "transaction_isolation").await, "read committed");
            for timeout in TIMEOUTS {
                assert_ne!(setting(&mut tx, timeout).await, "0", "{timeout}");
            }
            let mut other = db.begin().await.unwrap();
            assert_eq!(setting(&mut other, "transaction_isolation").await, "read committed");
            tx.commit().await.unwrap();
            other.rollback().await;
            let mut reader = db.reader().await.unwrap();
            for timeout in TIMEOUTS {
                assert_eq!(setting(&mut reader, timeout).await, "0", "{timeout} was left behind");
            }
        }
        db.close().await;
    }
}

/// The failures of up to two log-ins in five.
#[tokio::test(flavor = "multi_thread")]
async fn no_login_fails_whatever_isolation_the_database_has_by_default() {
    for level in ["serializable", "repeatable read"] {
        let Some(url) = fresh_database().await else {
            return require::missing("postgres", "another isolation");
        };
        let name = url.rsplit('/').next().unwrap();
        let alter = format!("ALTER DATABASE {name} SET default_transaction_isolation = '{level}'");
        execute(&url, &alter).await;
        let server = Options::on(Backend::Postgres).on_database(&url).start().await;
        server.register("ada").await;
        for answer in join_all((0..40).map(|_| server.try_login("ada", PASSWORD))).await {
            answer.is(200);
        }
    }
}

/// Transactions have limits of their own. Reads outside of one have the default of the role, and one that
/// reaches it is a temporary refusal, not a fault.
#[tokio::test(flavor = "multi_thread")]
async fn a_short_statement_timeout_of_the_role_is_warned_of_and_ends_reads_with_503() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a default of a role");
    };
    let url = cluster.fresh_database().await;
    execute(&url, "CREATE ROLE hasty LOGIN; GRANT CREATE ON SCHEMA public TO hasty").await;
    let launch = Launch::new().with("SIGNET_DATABASE_URL", &as_role(&url, "hasty"));
    let quiet = launch.start().await;
    let account = json!({"login": "ada", "password": PASSWORD});
    quiet.caller().post("/v1/register", &account).await.is(201);
    assert!(!quiet.log().contains("statement_timeout"), "{}", quiet.log());
    drop(quiet);
    execute(&url, "ALTER ROLE hasty SET statement_timeout = '5s'").await;
    let server = launch.start().await;
    let advice = "ALTER ROLE \\\"hasty\\\" SET statement_timeout = 0";
    server.until_logged(advice).await;
    // A migration and transactions are not bound by it; a read that waits for a lock is.
    let access = server.caller().post("/v1/login", &account).await.is(200).string("access_token");
    let mut holder = PgConnection::connect(&url).await.unwrap();
    let lock = "BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
    let refused = server.caller().get_as("/v1/me", &access).await;
    refused.is_problem(503, "unavailable");
    assert!(!refused.header("retry-after").is_empty());
    holder.close().await.unwrap();
    server.caller().get_as("/v1/me", &access).await.is(200);
    server.until_logged("canceling statement due to statement timeout").await;
}

/// The parameters of the first message of a connection (PostgreSQL's documentation, 55.7).
async fn startup_parameters() -> BTreeMap<String, String> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let url = format!("postgres://u@127.0.0.1:{port}/x?sslmode=disable");
    let connecting = tokio::spawn(async move { Db::postgres(&url, 2, LONG).await.is_ok() });
    let (mut stream, _) = listener.accept().await.unwrap();
    let length = stream.read_u32().await.unwrap() as usize;
    let mut message = vec![0; length - 4];
    stream.read_exact(&mut message).await.unwrap();
    connecting.abort();
    let mut words = message[4..].split(|byte| *byte == 0).map(String::from_utf8_lossy);
    let mut found = BTreeMap::new();
    while let (Some(name), Some(value)) = (words.next(), words.next()) {
        if !name.is_empty() {
            found.insert(name.into_owned(), value.into_owned());
        }
    }
    found
}

/// PgBouncer accepts these and refuses any other, unless its configuration ignores it.
#[tokio::test(flavor = "multi_thread")]
async fn no_startup_parameter_is_sent_that_pgbouncer_refuses() {
    let known = [
        "DateStyle",
        "TimeZone",
        "application_name",
        "client_encoding",
        "database",
        "user",
        "standard_conforming_strings",
    ];
    let sent = startup_parameters().await;
    assert!(sent.contains_key("user"), "{sent:?}");
    for name in sent.keys() {
        assert!(known.contains(&name.as_str()), "{name} is sent: {sent:?}");
    }
}

/// Each would be a warning in the server's log, and a round trip.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_rolled_back_outside_a_transaction() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "the log of a server");
    };
    let url = cluster.fresh_database().await;
    let server = Options::on(Backend::Postgres).on_database(&url).start().await;
    server.register("ada").await;
    let refused = server.try_login("ada", "wrong").await;
    refused.is_problem(401, "invalid_credentials");
    for answer in join_all((0..20).map(|_| server.login("ada"))).await {
        server.refresh(&answer.refresh).await.is(200);
        server.get_as("/v1/me", &answer.access).await.is(200);
    }
    // A transaction that is dropped, and a statement whose caller has disconnected.
    let db = server.app.db.clone();
    let mut tx = db.begin().await.unwrap();
    meta::set(&mut tx, "dropped", b"x").await.unwrap();
    drop(tx);
    let asked = tokio::time::timeout(std::time::Duration::from_millis(50), async {
        let mut tx = db.begin().await.unwrap();
        setting(&mut tx, "lock_timeout").await;
        signet::execute!(&mut tx, "SELECT pg_sleep(1)").unwrap();
    });
    assert!(asked.await.is_err());
    assert_eq!(meta::get(&mut db.reader().await.unwrap(), "dropped").await.unwrap(), None);
    drop(server);
    let log = cluster.log();
    assert!(!log.contains("no transaction in progress"), "{log}");
    assert!(!log.contains("already a transaction in progress"), "{log}");
}

/// A log-in, a refresh, a race, the command line and a sample of the store's contract, through a pooler.
async fn works_through(bouncer: &Bouncer) {
    let launch = Launch::new()
        .with("SIGNET_DATABASE_URL", &bouncer.url)
        .with("SIGNET_DATABASE_CONNECTIONS", "4");
    // Twice: a pooler that confuses sessions does so with those of an earlier process.
    for round in 0..2 {
        let server = launch.start().await;
        let caller = server.caller();
        let account = json!({"login": format!("ada{round}"), "password": PASSWORD});
        caller.post("/v1/register", &account).await.is(201);
        let logins = join_all((0..24).map(|_| caller.post("/v1/login", &account))).await;
        let tokens: Vec<String> =
            logins.iter().map(|answer| answer.is(200).string("refresh_token")).collect();
        for token in &tokens {
            let body = json!({"refresh_token": token});
            let racing = join_all((0..4).map(|_| caller.post("/v1/refresh", &body))).await;
            let first = racing[0].is(200).string("refresh_token");
            for answer in &racing {
                assert_eq!(answer.is(200).string("refresh_token"), first, "two successors");
            }
        }
        caller.get("/ready").await.is(200);
        let output = launch.command().args(["user", "list"]).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        assert!(
            server.log().lines().all(|line| !line.contains("request failed")),
            "{}",
            server.log()
        );
    }
    conformance::sample(|url| bouncer.to(url)).await;
    let log = bouncer.log();
    assert!(!log.contains("no transaction in progress"), "{log}");
    assert!(!log.contains("unsupported startup parameter"), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_pgbouncer_works_in_session_mode_and_is_refused_in_the_others() {
    let Some(program) = Program::installed() else {
        return require::missing("pgbouncer", "PgBouncer is not installed");
    };
    let Some(url) = fresh_database().await else {
        return require::missing("postgres", "a database behind PgBouncer");
    };
    works_through(&Bouncer::start(program, "session", &url).await).await;
    for mode in ["transaction", "statement"] {
        let url = fresh_database().await.unwrap();
        let bouncer = Bouncer::start(Program::installed().unwrap(), mode, &url).await;
        // The second start meets the statements of the first.
        for _ in 0..2 {
            let launch = Launch::new().with("SIGNET_DATABASE_URL", &bouncer.url);
            let refused = launch.try_start().await.err().expect("it started");
            assert_eq!(refused.code, Some(78), "{mode}: {}", refused.text);
            for word in ["PgBouncer 1.21", "max_prepared_statements", "session"] {
                assert!(refused.text.contains(word), "{mode}: {}", refused.text);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_pgbouncer_works_in_transaction_mode() {
    let Some(program) = Program::of_debian_13() else {
        return require::missing("pgbouncer-1.21", "Debian 13's package cannot be fetched");
    };
    let Some(url) = fresh_database().await else {
        return require::missing("postgres", "a database behind PgBouncer");
    };
    works_through(&Bouncer::start(program, "transaction", &url).await).await;
}

/// Several concurrent first starts, behind a pooler that assigns another session to each transaction: one
/// creates the schema and the keys, and all serve.
#[tokio::test(flavor = "multi_thread")]
async fn first_starts_at_the_same_moment_through_a_pooler_make_one_database() {
    let installed = (Program::installed(), "session");
    let newer = (Program::of_debian_13(), "transaction");
    for (program, mode) in [installed, newer] {
        let Some(program) = program else {
            require::missing("pgbouncer", "PgBouncer cannot be had");
            continue;
        };
        let Some(url) = fresh_database().await else {
            return require::missing("postgres", "a database behind PgBouncer");
        };
        let bouncer = Bouncer::start(program, mode, &url).await;
        let launch = Launch::new()
            .with("SIGNET_DATABASE_URL", &bouncer.url)
            .with("SIGNET_DATABASE_CONNECTIONS", "2")
            .with("SIGNET_MASTER_KEY", &"A".repeat(43));
        let all = join_all((0..4).map(|_| launch.try_start())).await;
        let mut sets = Vec::new();
        for started in &all {
            let server = started.as_ref().unwrap_or_else(|refused| panic!("{mode}: {refused:?}"));
            let answer = server.caller().get("/.well-known/jwks.json").await;
            sets.push(answer.is(200).text.clone());
        }
        assert!(sets.iter().all(|set| *set == sets[0]), "{mode}: {sets:?}");
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let keys: i64 = sqlx::query_scalar("SELECT count(*) FROM signing_keys")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        assert_eq!(keys, 2, "{mode}");
    }
}
