//! A database with the data of years: millions of users and sessions.
//!
//! Owns writing them in bulk, directly to the database but as the server would. The rows of one session are
//! those of `/v1/login`: the session and its device.

use std::error::Error;
use std::io::{Write as _, stderr};
use std::sync::Arc;
use std::time::Instant;

use signet::app::App;
use signet::app::startup::{OpenPurpose, Startup};
use signet::base::Clock as _;
use signet::base::clock::SystemClock;
use signet::base::id::BranchId;
use signet::config::{Config, Source};
use signet::crypto::password::{Lane, Requester};
use signet::crypto::random::SystemEntropy;
use signet::domain::client::BUILT_IN;
use signet::domain::login_name::LoginName;
use signet::domain::password::Password;
use signet::domain::user_words::{SearchedText, words_of};
use sqlx::{Connection as _, Executor as _};
use uuid::Uuid;

use crate::process::{PASSWORD, Site};

/// The API for which sessions were opened.
pub const API: &str = "https://api.example.com";

/// The size of the database.
#[derive(Clone, Copy)]
pub struct Size {
    /// The number of users.
    pub users: u64,
    /// The number of sessions.
    pub sessions: u64,
    /// Whether users have names, addresses, words by which they are found, and events.
    pub is_searched: bool,
}

/// The number of rows that are written at a time: large enough for speed, small enough to show progress.
const STEP: u64 = 100_000;
/// The number of sessions for the API.
const FOR_API: u64 = 1_000;

/// The data that the driver needs about the rows.
pub struct Seeded {
    size: Size,
    at: i64,
    app: App,
}

impl Seeded {
    /// The size.
    pub const fn size(&self) -> Size {
        self.size
    }

    /// The login name of a user.
    pub fn login(number: u64) -> String {
        format!("person{number}")
    }

    /// The refresh token of the session with this number, when it was opened. The highest numbers are the newest.
    pub fn token(&self, number: u64) -> String {
        let id = BranchId::from_uuid(session_id(self.at, FOR_API + number));
        self.app.refresh_keys().mint(id, 0).unwrap_or_default()
    }

    /// The same for a session for the API.
    pub fn api_token(&self, number: u64) -> String {
        let id = BranchId::from_uuid(session_id(self.at, number % FOR_API));
        self.app.refresh_keys().mint(id, 0).unwrap_or_default()
    }
}

/// A UUIDv7: the time first, a thousand ids for each millisecond.
fn session_id(at: i64, number: u64) -> Uuid {
    let millis = u64::try_from(at).unwrap_or_default() + number / 1000;
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
    bytes[6..8]
        .copy_from_slice(&(0x7000 | u16::try_from(number % 1000).unwrap_or(0)).to_be_bytes());
    bytes[8..].copy_from_slice(&(0xb << 60 | number).to_be_bytes());
    Uuid::from_bytes(bytes)
}

