//! Administration keys of service clients.

use serde_json::json;

use super::PAGINATION;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Parameter, Tag, created, ok};
use crate::http::openapi::schema::{
    INTEGER, Keyword, Member, Named, Schema, TEXT, TEXTS, TIME, UUID, named, object, optional,
    page, required,
};

/// Scopes of administration of a client.
pub(super) const ADMIN_SCOPES: Schema = TEXTS.about(
    "The administration scopes that a service may request at the issuer itself: signet:admin, signet:read, \
     signet:audit, signet:users, signet:clients, signet:keys. Only a user with the role admin who has signed in in the \
     last 5 minutes gives a client further ones.",
);

static ADMIN_KEY: Named = Named {
    name: "AdminKey",
    schema: object(&[
        required("id", UUID),
        required("client_id", TEXT),
        required("name", TEXT),
        required("scopes", TEXTS),
        required("networks", TEXTS.about("The networks that it works from; empty: everywhere.")),
        required("created_at", TIME),
        required("expires_at", TIME),
        required("last_used_at", TIME.nullable().about("To the minute.")),
    ]),
};

static CREATED: Named = Named {
    name: "CreatedAdminKey",
    schema: object(&[
        required("id", UUID),
        required("client_id", TEXT),
        required("name", TEXT),
        required("scopes", TEXTS),
        required("networks", TEXTS),
        required("created_at", TIME),
        required("expires_at", TIME),
        required("last_used_at", TIME.nullable()),
        required("key", TEXT.about("sak_ and 48 characters. Only in this response.")),
    ]),
};

const CLIENT: Parameter =
    Parameter::path("client_id", TEXT, "The client's `client_id`, percent-encoded.");

const NEW: &[Member] = &[
    required("name", TEXT.about("What the key is for.")),
    required("scopes", TEXTS.about("Among the administration scopes of the client.")),
    required(
        "expires_in",
        INTEGER
            .with(&[Keyword::Minimum(60), Keyword::Maximum(31_536_000)])
            .about("Seconds until it expires; at most 365 days."),
    ),
    optional(
        "networks",
        TEXTS.nullable().about("Addresses and networks in CIDR notation that it works from."),
    ),
];

/// `GET /v1/admin/clients/{client_id}/keys`.
pub static LIST: Operation =
    Operation::new("listAdminKeys", Tag::Admin, "List the administration keys of a client")
        .path(&[CLIENT])
        .query(PAGINATION)
        .returns(&[ok(page(&named(&ADMIN_KEY)))]);

/// `POST /v1/admin/clients/{client_id}/keys`.
pub static CREATE: Operation = Operation::new(
    "createAdminKey",
    Tag::Admin,
    "Create an administration key of a service client",
)
.about(
    "The key is a Bearer token for `/v1/admin` only. It ends with its time, its client, or when it is \
     revoked. The user must have signed in in the last 5 minutes.",
)
.path(&[CLIENT])
.body(Body::json(&[NEW]).example(|| {
    json!({ "name": "Nightly", "scopes": ["signet:users"], "expires_in": 7_776_000, "networks": ["192.0.2.0/24"] })
}))
.returns(&[created(named(&CREATED))])
.fails_with(&[Code::ReauthenticationRequired])
.conflicts("The client has no administration scopes, or 32 keys.");

/// `DELETE /v1/admin/clients/{client_id}/keys/{key_id}`.
pub static REVOKE: Operation =
    Operation::new("revokeAdminKey", Tag::Admin, "Revoke an administration key")
        .path(&[CLIENT, Parameter::path("key_id", UUID, "The key's `id`.")])
        .returns(&[NO_CONTENT]);
