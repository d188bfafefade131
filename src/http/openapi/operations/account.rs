//! The caller's own account.

use serde_json::json;

use super::PAGINATION;
use super::sessions::SESSION;
use super::users::USER;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Parameter, Tag, ok};
use crate::http::openapi::schema::{Keyword, TEXT, named, one_of, optional, page, required};

/// `GET /v1/me`.
pub static SHOW: Operation =
    Operation::new("me", Tag::Account, "Show the caller").returns(&[ok(named(&USER))]);

/// `PATCH /v1/me`.
pub static UPDATE: Operation = Operation::new("updateMe", Tag::Account, "Change the caller's name")
    .about("A JSON merge patch (RFC 7396).")
    .body(
        Body::json(&[&[optional(
            "name",
            TEXT.nullable().with(&[Keyword::MaxLength(128)]).about("Null removes it."),
        )]])
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
        .about("Newest first.")
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
        .path(&[Parameter::path("id", TEXT, "The session's `id`.")])
        .returns(&[NO_CONTENT])
        .fails_with(&[Code::TooManyAttempts]);
