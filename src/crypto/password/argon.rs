//! The hash itself and its stored form: a PHC string of argon2id (RFC 9106).
//!
//! Owns the memory of one hash thread and the limit on the cost of stored hashes.

use std::sync::{Mutex, PoisonError};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Block, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::crypto::digest::constant_time_eq;
use crate::domain::password::{Check, Password};

use super::{Cost, Verified};

pub(super) const SALT: usize = 16;
pub(super) const OUTPUT: usize = 32;
/// The highest memory cost of a stored hash that is verified. A hash beyond it never matches.
const MAX_MEMORY_KIB: u32 = 1024 * 1024;
const MAX_ITERATIONS: u32 = 64;
const MAX_PARALLELISM: u32 = 64;

/// Locked while a hash with a higher cost than the current one is verified, so that there is one at a time per process.
pub(super) type Oversize = Mutex<()>;

/// The state of one hash thread. Its memory is allocated and touched at the first hash, and kept.
pub(super) struct Engine<'a> {
    cost: Cost,
    oversize: &'a Oversize,
    memory: Vec<Block>,
}

impl<'a> Engine<'a> {
    pub(super) const fn new(cost: Cost, oversize: &'a Oversize) -> Self {
        Self { cost, oversize, memory: Vec::new() }
    }

    /// The PHC string of a password at the current cost; `None` when argon2 fails.
    pub(super) fn hash(&mut self, password: &Password, salt: &[u8]) -> Option<String> {
        let mut output = [0; OUTPUT];
        self.compute(self.cost, password, salt, &mut output)?;
        Some(phc(self.cost, salt, &output))
    }

    /// Compares a password with a PHC string; `None` when argon2 fails. A string that cannot be parsed, or costs
    /// too much, matches nothing.
    pub(super) fn verify(&mut self, password: &Password, stored: &str) -> Option<Verified> {
        let differs = Some(Verified { check: Check::Differs, outdated: false });
        let Some((cost, salt, expected)) = parse(stored) else {
            tracing::error!("a stored password hash cannot be read; it matches nothing");
            // The same work as for other hashes, so that the account is not distinguishable.
            self.compute(self.cost, password, &[0; SALT], &mut [0; OUTPUT])?;
            return differs;
        };
        if cost.memory_kib > MAX_MEMORY_KIB
            || cost.iterations > MAX_ITERATIONS
            || cost.parallelism > MAX_PARALLELISM
        {
            tracing::error!("a stored password hash costs too much to verify; it matches nothing");
            return differs;
        }
        let mut output = vec![0; expected.len()];
        self.compute(cost, password, &salt, &mut output)?;
        let check =
            if constant_time_eq(&output, &expected) { Check::Matches } else { Check::Differs };
        let outdated = cost != self.cost || expected.len() != OUTPUT;
        Some(Verified { check, outdated })
    }

    fn compute(
        &mut self,
        cost: Cost,
        password: &Password,
        salt: &[u8],
        output: &mut [u8],
    ) -> Option<()> {
        let params =
            Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(output.len()))
                .ok()?;
        let blocks = params.block_count();
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let password = password.expose_bytes();
        if cost.memory_kib > self.cost.memory_kib {
            // One at a time, and its memory is freed: the memory budget is for the current cost only.
            let _alone = self.oversize.lock().unwrap_or_else(PoisonError::into_inner);
            let mut own = vec![Block::default(); blocks];
            return argon2.hash_password_into_with_memory(password, salt, output, &mut own).ok();
        }
        if self.memory.len() < blocks {
            // At least the memory for the current cost, because growing it later would copy it.
            let whole = params_of(self.cost)?.block_count().max(blocks);
            self.memory.resize(whole, Block::default());
        }
        let memory = &mut self.memory[..blocks];
        argon2.hash_password_into_with_memory(password, salt, output, memory).ok()
    }
}

/// The parameters of a cost, if argon2 accepts it.
pub(super) fn params_of(cost: Cost) -> Option<Params> {
    Params::new(cost.memory_kib, cost.iterations, cost.parallelism, Some(OUTPUT)).ok()
}

/// The stored form.
pub(super) fn phc(cost: Cost, salt: &[u8], output: &[u8]) -> String {
    format!(
        "$argon2id$v=19$m={},t={},p={}${}${}",
        cost.memory_kib,
        cost.iterations,
        cost.parallelism,
        STANDARD_NO_PAD.encode(salt),
        STANDARD_NO_PAD.encode(output)
    )
}

/// The cost in a stored form.
#[cfg(feature = "test-support")]
pub(super) fn cost_in(stored: &str) -> Option<Cost> {
    parse(stored).map(|(cost, ..)| cost)
}

/// The cost of the parameters in a stored form, if argon2 accepts it.
pub(super) fn cost_of(parameters: &str) -> Option<Cost> {
    let mut values = [("m=", None), ("t=", None), ("p=", None)];
    for part in parameters.split(',') {
        let (_, value) = values.iter_mut().find(|(name, _)| part.starts_with(name))?;
        *value = part.get(2..)?.parse().ok();
    }
    let [(_, memory_kib), (_, iterations), (_, parallelism)] = values;
    let cost = Cost { memory_kib: memory_kib?, iterations: iterations?, parallelism: parallelism? };
    params_of(cost).map(|_| cost)
}

fn parse(stored: &str) -> Option<(Cost, Vec<u8>, Vec<u8>)> {
    let hash = PasswordHash::new(stored).ok()?;
    if hash.algorithm.as_str() != "argon2id" || hash.version != Some(19) {
        return None;
    }
    let params = Params::try_from(&hash).ok()?;
    let cost = Cost {
        memory_kib: params.m_cost(),
        iterations: params.t_cost(),
        parallelism: params.p_cost(),
    };
    Some((cost, hash.salt?.to_vec(), hash.hash?.as_bytes().to_vec()))
}
