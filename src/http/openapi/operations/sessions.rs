//! Sessions and the audit trail, for administrators.

use super::{PAGINATION_BY_USER, USER_ID};
use crate::domain::audit::Via;
use crate::domain::failure_reason::FailureReason;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{NO_CONTENT, Operation, Parameter, Tag, ok};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Named, TEXT, TIME, UUID, named, object, one_of, optional, page, required,
    texts_of,
};

/// A session of a client, or a sign-in at the pages.
pub static SESSION: Named = Named {
    name: "Session",
    schema: object(&[
        required("id", UUID),
        required(
            "kind",
            one_of(|| vec!["client", "browser"]).about(
                "`client`: a session of a client. `browser`: a sign-in at Signet's pages; ending it ends \
                 the sessions that clients opened in it, except those with `offline_access`.",
            ),
        ),
        optional("user_id", UUID.about("In lists for administrators.")),
        required("client_id", TEXT.nullable().about("Null for a sign-in at the pages.")),
        required("audience", TEXT.nullable()),
        required("scope", TEXT),
        required("user_agent", TEXT),
        required("address", TEXT.nullable()),
        required("created_at", TIME),
        required("authenticated_at", TIME.about("When the user last authenticated.")),
        required("last_seen_at", TIME),
        required("expires_at", TIME),
        required(
            "superseded",
            BOOLEAN.about(
                "Whether a refresh was repeated because its answer was lost, since the last \
                 ordinary refresh.",
            ),
        ),
        optional("current", BOOLEAN.about("Whether it is the session of this request.")),
    ]),
};

static EVENT: Named = Named {
    name: "Event",
    schema: object(&[
        required("id", UUID),
        required("at", TIME),
        required("kind", TEXT),
        required("via", texts_of!(Via)),
        required("actor_id", TEXT.nullable().about("The user who did it.")),
        required(
            "actor_client_id",
            TEXT.nullable().about("The client that did it in its own name."),
        ),
        required(
            "actor_key_id",
            TEXT.nullable().about("The administration key that the client used."),
        ),
        required("user_id", TEXT.nullable()),
        required("session_id", TEXT.nullable()),
        required("address", TEXT.nullable()),
        required("request_id", TEXT),
        required("detail", TEXT.nullable()),
        required("times", INTEGER.about("How many equal events the entry stands for.")),
        required(
            "last_at",
            TIME.nullable()
                .about("When the last of them happened; `null` where none can be equal."),
        ),
        required(
            "reason",
            texts_of!(FailureReason).nullable().about("Why an attempt to sign in failed."),
        ),
        required("client_id", TEXT.nullable().about("The client of a sign-in.")),
    ]),
};

/// `GET /v1/admin/sessions`.
pub static LIST: Operation = Operation::new("listSessions", Tag::Admin, "List live sessions")
    .about("Sessions of clients and sign-ins at the pages, of all users or of one, newest first.")
    .query(PAGINATION_BY_USER)
    .returns(&[ok(page(&named(&SESSION)))]);

/// `DELETE /v1/admin/sessions`.
pub static END_OF_USER: Operation =
    Operation::new("endSessionsOfUser", Tag::Admin, "End all sessions of a user")
        .query(&[Parameter { description: "The user.", component: None, ..USER_ID }.required()])
        .returns(&[NO_CONTENT])
        .fails_with(&[Code::NotFound]);

/// `DELETE /v1/admin/sessions/{id}`.
pub static END: Operation = Operation::new("revokeSession", Tag::Admin, "End a session")
    .path(&[Parameter::path("id", TEXT, "The `id` of either kind.")])
    .returns(&[NO_CONTENT]);

/// `GET /v1/admin/audit`.
pub static AUDIT: Operation = Operation::new("audit", Tag::Admin, "List audit events")
    .about("Newest first.")
    .query(PAGINATION_BY_USER)
    .returns(&[ok(page(&named(&EVENT)))]);
