//! The snippets as columns of `docs/verifiers.md`, and their known deviations from the list.

use crate::hostile::subjects::{Gap, Subject};

const NO_FEED: Gap = Gap {
    row: "R2",
    alg: None,
    status: 200,
    why: "it does not read the revocation feed: tokens of a session that ended are accepted until they expire.",
};
const LAST_WINS: Gap = Gap {
    row: "A7",
    alg: None,
    status: 200,
    why: "the JSON parser reads the last of two members with one name; only the issuer could sign such a token.",
};

macro_rules! subject {
    ($constant:ident, $name:literal, $made_of:literal, $test:literal, $gaps:expr) => {
        #[doc = concat!("The snippet `", $name, "`.")]
        pub const $constant: Subject = Subject {
            name: $name,
            made_of: $made_of,
            test: concat!("snippets::matrix::", $test, "_takes_the_matrix"),
            gaps: $gaps,
        };
    };
}

subject!(NODE, "node", "jose", "node", &[LAST_WINS, NO_FEED]);
subject!(
    NODE_REVOCATIONS,
    "node-revocations",
    "jose, the feed",
    "node_with_the_feed",
    &[LAST_WINS]
);
subject!(EXPRESS, "express", "jose, Express", "express", &[LAST_WINS, NO_FEED]);
subject!(
    EXPRESS_OAUTH2_JWT_BEARER,
    "express-oauth2-jwt-bearer",
    "express-oauth2-jwt-bearer, Express",
    "express_oauth2_jwt_bearer",
    &[LAST_WINS, NO_FEED]
);
subject!(FASTIFY, "fastify", "jose, Fastify", "fastify", &[LAST_WINS, NO_FEED]);
subject!(HONO, "hono", "jose, Hono", "hono", &[LAST_WINS, NO_FEED]);
subject!(JSONWEBTOKEN, "jsonwebtoken", "jsonwebtoken", "jsonwebtoken", &[LAST_WINS, NO_FEED]);
subject!(PYTHON, "python", "PyJWT", "python", &[LAST_WINS, NO_FEED]);
subject!(
    PYTHON_REVOCATIONS,
    "python-revocations",
    "PyJWT, the feed",
    "python_with_the_feed",
    &[LAST_WINS]
);
subject!(FASTAPI, "fastapi", "PyJWT, FastAPI", "fastapi", &[LAST_WINS, NO_FEED]);
subject!(FLASK, "flask", "PyJWT, Flask", "flask", &[LAST_WINS, NO_FEED]);
subject!(DJANGO, "django", "PyJWT, Django", "django", &[LAST_WINS, NO_FEED]);
subject!(FASTMCP, "fastmcp", "PyJWT, FastMCP", "fastmcp", &[LAST_WINS, NO_FEED]);
subject!(GO, "go", "golang-jwt", "go", &[LAST_WINS, NO_FEED]);
subject!(RUBY, "ruby", "ruby-jwt, Rack", "ruby", &[LAST_WINS, NO_FEED]);
