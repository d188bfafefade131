//! Validates log lines against `docs/log-schema.json`.
//!
//! Owns the part of JSON Schema that the file uses. An unknown keyword panics, so that no keyword of the file
//! is silently ignored.

use std::sync::LazyLock;

use serde_json::{Map, Value};
use signet::base::Timestamp;

/// The schema.
pub static SCHEMA: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("../../../docs/log-schema.json")).unwrap());

/// The violations of a line; empty if it is valid, or not JSON.
pub fn remarks(line: &str) -> Vec<String> {
    if !line.starts_with('{') {
        return Vec::new();
    }
    match serde_json::from_str::<Value>(line) {
        Ok(value) => {
            check(&SCHEMA, &value).into_iter().map(|what| format!("{what}: {line}")).collect()
        }
        Err(error) => vec![format!("{error}: {line}")],
    }
}

/// Keywords without effect on validation.
const DESCRIBING: [&str; 5] = ["$schema", "title", "description", "$defs", "if"];

fn check(schema: &Value, value: &Value) -> Vec<String> {
    let mut remarks = Vec::new();
    let mut wrong = |holds: bool, what: String| {
        if !holds {
            remarks.push(what);
        }
    };
    let schema = schema.as_object().unwrap();
    for (keyword, wanted) in schema {
        let name = || format!("{keyword} {wanted}, found {value}");
        match keyword.as_str() {
            "type" => wrong(has_type(wanted, value), name()),
            "enum" => wrong(wanted.as_array().unwrap().contains(value), name()),
            "const" => wrong(wanted == value, name()),
            "minimum" => wrong(number(value).is_none_or(|n| n >= wanted.as_f64().unwrap()), name()),
            "maximum" => wrong(number(value).is_none_or(|n| n <= wanted.as_f64().unwrap()), name()),
            "multipleOf" => {
                let multiple = |n: f64| {
                    let times = n / wanted.as_f64().unwrap();
                    (times - times.round()).abs() < 1e-6 * times.abs().max(1.0)
                };
                wrong(number(value).is_none_or(multiple), name());
            }
            "minLength" => {
                let long = |text: &str| text.len() as u64 >= wanted.as_u64().unwrap();
                wrong(value.as_str().is_none_or(long), name());
            }
            "pattern" => {
                let pattern = wanted.as_str().unwrap();
                wrong(value.as_str().is_none_or(|text| matches(pattern, text)), name());
            }
            "format" => {
                let good = |text: &str| match wanted.as_str().unwrap() {
                    "uuid" => text.len() == 36 && uuid::Uuid::parse_str(text).is_ok(),
                    "date-time" => is_time(text),
                    other => panic!("the checker of log lines does not know the format {other}"),
                };
                wrong(value.as_str().is_none_or(good), name());
            }
            "required" => {
                let members = value.as_object();
                for member in wanted.as_array().unwrap() {
                    let there =
                        members.is_none_or(|all| all.contains_key(member.as_str().unwrap()));
                    wrong(there, format!("{member} is missing"));
                }
            }
            "additionalProperties" => {
                assert_eq!(wanted, &Value::Bool(false));
                let known = schema["properties"].as_object().unwrap();
                for member in value.as_object().map(Map::keys).into_iter().flatten() {
                    wrong(known.contains_key(member), format!("{member} is not in the schema"));
                }
            }
            "properties" | "items" | "allOf" | "then" | "$ref" => {}
            other => assert!(DESCRIBING.contains(&other), "the checker does not know {other}"),
        }
    }
    remarks.extend(inner(schema, value));
    remarks
}

/// The violations of subschemas.
fn inner(schema: &Map<String, Value>, value: &Value) -> Vec<String> {
    let mut remarks = Vec::new();
    for (name, wanted) in schema.get("properties").and_then(Value::as_object).into_iter().flatten()
    {
        if let Some(member) = value.get(name) {
            remarks.extend(check(wanted, member).into_iter().map(|what| format!("{name}: {what}")));
        }
    }
    if let (Some(wanted), Some(items)) = (schema.get("items"), value.as_array()) {
        remarks.extend(items.iter().flat_map(|item| check(wanted, item)));
    }
    for other in schema.get("allOf").and_then(Value::as_array).into_iter().flatten() {
        remarks.extend(check(other, value));
    }
    if let (Some(condition), Some(then)) = (schema.get("if"), schema.get("then"))
        && check(condition, value).is_empty()
    {
        remarks.extend(check(then, value));
    }
    if let Some(reference) = schema.get("$ref") {
        let pointer = reference.as_str().unwrap().strip_prefix('#').unwrap();
        remarks.extend(check(SCHEMA.pointer(pointer).unwrap(), value));
    }
    remarks
}

