//! Drops the fields of a change that equal the stored value. They are not validated again, so that a
//! representation from `GET` can be sent back after a rule became stricter.

use crate::domain::client::{AssertionAudience, ClientMetadata, IdTokenClaims};
use crate::domain::client_jwks;
use crate::domain::scope::Scopes;

use super::client_patch::{Change, once_each};

impl Change {
    /// The change without the fields that equal the value in `before`.
    pub(super) fn without_unchanged(mut self, before: &ClientMetadata) -> Self {
        self.drop_derived(before);
        let list = |chosen: &Vec<String>, before: &[String]| once_each(chosen) == before;
        drop_if(&mut self.name, |name| *name == before.name);
        drop_if(&mut self.client_type, |chosen| *chosen == before.client_type);
        drop_if(&mut self.assertion_audience, |chosen| {
            chosen.unwrap_or(AssertionAudience::Issuer) == before.assertion_audience
        });
        drop_if(&mut self.security_profile, |chosen| *chosen == before.security_profile);
        drop_if(&mut self.client_uri, |chosen| *chosen == before.client_uri);
        drop_if(&mut self.policy_uri, |chosen| *chosen == before.policy_uri);
        drop_if(&mut self.tos_uri, |chosen| *chosen == before.tos_uri);
        drop_if(&mut self.redirect_uris, |chosen| list(chosen, &before.redirect_uris));
        drop_if(&mut self.post_logout_redirect_uris, |chosen| {
            list(chosen, &before.post_logout_redirect_uris)
        });
        drop_if(&mut self.backchannel_logout_uri, |chosen| {
            *chosen == before.backchannel_logout_uri
        });
        drop_if(&mut self.web_origins, |chosen| list(chosen, &before.web_origins));
        drop_if(&mut self.grant_types, |chosen| {
            chosen.as_ref().is_some_and(|chosen| list(chosen, &before.grant_types))
        });
        drop_if(&mut self.scopes, |chosen| same_scopes(chosen.as_deref(), before.scopes.as_ref()));
        drop_if(&mut self.audiences, |chosen| list(chosen, &before.audiences));
        drop_if(&mut self.resource_servers, |chosen| list(chosen, &before.resource_servers));
        drop_if(&mut self.access_token_ttl, |chosen| *chosen == before.access_token_ttl);
        drop_if(&mut self.refresh_idle_ttl, |chosen| *chosen == before.refresh_idle_ttl);
        drop_if(&mut self.refresh_max_ttl, |chosen| *chosen == before.refresh_max_ttl);
        drop_if(&mut self.id_token_alg, |chosen| *chosen == Some(before.id_token_alg));
        drop_if(&mut self.id_token_claims, |chosen| {
            chosen.unwrap_or(IdTokenClaims::Minimal) == before.id_token_claims
        });
        drop_if(&mut self.min_acr, |chosen| *chosen == before.min_acr);
        let admin_scopes: Vec<&str> = before.admin_scopes.iter().collect();
        drop_if(&mut self.admin_scopes, |chosen| once_each(chosen) == admin_scopes);
        let workloads: Vec<String> = before.workloads.iter().map(ToString::to_string).collect();
        drop_if(&mut self.workloads, |chosen| once_each(chosen) == workloads);
        self
    }

    /// Drops settings whose displayed value is derived from another setting, if that one is unchanged too. A
    /// derived setting that is sent alone is a choice, even with the displayed value.
    fn drop_derived(&mut self, before: &ClientMetadata) {
        let same_method = self.auth_method == Some(Some(before.auth_method));
        let same_pin = self.auth_method_pinned == Some(before.pins_auth_method());
        if same_pin && (same_method || self.auth_method.is_none()) {
            (self.auth_method, self.auth_method_pinned) = (None, None);
        }
        let same_profile = self.security_profile == Some(before.security_profile);
        drop_if(&mut self.pkce, |chosen| {
            *chosen == Some(before.pkce_policy())
                && (*chosen == Some(before.pkce) || (same_method && same_profile))
        });
        let same_party = self.first_party == Some(before.first_party);
        drop_if(&mut self.skip_consent, |chosen| {
            *chosen == before.skips_consent() && (*chosen == before.skip_consent || same_party)
        });
        drop_if(&mut self.first_party, |chosen| *chosen == before.first_party);
        // Keys of an older version verify two algorithms until they are registered again.
        let open = !client_jwks::of_two_algorithms(&before.jwks).is_empty();
        drop_if(&mut self.jwks, |given| {
            client_jwks::listed(given) == Some(&before.jwks[..]) && (!open || same_method)
        });
    }
}

