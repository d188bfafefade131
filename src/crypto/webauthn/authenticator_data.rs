//! Authenticator data (WebAuthn §6.1): flags, counter, and the credential of a registration.
//!
//! Owns its layout; `ceremony` decides whether it is acceptable.

use super::Invalid;
use super::cbor::Item;

/// The longest credential id (WebAuthn §4), in bytes.
pub const MAX_CREDENTIAL_ID: usize = 1023;

const USER_PRESENT: u8 = 1 << 0;
const USER_VERIFIED: u8 = 1 << 2;
const BACKUP_ELIGIBLE: u8 = 1 << 3;
const BACKED_UP: u8 = 1 << 4;
const ATTESTED: u8 = 1 << 6;
const EXTENSIONS: u8 = 1 << 7;

/// The flags. Reserved bits are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags(u8);

impl Flags {
    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    /// User presence (UP): the user has touched the authenticator, or similar.
    #[must_use]
    pub const fn user_present(self) -> bool {
        self.has(USER_PRESENT)
    }

    /// Whether the authenticator has verified its user, by PIN or biometrics (UV).
    #[must_use]
    pub const fn user_verified(self) -> bool {
        self.has(USER_VERIFIED)
    }

    /// Whether the credential can be on several devices (BE).
    #[must_use]
    pub const fn backup_eligible(self) -> bool {
        self.has(BACKUP_ELIGIBLE)
    }

    /// Whether the credential is on several devices (BS).
    #[must_use]
    pub const fn backed_up(self) -> bool {
        self.has(BACKED_UP)
    }
}

/// A credential as its authenticator describes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttestedCredential<'a> {
    /// The model of the authenticator; all zeros if it is not disclosed.
    pub aaguid: [u8; 16],
    /// The id of the credential.
    pub id: &'a [u8],
    /// The public key, in COSE.
    pub public_key: &'a [u8],
}

/// Authenticator data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthenticatorData<'a> {
    /// SHA-256 of the RP ID that the credential is scoped to.
    pub rp_id_hash: &'a [u8],
    /// The flags.
    pub flags: Flags,
    /// How often the credential was used, or 0.
    pub sign_count: u32,
    /// The credential, in a registration.
    pub credential: Option<AttestedCredential<'a>>,
}

impl<'a> AuthenticatorData<'a> {
    /// Parses authenticator data.
    ///
    /// # Errors
    /// If `bytes` is invalid or longer.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Invalid> {
        let (rp_id_hash, rest) = split(bytes, 32)?;
        let (head, mut rest) = rest.split_first_chunk::<5>().ok_or(Invalid::Malformed)?;
        let [flags, count @ ..] = *head;
        let flags = Flags(flags);
        let mut credential = None;
        if flags.has(ATTESTED) {
            let (found, after) = attested(rest)?;
            (credential, rest) = (Some(found), after);
        }
        if flags.has(EXTENSIONS) {
            let (Item::Map(_), after) = Item::parse_first(rest)? else {
                return Err(Invalid::Malformed);
            };
            rest = after;
        }
        if !rest.is_empty() {
            return Err(Invalid::Malformed);
        }
        Ok(Self { rp_id_hash, flags, sign_count: u32::from_be_bytes(count), credential })
    }
}

fn split(bytes: &[u8], at: usize) -> Result<(&[u8], &[u8]), Invalid> {
    bytes.split_at_checked(at).ok_or(Invalid::Malformed)
}

/// The attested credential data (WebAuthn §6.5.1), and the bytes after it.
fn attested(bytes: &[u8]) -> Result<(AttestedCredential<'_>, &[u8]), Invalid> {
    let (aaguid, rest) = bytes.split_first_chunk::<16>().ok_or(Invalid::Malformed)?;
    let (length, rest) = rest.split_first_chunk::<2>().ok_or(Invalid::Malformed)?;
    let length = usize::from(u16::from_be_bytes(*length));
    if length == 0 || length > MAX_CREDENTIAL_ID {
        return Err(Invalid::Malformed);
    }
    let (id, rest) = split(rest, length)?;
    let (_, after) = Item::parse_first(rest)?;
    let (public_key, after) = split(rest, rest.len() - after.len())?;
    Ok((AttestedCredential { aaguid: *aaguid, id, public_key }, after))
}
