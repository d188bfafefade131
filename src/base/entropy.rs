//! The source of random bytes, as a trait, so that tests can seed it.
//!
//! Owns no generator: the real one lives with the crypto library in `crypto::random`.

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync + 'static {
    /// Fills `bytes` completely. Must never return fewer or weaker bytes than asked for;
    /// a source that cannot deliver must abort the process instead.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes as an array.
#[must_use]
pub fn random<const N: usize>(entropy: &dyn Entropy) -> [u8; N] {
    let mut bytes = [0; N];
    entropy.fill(&mut bytes);
    bytes
}
