//! The device on which a session was opened.
//!
//! Owns cleaning and shortening. The data comes from the client: it is displayed, never trusted.

use std::net::IpAddr;

/// The longest user agent kept, in characters.
const MAX_USER_AGENT: usize = 256;

/// Facts about a device, as seen at log-in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Device {
    /// The `User-Agent` header without control characters, shortened.
    pub user_agent: String,
    /// The peer address (or the one from a trusted proxy).
    pub address: Option<IpAddr>,
}

impl Device {
    /// Keeps the printable part of the header.
    #[must_use]
    pub fn new(user_agent: &str, address: Option<IpAddr>) -> Self {
        let user_agent =
            user_agent.chars().filter(|c| !c.is_control()).take(MAX_USER_AGENT).collect();
        Self { user_agent, address }
    }

    /// Browser and system in words, if recognised. Empty without the header.
    #[must_use]
    pub fn describe(&self) -> String {
        self.recognised().unwrap_or_else(|| self.user_agent.chars().take(60).collect())
    }

    /// Browser and system in fixed words, if recognised; never a text from the client.
    #[must_use]
    pub fn recognised(&self) -> Option<String> {
        let says = |marks: &[(&str, &'static str)]| {
            marks.iter().find(|(mark, _)| self.user_agent.contains(mark)).map(|(_, name)| *name)
        };
        match (says(BROWSERS), says(SYSTEMS)) {
            (Some(browser), Some(system)) => Some(format!("{browser} · {system}")),
            (Some(one), None) | (None, Some(one)) => Some(one.to_owned()),
            (None, None) => None,
        }
    }
}

/// Parts of user agents. The first match is used, because most browsers also name others.
const BROWSERS: &[(&str, &str)] = &[
    ("Edg/", "Edge"),
    ("OPR/", "Opera"),
    ("Firefox/", "Firefox"),
    ("Chrome/", "Chrome"),
    ("Chromium/", "Chromium"),
    ("Safari/", "Safari"),
];
const SYSTEMS: &[(&str, &str)] = &[
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("Windows", "Windows"),
    ("Mac OS X", "macOS"),
    ("Linux", "Linux"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_described_by_what_it_says() {
        let says = |user_agent| Device::new(user_agent, None).describe();
        let chrome = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/1 Safari/537.36";
        assert_eq!(says(chrome), "Chrome · Linux");
        assert_eq!(says("Mozilla/5.0 (iPhone; like Mac OS X) Safari/604"), "Safari · iPhone");
        assert_eq!(says("curl/8"), "curl/8");
        assert_eq!(Device::new("curl/8", None).recognised(), None);
        assert_eq!(says(""), "");
    }
}
