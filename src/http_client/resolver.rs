//! Names to addresses, for requests to hosts that others have named.
//!
//! Owns the look-up and its bound: a resolver of the system cannot be interrupted, so a name whose servers are
//! silent holds a thread for as long as the system waits. Decides nothing about the addresses.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;

use tokio::net::lookup_host;
use tokio::sync::Semaphore;

/// The look-ups that may be under way, with those that have not ended although their callers gave up.
const LOOKUPS: usize = 16;

/// A look-up under way.
pub type Lookup = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// Looks names up.
pub trait Resolver: Send + Sync {
    /// Every address of `name`.
    fn look_up(&self, name: String) -> Lookup;

    /// Where a connection to `address`, which was checked, is opened: there, at the port of the URL. Tests have a
    /// listener of their own take its place.
    fn place(&self, address: IpAddr) -> SocketAddr {
        SocketAddr::new(address, 0)
    }
}

/// The resolver of the system.
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
            // A task of its own keeps the place until the system answers, also when its caller has given up.
            let looking = tokio::spawn(async move {
                let found = lookup_host((name, 0)).await;
                drop(place);
                found.map(|found| found.map(|address| address.ip()).collect())
            });
            looking.await.map_err(io::Error::other)?
        })
    }
}
