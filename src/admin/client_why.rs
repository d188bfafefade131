//! Why requests of a client were refused or narrowed: what was found lately, explained by how the client is
//! registered now.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::client_finding::{Finding, FindingCode, TOLD_FOR};
use crate::domain::finding_explanation::{Explanation, explain};
use crate::domain::outcome::Failure;
use crate::store::apis;
use crate::store::client_findings;
use crate::store::clients::StoredClient;

use super::clients;

/// A client and what was found.
#[derive(Debug, Clone)]
pub struct ClientReport {
    /// The client as it is now.
    pub stored: StoredClient,
    /// What was wrong with its requests, the latest first.
    pub findings: Vec<(Finding, Explanation)>,
}

impl ClientReport {
    /// Whether there is nothing to do: what was found before the client was last changed is told, and no longer
    /// counts, because that change may have ended it.
    #[must_use]
    pub fn is_good(&self) -> bool {
        let mut findings = self.findings.iter();
        self.stored.client.disabled_at.is_none()
            && findings.all(|(finding, _)| finding.is_before_change(self.stored.updated_at))
    }
}

/// What was wrong with requests of a client in the last thirty days.
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
