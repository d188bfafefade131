//! What was wrong with requests of a registered client, for the operator who asks why.
//!
//! Owns which findings there are, how many of them are kept and how each is explained. A finding never holds a
//! secret, a user or a free text of a request: only a scope, shortened, is the client's own words.

use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

use super::api::Api;
use super::client::Client;
use super::oidc;
use super::scope::RequestedScopes;

/// How many findings of one code a client has; further ones are counted together, without a detail.
pub const MAX_DETAILS: i64 = 16;
/// How long a finding is told after it was seen last.
pub const TOLD_FOR: TimeSpan = TimeSpan::from_days(30);
/// The longest detail, in characters.
const MAX_DETAIL: usize = 300;
/// The longest scope that is kept whole, in characters; a scope has ASCII characters only.
const MAX_SCOPE: usize = 64;

text_enum! {
    /// A finding that has an explanation of its own: a code of ours, or the error code of a refusal.
    pub enum FindingCode {
        /// A scope was left out that an API offers, or this server has, and that the client may not have.
        ScopeNotGranted = "scope_not_granted",
        /// A scope was left out that no API offers.
        ScopeUnknown = "scope_unknown",
        /// The redirect URI is not registered.
        RedirectUri = "redirect_uri_not_registered",
        /// A secret that is not the client's.
        WrongSecret = "wrong_secret",
        /// A method of authentication that the client is not registered for.
        WrongMethod = "wrong_method",
        /// An assertion that does not authenticate the client.
        AssertionRefused = "assertion_refused",
        /// A refresh token, code or other grant that is invalid.
        InvalidGrant = "invalid_grant",
        /// A grant that the client is not registered for.
        UnauthorizedClient = "unauthorized_client",
        /// A scope that the client may not have, where all or nothing is granted.
        InvalidScope = "invalid_scope",
        /// An API that the client may not have tokens for.
        InvalidTarget = "invalid_target",
    }
}

/// What tells one finding of a client from another.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    /// The client.
    pub client_id: String,
    /// The path it called.
    pub endpoint: String,
    /// What was found: a [`FindingCode`] or another error code of OAuth.
    pub code: String,
    /// A scope or a sentence of ours; empty for all that are counted together.
    pub detail: String,
}

impl FindingKey {
    /// The key of all findings of this client, endpoint and code that are counted together. It is the least of
    /// them in the order of keys.
    #[must_use]
    pub fn together(&self) -> Self {
        Self { detail: String::new(), ..self.clone() }
    }

    /// Whether the other differs in the detail only.
    #[must_use]
    pub fn is_of_kind(&self, other: &Self) -> bool {
        let Self { client_id, endpoint, code, detail: _ } = other;
        (&self.client_id, &self.endpoint, &self.code) == (client_id, endpoint, code)
    }

    /// A finding; `detail` is shortened.
    #[must_use]
    pub fn new(client_id: &str, endpoint: &'static str, code: &str, detail: &str) -> Self {
        Self {
            client_id: client_id.to_owned(),
            endpoint: endpoint.to_owned(),
            code: code.to_owned(),
            detail: detail.chars().take(MAX_DETAIL).collect(),
        }
    }
}

/// The findings for scopes that were left out of a request. `exists` says whether an API offers a scope.
#[must_use]
pub fn dropped(
    client_id: &str,
    endpoint: &'static str,
    dropped: &RequestedScopes,
    exists: impl Fn(&str) -> bool,
) -> Vec<FindingKey> {
    let most = usize::try_from(MAX_DETAILS).unwrap_or(usize::MAX);
    let of = |scope: &str| {
        // Callers without credentials can invent scopes, and not those of the other code.
        let known = oidc::is_scope(scope) || oidc::is_unsupported(scope) || exists(scope);
        let code = if known { FindingCode::ScopeNotGranted } else { FindingCode::ScopeUnknown };
        let short: String = scope.chars().take(MAX_SCOPE).collect();
        FindingKey::new(client_id, endpoint, code.as_str(), &short)
    };
    dropped.iter().take(most).map(of).collect()
}

/// A finding and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What.
    pub key: FindingKey,
    /// How often.
    pub times: i64,
    /// When it was seen first.
    pub first_at: Timestamp,
    /// When it was seen last.
    pub last_at: Timestamp,
}

/// A sentence about a finding, and the command or change that ends it, where one does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    /// What was wrong.
    pub message: String,
    /// What to do.
    pub fix: Option<String>,
}

