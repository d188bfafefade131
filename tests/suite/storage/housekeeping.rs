//! Housekeeping with many rows: every expired row is removed, no others, and no step is large.

use signet::base::Timestamp;
use signet::base::id::UserId;
use signet::jobs::{self, MAX_ROWS};
use sqlx::{AssertSqlSafe, SqlSafeStr as _};

use crate::support::server::Options;
use crate::support::{Backend, Server, on_both};

/// The number of expired rows of each kind.
const OVER: u32 = 4_000;
/// The number of others of each kind.
const LIVE: u32 = 100;
const DAY: i64 = 24 * 60 * 60 * 1000;

/// A connection to the server's database for statements of the test.
enum Raw {
    Sqlite(sqlx::SqlitePool),
    Postgres(sqlx::PgPool),
}

impl Raw {
    async fn of(server: &Server) -> Self {
        match &server.database_url {
            Some(url) => Self::Postgres(sqlx::PgPool::connect(url).await.unwrap()),
            None => {
                let path = server.dir.path().join("data/signet.db");
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                Self::Sqlite(sqlx::SqlitePool::connect_with(options).await.unwrap())
            }
        }
    }

    async fn run(&self, sql: String) {
        let sql = AssertSqlSafe(sql).into_sql_str();
        match self {
            Self::Sqlite(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
            Self::Postgres(pool) => drop(sqlx::raw_sql(sql).execute(pool).await.unwrap()),
        }
    }

    async fn number(&self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned()).into_sql_str();
        match self {
            Self::Sqlite(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
            Self::Postgres(pool) => sqlx::query_scalar(sql).fetch_one(pool).await.unwrap(),
        }
    }

    /// `count` rows with the numbers from `first` on. `row` contains `{id}` and `{bytes}` for an id and a
    /// hash of the number `i`.
    async fn fill(&self, into: &str, row: &str, first: u32, count: u32) {
        let end = first + count - 1;
        let (id, bytes, numbers) = match self {
            Self::Sqlite(_) => (
                "unhex(printf('%032x', i))",
                "unhex(printf('%064x', i))",
                format!(
                    "(WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n \
                     WHERE i < {end}) SELECT i FROM n)"
                ),
            ),
            Self::Postgres(_) => (
                "lpad(to_hex(i), 32, '0')::uuid",
                "decode(lpad(to_hex(i), 64, '0'), 'hex')",
                format!("generate_series({first}, {end}) AS n(i)"),
            ),
        };
        let row = row.replace("{id}", id).replace("{bytes}", bytes);
        self.run(format!("INSERT INTO {into} SELECT {row} FROM {numbers}")).await;
    }
}

/// Rows of every large kind, distinguished by their number; `at` is their expiry or their age.
async fn fill(raw: &Raw, ada: UserId, at: Timestamp, first: u32, count: u32) {
    let at = at.millis();
    let user = match raw {
        Raw::Sqlite(_) => format!("x'{}'", ada.uuid().simple()),
        Raw::Postgres(_) => format!("'{}'::uuid", ada.uuid()),
    };
    let codes = "authorization_codes (hash, flow, user_id, grants, expires_at)";
    let row = format!("{{bytes}}, {{bytes}}, {user}, '{{}}', {at}");
    raw.fill(codes, &row.replace("'{}'", "'none'"), first, count).await;
    raw.fill("spent_ids (hash, expires_at)", &format!("{{bytes}}, {at}"), first, count).await;
    raw.fill(
        "login_limits (pseudonym, tries, ends_at)",
        &format!("{{bytes}}, 1, {at}"),
        first,
        count,
    )
    .await;
    raw.fill("known_networks (pseudonym, seen_at)", &format!("{{bytes}}, {at}"), first, count)
        .await;
}

/// Sessions whose ids have no information about their age, except that they are old.
async fn sessions(raw: &Raw, ada: UserId, ends: (i64, i64), first: u32, count: u32) {
    let user = match raw {
        Raw::Sqlite(_) => format!("x'{}'", ada.uuid().simple()),
        Raw::Postgres(_) => format!("'{}'::uuid", ada.uuid()),
    };
    let columns = "sessions (id, user_id, client_id, scope, current, answered_at, supersedes, \
                   created_at, idle_expires_at, expires_at, user_epoch)";
    let (idle, end) = ends;
    let row = format!("{{id}}, {user}, 'signet', '', 0, 0, 0, 0, {idle}, {end}, 0");
    raw.fill(columns, &row, first, count).await;
    raw.fill("session_devices (session_id, user_agent)", "{id}, 'test'", first, count).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn twenty_thousand_expired_rows_are_deleted_in_small_steps() {
    on_both("housekeeping at size", async |backend| {
        let server = Options::on(backend).start().await;
        let ada: UserId = server.register("ada").await.parse().unwrap();
        let live = server.login("ada").await;
        let raw = Raw::of(&server).await;
        let now = server.now();
        let ages = Timestamp::from_millis(now.millis() - 500 * DAY);
        // No further away than the longest window of a counter.
        let (past, future) = (now.millis() - 2 * DAY, now.millis() + DAY / 48);
        fill(&raw, ada, ages, 1, OVER).await;
        fill(&raw, ada, Timestamp::from_millis(future), 100_001, LIVE).await;
        // Ended absolutely; idle for too long; neither.
        sessions(&raw, ada, (past, past), 1, OVER).await;
        sessions(&raw, ada, (past, future), 10_001, OVER).await;
        sessions(&raw, ada, (future, future), 20_001, LIVE).await;
        let steps_of = watch(&raw).await;

        let removed = jobs::housekeep(&server.app, now).await.unwrap();
        assert_eq!(removed.rows, u64::from(5 * OVER));
        assert!(removed.largest <= MAX_ROWS.unsigned_abs(), "{removed:?}");
        assert!(removed.steps >= 5 * u64::from(OVER) / MAX_ROWS.unsigned_abs(), "{removed:?}");
        let swept = jobs::sweep(&server.app, now).await.unwrap();
        assert_eq!(swept.rows, u64::from(OVER));
        assert!(swept.largest <= MAX_ROWS.unsigned_abs(), "{swept:?}");
        if steps_of {
            // The counts of the database itself.
            let largest = "SELECT max(n) FROM (SELECT count(*) AS n FROM steps GROUP BY tx) AS t";
            assert!(raw.number(largest).await <= MAX_ROWS);
            // Removed rows, and an event of each session.
            assert_eq!(raw.number("SELECT count(*) FROM steps").await, i64::from(8 * OVER));
        }
        let expired = "SELECT count(*) FROM audit_events WHERE kind = 'session.expired'";
        assert_eq!(raw.number(expired).await, i64::from(2 * OVER));
        for table in ["authorization_codes", "spent_ids", "login_limits", "known_networks"] {
            let count = raw.number(&format!("SELECT count(*) FROM {table}")).await;
            assert_eq!(count, i64::from(LIVE), "{table}");
        }
        // And the one of the log-in above.
        let count = raw.number("SELECT count(*) FROM sessions").await;
        assert_eq!(count, i64::from(LIVE) + 1);
        assert_eq!(raw.number("SELECT count(*) FROM session_devices").await, count);
        server.refresh(&live.refresh).await.is(200);
        // Nothing is left to do.
        assert_eq!(jobs::housekeep(&server.app, now).await.unwrap().steps, 0);
        assert_eq!(jobs::sweep(&server.app, now).await.unwrap().steps, 0);
    })
    .await;
}

/// Lets PostgreSQL record which transaction removed which rows; SQLite has no ids of transactions.
async fn watch(raw: &Raw) -> bool {
    if matches!(raw, Raw::Sqlite(_)) {
        return false;
    }
    raw.run(
        "CREATE TABLE steps (tx TEXT NOT NULL); \
         CREATE FUNCTION step() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
         INSERT INTO steps VALUES (pg_current_xact_id()::text); RETURN OLD; END $$"
            .to_owned(),
    )
    .await;
    for table in ["authorization_codes", "spent_ids", "login_limits", "known_networks", "sessions"]
    {
        raw.run(format!(
            "CREATE TRIGGER step AFTER DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION step()"
        ))
        .await;
    }
    raw.run(
        "CREATE TRIGGER step AFTER INSERT ON audit_events FOR EACH ROW EXECUTE FUNCTION step()"
            .to_owned(),
    )
    .await;
    true
}

/// A session that is idle for too long by the clock, and one that was refreshed in time.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_goes_a_day_after_it_has_been_idle_for_too_long() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_REFRESH_IDLE_TTL", "2d");
    let server = options.start().await;
    server.register("ada").await;
    let (left, kept) = (server.login("ada").await, server.login("ada").await);
    let raw = Raw::of(&server).await;
    let sessions = async || raw.number("SELECT count(*) FROM sessions").await;
    let sweep = async || jobs::sweep(&server.app, server.now()).await.unwrap().rows;
    server.advance(signet::base::TimeSpan::from_days(1));
    let kept = server.refresh(&kept.refresh).await.string("refresh_token");
    server.advance(signet::base::TimeSpan::from_days(1));
    server.refresh(&left.refresh).await.is_problem(401, "session_expired");
    let kept = server.refresh(&kept).await.string("refresh_token");
    assert_eq!((sweep().await, sessions().await), (0, 2), "kept for whoever asks why");
    server.advance(signet::base::TimeSpan::from_days(1));
    let kept = server.refresh(&kept).await.string("refresh_token");
    server.advance(signet::base::TimeSpan::from_millis(1));
    assert_eq!((sweep().await, sessions().await), (1, 1));
    server.refresh(&left.refresh).await.is_problem(401, "refresh_token_invalid");
    server.refresh(&kept).await.is(200);
}

/// Events of successful log-ins are removed after their retention, and no others: a page at a time, each in its own
/// transaction, so that a writer waits for at most one page. The walk continues where it was.
#[tokio::test(flavor = "multi_thread")]
async fn log_ins_leave_the_trail_first_and_in_steps() {
    on_both("retention of log-ins", async |backend| {
        let server = Options::on(backend).with("SIGNET_AUDIT_LOGIN_RETENTION", "30d").start().await;
        let raw = Raw::of(&server).await;
        let count = async |kind: &str| {
            raw.number(&format!("SELECT count(*) FROM audit_events WHERE kind = '{kind}'")).await
        };
        // Ids of these numbers have the oldest possible time.
        let row = "{id}, 0, CASE WHEN i % 5 = 0 THEN 'user.updated' ELSE 'login.succeeded' END, 'http', '', 1";
        let columns = "audit_events (id, at, kind, via, request_id, times)";
        raw.fill(columns, row, 1, OVER).await;
        server.register("ada").await;
        server.login("ada").await;
        let removed = jobs::prune_logins(&server.app, server.now()).await.unwrap();
        assert_eq!(removed.rows, u64::from(OVER) * 4 / 5);
        let most = MAX_ROWS.unsigned_abs();
        assert!(removed.largest <= most, "{removed:?}");
        assert!(removed.steps >= u64::from(OVER) / most, "each step is a transaction: {removed:?}");
        assert_eq!(count("login.succeeded").await, 1, "what is kept stays");
        assert_eq!(count("user.updated").await, i64::from(OVER / 5));
        // The walk does not repeat: rows inserted behind it are not found.
        raw.fill(columns, "{id}, 0, 'login.succeeded', 'http', '', 1", OVER - 2_999, 1).await;
        let again = jobs::prune_logins(&server.app, server.now()).await.unwrap();
        assert_eq!((again.rows, again.steps), (0, 0));
        server.advance(signet::base::TimeSpan::from_days(31));
        assert_eq!(jobs::prune_logins(&server.app, server.now()).await.unwrap().rows, 1);
        assert_eq!(count("login.succeeded").await, 1);
    })
    .await;
}

/// A page of the trail ends after 20,000 rows were examined, reports that, and the next one continues from there.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_the_trail_that_finds_nothing_is_cut_off_and_leads_on() {
    on_both("audit: cut off", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let raw = Raw::of(&server).await;
        let columns = "audit_events (id, at, kind, via, request_id, times)";
        raw.fill(columns, "{id}, 0, 'user.updated', 'http', 'wanted', 1", 1, 1).await;
        raw.fill(columns, "{id}, 0, 'user.updated', 'http', 'other', 1", 2, 20_050).await;
        let page = async |query: &str| {
            let path = format!("/v1/admin/audit?{query}");
            server.get_as(&path, &root.access).await.is(200).json()
        };
        let first = page("request=wanted").await;
        assert_eq!((&first["data"], &first["cut_off"]), (&serde_json::json!([]), &true.into()));
        let next = first["next"].as_str().expect("a cursor");
        let second = page(&format!("request=wanted&after={next}")).await;
        assert_eq!(second["data"].as_array().unwrap().len(), 1);
        assert_eq!(
            (&second["cut_off"], &second["next"]),
            (&false.into(), &serde_json::Value::Null)
        );
        // A kind that is absent, and one with an index, examine nothing else.
        for kind in ["user.deleted", "client.deleted,key.retired"] {
            let answer = page(&format!("kind={kind}")).await;
            assert_eq!(
                (&answer["data"], &answer["cut_off"]),
                (&serde_json::json!([]), &false.into())
            );
        }
    })
    .await;
}
