//! JSON files (RFC 8259).
//!
//! `serde_json` validates the text and bounds its depth first. A second reader is needed because `serde_json` keeps
//! neither line numbers nor repeated keys, and both belong in error messages.

use super::document::{Entry, Lines, Mistake, Node, Tree};

/// Reads a file.
///
/// # Errors
/// The first syntax error, or a repeated key.
pub fn read(text: &str) -> Result<Node, Mistake> {
    serde_json::from_str::<serde_json::Value>(text).map_err(|error| {
        Mistake::new(error.line().max(1), format!("not JSON: {}", said(&error)))
    })?;
    Reader { text, at: 0, lines: Lines::of(text) }.value()
}

/// The message of `serde_json` without its position.
fn said(error: &serde_json::Error) -> String {
    let text = error.to_string();
    text.rsplit_once(" at line ").map_or(text.as_str(), |(said, _)| said).to_owned()
}

/// Reads valid JSON.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    lines: Lines,
}

impl Reader<'_> {
    fn value(&mut self) -> Result<Node, Mistake> {
        self.skip_space();
        let line = self.lines.at(self.at);
        let tree = match self.peek() {
            b'{' => Tree::Table(self.members()?),
            b'[' => Tree::List(self.items()?),
            b'"' => Tree::Text(self.string()),
            _ => self.word(),
        };
        Ok(Node { line, tree })
    }

    fn members(&mut self) -> Result<Vec<Entry>, Mistake> {
        self.at += 1;
        let mut entries: Vec<Entry> = Vec::new();
        while self.another(b'}') {
            let line = self.lines.at(self.at);
            let key = self.string();
            if entries.iter().any(|entry| entry.key == key) {
                return Err(Mistake::new(line, format!("the key {key:?} is repeated")));
            }
            self.skip_space();
            self.at += 1;
            let node = self.value()?;
            entries.push(Entry { key, line, node });
        }
        Ok(entries)
    }

    fn items(&mut self) -> Result<Vec<Node>, Mistake> {
        self.at += 1;
        let mut items = Vec::new();
        while self.another(b']') {
            items.push(self.value()?);
        }
        Ok(items)
    }

    /// Moves to the next member and returns true, or past `end` and returns false.
    fn another(&mut self, end: u8) -> bool {
        self.skip_space();
        if self.peek() == b',' {
            self.at += 1;
            self.skip_space();
        }
        let ends = self.peek() == end || self.at >= self.text.len();
        if ends {
            self.at += 1;
        }
        !ends
    }

    fn string(&mut self) -> String {
        let from = self.at;
        self.at += 1;
        loop {
            match self.peek() {
                b'\\' => self.at += 2,
                b'"' => break,
                _ if self.at >= self.text.len() => break,
                _ => self.at += 1,
            }
        }
        self.at += 1;
        let quoted = self.text.get(from..self.at).unwrap_or_default();
        serde_json::from_str(quoted).unwrap_or_default()
    }

    /// A number, `true`, `false` or `null`.
    fn word(&mut self) -> Tree {
        let from = self.at;
        while !matches!(self.peek(), b',' | b']' | b'}' | b' ' | b'\t' | b'\r' | b'\n' | 0) {
            self.at += 1;
        }
        match self.text.get(from..self.at).unwrap_or_default() {
            "null" => Tree::Null,
            "true" => Tree::Flag(true),
            "false" => Tree::Flag(false),
            number => match number.parse() {
                Ok(number) => Tree::Integer(number),
                Err(_) if number.contains(['.', 'e', 'E']) => Tree::Other("a fraction"),
                Err(_) => Tree::Other("a number beyond 64 bits"),
            },
        }
    }

    fn peek(&self) -> u8 {
        self.text.as_bytes().get(self.at).copied().unwrap_or(0)
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), b' ' | b'\t' | b'\r' | b'\n') {
            self.at += 1;
        }
    }
}