/// Fills the database of `site` while no server uses it. Half of the sessions are those of `client_id`.
pub async fn seed(site: &Site, size: Size, client_id: &str) -> Result<Seeded, Box<dyn Error>> {
    let settings = site.all();
    let pairs: Vec<(&str, &str)> =
        settings.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let config = Config::from_source(&Source::from_pairs(&site.dir, &pairs))
        .map_err(|mistakes| mistakes.to_string())?
        .config;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let opened = Startup { config, clock, entropy, purpose: OpenPurpose::Administer }.open().await;
    let app = opened.map_err(|error| error.to_string())?.app;
    let password = Password::for_verification(PASSWORD).map_err(|error| error.message())?;
    let place = app
        .reserve_hash_slot(Lane::Known, Requester::Unknown)
        .map_err(|refusal| refusal.message)?;
    let hash =
        app.hash_password(place, password).await.map_err(|_| "the password was not hashed")?;
    // The newest session is from now.
    let at = SystemClock.now().millis() - i64::try_from(size.sessions.max(size.users) / 1000)? - 10;
    let mut rows = Rows::open(&app).await?;
    let searched = if size.is_searched { size.users } else { 0 };
    let total = size.users + FOR_API + size.sessions + searched;
    let mut progress = Progress::new(total);
    for from in (0..size.users).step_by(STEP as usize) {
        let to = (from + STEP).min(size.users);
        rows.users(TimeSpan::of(at, from, to), &hash).await?;
        progress.add(to - from);
    }
    rows.sessions(TimeSpan::of(at, 0, FOR_API), Some(API), (BUILT_IN, size.users)).await?;
    progress.add(FOR_API);
    for from in (0..size.sessions).step_by(STEP as usize) {
        let to = (from + STEP).min(size.sessions);
        let span = TimeSpan::of(at, FOR_API + from, FOR_API + to);
        rows.sessions(span, None, (client_id, size.users)).await?;
        progress.add(to - from);
    }
    for from in (0..size.users).step_by(STEP as usize).filter(|_| size.is_searched) {
        let to = (from + STEP).min(size.users);
        rows.searched(TimeSpan::of(at, from, to)).await?;
        progress.add(to - from);
    }
    rows.settle().await?;
    Ok(Seeded { size, at, app })
}

/// Rows with the numbers from `from` up to `to`, the first of which was created at `at`.
struct TimeSpan {
    at: i64,
    from: i64,
    to: i64,
}

impl TimeSpan {
    fn of(at: i64, from: u64, to: u64) -> Self {
        Self { at, from: from.cast_signed(), to: to.cast_signed() }
    }
}

/// A connection that writes many rows at once.
enum Rows {
    Sqlite(sqlx::SqliteConnection),
    Postgres(sqlx::PgConnection),
}

