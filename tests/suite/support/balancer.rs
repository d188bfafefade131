//! A plain TCP balancer in front of several processes: connections in turn, the dead left out.
//!
//! Owns which target is next. Knows no HTTP, so it can repeat nothing: a connection whose target dies
//! under it is cut, as with any balancer of this kind.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What it knows of one process.
#[derive(Debug, Clone, Copy)]
struct Target {
    address: SocketAddr,
    /// Whether it gets new connections.
    open: bool,
    /// Connections it has now.
    carried: u64,
    /// Connections on which it has answered.
    answered: u64,
}

#[derive(Default)]
struct Targets {
    all: Vec<Target>,
    next: usize,
}

/// A listening balancer; it stops with its value, or with the runtime it was started on.
pub struct Balancer {
    /// Its address, as `http://host:port`.
    pub base: String,
    targets: Arc<Mutex<Targets>>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    /// Listens, with nobody behind it yet.
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let targets = Arc::<Mutex<Targets>>::default();
        let shared = Arc::clone(&targets);
        let accepting = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(relay(client, Arc::clone(&shared)));
            }
        });
        Self { base, targets, accepting }
    }

    /// Sends new connections to the process at `base` too.
    pub fn add(&self, base: &str) {
        let address = address_of(base);
        locked(&self.targets).all.push(Target { address, open: true, carried: 0, answered: 0 });
    }

    /// Sends no new connections to it any more; those it has go on.
    pub fn drain(&self, base: &str) {
        close(&self.targets, address_of(base));
    }

    /// How many connections the process at `base` has now.
    pub fn carries(&self, base: &str) -> u64 {
        self.target(base).carried
    }

    /// On how many connections it has answered; one that is kept counts when it ends.
    pub fn answered(&self, base: &str) -> u64 {
        self.target(base).answered
    }

    /// Whether it still gets new connections.
    pub fn is_open(&self, base: &str) -> bool {
        self.target(base).open
    }

    fn target(&self, base: &str) -> Target {
        let address = address_of(base);
        let targets = locked(&self.targets);
        *targets.all.iter().find(|target| target.address == address).unwrap()
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

fn address_of(base: &str) -> SocketAddr {
    base.strip_prefix("http://").unwrap().parse().unwrap()
}

fn locked(targets: &Mutex<Targets>) -> std::sync::MutexGuard<'_, Targets> {
    targets.lock().unwrap_or_else(PoisonError::into_inner)
}

fn close(targets: &Mutex<Targets>, address: SocketAddr) {
    for target in &mut locked(targets).all {
        target.open &= target.address != address;
    }
}

/// The target whose turn it is; the connection is counted as one of its own.
fn next(targets: &Mutex<Targets>) -> Option<SocketAddr> {
    let mut targets = locked(targets);
    let turn = targets.next;
    targets.next = turn.wrapping_add(1);
    let mut open: Vec<_> = targets.all.iter_mut().filter(|target| target.open).collect();
    let index = turn.checked_rem(open.len())?;
    open[index].carried += 1;
    Some(open[index].address)
}

/// A connection has ended.
fn ended(targets: &Mutex<Targets>, address: SocketAddr, answered: bool) {
    let mut targets = locked(targets);
    let target = targets.all.iter_mut().find(|target| target.address == address).unwrap();
    target.carried -= 1;
    target.answered += u64::from(answered);
}

/// Carries one connection. A target that refuses is left out for good: its port may soon belong to a
/// stranger, and a process that comes back is added anew.
async fn relay(mut client: TcpStream, targets: Arc<Mutex<Targets>>) {
    while let Some(address) = next(&targets) {
        let Ok(mut server) = TcpStream::connect(address).await else {
            ended(&targets, address, false);
            close(&targets, address);
            continue;
        };
        let carried = copy_bidirectional(&mut client, &mut server).await;
        ended(&targets, address, carried.is_ok_and(|(_, answered)| answered > 0));
        return;
    }
}
