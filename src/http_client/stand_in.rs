//! Hosts on loopback in the place of hosts of the Internet, for tests.
//!
//! Owns the file that says which names there are and who answers for them. The addresses of that file are judged like
//! any others; only then does a listener of the test take the place of the one that was judged. A release has none of
//! this.
//!
//! ```text
//! # A root that is trusted as well, in PEM.
//! authority /tmp/ca.pem
//! # A name, and its addresses at every look-up from the first on.
//! name client.example 93.184.216.34,2606:4700::1
//! # Other addresses from the second look-up on.
//! name rebound.example 93.184.216.34 10.0.0.1
//! # Who answers at an address.
//! listener 93.184.216.34 127.0.0.1:4711
//! ```

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::resolver::{Lookup, Resolver};

/// The resolver of such a file, which is read at every look-up.
pub struct StandIn {
    file: PathBuf,
    lookups: Mutex<HashMap<String, usize>>,
}

impl StandIn {
    /// That of `file`.
    #[must_use]
    pub fn new(file: PathBuf) -> Self {
        Self { file, lookups: Mutex::default() }
    }

    /// The additional trusted certificates.
    #[must_use]
    pub fn authorities(file: &Path) -> Vec<u8> {
        let found = lines(file).into_iter().filter(|words| words[0] == "authority");
        found.filter_map(|words| std::fs::read(words.get(1)?).ok()).flatten().collect()
    }
}

impl Resolver for StandIn {
    fn look_up(&self, name: String) -> Lookup {
        let mut lookups = self.lookups.lock().unwrap_or_else(PoisonError::into_inner);
        let count = lookups.entry(name.clone()).or_default();
        *count += 1;
        let addresses = addresses(&self.file, &name, *count);
        Box::pin(async move { addresses.ok_or_else(|| io::Error::from(io::ErrorKind::NotFound)) })
    }

    fn place(&self, address: IpAddr) -> SocketAddr {
        let of_address = |words: &Vec<String>| {
            words[0] == "listener"
                && words.get(1).and_then(|text| text.parse().ok()) == Some(address)
        };
        let found = lines(&self.file).into_iter().find(of_address);
        let place = found.and_then(|words| words.get(2)?.parse().ok());
        place.unwrap_or_else(|| SocketAddr::new(address, 0))
    }
}

/// The addresses of a name at its look-up with this number.
fn addresses(file: &Path, name: &str, lookup: usize) -> Option<Vec<IpAddr>> {
    let of_name =
        |words: &Vec<String>| words[0] == "name" && words.get(1).is_some_and(|n| n == name);
    let words = lines(file).into_iter().find(of_name)?;
    let turns = words.get(2..)?;
    let turn = turns.get(lookup - 1).or(turns.last())?;
    turn.split(',').map(|address| address.parse().ok()).collect()
}

fn lines(file: &Path) -> Vec<Vec<String>> {
    let text = std::fs::read_to_string(file).unwrap_or_default();
    let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    text.lines().map(words).filter(|words| !words.is_empty()).collect()
}
