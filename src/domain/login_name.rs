//! Login names.
//!
//! Owns which texts are valid, the normal form, and which login names look too similar to coexist. Mail is never
//! sent to a normal form, only to the address as its owner typed it.

use std::borrow::Cow;
use std::fmt;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use precis_core::profile::{Profile, Rules, stabilize};
use precis_core::{Error as PrecisError, IdentifierClass, StringClass};
use precis_profiles::UsernameCaseMapped;
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_security::skeleton;

use crate::text_enum;

/// The most bytes of a login name, as typed and in normal form: the longest path of an e-mail address (RFC
/// 5321 §4.5.3.1.3, without its angle brackets).
pub const MAX_LOGIN_BYTES: usize = 254;

/// The most characters a username may have, in normal form.
pub const MAX_USERNAME_CHARS: usize = 64;

/// The most bytes the part before the `@` may have, in normal form (RFC 5321 §4.5.3.1.1).
pub const MAX_LOCAL_PART_BYTES: usize = 64;

/// ASCII that separates addresses, quotes, or comments in mail headers (RFC 5322 §3.2.3): a login
/// with any of it could be read as two addresses, or as another one, by a mail server.
const FORBIDDEN: &[char] = &[',', ';', '\\', '"', '<', '>', '(', ')', '[', ']', ':'];

text_enum! {
    /// Why a text is not a valid login name.
    pub enum LoginNameError {
        /// Empty, apart from outer spaces.
        Empty = "empty",
        /// More than [`MAX_LOGIN_BYTES`], or a part of it over its own limit.
        TooLong = "too_long",
        /// White space inside, a line break, a control character, or an invisible character.
        HiddenCharacter = "hidden_character",
        /// A visible character that logins cannot have.
        ForbiddenCharacter = "forbidden_character",
        /// A dot at the start or the end, or two in a row before the `@`.
        MisplacedDot = "misplaced_dot",
        /// Left-to-right and right-to-left writing mixed, or a text without a stable normal form.
        MixedDirection = "mixed_direction",
        /// More than one `@`, also in its wide form.
        SeveralAts = "several_ats",
        /// Nothing before the `@`.
        EmptyLocalPart = "empty_local_part",
        /// The part after the `@` is not a domain name.
        InvalidDomain = "invalid_domain",
        /// The part after the `@` is an IP address.
        AddressLiteral = "address_literal",
    }
}

impl LoginNameError {
    /// The stable code of the error.
    #[must_use]
    pub const fn code(self) -> &'static str {
        self.as_str()
    }

    /// The error message: how to change the text. It never quotes the text.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::Empty => "Enter a user name or an e-mail address.",
            Self::TooLong => {
                "A login has at most 254 bytes, and at most 64 characters before the @ sign."
            }
            Self::HiddenCharacter => {
                "A login cannot contain spaces, line breaks, control or invisible characters."
            }
            Self::ForbiddenCharacter => "The login contains a character that is not allowed.",
            Self::MisplacedDot => {
                "A login cannot start or end with a dot, nor have two in a row before the @ sign."
            }
            Self::MixedDirection => {
                "A login cannot mix left-to-right and right-to-left writing in one part."
            }
            Self::SeveralAts => "A login has at most one @ sign. Enter a single address.",
            Self::EmptyLocalPart => "The part before the @ sign is missing.",
            Self::InvalidDomain => "The part after the @ sign is not a valid domain name.",
            Self::AddressLiteral => "A domain name must follow the @ sign, not an IP address.",
        }
    }
}

impl std::error::Error for LoginNameError {}

/// A valid login name: a username, or an e-mail address.
#[derive(Clone)]
pub struct LoginName {
    raw: String,
    key: String,
    skeleton: String,
    /// The position of the `@` in `key`, if this is an e-mail address.
    at: Option<usize>,
    is_ascii: bool,
}

impl LoginName {
    /// Parses typed text.
    ///
    /// A text with an `@` is an e-mail address, everything else a username; an `@` cannot be escaped, because two
    /// readings of one text would be two accounts for one user. Usernames and local parts go through the profile
    /// `UsernameCaseMapped` (RFC 8265 §3.3) and full case folding, domains through UTS #46 into lower-case
    /// A-labels.
    ///
    /// # Errors
    /// A [`LoginNameError`], which does not quote the text.
    pub fn parse(raw: &str) -> Result<Self, LoginNameError> {
        // First, so that no caller causes the normalisation of a megabyte.
        if raw.len() > MAX_LOGIN_BYTES {
            return Err(LoginNameError::TooLong);
        }
        // Only U+0020 is a typing error. Other white space at the edges comes from header injection or pasting, and
        // stripping it would hide that.
        let raw = raw.trim_matches(' ');
        if raw.is_empty() {
            return Err(LoginNameError::Empty);
        }
        refuse_hidden(raw)?;

        // Wide forms are mapped before the search for the `@`, which U+FF20 must not hide.
        let mapped =
            UsernameCaseMapped::new().width_mapping_rule(raw).map_err(|e| precis_error(&e))?;
        let parts = match mapped.split_once('@') {
            None => Parts::username(&mapped)?,
            Some((_, domain)) if domain.contains('@') => return Err(LoginNameError::SeveralAts),
            Some((local, domain)) => Parts::email(local, domain)?,
        };
        if parts.key.len() > MAX_LOGIN_BYTES {
            return Err(LoginNameError::TooLong);
        }
        Ok(Self {
            raw: raw.to_owned(),
            skeleton: undotted(skeleton(&parts.visible)),
            is_ascii: parts.visible.is_ascii(),
            at: parts.at,
            key: parts.key,
        })
    }

