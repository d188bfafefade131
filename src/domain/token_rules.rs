//! The rules for the access tokens of an audience: algorithm, profile, lifetime, extra claims.
//!
//! Issuing and preview use the same value, so that a preview shows exactly what would be issued.

use std::fmt;
use std::str::FromStr;

use crate::base::TimeSpan;
use crate::base::text_enum::UnknownText;
use crate::text_enum;

use super::attributes::{MAX_CLAIMS, is_claim_name, is_reserved_claim};
use super::signing_key::SigningAlg;
use super::user_claims::{USER_CLAIMS, user_claim};

/// The longest lifetime that an API may choose for its access tokens.
pub const MAX_ACCESS_TTL: TimeSpan = TimeSpan::from_days(1);
/// The shortest lifetime that an API may choose for its access tokens.
pub const MIN_ACCESS_TTL: TimeSpan = TimeSpan::from_secs(1);
/// The most claims that an API may request: all custom ones that a user can have, and the built-in ones.
const MAX_ASKED: usize = MAX_CLAIMS + USER_CLAIMS.len();

text_enum! {
    /// The `typ` of a token (RFC 7515 §4.1.9), which prevents confusion between kinds of tokens (RFC 8725 §3.11).
    pub enum TokenType {
        /// An access token with its own type (RFC 9068 §2.1).
        AtJwt = "at+jwt",
        /// Any signed token (RFC 7519 §5.1).
        Jwt = "JWT",
        /// A notice to a client that a session has ended (OpenID Connect Back-Channel Logout §2.4).
        LogoutJwt = "logout+jwt",
        /// The revocation feed, for services that verify tokens offline.
        RevocationsJwt = "revocations+jwt",
        /// The caller of a request, for the service behind a gateway. Never accepted as an access token.
        IdentityJwt = "signet-identity+jwt",
    }
}

/// The algorithm of an API's tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TokenAlg {
    /// A signing key of the server, whose public key is in the JWKS.
    Key(SigningAlg),
    /// HMAC with SHA-256 under a secret that this API and the server share (RFC 7518 §3.2).
    SharedSecret,
}

impl TokenAlg {
    /// The name in a token's header (RFC 7518 §3.1).
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Key(alg) => alg.as_str(),
            Self::SharedSecret => "HS256",
        }
    }

    /// Its index in [`all`](Self::all).
    #[must_use]
    pub const fn position(self) -> usize {
        match self {
            Self::Key(alg) => alg as usize,
            Self::SharedSecret => SigningAlg::ALL.len(),
        }
    }

    /// Every algorithm.
    pub fn all() -> impl Iterator<Item = Self> {
        SigningAlg::ALL.iter().copied().map(Self::Key).chain([Self::SharedSecret])
    }
}

impl FromStr for TokenAlg {
    type Err = UnknownText;
    fn from_str(text: &str) -> Result<Self, UnknownText> {
        Self::all().find(|alg| alg.as_str() == text).ok_or(UnknownText)
    }
}

impl fmt::Display for TokenAlg {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for TokenAlg {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

text_enum! {
    /// The conventions that an API's tokens follow.
    pub enum TokenProfile {
        /// RFC 9068: `typ` is `at+jwt`, so that an ID token is never accepted as an access token.
        Rfc9068 = "rfc9068",
        /// For verifiers that refuse `at+jwt`: `typ` is `JWT`, and `azp` repeats the client.
        Jwt = "jwt",
    }
}

/// The rules for the access tokens of an audience.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TokenRules {
    /// The algorithm; `None` means the server's default.
    pub signing_alg: Option<TokenAlg>,
    /// The profile.
    pub profile: TokenProfile,
    /// The lifetime; `None` means the server's default.
    pub access_ttl: Option<TimeSpan>,
    /// The claims about the user in its tokens: `roles`, `groups` and names of custom claims.
    pub claims: Vec<String>,
}

/// Why rules are invalid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RuleError {
    /// The lifetime is out of range.
    AccessTtl,
    /// The lifetime is shorter than twice the retry window of refreshes.
    AccessTtlInWindow,
    /// Not the name of a claim, or too many.
    ClaimName,
    /// A claim that Signet sets itself.
    ReservedClaim,
}

impl RuleError {
    /// The field at fault, by its name on the wire.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::AccessTtl | Self::AccessTtlInWindow => "access_token_ttl",
            Self::ClaimName | Self::ReservedClaim => "claims",
        }
    }

    /// A stable code.
    #[must_use]
    pub const fn code(self) -> &'static str {
        match self {
            Self::AccessTtl | Self::AccessTtlInWindow => "out_of_range",
            Self::ClaimName => "malformed",
            Self::ReservedClaim => "reserved",
        }
    }

    /// The error message.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::AccessTtl => {
                "The lifetime of access tokens is 1 second to 24 hours, in whole seconds."
            }
            Self::AccessTtlInWindow => {
                "The lifetime of access tokens is at least twice SIGNET_REFRESH_RETRY_WINDOW."
            }
            Self::ClaimName => {
                "List claims that every user has (roles, groups) and up to 32 custom ones, each 1 to 64 \
                 characters from a-z A-Z 0-9 _ - . : /."
            }
            Self::ReservedClaim => "Tokens already have this claim, or it is reserved.",
        }
    }
}

impl TokenRules {
    /// Whether tokens carry the claim of this name.
    #[must_use]
    pub fn has_claim(&self, name: &str) -> bool {
        self.claims.iter().any(|claim| claim == name)
    }

