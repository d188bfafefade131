//! Exports the stored objects as a file.
//!
//! Applying an exported file and exporting again gives the same file: a fixed order, no defaults, secrets by
//! reference. Users are exported only if a file declared them, because they are not configuration otherwise.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::fields::Shape;
use super::kinds::{self, Live};
use crate::app::App;
use crate::domain::managed::ManagedKind;
use crate::domain::outcome::Fault;
use crate::store::managed::{self, Managed};

/// The source name of an exported file with all objects.
const EVERYTHING: &str = "export";

/// The objects of one source, or all objects, in the JSON form of a file.
///
/// # Errors
/// When the database cannot be read.
pub async fn export(app: &App, source: Option<&str>) -> Result<Value, Fault> {
    let rows = managed::all(&mut app.db.reader().await?).await?;
    let mut file = Map::new();
    file.insert("source".to_owned(), json!({ "name": source.unwrap_or(EVERYTHING) }));
    let mut variables = BTreeSet::new();
    for kind in ManagedKind::ALL {
        let mut objects = all(app, *kind, &rows).await?;
        objects.sort_by(|(one, _), (other, _)| one.cmp(other));
        let mut tables = Vec::new();
        for (name, live) in objects {
            let row = rows.iter().find(|row| row.object_id == live.id);
            if source.is_some_and(|source| row.is_none_or(|row| row.source != source)) {
                continue;
            }
            tables.push(table(*kind, &name, (&live, row), &mut variables));
        }
        if !tables.is_empty() {
            file.insert(kind.as_str().to_owned(), Value::Array(tables));
        }
    }
    Ok(Value::Object(file))
}

async fn all(app: &App, kind: ManagedKind, rows: &[Managed]) -> Result<Vec<(String, Live)>, Fault> {
    let mut reader = app.db.reader().await?;
    match kind {
        ManagedKind::Api => kinds::all_apis(&mut reader, app).await,
        ManagedKind::Client => kinds::all_clients(&mut reader, app).await,
        ManagedKind::User => {
            let mut found = Vec::new();
            for row in rows.iter().filter(|row| row.kind == kind) {
                let live = kinds::live(&mut reader, app, kind, &row.name).await?;
                found.extend(live.map(|live| (row.name.clone(), live)));
            }
            Ok(found)
        }
    }
}

/// An object as a table, its keys in the order in which the kind declares them.
fn table(
    kind: ManagedKind,
    name: &str,
    (live, row): (&Live, Option<&Managed>),
    variables: &mut BTreeSet<String>,
) -> Value {
    let mut table = Map::new();
    for (at, field) in kinds::fields(kind).iter().enumerate() {
        let value = match field.shape {
            _ if at == 0 => Some(json!(name)),
            Shape::Secret { .. } if live.secret.is_some() => {
                let known = row.and_then(|row| row.reference.as_deref());
                let known = known.and_then(|text| serde_json::from_str(text).ok());
                Some(
                    known
                        .unwrap_or_else(|| json!({ "env": variable(name, field.name, variables) })),
                )
            }
            _ => live.state.get(field.name).cloned(),
        };
        if let Some(value) = value {
            table.insert(field.name.to_owned(), value);
        }
    }
    Value::Object(table)
}

/// A unique variable name for a secret that no file refers to yet.
fn variable(name: &str, field: &str, taken: &mut BTreeSet<String>) -> String {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' };
    let mut found: String = format!("{name}_{field}").chars().map(plain).collect();
    let begins = found.starts_with(|c: char| c.is_ascii_alphabetic());
    if !begins || found.starts_with("SIGNET_") {
        found.insert_str(0, "APP_");
    }
    let base = found.clone();
    let mut number = 1;
    while !taken.insert(found.clone()) {
        number += 1;
        found = format!("{base}_{number}");
    }
    found
}

/// A file in TOML. Nested values of an object are inline tables.
#[must_use]
pub fn toml(file: &Value) -> String {
    let mut text = String::new();
    for (key, value) in file.as_object().into_iter().flatten() {
        match value {
            Value::Object(table) => {
                text.push_str(&format!("[{key}]\n"));
                pairs(table, &mut text);
            }
            Value::Array(tables) => {
                for table in tables.iter().filter_map(Value::as_object) {
                    text.push_str(&format!("\n[[{key}]]\n"));
                    pairs(table, &mut text);
                }
            }
            _ => {}
        }
    }
    text
}

fn pairs(table: &Map<String, Value>, text: &mut String) {
    for (key, value) in table {
        text.push_str(&format!("{} = {}\n", bare_or_quoted(key), inline(value)));
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::Array(items) => {
            format!("[{}]", items.iter().map(inline).collect::<Vec<_>>().join(", "))
        }
        Value::Object(table) if table.is_empty() => "{}".to_owned(),
        Value::Object(table) => {
            let pairs = table
                .iter()
                .map(|(key, value)| format!("{} = {}", bare_or_quoted(key), inline(value)));
            format!("{{ {} }}", pairs.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn bare_or_quoted(key: &str) -> String {
    let is_bare =
        !key.is_empty() && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b));
    if is_bare { key.to_owned() } else { quoted(key) }
}

/// A basic string. JSON escapes everything that TOML requires, except U+007F.
fn quoted(text: &str) -> String {
    Value::from(text).to_string().replace('\u{7f}', "\\u007f")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::declarative::document::{self, Node, Tree};

    #[test]
    fn written_toml_reads_back_equal() {
        let file = json!({
            "source": {"name": "export"},
            "api": [{"identifier": "urn:a", "scopes": {"a:b": "\u{7f}\"\\\n\u{e4}", "c": ""}}],
            "user": [{"login": "ada", "claims": {"a/b": [1, "x", true], "": "empty", "n": -5}, "roles": []}],
        });
        let entries = document::read(&toml(&file)).unwrap();
        let read = Node { line: 1, tree: Tree::Table(entries) }.json().unwrap();
        assert_eq!(read, file);
    }

    #[test]
    fn each_secret_has_a_variable_of_its_own() {
        let mut taken = BTreeSet::new();
        let mut name = |name| variable(name, "client_secret", &mut taken);
        assert_eq!(name("shop"), "SHOP_CLIENT_SECRET");
        assert_eq!(name("a-b"), "A_B_CLIENT_SECRET");
        assert_eq!(name("a_b"), "A_B_CLIENT_SECRET_2");
        assert_eq!(name("signet-web"), "APP_SIGNET_WEB_CLIENT_SECRET");
        assert_eq!(name("1x"), "APP_1X_CLIENT_SECRET");
    }
}
