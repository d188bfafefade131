//! The algorithms that popular verifiers do not support.
//!
//! One table for all warnings about algorithms. Observed with released versions; remove a verifier when it supports
//! an algorithm.

use crate::domain::token_rules::TokenAlg;

/// A verifier and the algorithms it is known not to accept.
struct Verifier {
    name: &'static str,
    refuses: &'static [&'static str],
}

/// By the algorithm's name, including algorithms that are not offered yet.
const TABLE: &[Verifier] = &[
    Verifier { name: "AWS API Gateway (HTTP APIs)", refuses: &["ES384", "EdDSA"] },
    Verifier {
        name: "lua-resty-openidc (APISIX openid-connect, kong-oidc)",
        refuses: &["ES384", "PS256", "EdDSA"],
    },
    Verifier { name: "the TeslaGov nginx module", refuses: &["ES384", "PS256", "EdDSA"] },
    Verifier { name: "NGINX Plus auth_jwt", refuses: &["PS256"] },
    Verifier { name: "Spring Security (issuer-uri)", refuses: &["EdDSA"] },
    Verifier { name: "ASP.NET Core JwtBearer", refuses: &["EdDSA"] },
    Verifier { name: "Kubernetes (--oidc-issuer-url)", refuses: &["EdDSA"] },
    Verifier { name: "caddy-security", refuses: &["EdDSA"] },
    Verifier { name: "angular-auth-oidc-client", refuses: &["EdDSA"] },
];

/// Verifiers that drop a whole key set because of one key of a type they do not know.
const DROP_THE_SET: &str = "Cloudflare Zero Trust, ruby-jwt 3.2, json-jwt (Ruby), Authlib, \
                            JOSESwift 3.0, fusionauth-jwt 6.0";

/// Warnings for an administrator who chooses `alg`, one sentence each. There are none for ES256 and RS256.
#[must_use]
pub fn warnings(alg: TokenAlg) -> Vec<String> {
    let name = alg.as_str();
    if alg == TokenAlg::SharedSecret {
        return vec![
            "HS256: no verifier that fetches its keys from the JWKS can use it, among them Spring \
             Security (issuer-uri), ASP.NET Core JwtBearer, go-oidc, Kubernetes, Envoy jwt_authn, \
             AWS API Gateway, jose createRemoteJWKSet and PyJWKClient. It must be given the shared \
             secret."
                .to_owned(),
            "HS256: a party that can verify these tokens can also forge them.".to_owned(),
        ];
    }
    let mut warnings = Vec::new();
    let refuse: Vec<&str> = TABLE
        .iter()
        .filter(|verifier| verifier.refuses.contains(&name))
        .map(|verifier| verifier.name)
        .collect();
    if !refuse.is_empty() {
        warnings.push(format!("{name} is not accepted by: {}.", refuse.join(", ")));
    }
    if name == "EdDSA" {
        warnings.push(format!(
            "EdDSA adds a key of type OKP to the key set, and a key of a type they do not know \
             makes several verifiers drop the WHOLE set, RSA and P-256 keys included: \
             {DROP_THE_SET}."
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::signing_key::SigningAlg;

    #[test]
    fn the_defaults_warn_of_nothing_and_everything_else_of_something() {
        for alg in TokenAlg::all() {
            let quiet = matches!(alg, TokenAlg::Key(SigningAlg::Es256 | SigningAlg::Rs256));
            assert_eq!(warnings(alg).is_empty(), quiet, "{alg}");
        }
    }
}
