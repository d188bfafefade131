//! The settings of a client that differ from those of a new client of its type.
//!
//! Reading an exported state gives the same settings: a default that depends on another setting (the PKCE policy of a
//! method, the algorithm of a profile) is left out in exactly the cases in which `Change` fills it in.

use serde_json::{Value, json};

use super::sorted;
use crate::base::TimeSpan;
use crate::domain::client::{
    AssertionAudience, AuthMethod, ClientMetadata, IdTokenClaims, PkcePolicy,
};
use crate::domain::grant_type;
use crate::domain::managed::State;
use crate::domain::signing_key::SigningAlg;
use crate::oauth::grants;

/// The settings of a client, without defaults.
pub fn state(metadata: &ClientMetadata, disabled: bool) -> State {
    let mut found = Found(State::new());
    found.0.insert("name".to_owned(), json!(metadata.name));
    found.0.insert("type".to_owned(), json!(metadata.client_type));
    authentication(metadata, &mut found);
    for (name, text) in [
        ("client_uri", &metadata.client_uri),
        ("policy_uri", &metadata.policy_uri),
        ("tos_uri", &metadata.tos_uri),
        ("backchannel_logout_uri", &metadata.backchannel_logout_uri),
    ] {
        found.unless(text.is_none(), name, || json!(text));
    }
    for (name, list) in [
        ("redirect_uris", &metadata.redirect_uris),
        ("post_logout_redirect_uris", &metadata.post_logout_redirect_uris),
        ("web_origins", &metadata.web_origins),
        ("audiences", &metadata.audiences),
        ("serves", &metadata.resource_servers),
    ] {
        found.unless(list.is_empty(), name, || json!(sorted(list)));
    }
    let usual = grant_type::defaults(grants::ALL, metadata.client_type);
    let is_usual = sorted(&usual) == sorted(&metadata.grant_types);
    found.unless(is_usual, "grant_types", || json!(sorted(&metadata.grant_types)));
    if let Some(scopes) = &metadata.scopes {
        let scopes: Vec<String> = scopes.iter().map(str::to_owned).collect();
        found.unless(false, "scopes", || json!(sorted(&scopes)));
    }
    let admin_scopes: Vec<String> = metadata.admin_scopes.iter().map(str::to_owned).collect();
    found.unless(admin_scopes.is_empty(), "admin_scopes", || json!(sorted(&admin_scopes)));
    let workloads: Vec<String> = metadata.workloads.iter().map(ToString::to_string).collect();
    found.unless(workloads.is_empty(), "workloads", || json!(sorted(&workloads)));
    for (name, span) in [
        ("access_token_ttl", metadata.access_token_ttl),
        ("refresh_idle_ttl", metadata.refresh_idle_ttl),
        ("refresh_max_ttl", metadata.refresh_max_ttl),
    ] {
        found.unless(span.is_none(), name, || json!(span.map(TimeSpan::secs)));
    }
    let alg = if metadata.is_fapi2() { SigningAlg::Es256 } else { SigningAlg::Rs256 };
    let is_usual = metadata.id_token_alg == alg;
    found.unless(is_usual, "id_token_signed_response_alg", || json!(metadata.id_token_alg));
    let is_usual = metadata.id_token_claims == IdTokenClaims::Minimal;
    found.unless(is_usual, "id_token_claims", || json!(metadata.id_token_claims));
    found.unless(metadata.min_acr.is_none(), "min_acr", || json!(metadata.min_acr));
    found.unless(!metadata.skip_consent, "skip_consent", || json!(true));
    found.unless(!metadata.first_party, "first_party", || json!(true));
    found.unless(!disabled, "disabled", || json!(true));
    found.0
}

fn authentication(metadata: &ClientMetadata, found: &mut Found) {
    let method = metadata.auth_method;
    let is_usual = method == metadata.client_type.auth_method();
    // A method that a file names is pinned unless it says otherwise.
    let is_pinned = method.has_secret() && metadata.pins_auth_method();
    found.unless(is_usual && !is_pinned, "token_endpoint_auth_method", || json!(method));
    let is_open = !is_usual && method.has_secret() && !is_pinned;
    found.unless(!is_open, "token_endpoint_auth_method_pinned", || json!(false));
    let is_usual = metadata.assertion_audience == AssertionAudience::Issuer;
    found.unless(is_usual, "assertion_audience", || json!(metadata.assertion_audience));
    let usual = match metadata.is_fapi2() || method == AuthMethod::None {
        true => PkcePolicy::Required,
        false => PkcePolicy::of_new(method),
    };
    found.unless(metadata.pkce_policy() == usual, "pkce", || json!(metadata.pkce_policy()));
    let profile = metadata.security_profile;
    found.unless(profile.is_none(), "security_profile", || json!(profile));
    let mut keys = metadata.jwks.clone();
    keys.sort_by_cached_key(Value::to_string);
    found.unless(keys.is_empty(), "jwks", || json!(keys));
}

/// Collects the settings that differ from the defaults.
struct Found(State);

impl Found {
    fn unless(&mut self, is_usual: bool, name: &str, value: impl FnOnce() -> Value) {
        if !is_usual {
            self.0.insert(name.to_owned(), value());
        }
    }
}
