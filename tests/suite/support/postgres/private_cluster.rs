//! A cluster for one test, which can be stopped, frozen and disconnected.

use std::fs;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, Signal};

use super::blocking;
use super::cluster::{Cluster, close};
use super::keeper::Keeper;

/// A cluster for one test, which it may break. Dropping it stops the server and removes its data.
pub struct PrivateCluster {
    pub(super) cluster: Cluster,
    pub(super) keeper: Arc<Mutex<Keeper>>,
}

impl Deref for PrivateCluster {
    type Target = Cluster;

    fn deref(&self) -> &Cluster {
        &self.cluster
    }
}

impl PrivateCluster {
    /// Ends the connection of every client, as a failover or an administrator would (SQLSTATE 57P01), and
    /// returns their number. They have ended when this returns.
    ///
    /// # Panics
    ///
    /// When the server is stopped.
    pub async fn terminate_all_backends(&self) -> u64 {
        let mut connection = self.cluster.connect().await;
        let ended: i64 = sqlx::query_scalar(
            "SELECT count(*) FILTER (WHERE pg_terminate_backend(pid, 10000))
             FROM pg_stat_activity
             WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()",
        )
        .fetch_one(&mut connection)
        .await
        .expect("ending the connections");
        close(connection).await;
        u64::try_from(ended).expect("a count")
    }

    /// The complete log of the server.
    pub fn log(&self) -> String {
        let path = hold(&self.keeper).root.join("log");
        String::from_utf8_lossy(&fs::read(path).unwrap()).into_owned()
    }

    /// Crashes the server: an immediate shutdown without a checkpoint. Committed transactions are in the log
    /// and are recovered by [`Self::start_again`].
    pub async fn stop_immediate(&self) {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || hold(&keeper).order("stop")).await.expect("stopping PostgreSQL");
    }

    /// Freezes the server and all its processes (SIGSTOP): connections stay open and get no response.
    /// Dropping the result resumes them.
    ///
    /// # Panics
    ///
    /// When the server is stopped.
    pub async fn freeze(&self) -> Frozen {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || Frozen::of(hold(&keeper).postmaster())).await
    }

    /// Starts the stopped server again, on the same port, and returns when it accepts connections.
    ///
    /// # Panics
    ///
    /// When it does not start, or was not stopped.
    pub async fn start_again(&self) {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || {
            let mut keeper = hold(&keeper);
            let port = keeper.port;
            keeper.order(&format!("start {port}"))
        })
        .await
        .expect("starting PostgreSQL again");
    }
}

/// A frozen server; it is resumed when this is dropped.
pub struct Frozen(Vec<Pid>);

impl Frozen {
    fn of(postmaster: Pid) -> Self {
        // The parent first, so that it forks no more children while they are listed.
        signal(postmaster, Signal::STOP);
        let mut all = vec![postmaster];
        let processes = fs::read_dir("/proc").expect("a list of processes");
        for entry in processes.filter_map(Result::ok) {
            let stat = fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // State and parent follow the name, which may contain any characters.
            let parent = stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1));
            let pid = entry.file_name().to_str().and_then(|name| name.parse().ok());
            let pid = pid.and_then(Pid::from_raw);
            if parent.and_then(|text| text.parse().ok()) == Some(postmaster.as_raw_nonzero().get())
                && let Some(pid) = pid
            {
                signal(pid, Signal::STOP);
                all.push(pid);
            }
        }
        Self(all)
    }
}

impl Drop for Frozen {
    fn drop(&mut self) {
        for pid in &self.0 {
            signal(*pid, Signal::CONT);
        }
    }
}

/// A process that has ended meanwhile needs no signal.
fn signal(pid: Pid, signal: Signal) {
    let _ = rustix::process::kill_process(pid, signal);
}

pub(super) fn hold(keeper: &Mutex<Keeper>) -> MutexGuard<'_, Keeper> {
    keeper.lock().unwrap_or_else(PoisonError::into_inner)
}
