//! PEM (RFC 7468): finds the only private key in a text.
//!
//! Owns the text form. `der` recognises the content of a block; its label only decides whether it is read.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use super::error::ImportError;

const BEGIN: &[u8] = b"-----BEGIN ";
const END: &[u8] = b"-----END ";
const DASHES: &[u8] = b"-----";
const DAMAGED: ImportError = ImportError::Damaged { form: "PEM" };

/// Whether this text contains the beginning of a block, possibly after other text.
pub fn is_pem(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').any(|line| label(line, BEGIN).is_some())
}

/// The content of the only private key. Certificates, public keys and parameters may stand beside
/// it, as several tools write them.
pub fn private(text: &[u8]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    let mut lines = text.split(|byte| *byte == b'\n');
    let mut found: Vec<(&[u8], Vec<&[u8]>)> = Vec::new();
    let mut other: Option<&[u8]> = None;
    while let Some(line) = lines.next() {
        let Some(begun) = label(line, BEGIN) else { continue };
        let mut body = Vec::new();
        loop {
            let line = lines.next().ok_or(DAMAGED)?;
            match label(line, END) {
                Some(ended) if ended == begun => break,
                Some(_) => return Err(DAMAGED),
                None => body.push(line.trim_ascii()),
            }
        }
        if begun.ends_with(b"PRIVATE KEY") {
            found.push((begun, body));
        } else {
            other = Some(begun);
        }
    }
    let (label, body) = match found.as_slice() {
        [one] => one,
        [] => return Err(nothing_private(other)),
        several => return Err(ImportError::Several { found: several.len() }),
    };
    match *label {
        b"ENCRYPTED PRIVATE KEY" => Err(ImportError::Encrypted),
        b"PRIVATE KEY" | b"RSA PRIVATE KEY" | b"EC PRIVATE KEY" => decoded(body),
        b"OPENSSH PRIVATE KEY" => {
            Err(ImportError::Unsupported { found: "a key in the form of OpenSSH".to_owned() })
        }
        other => Err(ImportError::Unsupported { found: block(other) }),
    }
}

/// The label of a line that consists of only a boundary.
fn label<'a>(line: &'a [u8], begin: &[u8]) -> Option<&'a [u8]> {
    line.trim_ascii().strip_prefix(begin)?.strip_suffix(DASHES)
}

fn nothing_private(other: Option<&[u8]>) -> ImportError {
    match other {
        Some(b"CERTIFICATE") => ImportError::Public { found: "a certificate".to_owned() },
        Some(b"PUBLIC KEY" | b"RSA PUBLIC KEY") => {
            ImportError::Public { found: "a public key".to_owned() }
        }
        Some(other) => ImportError::Public { found: block(other) },
        None => DAMAGED,
    }
}

fn block(label: &[u8]) -> String {
    let short: String = String::from_utf8_lossy(label).chars().take(32).collect();
    format!("a block called {short:?}")
}

fn decoded(lines: &[&[u8]]) -> Result<Zeroizing<Vec<u8>>, ImportError> {
    // The encryption of RFC 1421 §4.6.1.1 is announced in a header above the base64.
    if lines.iter().any(|line| line.starts_with(b"Proc-Type:") || line.starts_with(b"DEK-Info:")) {
        return Err(ImportError::Encrypted);
    }
    let length = lines.iter().map(|line| line.len()).sum();
    // Neither vector grows, because reallocation would leave copies that are not wiped.
    let mut text = Zeroizing::new(Vec::with_capacity(length));
    for line in lines {
        text.extend_from_slice(line);
    }
    let mut bytes = Zeroizing::new(vec![0; base64::decoded_len_estimate(text.len())]);
    let length = STANDARD.decode_slice(&*text, &mut bytes).map_err(|_| DAMAGED)?;
    bytes.truncate(length);
    Ok(bytes)
}
