//! The settings that clients can notice: the servers on one database must have the same ones.
//!
//! A test checks that every setting is either here or in its list of the others.

use std::collections::BTreeMap;

use super::{Config, ProxyHeader, settings as s, spell};

impl Config {
    /// The values of settings that clients can notice, by name.
    #[must_use]
    pub fn noticeable(&self) -> BTreeMap<&'static str, String> {
        let proxy_header = match &self.proxy_header {
            ProxyHeader::Unset => "",
            ProxyHeader::XForwardedFor => "x-forwarded-for",
            ProxyHeader::Forwarded => "forwarded",
            ProxyHeader::Single(name) => name,
        };
        let argon2 = &self.argon2;
        let console_networks: Vec<String> =
            self.console_networks.iter().map(ToString::to_string).collect();
        BTreeMap::from([
            (s::ISSUER.name, self.issuer.clone()),
            (s::PROXY_HEADER.name, proxy_header.to_owned()),
            (s::SIGNING_ALG.name, self.signing_alg.to_string()),
            (s::KEY_ROTATION.name, self.key_rotation.map_or("off".to_owned(), spell)),
            (s::KEY_PUBLISH_AHEAD.name, spell(self.key_publish_ahead)),
            (s::ACCESS_TOKEN_TTL.name, spell(self.access_token_ttl)),
            (s::REFRESH_IDLE_TTL.name, spell(self.refresh_idle_ttl)),
            (s::REFRESH_MAX_TTL.name, spell(self.refresh_max_ttl)),
            (s::REFRESH_RETRY_WINDOW.name, spell(self.refresh_retry_window)),
            (s::MAX_SESSIONS_PER_USER.name, self.max_sessions_per_user.to_string()),
            (s::REGISTRATION.name, self.registration.to_string()),
            (s::REGISTRATION_DOMAINS.name, self.registration_domains.to_string()),
            (s::LOGIN_CHANGE.name, if self.login_change { "on" } else { "off" }.to_owned()),
            (s::CONSOLE.name, if self.console { "on" } else { "off" }.to_owned()),
            (s::CONSOLE_NETWORKS.name, console_networks.join(",")),
            (s::REVOCATION_FEED.name, if self.revocation_feed { "on" } else { "off" }.to_owned()),
            (s::CLIENT_DOCUMENTS.name, self.client_documents.to_string()),
            (s::SECOND_FACTOR.name, self.second_factor.second_factor.to_string()),
            (
                s::SECOND_FACTOR_FROM.name,
                self.second_factor.from.map_or_else(String::new, |from| from.to_string()),
            ),
            // Stored hashes follow the costs of the server that last checked the password.
            (s::ARGON2_MEMORY_KIB.name, argon2.memory_kib.to_string()),
            (s::ARGON2_ITERATIONS.name, argon2.iterations.to_string()),
            (s::ARGON2_PARALLELISM.name, argon2.parallelism.to_string()),
            (s::RATE_LIMITS.name, if self.rate_limits { "on" } else { "off" }.to_owned()),
            (s::BROWSER_SESSION_TTL.name, spell(self.browser_session_ttl)),
            (s::BROWSER_SESSION_PERSISTENT.name, self.browser_session_persistent.to_string()),
            (s::PASSWORD_MIN_LENGTH.name, self.password_policy.min_length.to_string()),
            (s::BRAND_NAME.name, self.brand.name.clone()),
            (s::BRAND_COLOR.name, self.brand.light.color.to_string()),
            (s::BRAND_COLOR_DARK.name, self.brand.dark.color.to_string()),
            (s::PRIVACY_URL.name, self.brand.privacy_url.clone().unwrap_or_default()),
            (s::TERMS_URL.name, self.brand.terms_url.clone().unwrap_or_default()),
            (s::PASSKEYS.name, if self.passkeys.enabled { "on" } else { "off" }.to_owned()),
            (s::RP_ID.name, self.passkeys.rp_id.clone().unwrap_or_default()),
            (s::PASSKEY_ORIGINS.name, self.passkeys.origins.join(",")),
            (s::AUDIT_RETENTION.name, spell(self.audit_retention)),
            (s::AUDIT_LOGIN_RETENTION.name, spell(self.audit_login_retention)),
        ])
    }
}
