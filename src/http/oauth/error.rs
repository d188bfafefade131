//! The responses to failed requests of clients (RFC 6749 §5.2, RFC 6750 §3.1).
//!
//! Owns the one table from error to status, and the challenges. All texts are Signet's own and use only characters
//! that the standard allows.

use std::fmt;

use actix_web::http::StatusCode;
use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::Failure;
use crate::domain::signing_key::SigningAlg;
use crate::http::context::Context;
use crate::http::error::{ErrorCode, Problem};

/// An error response.
#[derive(Debug)]
pub struct OAuthProblem {
    error: OAuthError,
    problem: Problem,
    /// The request had no token: the challenge has no error code (RFC 6750 §3.1).
    bare: bool,
    /// The token was sent with the `DPoP` scheme.
    as_bound: bool,
}

/// The failure of a use case as an OAuth error.
#[must_use]
pub fn render(context: &Context, stop: Failure) -> OAuthProblem {
    let said = match &stop {
        Failure::Refused(refusal) => refusal.oauth,
        Failure::Failed(_) => None,
    };
    let problem = context.problem(stop);
    let error = said.unwrap_or_else(|| OAuthError::of_code(problem.code()));
    OAuthProblem { error, problem, bare: false, as_bound: false }
}

impl OAuthProblem {
    /// An error that occurred before there was a context.
    #[must_use]
    pub fn of(problem: Problem) -> Self {
        Self { error: OAuthError::of_code(problem.code()), problem, bare: false, as_bound: false }
    }

    /// The same, for a request without a token.
    #[must_use]
    pub const fn bare(mut self) -> Self {
        self.bare = true;
        self
    }

    /// The same, for a token that was sent with the `DPoP` scheme.
    #[must_use]
    pub const fn of_bound(mut self, as_bound: bool) -> Self {
        self.as_bound = as_bound;
        self
    }

    fn challenge(&self) -> Option<String> {
        let realm = r#"realm="signet""#;
        let scheme = if self.as_bound { "DPoP" } else { "Bearer" };
        let algs = || {
            let names: Vec<&str> = SigningAlg::ALL.iter().map(|alg| alg.as_str()).collect();
            if self.as_bound { format!(r#", algs="{}""#, names.join(" ")) } else { String::new() }
        };
        let said =
            format!(r#"error="{}", error_description="{}""#, self.error, self.problem.message());
        match self.error {
            OAuthError::InvalidClient => Some(format!("Basic {realm}")),
            OAuthError::InvalidToken if self.bare => Some(format!("{scheme} {realm}")),
            OAuthError::InvalidToken => Some(format!("{scheme} {realm}, {said}{}", algs())),
            OAuthError::InvalidDpopProof if self.as_bound => {
                Some(format!("{scheme} {realm}, {said}{}", algs()))
            }
            OAuthError::InsufficientScope => {
                Some(format!(r#"{scheme} {realm}, {said}, scope="openid""#))
            }
            _ => None,
        }
    }
}

impl fmt::Display for OAuthProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.error.as_str())
    }
}

impl ResponseError for OAuthProblem {
    fn status_code(&self) -> StatusCode {
        match self.error {
            OAuthError::InvalidClient | OAuthError::InvalidToken => StatusCode::UNAUTHORIZED,
            OAuthError::InvalidDpopProof if self.as_bound => StatusCode::UNAUTHORIZED,
            OAuthError::InsufficientScope => StatusCode::FORBIDDEN,
            OAuthError::UnmetAuthenticationRequirements => StatusCode::BAD_REQUEST,
            _ => match self.problem.status_code() {
                // Only forms are accepted here, and the standard prescribes 400.
                StatusCode::UNSUPPORTED_MEDIA_TYPE | StatusCode::UNAUTHORIZED => {
                    StatusCode::BAD_REQUEST
                }
                status => status,
            },
        }
    }

    fn error_response(&self) -> HttpResponse {
        let mut answer = self.problem.head();
        answer.extensions_mut().insert(ErrorCode(self.error.as_str()));
        answer
            .status(self.status_code())
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .insert_header((header::PRAGMA, "no-cache"));
        let mut answer = answer.json(json!({
            "error": self.error,
            "error_description": self.problem.message(),
        }));
        // Some codes have a challenge at `/v1`, which does not apply here.
        answer.headers_mut().remove(header::WWW_AUTHENTICATE);
        if let Some(challenge) = self.challenge().and_then(|text| text.parse().ok()) {
            answer.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
        }
        answer
    }
}
