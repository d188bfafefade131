//! The caller's own account.

use serde_json::json;

use super::factors::FACTORS;
use super::sessions::SESSION;
use super::users::{ROLE, USER};
use super::{CHANGES_BY_ITSELF, NEVER_CHANGES, PAGINATION};
use crate::domain::authn::Method;
use crate::domain::outcome::Code;
use crate::domain::sign_in_history::SignInOutcome;
use crate::http::openapi::operation::{
    Body, NO_CONTENT, Operation, Parameter, ReadOnlyMember, Tag, ok,
};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Keyword, Named, Schema, TEXT, TEXTS, TIME, UUID, list, named, object, one_of,
    optional, page, required, texts_of,
};

/// `GET /v1/me`.
pub static SHOW: Operation =
    Operation::new("me", Tag::Account, "Show the caller").returns(&[ok(named(&USER))]);

/// The read-only members of a `PATCH` of the caller's own account.
const READ_ONLY: &[ReadOnlyMember] = &[
    ReadOnlyMember::new("id", UUID, NEVER_CHANGES),
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
pub static UPDATE: Operation = Operation::new("updateMe", Tag::Account, "Change the caller's account")
    .about("A JSON merge patch (RFC 7396).")
    .body(
        Body::json(&[&[
            optional(
                "name",
                TEXT.nullable().with(&[Keyword::MaxLength(128)]).about("Null removes it."),
            ),
            optional(
                "language",
                TEXT.nullable().about(
                    "The language of mail: one of `ui_locales_supported` in the discovery document. Null: \
                     the language of the request that causes the mail.",
                ),
            ),
            optional(
                "login",
                TEXT.with(&[Keyword::MaxLength(254)]).about(
                    "The login name. A new one is accepted if an operator has set `SIGNET_LOGIN_CHANGE=on`, and \
                     needs a sign-in of the last 5 minutes with every factor of \
                     the account. `id` and sessions stay. The old name is reserved for the user for 90 days.",
                ),
            ),
        ]])
        .read_only(READ_ONLY)
        .example(|| json!({ "name": "Ada" })),
    )
    .returns(&[ok(named(&USER))])
    .fails_with(&[Code::LoginTaken, Code::ReauthenticationRequired, Code::TooManyAttempts]);

/// `DELETE /v1/me`.
pub static DELETE: Operation = Operation::new("deleteMe", Tag::Account, "Delete the caller's account")
    .about(
        "Everything that is stored about the user is deleted at once, except the audit trail, which names the user \
         by id. The login name and the address can be used again, for another account with another `id`. Needs a \
         sign-in of the last 5 minutes with every factor of the account.",
    )
    .body(
        Body::json(&[&[required("login", TEXT.about("The login name of the account, to confirm."))]])
            .example(|| json!({ "login": "ada" })),
    )
    .returns(&[NO_CONTENT])
    .fails_with(&[Code::ReauthenticationRequired, Code::LastAdministrator]);

/// A sign-in, or an attempt.
static SIGN_IN: Named = Named {
    name: "SignIn",
    schema: object(&[
        required("id", UUID),
        required("at", TIME),
        required(
            "outcome",
            texts_of!(SignInOutcome).about(
                "`first_factor`: the first factor was right and another one is required; a completed sign-in has a \
                 separate entry. `refused`: the password was right, but the sign-in was refused.",
            ),
        ),
        required("address", TEXT.nullable()),
        required("browser", TEXT.nullable().about("Browser and system, where they were recognised.")),
        required("client_id", TEXT.nullable().about("The client, where the sign-in was for one.")),
        required("methods", list(&METHOD).about("The completed or failed methods.")),
        required("times", INTEGER.about("The number of failures within one minute that the entry stands for.")),
    ]),
};

const METHOD: Schema = texts_of!(Method);

const ONE_SIGN_IN: Schema = named(&SIGN_IN);

/// `GET /v1/me/history`.
pub static HISTORY: Operation =
    Operation::new("signIns", Tag::Account, "List the sign-ins to the caller's account")
        .about("Sign-ins and attempts of the last 90 days, newest first.")
        .query(PAGINATION)
        .returns(&[ok(page(&ONE_SIGN_IN))]);

const CONSENT: Schema = object(&[
    required("client_id", TEXT),
    required("audience", TEXT.nullable()),
    required("scope", TEXT),
    required("created_at", TIME),
    required("updated_at", TIME),
]);

const ONE_SESSION: Schema = named(&SESSION);

/// `GET /v1/me/export`.
pub static EXPORT: Operation =
    Operation::new("exportMe", Tag::Account, "Export the data of the caller")
        .about(
            "It contains no password hash, secret, code or token. Lists have at most 10,000 items, the newest first. \
             Needs \
             a sign-in of the last 5 minutes with every factor of the account.",
        )
        .returns(&[ok(object(&[
            required("exported_at", TIME),
            required("complete", BOOLEAN.about("False if a list was truncated.")),
            required("profile", named(&USER)),
            required("factors", named(&FACTORS)),
            required("sessions", list(&ONE_SESSION)),
            required("consents", list(&CONSENT)),
            required("history", list(&ONE_SIGN_IN)),
        ]))])
        .fails_with(&[Code::ReauthenticationRequired, Code::TooManyAttempts]);

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
    Operation::new("sessions", Tag::Account, "List the caller's active sessions")
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
