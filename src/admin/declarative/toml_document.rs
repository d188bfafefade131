//! TOML files (v1.1).

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::document::{Entry, Lines, Mistake, Node, Tree};

/// Reads a file.
///
/// # Errors
/// The first syntax error.
pub fn read(text: &str) -> Result<Node, Mistake> {
    let lines = Lines::of(text);
    let table = DeTable::parse(text).map_err(|error| {
        let line = error.span().map_or(1, |span| lines.at(span.start));
        Mistake::new(line, format!("not TOML: {}", error.message()))
    })?;
    Ok(Node { line: 1, tree: self::table(&lines, table.into_inner()) })
}

/// The entries in the order of the file.
fn table(lines: &Lines, table: DeTable<'_>) -> Tree {
    let mut entries: Vec<(usize, Entry)> = table
        .into_iter()
        .map(|(key, value)| {
            let start = key.span().start;
            let line = lines.at(start);
            (start, Entry { key: key.into_inner().into_owned(), line, node: node(lines, value) })
        })
        .collect();
    entries.sort_by_key(|(start, _)| *start);
    Tree::Table(entries.into_iter().map(|(_, entry)| entry).collect())
}

fn node(lines: &Lines, value: Spanned<DeValue<'_>>) -> Node {
    let line = lines.at(value.span().start);
    let tree = match value.into_inner() {
        DeValue::String(text) => Tree::Text(text.into_owned()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map_or(Tree::Other("a number beyond 64 bits"), Tree::Integer),
        DeValue::Float(_) => Tree::Other("a fraction"),
        DeValue::Boolean(flag) => Tree::Flag(flag),
        DeValue::Datetime(_) => Tree::Other("a point in time without quotes"),
        DeValue::Array(items) => {
            Tree::List(items.into_iter().map(|item| node(lines, item)).collect())
        }
        DeValue::Table(inner) => table(lines, inner),
    };
    Node { line, tree }
}
