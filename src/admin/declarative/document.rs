//! A configuration file as a tree with line numbers.
//!
//! Owns the two formats and their limits. TOML and JSON become the same tree; no key has a meaning here.

use serde_json::Value;

use super::{json_document, toml_document};
use crate::domain::text::is_storable;

/// The largest file, in bytes.
pub const MAX_FILE: usize = 4 * 1024 * 1024;

/// A value and the line it is in.
#[derive(Debug, Clone)]
pub struct Node {
    /// The line, from 1.
    pub line: usize,
    /// The value.
    pub tree: Tree,
}

/// A value.
#[derive(Debug, Clone)]
pub enum Tree {
    /// Null: treated as if the key were absent.
    Null,
    /// True or false.
    Flag(bool),
    /// A whole number.
    Integer(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A table.
    Table(Vec<Entry>),
    /// A type that no key accepts, by its name.
    Other(&'static str),
}

/// A key of a table and its value.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The key, as written.
    pub key: String,
    /// The line of the key.
    pub line: usize,
    /// The value.
    pub node: Node,
}

/// Something to correct in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, from 1.
    pub line: usize,
    /// The problem and the remedy.
    pub text: String,
}

impl Mistake {
    /// A mistake with this text.
    pub fn new(line: usize, text: impl Into<String>) -> Self {
        Self { line, text: text.into() }
    }
}

impl Node {
    /// The name of its type, for messages.
    pub const fn kind(&self) -> &'static str {
        match &self.tree {
            Tree::Null => "null",
            Tree::Flag(_) => "true or false",
            Tree::Integer(_) => "a whole number",
            Tree::Text(_) => "a text",
            Tree::List(_) => "a list",
            Tree::Table(_) => "a table",
            Tree::Other(name) => name,
        }
    }

    /// The value as JSON, if it has a JSON form.
    pub fn json(&self) -> Option<Value> {
        Some(match &self.tree {
            Tree::Null => Value::Null,
            Tree::Flag(flag) => Value::Bool(*flag),
            Tree::Integer(number) => Value::from(*number),
            Tree::Text(text) => Value::String(text.clone()),
            Tree::List(items) => items.iter().map(Self::json).collect::<Option<_>>()?,
            Tree::Table(entries) => {
                let pair = |entry: &Entry| Some((entry.key.clone(), entry.node.json()?));
                Value::Object(entries.iter().map(pair).collect::<Option<_>>()?)
            }
            Tree::Other(_) => return None,
        })
    }

    /// The line of the first text that a database cannot store.
    fn unstorable(&self) -> Option<usize> {
        match &self.tree {
            Tree::Text(text) => (!is_storable(text)).then_some(self.line),
            Tree::List(items) => items.iter().find_map(Self::unstorable),
            Tree::Table(entries) => {
                entries.iter().find_map(|entry| match is_storable(&entry.key) {
                    true => entry.node.unstorable(),
                    false => Some(entry.line),
                })
            }
            _ => None,
        }
    }
}

/// Reads a file: JSON where it begins with a brace, TOML otherwise.
///
/// # Errors
/// A syntax error of the format.
pub fn read(text: &str) -> Result<Vec<Entry>, Mistake> {
    if text.len() > MAX_FILE {
        return Err(Mistake::new(1, "the file is larger than 4 MiB"));
    }
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let root = match text.trim_start().starts_with('{') {
        true => json_document::read(text)?,
        false => toml_document::read(text)?,
    };
    if let Some(line) = root.unstorable() {
        return Err(Mistake::new(line, "a text cannot contain U+0000"));
    }
    match root.tree {
        Tree::Table(entries) => Ok(entries),
        _ => Err(Mistake::new(root.line, "the file holds no table")),
    }
}

/// The offsets at which the lines of a text begin.
pub struct Lines(Vec<usize>);

impl Lines {
    /// The line starts of `text`.
    pub fn of(text: &str) -> Self {
        Self(memchr::memchr_iter(b'\n', text.as_bytes()).collect())
    }

    /// The line of the byte at `offset`, from 1.
    pub fn at(&self, offset: usize) -> usize {
        self.0.partition_point(|end| *end < offset) + 1
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn tree(text: &str) -> Value {
        let entries = read(text).unwrap();
        Node { line: 1, tree: Tree::Table(entries) }.json().unwrap()
    }

    #[test]
    fn toml_and_json_are_the_same_tree() {
        let toml = "[source]\nname = \"a\"\n[[client]]\nclient_id = \"shop\"\nredirect_uris = [\n  \
                    \"https://a\",\n]\njwks = { keys = [] }\nttl = 60\nfirst = true\n";
        let json = r#"{"source": {"name": "a"}, "client": [{"client_id": "shop",
            "redirect_uris": ["https://a"], "jwks": {"keys": []}, "ttl": 60, "first": true}]}"#;
        let expected = json!({"source": {"name": "a"}, "client": [{"client_id": "shop",
            "redirect_uris": ["https://a"], "jwks": {"keys": []}, "ttl": 60, "first": true}]});
        assert_eq!(tree(toml), expected);
        assert_eq!(tree(json), expected);
    }

    #[test]
    fn everything_knows_its_line() {
        for text in [
            "\n[a]\nb = 1\n\nc = [\n 1,\n \"x\"]\n",
            "{\n\"a\":{\n\"b\":1,\n\n\"c\":[\n 1,\n \"x\"]}}",
        ] {
            let entries = read(text).unwrap();
            let Tree::Table(inner) = &entries[0].node.tree else { panic!() };
            let lines: Vec<_> =
                inner.iter().map(|entry| (entry.key.as_str(), entry.line)).collect();
            assert_eq!(lines, [("b", 3), ("c", 5)], "{text}");
            let Tree::List(items) = &inner[1].node.tree else { panic!() };
            assert_eq!(items.iter().map(|item| item.line).collect::<Vec<_>>(), [6, 7]);
        }
    }

    #[test]
    fn malformed_toml_and_json_are_refused_with_the_line() {
        for (text, line) in [
            ("a = 1\na = 2\n", 2),
            ("a = \n", 1),
            ("\n\na = \"\\u0000\"\n", 3),
            ("{\"a\": 1,\n\"a\": 2}", 2),
            ("{\"a\": 1\n\"b\": 2}", 2),
            ("{\"a\":\n\"\\u0000\"}", 2),
            ("{} x", 1),
        ] {
            assert_eq!(read(text).unwrap_err().line, line, "{text:?}");
        }
        let deep = format!("{{\"a\": {}{}}}", "[".repeat(300), "]".repeat(300));
        assert!(read(&deep).is_err());
        let deep = format!("a = {}{}", "[".repeat(3000), "]".repeat(3000));
        assert!(read(&deep).is_err());
    }
}
