//! The requirements of a gateway on a request, and the headers that describe the caller.
//!
//! Owns the names of the headers and the form of their values.

use std::fmt::Write as _;

use super::scope::Scopes;

/// The headers of a response: the identity token; the subject of the access token, which is the user, or a client
/// that acts for itself; the `client_id`; the scopes, separated by spaces; the roles, separated by commas.
///
/// No name contains a hyphen: CGI, WSGI and PHP read `X-A` and `X_A` as one name, so a client could send a second
/// spelling of a header that the gateway overwrites.
pub const HEADERS: [&str; 5] =
    ["signetidentity", "signetsubject", "signetclient", "signetscope", "signetroles"];

/// The requirements on a request besides a valid token.
#[derive(Debug, Clone, Default)]
pub struct Requirement {
    /// The scopes, all of which the token must have.
    pub scopes: Scopes,
    /// Roles, one of which the user must have; empty means no requirement.
    pub roles: Vec<String>,
}

/// The unmet requirement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// One of the scopes.
    Scope,
    /// Each of the roles.
    Role,
}

impl Requirement {
    /// The unmet requirement for a token with these scopes, of a user with these roles.
    #[must_use]
    pub fn missing(&self, scopes: &Scopes, roles: &[String]) -> Option<Missing> {
        if !self.scopes.is_within(scopes) {
            return Some(Missing::Scope);
        }
        let has_role = self.roles.is_empty() || self.roles.iter().any(|role| roles.contains(role));
        (!has_role).then_some(Missing::Role)
    }
}

/// Roles as the value of a header: separated by commas. Spaces, commas, percent signs and characters other than
/// printable ASCII are percent-encoded as UTF-8.
#[must_use]
pub fn role_list(roles: &[String]) -> String {
    let mut list = String::new();
    for role in roles {
        if !list.is_empty() {
            list.push(',');
        }
        for byte in role.bytes() {
            if byte.is_ascii_graphic() && !matches!(byte, b',' | b'%') {
                list.push(char::from(byte));
            } else {
                // Writing to a `String` cannot fail.
                let _ = write!(list, "%{byte:02X}");
            }
        }
    }
    list
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn every_scope_and_one_role_are_needed() {
        let needs = |scopes: &str, names: &[&str]| Requirement {
            scopes: Scopes::parse(scopes).unwrap(),
            roles: roles(names),
        };
        let held = Scopes::parse("read write").unwrap();
        for (requirement, missing) in [
            (needs("", &[]), None),
            (needs("write read", &[]), None),
            (needs("read", &["b", "a"]), None),
            (needs("read delete", &["a"]), Some(Missing::Scope)),
            (needs("", &["b", "A"]), Some(Missing::Role)),
            (needs("delete", &["b"]), Some(Missing::Scope)),
        ] {
            assert_eq!(requirement.missing(&held, &roles(&["a"])), missing, "{requirement:?}");
        }
    }

    #[test]
    fn roles_are_one_line_that_splits_at_its_commas() {
        assert_eq!(role_list(&[]), "");
        assert_eq!(
            role_list(&roles(&["signet:auditor", "a,b", "Käse 50%"])),
            "signet:auditor,a%2Cb,K%C3%A4se%2050%25"
        );
        assert_eq!(role_list(&roles(&["x\r\nEvil: 1"])), "x%0D%0AEvil:%201");
    }

    #[test]
    fn no_header_has_a_twin() {
        for name in HEADERS {
            assert!(name.bytes().all(|byte| byte.is_ascii_lowercase()), "{name}");
        }
    }
}
