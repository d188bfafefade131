//! The canonical form of request paths.
//!
//! A proxy protects paths by their text, and a path that reaches a resource under a second spelling would bypass
//! its rules. So each fixed part of a path has one spelling (RFC 3986 §6.2.2), and any other is refused before
//! routing.

/// Why a path is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SpellingError {
    /// A percent sign without two hexadecimal digits, or bytes that are not UTF-8.
    Malformed,
    /// A needlessly encoded character, such as `%61` for `a`.
    Needless,
    /// Lower-case hexadecimal digits in an encoded name (RFC 3986 §6.2.2.1).
    LowerCase,
    /// An encoded slash where no name of a resource is expected.
    Slash,
    /// A backslash, which some proxies treat as a slash.
    Backslash,
    /// `.` or `..` as a segment.
    DotSegment,
    /// Two slashes in a row.
    EmptySegment,
    /// U+0000, or another control character in a name.
    Control,
}

impl SpellingError {
    /// The error message: what to send instead.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Malformed => {
                "The path is not percent-encoded UTF-8: % is followed by two hexadecimal digits."
            }
            Self::Needless => {
                "The path percent-encodes a letter, a digit or one of - . _ ~. Send it as it is."
            }
            Self::LowerCase => "Write percent-encoding in the path in upper case, such as %2F.",
            Self::Slash => "The path has an encoded slash, %2F, in its fixed part. Send /.",
            Self::Backslash => "The path has a backslash. Send /.",
            Self::DotSegment => "The path contains a segment . or .. : send the resolved path.",
            Self::EmptySegment => "The path has two slashes in a row. Send one.",
            Self::Control => "The path has an encoded control character, such as %00.",
        }
    }
}

/// Checks the path of a request as it was sent. `is_name` tells whether the last of the given segments names a
/// resource: only there may an encoded slash occur, and an encoded tilde, which form encoders produce.
///
/// # Errors
/// The first violation.
pub fn check(path: &str, is_name: impl Fn(&[&str]) -> bool) -> Result<(), SpellingError> {
    let encoded = path.contains(['%', '\\']);
    if !encoded && !path.contains("//") && !path.contains("/.") {
        return Ok(());
    }
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    for (at, segment) in segments.iter().enumerate() {
        // A trailing slash makes a different path, for which there is no route.
        if segment.is_empty() && at + 1 < segments.len() {
            return Err(SpellingError::EmptySegment);
        }
        check_segment(segment, || is_name(&segments[..=at]))?;
    }
    Ok(())
}

/// Checks the rest of a path that belongs to another server, whose paths may have any form: only parts that could
/// leave the rest, or end it early, are refused.
///
/// # Errors
/// An encoded dot, slash, backslash or U+0000, a dot segment or a backslash.
pub fn check_free_rest(rest: &str) -> Result<(), SpellingError> {
    for segment in rest.split('/') {
        if matches!(segment, "." | "..") {
            return Err(SpellingError::DotSegment);
        }
        for byte in Bytes(segment.as_bytes()) {
            match byte? {
                Byte { value: 0, .. } => return Err(SpellingError::Control),
                Byte { value: b'\\', .. } => return Err(SpellingError::Backslash),
                Byte { value: b'.', hex: Some(_) } => return Err(SpellingError::DotSegment),
                Byte { value: b'/', hex: Some(_) } => return Err(SpellingError::Slash),
                Byte { .. } => {}
            }
        }
    }
    Ok(())
}

fn check_segment(segment: &str, is_name: impl FnOnce() -> bool) -> Result<(), SpellingError> {
    let mut decoded = Vec::with_capacity(segment.len());
    let (mut only_in_names, mut never_in_names) = (None, None);
    for byte in Bytes(segment.as_bytes()) {
        let Byte { value, hex } = byte?;
        match (value, hex) {
            (b'\\', _) => return Err(SpellingError::Backslash),
            (0, _) => return Err(SpellingError::Control),
            (1..=0x1f | 0x7f, _) => never_in_names = Some(SpellingError::Control),
            (b'~', Some(_)) => only_in_names = Some(SpellingError::Needless),
            (_, Some(_)) if is_unreserved(value) => return Err(SpellingError::Needless),
            (b'/', Some(_)) => only_in_names = Some(SpellingError::Slash),
            _ => {}
        }
        if hex.is_some_and(|hex| hex.iter().any(u8::is_ascii_lowercase)) {
            never_in_names = Some(SpellingError::LowerCase);
        }
        decoded.push(value);
    }
    let text = std::str::from_utf8(&decoded).map_err(|_| SpellingError::Malformed)?;
    if text.split('/').any(|part| matches!(part, "." | "..")) {
        return Err(SpellingError::DotSegment);
    }
    // The fixed part of a route contains no encoded character; other paths are not found.
    match (only_in_names, never_in_names) {
        (None, None) => Ok(()),
        (other, never) => (if is_name() { never } else { other }).map_or(Ok(()), Err),
    }
}

/// `text` as one segment of a path or one value of a query: every byte that is not unreserved (RFC 3986 §2.3) is
/// percent-encoded in upper case, a space as `%20`.
#[must_use]
pub fn percent_encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_unreserved(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

/// A decoded segment of a path; `None` if its encoding is malformed or not UTF-8.
#[must_use]
pub fn percent_decoded(segment: &str) -> Option<String> {
    let bytes: Result<Vec<u8>, _> =
        Bytes(segment.as_bytes()).map(|byte| byte.map(|byte| byte.value)).collect();
    String::from_utf8(bytes.ok()?).ok()
}

/// RFC 3986 §2.3.
const fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// A byte of a path, with its two digits if it was encoded.
struct Byte {
    value: u8,
    hex: Option<[u8; 2]>,
}

/// The decoded bytes of a text.
struct Bytes<'a>(&'a [u8]);

