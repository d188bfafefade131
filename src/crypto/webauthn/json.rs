//! The responses of authenticators, as `PublicKeyCredential.toJSON()` writes them (WebAuthn §5.1.8).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::Value;

use super::{AssertionResponse, MAX_CREDENTIAL_ID, RegistrationResponse};

/// The transports that are known (WebAuthn §5.8.4). Others are not stored.
const TRANSPORTS: [&str; 6] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

/// A response on the wire. Unknown members are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credential<R> {
    id: String,
    raw_id: Option<String>,
    r#type: String,
    response: R,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Attestation {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    attestation_object: String,
    #[serde(default)]
    transports: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Assertion {
    #[serde(rename = "clientDataJSON")]
    client_data: String,
    authenticator_data: String,
    signature: String,
    user_handle: Option<String>,
}

impl<R: for<'de> Deserialize<'de>> Credential<R> {
    /// The response in `value`, and the id of its credential.
    fn read(value: &Value) -> Option<(Vec<u8>, R)> {
        let Self { id, raw_id, r#type, response } = Self::deserialize(value).ok()?;
        if r#type != "public-key" || raw_id.is_some_and(|raw| raw != id) {
            return None;
        }
        let id = bytes(&id).filter(|id| !id.is_empty() && id.len() <= MAX_CREDENTIAL_ID)?;
        Some((id, response))
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

impl RegistrationResponse {
    /// The response of a registration (`RegistrationResponseJSON`). None when `value` is not one.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let (_, response) = Credential::<Attestation>::read(value)?;
        let known =
            TRANSPORTS.iter().filter(|known| response.transports.iter().any(|t| t == *known));
        Some(Self {
            client_data: bytes(&response.client_data)?,
            attestation_object: bytes(&response.attestation_object)?,
            transports: known.copied().collect::<Vec<_>>().join(" "),
        })
    }
}

impl AssertionResponse {
    /// The response of an authentication (`AuthenticationResponseJSON`). None when `value` is not one.
    #[must_use]
    pub fn read(value: &Value) -> Option<Self> {
        let (credential_id, response) = Credential::<Assertion>::read(value)?;
        Some(Self {
            credential_id,
            client_data: bytes(&response.client_data)?,
            authenticator_data: bytes(&response.authenticator_data)?,
            signature: bytes(&response.signature)?,
            user_handle: response
                .user_handle
                .as_deref()
                .map(bytes)
                .map_or(Some(None), |handle| handle.map(Some))?,
        })
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
