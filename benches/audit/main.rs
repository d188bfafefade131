//! The time of queries to a large audit trail.
//!
//!     cargo bench --bench audit                              one million events on SQLite
//!     cargo bench --bench audit -- --events 3000000
//!     cargo bench --bench audit -- --database-url postgres://…   an empty database
//!     cargo bench --bench audit -- --check                   exit code 1 where a page takes more than 50 ms
//!
//! Four of five events are successful log-ins, as in service. Each question is asked 20 times; the median and the
//! slowest are printed. `--check` holds the median to the limit: one slow answer may be the machine's.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "there is nothing to measure without a database; the measurements are the output"
)]

use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;
use signet::admin::audit;
use signet::app::App;
use signet::app::startup::{OpenPurpose, Startup};
use signet::base::clock::SystemClock;
use signet::base::id::{AuditId, SessionId, UserId};
use signet::config::{Config, Source};
use signet::crypto::random::SystemEntropy;
use signet::domain::audit::EventKind;
use signet::domain::audit_filter::{AuditFilter, network};
use signet::domain::pagination::PageRequest;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, SqlSafeStr as _};
use uuid::Uuid;

/// The time limit of a page.
const LIMIT: Duration = Duration::from_millis(50);
/// The number of times that each query is repeated.
const SAMPLES: usize = 20;
/// The number of events that are written at a time.
const STEP: u64 = 100_000;

