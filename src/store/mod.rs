//! Storage: two databases, every statement once.
//!
//! Owns all SQL and the only use of `sqlx`. Functions that must be atomic with others take
//! `&mut Tx`; functions that may stand alone take `&mut impl Link`. Decides nothing: guards in
//! statements enforce what the domain decided, and say so by returning no row.

pub mod apis;
pub mod attributes;
pub mod audit;
pub mod browsers;
pub mod clients;
mod codec;
pub mod codes;
pub mod consents;
pub mod db;
pub mod devices;
pub mod fault;
pub mod housekeeping;
pub mod keys;
pub mod limits;
pub mod lookup;
pub mod meta;
pub mod migrate;
pub mod notices;
pub mod pushed;
pub mod refresher;
pub mod rotation;
pub mod sessions;
mod set;
pub mod setup;
pub mod spent;
pub mod users;
pub mod verifiers;

pub use db::{Db, Link, Tx, settle, settle_whole};
