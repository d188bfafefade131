//! `/ready` and `/ready/read`: the tests of the database, how often, and for concurrent requests.

use futures_util::future::join_all;
use serde_json::Value;
use signet::base::TimeSpan;
use signet::store::{db, meta};

use crate::support::postgres::{self, Cluster};
use crate::support::process::{Launch, until};
use crate::support::server::{Options, PASSWORD, on_both};
use crate::support::{Backend, Server, require};

/// The number of times that the row of the write test was written.
async fn probed(server: &Server) -> u64 {
    let mut reader = server.app.db.reader().await.unwrap();
    let value = meta::get(&mut reader, "write_probe").await.unwrap();
    value.map_or(0, |value| {
        let value = String::from_utf8(value).unwrap();
        value.rsplit(' ').next().unwrap().parse().unwrap()
    })
}

/// Calls `/ready` until the row is written again, each time five seconds later: a job of the server that
/// commits at that moment replaces one write, never several.
async fn written_again(server: &Server) -> bool {
    let before = probed(server).await;
    for _ in 0..3 {
        server.get("/ready").await.is(200);
        if probed(server).await != before {
            return true;
        }
        server.advance(FRESH);
    }
    false
}

const FRESH: TimeSpan = TimeSpan::from_secs(5);
const MOMENT: TimeSpan = TimeSpan::from_millis(1);

