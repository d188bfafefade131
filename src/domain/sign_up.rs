//! Self-service sign-up: the allowed domains, and the detection of programs that fill in the form.
//!
//! Owns both rules. `identity::sign_up` creates accounts.

use std::fmt;

use crate::base::{TimeSpan, Timestamp};

use super::email_address::EmailAddress;

/// The minimum time that a human needs to fill in the form.
const LEAST_TIME: TimeSpan = TimeSpan::from_secs(2);

/// The domains of addresses that can sign up. An empty list allows every domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DomainList(Vec<DomainPattern>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct DomainPattern {
    /// The domain, in lower-case A-labels.
    domain: String,
    /// Whether only the domains below it are meant.
    is_wildcard: bool,
}

impl DomainList {
    /// Domains separated by commas; `*.` before one means every domain below it.
    ///
    /// # Errors
    /// The part that is not a domain.
    pub fn parse(text: &str) -> Result<Self, &str> {
        let patterns = text.split(',').map(str::trim);
        patterns
            .map(|part| DomainPattern::parse(part).ok_or(part))
            .collect::<Result<_, _>>()
            .map(Self)
    }

    /// Whether an address can sign up.
    #[must_use]
    pub fn allows(&self, address: &EmailAddress) -> bool {
        self.0.is_empty() || self.0.iter().any(|pattern| pattern.matches(address.domain()))
    }

    /// Whether there are no rules.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for DomainList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, DomainPattern { domain, is_wildcard }) in self.0.iter().enumerate() {
            let separator = if number == 0 { "" } else { "," };
            let wildcard = if *is_wildcard { "*." } else { "" };
            write!(f, "{separator}{wildcard}{domain}")?;
        }
        Ok(())
    }
}

impl DomainPattern {
    fn parse(text: &str) -> Option<Self> {
        let (is_wildcard, domain) = match text.strip_prefix("*.") {
            Some(domain) => (true, domain),
            None => (false, text),
        };
        // Normalises the domain by the rules of addresses.
        let address = EmailAddress::parse(&format!("any@{domain}")).ok()?;
        Some(Self { domain: address.domain().to_owned(), is_wildcard })
    }

    fn matches(&self, domain: &str) -> bool {
        match domain.strip_suffix(&self.domain) {
            Some("") => !self.is_wildcard,
            Some(below) => self.is_wildcard && below.ends_with('.'),
            None => false,
        }
    }
}

/// Whether a form was filled in by a program: too fast, or with a hidden field. Ignored if the clock was set back.
#[must_use]
pub fn is_automated(begun_at: Timestamp, now: Timestamp, decoy: &str) -> bool {
    let took = now - begun_at;
    !decoy.is_empty() || (took >= TimeSpan::ZERO && took < LEAST_TIME)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(list: &str, address: &str) -> bool {
        DomainList::parse(list).unwrap().allows(&EmailAddress::parse(address).unwrap())
    }

    #[test]
    fn a_domain_is_allowed_exactly_or_below_a_wildcard() {
        let list = "example.com, *.Example.org,b\u{fc}cher.example";
        for good in [
            "ada@example.com",
            "ada@EXAMPLE.com",
            "ada@a.example.org",
            "ada@a.b.example.org",
            "ada@b\u{fc}cher.example",
            "ada@xn--bcher-kva.example",
        ] {
            assert!(allows(list, good), "{good}");
        }
        for bad in [
            "ada@example.org",
            "ada@a.example.com",
            "ada@badexample.com",
            "ada@badexample.org",
            "ada@example.com.evil.example",
            "example.com@evil.example",
        ] {
            assert!(!allows(list, bad), "{bad}");
        }
        assert!(DomainList::default().allows(&EmailAddress::parse("ada@any.example").unwrap()));
    }

    #[test]
    fn the_list_is_read_and_shown_in_one_spelling() {
        let list = DomainList::parse("*.B\u{fc}cher.Example , EXAMPLE.com").unwrap();
        assert_eq!(list.to_string(), "*.xn--bcher-kva.example,example.com");
        for (list, bad) in [
            ("", ""),
            ("example.com,", ""),
            ("example.com, a b.example", "a b.example"),
            ("*", "*"),
            ("a.*.example", "a.*.example"),
            ("ada@example.com", "ada@example.com"),
            ("192.0.2.1", "192.0.2.1"),
        ] {
            assert_eq!(DomainList::parse(list), Err(bad), "{list}");
        }
    }

    #[test]
    fn a_form_is_a_programs_when_it_comes_at_once_or_has_the_decoy() {
        let at = Timestamp::from_millis;
        for (took, decoy, expected) in [
            (0, "", true),
            (1_999, "", true),
            (2_000, "", false),
            (60_000, "https://spam.example", true),
            (-1, "", false),
        ] {
            let begun = at(1_000_000);
            assert_eq!(
                is_automated(begun, at(1_000_000 + took), decoy),
                expected,
                "{took} {decoy}"
            );
        }
    }
}
