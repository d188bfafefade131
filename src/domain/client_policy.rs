//! Policies that an administrator chooses for one client.
//!
//! Owns their names and what each allows.

use crate::text_enum;

use super::client_type::AuthMethod;
use super::signing_key::SigningAlg;

text_enum! {
    /// Whether an authorization request of a confidential client needs a PKCE challenge (RFC 7636).
    pub enum PkcePolicy {
        /// A challenge is required.
        Required = "required",
        /// A challenge, or an OpenID Connect request with a `nonce`, which the client compares with the one
        /// in the ID token: the exception of OAuth 2.1 (RFC 9700 §2.1.1).
        Nonce = "nonce",
        /// Neither is required: for libraries that send neither, and for OpenID Basic certification.
        Optional = "optional",
    }
}

impl PkcePolicy {
    /// The policy of rows without the member, which are from when every client had to send a challenge.
    #[must_use]
    pub const fn of_old_row() -> Self {
        Self::Required
    }

    /// The policy a new client starts with.
    #[must_use]
    pub const fn of_new(auth_method: AuthMethod) -> Self {
        match auth_method {
            AuthMethod::None => Self::Required,
            _ => Self::Nonce,
        }
    }

    /// Whether a request without a challenge is accepted. `openid` and `nonce` together bind the ID token to the
    /// client's request.
    #[must_use]
    pub const fn allows_no_challenge(self, openid: bool, nonce: bool) -> bool {
        match self {
            Self::Required => false,
            Self::Nonce => openid && nonce,
            Self::Optional => true,
        }
    }
}

text_enum! {
    /// A security profile: additional rules that a client must follow.
    pub enum SecurityProfile {
        /// FAPI 2.0 Security Profile: pushed requests, PKCE, DPoP, `private_key_jwt`, strong algorithms,
        /// refresh tokens that do not rotate.
        Fapi2 = "fapi2",
    }
}

/// The algorithms of FAPI 2.0 (§5.4): of assertions, of proofs and of ID tokens.
pub const FAPI2_ALGS: &[SigningAlg] = &[SigningAlg::Ps256, SigningAlg::Es256, SigningAlg::EdDsa];

text_enum! {
    /// The accepted `aud` of a client assertion (RFC 7523 §3).
    pub enum AssertionAudience {
        /// The issuer, as a string (draft-ietf-oauth-rfc7523bis), so that the assertion cannot have been made for
        /// another server.
        Issuer = "issuer",
        /// The issuer, the token endpoint or the called endpoint, as a string or a list of one: for libraries that
        /// follow OpenID Connect Core §9.
        Endpoint = "endpoint",
    }
}

impl AssertionAudience {
    /// The value of rows without the member, which are from when there was no other.
    #[must_use]
    pub const fn of_old_row() -> Self {
        Self::Issuer
    }
}

text_enum! {
    /// Which claims about the user an ID token contains.
    pub enum IdTokenClaims {
        /// Those that were requested by name (`claims`); the others are at the userinfo endpoint.
        Minimal = "minimal",
        /// Those of the granted scopes as well: for clients that read the ID token only.
        Scopes = "scopes",
    }
}

impl IdTokenClaims {
    /// The value of rows without the member, which are from when there was no other.
    #[must_use]
    pub const fn of_old_row() -> Self {
        Self::Minimal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_without_a_challenge_needs_a_policy_that_allows_it() {
        for (policy, neither, openid, nonce, both) in [
            (PkcePolicy::Required, false, false, false, false),
            (PkcePolicy::Nonce, false, false, false, true),
            (PkcePolicy::Optional, true, true, true, true),
        ] {
            let allowed = [(false, false), (true, false), (false, true), (true, true)]
                .map(|(openid, nonce)| policy.allows_no_challenge(openid, nonce));
            assert_eq!(allowed, [neither, openid, nonce, both], "{policy}");
        }
    }
}
