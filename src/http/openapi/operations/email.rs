//! The e-mail address of the caller.

use serde_json::json;

use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Tag, accepted_with};
use crate::http::openapi::schema::{INTEGER, Keyword, TEXT, object, required};

/// `PUT /v1/email`.
pub static CHANGE: Operation =
    Operation::new("changeEmail", Tag::Account, "Verify or change the e-mail address")
        .about(
            "Sends a code and a link to the address. It becomes the verified address of the caller when the code is \
             confirmed in this session, or the link is opened in any browser; until then nothing changes. A newer request invalidates the older one. Needs a sign-in of the last 5 minutes with every factor of the account.",
        )
        .body(
            Body::json(&[&[required("email", TEXT.with(&[Keyword::MaxLength(254)]))]])
                .example(|| json!({ "email": "ada@example.com" })),
        )
        .returns(&[accepted_with(object(&[
            required("pending_email", TEXT.about("The address that the code was sent to.")),
            required("expires_in", INTEGER.about("The lifetime of the code in seconds.")),
        ]))])
        .fails_with(&[
            Code::ReauthenticationRequired,
            Code::FeatureDisabled,
            Code::TooManyAttempts,
        ]);

/// `POST /v1/email/verify`.
pub static VERIFY: Operation =
    Operation::new("verifyEmail", Tag::Account, "Confirm the e-mail address with the mailed code")
        .about(
            "The address is then verified. A previously verified address gets a link that undoes the change within 3 \
             days.",
        )
        .body(
            Body::json(&[&[required("code", TEXT)]]).example(|| json!({ "code": "1234 5678" })),
        )
        .returns(&[NO_CONTENT])
        .fails_with(&[Code::EmailTaken]);

/// `DELETE /v1/email/pending`.
pub static CANCEL: Operation =
    Operation::new("cancelEmailChange", Tag::Account, "Cancel the pending change")
        .returns(&[NO_CONTENT])
        .fails_with(&[Code::NotFound]);
