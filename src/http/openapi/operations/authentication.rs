//! Log-in, refresh and log-out without OAuth.

use serde_json::json;

use super::factors::TOTP_SETUP;
use crate::domain::authn::AssuranceLevel;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Security, Tag, ok};
use crate::http::openapi::schema::{
    ANY_OBJECT, BOOLEAN, INTEGER, Keyword, Named, Schema, TEXT, TEXTS, named, object, one_of,
    optional, required,
};

/// A refresh token, as it is issued.
const REFRESH_TOKEN: Schema = TEXT.with(&[Keyword::Pattern("^srt_[A-Za-z0-9_-]{56}$")]);

/// An example in the form of a refresh token, which was never issued.
const EXAMPLE_TOKEN: &str = "srt_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// An example with the beginning of a challenge, which was never issued.
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

/// The response to the last step of a sign-in or of a step-up.
static CONTINUED: Named = Named {
    name: "ContinuedTokens",
    schema: object(&[
        required("access_token", TEXT),
        required("token_type", one_of(|| vec!["Bearer"])),
        required("expires_in", INTEGER.about("Seconds.")),
        optional("refresh_token", REFRESH_TOKEN.about("Not of a step-up.")),
        optional("refresh_expires_in", INTEGER.about("Seconds. Not of a step-up.")),
        required("scope", TEXT.about("The granted scopes, separated by spaces.")),
        optional(
            "recovery_codes",
            TEXTS.about("After an enrolment: ten codes, each of which replaces the second factor once. They are \
                         shown only once."),
        ),
    ]),
};

/// An access token of a session that continues.
static ACCESS_TOKEN: Named = Named {
    name: "AccessToken",
    schema: object(&[
        required("access_token", TEXT),
        required("token_type", one_of(|| vec!["Bearer"])),
        required("expires_in", INTEGER.about("Seconds.")),
        required("scope", TEXT.about("The granted scopes, separated by spaces.")),
    ]),
};

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
                     recovery code. Ignored if none is required.",
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
        Code::EnrolmentRequired,
        Code::Forbidden,
        Code::PasswordChangeRequired,
        Code::TooManyAttempts,
    ]);

/// A challenge for an authenticator.
pub static PASSKEY_CHALLENGE: Named = Named {
    name: "PasskeyChallenge",
    schema: object(&[
        required("challenge", TEXT.about("To be returned with the response of the authenticator.")),
        required("expires_in", INTEGER.about("Seconds.")),
        required("public_key", ANY_OBJECT.about("The options in WebAuthn's JSON form.")),
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
pub static CONTINUE: Operation = Operation::new("continueLogin", Tag::LogIn, "Continue a log-in")
    .about(
        "A log-in or a step-up that waits for another step is answered 401 with `challenge`, `expires_in` and \
         `methods`; its `code` names the step. After `mfa_required` send `code`, and `method` where the code \
         alone does not tell it, or `password` where that is among the methods: a wrong one is answered \
         `mfa_failed`, and the same challenge can be tried again. With `passkey` in `methods`, or after \
         `POST /v1/login/passkey`, send `credential`. The code of the method `mailed_code` was mailed to the \
         verified address of the account. After `password_change_required` send \
         `new_password`. Every session that the old password opened ends. After `enrolment_required` send \
         `setup` of `POST /v1/login/enrol` with the first `code` and a `name`, or `skip` where it `may_skip`. \
         The steps of `POST /v1/recovery` are taken here as well; the last one is answered 204.",
    )
    .body(
        Body::json(&[&[
            required("challenge", TEXT),
            optional(
                "method",
                one_of(|| vec!["totp", "recovery_code", "mailed_code", "passkey"]).nullable(),
            ),
            optional("code", TEXT.nullable()),
            optional(
                "credential",
                ANY_OBJECT
                    .nullable()
                    .about("The response of an authenticator (`AuthenticationResponseJSON`)."),
            ),
            optional("password", TEXT.nullable()),
            optional("new_password", TEXT.nullable()),
            optional("setup", TEXT.nullable()),
            optional("name", TEXT.nullable().about("Of the authenticator app that is enrolled.")),
            optional("skip", BOOLEAN.nullable().about("Put the enrolment off.")),
        ]])
        .example(|| json!({ "challenge": EXAMPLE_CHALLENGE, "new_password": "another good one" })),
    )
    .returns(&[ok(named(&CONTINUED)), NO_CONTENT])
    .fails_with(&[
        Code::InvalidTarget,
        Code::InvalidScope,
        Code::InvalidClient,
        Code::ChallengeInvalid,
        Code::MfaRequired,
        Code::MfaFailed,
        Code::EnrolmentRequired,
        Code::Forbidden,
        Code::FeatureDisabled,
        Code::Conflict,
        Code::PasswordChangeRequired,
        Code::WeakPassword,
        Code::TooManyAttempts,
    ]);

/// `POST /v1/login/enrol`.
pub static ENROL: Operation =
    Operation::new("enrolAtLogin", Tag::LogIn, "Begin the enrolment that a log-in requires")
        .about(
            "Stores nothing: the secret is sealed into `setup`. Show `otpauth_uri` as a QR code, and send `setup` \
             with the first code to `POST /v1/login/continue`.",
        )
        .body(
            Body::json(&[&[required("challenge", TEXT)]])
                .example(|| json!({ "challenge": EXAMPLE_CHALLENGE })),
        )
        .returns(&[ok(named(&TOTP_SETUP))])
        .fails_with(&[Code::ChallengeInvalid]);

/// `POST /v1/step-up`.
pub static STEP_UP: Operation =
    Operation::new("stepUp", Tag::LogIn, "Raise the session to a higher assurance level")
        .about(
            "An access token of the same session where the sign-in that the caller's token stands for is enough; \
             else 401 with a `challenge` for `POST /v1/login/continue`. The refresh token stays as it is. Without \
             `acr_values` and `max_age` the sign-in has to be at most 5 minutes old, as changes of the account \
             need it. A token from before a step-up of its session is `invalid_token` where it is enough.",
        )
        .body(Body::json(&[&[
            optional(
                "acr_values",
                TEXT.nullable().about(
                    "Assurance levels, separated by spaces; any level at or above the lowest of them is accepted.",
                ),
            ),
            optional("max_age", INTEGER.nullable().about("Seconds.")),
        ]])
        .example(|| json!({ "acr_values": AssuranceLevel::Multi })))
        .returns(&[ok(named(&ACCESS_TOKEN))])
        .fails_with(&[Code::MfaRequired, Code::EnrolmentRequired, Code::Forbidden]);

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
