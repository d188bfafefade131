//! Opaque tokens: a prefix that secret scanners recognise, a body and a CRC-32.
//!
//! Owns the text form only. The checksum does not authenticate; it saves database lookups for mistyped and random
//! input.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::Entropy;
use super::entropy::random;

/// A refresh token.
pub const REFRESH_TOKEN: &str = "srt_";
/// A client's secret.
pub const CLIENT_SECRET: &str = "scs_";
/// An authorization code.
pub const AUTHORIZATION_CODE: &str = "sac_";
/// A device code (RFC 8628).
pub const DEVICE_CODE: &str = "sdc_";
/// An administration key of a service client.
pub const ADMIN_KEY: &str = "sak_";
/// An API key of a user.
pub const API_KEY: &str = "spk_";
/// A sealed, pending sign-in.
pub const AUTH_SESSION: &str = "sch_";
/// A sealed second factor that is being enrolled.
pub const FACTOR_SETUP: &str = "sfs_";
/// The cookie of a browser session.
pub const BROWSER_SESSION: &str = "sbs_";
/// The cookie that binds pending requests to a browser.
pub const BROWSER: &str = "sbr_";

/// Every prefix, each with the name of its kind.
pub const KINDS: &[(&str, &str)] = &[
    (REFRESH_TOKEN, "refresh_token"),
    (CLIENT_SECRET, "client_secret"),
    (AUTHORIZATION_CODE, "authorization_code"),
    (DEVICE_CODE, "device_code"),
    (ADMIN_KEY, "admin_key"),
    (API_KEY, "user_key"),
    (AUTH_SESSION, "auth_session"),
    (FACTOR_SETUP, "factor_setup"),
    (BROWSER_SESSION, "browser_session"),
    (BROWSER, "browser"),
];

/// Appends the CRC-32 of prefix and body to `body` and encodes it as `prefix` + base64url.
#[must_use]
pub fn encode(prefix: &str, body: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(body.len() + 4);
    bytes.extend_from_slice(body);
    bytes.extend_from_slice(&checksum(prefix, body).to_be_bytes());
    let mut text = String::with_capacity(prefix.len() + bytes.len().div_ceil(3) * 4);
    text.push_str(prefix);
    URL_SAFE_NO_PAD.encode_string(&bytes, &mut text);
    text
}

/// A new token of this kind: 256 random bits.
#[must_use]
pub fn generate(prefix: &str, entropy: &dyn Entropy) -> String {
    encode(prefix, &random::<32>(entropy))
}

/// Whether `text` has the form of a token from [`generate`] with this prefix.
#[must_use]
pub fn is_well_formed(prefix: &str, text: &str) -> bool {
    parse::<32>(prefix, text).is_some()
}

/// The body of a token from [`encode`], if prefix, alphabet, length and checksum are right.
///
/// `N` is the length of the body in bytes. Exactly one text is accepted for each body: base64
/// with stray trailing bits or padding is refused, so a token cannot be altered and stay valid.
#[must_use]
pub fn parse<const N: usize>(prefix: &str, text: &str) -> Option<[u8; N]> {
    let encoded = text.strip_prefix(prefix)?;
    if encoded.len() != ((N + 4) * 4).div_ceil(3) {
        return None;
    }
    let bytes = URL_SAFE_NO_PAD.decode(encoded).ok()?;
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    let body: [u8; N] = body.try_into().ok()?;
    (checksum(prefix, &body) == u32::from_be_bytes(*crc)).then_some(body)
}

/// The hash of an opaque secret: the only form of it that storage accepts.
#[derive(Clone, PartialEq, Eq)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Wraps a digest; `crypto::digest::token_hash` makes it.
    #[must_use]
    pub const fn from_digest(digest: [u8; 32]) -> Self {
        Self(digest)
    }

    /// The bytes to bind.
    #[must_use]
    pub fn bytes(&self) -> Vec<u8> {
        self.0.to_vec()
    }

    /// The SHA-256 digest.
    #[must_use]
    pub const fn digest(&self) -> &[u8; 32] {
        &self.0
    }
}

/// The body of a token of any length from [`encode`], under the same rules as [`parse`].
#[must_use]
pub fn parse_any(prefix: &str, text: &str) -> Option<Vec<u8>> {
    let bytes = URL_SAFE_NO_PAD.decode(text.strip_prefix(prefix)?).ok()?;
    let (body, crc) = bytes.split_last_chunk::<4>()?;
    (checksum(prefix, body) == u32::from_be_bytes(*crc)).then(|| body.to_vec())
}

fn checksum(prefix: &str, body: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(prefix.as_bytes());
    hasher.update(body);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_single_character_change_is_refused() {
        let text = encode("srt_", &[7; 38]);
        assert_eq!(text.len(), 4 + 56);
        assert_eq!(parse::<38>("srt_", &text), Some([7; 38]));
        for at in 0..text.len() {
            for other in [b'A', b'B', b'-', b'_', b'9', b'=', b' ', 0x7f] {
                let mut bytes = text.clone().into_bytes();
                if bytes[at] == other {
                    continue;
                }
                bytes[at] = other;
                let changed = String::from_utf8(bytes).unwrap_or_default();
                assert_eq!(parse::<38>("srt_", &changed), None, "position {at}");
            }
        }
    }

    #[test]
    fn shorter_longer_and_padded_are_refused() {
        let text = encode("srt_", &[1; 38]);
        assert_eq!(parse::<38>("srt_", &text[..text.len() - 1]), None);
        assert_eq!(parse::<38>("srt_", &format!("{text}A")), None);
        assert_eq!(parse::<38>("srt_", &format!("{text}=")), None);
        assert_eq!(parse::<38>("sac_", &text), None);
    }
}
