//! A server that is provided by the environment: databases that earlier runs left on it are dropped, no others.

use std::sync::mpsc;
use std::thread;

use sqlx::{Connection as _, PgConnection};
use url::Url;

use super::cluster::{Cluster, PREFIX, run};

/// Uses the server at `url`, and drops the databases of earlier runs.
///
/// A run is alive while it holds the advisory lock of its number. The connection that holds it has a thread
/// of its own, since the runtimes of tests are short-lived; it ends with the process, even on SIGKILL.
pub(super) fn adopt(url: &str) -> Result<Cluster, String> {
    let server = Url::parse(url).map_err(|error| error.to_string())?;
    let cluster = Cluster::new(server.clone(), false);
    let run = cluster.run;
    let (tell, told) = mpsc::channel();
    thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.expect("a runtime for the connection that marks this run");
        runtime.block_on(async {
            match claim(&server, run).await {
                Ok(_held) => {
                    let _ = tell.send(Ok(()));
                    std::future::pending::<()>().await;
                }
                Err(error) => drop(tell.send(Err(error.to_string()))),
            }
        });
    });
    told.recv().map_err(|error| error.to_string())??;
    Ok(cluster)
}

/// Locks `run` and drops the databases of runs whose lock is free.
async fn claim(server: &Url, own: u64) -> Result<PgConnection, sqlx::Error> {
    let mut connection = PgConnection::connect(server.as_str()).await?;
    lock(&mut connection, own).await?;
    let names: Vec<String> = sqlx::query_scalar("SELECT datname::text FROM pg_database")
        .fetch_all(&mut connection)
        .await?;
    for name in names {
        let Some(run_of_it) = run_in(&name) else { continue };
        // The lock is kept, so that no other process examines a dead run again.
        if run_of_it != own && lock(&mut connection, run_of_it).await? {
            // Another process may be dropping it as well, or the role may lack the right: neither is an error.
            let _ = run(&mut connection, format!("DROP DATABASE {name} WITH (FORCE)")).await;
        }
    }
    Ok(connection)
}

async fn lock(connection: &mut PgConnection, run: u64) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar("SELECT pg_try_advisory_lock($1)")
        .bind(run.cast_signed())
        .fetch_one(connection)
        .await
}

/// The run that created a database, if its name has exactly the form of this suite.
pub(super) fn run_in(database: &str) -> Option<u64> {
    let (run, number) = database.strip_prefix(PREFIX)?.split_once('_')?;
    let ours = run.len() == 16 && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    u64::from_str_radix(run, 16).ok().filter(|_| ours)
}
