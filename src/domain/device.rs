//! What is known about the device a session was opened on.
//!
//! Owns cleaning and shortening. These are claims of the client: shown to people, never trusted.

use std::net::IpAddr;

/// The longest user agent kept, in characters.
const MAX_USER_AGENT: usize = 256;

/// Facts about a device, as seen at log-in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// The `User-Agent` header without control characters, shortened.
    pub user_agent: String,
    /// The peer address (or what a trusted proxy said it is).
    pub address: Option<IpAddr>,
}

impl Device {
    /// Keeps the printable part of what the client says.
    #[must_use]
    pub fn new(user_agent: &str, address: Option<IpAddr>) -> Self {
        let user_agent =
            user_agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect();
        Self { user_agent, address }
    }
}
