//! Settings that this version reads differently from the previous one.
//!
//! Owns the list, for `signet config check`. The same lines are in the table of `docs/upgrading.md`;
//! a test compares them.

use super::{Loaded, LogFormat, Origin, ProxyHeader, settings as s};

/// The version with which this one is compared.
pub const SINCE: &str = "0.1.0";

impl Loaded {
    /// The settings in use whose meaning has changed, each with its new meaning.
    #[must_use]
    pub fn read_differently(&self) -> Vec<(&'static str, String)> {
        let config = &self.config;
        let is_set = |name: &str| {
            self.shown.iter().any(|shown| shown.name == name && shown.origin != Origin::Default)
        };
        let mut found = Vec::new();
        if config.issuer_is_default && (is_set(s::LISTEN.name) || config.tls.is_some()) {
            found.push((
                s::ISSUER.name,
                format!(
                    "is not set and is now {}: it follows the first port of {}, and is https with TLS",
                    config.issuer,
                    s::LISTEN.name
                ),
            ));
        }
        if !config.trusted_proxies.is_empty() && config.proxy_header == ProxyHeader::Unset {
            found.push((
                s::TRUSTED_PROXIES.name,
                format!(
                    "X-Forwarded-For now counts where both it and Forwarded are sent. Set {} to the \
                     header your proxy sends",
                    s::PROXY_HEADER.name
                ),
            ));
        }
        if config.log_format == LogFormat::Json {
            found.push((
                s::LOG_FORMAT.name,
                "json now prints only JSON: the set-up link is in the event setup_required"
                    .to_owned(),
            ));
        }
        found
    }
}
