//! The validity period of an X.509 certificate (RFC 5280 §4.1.2.5).
//!
//! Reads the two times only. Trust in a certificate is decided by clients.

use super::import::der::{CONTEXT_0, INTEGER, Reader, SEQUENCE};
use crate::base::Timestamp;

const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// The start and the end; `None` if the bytes are not a certificate.
#[must_use]
pub fn validity(der: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let mut certificate = Reader(Reader(der).expect(SEQUENCE)?);
    let mut body = Reader(certificate.expect(SEQUENCE)?);
    // The version is left out in the oldest form.
    match body.element()? {
        (CONTEXT_0, _) => {
            body.expect(INTEGER)?;
        }
        (INTEGER, _) => {}
        _ => return None,
    }
    let (_algorithm, _issuer) = (body.expect(SEQUENCE)?, body.expect(SEQUENCE)?);
    let mut validity = Reader(body.expect(SEQUENCE)?);
    let begins = moment(validity.element()?)?;
    let ends = moment(validity.element()?)?;
    Some((begins, ends))
}

/// `YYMMDDHHMMSSZ`, in which year 50 is 1950, or `YYYYMMDDHHMMSSZ`.
fn moment((tag, content): (u8, &[u8])) -> Option<Timestamp> {
    let text = std::str::from_utf8(content).ok()?.strip_suffix('Z')?;
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let text = match (tag, text.len()) {
        (UTC_TIME, 12) if text < "50" => format!("20{text}"),
        (UTC_TIME, 12) => format!("19{text}"),
        (GENERALIZED_TIME, 14) => text.to_owned(),
        _ => return None,
    };
    let part = |from: usize, to: usize| text.get(from..to);
    let (year, month, day) = (part(0, 4)?, part(4, 6)?, part(6, 8)?);
    let (hour, minute, second) = (part(8, 10)?, part(10, 12)?, part(12, 14)?);
    // A later end means no end (RFC 5280 §4.1.2.5).
    Timestamp::parse(&format!("{year}-{month}-{day}T{hour}:{minute}:{second}Z"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u8::try_from(content.len()).unwrap();
        assert!(length < 0x80);
        [&[tag, length], content].concat()
    }

    fn certificate(version: bool, begins: (u8, &str), ends: (u8, &str)) -> Vec<u8> {
        let time = |(tag, text): (u8, &str)| element(tag, text.as_bytes());
        let version = if version { element(CONTEXT_0, &element(INTEGER, &[2])) } else { vec![] };
        let body = [
            version,
            element(INTEGER, &[1]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[]),
            element(SEQUENCE, &[time(begins), time(ends)].concat()),
        ];
        element(SEQUENCE, &element(SEQUENCE, &body.concat()))
    }

    #[test]
    fn both_forms_of_time_are_read_and_the_century_is_that_of_the_standard() {
        let at = |text: &str| Timestamp::parse(text).unwrap();
        let short = (UTC_TIME, "700101000000Z");
        for version in [true, false] {
            let der = certificate(version, short, (UTC_TIME, "491231235959Z"));
            let found = validity(&der);
            assert_eq!(found, Some((at("1970-01-01T00:00:00Z"), at("2049-12-31T23:59:59Z"))));
        }
        let der = certificate(true, short, (GENERALIZED_TIME, "20610203040506Z"));
        assert_eq!(validity(&der).map(|(_, ends)| ends), Some(at("2061-02-03T04:05:06Z")));
    }

    #[test]
    fn anything_else_has_no_moment() {
        let short = (UTC_TIME, "700101000000Z");
        for wrong in
            ["491231235959", "4912312359Z", "49123123595xZ", "491331235959Z", "é91231235959Z"]
        {
            assert_eq!(validity(&certificate(true, short, (UTC_TIME, wrong))), None, "{wrong}");
        }
        let whole = certificate(true, short, (UTC_TIME, "491231235959Z"));
        for length in 0..whole.len() {
            assert_eq!(validity(&whole[..length]), None, "{length}");
        }
    }
}
