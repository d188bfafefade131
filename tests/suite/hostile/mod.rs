//! Resource servers against hostile requests: one list of rows, run against every verifier that this repository
//! recommends.
//!
//! `rows` is the list, `forge` makes the request of a row with keys that the test holds, `issuer` is the issuer that
//! serves those keys, and `runner` presents every row to a running resource server. What a subject answers otherwise
//! than the list expects is a known gap, named in `subjects`; a gap that closes fails as one that opens does.
//! `document` writes all of it into `docs/verifiers.md`.

mod document;
mod feed;
pub mod forge;
pub mod issuer;
pub mod rows;
pub mod runner;
pub mod rust;
pub mod subjects;