impl Rows {
    async fn open(app: &App) -> Result<Self, Box<dyn Error>> {
        use signet::config::Database;
        Ok(match &app.config.database {
            Database::Sqlite(path) => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                // A crash here only ruins a benchmark.
                let options = options.pragma("synchronous", "OFF").pragma("cache_size", "-400000");
                Self::Sqlite(sqlx::SqliteConnection::connect_with(&options).await?)
            }
            Database::Postgres(url) => {
                Self::Postgres(sqlx::PgConnection::connect(url.expose()).await?)
            }
        })
    }

    async fn users(&mut self, span: TimeSpan, hash: &str) -> Result<(), Box<dyn Error>> {
        // The skeletons of login names are stored too; the two digits that look like letters become those letters.
        assert_eq!(LoginName::parse("person10")?.skeleton(), "person1O".replace('1', "l"));
        let TimeSpan { at, from, to } = span;
        match self {
            Self::Sqlite(conn) => {
                let mut tx = conn.begin().await?;
                let users = sqlx::query(SQLITE_USERS).bind(at).bind(from).bind(to).bind(hash);
                users.execute(&mut *tx).await?;
                sqlx::query(SQLITE_SKELETONS).bind(from).bind(to).execute(&mut *tx).await?;
                tx.commit().await?;
            }
            Self::Postgres(conn) => {
                let mut tx = conn.begin().await?;
                let users = sqlx::query(POSTGRES_USERS).bind(at).bind(from).bind(to).bind(hash);
                users.execute(&mut *tx).await?;
                sqlx::query(POSTGRES_SKELETONS).bind(from).bind(to).execute(&mut *tx).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }

    async fn sessions(
        &mut self,
        span: TimeSpan,
        audience: Option<&str>,
        (client_id, users): (&str, u64),
    ) -> Result<(), Box<dyn Error>> {
        let TimeSpan { at, from, to } = span;
        let (users, scope) = (users.cast_signed(), audience.map_or("", |_| "read"));
        macro_rules! write {
            ($conn:expr, $sessions:expr, $devices:expr) => {{
                let mut tx = $conn.begin().await?;
                let sessions = sqlx::query($sessions).bind(at).bind(from).bind(to);
                let sessions = sessions.bind(users).bind(audience).bind(scope).bind(client_id);
                sessions.execute(&mut *tx).await?;
                sqlx::query($devices).bind(at).bind(from).bind(to).execute(&mut *tx).await?;
                tx.commit().await?;
            }};
        }
        match self {
            Self::Sqlite(conn) => write!(conn, SQLITE_SESSIONS, SQLITE_DEVICES),
            Self::Postgres(conn) => write!(conn, POSTGRES_SESSIONS, POSTGRES_DEVICES),
        }
        Ok(())
    }

    /// The data for searches of users: a name and an address, their words, the event of a log-in, and some users
    /// who are disabled, must change their password or have failed to log in.
    async fn searched(&mut self, span: TimeSpan) -> Result<(), Box<dyn Error>> {
        let TimeSpan { at, from, to } = span;
        let words = words_of(SearchedText {
            login: "person137",
            login_key: "person137",
            name: Some("Given7 Family17"),
            email: Some("person137@example.com"),
            email_key: Some("person137@example.com"),
        });
        let written =
            ["com", "example", "family17", "given7", "person137", "person137@example.com"];
        assert_eq!(words, written);
        macro_rules! write {
            ($conn:expr, $statements:expr) => {{
                let mut tx = $conn.begin().await?;
                for statement in $statements {
                    sqlx::query(statement).bind(at).bind(from).bind(to).execute(&mut *tx).await?;
                }
                tx.commit().await?;
            }};
        }
        match self {
            Self::Sqlite(conn) => write!(conn, SQLITE_SEARCHED),
            Self::Postgres(conn) => write!(conn, POSTGRES_SEARCHED),
        }
        Ok(())
    }

    /// Prepares the database as after a long time of operation: its log checkpointed, its statistics collected.
    async fn settle(self) -> Result<(), Box<dyn Error>> {
        match self {
            Self::Sqlite(mut conn) => {
                conn.execute("PRAGMA wal_checkpoint(TRUNCATE)").await?;
                conn.close().await?;
            }
            Self::Postgres(mut conn) => {
                conn.execute("VACUUM ANALYZE").await?;
                conn.execute("CHECKPOINT").await?;
                conn.close().await?;
            }
        }
        Ok(())
    }
}

const SQLITE_USERS: &str = "\
WITH RECURSIVE n(i) AS (SELECT $2 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3) \
INSERT INTO users (id, login, login_key, login_skeleton, role, password_hash, session_epoch, \
created_at, updated_at, password_changed_at) \
SELECT unhex(printf('%012x7%03xb%015x', $1 + i / 1000, i % 1000, i)), 'person' || i, 'person' || i, \
replace(replace('person' || i, '0', 'O'), '1', 'l'), 'user', $4, 0, $1 + i / 1000, $1 + i / 1000, \
$1 + i / 1000 FROM n";

const SQLITE_SKELETONS: &str = "\
WITH RECURSIVE n(i) AS (SELECT $1 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $2) \
INSERT INTO login_skeletons (skeleton, exclusive, users) \
SELECT replace(replace('person' || i, '0', 'O'), '1', 'l'), FALSE, 1 FROM n";

const SQLITE_SESSIONS: &str = "\
WITH RECURSIVE n(i) AS (SELECT $2 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3) \
INSERT INTO sessions (id, user_id, client_id, audience, scope, current, answered_at, supersedes, \
created_at, idle_expires_at, expires_at, user_epoch, auth_time) \
SELECT unhex(printf('%012x7%03xb%015x', $1 + i / 1000, i % 1000, i)), \
unhex(printf('%012x7%03xb%015x', $1 + (i % $4) / 1000, (i % $4) % 1000, i % $4)), \
CASE i % 2 WHEN 0 THEN $7 ELSE 'signet' END, $5, $6, 0, \
$1 + i / 1000, 0, $1 + i / 1000, $1 + i / 1000 + 2592000000, $1 + i / 1000 + 15552000000, 0, \
$1 + i / 1000 FROM n";

const SQLITE_DEVICES: &str = "\
WITH RECURSIVE n(i) AS (SELECT $2 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3) \
INSERT INTO session_devices (session_id, user_agent, address) \
SELECT unhex(printf('%012x7%03xb%015x', $1 + i / 1000, i % 1000, i)), \
'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0', '192.0.2.7' FROM n";

const POSTGRES_USERS: &str = "\
INSERT INTO users (id, login, login_key, login_skeleton, role, password_hash, session_epoch, \
created_at, updated_at, password_changed_at) \
SELECT (lpad(to_hex($1 + i / 1000), 12, '0') || '7' || lpad(to_hex(i % 1000), 3, '0') || 'b' || \
lpad(to_hex(i), 15, '0'))::uuid, 'person' || i, 'person' || i, \
replace(replace('person' || i, '0', 'O'), '1', 'l'), 'user', $4, 0, $1 + i / 1000, $1 + i / 1000, \
$1 + i / 1000 FROM generate_series($2::bigint, $3::bigint - 1) AS i";

const POSTGRES_SKELETONS: &str = "\
INSERT INTO login_skeletons (skeleton, exclusive, users) \
SELECT replace(replace('person' || i, '0', 'O'), '1', 'l'), FALSE, 1 \
FROM generate_series($1::bigint, $2::bigint - 1) AS i";

const POSTGRES_SESSIONS: &str = "\
INSERT INTO sessions (id, user_id, client_id, audience, scope, current, answered_at, supersedes, \
created_at, idle_expires_at, expires_at, user_epoch, auth_time) \
SELECT (lpad(to_hex($1 + i / 1000), 12, '0') || '7' || lpad(to_hex(i % 1000), 3, '0') || 'b' || \
lpad(to_hex(i), 15, '0'))::uuid, \
(lpad(to_hex($1 + (i % $4) / 1000), 12, '0') || '7' || lpad(to_hex((i % $4) % 1000), 3, '0') || 'b' || \
lpad(to_hex(i % $4), 15, '0'))::uuid, CASE i % 2 WHEN 0 THEN $7 ELSE 'signet' END, $5, $6, 0, \
$1 + i / 1000, 0, $1 + i / 1000, $1 + i / 1000 + 2592000000, $1 + i / 1000 + 15552000000, 0, \
$1 + i / 1000 FROM generate_series($2::bigint, $3::bigint - 1) AS i";

const POSTGRES_DEVICES: &str = "\
INSERT INTO session_devices (session_id, user_agent, address) \
SELECT (lpad(to_hex($1 + i / 1000), 12, '0') || '7' || lpad(to_hex(i % 1000), 3, '0') || 'b' || \
lpad(to_hex(i), 15, '0'))::uuid, \
'Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0', '192.0.2.7' \
FROM generate_series($2::bigint, $3::bigint - 1) AS i";

/// Names, words, events. Numbers $2 up to $3; each user has given name and family name in common with many others.
const SQLITE_SEARCHED: [&str; 3] = [
    "WITH RECURSIVE n(i) AS (SELECT $2 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3) \
     UPDATE users SET name = 'Given' || (i % 10) || ' Family' || (i % 20), \
     email = 'person' || i || '@example.com', email_key = 'person' || i || '@example.com', \
     disabled_at = CASE WHEN i % 1000 = 1 THEN $1 END, must_change_password = i % 1000 = 2, last_login_at = $1 \
     FROM n WHERE id = unhex(printf('%012x7%03xb%015x', $1 + i / 1000, i % 1000, i))",
    "WITH RECURSIVE n(i) AS (SELECT $2 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3), \
     who(i, id) AS (SELECT i, unhex(printf('%012x7%03xb%015x', $1 + i / 1000, i % 1000, i)) FROM n) \
     INSERT INTO user_words (word, user_id) SELECT word, id FROM ( \
     SELECT 'person' || i AS word, id FROM who UNION ALL SELECT 'person' || i || '@example.com', id FROM who \
     UNION ALL SELECT 'example', id FROM who UNION ALL SELECT 'com', id FROM who \
     UNION ALL SELECT 'given' || (i % 10), id FROM who UNION ALL SELECT 'family' || (i % 20), id FROM who) \
     ORDER BY word, id",
    "WITH RECURSIVE n(i) AS (SELECT $2 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < $3) \
     INSERT INTO audit_events (id, at, kind, via, user_id, session_id, address, request_id, times, client_id, reason) \
     SELECT unhex(printf('%012x7%03xa%015x', $1 + i / 1000, i % 1000, i)), $1 + i / 1000, \
     CASE i % 20 WHEN 3 THEN 'login.failed' ELSE 'login.succeeded' END, 'http', \
     unhex(printf('%012x7%03xb%015x', $1 + i / 1000, i % 1000, i)), NULL, '192.0.2.' || (i % 250), 'r', 1, 'signet', \
     CASE i % 20 WHEN 3 THEN 'wrong_password' END FROM n",
];

const POSTGRES_SEARCHED: [&str; 3] = [
    "UPDATE users SET name = 'Given' || (i % 10) || ' Family' || (i % 20), \
     email = 'person' || i || '@example.com', email_key = 'person' || i || '@example.com', \
     disabled_at = CASE WHEN i % 1000 = 1 THEN $1::bigint END, must_change_password = i % 1000 = 2, last_login_at = $1 \
     FROM generate_series($2::bigint, $3::bigint - 1) AS i WHERE id = (lpad(to_hex($1 + i / 1000), 12, '0') || '7' \
     || lpad(to_hex(i % 1000), 3, '0') || 'b' || lpad(to_hex(i), 15, '0'))::uuid",
    "INSERT INTO user_words (word, user_id) SELECT word, id FROM ( \
     SELECT i, (lpad(to_hex($1::bigint + i / 1000), 12, '0') || '7' || lpad(to_hex(i % 1000), 3, '0') || 'b' \
     || lpad(to_hex(i), 15, '0'))::uuid AS id FROM generate_series($2::bigint, $3::bigint - 1) AS i) AS who \
     CROSS JOIN LATERAL (VALUES ('person' || i), ('person' || i || '@example.com'), ('example'), ('com'), \
     ('given' || (i % 10)), ('family' || (i % 20))) AS words(word)",
    "INSERT INTO audit_events (id, at, kind, via, user_id, session_id, address, request_id, times, client_id, reason) \
     SELECT (lpad(to_hex($1::bigint + i / 1000), 12, '0') || '7' || lpad(to_hex(i % 1000), 3, '0') || 'a' \
     || lpad(to_hex(i), 15, '0'))::uuid, $1 + i / 1000, \
     CASE i % 20 WHEN 3 THEN 'login.failed' ELSE 'login.succeeded' END, 'http', \
     (lpad(to_hex($1 + i / 1000), 12, '0') || '7' || lpad(to_hex(i % 1000), 3, '0') || 'b' \
     || lpad(to_hex(i), 15, '0'))::uuid, NULL, '192.0.2.' || (i % 250), 'r', 1, 'signet', \
     CASE i % 20 WHEN 3 THEN 'wrong_password' END FROM generate_series($2::bigint, $3::bigint - 1) AS i",
];

/// A progress line on stderr for slow steps.
struct Progress {
    total: u64,
    done: u64,
    begun: Instant,
    said: Instant,
}

impl Progress {
    fn new(total: u64) -> Self {
        Self { total, done: 0, begun: Instant::now(), said: Instant::now() }
    }

    fn add(&mut self, rows: u64) {
        self.done += rows;
        if self.said.elapsed().as_secs() < 5 {
            return;
        }
        self.said = Instant::now();
        let rate = self.done as f64 / self.begun.elapsed().as_secs_f64();
        let left = (self.total - self.done) as f64 / rate;
        let (done, total) = (self.done / 1000, self.total / 1000);
        let _ = writeln!(stderr(), "  {done}k of {total}k rows, {left:.0} s to go");
    }
}