#[derive(Parser)]
struct Args {
    /// The number of events.
    #[arg(long, default_value_t = 1_000_000)]
    events: u64,
    /// An empty PostgreSQL database; SQLite otherwise.
    #[arg(long)]
    database_url: Option<String>,
    /// Fail if a page takes more than 50 ms.
    #[arg(long)]
    check: bool,
    /// Passed by cargo.
    #[arg(long, hide = true)]
    bench: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let slow = runtime.block_on(measure(&args));
    if args.check && slow > 0 {
        println!("{slow} questions take more than {LIMIT:?}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

async fn measure(args: &Args) -> usize {
    let dir = tempfile::tempdir().unwrap();
    let mut settings = vec![("SIGNET_LISTEN", "127.0.0.1:0")];
    settings.extend(args.database_url.as_deref().map(|url| ("SIGNET_DATABASE_URL", url)));
    let config = Config::from_source(&Source::from_pairs(dir.path(), &settings)).unwrap().config;
    let (clock, entropy) = (Arc::new(SystemClock), Arc::new(SystemEntropy));
    let purpose = OpenPurpose::Serve;
    let app = Startup { config, clock, entropy, purpose }.open().await.unwrap().app;
    seed(args, &dir.path().join("data/signet.db")).await;
    let middle = AuditFilter {
        since: Some(id(args.events / 2).made_at()),
        until: Some(id(args.events / 2 + 100_000).made_at()),
        ..AuditFilter::default()
    };
    let filter = AuditFilter::default;
    let questions = [
        ("everything", filter()),
        ("an absent kind", AuditFilter { kinds: vec![EventKind::MasterKeyReplaced], ..filter() }),
        ("a rare kind", AuditFilter { kinds: vec![EventKind::LoginFailed], ..filter() }),
        ("log-ins", AuditFilter { kinds: vec![EventKind::LoginSucceeded], ..filter() }),
        ("a user", AuditFilter { user: Some(user(7)), ..filter() }),
        ("an absent user", AuditFilter { user: Some(user(1 << 40)), ..filter() }),
        (
            "a session",
            AuditFilter { session: Some(SessionId::from_uuid(number(3, 9))), ..filter() },
        ),
        ("an address", AuditFilter { address: network("10.0.0.7"), ..filter() }),
        ("an absent address", AuditFilter { address: network("192.0.2.1"), ..filter() }),
        ("a client", AuditFilter { client_id: Some("client-3".to_owned()), ..filter() }),
        (
            "a user's failures",
            AuditFilter { kinds: vec![EventKind::LoginFailed], user: Some(user(7)), ..filter() },
        ),
        ("a stretch of time", middle),
        ("an absent request", AuditFilter { request_id: Some("none".to_owned()), ..filter() }),
    ];
    println!("{:<22} {:>10} {:>10}", "question", "median", "slowest");
    let mut slow = 0;
    for (name, filter) in questions {
        let mut taken: Vec<Duration> = Vec::with_capacity(SAMPLES);
        for _ in 0..SAMPLES {
            taken.push(ask(&app, &filter).await);
        }
        taken.sort_unstable();
        let (median, slowest) = (taken[SAMPLES / 2], taken[SAMPLES - 1]);
        println!("{name:<22} {median:>10.2?} {slowest:>10.2?}");
        // The last query examines the maximum of 20,000 rows on purpose.
        slow += usize::from(median > LIMIT && name != "an absent request");
    }
    slow
}

async fn ask(app: &App, filter: &AuditFilter) -> Duration {
    let began = Instant::now();
    audit::list(app.clone(), filter.clone(), PageRequest::default()).await.unwrap();
    began.elapsed()
}

/// A UUIDv7 for each event, ten a second, the last one from now.
fn id(event: u64) -> AuditId {
    AuditId::from_uuid(number(BEGIN + event * 100, event))
}

fn user(n: u64) -> UserId {
    UserId::from_uuid(number(1, n))
}

fn number(millis: u64, n: u64) -> Uuid {
    Uuid::from_u128(u128::from(millis) << 80 | 7 << 76 | 0b10 << 62 | u128::from(n))
}

/// 2026-01-01.
const BEGIN: u64 = 1_767_225_600_000;

/// Writes the events directly to the database, as the server would.
async fn seed(args: &Args, path: &std::path::Path) {
    for from in (0..args.events).step_by(STEP as usize) {
        let to = (from + STEP).min(args.events) - 1;
        // The time first, then version and variant, and the number at the end.
        let (hex, numbers, blob) = match args.database_url {
            None => (
                "unhex(printf('%012x70008000%012x', {millis}, {n}))",
                format!(
                    "(WITH RECURSIVE n(i) AS (SELECT {from} UNION ALL SELECT i + 1 FROM n WHERE i < {to}) SELECT i FROM n)"
                ),
                "",
            ),
            Some(_) => (
                "(lpad(to_hex({millis}), 12, '0') || '70008000' || lpad(to_hex({n}), 12, '0'))::uuid",
                format!("generate_series({from}::bigint, {to}::bigint) AS n(i)"),
                "::bigint",
            ),
        };
        let id = |millis: &str, n: &str| hex.replace("{millis}", millis).replace("{n}", n);
        let at = format!("({BEGIN}{blob} + i * 100)");
        let sql = format!(
            "INSERT INTO audit_events (id, at, kind, via, user_id, session_id, address, request_id, times, client_id) \
             SELECT {}, {at}, CASE i % 10 WHEN 8 THEN 'login.failed' WHEN 9 THEN 'session.expired' \
             ELSE 'login.succeeded' END, 'http', {}, {}, '10.0.0.' || (i % 250), 'r', 1, 'client-' || (i % 100) \
             FROM {numbers}",
            id(&at, "i"),
            id(&format!("1{blob}"), "(i % 100000)"),
            id(&format!("3{blob}"), "(i / 2)"),
        );
        let sql = AssertSqlSafe(sql).into_sql_str();
        match &args.database_url {
            None => {
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(path);
                let mut conn = sqlx::SqliteConnection::connect_with(&options).await.unwrap();
                conn.execute(sqlx::raw_sql(sql)).await.unwrap();
            }
            Some(url) => {
                let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
                conn.execute(sqlx::raw_sql(sql)).await.unwrap();
            }
        }
        eprintln!("{} of {} events", to + 1, args.events);
    }
    if let Some(url) = &args.database_url {
        let mut conn = sqlx::PgConnection::connect(url).await.unwrap();
        conn.execute("ANALYZE audit_events").await.unwrap();
    }
}
