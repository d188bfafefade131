//! A change of an API: which settings it contains, and the changed API.

use std::collections::BTreeMap;

use crate::base::TimeSpan;
use crate::domain::api::Api;
use crate::domain::outcome::Refusal;
use crate::domain::scope::Scopes;
use crate::domain::token_rules::{TokenAlg, TokenProfile, TokenRules};
use crate::store::apis::StoredApi;

use super::apis::{parse_scopes, refused};

/// Settings of an API. `None` keeps the present value, or the default for a new API.
#[derive(Debug, Clone, Default)]
pub struct Change {
    /// All the scopes it offers.
    pub scopes: Option<Vec<String>>,
    /// New descriptions by scope; `None` removes one.
    pub scope_descriptions: BTreeMap<String, Option<String>>,
    /// All the scopes that users may give their API keys.
    pub key_scopes: Option<Vec<String>>,
    /// The signature algorithm of its tokens, or the server's default.
    pub signing_alg: Option<Option<TokenAlg>>,
    /// The conventions that its tokens follow.
    pub token_profile: Option<TokenProfile>,
    /// The lifetime of its access tokens, or the server's default.
    pub access_token_ttl: Option<Option<TimeSpan>>,
    /// All claims about users in its tokens.
    pub claims: Option<Vec<String>>,
    /// Whether clients that describe themselves may have tokens for it.
    pub documents: Option<bool>,
    /// Replaces the shared secret. The old one stops working at once.
    pub new_secret: bool,
}

impl Change {
    /// Whether the change is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.scopes.is_none()
            && self.scope_descriptions.is_empty()
            && self.key_scopes.is_none()
            && self.signing_alg.is_none()
            && self.token_profile.is_none()
            && self.access_token_ttl.is_none()
            && self.claims.is_none()
            && self.documents.is_none()
            && !self.new_secret
    }

    /// The change without the fields that equal the stored value. See `client_unchanged`.
    pub(super) fn without_unchanged(mut self, stored: &StoredApi) -> Self {
        let (api, rules) = (&stored.api, &stored.api.rules);
        let same = |chosen: &Vec<String>, known: &Scopes| {
            Scopes::parse(&chosen.join(" ")).is_ok_and(|scopes| scopes == *known)
        };
        self.scopes = self.scopes.filter(|chosen| !same(chosen, &api.scopes));
        self.key_scopes = self.key_scopes.filter(|chosen| !same(chosen, &api.key_scopes));
        let known = |scope: &String| api.scope_descriptions.get(scope);
        self.scope_descriptions.retain(|scope, chosen| known(scope) != chosen.as_ref());
        self.signing_alg = self.signing_alg.filter(|chosen| *chosen != rules.signing_alg);
        self.token_profile = self.token_profile.filter(|chosen| *chosen != rules.profile);
        self.access_token_ttl = self.access_token_ttl.filter(|chosen| *chosen != rules.access_ttl);
        self.claims = self.claims.filter(|chosen| *chosen != rules.claims);
        self.documents = self.documents.filter(|chosen| *chosen != api.documents);
        self
    }

    /// `api` with the change.
    pub(super) fn applied_to(&self, api: Api, retry_window: TimeSpan) -> Result<Api, Refusal> {
        let before = api.rules.clone();
        let api = match &self.scopes {
            None => api,
            Some(scopes) => api.offering(parse_scopes("scopes", scopes)?).map_err(refused)?,
        };
        let api = match &self.key_scopes {
            None => api,
            Some(scopes) => {
                api.opening_to_keys(parse_scopes("key_scopes", scopes)?).map_err(refused)?
            }
        };
        let api = api.describing(&self.scope_descriptions).map_err(refused)?;
        let life_is_new = self.access_token_ttl.is_some();
        let rules = TokenRules {
            signing_alg: self.signing_alg.unwrap_or(before.signing_alg),
            profile: self.token_profile.unwrap_or(before.profile),
            access_ttl: self.access_token_ttl.unwrap_or(before.access_ttl),
            claims: self.claims.clone().unwrap_or(before.claims),
        };
        // A stored lifetime is not checked again: the server's window may have grown since it was chosen, and must
        // not block another change.
        let rules = rules
            .checked(if life_is_new { retry_window } else { TimeSpan::ZERO })
            .map_err(|error| Refusal::field(error.field(), error.code(), error.message()))?;
        if self.new_secret && !rules.is_shared_secret() {
            let message = "Only an API with HS256 has a shared secret.";
            return Err(Refusal::field("new_secret", "no_shared_secret", message));
        }
        let documents = self.documents.unwrap_or(api.documents);
        Ok(Api { rules, documents, ..api })
    }
}
