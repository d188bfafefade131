//! A server that makes databases: empty ones, templates and copies of templates.

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

/// Every database made here is called this, the process's run in hex, and a number; what matches is
/// ours to drop.
pub(super) const PREFIX: &str = "signet_test_";

/// A server that makes databases: the shared one, or what a [`PrivateCluster`] wraps.
pub struct Cluster {
    /// The maintenance database, from which the others are made.
    server: Url,
    /// Whether we started it, and so may have it write checkpoints as we like.
    ours: bool,
    pub(super) run: u64,
    made: AtomicU64,
    /// One `CREATE DATABASE` at a time: they queue for the same disk, and a copy fails while
    /// anybody else uses its template.
    turn: tokio::sync::Mutex<()>,
    templates: Mutex<HashMap<String, Arc<OnceCell<String>>>>,
    finished: Finished,
}

/// Databases whose test has ended.
type Finished = Arc<Mutex<Vec<String>>>;

/// A database of the test that runs on this thread. It ends with the thread, which libtest starts for each test.
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

    /// A cluster for one test that wants to break it; `None`, said loudly, when no PostgreSQL can
    /// be started here. `TEST_POSTGRES_URL` is not asked: a server somebody else runs is not ours
    /// to stop.
    ///
    /// # Panics
    ///
    /// When PostgreSQL is demanded but missing.
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
        // template0, because nobody can be connected to it; template1 may have visitors.
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
            // A connection that `prepare` left open would make every copy fail; and once closed to
            // all, the template cannot drift under a test that keeps its URL.
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

    /// Has a database dropped some time after the test of this thread. All of them together would take a dozen
    /// gigabytes, of memory where the cluster lies in memory. Only threads of tests have the path of one as their name.
    fn drop_after_test(&self, url: &str) {
        if std::thread::current().name().is_some_and(|name| name.contains("::")) {
            let (database, finished) = (database_in(url).to_owned(), Arc::clone(&self.finished));
            USED.with_borrow_mut(|used| used.push(Used { database, finished }));
        }
    }

    /// Drops two databases whose tests have ended, so that one that is made makes room.
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

    /// Drops a database made here, connections and all. Optional: a server started here goes with
    /// its directory, and the leftovers on an adopted one are dropped by the next run; for tests
    /// that make many or large ones.
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
        // Copying files writes half as much as copying through the log and takes half the time,
        // but begins with a checkpoint, which a server somebody else runs need not suffer. Before
        // version 15 there is no choice.
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
                // 55006 object_in_use: a backend that was told to leave the template is not gone.
                Err(error) if code(&error) == "55006" && Instant::now() < give_up => {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                Err(error) => panic!("CREATE DATABASE {name} {how}: {error}"),
            }
        }
        close(connection).await;
    }

    /// A connection to the maintenance database, for one errand.
    pub(super) async fn connect(&self) -> PgConnection {
        let give_up = Instant::now() + PATIENCE;
        loop {
            match PgConnection::connect(self.server.as_str()).await {
                Ok(connection) => return connection,
                // 53300 too_many_connections: the tests running beside this one will let go.
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

    /// The server's URL with another database: user, password and parameters stay.
    pub(super) fn url_of(&self, database: &str) -> String {
        let mut url = self.server.clone();
        url.set_path(database);
        url.into()
    }
}

/// Runs one utility statement. They take no parameters, hence the text; every name in it was made
/// here from hex digits and counters.
pub(super) async fn run(
    connection: &mut PgConnection,
    statement: String,
) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(statement)).execute(connection).await.map(drop)
}

/// Says goodbye properly, so that the server's log does not fill with lost connections.
pub(super) async fn close(connection: PgConnection) {
    let _ = connection.close().await;
}

/// The SQLSTATE of a server's error, or nothing.
fn code(error: &sqlx::Error) -> String {
    let code = error.as_database_error().and_then(|error| error.code());
    code.map(|code| code.into_owned()).unwrap_or_default()
}

pub(super) fn database_in(url: &str) -> &str {
    let path = url.split('?').next().unwrap_or_default();
    path.rsplit('/').next().unwrap_or_default()
}
