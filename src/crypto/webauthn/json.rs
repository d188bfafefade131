//! The JSON of ceremonies (WebAuthn §5.1.8 to §5.1.10): options for browsers and applications, and their responses
//! as `PublicKeyCredential.toJSON()` writes them.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{
    ALGORITHMS, AssertionResponse, MAX_CREDENTIAL_ID, RegistrationResponse, RelyingParty,
    USER_VERIFICATION,
};
use crate::base::TimeSpan;

/// How long a browser may ask its user, by default (WebAuthn §15.1).
const TIMEOUT: TimeSpan = TimeSpan::from_mins(5);

/// The transports that are known (WebAuthn §5.8.4). Others are not stored.
const TRANSPORTS: [&str; 6] = ["usb", "nfc", "ble", "smart-card", "hybrid", "internal"];

/// A credential that options name.
pub struct Descriptor<'a> {
    /// Its id.
    pub id: &'a [u8],
    /// The transports of its authenticator, separated by spaces.
    pub transports: &'a str,
}

/// The user that a credential is made for.
pub struct UserEntity<'a> {
    /// The user handle: nothing personal, and the same for every credential of the user.
    pub handle: &'a [u8],
    /// The login name, which authenticators show.
    pub name: &'a str,
    /// The name to show.
    pub display_name: &'a str,
}

/// The options of a registration (`PublicKeyCredentialCreationOptionsJSON`).
#[must_use]
pub fn creation_options(
    party: &RelyingParty,
    party_name: &str,
    user: &UserEntity<'_>,
    challenge: &str,
    exclude: &[Descriptor<'_>],
) -> Value {
    let params: Vec<Value> =
        ALGORITHMS.iter().map(|alg| json!({ "type": "public-key", "alg": alg })).collect();
    json!({
        "rp": { "id": party.id, "name": party_name },
        "user": {
            "id": URL_SAFE_NO_PAD.encode(user.handle),
            "name": user.name,
            "displayName": user.display_name,
        },
        "challenge": challenge,
        "pubKeyCredParams": params,
        "timeout": TIMEOUT.millis(),
        "excludeCredentials": descriptors(exclude),
        "authenticatorSelection": {
            "residentKey": "required",
            "requireResidentKey": true,
            "userVerification": USER_VERIFICATION,
        },
        "attestation": "none",
    })
}

/// The options of an authentication (`PublicKeyCredentialRequestOptionsJSON`). Without any credential the user
/// chooses among those that their authenticators have.
#[must_use]
pub fn request_options(party: &RelyingParty, challenge: &str, allow: &[Descriptor<'_>]) -> Value {
    json!({
        "challenge": challenge,
        "timeout": TIMEOUT.millis(),
        "rpId": party.id,
        "allowCredentials": descriptors(allow),
        "userVerification": USER_VERIFICATION,
    })
}

fn descriptors(all: &[Descriptor<'_>]) -> Vec<Value> {
    let one = |credential: &Descriptor<'_>| {
        json!({
            "type": "public-key",
            "id": URL_SAFE_NO_PAD.encode(credential.id),
            "transports": credential.transports.split_ascii_whitespace().collect::<Vec<_>>(),
        })
    };
    all.iter().map(one).collect()
}

/// A response as it is sent. Members that are not read may be there.
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
mod tests {
    use super::*;

    fn assertion() -> Value {
        json!({
            "id": "AQ", "rawId": "AQ", "type": "public-key", "authenticatorAttachment": "platform",
            "response": {
                "clientDataJSON": "Ag", "authenticatorData": "Aw", "signature": "BA", "userHandle": "BQ",
            },
            "clientExtensionResults": {},
        })
    }

    #[test]
    fn responses_are_read_as_browsers_write_them() {
        let read = AssertionResponse::read(&assertion()).unwrap();
        assert_eq!((read.credential_id, read.user_handle), (vec![1], Some(vec![5])));
        let mut without = assertion();
        without["response"]["userHandle"] = Value::Null;
        assert_eq!(AssertionResponse::read(&without).unwrap().user_handle, None);
        let registration = json!({
            "id": "AQ", "rawId": "AQ", "type": "public-key",
            "response": {
                "clientDataJSON": "Ag", "attestationObject": "Aw",
                "transports": ["internal", "telepathy", "hybrid"],
                "publicKeyAlgorithm": -7,
            },
        });
        let read = RegistrationResponse::read(&registration).unwrap();
        assert_eq!(read.transports, "hybrid internal");
    }

    #[test]
    fn what_is_not_a_response_is_refused() {
        for (member, value) in [
            ("id", json!("")),
            ("id", json!("A")),
            ("id", json!("AQ==")),
            ("id", json!(URL_SAFE_NO_PAD.encode([0; 1024]))),
            ("rawId", json!("Ag")),
            ("type", json!("password")),
            ("response", json!({})),
            ("response", json!("x")),
        ] {
            let mut changed = assertion();
            changed[member] = value.clone();
            assert!(AssertionResponse::read(&changed).is_none(), "{member}: {value}");
        }
        assert!(AssertionResponse::read(&json!(null)).is_none());
        assert!(RegistrationResponse::read(&assertion()).is_none());
    }
}
