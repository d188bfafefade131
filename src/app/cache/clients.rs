//! The registered clients, cached in every process.
//!
//! Owns the snapshot of the clients and of their origins. A preflight does not name a client, so all origins form
//! one set.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use crate::base::TimeSpan;
use crate::domain::client::Client;
use crate::domain::client_logo::{ClientLogo, ImageType};
use crate::domain::outcome::Fault;
use crate::domain::signing_key::SigningAlg;
use crate::store::{Link, clients};

/// Every registered client.
#[derive(Default)]
pub(in crate::app) struct Clients {
    by_id: HashMap<String, Arc<Client>>,
    origins: HashSet<String>,
    logos: HashMap<String, ImageType>,
    to_tell: bool,
}

impl Clients {
    /// Reads them.
    pub(in crate::app) async fn load(link: &mut impl Link) -> Result<Self, Fault> {
        let mut loaded = Self::default();
        for stored in clients::all(link).await? {
            let client = stored.client;
            if client.disabled_at.is_none() {
                loaded.origins.extend(client.origins());
                loaded.to_tell |= client.metadata.backchannel_logout_uri.is_some();
            }
            if let Some(ClientLogo { hash, media_type }) = &client.metadata.logo {
                loaded.logos.insert(hash.clone(), *media_type);
            }
            loaded.by_id.insert(client.client_id.clone(), Arc::new(client));
        }
        Ok(loaded)
    }

    /// The client of this name, even if disabled.
    pub(in crate::app) fn get(&self, client_id: &str) -> Option<Arc<Client>> {
        self.by_id.get(client_id).cloned()
    }

    /// The enabled clients with a rule for workloads of this issuer, in the order of their names.
    pub(in crate::app) fn with_rules_for(&self, issuer: &str) -> Vec<Arc<Client>> {
        let has_rule = |client: &&Arc<Client>| {
            client.disabled_at.is_none()
                && client.metadata.workloads.iter().any(|rule| rule.issuer == issuer)
        };
        let mut found: Vec<_> = self.by_id.values().filter(has_rule).cloned().collect();
        found.sort_unstable_by(|one, other| one.client_id.cmp(&other.client_id));
        found
    }

    /// The signature algorithms of their ID tokens. Includes disabled clients, which may be enabled again.
    pub(in crate::app) fn algorithms(&self) -> impl Iterator<Item = SigningAlg> {
        self.by_id.values().map(|client| client.metadata.id_token_alg)
    }

    /// The longest lifetime of any client's access tokens, or `others` if that is longer.
    pub(in crate::app) fn longest_access_ttl(&self, others: TimeSpan) -> TimeSpan {
        let chosen = self.by_id.values().filter_map(|client| client.metadata.access_token_ttl);
        chosen.fold(others, TimeSpan::max)
    }

    /// The media type of the logo with this hash, if a client has it.
    pub(in crate::app) fn logo_type(&self, hash: &str) -> Option<ImageType> {
        self.logos.get(hash).copied()
    }

    /// Whether scripts of this origin may call Signet.
    pub(in crate::app) fn has_origin(&self, origin: &str) -> bool {
        self.origins.contains(origin)
    }

    /// Whether any client has registered for logout tokens.
    pub(in crate::app) const fn any_to_tell(&self) -> bool {
        self.to_tell
    }
}