    /// The login as typed, without outer spaces, for display and mail.
    #[must_use]
    pub fn raw(&self) -> &str {
        &self.raw
    }

    /// The normal form: unique among all users, and the key for lookups.
    #[must_use]
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The skeleton of the normal form (UTS #39 §4), with its domain in Unicode.
    ///
    /// Only for comparison with other skeletons; never for display. It is stored for ASCII logins too, because a
    /// later look-alike is compared with it.
    #[must_use]
    pub fn skeleton(&self) -> &str {
        &self.skeleton
    }

    /// Whether the normal form has ASCII characters only, its domain read in Unicode: a Cyrillic
    /// domain does not become ASCII by being written as an A-label.
    #[must_use]
    pub const fn is_ascii(&self) -> bool {
        self.is_ascii
    }

    /// Whether this has the form of an e-mail address; otherwise it is a username.
    #[must_use]
    pub const fn is_email(&self) -> bool {
        self.at.is_some()
    }

    /// The normal form of the part before the `@` of an e-mail address.
    #[must_use]
    pub fn local_part(&self) -> Option<&str> {
        self.at.and_then(|at| self.key.get(..at))
    }

    /// Whether `self` and `other` cannot both be accounts: they are the same login name, or they look the
    /// same and at least one of them has characters beyond ASCII.
    ///
    /// Two ASCII login names are compared by normal form only. Look-alikes such as `user10` and `userlO` are
    /// ordinary names that users already have, and type correctly.
    #[cfg(test)]
    #[must_use]
    pub fn conflicts_with(&self, other: &Self) -> bool {
        self.key == other.key
            || (self.skeleton == other.skeleton && !(self.is_ascii && other.is_ascii))
    }
}

impl fmt::Debug for LoginName {
    // A login may be an e-mail address, and debug output may end up in logs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LoginName([..])")
    }
}

/// A login name in normal form, and in readable form.
struct Parts {
    key: String,
    visible: String,
    at: Option<usize>,
}

impl Parts {
    fn username(text: &str) -> Result<Self, LoginNameError> {
        let key = normal_form(text)?;
        // Usernames stand in paths (`/v1/admin/users/…`); in an address a slash is ordinary.
        if key.contains('/') {
            return Err(LoginNameError::ForbiddenCharacter);
        }
        if key.chars().count() > MAX_USERNAME_CHARS {
            return Err(LoginNameError::TooLong);
        }
        Ok(Self { visible: key.clone(), key, at: None })
    }

    fn email(local: &str, domain: &str) -> Result<Self, LoginNameError> {
        if local.is_empty() {
            return Err(LoginNameError::EmptyLocalPart);
        }
        let local = normal_form(local)?;
        if local.len() > MAX_LOCAL_PART_BYTES {
            return Err(LoginNameError::TooLong);
        }
        // RFC 5322 §3.2.3 (dot-atom); some providers deliver `a..b@` to the mailbox of `a.b@`.
        if local.contains("..") {
            return Err(LoginNameError::MisplacedDot);
        }
        let (ascii, unicode) = domain_forms(domain)?;
        Ok(Self {
            key: format!("{local}@{ascii}"),
            visible: format!("{local}@{unicode}"),
            at: Some(local.len()),
        })
    }
}

/// Refuses white space, control characters and everything that has no glyph.
///
/// RFC 8265 allows joiners where a script needs them, and UTS #46 silently drops others. In both cases a reader
/// could not distinguish two texts, so all of them are refused.
fn refuse_hidden(text: &str) -> Result<(), LoginNameError> {
    let hidden = |c: char| {
        // A skeleton leaves out exactly the default ignorable characters (UTS #39 §4), so the crate's table is used
        // instead of a copy here.
        let ignorable = |c: char| skeleton(c.encode_utf8(&mut [0; 4])).next().is_none();
        c.is_control() || c.is_whitespace() || (!c.is_ascii() && ignorable(c))
    };
    if text.chars().any(hidden) { Err(LoginNameError::HiddenCharacter) } else { Ok(()) }
}