#[tokio::test(flavor = "multi_thread")]
async fn readiness_writes_at_most_once_in_five_seconds_however_many_ask() {
    on_both("readiness: writes", async |backend| {
        let server = Server::start(backend).await;
        server.advance(FRESH);
        assert_eq!(probed(&server).await, 0);
        let ask = async || {
            let answers = join_all((0..32).map(|_| server.get("/ready"))).await;
            for answer in answers {
                assert_eq!(answer.is(200).json()["checks"]["database_write"], "ok");
            }
            probed(&server).await
        };
        // Concurrently: one of them writes, and the others wait for its result.
        let first = ask().await;
        assert!(first <= 1, "written {first} times at once");
        assert!(first == 1 || written_again(&server).await);
        let first = probed(&server).await;
        server.advance(TimeSpan::from_millis(FRESH.millis() - 1));
        assert_eq!(ask().await, first, "written again within five seconds");
        server.advance(MOMENT);
        assert!(written_again(&server).await, "not written after five seconds");
        // The wall clock is not used: set back, it must not delay the next test.
        server.jump(TimeSpan::from_secs(-3600));
        server.advance(FRESH);
        assert!(written_again(&server).await, "not written after the clock was set back");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_of_other_work_stands_in_for_the_write() {
    on_both("readiness: evidence", async |backend| {
        let server = Server::start(backend).await;
        server.advance(FRESH);
        server.register("ada").await;
        server.advance(TimeSpan::from_millis(FRESH.millis() - 1));
        server.get("/ready").await.is(200);
        assert_eq!(probed(&server).await, 0, "written although something was committed");
        server.advance(MOMENT);
        assert!(written_again(&server).await, "not written without a commit");
        // Reading proves nothing, and neither does a refusal that wrote nothing.
        server.advance(FRESH);
        let before = probed(&server).await;
        let tokens = server.login("ada").await;
        server.advance(FRESH);
        server.get_as("/v1/me", &tokens.access).await.is(200);
        server.get("/ready/read").await.is(200);
        assert_eq!(probed(&server).await, before, "/ready/read wrote");
        assert!(written_again(&server).await, "reading stood in for a write");
    })
    .await;
}

/// While a disk fills, writes without a new page are committed and all others are refused. On SQLite for as long
/// as the writing connection lives, which may be replaced after a refusal.
async fn refuse_growth(server: &Server, refused: bool) {
    let mut tx = server.app.db.begin().await.unwrap();
    if server.app.db.is_sqlite() {
        // Never fewer than exist.
        let pages = if refused { 1 } else { 1_000_000 };
        let sql = format!("PRAGMA max_page_count = {pages}");
        let db::Conn::Sqlite(conn) = db::Link::conn(&mut tx) else { panic!("another driver") };
        let sql = sqlx::AssertSqlSafe(sql);
        sqlx::raw_sql(sqlx::SqlSafeStr::into_sql_str(sql)).execute(conn).await.unwrap();
    } else if refused {
        let db::Conn::Postgres(conn) = db::Link::conn(&mut tx) else { panic!("another driver") };
        let sql = "CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
                   RAISE EXCEPTION 'could not extend file' USING ERRCODE = '53100'; END $$; \
                   CREATE TRIGGER no_room BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION no_room()";
        sqlx::raw_sql(sql).execute(conn).await.unwrap();
    } else {
        let db::Conn::Postgres(conn) = db::Link::conn(&mut tx) else { panic!("another driver") };
        sqlx::raw_sql("DROP TRIGGER no_room ON sessions").execute(conn).await.unwrap();
    }
    tx.commit().await.unwrap();
}

/// Logs in until it is refused, so that the free pages of the database are used up.
async fn refused_login(server: &Server) {
    for _ in 0..2_000 {
        if server.try_login("ada", PASSWORD).await.status == 503 {
            return;
        }
    }
    panic!("never refused");
}

/// A commit that needs no space.
async fn small_commit(server: &Server) {
    let mut tx = server.app.db.begin().await.unwrap();
    meta::set(&mut tx, "small", b"x").await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_was_refused_for_want_of_room_outranks_small_ones_that_succeed() {
    on_both("readiness: a disk that fills", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        small_commit(&server).await;
        refuse_growth(&server, true).await;
        refused_login(&server).await;
        for _ in 0..3 {
            small_commit(&server).await;
            let answer = server.get("/ready").await;
            answer.is(503);
            assert_eq!(checks(&answer.text)["database_write"], "failing");
            server.advance(TimeSpan::from_millis(1_000));
        }
        server.get("/ready/read").await.is(200);
        // No write was tried for five seconds. The row is now as large as the refused one: of the two
        // databases here only SQLite's has no space for it.
        server.advance(FRESH);
        let is_sqlite = server.app.db.is_sqlite();
        if is_sqlite {
            refuse_growth(&server, true).await;
        }
        small_commit(&server).await;
        server.get("/ready").await.is(if is_sqlite { 503 } else { 200 });
        if is_sqlite {
            refuse_growth(&server, true).await;
        }
        refused_login(&server).await;
        small_commit(&server).await;
        server.get("/ready").await.is(503);

        refuse_growth(&server, false).await;
        server.advance(TimeSpan::from_millis(4_999));
        server.get("/ready").await.is(503);
        server.advance(MOMENT);
        server.get("/ready").await.is(200);
        server.login("ada").await;
        server.get("/ready").await.is(200);
    })
    .await;
}

fn checks(text: &str) -> Value {
    serde_json::from_str::<Value>(text).unwrap()["checks"].clone()
}

/// A primary that became read-only answers every read, and refuses every log-in.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_cannot_be_written_is_unready_for_writers_alone() {
    let Some(cluster) = Cluster::private().await else {
        return require::missing("postgres", "a primary that is read-only");
    };
    let url = cluster.fresh_database().await;
    let server = Options::on(Backend::Postgres).on_database(&url).start().await;
    server.register("ada").await;
    let name = url.rsplit('/').next().unwrap();
    let alter = format!("ALTER DATABASE {name} SET default_transaction_read_only =");
    postgres::execute(&url, &format!("{alter} on")).await;
    cluster.terminate_all_backends().await;
    // The registration was committed a moment ago, but a write has failed since. The first attempts may fail
    // because connections were closed, before they write.
    until("a write has failed", async || {
        server.try_login("ada", PASSWORD).await.is_problem(503, "unavailable");
        let answer = server.get("/ready").await;
        let found = checks(&answer.text);
        let writes_fail =
            (&found["database_write"], &found["database"]) == (&"failing".into(), &"ok".into());
        writes_fail && answer.status == 503
    })
    .await;
    server.get("/ready/read").await.is(200);
    for path in ["/.well-known/jwks.json", "/.well-known/openid-configuration"] {
        server.get(path).await.is(200);
    }
    let mut anew = url::Url::parse(&url).unwrap();
    anew.set_path("postgres");
    postgres::execute(anew.as_str(), &format!("{alter} off")).await;
    cluster.terminate_all_backends().await;
    until("ready again", async || {
        server.advance(FRESH);
        server.get("/ready").await.status == 200
    })
    .await;
    server.login("ada").await;
}

/// The real process on a full disk.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_is_unready_for_writers_and_the_keys_stay() {
    let small = match crate::faults::disk::Small::mount() {
        Ok(small) => small,
        Err(why) => return require::missing("tmpfs", &format!("mounting is not allowed: {why}")),
    };
    let data = small.path().join("data");
    let server = Launch::new().with("SIGNET_DATA_DIR", data.to_str().unwrap()).start().await;
    let caller = server.caller();
    small.fill();
    // The attempts themselves use up the free space of the log.
    let account = |number| serde_json::json!({"login": format!("u{number}"), "password": PASSWORD});
    let mut number = 0;
    until("no log-in can be stored", async || {
        number += 1;
        caller.post("/v1/register", &account(number)).await.status == 503
    })
    .await;
    until("not ready", async || caller.get("/ready").await.status == 503).await;
    assert_eq!(checks(&caller.get("/ready").await.text)["database_write"], "failing");
    caller.get("/ready/read").await.is(200);
    caller.get("/.well-known/jwks.json").await.is(200);
    std::fs::remove_file(small.filler()).unwrap();
    until("ready again", async || caller.get("/ready").await.status == 200).await;
}
