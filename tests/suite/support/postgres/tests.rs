//! Tests of the harness: separate databases, and a server that ends with the process.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sqlx::{Connection as _, PgConnection};
use url::Url;

use crate::support::process::PATIENCE;
use crate::support::require::variable;

use super::adopted::run_in;
use super::cluster::{Cluster, database_in, run};
use super::private_cluster::hold;
use super::runner::user;
use super::{cluster, database_from_template, fresh_database, template_database};

/// Set in the process that [`a_killed_test_process_leaves_nothing_behind`] kills.
const VICTIM: &str = "SIGNET_TEST_POSTGRES_VICTIM";

async fn connect(url: &str) -> PgConnection {
    PgConnection::connect(url).await.expect("a URL that works")
}

async fn tables(url: &str) -> Vec<String> {
    let mut connection = connect(url).await;
    sqlx::query_scalar("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'")
        .fetch_all(&mut connection)
        .await
        .unwrap()
}

#[tokio::test]
async fn every_fresh_database_is_empty_and_its_own() {
    let (first, second) = tokio::join!(fresh_database(), fresh_database());
    let (Some(first), Some(second)) = (first, second) else { return };
    assert_ne!(first, second);
    let mut connection = connect(&first).await;
    run(&mut connection, "CREATE TABLE here (id BIGINT)".to_owned()).await.unwrap();
    assert_eq!(tables(&first).await, ["here"]);
    assert!(tables(&second).await.is_empty());

    let cluster = cluster().expect("it gave databases");
    cluster.drop_database(&first).await;
    assert!(PgConnection::connect(&first).await.is_err(), "dropped with a visitor in it");
}

#[test]
fn a_template_is_prepared_once_and_copied_from_many_runtimes() {
    let prepared = AtomicU64::new(0);
    let urls: Vec<Option<String>> = thread::scope(|scope| {
        let one = || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.unwrap().block_on(async {
                template_database("postgres_rs", async |url| {
                    prepared.fetch_add(1, Ordering::Relaxed);
                    let mut left_open = connect(&url).await;
                    let table = "CREATE TABLE copied (id BIGINT)".to_owned();
                    run(&mut left_open, table).await.unwrap();
                    std::mem::forget(left_open);
                })
                .await;
                database_from_template("postgres_rs").await
            })
        };
        let threads: Vec<_> = (0..6).map(|_| scope.spawn(one)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let Some(urls) = urls.into_iter().collect::<Option<Vec<String>>>() else { return };
    assert_eq!(prepared.into_inner(), 1);
    let distinct: std::collections::BTreeSet<&String> = urls.iter().collect();
    assert_eq!(distinct.len(), urls.len());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for url in &urls {
        assert_eq!(runtime.block_on(tables(url)), ["copied"]);
    }
}

#[tokio::test]
async fn a_private_cluster_can_be_broken_and_keeps_what_was_committed() {
    let Some(private) = Cluster::private().await else { return };
    let url = private.fresh_database().await;
    let mut connection = connect(&url).await;
    run(&mut connection, "CREATE TABLE kept (id BIGINT)".to_owned()).await.unwrap();

    assert_eq!(private.terminate_all_backends().await, 1);
    assert!(run(&mut connection, "SELECT 1".to_owned()).await.is_err());

    private.stop_immediate().await;
    assert!(PgConnection::connect(&url).await.is_err());
    private.start_again().await;
    assert_eq!(tables(&url).await, ["kept"]);

    let root = hold(&private.keeper).root.clone();
    assert!(root.exists());
    drop(private);
    assert!(!root.exists());
}

/// Runs itself in a second process, which only starts a cluster and is then killed.
#[tokio::test]
async fn a_killed_test_process_leaves_nothing_behind() {
    if variable(VICTIM).is_some() {
        if let Some(private) = Cluster::private().await {
            let (root, port) = {
                let keeper = hold(&private.keeper);
                (keeper.root.clone(), keeper.port)
            };
            // Not `println!`, whose output the harness may capture.
            let line = format!("\nvictim {port} {}\n", root.display());
            std::io::stdout().write_all(line.as_bytes()).unwrap();
            std::future::pending::<()>().await;
        }
        return;
    }
    let (_, module) = module_path!().split_once("::").unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([&format!("{module}::a_killed_test_process_leaves_nothing_behind"), "--exact"])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let said = BufReader::new(victim.stdout.take().unwrap());
    let line = said.lines().map_while(Result::ok).find(|line| line.starts_with("victim "));
    let Some(line) = line else {
        assert!(victim.wait().unwrap().success());
        return;
    };
    let mut words = line.split(' ').skip(1);
    let port: u16 = words.next().unwrap().parse().unwrap();
    let root = PathBuf::from(words.next().unwrap());
    let listens = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    assert!(root.exists() && listens());

    victim.kill().unwrap();
    victim.wait().unwrap();
    // The end of another process can only be polled.
    let give_up = Instant::now() + PATIENCE;
    while root.exists() {
        assert!(Instant::now() < give_up, "{} is still there", root.display());
        thread::sleep(Duration::from_millis(10));
    }
    assert!(!listens());
}

#[test]
fn only_databases_named_like_ours_belong_to_a_run() {
    let server = Url::parse("postgres://u@h:1/postgres?x=y").unwrap();
    let mut cluster = Cluster::new(server, false);
    cluster.run = 0xab;
    assert_eq!(run_in(&cluster.new_name()), Some(0xab));
    let url = cluster.url_of(&cluster.new_name());
    assert_eq!(url, "postgres://u@h:1/signet_test_00000000000000ab_1?x=y");
    assert_eq!(run_in(database_in(&url)), Some(0xab));
    for name in [
        "postgres",
        "signet_test_1_2",
        "signet_test_ffffffffffffffff_",
        "signet_test_ffffffffffffffff_1x",
        "signet_test_+fffffffffffffff_1\"; --",
    ] {
        assert_eq!(run_in(name), None, "{name}");
    }
}

#[test]
fn a_user_is_looked_up_by_its_whole_name() {
    let users = "root:x:0:0::/:/bin/sh\nnobody2:x:7:8::/:\nnobody:x:65534:65533::/:\nbad:x\n";
    assert_eq!(user(users, "nobody"), Some((65534, 65533)));
    assert_eq!(user(users, "postgres"), None);
    assert_eq!(user(users, "bad"), None);
}
