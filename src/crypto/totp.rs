//! The codes of time-based one-time passwords (RFC 6238, RFC 4226).
//!
//! Owns HMAC-SHA-1 with dynamic truncation, and the comparison. It is SHA-1 because many authenticator apps ignore
//! any other algorithm in the URI; HMAC does not need collision resistance (RFC 6194 §3.3). `domain::totp` decides
//! which steps are accepted.

use aws_lc_rs::hmac;
use zeroize::Zeroizing;

use crate::base::Entropy;
use crate::domain::totp::{Code, DIGITS, SECRET_BYTES, TimeStep};

use super::digest::constant_time_eq;

/// A TOTP secret. Stored sealed.
#[derive(Clone)]
pub struct TotpSecret(Zeroizing<[u8; SECRET_BYTES]>);

impl TotpSecret {
    /// A new secret.
    #[must_use]
    pub fn generate(entropy: &dyn Entropy) -> Self {
        let mut bytes = Zeroizing::new([0; SECRET_BYTES]);
        entropy.fill(&mut *bytes);
        Self(bytes)
    }

    /// An unsealed secret; `None` when it has another length.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(|bytes| Self(Zeroizing::new(bytes)))
    }

    /// The bytes, to be sealed or shown to the user who enrols it.
    #[must_use]
    pub fn bytes(&self) -> &[u8; SECRET_BYTES] {
        &self.0
    }

    /// The code of a step (RFC 4226 §5.3).
    #[must_use]
    pub fn code(&self, step: TimeStep) -> Code {
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &*self.0);
        let tag = hmac::sign(&key, &step.number().to_be_bytes());
        let tag = tag.as_ref();
        let offset = usize::from(tag[tag.len() - 1] & 15);
        let chosen = [tag[offset], tag[offset + 1], tag[offset + 2], tag[offset + 3]];
        let mut number = u32::from_be_bytes(chosen) & 0x7fff_ffff;
        let mut code = [b'0'; DIGITS];
        for digit in code.iter_mut().rev() {
            *digit += (number % 10) as u8;
            number /= 10;
        }
        code
    }

    /// The step among `steps` whose code this is. Compares with all of them, so that the time reveals neither which
    /// one matches nor whether any does. Of two steps with the same code the later one counts, so that a replay is
    /// not possible in it.
    #[must_use]
    pub fn step_of(&self, code: &Code, steps: [TimeStep; 3]) -> Option<TimeStep> {
        let equal = steps.map(|step| (step, constant_time_eq(&self.code(step), code)));
        equal.into_iter().rev().find_map(|(step, equal)| equal.then_some(step))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    fn secret() -> TotpSecret {
        TotpSecret::from_bytes(b"12345678901234567890").unwrap()
    }

    #[test]
    fn codes_are_those_of_rfc_6238_appendix_b() {
        // The appendix has eight digits, of which the last six are used.
        for (secs, code) in [
            (59, b"287082"),
            (1_111_111_109, b"081804"),
            (1_111_111_111, b"050471"),
            (1_234_567_890, b"005924"),
            (2_000_000_000, b"279037"),
            (20_000_000_000, b"353130"),
        ] {
            let step = TimeStep::at(Timestamp::from_secs(secs));
            assert_eq!(&secret().code(step), code, "{secs}");
        }
    }

    #[test]
    fn codes_are_those_of_rfc_4226_appendix_d() {
        let codes = [b"755224", b"287082", b"359152", b"969429", b"338314", b"254676"];
        for (number, code) in codes.into_iter().enumerate() {
            let step = TimeStep::from_number(i64::try_from(number).unwrap());
            assert_eq!(&secret().code(step), code, "{number}");
        }
    }

    #[test]
    fn a_code_is_found_in_its_step_and_in_no_other() {
        let now = Timestamp::from_secs(1_111_111_109);
        let steps = TimeStep::accepted(now);
        for step in steps {
            assert_eq!(secret().step_of(&secret().code(step), steps), Some(step));
        }
        let early = TimeStep::from_number(steps[0].number() - 1);
        assert_eq!(secret().step_of(&secret().code(early), steps), None);
        assert_eq!(secret().step_of(b"000000", steps), None);
    }

    #[test]
    fn a_secret_of_another_length_is_invalid() {
        assert!(
            TotpSecret::from_bytes(&[0; 19]).is_none()
                && TotpSecret::from_bytes(&[0; 21]).is_none()
        );
    }
}
