//! Why a key cannot be imported, with advice for the administrator.
//!
//! The messages contain names from the file, shortened and quoted, and nothing secret.

use std::error::Error;
use std::fmt;

/// Why a key cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ImportError {
    /// Neither PEM nor DER nor JSON.
    NotAKey,
    /// It begins like a key but is damaged.
    Damaged {
        /// The form that it begins like.
        form: &'static str,
    },
    /// A member of a JWK is missing or of a wrong form (RFC 7518 §6).
    Member {
        /// The name of the member.
        name: &'static str,
    },
    /// Encrypted with a passphrase.
    Encrypted,
    /// There is no private half.
    Public {
        /// The kinds that were found.
        found: String,
    },
    /// More than one private key.
    Several {
        /// The number of keys.
        found: usize,
    },
    /// A private key of an unsupported kind or form.
    Unsupported {
        /// The kind of key that was found.
        found: String,
    },
    /// RSA with less than 2048 bits (RFC 7518 §3.3).
    SmallRsa {
        /// The bits of the modulus.
        bits: usize,
    },
    /// RSA with primes that can be found from the public key (CVE-2017-15361).
    Roca,
    /// The key is for another algorithm than was requested or than it declares.
    Algorithm {
        /// The requested algorithm, or that of the JWK.
        asked: String,
        /// The algorithm of the key.
        found: String,
    },
    /// Its JWK says that it is not for signing (RFC 7517 §4.2, §4.3).
    NotForSigning,
    /// Its `kid` is not acceptable.
    Name,
    /// The parts do not belong together, or are not those of a key.
    Inconsistent,
}

impl ImportError {
    pub(super) fn curve(found: &str) -> Self {
        Self::Unsupported { found: format!("a key on the curve {}", quoted(found)) }
    }

    pub(super) fn algorithm(asked: &str, found: &str) -> Self {
        Self::Algorithm { asked: quoted(asked), found: found.to_owned() }
    }

    /// The problem, the value found and the remedy, in full sentences.
    #[must_use]
    pub fn message(&self) -> String {
        match self {
            Self::NotAKey => "This is not a readable private key: it is neither PEM nor DER nor a JWK. Give the file \
                              that contains the private key itself."
                .to_owned(),
            Self::Damaged { form } => format!(
                "The key is damaged or truncated: it begins like {form} but does not end like it. \
                 Copy the whole file again."
            ),
            Self::Member { name } => format!(
                "The JWK is not complete: its member {name} is missing or has a wrong form. \
                 Export the private key again with all its members; RSA needs n, e, d, p, q, dp, \
                 dq and qi."
            ),
            Self::Encrypted => "The key is encrypted with a passphrase. Decrypt it first, for \
                                example with: openssl pkey -in KEY -out DECRYPTED"
                .to_owned(),
            Self::Public { found } => format!(
                "There is no private key, only {found}. Give the file that contains the private key."
            ),
            Self::Several { found } => format!(
                "There are {found} private keys, but only one can be imported at a time. Give a file with one of \
                 them."
            ),
            Self::Unsupported { found } => format!(
                "This is {found}, which cannot be used here. Give an RSA key, a key on P-256 or \
                 P-384, or an Ed25519 key, as PKCS#8, PKCS#1, SEC 1 or JWK."
            ),
            Self::Roca => {
                "The RSA key has the ROCA weakness (CVE-2017-15361): its private half can \
                 be computed from the public one. Create a new key and replace this one everywhere."
                    .to_owned()
            }
            Self::SmallRsa { bits } => format!(
                "The RSA key has {bits} bits, and verifiers refuse less than 2048. Create a new key and publish it \
                 to them."
            ),
            Self::Algorithm { asked, found } => format!(
                "The algorithm {asked} does not match the key, which is {found}. Omit the algorithm, or give a \
                 matching key."
            ),
            Self::NotForSigning => "The members use or key_ops of the JWK exclude signing. Give a signing key, or \
                                    remove the member if it is wrong."
                .to_owned(),
            Self::Name => "The kid of the JWK is invalid: it must have 1 to 255 printable ASCII characters. Change \
                           it where the key is published, too."
                .to_owned(),
            Self::Inconsistent => "The parts of the key do not match; for example, the public key does not belong to \
                                   the private key. Export the key again."
                .to_owned(),
        }
    }
}

impl fmt::Display for ImportError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl Error for ImportError {}

/// A word from the file, shortened and safe for a terminal.
fn quoted(word: &str) -> String {
    let short: String = word.chars().take(32).collect();
    let plain = short.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    if plain && short == word && !word.is_empty() { short } else { format!("{short:?}") }
}
