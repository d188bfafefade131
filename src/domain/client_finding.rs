//! Findings about requests of a registered client, for operators.
//!
//! Owns the kinds of findings and how many are kept; `finding_explanation` explains them. A finding never contains
//! a secret, a user or free text of a request, only a scope, an API, a redirect URI without its query, or a claim of a
//! genuine token of a trusted issuer, each shortened.

use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

use super::oidc;
use super::scope::RequestedScopes;

/// How many findings of one code a client has. Further ones are summed, without a detail.
pub const MAX_DETAILS: i64 = 16;
/// How long a finding is reported after it was last seen.
pub const TOLD_FOR: TimeSpan = TimeSpan::from_days(30);
/// The longest detail, in characters.
const MAX_DETAIL: usize = 300;
/// The longest scope that is kept whole, in characters. Scopes are ASCII.
const MAX_SCOPE: usize = 64;

text_enum! {
    /// A finding with its own explanation: one of Signet's codes, or the error code of a refusal.
    pub enum FindingCode {
        /// An omitted scope that exists, at an API or at this server, but is not allowed for the client.
        ScopeNotGranted = "scope_not_granted",
        /// An omitted scope that no API offers.
        ScopeUnknown = "scope_unknown",
        /// The redirect URI is not registered.
        RedirectUri = "redirect_uri_not_registered",
        /// The client secret is wrong.
        WrongSecret = "wrong_secret",
        /// A method of authentication that the client is not registered for.
        WrongMethod = "wrong_method",
        /// An assertion that does not authenticate the client.
        AssertionRefused = "assertion_refused",
        /// A token of another issuer that does not authenticate the client as a workload.
        WorkloadRefused = "workload_refused",
        /// A refresh token, code or other grant that is invalid.
        InvalidGrant = "invalid_grant",
        /// A grant that the client is not registered for.
        UnauthorizedClient = "unauthorized_client",
        /// A scope that the client is not allowed, in a request that is granted completely or not at all.
        InvalidScope = "invalid_scope",
        /// An API that the client may not get tokens for.
        InvalidTarget = "invalid_target",
    }
}

/// The identity of a finding about a client.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    /// The `client_id` of the client.
    pub client_id: String,
    /// The path it called.
    pub endpoint: String,
    /// A [`FindingCode`] or another error code of OAuth.
    pub code: String,
    /// A scope, an API, a redirect URI, a grant, a method, a claim of a workload or a fixed sentence; empty for findings
    /// that are summed.
    pub detail: String,
}

impl FindingKey {
    /// The key under which all findings of this client, endpoint and code are summed. It sorts before all their keys.
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
        // Unauthenticated callers can invent scopes, so unknown ones have a separate code.
        let known = oidc::is_scope(scope) || oidc::is_unsupported(scope) || exists(scope);
        let code = if known { FindingCode::ScopeNotGranted } else { FindingCode::ScopeUnknown };
        let short: String = scope.chars().take(MAX_SCOPE).collect();
        FindingKey::new(client_id, endpoint, code.as_str(), &short)
    };
    dropped.iter().take(most).map(of).collect()
}

/// The part of a redirect URI that a finding keeps. The query may contain texts of a user and is left out; the
/// question mark stays, because it may be the difference from a registered URI.
#[must_use]
pub fn redirect_detail(asked: &str) -> String {
    let without_fragment = asked.split('#').next().unwrap_or_default();
    match without_fragment.split_once('?') {
        Some((before, _)) => format!("{before}?"),
        None => without_fragment.to_owned(),
    }
}

/// A finding and how often it was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Its identity.
    pub key: FindingKey,
    /// The number of times.
    pub times: i64,
    /// When it was seen first.
    pub first_at: Timestamp,
    /// When it was seen last.
    pub last_at: Timestamp,
}

impl Finding {
    /// Whether it was last seen before its client was last changed, at `updated_at`: that change may have fixed it.
    #[must_use]
    pub fn is_before_change(&self, updated_at: Timestamp) -> bool {
        self.last_at < updated_at
    }
}

#[cfg(test)]
#[path = "client_finding_tests.rs"]
mod tests;
