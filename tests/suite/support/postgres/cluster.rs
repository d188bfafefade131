//! A server that creates databases: empty ones, templates and copies of templates.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use sqlx::{AssertSqlSafe, Connection as _, PgConnection};
use tokio::sync::OnceCell;
use url::Url;

use crate::support::process::PATIENCE;
use crate::support::require::missing;

use super::keeper::launch;
use super::private_cluster::PrivateCluster;
use super::{WHAT, blocking, random};

/// The prefix of every database created here, followed by the run of the process in hex and a number;
/// databases with such names may be dropped.
pub(super) const PREFIX: &str = "signet_test_";

/// A server that creates databases: the shared one, or the one in a [`PrivateCluster`].
pub struct Cluster {
    /// The maintenance database, on which `CREATE DATABASE` runs.
    server: Url,
    /// Whether this process started it, and may therefore choose how it checkpoints.
    ours: bool,
    pub(super) run: u64,
    made: AtomicU64,
    /// One `CREATE DATABASE` at a time: they compete for the same disk, and a copy fails while another
    /// connection uses its template.
    turn: tokio::sync::Mutex<()>,
    templates: Mutex<HashMap<String, Arc<OnceCell<String>>>>,
    finished: Finished,
}

/// Databases whose test has ended.
type Finished = Arc<Mutex<Vec<String>>>;

/// Databases of the test on this thread, which end with the thread. libtest starts a thread for each test.
struct Used {
    database: String,
    finished: Finished,
}

impl Drop for Used {
    fn drop(&mut self) {
        let mut finished = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
        finished.push(std::mem::take(&mut self.database));
    }
}

thread_local! {
    static USED: RefCell<Vec<Used>> = const { RefCell::new(Vec::new()) };
}

impl Cluster {
    pub(super) fn new(server: Url, ours: bool) -> Self {
        Self {
            server,
            ours,
            run: random(),
            made: AtomicU64::new(0),
            turn: tokio::sync::Mutex::default(),
            templates: Mutex::default(),
            finished: Finished::default(),
        }
    }

    /// A cluster that one test may break; `None`, reported, if no PostgreSQL can be started here.
    /// `TEST_POSTGRES_URL` is not used: a provided server must not be stopped.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is required but missing.
    pub async fn private() -> Option<PrivateCluster> {
        blocking(|| match launch() {
            Ok(keeper) => {
                let cluster = Self::new(keeper.url(), true);
                Some(PrivateCluster { cluster, keeper: Arc::new(Mutex::new(keeper)) })
            }
            Err(why) => {
                missing(WHAT, &why);
                None
            }
        })
        .await
    }

    /// See [`fresh_database`].
    pub async fn fresh_database(&self) -> String {
        let url = self.empty_database().await;
        self.drop_after_test(&url);
        url
    }

    async fn empty_database(&self) -> String {
        // template0, because it accepts no connections; template1 may have some.
        let name = self.new_name();
        self.create(&name, "TEMPLATE template0 ENCODING 'UTF8'").await;
        self.url_of(&name)
    }

    /// See [`template_database`].
    pub async fn template_database(&self, name: &str, prepare: impl AsyncFnOnce(String)) {
        let cell = Arc::clone(self.templates().entry(name.to_owned()).or_default());
        cell.get_or_init(async || {
            let url = self.empty_database().await;
            prepare(url.clone()).await;
            let database = database_in(&url).to_owned();
            // An open connection of `prepare` would make every copy fail. Once closed to connections, the
            // template cannot be changed by a test that keeps its URL.
            let mut connection = self.connect().await;
            run(&mut connection, format!("ALTER DATABASE {database} ALLOW_CONNECTIONS false"))
                .await
                .expect("closing the template");
            sqlx::query(
                "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE datname = $1",
            )
            .bind(&database)
            .execute(&mut connection)
            .await
            .expect("sending the template's last visitors away");
            close(connection).await;
            database
        })
        .await;
    }

    /// See [`database_from_template`].
    pub async fn database_from_template(&self, name: &str) -> String {
        let cell = self.templates().get(name).map(Arc::clone);
        let template = cell.as_ref().and_then(|cell| cell.get());
        let template = template.unwrap_or_else(|| panic!("template {name:?} was never prepared"));
        let database = self.new_name();
        self.create(&database, &format!("TEMPLATE {template}")).await;
        let url = self.url_of(&database);
        self.drop_after_test(&url);
        url
    }

