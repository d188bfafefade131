//! Every statement of the store, prepared on both databases, because the compiler cannot check them.

use std::path::{Path, PathBuf};

use proc_macro2::{Delimiter, TokenStream, TokenTree};
use signet::store::refresh_batch::sql as refresh_batch;
use signet::store::{Db, migrate, sessions};
use sqlx::{Column as _, Executor as _, Statement as _};
use syn::visit::Visit;

use crate::support::{LONG, postgres, require};

/// One statement of the source.
pub struct Found {
    /// File and line.
    pub place: String,
    /// Its text.
    pub sql: String,
    arguments: usize,
}

/// The catalogs are read by statements of one dialect each.
const ONE_DIALECT: &[(&str, &str)] =
    &[("sqlite_master", "the catalog of SQLite"), ("pg_tables", "the catalog of PostgreSQL")];

struct Collector {
    file: String,
    found: Vec<Found>,
}

impl<'ast> Visit<'ast> for Collector {
    fn visit_macro(&mut self, node: &'ast syn::Macro) {
        let name = node.path.segments.last().map(|s| s.ident.to_string()).unwrap_or_default();
        let before = match name.as_str() {
            "fetch_optional" | "fetch_all" => 2,
            "execute" => 1,
            _ => return,
        };
        let parts = split(node.tokens.clone());
        let line = node.path.segments[0].ident.span().start().line;
        let literal: syn::LitStr = syn::parse2(parts[before].clone()).unwrap();
        self.found.push(Found {
            place: format!("{}:{line}", self.file),
            sql: literal.value(),
            arguments: parts.len() - before - 1,
        });
    }
}

/// Splits macro arguments at their outer commas; a type may contain commas between angle brackets.
fn split(tokens: TokenStream) -> Vec<TokenStream> {
    let mut parts = vec![TokenStream::new()];
    let mut angles = 0;
    for token in tokens {
        match &token {
            TokenTree::Punct(p) if p.as_char() == '<' => angles += 1,
            TokenTree::Punct(p) if p.as_char() == '>' && angles > 0 => angles -= 1,
            TokenTree::Punct(p) if p.as_char() == ',' && angles == 0 => {
                parts.push(TokenStream::new());
                continue;
            }
            TokenTree::Group(group) if group.delimiter() == Delimiter::None => {}
            _ => {}
        }
        parts.last_mut().unwrap().extend([token]);
    }
    parts.retain(|part| !part.is_empty());
    parts
}

fn sources(folder: &Path, into: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            into.push(path);
        }
    }
}

/// Every statement of the store.
pub fn statements() -> Vec<Found> {
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &mut paths);
    let mut found = Vec::new();
    for path in paths {
        let file = path.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&path).unwrap();
        let mut collector = Collector { file, found: Vec::new() };
        collector.visit_file(&syn::parse_file(&text).unwrap());
        found.extend(collector.found);
    }
    found
}

/// The numbers of the parameters of a statement, in order, once each.
fn parameters(sql: &str) -> Vec<usize> {
    let mut numbers: Vec<usize> = sql
        .split('$')
        .skip(1)
        .filter_map(|rest| {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            digits.parse().ok()
        })
        .collect();
    numbers.sort_unstable();
    numbers.dedup();
    numbers
}

