//! The resource servers that the matrix is run against, each a column of `docs/verifiers.md`.
//!
//! Owns what they are known to answer otherwise than the list expects. A gap is asserted: an upgrade of a library that
//! opens one or closes one fails the test of its subject.

use signet::domain::signing_key::SigningAlg;

use crate::gateways::native;
use crate::snippets::subjects as snippets;

/// A resource server.
pub struct Subject {
    /// The heading of its column.
    pub name: &'static str,
    /// What it is made of.
    pub made_of: &'static str,
    /// The test that runs it.
    pub test: &'static str,
    /// What it answers otherwise.
    pub gaps: &'static [Gap],
}

/// A row that a subject answers otherwise than the list expects.
pub struct Gap {
    /// The row.
    pub row: &'static str,
    /// The only algorithm it concerns, if it does not concern both.
    pub alg: Option<SigningAlg>,
    /// What it answers.
    pub status: u16,
    /// Why, and what follows from it.
    pub why: &'static str,
}

impl Subject {
    /// What is known of a row.
    pub fn gap(&self, row: &str, alg: SigningAlg) -> Option<&'static Gap> {
        self.gaps.iter().find(|gap| gap.row == row && gap.alg.is_none_or(|only| only == alg))
    }
}

/// The example with actix-web.
pub const RUST_ACTIX: Subject = Subject {
    name: "rust-actix",
    made_of: "signet-verify, actix-web",
    test: "hostile::rust::actix_web_takes_the_matrix",
    gaps: &[],
};

/// The example with axum.
pub const RUST_AXUM: Subject = Subject {
    name: "rust-axum",
    made_of: "signet-verify, axum",
    test: "hostile::rust::axum_takes_the_matrix",
    gaps: &[],
};

/// The columns of the document.
pub const SUBJECTS: &[&Subject] = &[
    &RUST_ACTIX,
    &RUST_AXUM,
    &snippets::NODE,
    &snippets::NODE_REVOCATIONS,
    &snippets::EXPRESS,
    &snippets::EXPRESS_OAUTH2_JWT_BEARER,
    &snippets::FASTIFY,
    &snippets::HONO,
    &snippets::JSONWEBTOKEN,
    &snippets::PYTHON,
    &snippets::PYTHON_REVOCATIONS,
    &snippets::FASTAPI,
    &snippets::FLASK,
    &snippets::DJANGO,
    &snippets::FASTMCP,
    &snippets::GO,
    &snippets::RUBY,
    &native::NGINX,
    &native::HAPROXY,
    &native::ENVOY,
    &native::APACHE,
];
