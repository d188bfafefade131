//! The JSON Schema of a file, for editors and pipelines, generated from the lists of keys that the parser uses.

use serde_json::{Map, Value, json};

use super::fields::{Field, Shape};
use super::kinds;
use crate::domain::managed::ManagedKind;

/// The schema (JSON Schema 2020-12).
#[must_use]
pub fn schema() -> Value {
    let mut properties = Map::new();
    properties.insert(
        "source".to_owned(),
        json!({
            "type": "object",
            "description": "The name of this configuration. Objects belong to the source that declares them.",
            "properties": { "name": { "type": "string", "pattern": "^[A-Za-z0-9._/-]{1,64}$" } },
            "required": ["name"],
            "additionalProperties": false,
        }),
    );
    for kind in ManagedKind::ALL {
        let items = object(kinds::fields(*kind));
        properties.insert(kind.as_str().to_owned(), json!({ "type": "array", "items": items }));
    }
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Signet configuration",
        "type": "object",
        "properties": properties,
        "required": ["source"],
        "additionalProperties": false,
    })
}

fn object(fields: &[Field]) -> Value {
    let mut properties: Map<String, Value> = fields
        .iter()
        .map(|field| {
            let mut value = shape(field.shape);
            value["description"] = json!(field.meaning);
            (field.name.to_owned(), value)
        })
        .collect();
    let state =
        json!({ "enum": ["present", "absent"], "description": "absent: the object is deleted." });
    properties.insert("state".to_owned(), state);
    let name = fields.first().map(|field| field.name);
    json!({
        "type": "object",
        "properties": properties,
        "required": [name],
        "additionalProperties": false,
    })
}

fn shape(shape: Shape) -> Value {
    let texts = || json!({ "type": "array", "items": { "type": "string" } });
    let described = || json!({ "type": "object", "additionalProperties": { "type": "string" } });
    match shape {
        Shape::Text => json!({ "type": "string" }),
        Shape::Flag => json!({ "type": "boolean" }),
        Shape::Texts => texts(),
        Shape::Span => json!({ "type": ["integer", "string"] }),
        Shape::Word(words) => json!({ "enum": words() }),
        Shape::Scopes => json!({ "anyOf": [described(), texts()] }),
        Shape::Keys => json!({ "type": ["array", "object"] }),
        Shape::Claims => json!({ "type": "object" }),
        Shape::Secret { generate } => {
            let way = |name: &str, value: Value| {
                json!({
                    "type": "object",
                    "properties": { name: value },
                    "required": [name],
                    "additionalProperties": false,
                })
            };
            let text = || json!({ "type": "string", "minLength": 1 });
            let mut ways = vec![way("file", text()), way("env", text())];
            if generate {
                ways.push(way("generate", json!({ "const": true })));
            }
            json!({ "oneOf": ways })
        }
    }
}
