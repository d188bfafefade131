//! JSON objects without duplicate members: two parsers could read a duplicate differently (RFC 7519 §4, RFC 8725 §2.4).

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::{Map, Value};

/// An object without duplicate members. Nested objects are not checked.
pub(crate) struct Object(pub Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Members;

        impl<'de> Visitor<'de> for Members {
            type Value = Object;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
                let mut object = Map::new();
                while let Some((name, value)) = members.next_entry::<String, Value>()? {
                    if object.insert(name, value).is_some() {
                        return Err(A::Error::custom("a member is named twice"));
                    }
                }
                Ok(Object(object))
            }
        }

        deserializer.deserialize_map(Members)
    }
}

/// Reads an object.
pub(crate) fn object(bytes: &[u8]) -> Option<Map<String, Value>> {
    serde_json::from_slice::<Object>(bytes).ok().map(|object| object.0)
}

/// A time in whole seconds, before the year 10000 (RFC 7519 §2, NumericDate). A fraction is truncated.
pub(crate) fn seconds(value: &Value) -> Option<i64> {
    const END: f64 = 253_402_300_800.0;
    let number = value.as_f64().filter(|number| (0.0..END).contains(number))?;
    #[expect(clippy::cast_possible_truncation, reason = "the range was checked")]
    let whole = number.trunc() as i64;
    Some(whole)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_member_is_named_once() {
        assert_eq!(object(br#"{"a":1,"b":{"a":2}}"#).unwrap().len(), 2);
        for text in [r#"{"a":1,"a":1}"#, r#"{"a":1,"b":2,"a":1}"#, "[]", "1", "{} x", "", "{"] {
            assert!(object(text.as_bytes()).is_none(), "{text}");
        }
    }

    #[test]
    fn times_are_numbers() {
        for (value, expected) in [
            (json!(5), Some(5)),
            (json!(5.9), Some(5)),
            (json!(0), Some(0)),
            (json!(-1), None),
            (json!("5"), None),
            (json!(1e300), None),
            (json!(null), None),
        ] {
            assert_eq!(seconds(&value), expected, "{value}");
        }
    }
}
