//! The digest of a file, by which damage is seen.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use crate::crypto::digest::Sha256Sum;
use crate::domain::backup_name::DIGEST_DIGITS;

/// How much is read at a time, in bytes.
const BUFFER: usize = 256 * 1024;

/// The beginning of the SHA-256 of a file, as names have it.
pub(super) fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut sum = Sha256Sum::default();
    let mut buffer = vec![0; BUFFER];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(digits(sum));
        }
        sum.update(buffer.get(..read).unwrap_or_default());
    }
}

fn digits(sum: Sha256Sum) -> String {
    let mut digits = sum.hex();
    digits.truncate(DIGEST_DIGITS);
    digits
}

/// A writer that knows the digest of what went through it.
#[derive(Default)]
pub(super) struct Summed<W> {
    to: W,
    sum: Sha256Sum,
}

impl<W> Summed<W> {
    pub(super) fn new(to: W) -> Self {
        Self { to, sum: Sha256Sum::default() }
    }

    /// The beginning of the digest of everything that was written.
    pub(super) fn finish(self) -> String {
        digits(self.sum)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
