//! Reading the table of one object, key by key.
//!
//! No key is ignored: an unknown key, or one of the wrong type, is a mistake with its line and the nearest name. The
//! schema is generated from the same lists of keys.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde_json::Value;

use super::document::{Entry, Mistake, Node, Tree};
use super::references::Reference;
use crate::base::TimeSpan;
use crate::base::nearest_name::nearest_name;
use crate::domain::outcome::{FieldError, quotable};

/// A key of a table.
#[derive(Debug)]
pub struct Field {
    /// Its name: that of the same setting under `/v1`.
    pub name: &'static str,
    /// The type of its value.
    pub shape: Shape,
    /// The meaning, in one line.
    pub meaning: &'static str,
}

/// The type of a value.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// A text.
    Text,
    /// True or false.
    Flag,
    /// A list of texts without an order.
    Texts,
    /// A number of seconds, or a text such as `15m`.
    Span,
    /// One of these words.
    Word(fn() -> Vec<&'static str>),
    /// A table from scopes to their descriptions, or a list of scopes.
    Scopes,
    /// Public keys: a JWK set, a list of JWKs, or the file that contains one.
    Keys,
    /// A table of custom claims.
    Claims,
    /// A reference to a secret; `generate` if it can be generated.
    Secret { generate: bool },
}

/// The table of one object.
pub struct Fields<'a> {
    entries: Vec<Entry>,
    lines: BTreeMap<String, usize>,
    line: usize,
    /// Its name in error messages.
    what: String,
    mistakes: &'a mut Vec<Mistake>,
}

impl<'a> Fields<'a> {
    /// The table `what`, which begins in `line` and has these keys besides `name` and `state`.
    pub fn new(
        (what, line): (&str, usize),
        entries: Vec<Entry>,
        known: &[&Field],
        mistakes: &'a mut Vec<Mistake>,
    ) -> Self {
        let lines = entries.iter().map(|entry| (entry.key.clone(), entry.line)).collect();
        let mut fields = Self { entries, lines, line, what: what.to_owned(), mistakes };
        fields.refuse_unknown(known);
        fields
    }

    fn refuse_unknown(&mut self, known: &[&Field]) {
        let names = || known.iter().map(|field| field.name);
        for entry in &self.entries {
            if names().any(|name| name == entry.key) {
                continue;
            }
            let near = nearest_name(&entry.key, names()).filter(|(_, errors)| *errors <= 3);
            let advice = near.map_or_else(
                || format!("it has {}", names().collect::<Vec<_>>().join(", ")),
                |(name, _)| format!("did you mean {name}?"),
            );
            let text = format!("{} has no key {}; {advice}", self.what, quotable(&entry.key));
            self.mistakes.push(Mistake::new(entry.line, text));
        }
    }

    /// Sets its name in error messages.
    pub fn call(&mut self, what: String) {
        self.what = what;
    }

    /// The lines of the keys.
    pub fn lines(&self) -> BTreeMap<String, usize> {
        self.lines.clone()
    }

    /// Whether the key is present.
    pub fn has(&self, name: &str) -> bool {
        self.lines.contains_key(name)
    }

    /// Records a mistake at a key, or at the object if the key is absent.
    pub fn note(&mut self, name: &str, text: &str) {
        let line = self.lines.get(name).copied().unwrap_or(self.line);
        let text = format!("{} of {}: {text}", name, self.what);
        self.mistakes.push(Mistake::new(line, text));
    }

    /// Records the mistakes that the rules of the object found.
    pub fn note_all(&mut self, wrong: &[FieldError]) {
        for error in wrong {
            self.note(error.field, error.message);
        }
    }

    fn take(&mut self, name: &str) -> Option<Node> {
        let at = self.entries.iter().position(|entry| entry.key == name)?;
        let node = self.entries.swap_remove(at).node;
        (!matches!(node.tree, Tree::Null)).then_some(node)
    }

