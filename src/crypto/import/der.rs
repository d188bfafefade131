//! Recognises the structure of DER (ITU-T X.690).
//!
//! Reads as much as is needed to choose the right parser of the crypto library and to name what was found instead.
//! Checks every length, and never copies.

/// The tag of a SEQUENCE.
pub const SEQUENCE: u8 = 0x30;
/// The tag of an INTEGER.
pub const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const OCTET_STRING: u8 = 0x04;
const OID: u8 = 0x06;
/// `[0]`, constructed.
pub const CONTEXT_0: u8 = 0xa0;

const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
const ED25519: &[u8] = &[0x2b, 0x65, 0x70];

/// Unsupported algorithms, for error messages.
const STRANGERS: &[(&[u8], &str)] = &[
    (
        &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x0a],
        "an RSA key that is restricted to PSS",
    ),
    (&[0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], "a DSA key"),
    (&[0x2b, 0x65, 0x6e], "an X25519 key"),
    (&[0x2b, 0x65, 0x6f], "an X448 key"),
    (&[0x2b, 0x65, 0x71], "an Ed448 key"),
];

/// Curves by the names they have in a JWK.
const CURVES: &[(&[u8], &str)] = &[
    (&[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07], "P-256"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x22], "P-384"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x23], "P-521"),
    (&[0x2b, 0x81, 0x04, 0x00, 0x0a], "secp256k1"),
];

/// A curve by its name in a JWK, or a description of a key without one.
pub type Curve = Result<&'static str, &'static str>;

const NAMELESS: Curve = Err("a key that does not name its curve");
const SPELT_OUT: Curve = Err("a key whose curve is spelt out instead of named");

/// The kind of a DER document.
pub enum Shape<'a> {
    /// OneAsymmetricKey (RFC 5958 §2).
    Pkcs8(Algorithm<'a>),
    /// RSAPrivateKey (RFC 8017 §A.1.2).
    Pkcs1(Numbers<'a>),
    /// ECPrivateKey (RFC 5915 §3) with its curve.
    Sec1(Curve),
    /// EncryptedPrivateKeyInfo (RFC 5958 §3).
    Encrypted,
    /// Something without a private half.
    Public(&'static str),
    /// Something else that has one.
    Other(&'static str),
}

/// The algorithm of a PKCS#8 key.
pub enum Algorithm<'a> {
    /// RSA.
    Rsa(Numbers<'a>),
    /// An elliptic curve.
    Ec(Curve),
    /// Ed25519.
    Ed25519,
    /// Something else.
    Other(&'static str),
}

/// An RSA private key whose numbers are all present and positive.
pub struct Numbers<'a> {
    /// The modulus, big-endian.
    pub modulus: &'a [u8],
}

/// The kind of `bytes`, if they are exactly one element.
pub fn shape(bytes: &[u8]) -> Option<Shape<'_>> {
    let mut outer = Reader(bytes);
    let mut inner = Reader(outer.expect(SEQUENCE)?);
    if !outer.0.is_empty() {
        return None;
    }
    let (tag, first) = inner.element()?;
    let mut rest = Reader(inner.0);
    let (next, second) = rest.element()?;
    Some(match (tag, next) {
        (INTEGER, SEQUENCE) if first == [3] => Shape::Other("a PKCS#12 store"),
        (INTEGER, SEQUENCE) => Shape::Pkcs8(algorithm(second, rest.expect(OCTET_STRING)?)?),
        (INTEGER, OCTET_STRING) => Shape::Sec1(sec1_curve(rest.0)?),
        (INTEGER, INTEGER) if rest.0.is_empty() => Shape::Public("a public key"),
        (INTEGER, INTEGER) if first == [1] => Shape::Other("an RSA key of more than two primes"),
        (INTEGER, INTEGER) => Shape::Pkcs1(numbers(inner.0)?),
        (SEQUENCE, OCTET_STRING) => Shape::Encrypted,
        (SEQUENCE, BIT_STRING) => Shape::Public("a public key"),
        (SEQUENCE, SEQUENCE) => Shape::Public("a certificate or a request for one"),
        _ => return None,
    })
}

/// The bits of a big-endian number.
pub fn bits(number: &[u8]) -> usize {
    let number = trimmed(number);
    number.first().map_or(0, |first| number.len() * 8 - first.leading_zeros() as usize)
}

/// A big-endian number without leading zeros.
pub fn trimmed(number: &[u8]) -> &[u8] {
    let start = number.iter().position(|byte| *byte != 0).unwrap_or(number.len());
    number.get(start..).unwrap_or_default()
}

fn algorithm<'a>(identifier: &'a [u8], key: &'a [u8]) -> Option<Algorithm<'a>> {
    let mut identifier = Reader(identifier);
    let oid = identifier.expect(OID)?;
    Some(match oid {
        RSA => match shape(key)? {
            Shape::Pkcs1(numbers) => Algorithm::Rsa(numbers),
            Shape::Other(found) => Algorithm::Other(found),
            _ => return None,
        },
        EC => Algorithm::Ec(match identifier.element()? {
            (OID, oid) => curve(oid),
            _ => SPELT_OUT,
        }),
        ED25519 => Algorithm::Ed25519,
        other => {
            let known = STRANGERS.iter().find(|(known, _)| *known == other);
            Algorithm::Other(known.map_or("a key of an unknown algorithm", |(_, name)| name))
        }
    })
}

/// The curve of an ECPrivateKey, from the fields after the private number. RFC 5915 §3 requires the parameters in a
/// standalone key; guessing a curve would turn any number into a valid key.
fn sec1_curve(rest: &[u8]) -> Option<Curve> {
    let mut rest = Reader(rest);
    if rest.0.first() != Some(&CONTEXT_0) {
        return Some(NAMELESS);
    }
    match Reader(rest.expect(CONTEXT_0)?).element()? {
        (OID, oid) => Some(curve(oid)),
        _ => Some(SPELT_OUT),
    }
}

fn curve(oid: &[u8]) -> Curve {
    let known = CURVES.iter().find(|(known, _)| *known == oid);
    known.map(|(_, name)| *name).ok_or("a key on an unknown curve")
}

/// Reads n, e, d, p, q, dp, dq and qi. The library accepts a key whose e and primes are zero; such a key signs but
/// has no public half.
fn numbers(members: &[u8]) -> Option<Numbers<'_>> {
    let mut members = Reader(members);
    let mut modulus = None;
    for _ in 0..8 {
        let number = members.expect(INTEGER)?;
        let negative = number.first()? & 0x80 != 0;
        if negative || trimmed(number).is_empty() {
            return None;
        }
        modulus = modulus.or(Some(number));
    }
    if !members.0.is_empty() {
        return None;
    }
    modulus.map(|modulus| Numbers { modulus })
}

/// Reads elements one by one.
pub struct Reader<'a>(pub &'a [u8]);

