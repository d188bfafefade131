//! A plain TCP load balancer in front of several processes: round robin, without those that refuse connections.
//!
//! Owns the choice of the next target. It does not parse HTTP, so it cannot repeat a request: a connection
//! whose target dies is closed, as with any balancer of this kind.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// The state of one target process.
#[derive(Debug, Clone, Copy)]
struct Target {
    address: SocketAddr,
    /// Whether it gets new connections.
    open: bool,
    /// The number of its open connections.
    carried: u64,
    /// The number of connections on which it has sent a response.
    answered: u64,
}

#[derive(Default)]
struct Targets {
    all: Vec<Target>,
    next: usize,
}

/// A listening balancer; it stops when it is dropped, or with the runtime it was started on.
pub struct Balancer {
    /// Its address, as `http://host:port`.
    pub base: String,
    targets: Arc<Mutex<Targets>>,
    accepting: JoinHandle<()>,
}

impl Balancer {
    /// Listens, without any target yet.
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

    /// Adds the process at `base` as a target.
    pub fn add(&self, base: &str) {
        let address = address_of(base);
        locked(&self.targets).all.push(Target { address, open: true, carried: 0, answered: 0 });
    }

    /// Sends no new connections to the process; open ones continue.
    pub fn drain(&self, base: &str) {
        close(&self.targets, address_of(base));
    }

    /// The number of open connections to the process at `base`.
    pub fn carries(&self, base: &str) -> u64 {
        self.target(base).carried
    }

    /// The number of connections on which it has responded; a kept-alive connection is counted when it closes.
    pub fn answered(&self, base: &str) -> u64 {
        self.target(base).answered
    }

    /// Whether the process still gets new connections.
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

/// The next target in turn; the connection is added to its count.
fn next(targets: &Mutex<Targets>) -> Option<SocketAddr> {
    let mut targets = locked(targets);
    let turn = targets.next;
    targets.next = turn.wrapping_add(1);
    let mut open: Vec<_> = targets.all.iter_mut().filter(|target| target.open).collect();
    let index = turn.checked_rem(open.len())?;
    open[index].carried += 1;
    Some(open[index].address)
}

/// Records the end of a connection.
fn ended(targets: &Mutex<Targets>, address: SocketAddr, answered: bool) {
    let mut targets = locked(targets);
    let target = targets.all.iter_mut().find(|target| target.address == address).unwrap();
    target.carried -= 1;
    target.answered += u64::from(answered);
}

/// Relays one connection. A target that refuses is removed for good: another program may get its port, and a
/// restarted process is added again.
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
