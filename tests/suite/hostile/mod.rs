//! Resource servers against hostile requests: one list of rows, run against every verifier that this repository
//! recommends.
//!
//! `rows` is the list, `forge` creates the request of a row with keys of the test, `issuer` is the issuer that
//! serves those keys, and `runner` sends every row to a running resource server. A deviation of a subject from the
//! list is a known gap, named in `subjects`; a gap that closes fails the test like one that opens. `document` writes
//! all of it into `docs/verifiers.md`.

mod document;
mod feed;
pub mod forge;
pub mod issuer;
pub mod rows;
pub mod runner;
pub mod rust;
pub mod subjects;
