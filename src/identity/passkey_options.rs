//! The options for authenticators, and the relying party.
//!
//! Credentials are only disclosed to a user who has completed another factor.

use serde_json::Value;

use crate::app::App;
use crate::base::id::UserId;
use crate::crypto::digest::sha256_base64url;
use crate::crypto::webauthn::RelyingParty;
use crate::crypto::webauthn::options::{Descriptor, request_options};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::store::Link;
use crate::store::passkeys::{self, CredentialDescriptor};

/// The relying party.
///
/// # Errors
/// `feature_disabled` if passkeys are off.
pub fn relying_party(app: &App) -> Result<&RelyingParty, Refusal> {
    let message =
        "This server offers no passkeys: SIGNET_PASSKEYS is off, or its issuer can have none.";
    app.relying_party.as_ref().ok_or_else(|| Refusal::new(Code::FeatureDisabled, message))
}

/// The challenge of the authentication with this id. It is not the id itself, which is single-use.
#[must_use]
pub fn challenge_of(id: &[u8; 16]) -> String {
    sha256_base64url(&[b"webauthn/", &id[..]].concat())
}

/// The options with the passkeys of a user, only after another factor.
///
/// # Errors
/// `feature_disabled`; faults.
pub async fn options_of_user(
    app: &App,
    link: &mut impl Link,
    user: UserId,
    challenge: &str,
) -> Result<Value, Failure> {
    let party = relying_party(app)?;
    let stored = passkeys::of_user(link, user).await?;
    Ok(request_options(party, challenge, &descriptors(&stored)))
}

/// The options for an unknown user, without credentials.
///
/// # Errors
/// `feature_disabled`.
pub fn options_of_anyone(app: &App, challenge: &str) -> Result<Value, Refusal> {
    Ok(request_options(relying_party(app)?, challenge, &[]))
}

/// Credentials as options name them.
pub(super) fn descriptors(stored: &[CredentialDescriptor]) -> Vec<Descriptor<'_>> {
    stored
        .iter()
        .map(|credential| Descriptor {
            id: &credential.credential_id,
            transports: &credential.transports,
        })
        .collect()
}
