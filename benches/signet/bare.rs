//! The unavoidable cost of the cryptography, without a server.

use std::time::{Duration, Instant};

use argon2::{Algorithm, Argon2, Block, Params, Version};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

/// ES256 signatures per second on one core.
pub fn es256(time: Duration) -> f64 {
    let Ok(key) = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING) else { return 0.0 };
    let (random, message) = (SystemRandom::new(), [7; 466]);
    repeat(time, || std::hint::black_box(key.sign(&random, &message)).is_ok())
}

/// Argon2id hashes of the default cost per second, on all cores, each with preallocated memory.
pub fn argon2(time: Duration) -> f64 {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let threads: Vec<_> = (0..cores).map(|_| std::thread::spawn(move || hashes(time))).collect();
    threads.into_iter().filter_map(|thread| thread.join().ok()).sum()
}

fn hashes(time: Duration) -> f64 {
    let Ok(params) = Params::new(19456, 2, 1, Some(32)) else { return 0.0 };
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let mut output = [0; 32];
    let mut hash =
        || argon2.hash_password_into_with_memory(b"a password", &[7; 16], &mut output, &mut memory);
    // Touches the memory once.
    let _ = hash();
    repeat(time, || hash().is_ok())
}

fn repeat(time: Duration, mut work: impl FnMut() -> bool) -> f64 {
    let (begun, mut done) = (Instant::now(), 0_u32);
    while begun.elapsed() < time {
        done += u32::from(work());
    }
    f64::from(done) / begun.elapsed().as_secs_f64()
}