fn has_type(wanted: &Value, value: &Value) -> bool {
    let is = |name: &Value| match name.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("the checker of log lines does not know the type {other}"),
    };
    wanted.as_array().map_or_else(|| is(wanted), |any| any.iter().any(is))
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

/// Whether the text is an RFC 3339 time.
fn is_time(text: &str) -> bool {
    text.contains('T') && Timestamp::parse(text).is_some()
}

/// Matches patterns of the form `^literal` and `^[class]{least,most}$`.
fn matches(pattern: &str, text: &str) -> bool {
    let pattern = pattern.strip_prefix('^').unwrap();
    let Some(class) = pattern.strip_prefix('[') else {
        assert!(pattern.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{pattern}");
        return text.starts_with(pattern);
    };
    let (class, counts) = class.split_once("]{").unwrap();
    let counts = counts.strip_suffix("}$").unwrap();
    let (least, most) = counts.split_once(',').unwrap_or((counts, counts));
    let (least, most): (usize, usize) = (least.parse().unwrap(), most.parse().unwrap());
    let class = class.as_bytes();
    let member = |byte: u8| {
        let mut at = 0;
        while at < class.len() {
            match class.get(at + 1..at + 3) {
                Some([b'-', last]) => {
                    if (class[at]..=*last).contains(&byte) {
                        return true;
                    }
                    at += 3;
                }
                _ if class[at] == byte => return true,
                _ => at += 1,
            }
        }
        false
    };
    (least..=most).contains(&text.len()) && text.bytes().all(member)
}

#[test]
fn the_checker_finds_what_does_not_fit() {
    let good = r#"{"timestamp":"2026-11-27T19:30:15.123456Z","level":"INFO","message":"request","request_id":"r-1","trace_id":"4bf92f3577b34da6a3ce929d0e0e4736","span_id":"00f067aa0ba902b7","method":"GET","route":"/health","status":200,"duration_ms":0.123,"address":"127.0.0.1","target":"signet::access"}"#;
    assert_eq!(remarks(good), Vec::<String>::new());
    assert!(remarks("Listening  http://127.0.0.1").is_empty(), "a line for people");
    let library = r#"{"timestamp":"2026-11-27T19:30:15Z","level":"DEBUG","target":"hyper","x":1}"#;
    assert!(remarks(library).is_empty());
    for (from, to, named) in [
        (r#""status":200"#, r#""status":"200""#, "status: type"),
        (r#""status":200"#, r#""status":99"#, "status: minimum"),
        (r#""status":200"#, r#""state":200"#, "state is not in the schema"),
        (r#""status":200,"#, "", "\"status\" is missing"),
        ("0.123", "0.1234", "duration_ms: multipleOf"),
        ("0.123", "-1", "duration_ms: minimum"),
        ("\"GET\"", "\"BREW\"", "method: enum"),
        ("4bf92f", "4BF92F", "trace_id: pattern"),
        ("00f067", "f067", "span_id: pattern"),
        ("r-1", "r 1", "request_id: pattern"),
        ("2026-11-27T19:30:15.123456Z", "27.11.2026", "timestamp: format"),
        ("\"level\":\"INFO\",", "", "\"level\" is missing"),
        ("127.0.0.1\",", "127.0.0.1\",\"user_id\":\"ada\",", "user_id: format"),
    ] {
        let line = good.replace(from, to);
        assert_ne!(line, good);
        let found = remarks(&line);
        assert!(found.iter().any(|what| what.contains(named)), "{named}: {found:?}");
    }
    assert!(!remarks("{\"timestamp\":").is_empty(), "half a line");
}
