//! The options of ceremonies in JSON, for browsers and applications (WebAuthn §5.1.9, §5.1.10).

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{ALGORITHMS, RelyingParty, USER_VERIFICATION};
use crate::base::TimeSpan;

/// The default timeout of a ceremony in the browser (WebAuthn §15.1).
const TIMEOUT: TimeSpan = TimeSpan::from_mins(5);

/// A credential that options name.
pub struct Descriptor<'a> {
    /// Its id.
    pub id: &'a [u8],
    /// The transports of its authenticator, separated by spaces.
    pub transports: &'a str,
}

/// The user of a new credential.
pub struct UserEntity<'a> {
    /// The user handle: without personal data, and the same for every credential of the user.
    pub handle: &'a [u8],
    /// The login name, which authenticators show.
    pub name: &'a str,
    /// The display name.
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

/// The options of an authentication (`PublicKeyCredentialRequestOptionsJSON`). Without credentials, the user
/// chooses among those on their authenticators.
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
