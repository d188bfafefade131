//! Choosing a new password without the old one, and mailed links.

use serde_json::json;

use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Tag, accepted};
use crate::http::openapi::schema::{INTEGER, Named, TEXT, named, object, optional, required};

/// An example in the form of a link's token, which was never issued.
const EXAMPLE_TOKEN: &str = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static CHALLENGE: Named = Named {
    name: "RecoveryChallenge",
    schema: object(&[
        required("challenge", TEXT.about("For `POST /v1/login/continue`.")),
        required("expires_in", INTEGER.about("Seconds until the mailed code expires.")),
    ]),
};

/// `POST /v1/recovery`.
pub static REQUEST: Operation = Operation::new("requestRecovery", Tag::LogIn, "Ask for a new password")
    .about(
        "Mails a code and a link to the user who has verified the address. The response does not depend on whether \
         there is one. Continue at `POST /v1/login/continue` with the code, a code of the second factor where the \
         account has \
         one, and `new_password`; the last step is answered 204 and opens no session. A newer request invalidates the code and the link of the older one.",
    )
    .body(
        Body::json(&[&[required("email", TEXT)]])
            .example(|| json!({ "email": "ada@example.com" })),
    )
    .returns(&[accepted(named(&CHALLENGE))])
    .fails_with(&[Code::FeatureDisabled, Code::TooManyAttempts]);

/// `POST /v1/link`.
pub static LINK: Operation = Operation::new("redeemLink", Tag::LogIn, "Redeem a mailed link")
    .about(
        "For applications that open mailed links themselves. A link to choose a password needs `new_password`, and \
         `code` where the account has a second factor; without it the answer is `mfa_required` and the link stays \
         valid. It opens no session.",
    )
    .body(
        Body::json(&[&[
            required("token", TEXT.about("The part after `/link/` of the mailed address.")),
            optional("new_password", TEXT.nullable()),
            optional(
                "code",
                TEXT.nullable().about("Of the authenticator app, or a recovery code."),
            ),
        ]])
        .example(|| json!({ "token": EXAMPLE_TOKEN, "new_password": "another good one" })),
    )
    .returns(&[NO_CONTENT])
    .fails_with(&[
        Code::LinkInvalid,
        Code::Forbidden,
        Code::MfaRequired,
        Code::MfaFailed,
        Code::WeakPassword,
        Code::TooManyAttempts,
    ]);
