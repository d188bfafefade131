//! The FAPI 2.0 Security Profile: its rules for the settings of a client.
//!
//! Its rules for requests are checked where requests are handled.

use serde_json::Value;

use super::client::{AssertionAudience, AuthMethod, ClientMetadata, FAPI2_ALGS, PkcePolicy};
use super::client_checks::Found;

impl ClientMetadata {
    /// FAPI 2.0 Security Profile, §5.3.2 and §5.4.
    pub(super) fn check_fapi2(&self, found: &mut Found) {
        if !self.is_fapi2() {
            return;
        }
        let code = "not_for_this_profile";
        if self.auth_method != AuthMethod::PrivateKeyJwt {
            let message = "A client with the profile fapi2 authenticates with private_key_jwt.";
            found.note("token_endpoint_auth_method", code, message);
        }
        if self.pkce != PkcePolicy::Required {
            let message =
                "A client with the profile fapi2 always sends a PKCE challenge: required.";
            found.note("pkce", code, message);
        }
        if self.assertion_audience != AssertionAudience::Issuer {
            let message = "The audience of assertions is the issuer under the profile fapi2.";
            found.note("assertion_audience", code, message);
        }
        if !FAPI2_ALGS.contains(&self.id_token_alg) {
            let message =
                "ID tokens are signed with PS256, ES256 or EdDSA under the profile fapi2.";
            found.note("id_token_signed_response_alg", code, message);
        }
        let strong = |key: &Value| {
            let alg = key.get("alg").and_then(Value::as_str).unwrap_or_default();
            alg == "Ed25519" || FAPI2_ALGS.iter().any(|known| known.as_str() == alg)
        };
        if !self.jwks.iter().all(strong) {
            let message = "Keys are for PS256, ES256 or EdDSA under the profile fapi2. An RSA key \
                        without alg is for RS256: give it alg PS256.";
            found.note("jwks", code, message);
        }
        if self.grant_types.iter().any(|grant| grant.ends_with(":device_code")) {
            let message = "The profile fapi2 has no device grant: its requests are pushed.";
            found.note("grant_types", code, message);
        }
        if self.first_party {
            let message =
                "A client with the profile fapi2 logs users in at /oauth2/authorize only.";
            found.note("first_party", code, message);
        }
    }
}
