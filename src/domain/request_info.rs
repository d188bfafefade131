//! The context of a request for use cases, from any interface.
//!
//! Built once: from an HTTP request, by the command line, or by a job.

use std::net::IpAddr;

use super::audit::{ActingClient, Origin, Via};
use super::permission::Authority;
use super::user_agent::Device;
use crate::base::Timestamp;
use crate::base::id::UserId;

/// The default language of a request.
const ENGLISH: &str = "en";

/// The origin of a request, its device, its time and its language.
#[derive(Debug, Clone)]
pub struct RequestInfo {
    /// The acting user, the interface, the address and the request id, for the audit trail.
    pub origin: Origin,
    /// The device, for the sessions that are opened.
    pub device: Device,
    /// When the request arrived: the only "now" while it is served.
    pub now: Timestamp,
    /// The tag of the language of mail that the request causes (BCP 47).
    pub language: &'static str,
    /// The client that a sign-in at the pages is for.
    pub client_id: Option<String>,
    /// Whether it may change what a configuration file manages.
    pub force: bool,
    /// The authority for administration. Full unless the request came over HTTP.
    pub authority: Authority,
}

impl RequestInfo {
    /// A request in English.
    #[must_use]
    pub const fn new(origin: Origin, device: Device, now: Timestamp) -> Self {
        let authority = match origin.via {
            Via::Cli | Via::System => Authority::Machine,
            Via::Http => Authority::None,
        };
        let force = false;
        Self { origin, device, now, language: ENGLISH, client_id: None, authority, force }
    }

    /// A command on this machine.
    #[must_use]
    pub fn cli(now: Timestamp) -> Self {
        Self::without_device(Origin::cli(), now)
    }

    /// A request by Signet itself.
    #[must_use]
    pub fn system(now: Timestamp) -> Self {
        Self::without_device(Origin::system(), now)
    }

    /// A request that opens no session, so that its device does not matter.
    #[must_use]
    pub fn without_device(origin: Origin, now: Timestamp) -> Self {
        Self::new(origin, Device::default(), now)
    }

    /// The same request in another language.
    #[must_use]
    pub fn in_language(self, language: &'static str) -> Self {
        Self { language, ..self }
    }

    /// The same request, of a sign-in for a client.
    #[must_use]
    pub fn for_client(self, client_id: Option<String>) -> Self {
        Self { client_id, ..self }
    }

    /// The same request; `force` allows it to change what a configuration file manages.
    #[must_use]
    pub fn forced(self, force: bool) -> Self {
        Self { force, ..self }
    }

    /// The same request with `user` as its actor.
    #[must_use]
    pub fn by(mut self, user: UserId) -> Self {
        self.origin.actor = Some(user);
        self
    }

    /// The same request with an administrating client as its actor.
    #[must_use]
    pub fn by_client(mut self, client: ActingClient) -> Self {
        self.origin.client = Some(client);
        self
    }

    /// The same request with this authority.
    #[must_use]
    pub fn authorized(self, authority: Authority) -> Self {
        Self { authority, ..self }
    }

    /// The address the request came from.
    #[must_use]
    pub const fn address(&self) -> Option<IpAddr> {
        self.origin.address
    }
}
