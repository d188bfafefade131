//! The plans for housekeeping, e-mail addresses, mailed codes, searches for users and the audit trail: every statement
//! uses an index. A plan that reads a whole table, or sorts its rows, fails the test.

use serde_json::Value;
use signet::store::{Db, migrate};
use sqlx::{AssertSqlSafe, Connection as _, Row as _, SqlSafeStr as _};
use uuid::Uuid;

use super::statements::{Found, statements};
use crate::support::{LONG, postgres, require};

/// Every statement of housekeeping, of e-mail addresses, and of the audit trail.
fn watched() -> Vec<Found> {
    let all = statements();
    let is_watched = |found: &Found| {
        let (place, sql) = (&found.place, &found.sql);
        place.starts_with("housekeeping.rs")
            // `key rewrap` reads the whole table.
            || (place.starts_with("mailed_codes.rs")
                && !sql.starts_with("INSERT")
                && !sql.contains("ORDER BY link_hash"))
            || (place.starts_with("email_owners.rs") && !sql.starts_with("INSERT"))
            || (place.starts_with("login_names.rs") && !sql.starts_with("INSERT"))
            || (place.starts_with("activity.rs") && !sql.starts_with("INSERT"))
            || (place.starts_with("audit.rs") && sql.starts_with("SELECT"))
            || (place.starts_with("user_words.rs") && !sql.starts_with("INSERT"))
            || (place.starts_with("user_search.rs") && !is_of_lately_failed(sql))
            || place.starts_with("audit_query.rs")
            || place.starts_with("login_retention.rs")
    };
    let found: Vec<Found> = all.into_iter().filter(is_watched).collect();
    assert!(found.len() >= 16, "only {} statements were found", found.len());
    found
}

/// The statement that finds possibly locked users: it collects the users of a bounded number of events and sorts them,
/// which no other statement may do.
fn is_of_lately_failed(sql: &str) -> bool {
    sql.contains("lately_failed")
}

fn lately_failed() -> String {
    let mut found = statements().into_iter().filter(|found| is_of_lately_failed(&found.sql));
    let sql = found.next().expect("the statement is gone").sql;
    assert!(found.next().is_none());
    sql
}

/// SQLite's plan, a line for each table.
async fn sqlite_plan(pool: &sqlx::SqlitePool, sql: &str) -> Vec<String> {
    let explain = AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")).into_sql_str();
    let rows = sqlx::query(explain).fetch_all(pool).await.unwrap();
    rows.iter().map(|row| row.get::<String, _>("detail")).collect()
}

/// The violations in it.
fn sqlite_remarks(plan: &[String]) -> Vec<&String> {
    plan.iter().filter(|line| line.starts_with("SCAN") || line.contains("TEMP B-TREE")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_scans_and_sorts_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("plans.db");
    let db = Db::sqlite(&path, true, LONG).await.unwrap();
    migrate::up(&db).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    for Found { place, sql, .. } in watched() {
        let plan = sqlite_plan(&pool, &sql).await;
        assert!(plan.iter().any(|line| line.starts_with("SEARCH")), "{place}: {plan:?}");
        assert_eq!(sqlite_remarks(&plan), [""; 0], "{place}: {plan:#?}");
    }
    // Possibly locked users: the newest events of a kind are read from the index in their order, and only the
    // collected rows are read as a whole.
    let plan = sqlite_plan(&pool, &lately_failed()).await;
    let of_kind = "SEARCH audit_events USING COVERING INDEX audit_events_kind (kind=? AND id>?)";
    assert_eq!(plan.iter().filter(|line| *line == of_kind).count(), 3, "{plan:#?}");
    let mut scans = plan.iter().filter(|line| line.starts_with("SCAN"));
    assert!(
        scans.all(|line| line.starts_with("SCAN lately") || line == "SCAN picked"),
        "{plan:#?}"
    );
    // The violation that the test is for.
    for (sql, remark) in [
        ("DELETE FROM sessions WHERE idle_expires_at < 1", "SCAN sessions"),
        (
            "SELECT at FROM audit_events WHERE user_id = x'00' ORDER BY at",
            "USE TEMP B-TREE FOR ORDER BY",
        ),
    ] {
        let plan = sqlite_plan(&pool, sql).await;
        assert_eq!(sqlite_remarks(&plan), [remark], "{plan:#?}");
    }
}

/// Every node of a plan.
fn nodes<'a>(plan: &'a Value, into: &mut Vec<&'a Value>) {
    into.push(plan);
    for below in plan["Plans"].as_array().into_iter().flatten() {
        nodes(below, into);
    }
}

