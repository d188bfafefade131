//! The rows of the matrix: the request and the expected response of a resource server.
//!
//! Owns ids, descriptions and expectations. `forge` creates the requests.

/// The `error` of the challenge of a refusal (RFC 6750 §3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// No error: the request has no token.
    NoError,
    /// `invalid_token`.
    InvalidToken,
    /// Any challenge, or none for a status without one.
    Any,
}

/// A row of the matrix.
#[derive(Debug, Clone, Copy)]
pub struct Row {
    /// Its id.
    pub id: &'static str,
    /// The description of the request.
    pub what: &'static str,
    /// The expected statuses.
    pub expect: &'static [u16],
    /// The challenge of a 401.
    pub says: Says,
}

/// The token is valid.
const TAKEN: &[u16] = &[200];
/// Refused with a challenge.
const REFUSED: &[u16] = &[401];
/// Refused as malformed or with a challenge.
const MALFORMED: &[u16] = &[400, 401];
/// The type has two spellings (RFC 9068 §4), and a verifier need not accept the longer one.
const EITHER: &[u16] = &[200, 401];
/// Servers limit the length of headers; 0 is a connection that was closed without a response.
const TOO_LONG: &[u16] = &[0, 400, 401, 413, 431];

const fn taken(id: &'static str, what: &'static str) -> Row {
    Row { id, what, expect: TAKEN, says: Says::Any }
}

const fn refused(id: &'static str, what: &'static str) -> Row {
    Row { id, what, expect: REFUSED, says: Says::InvalidToken }
}

const fn absent(id: &'static str, what: &'static str) -> Row {
    Row { id, what, expect: REFUSED, says: Says::NoError }
}

const fn other(id: &'static str, what: &'static str, expect: &'static [u16]) -> Row {
    Row { id, what, expect, says: Says::Any }
}

/// The list, in the order of the requests.
pub const ROWS: &[Row] = &[
    taken("G1", "a valid token"),
    // Presentation.
    absent("P1", "no `Authorization` header"),
    other("P2", "`Bearer` without a token", REFUSED),
    absent("P3", "a valid token under `Basic`"),
    absent("P4", "a valid token as the query parameter `access_token`"),
    absent("P5", "a valid token as the form field `access_token`"),
    other("P6", "two `Authorization` headers with valid tokens", MALFORMED),
    taken("P7", "`bearer` in lower case"),
    // Time.
    refused("T1", "expired an hour ago"),
    refused("T2", "expired 65 seconds ago"),
    taken("T3", "expired 3 seconds ago, within the leeway of 5 seconds"),
    refused("T4", "no `exp`"),
    refused("T5", "`exp` is a string"),
    refused("T6", "`nbf` in an hour"),
    refused("T7", "`iat` in an hour"),
    // Issuer and audience.
    refused("I1", "`iss` of another issuer"),
    refused("I2", "`iss` with a slash at its end"),
    refused("I3", "no `iss`"),
    refused("A1", "`aud` of another API"),
    refused("A2", "no `aud`"),
    refused("A3", "`aud` with a slash at its end"),
    refused("A4", "`aud` is a prefix of the API's"),
    refused("A5", "`aud` is a list without the API"),
    refused("A6", "`aud` is the issuer"),
    refused("A7", "`aud` twice, the API last"),
    refused("A8", "`aud` twice, the API first"),
    taken("A9", "`aud` is a list with the API"),
    // Type.
    refused("Y1", "an ID token"),
    refused("Y2", "no `typ`"),
    refused("Y3", "`typ` is `logout+jwt`"),
    refused("Y4", "`typ` is `dpop+jwt`"),
    refused("Y5", "`typ` is `signet-identity+jwt`"),
    other("Y6", "`typ` is `application/at+jwt`", EITHER),
    // Algorithm and key.
    refused("K1", "`alg` is `none`"),
    refused("K2", "`alg` is `nOnE`"),
    refused("K3", "HS256 keyed with the PEM of the RSA key"),
    refused("K4", "HS256 keyed with the PEM of the EC key"),
    refused("K5", "RS256 with the `kid` of the EC key"),
    refused("K6", "ES256 with the `kid` of the RSA key"),
    refused("K7", "an unknown `kid`"),
    refused("K8", "`kid` is `../../dev/null`"),
    refused("K9", "`kid` is a number"),
    refused("K10", "the signer's key in `jwk`"),
    refused("K11", "the signer's keys behind `jku`"),
    refused("K12", "the signer's certificate behind `x5u`"),
    refused("K13", "an unknown extension in `crit`"),
    refused("K14", "`b64` is false"),
    refused("K15", "signed by a key that left the set"),
    // Signature and form.
    refused("S1", "an empty signature"),
    refused("S2", "a signature of zeros"),
    refused("S3", "the signature in DER"),
    refused("S4", "the signature of another key"),
    refused("S5", "one byte after the signature"),
    refused("S6", "the payload was changed"),
    refused("S7", "the last letter of the signature is not the canonical one"),
    refused("S8", "`==` after the signature"),
    refused("F1", "two segments"),
    refused("F2", "five segments"),
    refused("F3", "the payload is a list"),
    refused("F4", "the payload is not JSON"),
    other("F5", "a valid token of 64 KiB", TOO_LONG),
    // Status.
    refused("R1", "a token that is bound to a key (`cnf`), as Bearer"),
    refused("R2", "the session ended"),
    refused("R3", "a refresh token"),
    refused("R4", "no `sub`"),
    refused("R5", "no `client_id`"),
    taken("G2", "a valid token after all other rows"),
];

/// The row with this id.
///
/// # Panics
/// When there is none.
pub fn row(id: &str) -> &'static Row {
    ROWS.iter().find(|row| row.id == id).unwrap_or_else(|| panic!("there is no row {id}"))
}

#[test]
fn ids_are_unique() {
    for (at, row) in ROWS.iter().enumerate() {
        assert!(ROWS[..at].iter().all(|earlier| earlier.id != row.id), "{} twice", row.id);
    }
}
