//! Converts a checked request back into equivalent parameters.
//!
//! Unknown parameters are left out, because they had no effect.

use serde_json::{Map, Value, json};

use crate::domain::authorization::Request;
use crate::domain::interaction::ResponseMode;
use crate::domain::pkce;
use crate::domain::requested_scopes::RequestedScopes;

use super::pending_request::LogoutDestination;

/// The parameters of an authorization request equivalent to `request`. The user of an `id_token_hint` is expressed
/// by a claim.
pub(super) fn authorization_request(request: &Request) -> Vec<(&'static str, String)> {
    let scopes = RequestedScopes::from(&request.scopes).with(request.dropped.iter());
    let authn = &request.authn;
    let prompt: Vec<&str> = authn.prompt.iter().map(|prompt| prompt.as_str()).collect();
    let mode = (request.mode != ResponseMode::Query).then(|| request.mode.as_str().to_owned());
    let method = request.code_challenge.is_some().then(|| pkce::METHOD.to_owned());
    [
        ("client_id", Some(request.client_id.clone())),
        ("redirect_uri", Some(request.redirect_uri.clone())),
        ("response_type", Some("code".to_owned())),
        ("response_mode", mode),
        ("scope", Some(scopes.as_str().to_owned())),
        ("resource", request.audience.clone()),
        ("state", request.state.clone()),
        ("nonce", request.nonce.clone()),
        ("code_challenge", request.code_challenge.clone()),
        ("code_challenge_method", method),
        ("prompt", Some(prompt.join(" "))),
        ("max_age", authn.max_age.map(|age| age.secs().to_string())),
        ("acr_values", wished_acr(request)),
        ("claims", claims(request)),
        ("dpop_jkt", request.dpop_jkt.clone()),
        ("login_hint", request.login_hint.clone()),
        ("ui_locales", request.ui_locales.clone()),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.filter(|value| !value.is_empty())?)))
    .collect()
}

fn wished_acr(request: &Request) -> Option<String> {
    let acr = request.authn.acr.filter(|acr| !acr.is_essential)?;
    Some(acr.level.as_str().to_owned())
}

/// The `claims` parameter of a request, if it needs one.
fn claims(request: &Request) -> Option<String> {
    let named = |names: &[String]| -> Map<String, Value> {
        names.iter().map(|name| (name.clone(), Value::Null)).collect()
    };
    let mut id_token = named(&request.asked_claims.id_token);
    let userinfo = named(&request.asked_claims.userinfo);
    if let Some(sub) = &request.authn.sub {
        id_token.insert("sub".to_owned(), json!({ "value": sub }));
    }
    if let Some(acr) = request.authn.acr.filter(|acr| acr.is_essential) {
        id_token.insert("acr".to_owned(), json!({ "essential": true, "value": acr.level }));
    }
    let all = json!({ "id_token": id_token, "userinfo": userinfo });
    (!id_token.is_empty() || !userinfo.is_empty()).then(|| all.to_string())
}

/// The parameters of a log-out request equivalent to `request`.
pub(super) fn log_out(request: &LogoutDestination) -> Vec<(&'static str, String)> {
    [
        ("client_id", &request.client_id),
        ("post_logout_redirect_uri", &request.return_uri),
        ("state", &request.state),
        ("ui_locales", &request.ui_locales),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value.clone()?)))
    .collect()
}
