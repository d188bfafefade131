//! Tests of both ceremonies with the vectors of the specification, whole and damaged.

use aws_lc_rs::digest::{SHA256, digest};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proptest::prelude::*;

use super::cose::PublicKey;
use super::vectors::{FRAMED, OTHERS, VECTORS, Vector};
use super::*;

fn hex(text: &str) -> Vec<u8> {
    let digits = text.as_bytes().chunks(2);
    digits.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn party() -> RelyingParty {
    RelyingParty { id: "example.org".to_owned(), origins: vec!["https://example.org".to_owned()] }
}

fn challenge(hexadecimal: &str) -> String {
    URL_SAFE_NO_PAD.encode(hex(hexadecimal))
}

fn registration(vector: &Vector) -> RegistrationResponse {
    RegistrationResponse {
        client_data: hex(vector.registration_client_data),
        attestation_object: hex(vector.attestation_object),
        transports: String::new(),
    }
}

fn assertion(vector: &Vector) -> AssertionResponse {
    AssertionResponse {
        credential_id: hex(vector.credential_id),
        client_data: hex(vector.client_data),
        authenticator_data: hex(vector.authenticator_data),
        signature: hex(vector.signature),
        user_handle: None,
    }
}

/// Where an attestation object has the id of its credential, the last thing before the key.
fn id_at(vector: &Vector) -> usize {
    let (object, id) = (hex(vector.attestation_object), hex(vector.credential_id));
    object.windows(id.len()).rposition(|part| part == id).unwrap()
}

/// The key in an attestation object: all that follows the id.
fn key(vector: &Vector) -> Vec<u8> {
    let id = hex(vector.credential_id);
    hex(vector.attestation_object)[id_at(vector) + id.len()..].to_vec()
}

/// Where an attestation object has the flags: before the counter, the AAGUID, and the length of the id.
fn flags_at(vector: &Vector) -> usize {
    id_at(vector) - 2 - 16 - 4 - 1
}

/// The result of an authentication with the credential of a vector.
fn authenticate(vector: &Vector, response: &AssertionResponse) -> Result<Asserted, Invalid> {
    let backup_eligible = hex(vector.attestation_object)[flags_at(vector)] & 8 != 0;
    let known = KnownCredential { public_key: &key(vector), backup_eligible };
    verify_assertion(&party(), &challenge(vector.challenge), known, response)
}

/// The expected result of a vector: without user verification it fails, although everything else is valid.
fn expected<T>(data: &[u8], flags_at: usize, valid: T) -> Result<T, Invalid> {
    if data[flags_at] & 4 == 0 { Err(Invalid::UserNotVerified) } else { Ok(valid) }
}

#[test]
fn the_vectors_of_the_specification_are_valid() {
    for vector in VECTORS.iter().chain(&OTHERS) {
        let response = registration(vector);
        let challenge = challenge(vector.registration_challenge);
        let found = verify_registration(&party(), &challenge, &response);
        let (object, at) = (&response.attestation_object, flags_at(vector));
        let found = found.map(|credential| (credential.id, credential.public_key));
        let wanted = (hex(vector.credential_id), key(vector));
        assert_eq!(found, expected(object, at, wanted), "{}", vector.name);

        let response = assertion(vector);
        let found = authenticate(vector, &response).map(|asserted| asserted.sign_count);
        assert_eq!(found, expected(&response.authenticator_data, 32, 0), "{}", vector.name);
    }
}

/// Also where the ceremony is refused because the user was not verified: the keys and signatures of four algorithms
/// that other implementations have made.
#[test]
fn the_signatures_of_all_vectors_are_by_their_keys() {
    for vector in VECTORS.iter().chain(&OTHERS) {
        let (key, AssertionResponse { client_data, authenticator_data, signature, .. }) =
            (key(vector), assertion(vector));
        let key = PublicKey::parse(&key).unwrap_or_else(|_| panic!("{}", vector.name));
        let hash = digest(&SHA256, &client_data);
        let signed = [&*authenticator_data, hash.as_ref()].concat();
        assert!(key.verifies(&signed, &signature), "{}", vector.name);
        for at in 0..signed.len() {
            let mut changed = signed.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(!key.verifies(&changed, &signature), "{}: byte {at}", vector.name);
        }
        for at in 0..signature.len() {
            let mut changed = signature.clone();
            changed[at] ^= 1 << (at % 8);
            assert!(!key.verifies(&signed, &changed), "{}: byte {at}", vector.name);
        }
    }
}

#[test]
fn the_vectors_made_in_a_frame_are_refused() {
    for vector in &FRAMED {
        let challenge = challenge(vector.registration_challenge);
        let registered = verify_registration(&party(), &challenge, &registration(vector));
        assert_eq!(registered, Err(Invalid::CrossOrigin), "{}", vector.name);
        let authenticated = authenticate(vector, &assertion(vector));
        assert_eq!(authenticated, Err(Invalid::CrossOrigin), "{}", vector.name);
    }
}

/// The last vector meets every requirement.
fn valid() -> (&'static Vector, AssertionResponse) {
    let vector = &VECTORS[2];
    let response = assertion(vector);
    assert!(authenticate(vector, &response).is_ok());
    (vector, response)
}

#[test]
fn an_assertion_with_one_bit_changed_or_cut_short_is_invalid() {
    let (vector, response) = valid();
    let parts: [fn(&mut AssertionResponse) -> &mut Vec<u8>; 3] = [
        |response| &mut response.client_data,
        |response| &mut response.authenticator_data,
        |response| &mut response.signature,
    ];
    for part in parts {
        let length = part(&mut response.clone()).len();
        for at in 0..length {
            let mut changed = response.clone();
            part(&mut changed)[at] ^= 1 << (at % 8);
            assert!(authenticate(vector, &changed).is_err(), "byte {at}");
            let mut short = response.clone();
            part(&mut short).truncate(at);
            assert!(authenticate(vector, &short).is_err(), "{at} bytes");
        }
        let mut long = response.clone();
        part(&mut long).push(0);
        assert!(authenticate(vector, &long).is_err());
    }
}

#[test]
fn an_attestation_object_cut_short_or_followed_by_more_is_malformed() {
    let vector = &VECTORS[2];
    let challenge = challenge(vector.registration_challenge);
    let response = registration(vector);
    for length in 0..response.attestation_object.len() {
        let mut short = response.clone();
        short.attestation_object.truncate(length);
        let found = verify_registration(&party(), &challenge, &short);
        assert_eq!(found, Err(Invalid::Malformed), "{length} bytes");
    }
    let mut long = response;
    long.attestation_object.push(0);
    let found = verify_registration(&party(), &challenge, &long);
    assert_eq!(found, Err(Invalid::Malformed));
}

proptest! {
    /// No input panics, and only the registration itself is valid with its challenge and its key.
    #[test]
    fn damaged_responses_do_not_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        tail in prop::collection::vec(any::<u8>(), 0..16),
    ) {
        let vector = &VECTORS[2];
        let mut response = registration(vector);
        for (at, byte) in &changes {
            let at = at.index(response.attestation_object.len());
            response.attestation_object[at] = *byte;
        }
        response.attestation_object.extend(&tail);
        let _ = verify_registration(&party(), &challenge(vector.registration_challenge), &response);

        let mut response = assertion(vector);
        let before = response.clone();
        for (at, byte) in &changes {
            let at = at.index(response.authenticator_data.len());
            response.authenticator_data[at] = *byte;
        }
        response.authenticator_data.extend(&tail);
        prop_assume!(response != before);
        prop_assert!(authenticate(vector, &response).is_err());
    }

    #[test]
    fn arbitrary_bytes_do_not_panic(bytes in prop::collection::vec(any::<u8>(), 0..256)) {
        let response = RegistrationResponse {
            client_data: hex(VECTORS[2].registration_client_data),
            attestation_object: bytes.clone(),
            transports: String::new(),
        };
        let challenge = challenge(VECTORS[2].registration_challenge);
        prop_assert!(verify_registration(&party(), &challenge, &response).is_err());
        prop_assert!(cose::PublicKey::parse(&bytes).is_err());
        let _ = authenticator_data::AuthenticatorData::parse(&bytes);
    }
}
