//! Connections to a PostgreSQL server: never more than configured, fewer if it allows fewer, and new ones
//! after a firewall has dropped the old ones.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::future::join_all;
use serde_json::json;
use signet::store::Db;
use sqlx::{Connection as _, PgConnection};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Barrier, watch};

use crate::support::postgres::{Cluster, as_role, execute, fresh_database};
use crate::support::process::{Launch, until};
use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, LONG, require};

/// The number of Signet's connections to the database at `url`, and of those that wait for a lock.
async fn connections(url: &str) -> (i64, i64) {
    let mut connection = PgConnection::connect(url).await.unwrap();
    let counts = sqlx::query_as(
        "SELECT count(*), count(*) FILTER (WHERE wait_event_type = 'Lock') FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'signet'",
    );
    let counts = counts.fetch_one(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    counts
}

/// Blocks log-ins until it is dropped or closed: each keeps its connection, so that the server needs as many
/// as there are log-ins, however fast the machine is.
async fn hold_up_logins(url: &str) -> PgConnection {
    let mut holder = PgConnection::connect(url).await.unwrap();
    let lock = "BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE";
    sqlx::raw_sql(lock).execute(&mut holder).await.unwrap();
    holder
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_allows_fewer_connections_is_made_do_with() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a limit of connections");
    };
    for limit in [5, 2, 1] {
        // PostgreSQL counts a connection for a moment after its client has closed it: each round has a role of its own.
        let (url, role) = (cluster.fresh_database().await, format!("few_{limit}"));
        let create = format!("CREATE ROLE {role} LOGIN CONNECTION LIMIT {limit}");
        execute(&url, &format!("{create}; GRANT CREATE ON SCHEMA public TO {role}")).await;
        let launch = Launch::new()
            .with("SIGNET_DATABASE_URL", &as_role(&url, &role))
            .with("SIGNET_MASTER_KEY", &"A".repeat(43))
            .with("SIGNET_METRICS_LISTEN", "127.0.0.1:0");
        let server = launch.start().await;
        let caller = server.caller();
        let account = |number| json!({"login": format!("{limit}-{number}"), "password": PASSWORD});
        for number in 0..24 {
            caller.post("/v1/register", &account(number)).await.is(201);
        }
        let holder = hold_up_logins(&url).await;
        let accounts: Vec<_> = (0..24).map(account).collect();
        let logins = join_all(accounts.iter().map(|account| caller.post("/v1/login", account)));
        let released = async {
            until(
                "every connection that is allowed is in use, and one more was refused",
                async || {
                    let log = server.log();
                    connections(&url).await == (limit, limit)
                        && log.contains("allows no more connections")
                        && log.contains("too many connections for role")
                },
            )
            .await;
            holder.close().await.unwrap();
        };
        let (answers, ()) = tokio::join!(logins, released);
        let tokens: Vec<String> =
            answers.iter().map(|answer| answer.is(200).string("access_token")).collect();
        for answer in join_all(tokens.iter().map(|token| caller.get_as("/v1/me", token))).await {
            answer.is(200);
        }
        assert_eq!(connections(&url).await.0, limit);
        // A command gets no connection, and reports the cause.
        let output = launch.command().args(["user", "list"]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(75), "{said}");
        assert!(said.contains("SIGNET_DATABASE_CONNECTIONS"), "{said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_connections_are_opened_than_the_setting_allows() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "counting connections");
    };
    let url = cluster.fresh_database().await;
    let db = Db::postgres(&url, 3, LONG).await.unwrap();
    let (most, three) = (AtomicUsize::new(0), Barrier::new(3));
    join_all((0..24).map(|_| async {
        let tx = db.begin().await.unwrap();
        // Three transactions are open at once each time; with fewer connections this would never return.
        three.wait().await;
        most.fetch_max(db.connections().unwrap().0, Ordering::SeqCst);
        tx.commit().await.unwrap();
    }))
    .await;
    assert_eq!(most.load(Ordering::SeqCst), 3);
    assert_eq!(connections(&url).await.0, 3);
    db.close().await;
}

/// A path to the server that can drop connections silently: bytes are swallowed.
struct Firewall {
    url: String,
    /// The number of connections so far.
    opened: Arc<AtomicUsize>,
    /// Connections before this number are dropped.
    dropped: Arc<AtomicUsize>,
    /// Closes them all when it is dropped.
    _open: watch::Sender<()>,
}

impl Firewall {
    async fn before(url: &str) -> Self {
        let server = url::Url::parse(url).unwrap();
        let target = format!("{}:{}", server.host_str().unwrap(), server.port().unwrap());
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut through = server.clone();
        through.set_port(Some(listener.local_addr().unwrap().port())).unwrap();
        let (opened, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (count, limit) = (Arc::clone(&opened), Arc::clone(&dropped));
        let (open, closed) = watch::channel(());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let number = count.fetch_add(1, Ordering::SeqCst);
                let passing = pass(client, target.clone(), number, Arc::clone(&limit));
                let mut closed = closed.clone();
                tokio::spawn(async move {
                    tokio::select! {
                        () = passing => {}
                        _ = closed.changed() => {}
                    }
                });
            }
        });
        Self { url: through.into(), opened, dropped, _open: open }
    }

    /// Drops every existing connection silently; new ones are forwarded.
    fn forget(&self) {
        self.dropped.store(self.opened.load(Ordering::SeqCst), Ordering::SeqCst);
    }
}

/// Forwards bytes in both directions until the connection is dropped, and keeps both ends open afterwards.
async fn pass(client: TcpStream, target: String, number: usize, limit: Arc<AtomicUsize>) {
    let server = TcpStream::connect(target).await.unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let forgotten = || number < limit.load(Ordering::SeqCst);
    let there = async {
        let mut bytes = [0; 16 * 1024];
        while let Ok(read) = from_client.read(&mut bytes).await {
            if read == 0 {
                break;
            }
            if !forgotten() && to_server.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    let back = async {
        let mut bytes = [0; 16 * 1024];
        while let Ok(read) = from_server.read(&mut bytes).await {
            if read == 0 {
                break;
            }
            if !forgotten() && to_client.write_all(&bytes[..read]).await.is_err() {
                break;
            }
        }
    };
    tokio::select! {
        () = there => {}
        () = back => {}
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_a_firewall_forgot_fail_no_request() {
    let Some(url) = fresh_database().await else {
        return require::missing("postgres", "a firewall that forgets");
    };
    let firewall = Firewall::before(&url).await;
    let server = Options::on(Backend::Postgres).on_database(&firewall.url).start().await;
    let logins: Vec<String> = (0..8).map(|number| format!("user-{number}")).collect();
    for login in &logins {
        server.register(login).await;
    }
    let holder = hold_up_logins(&url).await;
    let released = async {
        until("each log-in has a connection", async || connections(&url).await.1 == 8).await;
        holder.close().await.unwrap();
    };
    let all = join_all(logins.iter().map(|login| server.try_login(login, PASSWORD)));
    let (answers, ()) = tokio::join!(all, released);
    for answer in answers {
        answer.is(200);
    }
    let before = firewall.opened.load(Ordering::SeqCst);
    firewall.forget();
    // They have been idle for more than a second before they are used again: a connection that was just used
    // is not checked. A longer time makes no difference.
    tokio::time::sleep(std::time::Duration::from_millis(1_200)).await;
    for answer in join_all(logins.iter().map(|login| server.try_login(login, PASSWORD))).await {
        answer.is(200);
    }
    assert!(firewall.opened.load(Ordering::SeqCst) > before, "the old connections were used");
    // A background job may hang on a dropped connection; it ends with the firewall.
    drop(firewall);
}
