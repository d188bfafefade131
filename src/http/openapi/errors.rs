//! The errors that an operation can return.
//!
//! Owns which errors follow from access, body and parameters, and the general meaning of each. The status of a code
//! is defined in `http::error`.

use std::collections::BTreeMap;

use crate::domain::outcome::Code;
use crate::http::accepted::is_strict;
use crate::http::error::status;
use crate::http::routes::Route;

use super::operation::{Access, ErrorFormat, Operation, Security};
use super::operations::FORCE;
use super::schema::{BOOLEAN, INTEGER, Named, TEXT, list, object, optional, required};

/// The body of an error below `/v1`, and of other paths without a prescribed form.
pub static PROBLEM: Named = Named {
    name: "Problem",
    schema: object(&[
        required("type", TEXT.about("`urn:signet:error:` and the code.")),
        required("title", TEXT),
        required("status", INTEGER),
        required("code", TEXT.about("Stable; `docs/errors.md` explains each.")),
        required("detail", TEXT.about("A message for humans. May change.")),
        required("request_id", TEXT.about("As in `X-Request-Id` and in the log.")),
        optional("retry_after", INTEGER.about("Seconds.")),
        optional(
            "challenge",
            TEXT.about("Of a sign-in that waits for another step. See `POST /v1/login/continue`."),
        ),
        optional("expires_in", INTEGER.about("Seconds until `challenge` expires.")),
        optional(
            "methods",
            list(&TEXT).about("The factors of which one is next; empty where no factor is."),
        ),
        optional(
            "may_skip",
            BOOLEAN.about(
                "Of `enrolment_required`: whether the enrolment can be put off with `skip`.",
            ),
        ),
        optional(
            "errors",
            list(&object(&[
                required("field", TEXT.about("The name of the member or parameter.")),
                required("code", TEXT),
                required("detail", TEXT),
            ])),
        ),
    ])
    .about("An error (RFC 9457)."),
};

/// The body of an error below `/oauth2`.
pub static OAUTH_ERROR: Named = Named {
    name: "OAuthError",
    schema: object(&[
        required("error", TEXT.about("Stable (RFC 6749, section 5.2).")),
        required("error_description", TEXT.about("A message for humans. May change.")),
    ])
    .about("An error (RFC 6749, section 5.2)."),
};

/// One error response of an operation.
#[derive(Debug)]
pub struct ErrorResponse {
    /// The HTTP status code.
    pub status: u16,
    /// Its name under `components`, unless it is specific to the operation.
    pub component: Option<String>,
    /// When it is sent.
    pub description: String,
    /// The possible codes; empty where OAuth's are used.
    pub codes: Vec<Code>,
}

/// The most codes of a response that several operations share; responses with more are specific to one.
const SHARED: usize = 2;

/// The errors of the endpoints below `/oauth2`: status, name and meaning.
const OAUTH: &[(u16, &str, &str)] = &[
    (400, "BadRequest", "The request is invalid; `error` names the cause."),
    (401, "Unauthorized", "Client authentication failed, or the access token is invalid."),
    (413, "PayloadTooLarge", "The body is larger than 64 KiB."),
    (414, "UriTooLong", "The URI is longer than 16 KiB."),
    (429, "TooManyRequests", "Too many failed attempts."),
    (500, "InternalServerError", "The server failed."),
    (503, "ServiceUnavailable", "The server cannot answer at the moment. Try again."),
];

/// The errors of an operation, ordered by status.
pub fn of(operation: &Operation, route: &Route) -> Vec<ErrorResponse> {
    match operation.error_format {
        ErrorFormat::OAuth => of_oauth(operation),
        ErrorFormat::Problem => of_problem(operation, route),
    }
}

fn of_oauth(operation: &Operation) -> Vec<ErrorResponse> {
    let response = |status, name: &str, description: &str| ErrorResponse {
        status,
        component: Some(format!("OAuth{name}")),
        description: description.to_owned(),
        codes: Vec::new(),
    };
    let mut responses: Vec<_> =
        OAUTH.iter().map(|(status, name, meaning)| response(*status, name, meaning)).collect();
    if operation.errors.contains(&Code::InsufficientScope) {
        let meaning = "The access token lacks the scope `openid`.";
        responses.push(response(403, "Forbidden", meaning));
    }
    responses.sort_by_key(|response| response.status);
    responses
}

fn of_problem(operation: &Operation, route: &Route) -> Vec<ErrorResponse> {
    let mut by_status: BTreeMap<u16, Vec<Code>> = BTreeMap::new();
    for code in codes(operation, route) {
        by_status.entry(status(code).as_u16()).or_default().push(code);
    }
    let response = |(status, codes): (u16, Vec<Code>)| {
        let own = operation.conflict.filter(|_| codes.contains(&Code::Conflict));
        let meaning = |code: Code| match own {
            Some(own) if code == Code::Conflict => own,
            _ => meaning(code),
        };
        let description = match codes.as_slice() {
            [only] => meaning(*only).to_owned(),
            several => several
                .iter()
                .map(|code| format!("`{code}`: {}", meaning(*code)))
                .collect::<Vec<_>>()
                .join(" "),
        };
        let names: Vec<String> = codes.iter().map(|code| pascal_case(code.as_str())).collect();
        ErrorResponse {
            status,
            component: (own.is_none() && names.len() <= SHARED).then(|| names.join("Or")),
            description,
            codes,
        }
    };
    by_status.into_iter().map(response).collect()
}

