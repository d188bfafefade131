//! The header: the file key, wrapped for each recipient, and a MAC over it.

use std::io::{self, BufRead, Read as _};

use aws_lc_rs::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::agreement::{PrivateKey, UnparsedPublicKey, X25519, agree};
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use zeroize::Zeroizing;

use super::keys::{Identity, ephemeral};
use super::{FileKey, OpenError, crypto, derive};
use crate::domain::age_key::Recipient;

/// The first line, without its end.
pub(super) const INTRO: &str = "age-encryption.org/v1";
/// The label with which the wrapping key is derived.
const WRAPPING: &[u8] = b"age-encryption.org/v1/X25519";
/// The type of X25519 stanzas.
const KIND: &str = "X25519";
/// The beginning of the last line; the MAC covers the header up to here.
const END: &str = "---";
/// The longest line of the base64 text in a stanza; the last one is shorter.
const WIDTH: usize = 64;
/// The longest header that is read, in bytes: enough for hundreds of recipients.
const MAX_BYTES: u64 = 256 * 1024;

/// The text of a header.
pub(super) fn write(recipients: &[Recipient], key: &FileKey) -> io::Result<String> {
    let mut text = format!("{INTRO}\n");
    for recipient in recipients {
        let once = ephemeral()?;
        let public = once.compute_public_key().map_err(crypto)?;
        let mut wrapped = key.to_vec();
        wrapping_key(&once, recipient.bytes(), public.as_ref(), recipient)?
            .seal_in_place_append_tag(no_nonce(), Aad::empty(), &mut wrapped)
            .map_err(crypto)?;
        let (share, body) =
            (STANDARD_NO_PAD.encode(public.as_ref()), STANDARD_NO_PAD.encode(wrapped));
        text.push_str(&format!("-> {KIND} {share}\n{body}\n"));
    }
    text.push_str(END);
    let mac = STANDARD_NO_PAD.encode(mac(key, text.as_bytes())?);
    text.push_str(&format!(" {mac}\n"));
    Ok(text)
}

/// Reads a header to its end, and unwraps the file key.
pub(super) fn read(identity: &Identity, sealed: &mut impl BufRead) -> Result<FileKey, OpenError> {
    let mut lines = Lines { from: sealed.take(MAX_BYTES), read: Vec::new() };
    if lines.next()? != INTRO {
        return Err(OpenError::NotAge);
    }
    let mut key = None;
    loop {
        let line = lines.next()?;
        if let Some(found) = line.strip_prefix("--- ") {
            let key: FileKey = key.ok_or(OpenError::OtherRecipients)?;
            let end = lines.read.len() - line.len() - 1 + END.len();
            let found = decode(found)?;
            let covered = lines.read.get(..end).unwrap_or_default();
            return hmac::verify(&mac_key(&key)?, covered, &found)
                .map(|()| key)
                .map_err(|_| damaged());
        }
        let arguments = line.strip_prefix("-> ").ok_or_else(damaged)?;
        let mut arguments = arguments.split(' ');
        let is_ours = arguments.next() == Some(KIND);
        let share = arguments.next().map(ToOwned::to_owned);
        let is_ours = is_ours && arguments.next().is_none();
        let body = lines.body()?;
        if let (true, Some(share), None) = (is_ours, share, &key) {
            key = unwrap(identity, &decode(&share)?, body)?;
        }
    }
}

/// The file key, if it was wrapped for this identity.
fn unwrap(
    identity: &Identity,
    share: &[u8],
    mut body: Zeroizing<Vec<u8>>,
) -> Result<Option<FileKey>, OpenError> {
    let key =
        wrapping_key(&identity.key, share, share, &identity.recipient).map_err(|_| damaged())?;
    let Ok(plain) = key.open_in_place(no_nonce(), Aad::empty(), &mut body) else { return Ok(None) };
    let key = <[u8; 16]>::try_from(&*plain).map_err(|_| damaged())?;
    Ok(Some(Zeroizing::new(key)))
}

/// The key that wraps a file key: derived from the shared secret of `mine` and `theirs`, and bound to the ephemeral
/// public key and the recipient.
fn wrapping_key(
    mine: &PrivateKey,
    theirs: &[u8],
    share: &[u8],
    recipient: &Recipient,
) -> io::Result<LessSafeKey> {
    let salt = [share, recipient.bytes().as_slice()].concat();
    let theirs = UnparsedPublicKey::new(&X25519, theirs);
    let failed = io::Error::other("the key agreement failed");
    let key = agree(mine, theirs, failed, |shared| derive(&salt, shared, WRAPPING))?;
    aead(&key)
}

/// A ChaCha20-Poly1305 key.
pub(super) fn aead(key: &[u8; 32]) -> io::Result<LessSafeKey> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(crypto)
}

/// A wrapping key is used once, so its nonce is zero.
fn no_nonce() -> Nonce {
    Nonce::assume_unique_for_key([0; 12])
}

fn mac_key(key: &FileKey) -> io::Result<hmac::Key> {
    Ok(hmac::Key::new(hmac::HMAC_SHA256, &*derive(&[], &**key, b"header")?))
}

fn mac(key: &FileKey, covered: &[u8]) -> io::Result<hmac::Tag> {
    Ok(hmac::sign(&mac_key(key)?, covered))
}

/// Base64 without padding, in its canonical form.
fn decode(text: &str) -> Result<Vec<u8>, OpenError> {
    STANDARD_NO_PAD.decode(text).map_err(|_| damaged())
}

const fn damaged() -> OpenError {
    OpenError::Damaged("header")
}

/// The lines of a header, and the text that was read so far.
struct Lines<'a, R> {
    from: io::Take<&'a mut R>,
    read: Vec<u8>,
}

impl<R: BufRead> Lines<'_, R> {
    /// The next line, without its end.
    fn next(&mut self) -> Result<String, OpenError> {
        let begin = self.read.len();
        self.from.read_until(b'\n', &mut self.read)?;
        let line = self.read.get(begin..).unwrap_or_default();
        let Some(line) = line.strip_suffix(b"\n") else {
            return Err(if begin == 0 { OpenError::NotAge } else { damaged() });
        };
        let line = str::from_utf8(line).ok().filter(|line| line.is_ascii());
        line.map(ToOwned::to_owned).ok_or(if begin == 0 { OpenError::NotAge } else { damaged() })
    }

    /// The body of a stanza: lines of base64, the last of which is shorter.
    fn body(&mut self) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let mut text = String::new();
        loop {
            let line = self.next()?;
            text.push_str(&line);
            match line.len() {
                WIDTH => {}
                0..WIDTH => return decode(&text).map(Zeroizing::new),
                _ => return Err(damaged()),
            }
        }
    }
}
