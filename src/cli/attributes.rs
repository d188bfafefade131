//! `--role`, `--group` and `--claim`: the attributes of a user on the command line.
//!
//! Owns their syntax. The rules are in `domain::attributes`.

use clap::Args;
use serde_json::{Map, Number, Value};

use crate::domain::attributes::{ClaimsPatch, is_label};
use crate::domain::user::Role;

use super::error::CommandError;
use super::names::{Names, any, names};

/// The attributes of a new user.
#[derive(Debug, Args)]
pub struct Given {
    /// user, admin, signet:auditor or signet:helpdesk: what the user may do at Signet itself (default: user);
    /// anything else: an application role. May be given several times, or with commas between several
    #[arg(long = "role", value_name = "ROLE", value_parser = names(label))]
    roles: Vec<Names>,
    /// A group; may be given several times, or with commas between several
    #[arg(long = "group", value_name = "GROUP", value_parser = names(label))]
    groups: Vec<Names>,
    /// A custom claim, such as department=string:sales; types: string, integer, boolean, strings
    /// (separated by commas)
    #[arg(long = "claim", value_name = "NAME=TYPE:VALUE", value_parser = claim)]
    claims: Vec<(String, Value)>,
}

/// `--role` of a command that replaces all roles.
#[derive(Debug, Args)]
pub struct RoleArgs {
    /// user, admin, signet:auditor or signet:helpdesk: what the user may do at Signet itself (default: user);
    /// anything else: an application role. May be given several times, or with commas between several
    #[arg(long = "role", value_name = "ROLE", value_parser = names(label))]
    roles: Vec<Names>,
}

impl RoleArgs {
    /// Signet's own role and the application roles; `None` when no role was given.
    ///
    /// # Errors
    /// When admin and user are both given.
    pub fn roles(&self) -> Result<Option<(Role, Vec<String>)>, CommandError> {
        if self.roles.is_empty() {
            return Ok(None);
        }
        split_roles(Names::all(&self.roles)).map(Some)
    }

    /// Parses roles separated by commas.
    ///
    /// # Errors
    /// When a role is not a name, or admin and user are both named.
    pub fn parse(text: &str) -> Result<(Role, Vec<String>), CommandError> {
        let roles: Result<Vec<String>, String> =
            text.split(',').map(|role| label(role.trim())).collect();
        split_roles(roles.map_err(CommandError::usage)?)
    }
}

/// Signet's own role among `roles`, and the application roles.
fn split_roles(roles: Vec<String>) -> Result<(Role, Vec<String>), CommandError> {
    let (mut own, mut application) = (None, Vec::new());
    for text in roles {
        match text.parse::<Role>() {
            Err(_) => application.push(text),
            Ok(role) if own.is_none_or(|before| before == role) => own = Some(role),
            Ok(role) => {
                let other = own.unwrap_or(Role::User);
                return Err(CommandError::usage(format!(
                    "--role {other} and --role {role} exclude each other: a user has one of Signet's own roles."
                )));
            }
        }
    }
    Ok((own.unwrap_or(Role::User), application))
}

/// The attributes that are removed from a user.
#[derive(Debug, Args)]
pub struct Removed {
    /// Remove all application roles
    #[arg(long, conflicts_with = "roles")]
    no_roles: bool,
    /// Remove all groups
    #[arg(long, conflicts_with = "groups")]
    no_groups: bool,
    /// Remove a custom claim; may be given several times
    #[arg(long, value_name = "NAME", value_parser = names(any))]
    no_claim: Vec<Names>,
}

impl Given {
    /// Signet's own role and the application roles; `None` when no role was given.
    ///
    /// # Errors
    /// When two of Signet's own are given.
    pub fn roles(&self) -> Result<Option<(Role, Vec<String>)>, CommandError> {
        if self.roles.is_empty() {
            return Ok(None);
        }
        split_roles(Names::all(&self.roles)).map(Some)
    }