/// Every code of an operation, in the order of their declaration.
fn codes(operation: &Operation, route: &Route) -> Vec<Code> {
    let access = route.access;
    let mut wanted = vec![Code::UriTooLong, Code::Internal, Code::Unavailable];
    wanted.extend(operation.errors);
    if access != Access::Anyone || operation.security == Security::OptionalBearer {
        wanted.push(Code::InvalidToken);
    }
    if matches!(access, Access::Admin(_)) {
        wanted.extend([
            Code::InsufficientScope,
            Code::Forbidden,
            Code::InsufficientUserAuthentication,
        ]);
    }
    // Every path can be malformed.
    wanted.push(Code::MalformedRequest);
    // Also where no body is expected, because a body is then refused.
    if is_strict(route.path) && !operation.reads_own_query {
        wanted.extend([Code::PayloadTooLarge, Code::UnsupportedMediaType, Code::ValidationFailed]);
    }
    if operation.body.is_some_and(|body| !body.read_only.is_empty()) {
        wanted.push(Code::ReadOnly);
    }
    if !operation.path.is_empty() {
        wanted.push(Code::NotFound);
    }
    if operation.query.iter().any(|parameter| parameter.name == FORCE.name) {
        wanted.push(Code::ManagedObject);
    }
    if operation.conflict.is_some() {
        wanted.push(Code::Conflict);
    }
    Code::ALL.iter().copied().filter(|code| wanted.contains(code)).collect()
}

/// The general meaning of a code.
const fn meaning(code: Code) -> &'static str {
    match code {
        Code::MalformedRequest => {
            "The body is not a JSON object in UTF-8, or the path is not in normal form."
        }
        Code::ValidationFailed => {
            "A member of the body or a query parameter is missing, invalid, unknown or repeated; \
             `errors` names each."
        }
        Code::ReadOnly => {
            "A member that the request cannot change has another value; `errors` names the call that changes it."
        }
        Code::WeakPassword => {
            "The password is too short, too long, too common, the login name, or on the operator's list."
        }
        Code::InvalidCredentials => {
            "The login name or the password is wrong, or the user is disabled."
        }
        Code::PasswordChangeRequired => {
            "The user has to choose a new password first. `challenge` continues at \
             `POST /v1/login/continue` with `new_password`."
        }
        Code::ChallengeInvalid => {
            "The challenge is invalid, expired or already used, or the account has changed since."
        }
        Code::MfaRequired => {
            "Another factor is required; `methods` lists those accepted. `challenge` continues at \
             `POST /v1/login/continue` with `code`."
        }
        Code::MfaFailed => "The code or the password is wrong, or the code was used before.",
        Code::EnrolmentRequired => {
            "A policy requires a second factor, and the account has none. `challenge` continues at \
             `POST /v1/login/enrol` and `POST /v1/login/continue`."
        }
        Code::InsufficientUserAuthentication => {
            "The server's policy requires a second factor of users with a role of Signet's own, and the token comes \
             from a sign-in without one. `WWW-Authenticate` names the level (RFC 9470)."
        }
        Code::ReauthenticationRequired => {
            "The sign-in is more than 5 minutes old, or lacks a factor that the account requires."
        }
        Code::InvalidToken => "The access token is missing or invalid.",
        Code::ProofRequired => {
            "The access token is bound to a key (DPoP), and was sent without a valid proof of that key."
        }
        Code::RoleRequired => "The user has none of the roles that the gateway requires.",
        Code::InsufficientScope => {
            "The access token has none of the scopes that the operation needs."
        }
        Code::Forbidden => {
            "The user has no role that allows it, the target is protected, or the account lacks a factor of the level \
             that is required."
        }
        Code::RefreshTokenReused => "The refresh token was used before; the session has ended.",
        Code::SessionExpired => "The session has expired.",
        Code::RefreshTokenInvalid => "The refresh token does not belong to an active session.",
        Code::InvalidTarget => "The audience is not a registered API.",
        Code::InvalidScope => "A scope does not exist at the audience or may not be granted.",
        Code::InvalidClient => "The client is not registered.",
        Code::RegistrationClosed => "Registration is closed, or for invited users only.",
        Code::LoginTaken => "The login name exists, or looks like one that does.",
        Code::EmailNotVerified => "The account has no verified e-mail address.",
        Code::EmailTaken => "Another user has verified the e-mail address.",
        Code::DomainNotAllowed => "The address belongs to a domain that cannot sign up.",
        Code::NotFound => "There is no such resource.",
        Code::Conflict => "The request conflicts with the current state.",
        Code::ManagedObject => "A configuration file manages it; `force` changes it anyway.",
        Code::LastAdministrator => "It would leave no enabled administrator.",
        Code::SetupLinkInvalid => "The set-up link is invalid, used or expired.",
        Code::LinkInvalid => "The link has expired, was already used or replaced, or is unknown.",
        Code::FeatureDisabled => {
            "The feature is disabled on this server, such as mail or passkeys."
        }
        Code::SetupClosed => "An administrator exists already.",
        Code::TooManyAttempts => "Too many attempts.",
        Code::PayloadTooLarge => "The body is larger than 64 KiB.",
        Code::UriTooLong => "The URI is longer than 16 KiB.",
        Code::UnsupportedMediaType => "The body is not `application/json`.",
        Code::MethodNotAllowed => "The path does not support the method.",
        Code::Unavailable => "The server cannot answer at the moment. Try again.",
        Code::Internal => "The server failed.",
    }
}

/// `not_found` as `NotFound`.
fn pascal_case(text: &str) -> String {
    let mut name = String::with_capacity(text.len());
    let mut start = true;
    for letter in text.chars() {
        match letter {
            '_' => start = true,
            _ if start => {
                name.push(letter.to_ascii_uppercase());
                start = false;
            }
            _ => name.push(letter),
        }
    }
    name
}
