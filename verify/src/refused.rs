//! Why a request is refused, and the response to it (RFC 6750 §3, RFC 9449 §7.1).

use std::fmt;

/// The reason, by a stable name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Code {
    /// The request has no token.
    NoToken,
    /// The request has several `Authorization` or `DPoP` headers.
    SeveralHeaders,
    /// The token is not three canonical base64url segments with JSON objects, or contains a duplicate member.
    Malformed,
    /// The token is longer than 16 KiB.
    TooLarge,
    /// The header has a member that access tokens do not have, or lacks one.
    UnexpectedHeader,
    /// The token has another `typ`.
    WrongType,
    /// `alg` is not that of the key, or not one of ES256, RS256, PS256 and EdDSA.
    WrongAlgorithm,
    /// No key of this `kid` is published.
    UnknownKey,
    /// The feed lists the key as withdrawn.
    KeyRetired,
    /// The signature is invalid.
    BadSignature,
    /// A claim is missing or malformed.
    IncompleteClaims,
    /// `iss` is another issuer.
    WrongIssuer,
    /// `aud` does not contain the audience.
    WrongAudience,
    /// `exp` has passed.
    Expired,
    /// `nbf` or `iat` is in the future.
    IssuedInFuture,
    /// The feed lists the session, the token, its client or its API as ended or revoked.
    Revoked,
    /// The token is bound to a key, but there is no proof.
    ProofRequired,
    /// The proof is invalid, is for another request or token, or was used before.
    BadProof,
    /// There are no keys yet. The token may be valid.
    KeysUnavailable,
    /// The feed is stale. The token may be valid.
    FeedStale,
    /// The limit of stored proofs is reached. The token may be valid.
    Overloaded,
}

impl Code {
    /// Its name, the same as in Signet's own diagnosis if that has the code.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::NoToken => "no_token",
            Self::SeveralHeaders => "several_headers",
            Self::Malformed => "malformed",
            Self::TooLarge => "too_large",
            Self::UnexpectedHeader => "unexpected_header",
            Self::WrongType => "wrong_type",
            Self::WrongAlgorithm => "wrong_algorithm",
            Self::UnknownKey => "unknown_key",
            Self::KeyRetired => "key_retired",
            Self::BadSignature => "bad_signature",
            Self::IncompleteClaims => "incomplete_claims",
            Self::WrongIssuer => "wrong_issuer",
            Self::WrongAudience => "wrong_audience",
            Self::Expired => "expired",
            Self::IssuedInFuture => "issued_in_future",
            Self::Revoked => "revoked",
            Self::ProofRequired => "proof_required",
            Self::BadProof => "bad_proof",
            Self::KeysUnavailable => "keys_unavailable",
            Self::FeedStale => "feed_stale",
            Self::Overloaded => "overloaded",
        }
    }
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A refused request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The reason.
    pub code: Code,
}

impl Refused {
    /// The status of the response: 400, 401 or 503. A token that may be valid is never answered with 401,
    /// because clients discard it then.
    #[must_use]
    pub fn status(self) -> u16 {
        match self.code {
            Code::SeveralHeaders => 400,
            Code::KeysUnavailable | Code::FeedStale | Code::Overloaded => 503,
            _ => 401,
        }
    }

    /// The value of `Retry-After` in seconds, with a 503.
    #[must_use]
    pub fn retry_after(self) -> Option<u32> {
        (self.status() == 503).then_some(5)
    }

    /// The value of `WWW-Authenticate`, with a 400 or 401. `metadata` is the address of the resource's metadata
    /// (RFC 9728 §5.1), which must have no `"` and no `\`.
    #[must_use]
    pub fn challenge(self, metadata: Option<&str>) -> Option<String> {
        let error = match self.code {
            Code::NoToken => None,
            Code::SeveralHeaders => Some("invalid_request"),
            Code::BadProof => Some("invalid_dpop_proof"),
            _ if self.status() == 503 => return None,
            _ => Some("invalid_token"),
        };
        let scheme = match self.code {
            Code::BadProof => "DPoP",
            _ => "Bearer",
        };
        let error = error
            .map(|error| format!("error=\"{error}\", error_description=\"{}\"", self.code))
            .into_iter();
        let metadata = metadata.map(|uri| format!("resource_metadata=\"{uri}\""));
        let parameters: Vec<String> = error.chain(metadata).collect();
        Some(format!("{scheme} {}", parameters.join(", ")).trim_end().to_owned())
    }
}

impl From<Code> for Refused {
    fn from(code: Code) -> Self {
        Self { code }
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.code.fmt(f)
    }
}

impl std::error::Error for Refused {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenges_have_the_form_of_rfc_6750() {
        let challenge = |code: Code, metadata| Refused::from(code).challenge(metadata);
        assert_eq!(challenge(Code::NoToken, None).unwrap(), "Bearer");
        assert_eq!(
            challenge(Code::NoToken, Some("https://a/m")).unwrap(),
            "Bearer resource_metadata=\"https://a/m\""
        );
        assert_eq!(
            challenge(Code::Expired, Some("https://a/m")).unwrap(),
            "Bearer error=\"invalid_token\", error_description=\"expired\", \
             resource_metadata=\"https://a/m\""
        );
        assert!(challenge(Code::BadProof, None).unwrap().starts_with("DPoP error=\"invalid_dpop"));
        assert_eq!(challenge(Code::FeedStale, Some("https://a/m")), None);
        assert_eq!(Refused::from(Code::FeedStale).retry_after(), Some(5));
        assert_eq!(Refused::from(Code::Expired).retry_after(), None);
    }
}