    /// The default rules, and those of tokens for Signet itself.
    pub const DEFAULT: Self = Self {
        signing_alg: None,
        profile: TokenProfile::Rfc9068,
        access_ttl: None,
        claims: Vec::new(),
    };

    /// Checks the rules against each other and against the server's retry window. Duplicate names of claims are
    /// dropped.
    ///
    /// # Errors
    /// The first invalid rule.
    pub fn checked(mut self, retry_window: TimeSpan) -> Result<Self, RuleError> {
        if let Some(ttl) = self.access_ttl {
            let whole = ttl.millis() % 1000 == 0;
            if !whole || !(MIN_ACCESS_TTL..=MAX_ACCESS_TTL).contains(&ttl) {
                return Err(RuleError::AccessTtl);
            }
            // As for the server's default: within the window a client may still receive the response to a refresh,
            // and its token must not have expired by then.
            if ttl.millis() < retry_window.millis().saturating_mul(2) {
                return Err(RuleError::AccessTtlInWindow);
            }
        }
        let mut names: Vec<String> = Vec::new();
        for name in self.claims {
            let known = user_claim(&name).is_some();
            if !known && !is_claim_name(&name) {
                return Err(RuleError::ClaimName);
            }
            if !known && is_reserved_claim(&name) {
                return Err(RuleError::ReservedClaim);
            }
            if !names.contains(&name) {
                names.push(name);
            }
        }
        if names.len() > MAX_ASKED {
            return Err(RuleError::ClaimName);
        }
        self.claims = names;
        Ok(self)
    }

    /// The `typ` of these tokens.
    #[must_use]
    pub const fn token_type(&self) -> TokenType {
        match self.profile {
            TokenProfile::Rfc9068 => TokenType::AtJwt,
            TokenProfile::Jwt => TokenType::Jwt,
        }
    }

    /// The algorithm in force if the server's default is `default`.
    #[must_use]
    pub fn alg(&self, default: SigningAlg) -> TokenAlg {
        self.signing_alg.unwrap_or(TokenAlg::Key(default))
    }

    /// Whether a shared secret is needed.
    #[must_use]
    pub fn is_shared_secret(&self) -> bool {
        self.signing_alg == Some(TokenAlg::SharedSecret)
    }

    /// Whether tokens contain data about the user beyond the session.
    #[must_use]
    pub fn asks(&self) -> bool {
        !self.claims.is_empty()
    }
}

impl Default for TokenRules {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WINDOW: TimeSpan = TimeSpan::from_secs(30);

    fn with_ttl(secs: i64) -> TokenRules {
        TokenRules { access_ttl: Some(TimeSpan::from_secs(secs)), ..TokenRules::DEFAULT }
    }

    fn with_claims(names: &[&str]) -> TokenRules {
        let claims = names.iter().map(|name| (*name).to_owned()).collect();
        TokenRules { claims, ..TokenRules::DEFAULT }
    }

    #[test]
    fn a_life_is_in_range_and_outlasts_the_retry_window() {
        assert!(with_ttl(60).checked(WINDOW).is_ok());
        assert!(with_ttl(86_400).checked(WINDOW).is_ok());
        assert!(with_ttl(1).checked(TimeSpan::ZERO).is_ok());
        assert_eq!(with_ttl(59).checked(WINDOW), Err(RuleError::AccessTtlInWindow));
        let odd =
            TokenRules { access_ttl: Some(TimeSpan::from_millis(1_500)), ..TokenRules::DEFAULT };
        assert_eq!(odd.checked(TimeSpan::ZERO), Err(RuleError::AccessTtl));
        for secs in [i64::MIN, -1, 0, 86_401, i64::MAX] {
            assert_eq!(with_ttl(secs).checked(TimeSpan::ZERO), Err(RuleError::AccessTtl), "{secs}");
        }
    }

    #[test]
    fn claims_are_named_once_and_none_is_the_servers_own() {
        let rules = with_claims(&["roles", "groups", "department", "roles"]);
        let rules = rules.checked(WINDOW).unwrap();
        assert_eq!(rules.claims, ["roles", "groups", "department"]);
        assert!(rules.asks() && !TokenRules::DEFAULT.asks());
        for name in ["", "a b", "\u{e4}", &"x".repeat(65)] {
            assert_eq!(with_claims(&[name]).checked(WINDOW), Err(RuleError::ClaimName), "{name}");
        }
        for name in ["sub", "iss", "entitlements", "signet_x"] {
            assert_eq!(with_claims(&[name]).checked(WINDOW), Err(RuleError::ReservedClaim));
        }
        let many: Vec<String> = (0..=MAX_ASKED).map(|n| format!("c{n}")).collect();
        let many = TokenRules { claims: many, ..TokenRules::DEFAULT };
        assert_eq!(many.checked(WINDOW), Err(RuleError::ClaimName));
    }

    #[test]
    fn every_algorithm_has_one_name() {
        for alg in TokenAlg::all() {
            assert_eq!(alg.as_str().parse(), Ok(alg));
        }
        assert_eq!("HS256".parse(), Ok(TokenAlg::SharedSecret));
        for wrong in ["", "none", "hs256", "HS512", "default"] {
            assert_eq!(wrong.parse::<TokenAlg>(), Err(UnknownText));
        }
    }
}
