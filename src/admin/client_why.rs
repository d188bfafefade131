//! Why requests of a client were refused or narrowed: what was found lately, explained by how the client is
//! registered now.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::client_finding::{Explanation, Finding, FindingCode, TOLD_FOR, explain};
use crate::domain::outcome::Failure;
use crate::store::apis::{self, StoredApi};
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
    /// Whether there is anything to do.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.stored.client.disabled_at.is_none() && self.findings.is_empty()
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
    let is_about_scopes = |finding: &Finding| {
        let code = finding.key.code.parse();
        matches!(code, Ok(FindingCode::ScopeNotGranted | FindingCode::ScopeUnknown))
    };
    let apis = match found.iter().any(is_about_scopes) {
        true => apis::all(&mut reader).await?,
        false => Vec::new(),
    };
    let explained = |finding: Finding| {
        let offers = |stored: &&StoredApi| stored.api.scopes.contains(&finding.key.detail);
        let apis: Vec<_> = apis.iter().filter(offers).map(|stored| &stored.api).collect();
        let explanation = explain(&finding.key, client, &apis);
        (finding, explanation)
    };
    let findings = found.into_iter().map(explained).collect();
    Ok(ClientReport { stored, findings })
}