impl<'a> Reader<'a> {
    /// The next element's tag and content, in the shortest form of its length only (X.690 §10.1).
    pub fn element(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (length, rest) = match first {
            0..=0x7f => (usize::from(first), rest),
            0x81..=0x83 => {
                let (length, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                let value =
                    length.iter().fold(0_usize, |value, byte| value << 8 | usize::from(*byte));
                if value < 0x80 || length.first() == Some(&0) {
                    return None;
                }
                (value, rest)
            }
            _ => return None,
        };
        let (content, rest) = rest.split_at_checked(length)?;
        self.0 = rest;
        Some((tag, content))
    }

    /// The next element's content, if it has this tag.
    pub fn expect(&mut self, tag: u8) -> Option<&'a [u8]> {
        self.element().filter(|(found, _)| *found == tag).map(|(_, content)| content)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_have_one_spelling_and_are_never_trusted() {
        let content = |bytes: &[u8]| Reader(bytes).element().map(|(_, content)| content.len());
        assert_eq!(content(&[4, 0]), Some(0));
        assert_eq!(content(&[4, 2, 1, 2, 3]), Some(2));
        assert_eq!(content(&[&[4, 0x81, 0x80][..], &[0; 128]].concat()), Some(128));
        assert_eq!(content(&[&[4, 0x82, 1, 0][..], &[0; 256]].concat()), Some(256));
        for wrong in [
            &[][..],
            &[4],
            &[4, 1],
            &[4, 0x80],
            &[4, 0x81],
            &[4, 0x81, 1, 0],
            &[4, 0x81, 0x80],
            &[4, 0x82, 0, 1, 0],
            &[4, 0x84, 0, 0, 0, 1, 0],
            &[4, 0x88, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
            &[4, 0xff],
        ] {
            assert_eq!(content(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn bits_are_counted_from_the_first_that_is_set() {
        for (number, expected) in
            [(&[][..], 0), (&[0], 0), (&[1], 1), (&[0, 0x80], 8), (&[1, 0], 9), (&[0, 0, 2, 1], 10)]
        {
            assert_eq!(bits(number), expected, "{number:?}");
        }
    }
}
