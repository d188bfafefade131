//! Refresh tokens: `srt_` + base64url(key version ‖ branch id ‖ counter ‖ MAC ‖ CRC-32).
//!
//! Owns the format and the MAC. The key is random and sealed in the database: an attacker who steals the database
//! cannot mint tokens, and forged ones are refused without a database access. `domain::refresh` decides about
//! genuine tokens.

use std::collections::BTreeMap;

use aws_lc_rs::hmac;
use uuid::Uuid;

use crate::base::id::BranchId;
use crate::base::opaque_token;

/// The prefix that secret scanners recognise.
pub const PREFIX: &str = opaque_token::REFRESH_TOKEN;

const BODY: usize = 2 + 16 + 4 + 16;
const DOMAIN: &[u8] = b"signet/refresh/v1";

/// The content of a genuine refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Presented {
    /// The refresh branch.
    pub branch: BranchId,
    /// Its position in the branch.
    pub counter: u32,
}

/// A key for the MACs of refresh tokens.
pub struct RefreshKey(hmac::Key);

impl RefreshKey {
    /// From its 32 bytes.
    #[must_use]
    pub fn new(key: &[u8; 32]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, key))
    }
}

/// The keys for the MACs of refresh tokens, by version.
pub struct RefreshKeys {
    keys: BTreeMap<u16, hmac::Key>,
    current: u16,
}

impl RefreshKeys {
    /// Takes the unsealed keys; the highest version is for new tokens. `None` when there are no keys.
    #[cfg(feature = "test-support")]
    #[must_use]
    pub fn new(keys: &[(u16, [u8; 32])]) -> Option<Self> {
        Self::with(keys.iter().map(|(version, key)| (*version, RefreshKey::new(key))))
    }

    /// The same with parsed keys.
    #[must_use]
    pub fn with(keys: impl IntoIterator<Item = (u16, RefreshKey)>) -> Option<Self> {
        let keys: BTreeMap<u16, hmac::Key> =
            keys.into_iter().map(|(version, key)| (version, key.0)).collect();
        let current = *keys.keys().next_back()?;
        Some(Self { keys, current })
    }

    /// The key of this version, for the next set.
    #[must_use]
    pub fn key(&self, version: u16) -> Option<RefreshKey> {
        self.keys.get(&version).cloned().map(RefreshKey)
    }

    /// The token with this counter of this branch. The same arguments give the same token.
    #[must_use]
    pub fn mint(&self, branch: BranchId, counter: u32) -> Option<String> {
        let key = self.keys.get(&self.current)?;
        let mut body = [0; BODY];
        write_claim(&mut body, self.current, branch, counter);
        let mac = mac(key, &body[..BODY - 16]);
        body[BODY - 16..].copy_from_slice(&mac.as_ref()[..16]);
        Some(opaque_token::encode(PREFIX, &body))
    }

    /// The content of `text`, if it is a genuine refresh token.
    #[must_use]
    pub fn authenticate(&self, text: &str) -> Option<Presented> {
        let body: [u8; BODY] = opaque_token::parse(PREFIX, text)?;
        let (claim, presented_mac) = body.split_last_chunk::<16>()?;
        let (version, rest) = claim.split_first_chunk::<2>()?;
        let (branch, rest) = rest.split_first_chunk::<16>()?;
        let counter = rest.first_chunk::<4>()?;
        let key = self.keys.get(&u16::from_be_bytes(*version))?;
        let expected = mac(key, claim);
        super::digest::constant_time_eq(&expected.as_ref()[..16], presented_mac).then(|| {
            Presented {
                branch: BranchId::from_uuid(Uuid::from_bytes(*branch)),
                counter: u32::from_be_bytes(*counter),
            }
        })
    }
}

fn write_claim(body: &mut [u8; BODY], version: u16, branch: BranchId, counter: u32) {
    body[..2].copy_from_slice(&version.to_be_bytes());
    body[2..18].copy_from_slice(branch.uuid().as_bytes());
    body[18..22].copy_from_slice(&counter.to_be_bytes());
}

fn mac(key: &hmac::Key, claim: &[u8]) -> hmac::Tag {
    let mut context = hmac::Context::with_key(key);
    context.update(DOMAIN);
    context.update(claim);
    context.sign()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn branch() -> BranchId {
        BranchId::from_uuid(Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001))
    }

    #[test]
    fn a_token_says_what_was_minted_and_nothing_else_is_genuine() {
        let keys = RefreshKeys::new(&[(1, [7; 32])]).unwrap();
        let text = keys.mint(branch(), 41).unwrap();
        assert_eq!(text.len(), 4 + 56);
        assert_eq!(keys.mint(branch(), 41).unwrap(), text);
        let presented = Presented { branch: branch(), counter: 41 };
        assert_eq!(keys.authenticate(&text), Some(presented));
        let other = RefreshKeys::new(&[(1, [8; 32])]).unwrap();
        assert_eq!(other.authenticate(&text), None);
        assert_eq!(keys.authenticate(""), None);
        assert_eq!(keys.authenticate("srt_"), None);
    }

    #[test]
    fn a_forged_body_with_a_right_checksum_is_refused() {
        let keys = RefreshKeys::new(&[(1, [7; 32])]).unwrap();
        let text = keys.mint(branch(), 41).unwrap();
        let body: [u8; BODY] = opaque_token::parse(PREFIX, &text).unwrap();
        for bit in 0..BODY * 8 {
            let mut forged = body;
            forged[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                keys.authenticate(&opaque_token::encode(PREFIX, &forged)),
                None,
                "bit {bit}"
            );
        }
    }

    #[test]
    fn an_old_version_still_verifies_after_a_new_one_signs() {
        let old = RefreshKeys::new(&[(1, [7; 32])]).unwrap();
        let both = RefreshKeys::new(&[(1, [7; 32]), (2, [9; 32])]).unwrap();
        let text = old.mint(branch(), 3).unwrap();
        assert!(both.authenticate(&text).is_some());
        assert!(old.authenticate(&both.mint(branch(), 3).unwrap()).is_none());
    }
}
