//! The checks of a registration (WebAuthn §7.1) and of an authentication (§7.2).
//!
//! Owns their order: user verification is checked last, so that its failure means an otherwise valid response. The
//! owner of a credential and the reuse of a challenge are checked where credentials are stored.

use aws_lc_rs::digest::{SHA256, digest};

use super::authenticator_data::{AuthenticatorData, Flags};
use super::cbor::Item;
use super::client_data::{self, Ceremony};
use super::cose::PublicKey;
use super::{Invalid, RelyingParty, USER_VERIFICATION};

/// The response of `navigator.credentials.create()`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RegistrationResponse {
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `attestationObject`.
    pub attestation_object: Vec<u8>,
    /// The transports of the authenticator, separated by spaces. They do not affect any decision.
    pub transports: String,
}

/// A new credential.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCredential {
    /// Its id.
    pub id: Vec<u8>,
    /// Its public key, in COSE.
    pub public_key: Vec<u8>,
    /// The model of its authenticator.
    pub aaguid: [u8; 16],
    /// How often it was used.
    pub sign_count: u32,
    /// Whether it can be on several devices.
    pub backup_eligible: bool,
    /// Whether it is on several devices.
    pub backed_up: bool,
}

/// The response of `navigator.credentials.get()`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssertionResponse {
    /// The id of the credential.
    pub credential_id: Vec<u8>,
    /// `clientDataJSON`.
    pub client_data: Vec<u8>,
    /// `authenticatorData`.
    pub authenticator_data: Vec<u8>,
    /// The signature.
    pub signature: Vec<u8>,
    /// The user handle, where the authenticator has stored one.
    pub user_handle: Option<Vec<u8>>,
}

/// The stored data of the credential of an assertion.
#[derive(Debug, Clone, Copy)]
pub struct KnownCredential<'a> {
    /// The public key, in COSE.
    pub public_key: &'a [u8],
    /// Whether it can be on several devices.
    pub backup_eligible: bool,
}

/// An assertion that is valid.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asserted {
    /// How often the credential was used, or 0.
    pub sign_count: u32,
    /// Whether it is on several devices now.
    pub backed_up: bool,
}

/// Checks the response of a registration. Its attestation is ignored, because none was requested.
///
/// # Errors
/// Why it is invalid.
pub fn verify_registration(
    party: &RelyingParty,
    challenge: &str,
    response: &RegistrationResponse,
) -> Result<NewCredential, Invalid> {
    client_data::check(&response.client_data, Ceremony::Registration, party, challenge)?;
    let object = Item::parse(&response.attestation_object)?;
    let member = |name| object.member(name).ok_or(Invalid::Malformed);
    if !matches!(
        (member("fmt")?, member("attStmt")?),
        (Item::Text(_), Item::Map(_) | Item::Array(_))
    ) {
        return Err(Invalid::Malformed);
    }
    let data = AuthenticatorData::parse(member("authData")?.bytes().ok_or(Invalid::Malformed)?)?;
    let credential = data.credential.ok_or(Invalid::Malformed)?;
    PublicKey::parse(credential.public_key)?;
    check_data(party, &data)?;
    check_user(data.flags)?;
    Ok(NewCredential {
        id: credential.id.to_vec(),
        public_key: credential.public_key.to_vec(),
        aaguid: credential.aaguid,
        sign_count: data.sign_count,
        backup_eligible: data.flags.backup_eligible(),
        backed_up: data.flags.backed_up(),
    })
}

/// Checks the response of an authentication with a known credential.
///
/// # Errors
/// Why it is invalid.
pub fn verify_assertion(
    party: &RelyingParty,
    challenge: &str,
    known: KnownCredential<'_>,
    response: &AssertionResponse,
) -> Result<Asserted, Invalid> {
    client_data::check(&response.client_data, Ceremony::Authentication, party, challenge)?;
    let data = AuthenticatorData::parse(&response.authenticator_data)?;
    if data.credential.is_some() {
        return Err(Invalid::Malformed);
    }
    check_data(party, &data)?;
    let hash = digest(&SHA256, &response.client_data);
    let signed = [&response.authenticator_data, hash.as_ref()].concat();
    if !PublicKey::parse(known.public_key)?.verifies(&signed, &response.signature) {
        return Err(Invalid::Signature);
    }
    if data.flags.backup_eligible() != known.backup_eligible {
        return Err(Invalid::BackupEligibility);
    }
    check_user(data.flags)?;
    Ok(Asserted { sign_count: data.sign_count, backed_up: data.flags.backed_up() })
}

/// The checks of authenticator data that both ceremonies share.
fn check_data(party: &RelyingParty, data: &AuthenticatorData<'_>) -> Result<(), Invalid> {
    if data.rp_id_hash != digest(&SHA256, party.id.as_bytes()).as_ref() {
        return Err(Invalid::RpId);
    }
    if data.flags.backed_up() && !data.flags.backup_eligible() {
        return Err(Invalid::BackupState);
    }
    Ok(())
}

fn check_user(flags: Flags) -> Result<(), Invalid> {
    if !flags.user_present() {
        return Err(Invalid::UserNotPresent);
    }
    if USER_VERIFICATION.is_required() && !flags.user_verified() {
        return Err(Invalid::UserNotVerified);
    }
    Ok(())
}
