//! How a use case fails.
//!
//! Owns the distinction between a refusal, caused by the caller (commit, 4xx), and a fault, caused by the server
//! (roll back, 5xx).

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::oauth_error::OAuthError;
use super::refusal_reason::Reason;
use crate::base::TimeSpan;
use crate::text_enum;

text_enum! {
    /// The stable code of every error that a caller can get; `docs/errors.md` explains each.
    pub enum Code {
        /// The body does not match its content type.
        MalformedRequest = "malformed_request",
        /// A field is missing or has a wrong value.
        ValidationFailed = "validation_failed",
        /// A member that this request cannot change has another value than the resource.
        ReadOnly = "read_only",
        /// The password is too short, too long, too common, or equal to the login name.
        WeakPassword = "weak_password",
        /// Wrong login, wrong password or disabled user, without distinction.
        InvalidCredentials = "invalid_credentials",
        /// The password is right, but must be replaced first.
        PasswordChangeRequired = "password_change_required",
        /// The challenge of a sign-in is invalid, expired or used.
        ChallengeInvalid = "challenge_invalid",
        /// The password is right, and a second factor is required.
        MfaRequired = "mfa_required",
        /// A policy requires a second factor, and the account has none.
        EnrolmentRequired = "enrolment_required",
        /// The code of the second factor is wrong or was used before.
        MfaFailed = "mfa_failed",
        /// The sign-in is too old for the request, or lacks a factor.
        ReauthenticationRequired = "reauthentication_required",
        /// The sign-in of the token is weaker than the request requires (RFC 9470).
        InsufficientUserAuthentication = "insufficient_user_authentication",
        /// No token, or an invalid one.
        InvalidToken = "invalid_token",
        /// The token is bound to a key, and the request has no valid proof.
        ProofRequired = "proof_required",
        /// The token lacks a scope.
        InsufficientScope = "insufficient_scope",
        /// The user has none of the roles that a gateway requires.
        RoleRequired = "role_required",
        /// The caller lacks the permission.
        Forbidden = "forbidden",
        /// A used refresh token: the session has just been ended.
        RefreshTokenReused = "refresh_token_reused",
        /// The session has expired.
        SessionExpired = "session_expired",
        /// Not a refresh token of an active session.
        RefreshTokenInvalid = "refresh_token_invalid",
        /// The audience is not a registered API (RFC 8707 §2).
        InvalidTarget = "invalid_target",
        /// A scope does not exist there or may not be granted (RFC 6749 §5.2).
        InvalidScope = "invalid_scope",
        /// The client is not known.
        InvalidClient = "invalid_client",
        /// Registration is closed.
        RegistrationClosed = "registration_closed",
        /// The login exists already.
        LoginTaken = "login_taken",
        /// Another user has verified the e-mail address.
        EmailTaken = "email_taken",
        /// A verified e-mail address is required, and the account has none.
        EmailNotVerified = "email_not_verified",
        /// Addresses of this domain cannot sign up.
        DomainNotAllowed = "domain_not_allowed",
        /// The resource does not exist.
        NotFound = "not_found",
        /// The request conflicts with the current state.
        Conflict = "conflict",
        /// A configuration file manages it.
        ManagedObject = "managed_object",
        /// It would leave no enabled administrator.
        LastAdministrator = "last_administrator",
        /// The set-up link is used, expired or invalid.
        SetupLinkInvalid = "setup_link_invalid",
        /// The mailed link is used, expired, replaced or invalid.
        LinkInvalid = "link_invalid",
        /// The feature is disabled by the settings of the server.
        FeatureDisabled = "feature_disabled",
        /// An administrator exists already.
        SetupClosed = "setup_closed",
        /// Too many attempts.
        TooManyAttempts = "too_many_attempts",
        /// The body is too large.
        PayloadTooLarge = "payload_too_large",
        /// The address is too long.
        UriTooLong = "uri_too_long",
        /// The content type is not supported.
        UnsupportedMediaType = "unsupported_media_type",
        /// The method is not allowed here.
        MethodNotAllowed = "method_not_allowed",
        /// Temporarily unavailable; try again.
        Unavailable = "unavailable",
        /// An error of the server.
        Internal = "internal",
    }
}

