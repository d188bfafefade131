//! Seeded randomness: every run of a test sees the same ids and keys.

use std::sync::atomic::{AtomicU64, Ordering};

use signet::base::Entropy;

/// A splitmix64 generator behind a counter; good enough for ids, never for secrets.
pub struct SeededEntropy(AtomicU64);

impl SeededEntropy {
    pub fn new(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let mut z = self.0.fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::Relaxed);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            let len = chunk.len();
            chunk.copy_from_slice(&z.to_le_bytes()[..len]);
        }
    }
}