/// PostgreSQL's plan if whole tables are to be avoided, and the violations in it: a table or index that is
/// read as a whole, and any sort.
async fn postgres_remarks(pool: &sqlx::PgPool, sql: &str) -> (Value, Vec<String>) {
    let mut conn = pool.acquire().await.unwrap();
    let run = async |conn: &mut sqlx::PgConnection, sql: String| {
        sqlx::raw_sql(AssertSqlSafe(sql).into_sql_str()).fetch_all(conn).await.unwrap()
    };
    run(&mut conn, format!("PREPARE watched AS {sql}")).await;
    // Tables of the test are empty, and reading an empty table costs nothing.
    for switch in ["enable_seqscan", "enable_hashjoin", "enable_mergejoin", "enable_bitmapscan"] {
        run(&mut conn, format!("SET {switch} = off")).await;
    }
    run(&mut conn, "SET plan_cache_mode = force_generic_plan".to_owned()).await;
    let parameters = "SELECT array_length(parameter_types, 1) FROM pg_prepared_statements \
                      WHERE name = 'watched'";
    let count: i32 = sqlx::query_scalar(parameters).fetch_one(&mut *conn).await.unwrap();
    let nulls = vec!["NULL"; usize::try_from(count).unwrap()].join(", ");
    let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE watched({nulls})");
    let rows = run(&mut conn, explain).await;
    let text: String = rows.iter().map(|row| row.get_unchecked::<String, _>(0)).collect();
    let plan: Value = serde_json::from_str(&text).unwrap();
    let mut all = Vec::new();
    nodes(&plan[0]["Plan"], &mut all);
    let mut remarks = Vec::new();
    for node in all {
        let kind = node["Node Type"].as_str().unwrap();
        let whole = match kind {
            "Seq Scan" | "Sort" => true,
            "Index Scan" | "Index Only Scan" => node.get("Index Cond").is_none(),
            _ => false,
        };
        if whole {
            remarks.push(format!("{kind} {}", node["Relation Name"].as_str().unwrap_or_default()));
        }
    }
    drop(conn.close().await);
    (plan, remarks)
}

#[tokio::test(flavor = "multi_thread")]
async fn postgresql_scans_and_sorts_nothing() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "asking for the plans of housekeeping");
    };
    let db = Db::postgres(&url, 16, LONG).await.unwrap();
    migrate::up(&db).await.unwrap();
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    for Found { place, sql, .. } in watched() {
        let (plan, remarks) = postgres_remarks(&pool, &sql).await;
        assert_eq!(remarks, [""; 0], "{place}: {plan:#}");
    }
    let unindexed = "DELETE FROM sessions WHERE idle_expires_at < $1";
    let (plan, remarks) = postgres_remarks(&pool, unindexed).await;
    assert_eq!(remarks, ["Seq Scan sessions"], "{plan:#}");
}

