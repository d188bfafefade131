//! Decodes a text that may be a signed token, as far as possible.
//!
//! Reads every readable part and reports the first error of the form. Verifies nothing: the result is untrusted.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Map, Value};

use crate::domain::token_diagnosis::{Flaw, TokenStructure};

use super::verify::{MAX_TOKEN, UnverifiedHeader};

/// The readable parts of `token`. A token that is too large is not read.
#[must_use]
pub fn decode_unverified(token: &str) -> TokenStructure {
    if token.len() > MAX_TOKEN {
        return TokenStructure {
            flaw: Some(Flaw::TooLarge(MAX_TOKEN)),
            ..TokenStructure::default()
        };
    }
    let parts: Vec<&str> = token.split('.').collect();
    let [header, payload, signature] = parts.as_slice() else {
        return TokenStructure {
            flaw: Some(Flaw::Parts(parts.len())),
            ..TokenStructure::default()
        };
    };
    let plain_header = UnverifiedHeader::read_part(header).is_some();
    let (header, claims) = (object("header", header), object("payload", payload));
    let signature = bytes("signature", signature);
    let first = |part: &Result<Map<String, Value>, Flaw>| part.as_ref().err().copied();
    TokenStructure {
        flaw: first(&header).or_else(|| first(&claims)).or(signature.err()),
        plain_header,
        header: header.ok(),
        claims: claims.ok(),
    }
}

fn bytes(name: &'static str, part: &str) -> Result<Vec<u8>, Flaw> {
    if part.is_empty() {
        return Err(Flaw::Empty(name));
    }
    URL_SAFE_NO_PAD.decode(part).map_err(|_| Flaw::NotBase64(name))
}

fn object(name: &'static str, part: &str) -> Result<Map<String, Value>, Flaw> {
    serde_json::from_slice(&bytes(name, part)?).map_err(|_| Flaw::NotAnObject(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(text: &str) -> String {
        URL_SAFE_NO_PAD.encode(text)
    }

    #[test]
    fn the_first_flaw_is_named_and_the_rest_is_read() {
        let (head, body) = (part(r#"{"alg":"a","kid":"k","typ":"t"}"#), part(r#"{"sub":"x"}"#));
        for (token, flaw) in [
            (String::new(), Flaw::Parts(1)),
            ("a.b".to_owned(), Flaw::Parts(2)),
            ("a.b.c.d.e".to_owned(), Flaw::Parts(5)),
            ("..".to_owned(), Flaw::Empty("header")),
            (format!("{head}..AA"), Flaw::Empty("payload")),
            (format!("{head}.{body}."), Flaw::Empty("signature")),
            (format!("{head}=.{body}.AA"), Flaw::NotBase64("header")),
            (format!("{head}.{body}.AB"), Flaw::NotBase64("signature")),
            (format!("{}.{body}.AA", part("[]")), Flaw::NotAnObject("header")),
            (format!("{head}.{}.AA", part("{} x")), Flaw::NotAnObject("payload")),
            (format!("{head}.{}.AA", part(&"[".repeat(4_000))), Flaw::NotAnObject("payload")),
            ("é.".repeat(MAX_TOKEN), Flaw::TooLarge(MAX_TOKEN)),
        ] {
            assert_eq!(decode_unverified(&token).flaw, Some(flaw), "{token:.40}");
        }
        let unsigned = decode_unverified(&format!("{head}.{body}."));
        assert_eq!(unsigned.claims.unwrap()["sub"], "x");
        // An error in another part does not affect the header.
        assert!(unsigned.plain_header);
        let whole = decode_unverified(&format!("{head}.{body}.AA"));
        assert!(whole.flaw.is_none() && whole.plain_header && whole.header.is_some());
    }

    #[test]
    fn a_header_is_plain_when_the_verifier_would_read_it() {
        let body = part("{}");
        for wrong in [
            r#"{"alg":"a","kid":"k"}"#,
            r#"{"alg":"a","kid":"k","typ":5}"#,
            r#"{"alg":"a","kid":"k","typ":"t","crit":["b64"]}"#,
            r#"{"alg":"a","kid":"k","typ":"t","kid":"k"}"#,
        ] {
            let seen = decode_unverified(&format!("{}.{body}.AA", part(wrong)));
            assert!(seen.header.is_some() && !seen.plain_header, "{wrong}");
        }
    }
}