    /// Drops a database some time after the test of this thread. All of them together would take some 12 GB, in memory
    /// if the cluster is in memory. Only threads of tests are named by a path.
    fn drop_after_test(&self, url: &str) {
        if std::thread::current().name().is_some_and(|name| name.contains("::")) {
            let (database, finished) = (database_in(url).to_owned(), Arc::clone(&self.finished));
            USED.with_borrow_mut(|used| used.push(Used { database, finished }));
        }
    }

    /// Drops two databases of ended tests, so that each new database frees more space than it takes.
    async fn drop_finished(&self, connection: &mut PgConnection) {
        let finished: Vec<String> = {
            let mut all = self.finished.lock().unwrap_or_else(PoisonError::into_inner);
            let kept = all.len().saturating_sub(2);
            all.split_off(kept)
        };
        for database in finished {
            let drop = format!("DROP DATABASE IF EXISTS {database} WITH (FORCE)");
            run(connection, drop).await.expect("dropping the database of a test that has ended");
        }
    }

    /// Drops a database created here, with its connections. Optional: a server started here is removed with
    /// its directory, and leftovers on a provided one are dropped by the next run. For tests that create many
    /// or large databases.
    ///
    /// # Panics
    ///
    /// When the URL does not name a database of this process.
    pub async fn drop_database(&self, url: &str) {
        let database = database_in(url);
        assert!(database.starts_with(&self.own_prefix()), "{database} was not made here");
        let mut connection = self.connect().await;
        run(&mut connection, format!("DROP DATABASE {database} WITH (FORCE)"))
            .await
            .expect("dropping a test's database");
        close(connection).await;
    }

    async fn create(&self, name: &str, how: &str) {
        let _turn = self.turn.lock().await;
        let mut connection = self.connect().await;
        // Copying files writes half as much as copying through the log and takes half the time, but begins
        // with a checkpoint, which is not forced on a provided server. Versions before 15 have no choice.
        let version = connection.server_version_num().unwrap_or_default();
        let how = if self.ours && version >= 150_000 {
            format!("{how} STRATEGY FILE_COPY")
        } else {
            how.to_owned()
        };
        self.drop_finished(&mut connection).await;
        let give_up = Instant::now() + PATIENCE;
        loop {
            match run(&mut connection, format!("CREATE DATABASE {name} {how}")).await {
                Ok(()) => break,
                // 55006 object_in_use: a terminated backend has not left the template yet.
                Err(error) if code(&error) == "55006" && Instant::now() < give_up => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("CREATE DATABASE {name} {how}: {error}"),
            }
        }
        close(connection).await;
    }

    /// A connection to the maintenance database for one statement.
    pub(super) async fn connect(&self) -> PgConnection {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match PgConnection::connect(self.server.as_str()).await {
                Ok(connection) => return connection,
                // 53300 too_many_connections: parallel tests will release theirs.
                Err(error) if code(&error) == "53300" && Instant::now() < give_up => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("connecting to the test PostgreSQL: {error}"),
            }
        }
    }

    fn templates(&self) -> MutexGuard<'_, HashMap<String, Arc<OnceCell<String>>>> {
        self.templates.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn own_prefix(&self) -> String {
        format!("{PREFIX}{:016x}_", self.run)
    }

    pub(super) fn new_name(&self) -> String {
        format!("{}{}", self.own_prefix(), self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// The URL of another database of the server, with the same user, password and parameters.
    pub(super) fn url_of(&self, database: &str) -> String {
        let mut url = self.server.clone();
        url.set_path(database);
        url.into()
    }
}

/// Runs one utility statement. These take no parameters, so names are in the text; all of them consist of hex
/// digits and counters.
pub(super) async fn run(
    connection: &mut PgConnection,
    statement: String,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

/// Closes properly, so that the server's log is not full of lost connections.
pub(super) async fn close(connection: PgConnection) {
    let _ = connection.close().await;
}

/// The SQLSTATE of a server error, or an empty string.
fn code(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    code.map(|code| code.into_owned()).unwrap_or_default()
}

pub(super) fn database_in(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}
