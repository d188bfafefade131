//! Why users cannot sign in, for administrators.

use super::audit::EVENT;
use super::factors::FACTOR;
use super::users::USER;
use crate::domain::outcome::Code;
use crate::domain::sign_in_diagnosis::Cause;
use crate::http::openapi::operation::{Operation, Parameter, Tag, ok};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Named, TEXT, TEXTS, TIME, list, named, object, one_of, optional, required,
    texts_of,
};

static USER_REPORT: Named = Named {
    name: "UserReport",
    schema: object(&[
        required("good", BOOLEAN.about("Whether nothing prevents the user from signing in.")),
        required("login", TEXT),
        required("exists", BOOLEAN.about("Whether an account has the login or verified address.")),
        required(
            "account",
            object(&[
                required("user", named(&USER)),
                required("has_password", BOOLEAN),
                required(
                    "password_class",
                    TEXT.nullable().about(
                        "The kind of the stored hash; `unreadable` where it cannot be verified.",
                    ),
                ),
                required("factors", list(&named(&FACTOR))),
                required("recovery_codes", INTEGER.about("How many are left.")),
                required(
                    "asks_second",
                    BOOLEAN.about("Whether a second factor is required after the password."),
                ),
                optional("last_success", named(&EVENT)),
            ])
            .nullable(),
        ),
        required("findings", list(&FINDING)),
        required("nearest", TEXTS.about("Similar logins, for an unknown one.")),
        required("locks", list(&LOCK).about("The current counters of failed attempts.")),
        required(
            "refused_addresses",
            TEXTS.about("Addresses that are refused at the moment, whatever the account. Of an unknown login: only for \
                         callers who may read the audit trail."),
        ),
        required("failures", list(&named(&EVENT)).about("The last ten failures, newest first.")),
        required(
            "limits",
            list(&object(&[
                required("name", TEXT),
                required("tries", INTEGER.about("The number of attempts that may fail in a window.")),
                required("window", INTEGER.about("The length of the window in seconds.")),
            ]))
            .about("The limits in force."),
        ),
    ]),
};

const FINDING: crate::http::openapi::schema::Schema = object(&[
    required("code", texts_of!(Cause)),
    required("message", TEXT.about("What the cause means.")),
    required("fix", TEXT.nullable().about("The command that resolves it.")),
]);

const LOCK: crate::http::openapi::schema::Schema = object(&[
    required("guards", one_of(|| vec!["password", "second_factor"])),
    required(
        "counts",
        one_of(|| vec!["network", "unknown_networks"])
            .about("`unknown_networks`: all networks that the account has not used, together."),
    ),
    required(
        "network",
        TEXT.nullable().about("The network, if an attempt in the audit trail came from it."),
    ),
    required("tries", INTEGER),
    required("limit", INTEGER),
    required("locked", BOOLEAN.about("Whether the next attempt is refused.")),
    required("until", TIME.about("When the counter is reset.")),
]);

const ABOUT: &str = "The state of the account, the current counters of failed attempts, and the failures of the last \
                     30 days. Each finding is a cause, with the command that resolves it.";

/// `GET /v1/admin/users/{id}/why`.
pub static OF_USER: Operation =
    Operation::new("whyUser", Tag::Admin, "Explain why a user cannot sign in")
        .about(ABOUT)
        .path(&[Parameter::path("id", TEXT, "The user's `id`.")])
        .returns(&[ok(named(&USER_REPORT))]);

/// `GET /v1/admin/users/why`.
pub static OF_LOGIN: Operation = Operation::new(
    "whyLogin",
    Tag::Admin,
    "Explain why a login cannot sign in",
)
.about(ABOUT)
.query(&[Parameter::query(
    "login",
    TEXT,
    "The login or e-mail address as the user types it; no account needs to have it. Required.",
)])
.returns(&[ok(named(&USER_REPORT))])
.fails_with(&[Code::TooManyAttempts]);
