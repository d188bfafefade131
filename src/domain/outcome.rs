//! How a use case ends when it does not succeed.
//!
//! Owns the difference between the caller's doing (a refusal: commit, answer 4xx) and ours
//! (a fault: roll back, answer 5xx). Rendering either is the edge's work.

use std::borrow::Cow;
use std::error::Error;
use std::fmt;

use super::oauth_error::OAuthError;
use super::refusal_reason::Reason;
use crate::base::TimeSpan;
use crate::text_enum;

text_enum! {
    /// The stable code of every error a caller can get; `docs/errors.md` explains each.
    pub enum Code {
        /// The body is not what the content type says.
        MalformedRequest = "malformed_request",
        /// A field is missing or has a wrong value.
        ValidationFailed = "validation_failed",
        /// A member that this request cannot change has another value than the resource.
        ReadOnly = "read_only",
        /// The password is too short, too long, too common or the login itself.
        WeakPassword = "weak_password",
        /// Wrong login, wrong password or disabled user: never said which.
        InvalidCredentials = "invalid_credentials",
        /// The first step was right, and the password has to be replaced before anything else.
        PasswordChangeRequired = "password_change_required",
        /// The challenge of a sign-in is invalid, expired or used.
        ChallengeInvalid = "challenge_invalid",
        /// The first step was right, and a second factor has to follow.
        MfaRequired = "mfa_required",
        /// A policy requires a second factor, and the account has none.
        EnrolmentRequired = "enrolment_required",
        /// The code of the second factor is wrong or was used before.
        MfaFailed = "mfa_failed",
        /// The sign-in is too old for what was requested, or lacks a factor.
        ReauthenticationRequired = "reauthentication_required",
        /// The sign-in that the token stands for is weaker than what was requested needs (RFC 9470).
        InsufficientUserAuthentication = "insufficient_user_authentication",
        /// No token, or one that is not good here.
        InvalidToken = "invalid_token",
        /// The token is bound to a key, and no valid proof of it came with it.
        ProofRequired = "proof_required",
        /// The token lacks a scope.
        InsufficientScope = "insufficient_scope",
        /// The user has none of the roles that a gateway asks for.
        RoleRequired = "role_required",
        /// The caller may not do that.
        Forbidden = "forbidden",
        /// A used-up refresh token: the session has just been ended.
        RefreshTokenReused = "refresh_token_reused",
        /// The session's time is over.
        SessionExpired = "session_expired",
        /// Not a refresh token of a live session.
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
        /// It needs a verified e-mail address, and the account has none.
        EmailNotVerified = "email_not_verified",
        /// Addresses of this domain cannot sign up.
        DomainNotAllowed = "domain_not_allowed",
        /// There is no such thing.
        NotFound = "not_found",
        /// It conflicts with what is there.
        Conflict = "conflict",
        /// A configuration file manages it.
        ManagedObject = "managed_object",
        /// It would leave no enabled administrator.
        LastAdministrator = "last_administrator",
        /// The set-up link is used, expired or was never one.
        SetupLinkInvalid = "setup_link_invalid",
        /// The mailed link is used, expired, replaced or was never one.
        LinkInvalid = "link_invalid",
        /// The server is not set up for it.
        FeatureDisabled = "feature_disabled",
        /// An administrator exists already.
        SetupClosed = "setup_closed",
        /// Tried too often.
        TooManyAttempts = "too_many_attempts",
        /// The body is too large.
        PayloadTooLarge = "payload_too_large",
        /// The address is too long.
        UriTooLong = "uri_too_long",
        /// The content type is not understood here.
        UnsupportedMediaType = "unsupported_media_type",
        /// The method is not allowed here.
        MethodNotAllowed = "method_not_allowed",
        /// Cannot be done just now; try again.
        Unavailable = "unavailable",
        /// Our fault.
        Internal = "internal",
    }
}

