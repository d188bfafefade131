//! APIs, for administrators.

use serde_json::json;

use super::{FORCE, NEVER_CHANGES, PAGINATION};
use crate::domain::token_rules::{TokenAlg, TokenProfile};
use crate::http::openapi::operation::{
    Body, NO_CONTENT, Operation, Parameter, ReadOnlyMember, Tag, created, ok,
};
use crate::http::openapi::schema::{
    ANY_OBJECT, BOOLEAN, INTEGER, Keyword, Member, Named, Schema, TEXT, TEXTS, TIME, UUID, all_of,
    named, object, one_of, optional, page, required, texts_of,
};

static API: Named = Named {
    name: "Api",
    schema: object(&[
        required("id", UUID),
        required("identifier", TEXT.about("The audience (`aud`) of its access tokens.")),
        required("scopes", TEXTS),
        required(
            "scope_descriptions",
            ANY_OBJECT.about("Descriptions of scopes by their names; shown to users on the consent page."),
        ),
        required("key_scopes", TEXTS.about("The scopes that users may give their API keys.")),
        required(
            "signing_alg",
            TEXT.nullable().about(
                "The algorithm of its access tokens: one of the server's signing keys, or HS256 \
                 with a secret of the API's own; null for SIGNET_SIGNING_ALG.",
            ),
        ),
        required(
            "token_profile",
            PROFILE.about("rfc9068 sends `typ` at+jwt; jwt sends `typ` JWT and adds `azp`."),
        ),
        required(
            "access_token_ttl",
            TTL.nullable().about("Seconds; null for SIGNET_ACCESS_TOKEN_TTL."),
        ),
        required(
            "claims",
            TEXTS.about(
                "The claims about users in its access tokens: roles, groups, email, email_verified, \
                 names of custom claims.",
            ),
        ),
        required(
            "documents",
            BOOLEAN.about(
                "Whether clients that describe themselves by a client ID metadata document may have \
                 tokens for it.",
            ),
        ),
        required(
            "shared_secret_kid",
            TEXT.nullable().about("The `kid` of the shared secret of an API with HS256."),
        ),
        required("created_at", TIME),
    ]),
};

static CHANGED_API: Named = Named {
    name: "ChangedApi",
    schema: all_of(&[
        named(&API),
        object(&[
            optional(
                "shared_secret",
                TEXT.about(
                    "The key of HS256: 32 bytes in base64url. Only in the response to the request that created it.",
                ),
            ),
            required(
                "warnings",
                TEXTS.about("Warnings, such as verifiers that lack the algorithm."),
            ),
        ]),
    ]),
};

const PROFILE: Schema = texts_of!(TokenProfile);
const TTL: Schema = INTEGER.with(&[Keyword::Minimum(1), Keyword::Maximum(86400)]);

const ID: &[Parameter] =
    &[Parameter::path("id", TEXT, "The API's `id`, or its percent-encoded `identifier`.")];

/// The members that registering and changing an API share.
const SETTINGS: &[Member] = &[
    optional("scopes", TEXTS.nullable()),
    optional(
        "scope_descriptions",
        ANY_OBJECT.nullable().about(
            "Descriptions of scopes by their names, up to 200 characters each. Others do not change; null removes \
             one.",
        ),
    ),
    optional(
        "key_scopes",
        TEXTS
            .nullable()
            .about("The scopes that users may give their API keys; without any the API accepts none."),
    ),
    optional("signing_alg", one_of(|| TokenAlg::all().map(TokenAlg::as_str).collect()).nullable()),
    optional("token_profile", PROFILE.nullable()),
    optional(
        "access_token_ttl",
        TTL.nullable().about("Seconds, at least twice the refresh retry window."),
    ),
    optional("claims", TEXTS.nullable()),
    optional("documents", BOOLEAN),
];

/// The read-only members of a `PATCH` of an API.
const READ_ONLY: &[ReadOnlyMember] = &[
    ReadOnlyMember::new("id", UUID, NEVER_CHANGES),
    ReadOnlyMember::new(
        "identifier",
        TEXT,
        "No call changes an identifier. Register a new API instead: POST /v1/admin/apis.",
    ),
    ReadOnlyMember::new(
        "shared_secret_kid",
        TEXT.nullable(),
        "It changes with the shared secret: PATCH /v1/admin/apis/{id} with new_secret true.",
    ),
    ReadOnlyMember::new("created_at", TIME, NEVER_CHANGES),
];

/// `GET /v1/admin/apis`.
pub static LIST: Operation = Operation::new("listApis", Tag::Admin, "List APIs")
    .query(PAGINATION)
    .returns(&[ok(page(&named(&API)))]);

/// `POST /v1/admin/apis`.
pub static CREATE: Operation =
    Operation::new("createApi", Tag::Admin, "Register an API")
        .body(Body::json(&[&[required("identifier", TEXT)], SETTINGS]).example(
            || json!({ "identifier": "https://api.example.com", "scopes": ["orders:read"] }),
        ))
        .returns(&[created(named(&CHANGED_API))])
        .conflicts("The identifier is taken, or no key of the algorithm is active.");

/// `GET /v1/admin/apis/{id}`.
pub static SHOW: Operation =
    Operation::new("showApi", Tag::Admin, "Show an API").path(ID).returns(&[ok(named(&API))]);

/// `PATCH /v1/admin/apis/{id}`.
pub static UPDATE: Operation = Operation::new("updateApi", Tag::Admin, "Change an API")
    .about("A JSON merge patch (RFC 7396). Null restores the default.")
    .path(ID)
    .query(&[FORCE])
    .body(
        Body::json(&[
            SETTINGS,
            &[optional(
                "new_secret",
                BOOLEAN
                    .nullable()
                    .about("Create a new shared secret; the previous one stops working at once."),
            )],
        ])
        .read_only(READ_ONLY)
        .example(|| json!({ "token_profile": "jwt", "claims": ["roles"] })),
    )
    .returns(&[ok(named(&CHANGED_API))])
    .conflicts("No key of the algorithm is active.");

/// `DELETE /v1/admin/apis/{id}`.
pub static DELETE: Operation = Operation::new("deleteApi", Tag::Admin, "Delete an API")
    .path(ID)
    .query(&[FORCE])
    .returns(&[NO_CONTENT]);