/// An error in one field of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name on the wire.
    pub field: &'static str,
    /// A stable code: `missing`, `wrong_type`, `too_long` and the like.
    pub code: &'static str,
    /// A readable sentence.
    pub message: &'static str,
}

/// An error in a name of a request. Both texts have passed [`quotable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// The name, as far as it may be quoted.
    pub name: String,
    /// A stable code.
    pub code: &'static str,
    /// A readable sentence.
    pub message: String,
}

/// A refusal, caused by the caller. Quotes from a request in its text have passed [`quotable`].
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// A readable sentence.
    pub message: Cow<'static, str>,
    /// The reason, if pages have a translated text for it.
    pub reason: Option<Reason>,
    /// The invalid fields.
    pub fields: Vec<FieldError>,
    /// The invalid names: unknown or repeated members and parameters.
    pub names: Vec<NameError>,
    /// When to try again, for `Retry-After`.
    pub retry_after: Option<TimeSpan>,
    /// Its error code at OAuth endpoints.
    pub oauth: Option<OAuthError>,
    /// Whether the message itself names the command or the request that helps.
    pub advises: bool,
    /// The details for a finding about the client, in place of a message that quotes the request: scopes, an API, a
    /// grant, or a fixed sentence.
    pub finding: Vec<String>,
}

impl Refusal {
    /// A refusal with a code and a sentence.
    #[must_use]
    pub const fn new(code: Code, message: &'static str) -> Self {
        let message = Cow::Borrowed(message);
        Self {
            code,
            message,
            reason: None,
            fields: Vec::new(),
            names: Vec::new(),
            retry_after: None,
            oauth: None,
            advises: false,
            finding: Vec::new(),
        }
    }

    /// A refusal with a code and a reason, which has the message.
    #[must_use]
    pub const fn because(code: Code, reason: Reason) -> Self {
        let mut refusal = Self::new(code, reason.message());
        refusal.reason = Some(reason);
        refusal
    }

    /// A refusal that names one field.
    #[must_use]
    pub fn field(field: &'static str, code: &'static str, message: &'static str) -> Self {
        Self::fields(vec![FieldError { field, code, message }])
    }

    /// A refusal that names several fields.
    #[must_use]
    pub fn fields(fields: Vec<FieldError>) -> Self {
        Self::fields_and_names(fields, Vec::new())
    }

    /// The same, with unknown or repeated names.
    #[must_use]
    pub fn fields_and_names(fields: Vec<FieldError>, names: Vec<NameError>) -> Self {
        let message = "Check the fields named in errors.";
        Self { fields, names, ..Self::new(Code::ValidationFailed, message) }
    }

    /// A refusal with an OAuth error code.
    #[must_use]
    pub const fn oauth(error: OAuthError, message: &'static str) -> Self {
        let mut refusal = Self::new(Code::MalformedRequest, message);
        refusal.oauth = Some(error);
        refusal
    }

    /// The same with a reason, which has the message.
    #[must_use]
    pub const fn oauth_because(error: OAuthError, reason: Reason) -> Self {
        let mut refusal = Self::because(Code::MalformedRequest, reason);
        refusal.oauth = Some(error);
        refusal
    }

    /// The same refusal with a message that contains registered values or quotes of the request.
    #[must_use]
    pub fn with_message(mut self, message: String) -> Self {
        self.message = Cow::Owned(message);
        self.reason = None;
        self
    }

    /// Sets the details for a finding about the client.
    #[must_use]
    pub fn with_finding<T: Into<String>>(mut self, finding: impl IntoIterator<Item = T>) -> Self {
        self.finding = finding.into_iter().map(Into::into).collect();
        self
    }

