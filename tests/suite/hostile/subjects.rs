//! The resource servers against which the matrix is run, each a column of `docs/verifiers.md`.
//!
//! Owns their known deviations from the list. A gap is asserted: an upgrade of a library that opens or closes one
//! fails the test of its subject.

use signet::domain::signing_key::SigningAlg;

use crate::gateways::native;
use crate::snippets::subjects as snippets;

/// A resource server.
pub struct Subject {
    /// The heading of its column.
    pub name: &'static str,
    /// The libraries and frameworks that it uses.
    pub made_of: &'static str,
    /// The test that runs it.
    pub test: &'static str,
    /// Its known gaps.
    pub gaps: &'static [Gap],
}

/// A row to which the response of a subject deviates from the list.
pub struct Gap {
    /// The row.
    pub row: &'static str,
    /// The only algorithm it concerns, if it does not concern both.
    pub alg: Option<SigningAlg>,
    /// The status of its response.
    pub status: u16,
    /// The cause, and the consequence.
    pub why: &'static str,
}

impl Subject {
    /// The known gap of a row.
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
