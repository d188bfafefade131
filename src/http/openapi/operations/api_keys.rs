//! API keys: the caller's own, and those of users for administrators.

use serde_json::json;

use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Parameter, Tag, created, ok};
use crate::http::openapi::schema::{
    INTEGER, Keyword, Member, Named, Schema, TEXT, TEXTS, TIME, UUID, all_of, list, named, object,
    optional, required, texts_of,
};
use crate::identity::api_keys::KeyState;

const STATE: Schema = texts_of!(KeyState).about(
    "active; revoked by its user or an administrator; expired; ended with everything of its user (a new password, a \
     log-out everywhere) or with its API.",
);

static API_KEY: Named = Named {
    name: "ApiKey",
    schema: object(&[
        required("id", UUID),
        required("name", TEXT),
        required("audience", TEXT.about("The API that it is for.")),
        required("scopes", TEXTS),
        required("networks", TEXTS.about("Where it works from; empty: everywhere.")),
        required("state", STATE),
        required("created_at", TIME),
        required("expires_at", TIME),
        required("last_used_at", TIME.nullable().about("To the hour.")),
        required("revoked_at", TIME.nullable()),
    ]),
};

const ONE_KEY: Schema = named(&API_KEY);

static API_KEYS: Named =
    Named { name: "ApiKeys", schema: object(&[required("data", list(&ONE_KEY))]) };

static CREATED: Named = Named {
    name: "CreatedApiKey",
    schema: all_of(&[
        named(&API_KEY),
        object(&[required("key", TEXT.about("spk_ and 48 characters. Only in this answer."))]),
    ]),
};

const NEW: &[Member] = &[
    required("name", TEXT.about("What the key is for.")),
    required("audience", TEXT.about("The identifier of the API.")),
    required("scopes", TEXTS.about("Among those that the API opens to API keys.")),
    optional(
        "expires_in",
        INTEGER
            .with(&[Keyword::Minimum(60), Keyword::Maximum(31_536_000)])
            .nullable()
            .about("Seconds until it expires; 90 days by default, at most 365 days."),
    ),
    optional(
        "networks",
        TEXTS.nullable().about("Addresses and networks in CIDR notation that it works from."),
    ),
];

const KEY_ID: Parameter = Parameter::path("key_id", UUID, "The key's `id`.");
const USER_ID: Parameter = Parameter::path("id", UUID, "The user's `id`.");

/// `GET /v1/api-keys`.
pub static LIST: Operation = Operation::new("apiKeys", Tag::Account, "List the caller's API keys")
    .about("Newest first. Of the revoked and expired keys the newest 20 are listed.")
    .returns(&[ok(named(&API_KEYS))]);

/// `POST /v1/api-keys`.
pub static CREATE: Operation = Operation::new("createApiKey", Tag::Account, "Create an API key")
    .about(
        "The key works at the token endpoint (token exchange) and at gateways that ask Signet, for its API alone. Needs a \
         sign-in of the last 5 minutes with every factor of the account.",
    )
    .body(Body::json(&[NEW]).example(|| {
        json!({
            "name": "Backup", "audience": "https://api.example.com", "scopes": ["orders:read"],
            "expires_in": 7_776_000
        })
    }))
    .returns(&[created(named(&CREATED))])
    .fails_with(&[Code::ReauthenticationRequired, Code::TooManyAttempts])
    .conflicts("The user has 20 API keys, which is the most.");

/// `DELETE /v1/api-keys/{key_id}`.
pub static REVOKE: Operation = Operation::new("revokeApiKey", Tag::Account, "Revoke an API key")
    .about("It is refused from the next request on, and so are tokens that were given for it where Signet is asked.")
    .path(&[KEY_ID])
    .returns(&[NO_CONTENT]);

/// `GET /v1/admin/users/{id}/api-keys`.
pub static LIST_OF_USER: Operation =
    Operation::new("listUserApiKeys", Tag::Admin, "List the API keys of a user")
        .path(&[USER_ID])
        .returns(&[ok(named(&API_KEYS))]);

/// `DELETE /v1/admin/users/{id}/api-keys/{key_id}`.
pub static REVOKE_OF_USER: Operation =
    Operation::new("revokeUserApiKey", Tag::Admin, "Revoke an API key of a user")
        .path(&[USER_ID, KEY_ID])
        .returns(&[NO_CONTENT]);
