//! Registration, log-in, refresh and log-out without OAuth.

use serde_json::json;

use super::users::USER;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Security, Tag, created, ok};
use crate::http::openapi::schema::{
    ANY_OBJECT, INTEGER, Keyword, Named, Schema, TEXT, named, object, one_of, optional, required,
};

/// A refresh token, as it is issued.
const REFRESH_TOKEN: Schema = TEXT.with(&[Keyword::Pattern("^srt_[A-Za-z0-9_-]{56}$")]);

/// Has the form of a refresh token, and was never issued.
const EXAMPLE_TOKEN: &str = "srt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Begins like a challenge, and was never issued.
const EXAMPLE_CHALLENGE: &str = "sch_AAAA";

static TOKENS: Named = Named {
    name: "Tokens",
    schema: object(&[
        required("access_token", TEXT),
        required("token_type", one_of(|| vec!["Bearer"])),
        required("expires_in", INTEGER.about("Seconds.")),
        required("refresh_token", REFRESH_TOKEN),
        required("refresh_expires_in", INTEGER.about("Seconds.")),
        required("scope", TEXT.about("The granted scopes, separated by spaces.")),
    ]),
};

/// `POST /v1/register`.
pub static REGISTER: Operation = Operation::new("register", Tag::LogIn, "Register a user")
    .about("Only where registration is open.")
    .body(
        Body::json(&[&[required("login", TEXT), required("password", TEXT)]])
            .example(|| json!({ "login": "ada@example.com", "password": "correct horse battery" })),
    )
    .returns(&[created(named(&USER))])
    .fails_with(&[
        Code::RegistrationClosed,
        Code::LoginTaken,
        Code::WeakPassword,
        Code::TooManyAttempts,
    ]);

/// `POST /v1/login`.
pub static LOGIN: Operation = Operation::new("login", Tag::LogIn, "Log in")
    .body(
        Body::json(&[&[
            required("login", TEXT),
            required("password", TEXT),
            optional(
                "code",
                TEXT.nullable().about(
                    "A code of the second factor, for users who have one: of the authenticator app, or a \
                     recovery code. Ignored where none is asked for.",
                ),
            ),
            optional(
                "audience",
                TEXT.nullable().about("The API the access token is for; null for Signet itself."),
            ),
            optional("scope", TEXT.nullable().about("Scopes, separated by spaces.")),
            optional("client_id", TEXT.nullable()),
        ]])
        .example(|| json!({ "login": "ada@example.com", "password": "correct horse battery" })),
    )
    .returns(&[ok(named(&TOKENS))])
    .fails_with(&[
        Code::InvalidTarget,
        Code::InvalidScope,
        Code::InvalidClient,
        Code::InvalidCredentials,
        Code::MfaRequired,
        Code::MfaFailed,
        Code::PasswordChangeRequired,
        Code::TooManyAttempts,
    ]);

/// A challenge for an authenticator.
pub static PASSKEY_CHALLENGE: Named = Named {
    name: "PasskeyChallenge",
    schema: object(&[
        required("challenge", TEXT.about("Comes back with the response of the authenticator.")),
        required("expires_in", INTEGER.about("Seconds.")),
        required("public_key", ANY_OBJECT.about("The options, as WebAuthn writes them in JSON.")),
    ]),
};

/// `POST /v1/login/passkey`.
pub static PASSKEY: Operation = Operation::new("loginPasskey", Tag::LogIn, "Begin a log-in with a passkey")
    .about(
        "`public_key` are options for `navigator.credentials.get()` or the API of a platform. Its response goes to \
         `POST /v1/login/continue` as `credential`, with `challenge`. Without a `challenge` in the request the \
         options are the same for everyone. With that of a log-in whose `methods` have `passkey` they name the \
         passkeys of its user.",
    )
    .body(
        Body::json(&[&[
            optional("challenge", TEXT.nullable().about("Of a log-in that waits for a passkey.")),
            optional("audience", TEXT.nullable().about("As at `POST /v1/login`.")),
            optional("scope", TEXT.nullable()),
            optional("client_id", TEXT.nullable()),
        ]])
        .example(|| json!({})),
    )
    .returns(&[ok(named(&PASSKEY_CHALLENGE))])
    .fails_with(&[
        Code::FeatureDisabled,
        Code::InvalidTarget,
        Code::InvalidScope,
        Code::InvalidClient,
        Code::ChallengeInvalid,
    ]);

/// `POST /v1/login/continue`.
pub static CONTINUE: Operation = Operation::new("continueLogin", Tag::LogIn, "Take the next step of a log-in")
    .about(
        "A log-in that waits for another step is answered 401 with `challenge`, `expires_in` and `methods`; \
         `code` names the step. After `mfa_required` send `code`, and `method` where the code alone does not tell \
         it: a wrong code is answered `mfa_failed`, and the same challenge can be tried again. With `passkey` in \
         `methods`, or after `POST /v1/login/passkey`, send `credential`. After \
         `password_change_required` send `new_password`. Every session that the old password opened ends.",
    )
    .body(
        Body::json(&[&[
            required("challenge", TEXT),
            optional("method", one_of(|| vec!["totp", "recovery_code", "passkey"]).nullable()),
            optional("code", TEXT.nullable()),
            optional(
                "credential",
                ANY_OBJECT
                    .nullable()
                    .about("The response of an authenticator (`AuthenticationResponseJSON`)."),
            ),
            optional("new_password", TEXT.nullable()),
        ]])
        .example(|| json!({ "challenge": EXAMPLE_CHALLENGE, "new_password": "another good one" })),
    )
    .returns(&[ok(named(&TOKENS))])
    .fails_with(&[
        Code::InvalidTarget,
        Code::InvalidScope,
        Code::InvalidClient,
        Code::ChallengeInvalid,
        Code::MfaRequired,
        Code::MfaFailed,
        Code::FeatureDisabled,
        Code::PasswordChangeRequired,
        Code::WeakPassword,
        Code::TooManyAttempts,
    ]);

/// `POST /v1/refresh`.
pub static REFRESH: Operation =
    Operation::new("refresh", Tag::LogIn, "Exchange a refresh token for new tokens")
        .body(
            Body::json(&[&[required("refresh_token", TEXT)]])
                .example(|| json!({ "refresh_token": EXAMPLE_TOKEN })),
        )
        .returns(&[ok(named(&TOKENS))])
        .fails_with(&[Code::RefreshTokenInvalid, Code::RefreshTokenReused, Code::SessionExpired]);

/// `POST /v1/logout`.
pub static LOGOUT: Operation = Operation::new("logout", Tag::LogIn, "End the session")
    .about("Names the session by its refresh token in the body, or else by its access token.")
    .security(Security::OptionalBearer)
    .body(Body::json(&[&[optional("refresh_token", TEXT)]]).optional())
    .returns(&[NO_CONTENT]);
