//! Resolves the names of hosts that outsiders have named.
//!
//! Owns the limit on concurrent look-ups: a look-up of the system resolver cannot be cancelled, and if the
//! name servers do not respond it occupies a thread until the system gives up. Does not check the addresses.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::lookup_host;
use tokio::sync::Semaphore;

/// The maximum number of concurrent look-ups, including those whose callers have timed out.
const LOOKUPS: usize = 16;

/// A look-up under way.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Resolves names.
pub trait Resolver: Send + Sync {
    /// Every address of `name`.
    fn look_up(&self, name: String) -> Lookup;

    /// Where a connection to the checked `address` is opened: at `address` itself, with the port of the URL.
    /// Tests substitute a local listener.
    fn place(&self, address: IpAddr) -> SocketAddr {
        SocketAddr::new(address, 0)
    }
}

/// The system resolver.
pub struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Resolver for SystemResolver {
    fn look_up(&self, name: String) -> Lookup {
        let places = Arc::clone(&self.0);
        Box::pin(async move {
            let place = places.acquire_owned().await.map_err(io::Error::other)?;
            // A separate task holds the permit until the system responds, even after the caller has timed out.
            let looking = tokio::spawn(async move {
                let found = lookup_host((name, 0)).await;
                drop(place);
                found.map(|found| found.map(|address| address.ip()).collect())
            });
            looking.await.map_err(io::Error::other)?
        })
    }
}
