//! The payload: chunks of 64 KiB, each encrypted with its number and a flag that marks the last one.

use std::io::{self, Read, Write};

use aws_lc_rs::aead::{Aad, LessSafeKey, MAX_TAG_LEN, Nonce};
use zeroize::Zeroizing;

use super::header::aead;
use super::{FileKey, OpenError, crypto, derive, fill};

/// The plain text of a chunk, in bytes; the last one may be shorter.
const CHUNK: usize = 64 * 1024;
/// The random bytes before the first chunk.
const NONCE: usize = 16;

/// Encrypts `plain`.
pub(super) fn seal(key: &FileKey, mut plain: impl Read, mut sealed: impl Write) -> io::Result<()> {
    let mut salt = [0; NONCE];
    fill(&mut salt)?;
    sealed.write_all(&salt)?;
    let key = payload_key(key, &salt)?;
    let mut counter = Counter::default();
    let mut chunk = next(&mut plain, CHUNK)?;
    loop {
        let following = next(&mut plain, CHUNK)?;
        let is_last = following.is_empty();
        key.seal_in_place_append_tag(counter.next(is_last)?, Aad::empty(), &mut *chunk)
            .map_err(crypto)?;
        sealed.write_all(&chunk)?;
        if is_last {
            return sealed.flush();
        }
        chunk = following;
    }
}

/// Decrypts a payload to its end.
pub(super) fn open(
    key: &FileKey,
    mut sealed: impl Read,
    mut plain: impl Write,
) -> Result<(), OpenError> {
    const PART: &str = "content";
    let mut salt = [0; NONCE];
    sealed.read_exact(&mut salt).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => OpenError::Damaged(PART),
        _ => error.into(),
    })?;
    let key = payload_key(key, &salt)?;
    let mut counter = Counter::default();
    let mut is_first = true;
    let mut chunk = next(&mut sealed, CHUNK + MAX_TAG_LEN)?;
    loop {
        let following = next(&mut sealed, CHUNK + MAX_TAG_LEN)?;
        let is_last = following.is_empty();
        let opened = key
            .open_in_place(counter.next(is_last)?, Aad::empty(), &mut chunk)
            .map_err(|_| OpenError::Damaged(PART))?;
        // Only the chunk of an empty file may be empty.
        if opened.is_empty() && !is_first {
            return Err(OpenError::Damaged(PART));
        }
        plain.write_all(opened)?;
        if is_last {
            return plain.flush().map_err(Into::into);
        }
        (chunk, is_first) = (following, false);
    }
}

fn payload_key(key: &FileKey, salt: &[u8; NONCE]) -> io::Result<LessSafeKey> {
    aead(&*derive(salt, &**key, b"payload")?)
}

/// The next `length` bytes; fewer at the end.
fn next(from: &mut impl Read, length: usize) -> io::Result<Zeroizing<Vec<u8>>> {
    // With capacity for the tag, because growing the vector would leave a copy of the plain text.
    let mut chunk = Zeroizing::new(Vec::with_capacity(length + MAX_TAG_LEN));
    from.by_ref().take(length as u64).read_to_end(&mut chunk)?;
    Ok(chunk)
}

/// The nonces of chunks: a number of 11 bytes, and whether the chunk is the last.
#[derive(Default)]
struct Counter(u64);

impl Counter {
    fn next(&mut self, is_last: bool) -> io::Result<Nonce> {
        let mut nonce = [0; 12];
        nonce[3..11].copy_from_slice(&self.0.to_be_bytes());
        nonce[11] = u8::from(is_last);
        let too_long = || io::Error::other("the file is too long");
        self.0 = self.0.checked_add(1).ok_or_else(too_long)?;
        Ok(Nonce::assume_unique_for_key(nonce))
    }
}