    /// The groups.
    pub fn groups(&self) -> Vec<String> {
        Names::all(&self.groups)
    }

    /// The claims.
    pub fn claims(&self) -> Map<String, Value> {
        self.claims.iter().cloned().collect()
    }
}

impl Removed {
    /// All application roles after the change, if they change.
    pub fn roles(&self, given: Option<Vec<String>>) -> Option<Vec<String>> {
        if self.no_roles { Some(Vec::new()) } else { given }
    }

    /// All groups after the change, if they change.
    pub fn groups(&self, given: Vec<String>) -> Option<Vec<String>> {
        (self.no_groups || !given.is_empty()).then_some(given)
    }

    /// The change of the claims.
    pub fn claims(&self, given: Map<String, Value>) -> Option<ClaimsPatch> {
        let gone = Names::all(&self.no_claim).into_iter().map(|name| (name, Value::Null));
        let patch: Map<String, Value> = gone.chain(given).collect();
        (!patch.is_empty()).then_some(ClaimsPatch::Merge(patch))
    }
}

fn label(text: &str) -> Result<String, String> {
    if is_label(text) {
        return Ok(text.to_owned());
    }
    Err("a name has 1 to 128 characters: at least one is visible, and none is a control character"
        .to_owned())
}

/// Parses `NAME=TYPE:VALUE`. The type is explicit because `7` may be a number or a text.
fn claim(text: &str) -> Result<(String, Value), String> {
    let form = "a claim looks like NAME=TYPE:VALUE, for example department=string:sales";
    let (name, typed) = text.split_once('=').ok_or(form)?;
    let (kind, value) = typed.split_once(':').ok_or(form)?;
    let value = match kind {
        "string" => Value::from(value),
        "integer" => {
            let number: i64 =
                value.parse().map_err(|_| format!("{value:?} is not a whole number"))?;
            Value::Number(Number::from(number))
        }
        "boolean" => {
            Value::Bool(value.parse().map_err(|_| format!("{value:?} is neither true nor false"))?)
        }
        "strings" if value.is_empty() => Value::Array(Vec::new()),
        "strings" => value.split(',').map(Value::from).collect(),
        _ => return Err("a type is string, integer, boolean or strings".to_owned()),
    };
    Ok((name.to_owned(), value))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_claim_says_its_type() {
        for (text, expected) in [
            ("a=string:x=y:z", json!("x=y:z")),
            ("a=string:", json!("")),
            ("a=integer:-7", json!(-7)),
            ("a=boolean:true", json!(true)),
            ("a=strings:x,y", json!(["x", "y"])),
            ("a=strings:", json!([])),
        ] {
            assert_eq!(claim(text), Ok(("a".to_owned(), expected)), "{text}");
        }
        for wrong in ["a", "a=x", "a=integer:1.5", "a=boolean:yes", "a=json:{}"] {
            assert!(claim(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn roles_are_sorted_into_signets_own_and_others() {
        let given = |roles: &[&str]| {
            let roles = roles.iter().map(|role| names(label)(role).unwrap()).collect();
            Given { roles, groups: Vec::new(), claims: Vec::new() }.roles().ok()
        };
        assert_eq!(given(&[]), Some(None));
        assert_eq!(given(&["support"]), Some(Some((Role::User, vec!["support".to_owned()]))));
        let both = Some((Role::Admin, vec!["support".to_owned()]));
        assert_eq!(given(&["admin", "support", "admin"]), Some(both.clone()));
        assert_eq!(given(&["admin,support"]), Some(both));
        assert_eq!(given(&["admin,user"]), None);
        assert_eq!(given(&["admin", "user"]), None);
        assert_eq!(given(&["signet:auditor"]), Some(Some((Role::Auditor, Vec::new()))));
        assert_eq!(given(&["signet:auditor", "signet:helpdesk"]), None);
    }
}
