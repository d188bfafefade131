//! Clients that describe themselves, as cached in every process.
//!
//! Owns the snapshot: the cached documents, and which of them describe an allowed client. Only changed rows are
//! read again, because each new application is one row and there may be thousands. Fetches nothing.

use std::collections::HashMap;
use std::sync::Arc;

use crate::config::Config;
use crate::crypto::digest::sha256_base64url;
use crate::domain::client::Client;
use crate::domain::client_document::{ClientDocuments, DocumentUrl};
use crate::domain::outcome::Fault;
use crate::store::Link;
use crate::store::client_documents::{self, StoredDocument};

use super::audiences::Audiences;

/// A cached document.
pub struct KnownDocument {
    /// The stored row.
    pub stored: StoredDocument,
    /// The client that it describes. `None` if an administrator has blocked it, the operator no longer allows it,
    /// or its document was never fetched.
    pub client: Option<Arc<Client>>,
}

/// All cached documents, as of a version of their table.
#[derive(Default)]
pub(in crate::app) struct Documents {
    by_id: HashMap<String, Arc<KnownDocument>>,
    /// The version that was read.
    pub(in crate::app) version: i64,
}

/// The rules, besides a document, that decide whether its client is allowed and what it may request.
struct Rules<'a> {
    allowed: &'a ClientDocuments,
    issuer: &'a str,
    audiences: &'a Audiences,
    apis: Vec<String>,
}

impl Documents {
    /// Reads the documents as of `version`. If `before` was read for the same APIs and settings, only the rows that
    /// have changed since are read.
    pub(in crate::app) async fn load(
        link: &mut impl Link,
        version: i64,
        config: &Config,
        audiences: &Audiences,
        before: Option<&Self>,
    ) -> Result<Self, Fault> {
        let rules = Rules {
            allowed: &config.client_documents,
            issuer: &config.issuer,
            audiences,
            apis: audiences.for_documents(),
        };
        if let Some(before) = before {
            let mut loaded = Self { by_id: before.by_id.clone(), version };
            loaded.take(client_documents::since(link, before.version).await?, &rules);
            let (stored, _) = client_documents::counts(link).await?;
            if usize::try_from(stored) == Ok(loaded.by_id.len()) {
                return Ok(loaded);
            }
        }
        // The first read, or rows were removed.
        let mut loaded = Self { by_id: HashMap::new(), version };
        loaded.take(client_documents::since(link, 0).await?, &rules);
        Ok(loaded)
    }

    fn take(&mut self, rows: Vec<StoredDocument>, rules: &Rules<'_>) {
        for stored in rows {
            let client = rules.client(&stored).map(Arc::new);
            let client_id = stored.client_id.clone();
            self.by_id.insert(client_id, Arc::new(KnownDocument { stored, client }));
        }
    }

    /// The cached document of this URL.
    pub(in crate::app) fn get(&self, client_id: &str) -> Option<Arc<KnownDocument>> {
        self.by_id.get(client_id).cloned()
    }
}

impl Rules<'_> {
    /// The client that a cached document describes.
    fn client(&self, stored: &StoredDocument) -> Option<Client> {
        let content = stored.content.as_ref().filter(|_| stored.blocked_at.is_none())?;
        let url = DocumentUrl::parse(&stored.client_id)?;
        self.allowed.allowance(&url)?;
        // An ID token for a client must not be accepted as an access token for an API.
        if self.audiences.named(&stored.client_id, self.issuer).is_some() {
            return None;
        }
        let hash = sha256_base64url(content.fingerprint().as_bytes());
        Some(content.client(&stored.client_id, hash, &self.apis))
    }
}