/// What is wrong with one field of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FieldError {
    /// The field's name on the wire.
    pub field: &'static str,
    /// A stable code: `missing`, `wrong_type`, `too_long` and the like.
    pub code: &'static str,
    /// A sentence for people.
    pub message: &'static str,
}

/// What is wrong with a name that came with a request. Both texts have passed [`quotable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NameError {
    /// The name, as far as it may be quoted.
    pub name: String,
    /// A stable code.
    pub code: &'static str,
    /// A sentence for people.
    pub message: String,
}

/// The caller's doing. The text is ours; what it says about a request passes [`quotable`] first.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// The stable code.
    pub code: Code,
    /// A sentence for people.
    pub message: Cow<'static, str>,
    /// Why, where pages say it in the language of the user.
    pub reason: Option<Reason>,
    /// The fields at fault.
    pub fields: Vec<FieldError>,
    /// The names at fault: of members and parameters that do not exist, or are there twice.
    pub names: Vec<NameError>,
    /// When it makes sense to try again.
    pub retry_after: Option<TimeSpan>,
    /// What it is called where OAuth is spoken.
    pub oauth: Option<OAuthError>,
    /// Whether the message itself names the command or the request that helps.
    pub advises: bool,
    /// What a finding about the client says in place of a message that quotes the request: scopes, an API, a
    /// grant, or a sentence of ours.
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

    /// A refusal with a code and a reason, which says the sentence.
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

    /// The same, also with names that the request should not have.
    #[must_use]
    pub fn fields_and_names(fields: Vec<FieldError>, names: Vec<NameError>) -> Self {
        let message = "Check the fields named in errors.";
        Self { fields, names, ..Self::new(Code::ValidationFailed, message) }
    }

    /// A refusal in the words of OAuth.
    #[must_use]
    pub const fn oauth(error: OAuthError, message: &'static str) -> Self {
        let mut refusal = Self::new(Code::MalformedRequest, message);
        refusal.oauth = Some(error);
        refusal
    }

    /// The same with a reason, which says the sentence.
    #[must_use]
    pub const fn oauth_because(error: OAuthError, reason: Reason) -> Self {
        let mut refusal = Self::because(Code::MalformedRequest, reason);
        refusal.oauth = Some(error);
        refusal
    }

    /// The same refusal with a text that names what is registered, or what the request said.
    #[must_use]
    pub fn with_message(mut self, message: String) -> Self {
        self.message = Cow::Owned(message);
        self.reason = None;
        self
    }

    /// Says what a finding about the client keeps of this refusal.
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

    /// Says when to try again.
    #[must_use]
    pub const fn retry_after(mut self, span: TimeSpan) -> Self {
        self.retry_after = Some(span);
        self
    }
}

/// The most characters of a request's text that an error quotes.
const MAX_QUOTED: usize = 128;

/// A text that came with a request, as far as an error may quote it: the characters that
/// `error_description` allows (RFC 6749 §5.2), others as a question mark, and no more than 128.
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

/// Whether a fault is expected to pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A full disk, a locked or lost database, a full queue: 503 and try again.
    Unavailable,
    /// Anything else: 500.
    Internal,
}

/// Our doing. Logged once, with an incident id, where it is rendered.
#[derive(Debug)]
pub struct Fault {
    /// Whether it is expected to pass.
    pub kind: FaultKind,
    /// What was being done.
    pub doing: &'static str,
    /// The cause, for the log only.
    pub cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Fault {
    /// Something that should not happen.
    #[must_use]
    pub const fn internal(doing: &'static str) -> Self {
        Self { kind: FaultKind::Internal, doing, cause: None }
    }

    /// Something that should pass.
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

    /// The same fault for one more of those it happened to.
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
            // Errors of the driver end with the text of their source, which would be said twice.
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

/// How a use case ends when it does not succeed.
#[derive(Debug)]
pub enum Failure {
    /// The caller's doing.
    Refused(Refusal),
    /// Ours.
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
        // As the driver's errors do, it ends with the text of its source.
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
