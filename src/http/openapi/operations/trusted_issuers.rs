//! Issuers whose tokens are accepted from workloads.

use serde_json::json;

use crate::domain::outcome::Code;
use crate::domain::signing_key::SigningAlg;
use crate::domain::workload::Preset;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Parameter, Tag, created, ok};
use crate::http::openapi::schema::{
    INTEGER, Keyword, Kind, Member, Named, Schema, TEXT, TEXTS, TIME, list, named, object,
    optional, required, texts_of,
};

const PRESET: Schema = texts_of!(Preset).about(
    "The kind of issuer. It determines which claims rules must name, and whether a token is accepted once (github, \
     gitlab, oidc) or until it expires (kubernetes, spiffe).",
);
const ALG: Schema = texts_of!(SigningAlg);
const LIFE: Schema = INTEGER.with(&[Keyword::Minimum(60), Keyword::Maximum(86_400)]);
const KEYS: Schema = Schema::new(Kind::Types(&["object", "array"], None));

static ISSUER: Named = Named {
    name: "TrustedIssuer",
    schema: object(&[
        required("name", TEXT.about("Its name in the rules of clients.")),
        required("issuer", TEXT.about("The value of `iss` in its tokens.")),
        required("preset", PRESET),
        required(
            "jwks",
            KEYS.nullable().about("Its keys; null where they are fetched by discovery."),
        ),
        required(
            "algs",
            list(&ALG).about("Accepted signature algorithms. Empty: all supported ones."),
        ),
        required("max_life", LIFE.about("The maximum lifetime of its tokens, in seconds.")),
        required("networks", TEXTS.about("Where its host may be besides public addresses.")),
        required("created_at", TIME),
    ]),
};

const ONE: Schema = named(&ISSUER);

const NEW: &[Member] = &[
    required("name", TEXT.about("1 to 32 small letters, digits and hyphens.")),
    optional(
        "issuer",
        TEXT.nullable().about("An https URL; by default that of github and gitlab."),
    ),
    optional("preset", PRESET.nullable()),
    optional(
        "jwks",
        KEYS.nullable()
            .about("A JWK set or a list of public JWKs. Without it they are fetched by discovery."),
    ),
    optional("algs", list(&ALG).nullable()),
    optional("max_life", LIFE.nullable().about("Seconds; one hour by default, at most 24 hours.")),
    optional(
        "networks",
        TEXTS
            .nullable()
            .about("Networks in CIDR notation besides public ones in which its host may be."),
    ),
];

const NAME: &[Parameter] = &[Parameter::path("name", TEXT, "The name of the issuer.")];

/// `GET /v1/admin/trusted-issuers`.
pub static LIST: Operation =
    Operation::new("listTrustedIssuers", Tag::Admin, "List trusted issuers of workload tokens")
        .returns(&[ok(object(&[required("data", list(&ONE))]))]);

/// `POST /v1/admin/trusted-issuers`.
pub static ADD: Operation =
    Operation::new("addTrustedIssuer", Tag::Admin, "Add a trusted issuer of workload tokens")
        .about(
            "An issuer alone authenticates no workload: rules of clients do (`workloads`). The user must have signed in in \
             the last 5 minutes.",
        )
        .body(Body::json(&[NEW]).example(|| json!({ "name": "github" })))
        .returns(&[created(named(&ISSUER))])
        .fails_with(&[Code::ReauthenticationRequired])
        .conflicts("An issuer has this name or identifier already, or there are 64.");

/// `GET /v1/admin/trusted-issuers/{name}`.
pub static SHOW: Operation =
    Operation::new("getTrustedIssuer", Tag::Admin, "Show a trusted issuer of workload tokens")
        .path(NAME)
        .returns(&[ok(named(&ISSUER))]);

/// `DELETE /v1/admin/trusted-issuers/{name}`.
pub static REMOVE: Operation =
    Operation::new("removeTrustedIssuer", Tag::Admin, "Remove a trusted issuer of workload tokens")
        .path(NAME)
        .returns(&[NO_CONTENT])
        .conflicts("Rules of clients name the issuer.");
