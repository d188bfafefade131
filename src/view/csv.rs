//! Comma-separated values (RFC 4180), from the JSON of rows.
//!
//! Owns quoting, and that no cell is a formula: spreadsheet programs evaluate cells that begin with certain
//! characters, and cells may contain untrusted text.

use serde_json::Value;

/// A line with the names of the columns.
#[must_use]
pub fn header(columns: &[&str]) -> String {
    line(columns.iter().map(|name| cell(name)))
}

/// A line with the members `columns` of a row. Null becomes an empty cell; a list or an object becomes its JSON.
#[must_use]
pub fn row(row: &Value, columns: &[&str]) -> String {
    line(columns.iter().map(|name| match &row[*name] {
        Value::Null => String::new(),
        Value::String(text) => cell(text),
        // A number stays a number: its sign is not an operator.
        Value::Number(number) => number.to_string(),
        other => cell(&other.to_string()),
    }))
}

fn line(cells: impl Iterator<Item = String>) -> String {
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    line
}

/// A text as a cell. A text that looks like a formula is prefixed with an apostrophe.
fn cell(text: &str) -> String {
    let is_formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if is_formula { format!("'{text}") } else { text.to_owned() };
    if text.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", text.replace('"', "\"\""));
    }
    text
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_where_they_must_be_and_never_formulas() {
        for (text, expected) in [
            ("", ""),
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("two\nlines", "\"two\nlines\""),
            ("=1+1", "'=1+1"),
            ("+1", "'+1"),
            ("-1", "'-1"),
            ("@SUM(A1)", "'@SUM(A1)"),
            ("\t=1", "'\t=1"),
            ("\r=1", "\"'\r=1\""),
            ("=HYPERLINK(\"x\",1)", "\"'=HYPERLINK(\"\"x\"\",1)\""),
            ("a=1", "a=1"),
        ] {
            assert_eq!(cell(text), expected, "{text:?}");
        }
    }

    #[test]
    fn a_row_has_its_columns_in_order() {
        let value = json!({ "b": -2, "a": "x", "list": ["=y"], "none": null, "yes": true });
        let columns = ["a", "b", "list", "none", "yes", "absent"];
        assert_eq!(row(&value, &columns), "x,-2,\"[\"\"=y\"\"]\",,true,\r\n");
        assert_eq!(header(&columns), "a,b,list,none,yes,absent\r\n");
    }
}