    fn wrong<T>(&mut self, name: &str, expected: &str, found: &Node) -> Option<T> {
        self.note(name, &format!("found {}, expected {expected}", found.kind()));
        None
    }

    /// A text.
    pub fn text(&mut self, name: &str) -> Option<String> {
        let node = self.take(name)?;
        match node.tree {
            Tree::Text(text) => Some(text),
            _ => self.wrong(name, "a text", &node),
        }
    }

    /// A required text.
    pub fn required(&mut self, name: &str) -> Option<String> {
        if !self.has(name) {
            self.note(name, "it is missing");
        }
        self.text(name)
    }

    /// A required text that is read again later.
    pub fn peek(&mut self, name: &str) -> Option<String> {
        let found = self.entries.iter().find(|entry| entry.key == name);
        match found.map(|entry| &entry.node.tree) {
            Some(Tree::Text(text)) => Some(text.clone()),
            _ => self.required(name),
        }
    }

    /// True or false.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let node = self.take(name)?;
        match node.tree {
            Tree::Flag(flag) => Some(flag),
            _ => self.wrong(name, "true or false", &node),
        }
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str) -> Option<Vec<String>> {
        let node = self.take(name)?;
        match texts_of(&node) {
            Some(texts) => Some(texts),
            None => self.wrong(name, "a list of texts", &node),
        }
    }

    /// One of the words of a list.
    pub fn word<T: FromStr>(&mut self, name: &str, words: fn() -> Vec<&'static str>) -> Option<T> {
        let text = self.text(name)?;
        let word = text.parse().ok();
        if word.is_none() {
            self.note(name, &format!("found {}, expected {}", quotable(&text), words().join(", ")));
        }
        word
    }

    /// A length of time.
    pub fn span(&mut self, name: &str) -> Option<TimeSpan> {
        let node = self.take(name)?;
        match &node.tree {
            Tree::Integer(seconds) => Some(TimeSpan::from_secs(*seconds)),
            Tree::Text(text) => {
                let most = TimeSpan::from_days(3650);
                match crate::config::length_of_time(text, TimeSpan::ZERO..=most) {
                    Ok(span) => Some(span),
                    Err(said) => {
                        self.note(name, &said);
                        None
                    }
                }
            }
            _ => self.wrong(name, "a number of seconds, or a text such as \"15m\"", &node),
        }
    }

    /// Scopes, each with an optional description.
    pub fn scopes(&mut self, name: &str) -> Option<Vec<(String, Option<String>)>> {
        let node = self.take(name)?;
        let found = match &node.tree {
            Tree::Table(entries) => entries
                .iter()
                .map(|entry| match &entry.node.tree {
                    Tree::Text(text) => {
                        let description = (!text.is_empty()).then(|| text.clone());
                        Some((entry.key.clone(), description))
                    }
                    _ => None,
                })
                .collect(),
            _ => texts_of(&node).map(|texts| texts.into_iter().map(|text| (text, None)).collect()),
        };
        found.or_else(|| self.wrong(name, "a table of texts, or a list of texts", &node))
    }

    /// Any value, as JSON.
    pub fn json(&mut self, name: &str) -> Option<Value> {
        let node = self.take(name)?;
        let json = node.json();
        if json.is_none() {
            self.note(
                name,
                "fractions, points in time and numbers beyond 64 bits are written as text",
            );
        }
        json
    }

    /// The source of a secret.
    pub fn reference(&mut self, name: &str, generate: bool) -> Option<Reference> {
        let node = self.take(name)?;
        match Reference::read(&node, generate) {
            Ok(reference) => Some(reference),
            Err(said) => {
                self.note(name, &said);
                None
            }
        }
    }
}

fn texts_of(node: &Node) -> Option<Vec<String>> {
    let Tree::List(items) = &node.tree else { return None };
    let text = |item: &Node| match &item.tree {
        Tree::Text(text) => Some(text.clone()),
        _ => None,
    };
    items.iter().map(text).collect()
}
