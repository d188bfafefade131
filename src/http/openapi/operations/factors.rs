//! Second factors: the caller's own, and those of users for administrators.

use serde_json::json;

use super::NEVER_CHANGES;
use super::authentication::PASSKEY_CHALLENGE;
use crate::domain::factor::FactorKind;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{
    Body, NO_CONTENT, Operation, Parameter, ReadOnlyMember, Tag, created, ok,
};
use crate::http::openapi::schema::{
    ANY_OBJECT, BOOLEAN, INTEGER, Keyword, Named, Schema, TEXT, TEXTS, TIME, UUID, list, named,
    object, optional, required, texts_of,
};

const KIND: Schema = texts_of!(FactorKind);

/// A second factor.
pub(super) static FACTOR: Named = Named {
    name: "Factor",
    schema: object(&[
        required("id", UUID),
        required("kind", KIND),
        required("name", TEXT),
        required("created_at", TIME),
        required("last_used_at", TIME.nullable()),
    ]),
};

const ONE_FACTOR: Schema = named(&FACTOR);

pub(super) static FACTORS: Named = Named {
    name: "Factors",
    schema: object(&[
        required("data", list(&ONE_FACTOR)),
        required("recovery_codes_left", INTEGER.about("Recovery codes that were not used yet.")),
    ]),
};

const RECOVERY_CODES: Schema = TEXTS
    .about("Ten codes, each of which replaces the second factor once. They are shown only once.");

const NAME: Schema = TEXT.with(&[Keyword::MaxLength(64)]);

const FRESH: &str = "Needs a sign-in of the last 5 minutes with every factor of the account.";

/// A TOTP secret that is being enrolled.
pub static TOTP_SETUP: Named = Named {
    name: "TotpSetup",
    schema: object(&[
        required("setup", TEXT.about("To be returned with the first code.")),
        required("secret", TEXT.about("The secret in base32, for users who type it.")),
        required("otpauth_uri", TEXT.about("The same for a QR code or a link.")),
    ]),
};

/// `GET /v1/factors`.
pub static LIST: Operation =
    Operation::new("factors", Tag::Account, "List the caller's second factors")
        .about("Oldest first.")
        .returns(&[ok(named(&FACTORS))]);

/// `POST /v1/factors/totp`.
pub static BEGIN_TOTP: Operation =
    Operation::new("beginTotp", Tag::Account, "Begin to enrol an authenticator app")
        .about(
            "Stores nothing: the secret is sealed into `setup`, which is valid for 10 minutes. Needs a sign-in of \
             the last 5 minutes with every factor of the account.",
        )
        .returns(&[ok(named(&TOTP_SETUP))])
        .fails_with(&[Code::ReauthenticationRequired, Code::EmailNotVerified, Code::FeatureDisabled])
        .conflicts("The account has the maximum of 3 authenticator apps.");

/// `POST /v1/factors/totp/confirm`.
pub static CONFIRM_TOTP: Operation =
    Operation::new("confirmTotp", Tag::Account, "Enrol an authenticator app")
        .about(
            "With the current code of the app, which cannot be used again. From then on, a code is required after \
             the password. \
             Needs a sign-in of the last 5 minutes with every factor of the account.",
        )
        .body(
            Body::json(&[&[
                required("setup", TEXT),
                required("code", TEXT),
                optional("name", NAME.nullable()),
            ]])
            .example(|| json!({ "setup": "sfs_AAAAAAAA", "code": "123456", "name": "Phone" })),
        )
        .returns(&[created(object(&[
            required("factor", named(&FACTOR)),
            optional("recovery_codes", RECOVERY_CODES),
        ]))])
        .fails_with(&[
            Code::ReauthenticationRequired,
            Code::EmailNotVerified,
            Code::FeatureDisabled,
            Code::TooManyAttempts,
        ])
        .conflicts("The setup was already confirmed, or the account has the maximum of 3 authenticator apps.");

/// `POST /v1/factors/passkeys/options`.
pub static BEGIN_PASSKEY: Operation =
    Operation::new("beginPasskey", Tag::Account, "Begin to add a passkey")
        .about(
            "Stores nothing. `public_key` are options for `navigator.credentials.create()` or the API of a \
             platform; `challenge` is valid for 10 minutes. Needs a sign-in of the last 5 minutes with every factor \
             of the account.",
        )
        .returns(&[ok(named(&PASSKEY_CHALLENGE))])
        .fails_with(&[Code::ReauthenticationRequired, Code::EmailNotVerified, Code::FeatureDisabled])
        .conflicts("The account has the maximum of 10 passkeys.");

