//! The settings of passkeys: whether they are enabled, and their domain and origins.
//!
//! Owns the forms of the values. The rules about domains and origins are in `domain::passkey`.

use url::Url;

use super::Config;
use super::errors::Wrong;
use super::reader::Reader;
use super::{parse, settings as s};
use crate::domain::passkey::{Unavailable, default_rp_id, is_related_origin, is_rp_id_of};

/// The most further origins. Browsers support at least five registrable domains (WebAuthn §5.11.1).
const MAX_ORIGINS: usize = 20;

/// The settings of passkeys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasskeySettings {
    /// Whether passkeys are enabled, if the issuer can have any.
    pub enabled: bool,
    /// The RP ID, if it is set.
    pub rp_id: Option<String>,
    /// The previous RP ID, while it is being changed.
    pub rp_id_old: Option<String>,
    /// Origins besides that of the issuer.
    pub origins: Vec<String>,
}

impl PasskeySettings {
    /// The RP ID in force; `None` if passkeys are off.
    ///
    /// # Errors
    /// Why the issuer cannot have passkeys although they are enabled.
    pub fn rp_id_of(&self, issuer: &str) -> Result<Option<String>, Unavailable> {
        if !self.enabled {
            return Ok(None);
        }
        let by_default = default_rp_id(issuer)?;
        Ok(Some(self.rp_id.clone().unwrap_or(by_default)))
    }
}

pub(super) fn read(read: &mut Reader<'_>) -> Option<PasskeySettings> {
    let enabled = read.fixed(&s::PASSKEYS, parse::switch("on", "off"));
    let rp_id = read.typed(&s::RP_ID, parse::text);
    let rp_id_old = read.typed(&s::RP_ID_OLD, parse::text);
    let origins = read.typed(&s::PASSKEY_ORIGINS, origins).unwrap_or_default();
    Some(PasskeySettings { enabled: enabled?, rp_id, rp_id_old, origins })
}

fn origins(text: &str) -> Result<Vec<String>, Wrong> {
    const FORMS: &str = "Type origins such as https://example.org, separated by commas: without a path or a \
                         slash at the end, in lower case; or android:apk-key-hash: and 43 characters of base64url";
    let all: Vec<String> = text.split(',').map(|origin| origin.trim().to_owned()).collect();
    if !all.iter().all(|origin| is_related_origin(origin)) {
        return Err(Wrong::new("is not a list of origins", FORMS));
    }
    if all.len() > MAX_ORIGINS {
        return Err(Wrong::new("has more than 20 origins", FORMS));
    }
    Ok(all)
}

/// Checks that the RP ID fits the issuer.
pub(super) fn check(config: &Config, read: &mut Reader<'_>) {
    let Some(rp_id) = &config.passkeys.rp_id else { return };
    let url = Url::parse(&config.issuer).ok();
    let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
    read.require(
        &[&s::RP_ID, &s::ISSUER],
        is_rp_id_of(rp_id, host),
        "passkeys are bound to the host of the issuer or to a domain that it belongs to",
        format!(
            "Type {}={host} or a parent domain of two labels or more, or remove it",
            s::RP_ID.name
        ),
    );
}