    /// Marks the message as one that names the command or the request that helps: the command line then adds no
    /// general advice.
    #[must_use]
    pub const fn advising(mut self) -> Self {
        self.advises = true;
        self
    }

    /// Sets when to try again.
    #[must_use]
    pub const fn retry_after(mut self, span: TimeSpan) -> Self {
        self.retry_after = Some(span);
        self
    }
}

/// The most characters of a request's text that an error quotes.
const MAX_QUOTED: usize = 128;

/// A text from a request in a form that an error may quote: the characters that `error_description` allows (RFC
/// 6749 §5.2), others as a question mark, and at most 128.
#[must_use]
pub fn quotable(text: &str) -> String {
    let allowed = |c: char| matches!(c, ' '..='!' | '#'..='[' | ']'..='~');
    let mut quoted: String =
        text.chars().take(MAX_QUOTED).map(|c| if allowed(c) { c } else { '?' }).collect();
    if text.chars().nth(MAX_QUOTED).is_some() {
        quoted.push_str("...");
    }
    quoted
}

/// Whether a fault is temporary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A full disk, a locked or lost database, a full queue: 503 and try again.
    Unavailable,
    /// Anything else: 500.
    Internal,
}

/// A fault, caused by the server. It is logged once, with an incident id, when it is rendered.
#[derive(Debug)]
pub struct Fault {
    /// Whether it is temporary.
    pub kind: FaultKind,
    /// The failed operation.
    pub doing: &'static str,
    /// The cause, for the log only.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// An unexpected fault.
    #[must_use]
    pub const fn internal(doing: &'static str) -> Self {
        Self { kind: FaultKind::Internal, doing, cause: None }
    }

    /// A temporary fault.
    #[must_use]
    pub const fn unavailable(doing: &'static str) -> Self {
        Self { kind: FaultKind::Unavailable, doing, cause: None }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(mut self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// A copy of the fault for another affected caller.
    #[must_use]
    pub fn shared(&self) -> Self {
        let copy = Self { kind: self.kind, doing: self.doing, cause: None };
        match &self.cause {
            None => copy,
            Some(cause) => copy.with_source(cause.to_string()),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.doing)?;
        let mut cause: Option<&(dyn Error + 'static)> =
            self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static));
        let mut said = String::new();
        while let Some(error) = cause {
            let text = error.to_string();
            // Errors of the database driver end with the text of their source, which would be repeated.
            if !said.ends_with(&text) {
                write!(f, ": {text}")?;
            }
            said = text;
            cause = error.source();
        }
        Ok(())
    }
}

impl Error for Fault {}

/// How a use case fails.
#[derive(Debug)]
pub enum Failure {
    /// Caused by the caller.
    Refused(Refusal),
    /// Caused by the server.
    Failed(Fault),
}

impl From<Refusal> for Failure {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_says_each_cause_once() {
        // Like the driver's errors, it ends with the text of its source.
        #[derive(Debug)]
        struct Outer(fmt::Error);
        impl fmt::Display for Outer {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "the driver: {}", self.0)
            }
        }
        impl Error for Outer {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                Some(&self.0)
            }
        }
        let fault = Fault::unavailable("connecting").with_source(Outer(fmt::Error));
        assert_eq!(fault.to_string(), format!("connecting: the driver: {}", fmt::Error));
        let fault = Fault::internal("reading").with_source("a text");
        assert_eq!(fault.to_string(), "reading: a text");
    }

    #[test]
    fn quoted_text_has_only_characters_that_error_descriptions_allow() {
        assert_eq!(quotable("https://a.example/x?y=z"), "https://a.example/x?y=z");
        assert_eq!(quotable("a\"b\\c\r\n\u{0}\u{e4}\u{202e}"), "a?b?c?????");
        let long = quotable(&"x".repeat(5_000));
        assert_eq!(long, format!("{}...", "x".repeat(MAX_QUOTED)));
        assert_eq!(quotable(&"x".repeat(MAX_QUOTED)), "x".repeat(MAX_QUOTED));
    }
}