/// The normal form of a username or a local part that is not empty.
fn normal_form(text: &str) -> Result<String, LoginNameError> {
    let profile = UsernameCaseMapped::new();
    // Until nothing changes any more (RFC 8264 §7), so that the mapping is idempotent.
    let key = stabilize(text, |s| {
        let mapped = profile.enforce(s)?;
        profile.enforce(folded(&mapped)).map(|folded| Cow::Owned(folded.into_owned()))
    })
    .map_err(|e| precis_error(&e))?;
    // After the mapping: `，` has become `,` only there.
    if key.contains(FORBIDDEN) {
        return Err(LoginNameError::ForbiddenCharacter);
    }
    if key.starts_with('.') || key.ends_with('.') {
        return Err(LoginNameError::MisplacedDot);
    }
    Ok(key.into_owned())
}

/// Full case folding of a text that is in lower case already.
///
/// RFC 8265 stops at lower case, which keeps `ς` apart from `σ` and `ß` from `ss`: the same name typed with caps
/// lock would be another account. Going through upper case and back is the full folding of Unicode §3.13, but for
/// `ı`, whose upper case is the `I` of another letter; the skeleton covers that pair: it refuses the second account
/// without merging the two.
fn folded(lower: &str) -> String {
    let mut text = String::with_capacity(lower.len());
    for c in lower.chars() {
        if c.is_ascii() || c == 'ı' {
            text.push(c);
        } else {
            text.extend(c.to_uppercase().flat_map(char::to_lowercase));
        }
    }
    text
}

/// A domain as lower-case A-labels, and the same in Unicode.
fn domain_forms(domain: &str) -> Result<(String, String), LoginNameError> {
    if domain.starts_with('[') {
        return Err(LoginNameError::AddressLiteral);
    }
    // UTS #46 maps before it normalises, so that two canonically equivalent spellings can come out
    // as two names (`ᾳ` with another mark on it): give it one spelling.
    let domain: String = domain.nfc().collect();
    let uts46 = Uts46::new();
    // `Hyphens::Check` would refuse names that exist (`ab--cd`); RFC 5321 forbids only the edges.
    let hyphens = Hyphens::CheckFirstLast;
    let ascii = uts46
        .to_ascii(domain.as_bytes(), AsciiDenyList::STD3, hyphens, DnsLength::Verify)
        .map_err(|_| LoginNameError::InvalidDomain)?;
    if ends_in_number(&ascii) {
        return Err(LoginNameError::AddressLiteral);
    }
    let (unicode, valid) = uts46.to_unicode(ascii.as_bytes(), AsciiDenyList::STD3, hyphens);
    valid.map_err(|_| LoginNameError::InvalidDomain)?;
    // UTS #46 accepts symbols that IDNA 2008, and therefore internationalised mail (RFC 6531 §3.2), does not:
    // emoji, and blanks such as U+2800. An A-label may also contain a joiner that the typed text did not show.
    refuse_hidden(&unicode)?;
    let class = IdentifierClass::default();
    if unicode.split('.').any(|label| class.allows(label).is_err()) {
        return Err(LoginNameError::InvalidDomain);
    }
    let unicode = unicode.into_owned();
    Ok((ascii.into_owned(), unicode))
}

/// Whether resolvers would read this domain as an IPv4 address, in any of its spellings
/// (`127.1`, `0x7f.1`): its last label is a number.
fn ends_in_number(domain: &str) -> bool {
    let last = domain.rsplit('.').next().unwrap_or(domain);
    last.bytes().all(|b| b.is_ascii_digit())
        || last.strip_prefix("0x").is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

/// Drops the combining dot above from every `i` and `j`, which already have a dot.
///
/// `İ` in lower case is `i` and U+0307, which looks like `i` but has another skeleton: the table
/// of confusables does not know soft dots. Marks below the letter may stand in between.
fn undotted(skeleton: impl Iterator<Item = char>) -> String {
    const DOT_ABOVE: char = '\u{307}';
    const ABOVE: u8 = 230;
    let mut soft_dotted = false;
    skeleton
        .filter(|&c| {
            if soft_dotted && c == DOT_ABOVE {
                return false;
            }
            soft_dotted = match canonical_combining_class(c) {
                0 => matches!(c, 'i' | 'j'),
                class => soft_dotted && class != ABOVE,
            };
            true
        })
        .collect()
}

/// The rule of the profile that a text violates.
fn precis_error(error: &PrecisError) -> LoginNameError {
    match error {
        // A character, or one that is allowed only in another context (RFC 8264 §4.2).
        PrecisError::BadCodepoint(_) | PrecisError::Unexpected(_) => {
            LoginNameError::ForbiddenCharacter
        }
        // The texts here are never empty, so this is the bidi rule or an unstable form.
        PrecisError::Invalid => LoginNameError::MixedDirection,
    }
}

#[cfg(test)]
#[path = "login_name_tests.rs"]
mod tests;
