//! Proof Key for Code Exchange (RFC 7636): a code is redeemed by the client instance that requested it.
//!
//! Owns the form of challenge and verifier. Only S256 exists: with `plain` an attacker who saw the
//! request knows the verifier (RFC 9700 §2.1.1). Which clients need a challenge is `client_policy`.

/// The one method.
pub const METHOD: &str = "S256";

/// Whether `text` is a SHA-256 hash in base64url, as a challenge is (RFC 7636 §4.2).
#[must_use]
pub fn is_challenge(text: &str) -> bool {
    text.len() == 43 && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

/// Whether `text` is a verifier (RFC 7636 §4.1): 43 to 128 unreserved characters.
#[must_use]
pub fn is_verifier(text: &str) -> bool {
    (43..=128).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._~".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7636_appendix_b() {
        assert!(is_verifier("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"));
        assert!(is_challenge("E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"));
    }

    #[test]
    fn lengths_and_characters_are_those_of_the_standard() {
        for (length, good) in [(42, false), (43, true), (128, true), (129, false)] {
            assert_eq!(is_verifier(&"a".repeat(length)), good, "{length}");
            assert_eq!(is_challenge(&"a".repeat(length)), length == 43, "{length}");
        }
        let with = |c: char| format!("{c}{}", "a".repeat(42));
        for bad in ['+', '/', '=', ' ', '\u{e4}'] {
            assert!(!is_verifier(&with(bad)) && !is_challenge(&with(bad)), "{bad}");
        }
        assert!(is_verifier(&with('~')) && !is_challenge(&with('~')));
    }
}
