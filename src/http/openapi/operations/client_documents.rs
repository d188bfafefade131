//! Clients that describe themselves, for administrators.

use serde_json::json;

use super::{AFTER, LIMIT};
use crate::domain::client::AuthMethod;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Parameter, Tag, ok};
use crate::http::openapi::schema::{
    ANY_OBJECT, BOOLEAN, Named, Schema, TEXT, TEXTS, TIME, UUID, named, object, page, required,
    texts_of,
};

static CLIENT_DOCUMENT: Named = Named {
    name: "ClientDocument",
    schema: object(&[
        required("id", UUID),
        required("client_id", CLIENT_ID),
        required(
            "name",
            TEXT.nullable().about("What it calls itself; null where there is no copy."),
        ),
        required("redirect_uris", TEXTS.nullable().about("Those of its document that count.")),
        required("token_endpoint_auth_method", texts_of!(AuthMethod).nullable()),
        required("jwks_uri", TEXT.nullable()),
        required("jwks", ANY_OBJECT.nullable()),
        required("confirmed_at", TIME.nullable().about("When the host last confirmed the copy.")),
        required(
            "fresh_until",
            TIME.nullable().about("The time before which its host is not contacted again."),
        ),
        required("failed_at", TIME.nullable()),
        required(
            "failure",
            TEXT.nullable().about("Why the last attempt to fetch it failed, if it did."),
        ),
        required(
            "authorized_at",
            TIME.nullable().about("When a user last let it in, exact to the day."),
        ),
        required("blocked", BOOLEAN),
        required("blocked_at", TIME.nullable()),
    ]),
};

const CLIENT_ID: Schema = TEXT.about("The address of its document.");

/// `GET /v1/admin/client-documents`.
pub static LIST: Operation =
    Operation::new("listClientDocuments", Tag::Admin, "List clients that describe themselves")
        .about("The copies of their client ID metadata documents, oldest first.")
        .query(&[
            Parameter::query("client_id", TEXT, "The one of this address only."),
            LIMIT,
            AFTER,
        ])
        .returns(&[ok(page(&named(&CLIENT_DOCUMENT)))])
        .fails_with(&[Code::NotFound]);

/// `POST /v1/admin/client-documents/block`.
pub static BLOCK: Operation =
    Operation::new("blockClientDocument", Tag::Admin, "Block a client that describes itself")
        .about("It gets no tokens until it is unblocked. There need not be a copy of its document.")
        .body(
            Body::json(&[&[required("client_id", CLIENT_ID)]])
                .example(|| json!({ "client_id": "https://app.example.com/oauth/client.json" })),
        )
        .returns(&[ok(named(&CLIENT_DOCUMENT))]);

/// `POST /v1/admin/client-documents/unblock`.
pub static UNBLOCK: Operation =
    Operation::new("unblockClientDocument", Tag::Admin, "Unblock a client that describes itself")
        .body(
            Body::json(&[&[required("client_id", CLIENT_ID)]])
                .example(|| json!({ "client_id": "https://app.example.com/oauth/client.json" })),
        )
        .returns(&[NO_CONTENT])
        .fails_with(&[Code::NotFound]);
