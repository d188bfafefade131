//! Objects that a configuration file declares: their identity, and the differences between two states.
//!
//! Owns the names of kinds and sources and the comparison of states. A state contains only differences from the
//! defaults of a new object, so that fields of later versions do not change stored states.

use serde_json::{Map, Value};

use crate::text_enum;

/// The longest name of a source, in bytes.
const MAX_SOURCE: usize = 64;

/// The message for an invalid name of a source.
pub const SOURCE_RULE: &str =
    "The name of a source has 1 to 64 letters, digits or characters from - . _ /.";

text_enum! {
    /// A kind of object that a file can declare.
    pub enum ManagedKind {
        /// An API, by its identifier.
        Api = "api",
        /// A client, by its `client_id`.
        Client = "client",
        /// A user, by the normal form of the login name.
        User = "user",
    }
}

/// The settings of an object that differ from those of a new one, by the names they have in a file.
pub type State = Map<String, Value>;

/// A setting in which two states of an object differ; `None` is the default.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Its name.
    pub field: String,
    /// The previous value.
    pub before: Option<Value>,
    /// The current value.
    pub after: Option<Value>,
}

/// The differences between two states, by name.
#[must_use]
pub fn differences(before: &State, after: &State) -> Vec<Difference> {
    let mut fields: Vec<&String> = before.keys().chain(after.keys()).collect();
    fields.sort_unstable();
    fields.dedup();
    let difference = |field: &String| {
        let (before, after) = (before.get(field).cloned(), after.get(field).cloned());
        (before != after).then(|| Difference { field: field.clone(), before, after })
    };
    fields.into_iter().filter_map(difference).collect()
}

/// Whether `name` can be the name of a source.
#[must_use]
pub fn is_source(name: &str) -> bool {
    (1..=MAX_SOURCE).contains(&name.len())
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._/".contains(&b))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state(value: Value) -> State {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn only_what_differs_is_named_and_a_missing_field_is_the_default() {
        let before = state(json!({"name": "Shop", "type": "web", "scopes": ["a"]}));
        let after = state(json!({"scopes": ["a", "b"], "type": "web", "disabled": true}));
        let found = differences(&before, &after);
        let found: Vec<_> = found
            .into_iter()
            .map(|one| {
                (one.field, one.before.unwrap_or(json!(null)), one.after.unwrap_or(json!(null)))
            })
            .collect();
        assert_eq!(
            found,
            [
                ("disabled".to_owned(), json!(null), json!(true)),
                ("name".to_owned(), json!("Shop"), json!(null)),
                ("scopes".to_owned(), json!(["a"]), json!(["a", "b"])),
            ]
        );
        assert!(differences(&before, &before).is_empty());
    }

    #[test]
    fn a_source_has_a_plain_name() {
        assert!(is_source("infra/prod") && is_source("a") && is_source(&"a".repeat(64)));
        for wrong in ["", "a b", "a\n", "\u{e4}", &"a".repeat(65)] {
            assert!(!is_source(wrong), "{wrong}");
        }
    }
}
