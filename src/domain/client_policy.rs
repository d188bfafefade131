//! Policies that an administrator chooses for one client.
//!
//! Owns their names and what each allows. Which client has which is `client`.

use crate::text_enum;

use super::client_type::AuthMethod;
use super::signing_key::SigningAlg;

text_enum! {
    /// Whether an authorization request of a confidential client needs a PKCE challenge (RFC 7636).
    pub enum PkcePolicy {
        /// A challenge.
        Required = "required",
        /// A challenge, or an OpenID Connect request with a `nonce`, which the client compares with
        /// the ID token: the exception of OAuth 2.1 (RFC 9700 §2.1.1).
        Nonce = "nonce",
        /// Neither: for libraries that can send neither, and OpenID Basic certification.
        Optional = "optional",
    }
}

impl PkcePolicy {
    /// The policy of a row without the member: it was written when every client had to send a
    /// challenge.
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

    /// Whether a request without a challenge may be answered: `openid` says that an ID token will be
    /// issued, `nonce` that it will hold a value of the client's.
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
    /// A security profile: a set of rules that a client is held to beyond those of its settings.
    pub enum SecurityProfile {
        /// FAPI 2.0 Security Profile: pushed requests, PKCE, DPoP, `private_key_jwt`, strong algorithms,
        /// refresh tokens that do not rotate.
        Fapi2 = "fapi2",
    }
}

/// The algorithms of FAPI 2.0 (§5.4): of assertions, of proofs and of ID tokens.
pub const FAPI2_ALGS: &[SigningAlg] = &[SigningAlg::Ps256, SigningAlg::Es256, SigningAlg::EdDsa];

text_enum! {
    /// What the `aud` of a client assertion may be (RFC 7523 §3).
    pub enum AssertionAudience {
        /// The issuer, as a string (draft-ietf-oauth-rfc7523bis): no other server can have been given
        /// the assertion.
        Issuer = "issuer",
        /// The issuer, the token endpoint or the endpoint that is called, as a string or a list of
        /// one: what libraries send that follow OpenID Connect Core §9.
        Endpoint = "endpoint",
    }
}

impl AssertionAudience {
    /// The only audience there was when a row without the member was written.
    #[must_use]
    pub const fn of_old_row() -> Self {
        Self::Issuer
    }
}

text_enum! {
    /// Which claims about its user an ID token has.
    pub enum IdTokenClaims {
        /// Those that were requested by name (`claims`); the others are at the userinfo endpoint.
        Minimal = "minimal",
        /// Those of the granted scopes as well: for clients that read the ID token only.
        Scopes = "scopes",
    }
}

impl IdTokenClaims {
    /// The only choice there was when a row without the member was written.
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
