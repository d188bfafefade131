//! The caller's own account.

use serde_json::json;

use super::sessions::SESSION;
use super::users::{ROLE, USER};
use super::{CHANGES_BY_ITSELF, NEVER_CHANGES, PAGINATION};
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{
    Body, NO_CONTENT, Operation, Parameter, ReadOnlyMember, Tag, ok,
};
use crate::http::openapi::schema::{
    BOOLEAN, Keyword, TEXT, TEXTS, TIME, UUID, named, one_of, optional, page, required,
};

/// `GET /v1/me`.
pub static SHOW: Operation =
    Operation::new("me", Tag::Account, "Show the caller").returns(&[ok(named(&USER))]);

/// What a `PATCH` of the caller's own account may repeat and not change.
const READ_ONLY: &[ReadOnlyMember] = &[
    ReadOnlyMember::new("id", UUID, NEVER_CHANGES),
    ReadOnlyMember::new("login", TEXT, "No call changes a login."),
    ReadOnlyMember::new("email", TEXT.nullable(), OWN_EMAIL),
    ReadOnlyMember::new("email_verified", BOOLEAN, OWN_EMAIL),
    ReadOnlyMember::new("pending_email", TEXT.nullable(), OWN_EMAIL),
    ReadOnlyMember::new("role", ROLE, ADMINISTRATORS),
    ReadOnlyMember::new("roles", TEXTS, ADMINISTRATORS),
    ReadOnlyMember::new("groups", TEXTS, ADMINISTRATORS),
    ReadOnlyMember::new("must_change_password", BOOLEAN, ADMINISTRATORS),
    ReadOnlyMember::new(
        "disabled",
        BOOLEAN,
        "An administrator disables users: POST /v1/admin/users/{id}/disable.",
    ),
    ReadOnlyMember::new(
        "disabled_at",
        TIME.nullable(),
        "An administrator disables users: POST /v1/admin/users/{id}/disable.",
    ),
    ReadOnlyMember::new("created_at", TIME, NEVER_CHANGES),
    ReadOnlyMember::new("updated_at", TIME, CHANGES_BY_ITSELF),
];

const OWN_EMAIL: &str = "It changes with a code that is mailed: PUT /v1/email.";

const ADMINISTRATORS: &str = "An administrator changes it: PATCH /v1/admin/users/{id}.";

/// `PATCH /v1/me`.
pub static UPDATE: Operation = Operation::new("updateMe", Tag::Account, "Change the caller's name")
    .about("A JSON merge patch (RFC 7396).")
    .body(
        Body::json(&[&[optional(
            "name",
            TEXT.nullable().with(&[Keyword::MaxLength(128)]).about("Null removes it."),
        )]])
        .read_only(READ_ONLY)
        .example(|| json!({ "name": "Ada" })),
    )
    .returns(&[ok(named(&USER))])
    .fails_with(&[Code::TooManyAttempts]);

/// `POST /v1/password`.
pub static CHANGE_PASSWORD: Operation =
    Operation::new("changePassword", Tag::Account, "Change the password")
        .about("Every other session of the caller ends.")
        .body(
            Body::json(&[&[required("current_password", TEXT), required("new_password", TEXT)]])
                .example(|| {
                    json!({
                        "current_password": "correct horse battery",
                        "new_password": "another good one",
                    })
                }),
        )
        .returns(&[NO_CONTENT])
        .fails_with(&[Code::InvalidCredentials, Code::WeakPassword, Code::TooManyAttempts]);

/// `GET /v1/sessions`.
pub static LIST_SESSIONS: Operation =
    Operation::new("sessions", Tag::Account, "List the caller's live sessions")
        .about("Sessions of clients and sign-ins at the pages, newest first.")
        .query(PAGINATION)
        .returns(&[ok(page(&named(&SESSION)))]);

/// `DELETE /v1/sessions`.
pub static END_SESSIONS: Operation =
    Operation::new("endSessions", Tag::Account, "End all of the caller's sessions, or all others")
        .query(&[Parameter::query(
            "scope",
            one_of(|| vec!["others", "all"]),
            "`others` keeps the session of this request.",
        )
        .required()])
        .returns(&[NO_CONTENT])
        .fails_with(&[Code::TooManyAttempts]);

/// `DELETE /v1/sessions/{id}`.
pub static END_SESSION: Operation =
    Operation::new("endSession", Tag::Account, "End one of the caller's sessions")
        .path(&[Parameter::path("id", TEXT, "The `id` of either kind.")])
        .returns(&[NO_CONTENT])
        .fails_with(&[Code::TooManyAttempts]);
