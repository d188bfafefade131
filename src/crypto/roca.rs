//! RSA keys that can be factored from their public half: ROCA (CVE-2017-15361).
//!
//! Owns the fingerprint of the primes that a faulty library in smart cards and TPMs generated (Nemec, Sys, Svenda,
//! Klinec, Matyas: "The Return of Coppersmith's Attack", CCS 2017, §2.1). Such a prime is a power of 65537 modulo
//! every small prime, and so is the product of two.

/// The odd primes of the smallest modulus that the library used; larger keys used these and more.
const PRIMES: [u32; 38] = [
    3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37, 41, 43, 47, 53, 59, 61, 67, 71, 73, 79, 83, 89, 97,
    101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167,
];
const GENERATOR: u32 = 65_537;

/// Whether the big-endian `modulus` has the fingerprint. A sound key has it by chance once in 2^27.
#[must_use]
pub fn is_weak(modulus: &[u8]) -> bool {
    PRIMES.iter().all(|prime| {
        let residue = modulus.iter().fold(0, |rest, byte| ((rest << 8) | u32::from(*byte)) % prime);
        is_power(residue, *prime)
    })
}

/// Whether `residue` is a power of the generator modulo `prime`.
fn is_power(residue: u32, prime: u32) -> bool {
    let mut power = 1;
    loop {
        if power == residue {
            return true;
        }
        power = power * (GENERATOR % prime) % prime;
        if power == 1 {
            return false;
        }
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;

    use super::*;
    use crate::crypto::jwk::PublicJwk;
    use crate::crypto::jwt::SigningKey;
    use crate::crypto::test_vectors::{RFC_7517_N, ROCA_N};
    use crate::domain::signing_key::SigningAlg;

    fn weak(n: &str) -> bool {
        is_weak(&URL_SAFE_NO_PAD.decode(n).unwrap())
    }

    #[test]
    fn a_key_of_the_faulty_library_is_recognised_and_others_are_not() {
        assert!(weak(ROCA_N));
        let mut padded = vec![0, 0];
        padded.extend(URL_SAFE_NO_PAD.decode(ROCA_N).unwrap());
        assert!(is_weak(&padded), "leading zeros change nothing");
        assert!(!weak(RFC_7517_N));
        for _ in 0..8 {
            let key = SigningKey::generate(SigningAlg::Rs256).unwrap().key;
            let PublicJwk::Rsa { n, .. } = &key.public else { panic!("an RSA key") };
            assert!(!weak(n));
        }
    }
}