#[test]
fn every_statement_binds_what_it_names() {
    let found = statements();
    assert!(found.len() > 50, "only {} statements were found", found.len());
    for Found { place, sql, arguments } in found {
        // A missing argument would silently be NULL on SQLite.
        let expected: Vec<usize> = (1..=arguments).collect();
        assert_eq!(parameters(&sql), expected, "{place}: {sql}");
        let lower = sql.to_lowercase();
        for word in ["now()", "current_timestamp", "datetime(", "random()", "for update"] {
            assert!(!lower.contains(word), "{place}: {word} in {sql}");
        }
        if let Some((_, rest)) = lower.split_once("order by") {
            let keys = [
                "id",
                "pseudonym",
                "version",
                "kid",
                "name",
                "hash",
                "client_id",
                "value",
                "detail",
                // Of mailed codes.
                "subject",
                "link_hash",
                // Of counts for charts.
                "key",
                // Of former login names.
                "login_key",
                // Of the words of users.
                "user_id",
            ];
            // The order of a window function ends with its parenthesis.
            let order = rest.split(" limit").next().unwrap().split(") as ").next().unwrap();
            let order = order.trim_end_matches([')', ' ']);
            let last = order.split(',').next_back().unwrap().trim().trim_end_matches(" desc");
            let last = last.rsplit(['.', ' ']).next().unwrap().trim_end_matches(')');
            assert!(keys.contains(&last), "{place}: ORDER BY does not end with a key: {sql}");
        } else {
            // A bounded count is independent of the order.
            let is_count = lower.starts_with("select count(*) from (select ");
            let sorted = is_count || !lower.contains(" limit ");
            assert!(sorted, "{place}: LIMIT without ORDER BY: {sql}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_one_on_sqlite() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("statements.db");
    let db = Db::sqlite(&path, true, LONG).await.unwrap();
    migrate::up(&db).await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path);
    let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    for Found { place, sql, arguments } in statements() {
        if sql.contains("pg_tables") {
            continue;
        }
        let text = sqlx::AssertSqlSafe(sql.clone());
        let statement = conn.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await;
        let statement = statement.unwrap_or_else(|error| panic!("{place}: {error}\n{sql}"));
        let bound = statement.parameters().map(|p| p.map_right(|count| count).right().unwrap());
        assert_eq!(bound, Some(arguments), "{place}: {sql}");
    }
    for (sql, bound) in [
        (refresh_batch::READ.sqlite, &[1][..]),
        (refresh_batch::WRITE_SQLITE, &[1]),
        (sessions::WITH_USERS.sqlite, &[1, 2]),
        (sessions::expiry::SQLITE, &[1, 2]),
    ] {
        conn.prepare(sqlx::SqlSafeStr::into_sql_str(sql)).await.unwrap();
        assert_eq!(parameters(sql), bound);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_is_one_on_postgresql() {
    let Some(url) = postgres::fresh_database().await else {
        return require::missing("postgres", "preparing every statement");
    };
    let db = Db::postgres(&url, 16, LONG).await.unwrap();
    migrate::up(&db).await.unwrap();
    let pool = sqlx::PgPool::connect(&url).await.unwrap();
    let mut conn = pool.acquire().await.unwrap();
    for Found { place, sql, .. } in statements() {
        if sql.contains("sqlite_master") {
            continue;
        }
        let text = sqlx::AssertSqlSafe(sql.clone());
        let statement = conn.prepare(sqlx::SqlSafeStr::into_sql_str(text)).await;
        let statement = statement.unwrap_or_else(|error| panic!("{place}: {error}\n{sql}"));
        // Column names must be unique, or rows could not be read by name.
        let mut names: Vec<&str> = statement.columns().iter().map(|c| c.name()).collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert!(names.len() == count || !sql.contains(" s."), "{place}: {sql}");
    }
    for sql in [
        refresh_batch::READ.postgres,
        refresh_batch::WRITE_POSTGRES,
        sessions::WITH_USERS.postgres,
        sessions::expiry::POSTGRES,
    ] {
        conn.prepare(sqlx::SqlSafeStr::into_sql_str(sql)).await.unwrap();
    }
    assert_eq!(ONE_DIALECT.len(), 2);
}

/// Every string in the sources of the store, as the compiler sees it.
fn texts() -> Vec<(String, String)> {
    fn collect(tokens: TokenStream, into: &mut Vec<String>) {
        for token in tokens {
            match token {
                TokenTree::Group(group) => collect(group.stream(), into),
                TokenTree::Literal(literal) => {
                    let text = syn::parse2::<syn::LitStr>(TokenTree::from(literal).into());
                    into.extend(text.ok().map(|text| text.value()));
                }
                _ => {}
            }
        }
    }
    let mut paths = Vec::new();
    sources(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store"), &mut paths);
    let mut found = Vec::new();
    for path in paths {
        let mut texts = Vec::new();
        collect(std::fs::read_to_string(&path).unwrap().parse().unwrap(), &mut texts);
        found.extend(texts.into_iter().map(|text| (path.display().to_string(), text)));
    }
    found
}

/// The epoch of a user is the column plus the generation of all sessions: a statement that reads or compares the
/// column alone would keep sessions active that ended with the generation.
#[test]
fn no_statement_reads_the_epoch_of_a_user_without_the_generation() {
    const COLUMN: &str = "session_epoch";
    let mut whole = 0;
    for (path, text) in texts() {
        for (at, _) in text.match_indices(COLUMN) {
            let (before, after) = (&text[..at], &text[at + COLUMN.len()..]);
            let with_generation =
                after.starts_with(" + (SELECT generation FROM session_generation WHERE id = 1)");
            whole += usize::from(with_generation);
            let is_fine = with_generation
                // The name of a field.
                || text == COLUMN
                // Sessions that ended with a generation are found by the previous one.
                || (after.starts_with(" + $") && path.ends_with("session_generations.rs"))
                || before.ends_with(" AS ")
                // A lock, or the next epoch.
                || after.starts_with(" = session_epoch")
                || before.ends_with("SET session_epoch = ")
                || before.ends_with(", session_epoch = ")
                || (text.starts_with("INSERT INTO users") && after.starts_with(','));
            assert!(is_fine, "{path}: {text}");
        }
    }
    assert!(whole > 20, "only {whole} statements were found");
}
