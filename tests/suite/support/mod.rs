//! What every test stands on: a real server on a real socket with a database of its own, a clock
//! that only moves when told, and a client that knows nothing but the address.

pub mod balancer;
pub mod clock;
pub mod packages;
pub mod postgres;
pub mod process;
pub mod relying_party;
pub mod require;
pub mod server;
pub mod third_party_verifier;

pub use server::{Backend, Server, on_both};