impl Iterator for Bytes<'_> {
    type Item = Result<Byte, SpellingError>;

    fn next(&mut self) -> Option<Self::Item> {
        let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|d| u8::try_from(d).ok());
        let (first, rest) = self.0.split_first()?;
        if *first != b'%' {
            self.0 = rest;
            return Some(Ok(Byte { value: *first, hex: None }));
        }
        let [high, low, rest @ ..] = rest else {
            self.0 = &[];
            return Some(Err(SpellingError::Malformed));
        };
        self.0 = rest;
        Some(match (digit(*high), digit(*low)) {
            (Some(h), Some(l)) => Ok(Byte { value: h << 4 | l, hex: Some([*high, *low]) }),
            _ => Err(SpellingError::Malformed),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn fixed(path: &str) -> Result<(), SpellingError> {
        check(path, |_| false)
    }

    #[test]
    fn plain_paths_and_needed_encoding_pass() {
        for path in [
            "/",
            "/v1/admin/users",
            "/v1/admin/users/",
            "/.well-known/jwks.json",
            "/.well-known/openid-configuration",
            "/v1/admin/apis/urn%3Aorders",
            "/v1/admin/clients/a~b",
            "/%C3%A4",
            "/a%20b",
            "/a...b/...",
            "/%7bx%0a",
        ] {
            assert_eq!(fixed(path), Ok(()), "{path}");
        }
    }

    #[test]
    fn second_spellings_are_refused() {
        use SpellingError::{
            Backslash, Control, DotSegment, EmptySegment, Malformed, Needless, Slash,
        };
        for (path, error) in [
            ("/v1/%61dmin/users", Needless),
            ("/%76%31/admin/users", Needless),
            ("/v1/%2e%2e/admin", Needless),
            ("/%2Ewell-known/jwks.json", Needless),
            ("/v1/admin/%7e", Needless),
            ("/v1/admin/%7E", Needless),
            ("/v1%2Fadmin/users", Slash),
            ("/v1%2fadmin/users", Slash),
            ("/v1%5Cadmin", Backslash),
            ("/v1%5cadmin", Backslash),
            ("/v1\\admin", Backslash),
            ("/v1/../v1/admin/users", DotSegment),
            ("/./v1/admin/users", DotSegment),
            ("/v1/admin/users/.", DotSegment),
            ("/v1//admin/users", EmptySegment),
            ("//v1/admin/users", EmptySegment),
            ("/setup/%00", Control),
            ("/v1/%", Malformed),
            ("/v1/%4", Malformed),
            ("/v1/%zz", Malformed),
            ("/v1/%FF", Malformed),
        ] {
            assert_eq!(fixed(path), Err(error), "{path}");
        }
    }

    #[test]
    fn encoded_slash_is_part_of_a_name_only() {
        let in_name = |segments: &[&str]| segments.len() == 2;
        assert_eq!(check("/apis/https%3A%2F%2Fa.example%2Fb", in_name), Ok(()));
        assert_eq!(check("/apis%2Fhttps", in_name), Err(SpellingError::Slash));
        assert_eq!(check("/apis/a%7Eb", in_name), Ok(()));
        for (other, error) in [
            ("/apis/urn%3ax", SpellingError::LowerCase),
            ("/apis/https%3A%2f%2fa", SpellingError::LowerCase),
            ("/apis/a%7eb", SpellingError::LowerCase),
            ("/apis/a%0A", SpellingError::Control),
        ] {
            assert_eq!(check(other, in_name), Err(error), "{other}");
        }
        for hidden in ["/apis/..%2Fusers", "/apis/a%2F..%2Fb", "/apis/a%2F."] {
            assert_eq!(check(hidden, in_name), Err(SpellingError::DotSegment), "{hidden}");
        }
    }

    #[test]
    fn percent_encoding_round_trips() {
        for text in ["", "a b", "https://a.example/b?c=d&e+f", "Käse%"] {
            assert_eq!(percent_decoded(&percent_encoded(text)).as_deref(), Some(text));
        }
        for malformed in ["%", "%4", "%zz", "%FF"] {
            assert_eq!(percent_decoded(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn free_rest_may_be_spelt_in_any_way_that_stays_inside() {
        for rest in ["", "%61%62/c//d", "a%C3%A4", "%ff", "a%3ab", "...", "a.b"] {
            assert_eq!(check_free_rest(rest), Ok(()), "{rest}");
        }
        for rest in [
            "%2e", "a%2E.", "..", "a/../b", ".", "a%2fb", "a%2Fb", "%5c", "%5C", "a\\b", "%00", "%",
        ] {
            assert!(check_free_rest(rest).is_err(), "{rest}");
        }
    }

    proptest! {
        /// If a path is accepted, the same path with any character encoded is refused.
        #[test]
        fn encoding_any_character_of_a_plain_path_is_refused(
            segments in proptest::collection::vec("[a-z0-9._~-]{1,8}", 1..5),
            place in any::<prop::sample::Index>(),
            lower in any::<bool>(),
        ) {
            let path = format!("/{}", segments.join("/"));
            prop_assume!(fixed(&path).is_ok());
            let at = place.index(path.len() - 1) + 1;
            let byte = path.as_bytes()[at];
            let code = if lower { format!("%{byte:02x}") } else { format!("%{byte:02X}") };
            let other = format!("{}{code}{}", &path[..at], &path[at + 1..]);
            prop_assert!(fixed(&other).is_err(), "{other}");
        }

        #[test]
        fn no_text_makes_the_check_panic(path in "\\PC{0,40}") {
            let _ = fixed(&path);
            let _ = check_free_rest(&path);
        }
    }
}
