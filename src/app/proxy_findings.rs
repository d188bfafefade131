//! Findings about the proxies in front of this server. Each is counted, and logged at most once a day.

use std::sync::{Mutex, PoisonError};

use crate::base::TimeSpan;
use crate::metrics::Metrics;
use crate::text_enum;

use super::App;

/// How often the same finding is logged.
const REPEAT: TimeSpan = TimeSpan::from_days(1);

text_enum! {
    /// Why the client of a request is unknown or disputed. The texts are labels of a metric.
    pub enum ProxyFinding {
        /// The proxy sent no header that names the client.
        Missing = "missing",
        /// The proxy named the client by something that is not an address.
        Unreadable = "unreadable",
        /// Every address the proxy named is a trusted proxy's.
        OnlyProxies = "only_proxies",
        /// The proxy sends only `Forwarded`, and no setting says that it is trusted.
        OnlyForwarded = "only_forwarded",
        /// `X-Forwarded-For` and `Forwarded` name two clients, and no setting says which is trusted.
        Disagree = "disagree",
    }
}

impl ProxyFinding {
    const fn message(self) -> &'static str {
        match self {
            Self::Missing => {
                "a trusted proxy does not name its client: set up X-Forwarded-For there, \
                 or name the header it sends in SIGNET_PROXY_HEADER. Until then no limit by address \
                 applies to its clients"
            }
            Self::Unreadable => {
                "a trusted proxy names its client by something that is not an address. No limit by \
                 address applies to such requests; check the header that SIGNET_PROXY_HEADER names"
            }
            Self::OnlyProxies => {
                "a trusted proxy names a trusted proxy as its client. No limit by address applies to such \
                 requests; SIGNET_TRUSTED_PROXIES may be too wide, or a proxy does not name its client"
            }
            Self::OnlyForwarded => {
                "a trusted proxy sends Forwarded and no X-Forwarded-For. Forwarded is used; set \
                 SIGNET_PROXY_HEADER=forwarded, so that no client can choose its address by sending \
                 X-Forwarded-For"
            }
            Self::Disagree => {
                "X-Forwarded-For and Forwarded name two clients. X-Forwarded-For is used; set \
                 SIGNET_PROXY_HEADER to the header that your proxy sets, and let it remove the other"
            }
        }
    }
}

/// When each finding was last logged.
#[derive(Debug, Default)]
pub struct ProxyFindings(Mutex<[Option<TimeSpan>; ProxyFinding::ALL.len()]>);

impl ProxyFindings {
    /// Whether this finding is to be logged now.
    fn is_due(&self, finding: ProxyFinding, now: TimeSpan) -> bool {
        let mut logged = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let last = &mut logged[finding as usize];
        let due = last.is_none_or(|last| now - last >= REPEAT);
        if due {
            *last = Some(now);
        }
        due
    }
}

impl App {
    /// Counts a finding, and logs it when it has not been for a day.
    pub fn note_proxy(&self, finding: ProxyFinding) {
        Metrics::count(&self.metrics.client_addresses, finding.as_str());
        if self.proxy_findings.is_due(finding, self.clock.counted()) {
            tracing::warn!(
                event = "proxy_header",
                finding = finding.as_str(),
                "{}",
                finding.message()
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_is_logged_at_once_and_then_daily() {
        let findings = ProxyFindings::default();
        let at = TimeSpan::from_secs;
        assert!(findings.is_due(ProxyFinding::Missing, at(5)));
        assert!(!findings.is_due(ProxyFinding::Missing, at(86_404)));
        assert!(findings.is_due(ProxyFinding::Disagree, at(86_404)));
        assert!(findings.is_due(ProxyFinding::Missing, at(86_405)));
    }
}