fn drop_if<T>(chosen: &mut Option<T>, is_unchanged: impl FnOnce(&T) -> bool) {
    if chosen.as_ref().is_some_and(is_unchanged) {
        *chosen = None;
    }
}

fn same_scopes(chosen: Option<&[String]>, before: Option<&Scopes>) -> bool {
    match (chosen, before) {
        (None, None) => true,
        (Some(chosen), Some(before)) => {
            let parsed = Scopes::parse(&chosen.join(" "));
            parsed.is_ok_and(|parsed| parsed == *before)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::client::{AuthMethod, ClientType, PkcePolicy};
    use crate::oauth::grants;

    fn web() -> ClientMetadata {
        ClientMetadata::new("Shop".to_owned(), ClientType::Web, grants::ALL)
    }

    #[test]
    fn everything_that_is_so_already_is_no_change() {
        let before = web();
        let change = Change {
            name: Some(before.name.clone()),
            client_type: Some(before.client_type),
            auth_method: Some(Some(before.auth_method)),
            auth_method_pinned: Some(before.pins_auth_method()),
            assertion_audience: Some(Some(before.assertion_audience)),
            pkce: Some(Some(before.pkce_policy())),
            security_profile: Some(before.security_profile),
            client_uri: Some(None),
            policy_uri: Some(None),
            tos_uri: Some(None),
            redirect_uris: Some(Vec::new()),
            post_logout_redirect_uris: Some(Vec::new()),
            backchannel_logout_uri: Some(None),
            web_origins: Some(Vec::new()),
            grant_types: Some(Some(before.grant_types.clone())),
            scopes: Some(None),
            audiences: Some(Vec::new()),
            resource_servers: Some(Vec::new()),
            access_token_ttl: Some(None),
            refresh_idle_ttl: Some(None),
            refresh_max_ttl: Some(None),
            id_token_alg: Some(Some(before.id_token_alg)),
            id_token_claims: Some(Some(before.id_token_claims)),
            min_acr: Some(before.min_acr),
            skip_consent: Some(before.skips_consent()),
            first_party: Some(before.first_party),
            jwks: Some(serde_json::Value::Null),
            admin_scopes: Some(Vec::new()),
            workloads: Some(Vec::new()),
        };
        assert!(change.without_unchanged(&before).is_empty());
    }

    #[test]
    fn a_choice_of_the_value_that_follows_from_another_setting_is_kept() {
        let before = web();
        let pin = Change { auth_method: Some(Some(AuthMethod::Basic)), ..Change::default() };
        assert!(!pin.without_unchanged(&before).is_empty(), "a method alone is pinned");
        let own = ClientMetadata { first_party: true, ..web() };
        let consent = Change { skip_consent: Some(true), ..Change::default() };
        assert!(!consent.clone().without_unchanged(&own).is_empty());
        let both = Change { first_party: Some(true), ..consent };
        assert!(both.without_unchanged(&own).is_empty());
        let contradicts = Change { skip_consent: Some(false), ..Change::default() };
        assert!(!contradicts.without_unchanged(&own).is_empty(), "it is refused later");
        let policy = Change { pkce: Some(Some(PkcePolicy::Required)), ..Change::default() };
        assert!(!policy.without_unchanged(&before).is_empty());
    }
}
