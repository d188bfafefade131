//! Values of repeatable options: names and addresses.

use crate::domain::attributes::is_list;

/// The names that one occurrence of a repeatable option gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Names(Vec<String>);

impl Names {
    /// The names of all occurrences.
    pub fn all(given: &[Self]) -> Vec<String> {
        given.iter().flat_map(|names| names.0.iter().cloned()).collect()
    }
}

/// Parses one name, or several separated by commas: `--role a,b` is `--role a --role b`. A distinguished name
/// (`cn=sales,ou=groups`) is one name. `one` parses a single name.
pub fn names<F>(one: F) -> impl Fn(&str) -> Result<Names, String> + Clone + Send + Sync + 'static
where
    F: Fn(&str) -> Result<String, String> + Clone + Send + Sync + 'static,
{
    move |text| {
        let is_one = !is_list(text);
        let names = if is_one {
            one(text).map(|name| vec![name])
        } else {
            text.split(',').map(|part| one(part.trim())).collect()
        };
        names.map(Names).map_err(|error| match is_one {
            true => error,
            false => format!("a name in the list is invalid: {error}"),
        })
    }
}

/// Accepts any non-empty text.
pub fn any(text: &str) -> Result<String, String> {
    if text.is_empty() { Err("a name must not be empty".to_owned()) } else { Ok(text.to_owned()) }
}

/// Parses one address or identifier. A comma may be part of it, so a list is ambiguous: a text in which another
/// address follows a comma is refused.
pub fn address(text: &str) -> Result<String, String> {
    let begins_with_scheme = |part: &str| {
        let (scheme, rest) = part.trim_start().split_once(':').unwrap_or_default();
        let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
            && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+.-".contains(&b));
        is_scheme && !rest.is_empty()
    };
    if text.split(',').skip(1).any(begins_with_scheme) {
        return Err("expected one address; repeat the option for each address".to_owned());
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn split(text: &str) -> Result<Vec<String>, String> {
        names(any)(text).map(|names| Names::all(&[names]))
    }

    #[test]
    fn a_comma_separates_names() {
        for (text, expected) in [
            ("admin", &["admin"][..]),
            ("admin,support", &["admin", "support"]),
            ("admin, support", &["admin", "support"]),
            ("cn=sales,ou=groups,dc=example", &["cn=sales,ou=groups,dc=example"]),
            ("a=b,c", &["a=b", "c"]),
        ] {
            assert_eq!(split(text).unwrap(), expected, "{text}");
        }
        for wrong in ["", ",", "a,", ",a", "a,,b"] {
            assert!(split(wrong).is_err(), "{wrong}");
        }
        let both = [names(any)("a,b").unwrap(), names(any)("c").unwrap()];
        assert_eq!(Names::all(&both), ["a", "b", "c"]);
    }

    #[test]
    fn a_list_of_addresses_is_refused_and_a_comma_within_one_is_not() {
        for one in ["https://a.example/?x=1,2", "urn:a,b", "com.example.app:/cb", "https://a/,/b"] {
            assert_eq!(address(one).as_deref(), Ok(one));
        }
        for list in ["https://a/,https://b/", "urn:a, urn:b", "https://a/cb,com.example.app:/cb"] {
            assert!(address(list).is_err_and(|text| text.contains("each address")), "{list}");
        }
    }
}
