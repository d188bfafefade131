//! The error codes of OAuth 2.0 and OpenID Connect, as they are on the wire.
//!
//! Owns the list. The HTTP layer chooses the status and the form of the response.

use super::outcome::{Code, Failure, FaultKind};
use crate::text_enum;

text_enum! {
    /// An error code.
    pub enum OAuthError {
        /// A parameter is missing, malformed or repeated (RFC 6749 §4.1.2.1, §5.2).
        InvalidRequest = "invalid_request",
        /// Client authentication failed (RFC 6749 §5.2).
        InvalidClient = "invalid_client",
        /// The code, refresh token or device code is invalid, or not for this client.
        InvalidGrant = "invalid_grant",
        /// The client is not authorized for this grant or request.
        UnauthorizedClient = "unauthorized_client",
        /// The grant type does not exist.
        UnsupportedGrantType = "unsupported_grant_type",
        /// The response type is not supported.
        UnsupportedResponseType = "unsupported_response_type",
        /// A scope does not exist or is not allowed.
        InvalidScope = "invalid_scope",
        /// The API is not registered or not for this client (RFC 8707 §2).
        InvalidTarget = "invalid_target",
        /// The user denied the request.
        AccessDenied = "access_denied",
        /// An internal error of the server.
        ServerError = "server_error",
        /// Temporarily overloaded or unavailable.
        TemporarilyUnavailable = "temporarily_unavailable",
        /// No user is logged in, and none may be asked (OpenID Connect Core §3.1.2.6).
        LoginRequired = "login_required",
        /// The user has not given consent and may not be asked.
        ConsentRequired = "consent_required",
        /// The `request` parameter is not supported (OpenID Connect Core §6.1).
        RequestNotSupported = "request_not_supported",
        /// A `request_uri` that was not pushed is not fetched (OpenID Connect Core §6.2).
        RequestUriNotSupported = "request_uri_not_supported",
        /// Clients cannot register with a request (OpenID Connect Core §7.2.1).
        RegistrationNotSupported = "registration_not_supported",
        /// The pushed request is unknown, used or expired (RFC 9126 §2.2, RFC 9101 §7).
        InvalidRequestUri = "invalid_request_uri",
        /// An essential requirement cannot be met.
        UnmetAuthenticationRequirements = "unmet_authentication_requirements",
        /// No user has decided about the device yet (RFC 8628 §3.5).
        AuthorizationPending = "authorization_pending",
        /// The user must complete a factor first (OAuth 2.0 for First-Party Applications).
        InsufficientAuthorization = "insufficient_authorization",
        /// The `auth_session` is unknown or expired (OAuth 2.0 for First-Party Applications).
        InvalidSession = "invalid_session",
        /// The next step is at the authorization endpoint (OAuth 2.0 for First-Party Applications).
        RedirectToWeb = "redirect_to_web",
        /// The device polled too early.
        SlowDown = "slow_down",
        /// The device code has expired.
        ExpiredToken = "expired_token",
        /// The DPoP proof is invalid (RFC 9449 §5).
        InvalidDpopProof = "invalid_dpop_proof",
        /// The access token is invalid (RFC 6750 §3.1).
        InvalidToken = "invalid_token",
        /// The access token lacks a scope (RFC 6750 §3.1).
        InsufficientScope = "insufficient_scope",
    }
}

impl OAuthError {
    /// The error code for a failure.
    #[must_use]
    pub fn of(failure: &Failure) -> Self {
        match failure {
            Failure::Refused(refusal) => refusal.oauth.unwrap_or(Self::of_code(refusal.code)),
            Failure::Failed(fault) if fault.kind == FaultKind::Unavailable => {
                Self::TemporarilyUnavailable
            }
            Failure::Failed(_) => Self::ServerError,
        }
    }

    /// The OAuth error for a code of `/v1`.
    #[must_use]
    pub const fn of_code(code: Code) -> Self {
        match code {
            Code::Unavailable | Code::TooManyAttempts => Self::TemporarilyUnavailable,
            Code::Internal => Self::ServerError,
            Code::InvalidTarget => Self::InvalidTarget,
            Code::InvalidScope => Self::InvalidScope,
            Code::InvalidClient => Self::InvalidClient,
            Code::InvalidToken => Self::InvalidToken,
            Code::InsufficientScope => Self::InsufficientScope,
            _ => Self::InvalidRequest,
        }
    }
}