/// Possibly locked users among 20,000, with 50,000 failures of the newest 500 of them: no more events and users are
/// read than a page examines.
#[tokio::test(flavor = "multi_thread")]
async fn postgresql_reads_a_bounded_number_of_failures() {
    /// The number of rows of each kind that `store::user_search` reads.
    const OF_A_KIND: i64 = 2_000;
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "asking for the plan of locked users");
    };
    let db = Db::postgres(&url, 16, LONG).await.unwrap();
    migrate::up(&db).await.unwrap();
    let id = |number: &str| {
        format!("('0190f5a2-7c1e-7000-8000-' || lpad(to_hex({number}), 12, '0'))::uuid")
    };
    postgres::execute(
        &url,
        &format!(
            "INSERT INTO users (id, login, login_key, login_skeleton, name, role, session_epoch, \
             created_at, updated_at) SELECT {user}, i::text, i::text, i::text, 'x', 'user', 0, 0, 0 \
             FROM generate_series(0, 19999) AS i; \
             INSERT INTO audit_events (id, at, kind, via, user_id, request_id, times) SELECT {event}, 0, \
             CASE i % 2 WHEN 0 THEN 'login.failed' ELSE 'login.succeeded' END, 'http', {of}, '', 1 \
             FROM generate_series(1, 100000) AS i; \
             ANALYZE users; ANALYZE audit_events",
            user = id("i"),
            event = id("i + 1000000"),
            of = id("CASE i % 2 WHEN 0 THEN 19999 - i % 1000 ELSE i % 20000 END"),
        ),
    )
    .await;
    let mut conn = sqlx::PgConnection::connect(&url).await.unwrap();
    let prepare = AssertSqlSafe(format!("PREPARE watched AS {}", lately_failed()));
    sqlx::raw_sql(prepare.into_sql_str()).execute(&mut conn).await.unwrap();
    let generic = "SET plan_cache_mode = force_generic_plan";
    sqlx::raw_sql(generic).execute(&mut conn).await.unwrap();
    let (none, all) = (Uuid::nil(), Uuid::max());
    let explain = format!(
        "EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) \
         EXECUTE watched('{none}', {OF_A_KIND}, '{none}', '{all}', 51)"
    );
    let rows = sqlx::raw_sql(AssertSqlSafe(explain).into_sql_str());
    let rows = rows.fetch_all(&mut conn).await.unwrap();
    let text: String = rows.iter().map(|row| row.get_unchecked::<String, _>(0)).collect();
    let plan: Value = serde_json::from_str(&text).unwrap();
    let mut all = Vec::new();
    nodes(&plan[0]["Plan"], &mut all);
    assert_eq!(plan[0]["Plan"]["Actual Rows"].as_f64(), Some(51.0), "{plan:#}");
    let read = |table: &str| -> f64 {
        let of_table = all.iter().filter(|node| node["Relation Name"] == table);
        of_table
            .map(|node| {
                assert_ne!(node["Node Type"], "Seq Scan", "{plan:#}");
                let removed = node["Rows Removed by Filter"].as_f64().unwrap_or_default();
                let rows = node["Actual Rows"].as_f64().unwrap() + removed;
                rows * node["Actual Loops"].as_f64().unwrap()
            })
            .sum()
    };
    // The ids of the events alternate with those of another kind, and the events are for their users.
    let (events, users) = (read("audit_events"), read("users"));
    assert!(events > 0.0 && events <= (4 * OF_A_KIND) as f64, "{events} events: {plan:#}");
    assert!(users > 0.0 && users <= OF_A_KIND as f64, "{users} users: {plan:#}");
    for sort in all.iter().filter(|node| node["Node Type"] == "Sort") {
        let sorted = sort["Plans"][0]["Actual Rows"].as_f64().unwrap();
        assert!(sorted <= OF_A_KIND as f64, "{sorted} rows are sorted: {plan:#}");
    }
}

/// A pair that is compared with a cursor is the only lower bound of a scan. With two bounds PostgreSQL begins at the
/// pair, and if that is the beginning of the index it reads all of it, which no plan shows.
#[test]
fn a_pair_is_the_only_lower_bound() {
    let mut pairs = 0;
    for Found { place, sql, .. } in statements() {
        for (before, _) in sql.match_indices(") > ($").map(|(at, _)| sql.split_at(at)) {
            let Some((_, pair)) = before.rsplit_once('(') else { continue };
            let first = pair.split(',').next().unwrap().trim();
            let other = [format!(" {first} >= $"), format!(" {first} > $")];
            assert!(!other.iter().any(|bound| sql.contains(bound)), "{place}: {sql}");
            pairs += 1;
        }
    }
    assert!(pairs > 0, "the search for users has one");
}
