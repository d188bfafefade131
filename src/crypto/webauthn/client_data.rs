//! The client data (WebAuthn §5.8.1), in which the browser describes a ceremony.

use serde::Deserialize;

use super::{Invalid, RelyingParty};
use crate::crypto::digest::constant_time_eq;

/// The kind of a ceremony.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ceremony {
    /// A credential is created.
    Registration,
    /// A user authenticates.
    Authentication,
}

impl Ceremony {
    const fn kind(self) -> &'static str {
        match self {
            Self::Registration => "webauthn.create",
            Self::Authentication => "webauthn.get",
        }
    }
}

/// Unknown members are ignored (WebAuthn §5.8.1.2).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ClientData<'a> {
    r#type: &'a str,
    challenge: &'a str,
    #[serde(borrow)]
    origin: std::borrow::Cow<'a, str>,
    #[serde(default)]
    cross_origin: Option<bool>,
    #[serde(default)]
    top_origin: Option<serde::de::IgnoredAny>,
}

/// Checks client data against the ceremony that was begun.
///
/// # Errors
/// Why it belongs to another one. `crossOrigin`, a page embedded by another origin, is refused, because no page of
/// Signet may be in a frame.
pub fn check(
    json: &[u8],
    ceremony: Ceremony,
    party: &RelyingParty,
    challenge: &str,
) -> Result<(), Invalid> {
    let data: ClientData<'_> = serde_json::from_slice(json).map_err(|_| Invalid::Malformed)?;
    if data.r#type != ceremony.kind() {
        return Err(Invalid::Type);
    }
    if !constant_time_eq(data.challenge.as_bytes(), challenge.as_bytes()) {
        return Err(Invalid::Challenge);
    }
    if !party.origins.iter().any(|origin| *origin == data.origin) {
        return Err(Invalid::Origin);
    }
    if data.cross_origin == Some(true) || data.top_origin.is_some() {
        return Err(Invalid::CrossOrigin);
    }
    Ok(())
}