/// Explains a finding of `client` as it is registered now; `apis` are those that offer the scope of the
/// finding.
#[must_use]
pub fn explain(key: &FindingKey, client: &Client, apis: &[&Api]) -> Explanation {
    let id = &client.client_id;
    let with_fix = |message: String, fix: String| Explanation { message, fix: Some(fix) };
    let update = |what: &str| format!("signet client update {id} {what}");
    let others = key.detail.is_empty();
    let Ok(code) = key.code.parse::<FindingCode>() else {
        return Explanation { message: sentence(key), fix: None };
    };
    match code {
        FindingCode::ScopeUnknown | FindingCode::ScopeNotGranted if others => with_fix(
            "Further scopes were left out of requests.".to_owned(),
            "Remove scopes that the client does not need from its configuration.".to_owned(),
        ),
        FindingCode::ScopeUnknown | FindingCode::ScopeNotGranted => scope(key, client, apis),
        FindingCode::RedirectUri => with_fix(
            "A request named a redirect_uri that is not registered for the client. Redirect URIs are \
             compared character by character."
                .to_owned(),
            update("--redirect-uri URI with the whole list"),
        ),
        FindingCode::WrongSecret => with_fix(
            "The client sent a secret that is not one of its own.".to_owned(),
            format!(
                "Give the client its secret. If that is lost:  signet client rotate-secret {id}"
            ),
        ),
        FindingCode::WrongMethod => with_fix(
            "The client authenticated by a method that it is not registered for.".to_owned(),
            format!(
                "Set the client to {}, or:  {}",
                client.metadata.auth_method,
                update("--auth-method METHOD")
            ),
        ),
        FindingCode::AssertionRefused => with_fix(
            "An assertion (private_key_jwt) did not authenticate the client: it is signed with another \
             key, is expired or used, or names another audience."
                .to_owned(),
            update("--jwks-file FILE, if the client has a new key"),
        ),
        FindingCode::UnauthorizedClient => {
            with_fix(sentence(key), update("--grant GRANT with the whole list"))
        }
        FindingCode::InvalidScope => {
            with_fix(sentence(key), update("--scope SCOPE with the whole list"))
        }
        FindingCode::InvalidTarget => {
            with_fix(sentence(key), update("--audience IDENTIFIER with the whole list"))
        }
        FindingCode::InvalidGrant => Explanation { message: sentence(key), fix: None },
    }
}

/// The sentence that the client was answered with.
fn sentence(key: &FindingKey) -> String {
    if key.detail.is_empty() {
        return format!("Further requests were refused with {}.", key.code);
    }
    format!("A request was refused with {}: {}", key.code, key.detail)
}

/// The command that gives a client all of `known` and `new`.
fn whole<'a>(id: &str, option: &str, known: impl Iterator<Item = &'a str>, new: &'a str) -> String {
    let all = known.chain([new]).map(|word| format!(" {option} {word}"));
    format!("signet client update {id}{}", all.collect::<String>())
}

fn scope(key: &FindingKey, client: &Client, apis: &[&Api]) -> Explanation {
    let (id, scope) = (&client.client_id, &key.detail);
    let left_out = format!("The scope \"{scope}\" was left out");
    let own = apis.iter().any(|api| client.may_target_api(&api.identifier));
    let (message, fix) = if oidc::is_unsupported(scope) {
        (
            format!("{left_out}: this server has no claims for it."),
            "Remove it from the configuration of the client.".to_owned(),
        )
    } else if apis.is_empty() && !oidc::is_scope(scope) {
        (
            format!("{left_out}: no API offers it."),
            "Remove it from the configuration of the client, or let an API offer it:  signet api set \
             IDENTIFIER --scope SCOPE with the whole list"
                .to_owned(),
        )
    } else if let (Some(scopes), false) = (&client.metadata.scopes, client.may_request_scope(scope))
    {
        (
            format!("{left_out}: the client is registered for other scopes."),
            whole(id, "--scope", scopes.iter(), scope),
        )
    } else if let (Some(api), false) = (apis.first(), own) {
        let audiences = &client.metadata.audiences;
        (
            format!(
                "{left_out}: the API {} offers it, and the client may have no tokens for that API.",
                api.identifier
            ),
            whole(id, "--audience", audiences.iter().map(String::as_str), &api.identifier),
        )
    } else if let Some(api) = apis.first() {
        (
            format!(
                "{left_out}: the API {} offers it, and the request was for another API or for none.",
                api.identifier
            ),
            format!("The client sends resource={} with such requests.", api.identifier),
        )
    } else {
        (format!("{left_out}. The client may have it by now."), format!("signet client show {id}"))
    };
    Explanation { message, fix: Some(fix) }
}

#[cfg(test)]
#[path = "client_finding_tests.rs"]
mod tests;
