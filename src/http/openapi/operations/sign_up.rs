//! Sign-up: at once, or with a mailed code.

use serde_json::json;

use super::users::USER;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, Operation, Tag, accepted, created};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Named, TEXT, named, object, optional, required,
};

static CHALLENGE: Named = Named {
    name: "SignUpChallenge",
    schema: object(&[
        required("challenge", TEXT.about("For `POST /v1/register/complete`.")),
        required("expires_in", INTEGER.about("Seconds until the mailed code expires.")),
    ]),
};

/// `POST /v1/register`.
pub static REGISTER: Operation = Operation::new("register", Tag::LogIn, "Register a user")
    .about(
        "Depends on the setting `SIGNET_REGISTRATION`. `open`: `login` and `password` create an account (201). \
         `verified`: \
         `email` alone mails a code and a link to the address (202), alike for every address; one that a user has \
         verified gets a mail that says so. `closed` and `invite`: `registration_closed`.",
    )
    .body(
        Body::json(&[&[
            optional("login", TEXT.nullable().about("Required with `open`.")),
            optional("password", TEXT.nullable().about("Required with `open`.")),
            optional("email", TEXT.nullable().about("Required with `verified`.")),
            optional(
                "terms_accepted",
                BOOLEAN.nullable().about(
                    "With `open`: whether the user accepted the terms of service, if the application has asked.",
                ),
            ),
        ]])
        .example(|| json!({ "login": "ada@example.com", "password": "correct horse battery" })),
    )
    .returns(&[created(named(&USER)), accepted(named(&CHALLENGE))])
    .fails_with(&[
        Code::RegistrationClosed,
        Code::LoginTaken,
        Code::WeakPassword,
        Code::DomainNotAllowed,
        Code::TooManyAttempts,
    ]);

/// `POST /v1/register/complete`.
pub static COMPLETE: Operation = Operation::new("completeRegistration", Tag::LogIn, "Complete a registration")
    .about(
        "Creates the account of an address that is verified by `challenge` and `code`, or by the `token` of the \
         mailed link. Nothing is used up unless the account is created. Where the login name is taken, the answer \
         has another \
         `challenge`, which needs no `code`.",
    )
    .body(
        Body::json(&[&[
            optional("challenge", TEXT.nullable().about("Of `POST /v1/register`.")),
            optional("code", TEXT.nullable().about("The mailed code.")),
            optional(
                "token",
                TEXT.nullable().about("Instead of both: the part after `/link/` of the mailed address."),
            ),
            optional(
                "login",
                TEXT.nullable().about(
                    "Default: the address itself. A login that is an e-mail address must be that address.",
                ),
            ),
            required("password", TEXT),
            optional("name", TEXT.nullable().about("The name to show.")),
            optional(
                "terms_accepted",
                BOOLEAN.nullable().about("Must be true where the server has terms of service."),
            ),
        ]])
        .example(|| {
            json!({ "challenge": "sch_AAAA", "code": "12345678", "password": "correct horse battery" })
        }),
    )
    .returns(&[created(named(&USER))])
    .fails_with(&[
        Code::RegistrationClosed,
        Code::FeatureDisabled,
        Code::ChallengeInvalid,
        Code::MfaFailed,
        Code::LinkInvalid,
        Code::LoginTaken,
        Code::EmailTaken,
        Code::WeakPassword,
        Code::TooManyAttempts,
    ]);
