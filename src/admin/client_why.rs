//! Why requests of a client were refused or narrowed: recent findings, explained with the current registration.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::client_finding::{Finding, FindingCode, TOLD_FOR};
use crate::domain::finding_explanation::{Explanation, explain};
use crate::domain::outcome::Failure;
use crate::store::apis;
use crate::store::client_findings;
use crate::store::clients::StoredClient;

use super::clients;

/// A client and its findings.
#[derive(Debug, Clone)]
pub struct ClientReport {
    /// The client as it is now.
    pub stored: StoredClient,
    /// Its findings, the latest first.
    pub findings: Vec<(Finding, Explanation)>,
}

impl ClientReport {
    /// Whether there are no current findings. Findings from before the last change of the client are listed
    /// but ignored here, because the change may have fixed them.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let mut findings = self.findings.iter();
        self.stored.client.disabled_at.is_none()
            && findings.all(|(finding, _)| finding.is_before_change(self.stored.updated_at))
    }
}

/// The findings about a client in the last 30 days.
///
/// # Errors
/// `not_found`.
pub async fn why(app: App, client_id: String, now: Timestamp) -> Result<ClientReport, Failure> {
    let stored = clients::show(app.clone(), client_id).await?;
    let client = &stored.client;
    let mut reader = app.db.reader().await?;
    let found = client_findings::of_client(&mut reader, &client.client_id, now - TOLD_FOR).await?;
    let is_about_apis = |finding: &Finding| {
        matches!(
            finding.key.code.parse(),
            Ok(FindingCode::ScopeNotGranted
                | FindingCode::ScopeUnknown
                | FindingCode::InvalidScope
                | FindingCode::InvalidTarget)
        )
    };
    let apis = match found.iter().any(is_about_apis) {
        true => apis::all(&mut reader).await?,
        false => Vec::new(),
    };
    let apis: Vec<_> = apis.iter().map(|stored| &stored.api).collect();
    let explained = |finding: Finding| {
        let explanation = explain(&finding.key, client, &apis);
        (finding, explanation)
    };
    let findings = found.into_iter().map(explained).collect();
    Ok(ClientReport { stored, findings })
}
