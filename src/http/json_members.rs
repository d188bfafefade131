//! The members of a JSON object in the order they were sent, duplicate members included.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use crate::domain::text::is_storable;

/// Names and values.
pub struct Members(pub Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reader;
        impl<'de> Visitor<'de> for Reader {
            type Value = Members;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members, A::Error> {
                let mut members = Vec::new();
                while let Some(member) = map.next_entry()? {
                    members.push(member);
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(Reader)
    }
}

/// Whether a string in the value, or the name of a member, contains U+0000.
pub fn holds_nul(value: &Value) -> bool {
    match value {
        Value::String(text) => !is_storable(text),
        Value::Array(items) => items.iter().any(holds_nul),
        Value::Object(members) => {
            members.iter().any(|(name, value)| !is_storable(name) || holds_nul(value))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn repeated_members_are_kept_and_other_values_are_not_an_object() {
        let Members(members) = serde_json::from_str(r#"{"a":1,"b":{},"a":2}"#).unwrap();
        let names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["a", "b", "a"]);
        for other in ["[]", "1", "null", "\"x\"", "", "{", "{}x"] {
            assert!(serde_json::from_str::<Members>(other).is_err(), "{other}");
        }
    }

    #[test]
    fn nul_is_found_wherever_it_is() {
        for value in
            [json!("\0"), json!(["a", "b\0"]), json!({"a": {"\0": 1}}), json!([[{"a": "\0"}]])]
        {
            assert!(holds_nul(&value), "{value}");
        }
        assert!(!holds_nul(&json!({"a": ["b", null, 1, true]})));
    }
}
