//! The responses to failed use cases.
//!
//! Owns the status of every code and problem+json (RFC 9457). A fault is logged here, once, with the request's id.
//! Requests without a route are handled by `fallback`, and error pages are rendered by `ui`.

use std::borrow::Cow;
use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder, ResponseError};
use serde_json::{Value, json};

use crate::base::TimeSpan;
use crate::domain::authn::AssuranceLevel;
use crate::domain::outcome::{Code, Failure, FaultKind, FieldError, NameError, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::domain::trace::Trace;
use crate::identity::authentication::{IssuedChallenge, RemainingStep};
use crate::identity::fresh_authentication::MAX_AGE;

/// When to try again after a 503.
const RETRY_UNAVAILABLE: TimeSpan = TimeSpan::from_secs(2);

/// The error code of a response, for the log line of its request.
pub struct ErrorCode(pub &'static str);

/// An error response.
#[derive(Debug)]
pub struct Problem {
    code: Code,
    message: Cow<'static, str>,
    reason: Option<Reason>,
    fields: Box<[FieldError]>,
    names: Box<[NameError]>,
    retry_after: Option<TimeSpan>,
    request_id: String,
    /// A challenge without `error`: no token was sent (RFC 6750 §3.1).
    bare_challenge: bool,
    extra: Option<Box<Extra>>,
}

/// The parts that only some responses have.
#[derive(Debug)]
enum Extra {
    /// The methods of a route.
    Allow(String),
    /// A challenge to continue an authentication.
    Challenge(IssuedChallenge),
    /// The challenge of the response, in the place of that of its code.
    WwwAuthenticate(String),
}

/// The status of a code.
#[must_use]
pub const fn status(code: Code) -> StatusCode {
    match code {
        Code::MalformedRequest | Code::InvalidTarget | Code::InvalidScope | Code::InvalidClient => {
            StatusCode::BAD_REQUEST
        }
        Code::InvalidCredentials
        | Code::PasswordChangeRequired
        | Code::ChallengeInvalid
        | Code::InvalidToken
        | Code::ProofRequired
        | Code::MfaRequired
        | Code::MfaFailed
        | Code::EnrolmentRequired
        | Code::InsufficientUserAuthentication
        | Code::ReauthenticationRequired
        | Code::RefreshTokenReused
        | Code::SessionExpired
        | Code::RefreshTokenInvalid => StatusCode::UNAUTHORIZED,
        Code::InsufficientScope
        | Code::RoleRequired
        | Code::Forbidden
        | Code::RegistrationClosed
        | Code::EmailNotVerified
        | Code::FeatureDisabled => StatusCode::FORBIDDEN,
        Code::NotFound | Code::SetupLinkInvalid | Code::LinkInvalid => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::LoginTaken
        | Code::EmailTaken
        | Code::Conflict
        | Code::ManagedObject
        | Code::LastAdministrator
        | Code::SetupClosed => StatusCode::CONFLICT,
        Code::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::UriTooLong => StatusCode::URI_TOO_LONG,
        Code::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Code::ValidationFailed | Code::ReadOnly | Code::WeakPassword | Code::DomainNotAllowed => {
            StatusCode::UNPROCESSABLE_ENTITY
        }
        Code::TooManyAttempts => StatusCode::TOO_MANY_REQUESTS,
        Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

impl Problem {
    /// Converts a failure into a response; logs it if it is a fault of the server.
    #[must_use]
    pub fn new(stop: Failure, request_id: &str) -> Self {
        Self::of(stop, request_id, None)
    }

    /// The same for a request of this trace.
    #[must_use]
    pub fn of(stop: Failure, request_id: &str, trace: Option<Trace>) -> Self {
        let refusal = match stop {
            Failure::Refused(refusal) => refusal,
            Failure::Failed(fault) => {
                let code = match fault.kind {
                    FaultKind::Unavailable => Code::Unavailable,
                    FaultKind::Internal => Code::Internal,
                };
                tracing::error!(
                    request_id,
                    trace_id = trace.map(|trace| tracing::field::display(trace.trace_id())),
                    span_id = trace.map(|trace| tracing::field::display(trace.span_id())),
                    %fault,
                    code = code.as_str(),
                    "request failed"
                );
                match code {
                    Code::Unavailable => {
                        Refusal::new(code, "This is not possible at the moment. Try again shortly.")
                            .retry_after(RETRY_UNAVAILABLE)
                    }
                    _ => Refusal::new(
                        code,
                        "An internal error occurred. Include the request_id when you report it.",
                    ),
                }
            }
        };
        Self {
            code: refusal.code,
            message: refusal.message,
            reason: refusal.reason,
            fields: refusal.fields.into(),
            names: refusal.names.into(),
            retry_after: refusal.retry_after,
            request_id: request_id.to_owned(),
            bare_challenge: false,
            extra: None,
        }
    }

    /// The response to a caller that sent no token.
    #[must_use]
    pub fn no_token(request_id: &str) -> Self {
        let message = "This needs an access token: Authorization: Bearer TOKEN.";
        let refusal = Refusal::new(Code::InvalidToken, message);
        Self { bare_challenge: true, ..Self::new(refusal.into(), request_id) }
    }

    /// The response if the middleware did not run, which cannot happen with the existing routes.
    #[must_use]
    pub fn misrouted() -> Self {
        Self::new(Refusal::new(Code::Internal, "The request was not prepared.").into(), "")
    }

    /// The same with an `Allow` header (RFC 9110 §10.2.1).
    #[must_use]
    pub fn allowing(mut self, methods: String) -> Self {
        self.extra = Some(Box::new(Extra::Allow(methods)));
        self
    }

    /// The same with this challenge (RFC 9110 §11.6.1).
    #[must_use]
    pub fn with_www_authenticate(mut self, challenge: String) -> Self {
        self.extra = Some(Box::new(Extra::WwwAuthenticate(challenge)));
        self
    }

    /// The response to a sign-in whose next step is another one.
    #[must_use]
    pub fn pending(challenge: IssuedChallenge, request_id: &str) -> Self {
        let refusal = Refusal::new(challenge.step.code(), challenge.step.message());
        Self::new(refusal.into(), request_id).continued_with(challenge)
    }

    /// The same with a challenge to continue the authentication.
    #[must_use]
    pub fn continued_with(mut self, challenge: IssuedChallenge) -> Self {
        self.extra = Some(Box::new(Extra::Challenge(challenge)));
        self
    }

    /// The stable error code.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// The message for people.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The reason, which pages show in the language of the user.
    #[must_use]
    pub const fn reason(&self) -> Option<Reason> {
        self.reason
    }

    /// The invalid fields.
    #[must_use]
    pub fn fields(&self) -> &[FieldError] {
        &self.fields
    }

    /// The errors of individual fields and parameters.
    #[must_use]
    pub fn names(&self) -> &[NameError] {
        &self.names
    }

    /// When a retry is sensible.
    #[must_use]
    pub const fn retry_after(&self) -> Option<TimeSpan> {
        self.retry_after
    }

    /// The request's id.
    #[must_use]
    pub fn request_id(&self) -> &str {
        &self.request_id
    }

    /// A response with this problem's status and headers, without a body.
    #[must_use]
    pub fn head(&self) -> HttpResponseBuilder {
        let mut answer = HttpResponse::build(status(self.code));
        answer.extensions_mut().insert(ErrorCode(self.code.as_str()));
        if let Some(span) = self.retry_after {
            answer.insert_header((header::RETRY_AFTER, span.retry_after()));
        }
        if let Some(Extra::Allow(methods)) = self.extra.as_deref() {
            answer.insert_header((header::ALLOW, methods.as_str()));
        }
        if let Some(challenge) = self.www_authenticate() {
            answer.insert_header((header::WWW_AUTHENTICATE, challenge));
        }
        answer
    }

    /// The challenge of every 401 and of a missing scope (RFC 6750 §3). All texts are Signet's own and contain no
    /// quote or backslash.
    fn www_authenticate(&self) -> Option<String> {
        if let Some(Extra::WwwAuthenticate(challenge)) = self.extra.as_deref() {
            return Some(challenge.clone());
        }
        let realm = r#"Bearer realm="signet""#;
        match self.code {
            _ if self.bare_challenge => Some(realm.to_owned()),
            Code::InvalidToken => Some(format!(
                r#"{realm}, error="invalid_token", error_description="{}""#,
                self.message
            )),
            // RFC 9470 §3: which authentication would be sufficient.
            Code::ReauthenticationRequired => {
                let level = match self.reason {
                    Some(Reason::FactorNeeded) => {
                        format!(r#", acr_values="{}""#, AssuranceLevel::Multi)
                    }
                    _ => String::new(),
                };
                Some(format!(
                    r#"{realm}, error="insufficient_user_authentication", error_description="{}", max_age="{}"{level}"#,
                    self.message,
                    MAX_AGE.secs()
                ))
            }
            Code::InsufficientUserAuthentication => Some(format!(
                r#"{realm}, error="insufficient_user_authentication", error_description="{}", acr_values="{}""#,
                self.message,
                AssuranceLevel::Multi
            )),
            Code::InsufficientScope => {
                Some(format!(r#"{realm}, error="insufficient_scope", scope="signet:admin""#))
            }
            _ if status(self.code) == StatusCode::UNAUTHORIZED => Some(realm.to_owned()),
            _ => None,
        }
    }

    fn title(&self) -> &'static str {
        status(self.code).canonical_reason().unwrap_or("Error")
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code.as_str())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        status(self.code)
    }

    fn error_response(&self) -> HttpResponse {
        let mut body = json!({
            "type": format!("urn:signet:error:{}", self.code),
            "title": self.title(),
            "status": status(self.code).as_u16(),
            "code": self.code,
            "detail": self.message,
            "request_id": self.request_id,
        });
        let fields = self.fields.iter().map(|error| (error.field, error.code, error.message));
        let names = self.names.iter().map(|error| (&*error.name, error.code, &*error.message));
        let errors: Vec<Value> = fields
            .chain(names)
            .map(|(field, code, detail)| json!({ "field": field, "code": code, "detail": detail }))
            .collect();
        if !errors.is_empty() {
            body["errors"] = Value::Array(errors);
        }
        if let Some(span) = self.retry_after {
            body["retry_after"] = span.retry_after().into();
        }
        if let Some(Extra::Challenge(pending)) = self.extra.as_deref() {
            body["challenge"] = pending.challenge.as_str().into();
            body["expires_in"] = pending.expires_in.into();
            body["methods"] = json!(pending.step.methods());
            if let RemainingStep::Enrol { may_skip } = pending.step {
                body["may_skip"] = may_skip.into();
            }
        }
        self.head().content_type(PROBLEM_JSON).body(body.to_string())
    }
}

/// The media type of RFC 9457 §3.
const PROBLEM_JSON: HeaderValue = HeaderValue::from_static("application/problem+json");
