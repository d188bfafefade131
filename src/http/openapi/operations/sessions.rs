//! Sessions, for administrators.

use serde_json::json;

use super::{AFTER, LIMIT, USER_ID};
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Parameter, Tag, ok};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Named, TEXT, TIME, UUID, named, object, one_of, optional, page, required,
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
                "Whether a refresh was repeated after a lost response, since the last ordinary refresh.",
            ),
        ),
        optional("current", BOOLEAN.about("Whether it is the session of this request.")),
    ]),
};

static ENDED_SESSIONS: Named = Named {
    name: "EndedSessions",
    schema: object(&[
        required("dry_run", BOOLEAN.about("Whether the sessions were only counted.")),
        required(
            "sessions",
            INTEGER.nullable().about(
                "The number of sessions of clients that have ended, or would end. Null: all, uncounted.",
            ),
        ),
        required("sign_ins", INTEGER.nullable().about("The same for sign-ins at the pages.")),
        required(
            "next",
            TEXT.nullable().about("The `after` of the next request; null when all is done."),
        ),
    ]),
};

/// `GET /v1/admin/sessions`.
pub static LIST: Operation = Operation::new("listSessions", Tag::Admin, "List live sessions")
    .about(
        "Sessions of clients and sign-ins at the pages, of all users or of one, newest first. At most 10,000 are \
         examined for one page: if many have ended, it has fewer than requested, or none, and a `next` that \
         continues.",
    )
    .query(&[
        LIMIT,
        AFTER,
        USER_ID,
        Parameter::query(
            "client_id",
            TEXT,
            "Only sessions of this client. A sign-in at the pages belongs to none.",
        ),
        Parameter::query(
            "since",
            TEXT,
            "Only those that began at this time or later: RFC 3339, or how long ago, as in `2h`.",
        ),
    ])
    .returns(&[ok(page(&named(&SESSION)))]);

/// `POST /v1/admin/sessions/end`.
pub static END_MANY: Operation = Operation::new("endManySessions", Tag::Admin, "End many sessions")
    .about(
        "Ends the sessions and sign-ins at the pages that one of `all`, `user_id`, `client_id`, `before`, \
         `role` and `group` names; `client_id` names sessions of clients only. Their tokens are refused at \
         the next request. A request does a bounded part of the work: where `next` is not null, send it again \
         with `next` as `after`.",
    )
    .body(
        Body::json(&[&[
            optional("all", BOOLEAN.about("Everything of all users.")),
            optional("user_id", UUID.about("Everything of a user.")),
            optional("client_id", TEXT.about("The sessions of a client.")),
            optional(
                "before",
                TEXT.about("What began before this time: RFC 3339, or how long ago, as in `2h`."),
            ),
            optional("role", TEXT.about("Everything of the users who have this role.")),
            optional("group", TEXT.about("Everything of the users who are in this group.")),
            optional("after", TEXT.about("The `next` of the previous response.")),
            optional("dry_run", BOOLEAN.about("Only counts.")),
        ]])
        .example(|| json!({ "all": true, "dry_run": true })),
    )
    .returns(&[ok(named(&ENDED_SESSIONS))])
    .fails_with(&[Code::NotFound]);

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