/// `POST /v1/factors/passkeys`.
pub static ADD_PASSKEY: Operation = Operation::new("addPasskey", Tag::Account, "Add a passkey")
    .about(
        "With the response of the authenticator, which must have verified its user. A passkey alone is enough to \
         sign in, and so is the password, unless `second_factor` is true: the password then needs a second factor. \
         The response has recovery codes if the account had none. Needs a sign-in of the last 5 minutes with \
         every factor of the account.",
    )
    .body(
        Body::json(&[&[
            required("challenge", TEXT),
            required("credential", ANY_OBJECT.about("The response (`RegistrationResponseJSON`).")),
            optional("name", NAME.nullable().about("By default that of the authenticator.")),
            optional("second_factor", BOOLEAN.nullable()),
        ]])
        .example(|| {
            let response = json!({ "clientDataJSON": "AA", "attestationObject": "AA" });
            json!({
                "challenge": "sfs_AAAAAAAA",
                "credential": { "id": "AA", "type": "public-key", "response": response },
                "name": "Laptop",
            })
        }),
    )
    .returns(&[created(object(&[
        required("factor", named(&FACTOR)),
        optional("recovery_codes", RECOVERY_CODES),
    ]))])
    .fails_with(&[Code::ReauthenticationRequired, Code::EmailNotVerified, Code::FeatureDisabled, Code::TooManyAttempts])
    .conflicts("The passkey is already stored, or the account has the maximum of 10.");

const ID: &[Parameter] = &[Parameter::path("id", TEXT, "The factor's `id`.")];

/// The read-only members of a `PATCH` of a factor.
const READ_ONLY: &[ReadOnlyMember] = &[
    ReadOnlyMember::new("id", UUID, NEVER_CHANGES),
    ReadOnlyMember::new("kind", KIND, NEVER_CHANGES),
    ReadOnlyMember::new("created_at", TIME, NEVER_CHANGES),
    ReadOnlyMember::new("last_used_at", TIME.nullable(), "It changes when the factor is used."),
];

/// `PATCH /v1/factors/{id}`.
pub static RENAME: Operation = Operation::new("renameFactor", Tag::Account, "Rename a factor")
    .about("A JSON merge patch (RFC 7396). Needs a sign-in of the last 5 minutes with every factor of the account.")
    .path(ID)
    .body(
        Body::json(&[&[optional("name", NAME)]])
            .read_only(READ_ONLY)
            .example(|| json!({ "name": "Phone" })),
    )
    .returns(&[ok(named(&FACTOR))])
    .fails_with(&[Code::ReauthenticationRequired, Code::TooManyAttempts]);

/// `DELETE /v1/factors/{id}`.
pub static REMOVE: Operation = Operation::new("removeFactor", Tag::Account, "Remove a factor")
    .about(
        "Every other session of the caller ends; this one continues without the factor. Removing the last factor \
         also removes the recovery codes. Needs a sign-in of the last 5 minutes with every factor of the account.",
    )
    .path(ID)
    .returns(&[NO_CONTENT])
    .fails_with(&[Code::ReauthenticationRequired, Code::TooManyAttempts])
    .conflicts("It is the last factor, and the server's policy requires one.");

/// `POST /v1/factors/recovery-codes`.
pub static RENEW_RECOVERY_CODES: Operation =
    Operation::new("renewRecoveryCodes", Tag::Account, "Replace the recovery codes")
        .about(FRESH)
        .returns(&[created(object(&[required("recovery_codes", RECOVERY_CODES)]))])
        .fails_with(&[Code::ReauthenticationRequired, Code::TooManyAttempts])
        .conflicts("The account has no second factor that a code could replace.");

const USER_ID: Parameter = Parameter::path("id", TEXT, "The user's `id`.");

/// `GET /v1/admin/users/{id}/factors`.
pub static LIST_OF_USER: Operation =
    Operation::new("factorsOfUser", Tag::Admin, "List a user's second factors")
        .path(&[USER_ID])
        .returns(&[ok(named(&FACTORS))]);

/// `DELETE /v1/admin/users/{id}/factors`.
pub static RESET: Operation =
    Operation::new("resetFactors", Tag::Admin, "Remove all second factors of a user")
        .about("Also removes the recovery codes and ends all sessions of the user.")
        .path(&[USER_ID])
        .returns(&[NO_CONTENT]);

/// `DELETE /v1/admin/users/{id}/factors/{factor_id}`.
pub static REMOVE_OF_USER: Operation = Operation::new(
    "removeFactorOfUser",
    Tag::Admin,
    "Remove a second factor of a user",
)
.about("All sessions of the user end. Removing the last factor also removes the recovery codes.")
.path(&[USER_ID, Parameter::path("factor_id", TEXT, "The factor's `id`.")])
.returns(&[NO_CONTENT]);
