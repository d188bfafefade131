//! Public keys, metadata and probes: the same for every caller.

use crate::domain::outcome::Code;
use crate::http::openapi::operation::{
    NO_CONTENT, NOT_MODIFIED, Operation, Parameter, Response, Tag, ok,
};
use crate::http::openapi::schema::{
    ANY_OBJECT, INTEGER, Schema, TEXT, TEXTS, list, object, required,
};

/// `GET /v1/openapi.json`.
pub static OPENAPI: Operation = Operation::new("openapi", Tag::Metadata, "This document")
    .returns(&[ok(ANY_OBJECT), NOT_MODIFIED]);

/// `GET /.well-known/jwks.json`.
pub static JWKS: Operation = Operation::new("jwks", Tag::Metadata, "The public keys (RFC 7517)")
    .returns(&[
        ok(object(&[required(
            "keys",
            list(&object(&[
                required("kty", TEXT),
                required("use", TEXT),
                required("alg", TEXT),
                required("kid", TEXT),
            ])),
        )])),
        NOT_MODIFIED,
    ]);

/// The members that every caller of the metadata needs.
const SERVER_METADATA: Schema = object(&[required("issuer", TEXT), required("jwks_uri", TEXT)]);

/// `GET /.well-known/openid-configuration`.
pub static DISCOVERY: Operation =
    Operation::new("discovery", Tag::Metadata, "Metadata (OpenID Connect Discovery)")
        .returns(&[ok(SERVER_METADATA), NOT_MODIFIED]);

/// `GET /.well-known/oauth-authorization-server`.
pub static OAUTH_METADATA: Operation =
    Operation::new("serverMetadata", Tag::Metadata, "Metadata (RFC 8414)")
        .returns(&[ok(SERVER_METADATA), NOT_MODIFIED]);

/// `GET /.well-known/webauthn`.
pub static RELATED_ORIGINS: Operation = Operation::new(
    "relatedOrigins",
    Tag::Metadata,
    "Origins that may use the passkeys (WebAuthn §5.11)",
)
.returns(&[ok(object(&[required("origins", TEXTS)])), NOT_MODIFIED])
.fails_with(&[Code::NotFound]);

/// `GET /.well-known/revocations`.
pub static REVOCATIONS: Operation = Operation::new(
    "revocations",
    Tag::Metadata,
    "What ended before its tokens expired, for services that verify offline",
)
.about("A JWT of the type `revocations+jwt`. `docs/revocation-feed.md` explains it.")
.query(SINCE)
.returns(&[FEED, NOT_MODIFIED])
.fails_with(&[Code::NotFound, Code::ValidationFailed]);

const SINCE: &[Parameter] = &[Parameter::query(
    "since",
    INTEGER,
    "The `iat` of a feed that is known: only what was written since then is listed.",
)];

/// `OPTIONS /.well-known/revocations`.
pub static REVOCATIONS_PREFLIGHT: Operation = preflight("revocationsPreflight");

const FEED: Response =
    Response { status: 200, description: "The feed, as `application/jwt`.", schema: None };

/// `GET /v1/resource-metadata`.
pub static RESOURCE_METADATA: Operation =
    Operation::new("resourceMetadata", Tag::Metadata, "Metadata of a registered API (RFC 9728)")
        .about("Gateways map `/.well-known/oauth-protected-resource` of a service to it.")
        .query(OF_API)
        .returns(&[
            ok(object(&[
                required("resource", TEXT),
                required("authorization_servers", TEXTS),
                required("scopes_supported", TEXTS),
                required("bearer_methods_supported", TEXTS),
                required("dpop_signing_alg_values_supported", TEXTS),
            ])),
            NOT_MODIFIED,
        ])
        .fails_with(&[Code::NotFound]);

/// `OPTIONS /v1/resource-metadata`.
pub static RESOURCE_METADATA_PREFLIGHT: Operation =
    preflight("resourceMetadataPreflight").query(OF_API);

const OF_API: &[Parameter] =
    &[Parameter::query("audience", TEXT, "The identifier of the API.").required()];

/// `OPTIONS /.well-known/jwks.json`.
pub static JWKS_PREFLIGHT: Operation = preflight("jwksPreflight");

/// `OPTIONS /.well-known/openid-configuration`.
pub static DISCOVERY_PREFLIGHT: Operation = preflight("discoveryPreflight");

/// `OPTIONS /.well-known/oauth-authorization-server`.
pub static OAUTH_METADATA_PREFLIGHT: Operation = preflight("serverMetadataPreflight");

const fn preflight(id: &'static str) -> Operation {
    Operation::new(id, Tag::Metadata, "CORS preflight").returns(&[NO_CONTENT])
}

/// `GET /health`.
pub static HEALTH: Operation = Operation::new("health", Tag::Operation, "Is the process alive?")
    .returns(&[ok(object(&[required("status", TEXT)]))]);

const READINESS: Schema = object(&[
    required("status", TEXT),
    required(
        "checks",
        object(&[
            required("database", TEXT),
            required("signing_key", TEXT),
            required("accepting", TEXT),
            required("database_write", TEXT),
        ]),
    ),
]);

const READ_READINESS: Schema = object(&[
    required("status", TEXT),
    required(
        "checks",
        object(&[
            required("database", TEXT),
            required("signing_key", TEXT),
            required("accepting", TEXT),
        ]),
    ),
]);

/// `GET /ready`.
pub static READY: Operation = Operation::new(
    "ready",
    Tag::Operation,
    "Can the process serve requests?",
)
.about(
    "Signs, verifies, reads from the database and writes one row of it, at most once in five \
             seconds and only where nothing else was committed meanwhile.",
)
.returns(&[ok(READINESS), not_ready(READINESS)]);

/// `GET /ready/read`.
pub static READY_READ: Operation =
    Operation::new("readyToRead", Tag::Operation, "Can the process serve what only reads?")
        .about("Signs, verifies and reads from the database. Writes nothing.")
        .returns(&[ok(READ_READINESS), not_ready(READ_READINESS)]);

const fn not_ready(schema: Schema) -> Response {
    Response {
        status: 503,
        description: "Not ready; `checks` names what fails.",
        schema: Some(schema),
    }
}
