//! Values in the form that both databases share, and rows as bytes.

/// A value of a column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// None.
    Null,
    /// A number; booleans are 0 and 1.
    Integer(i64),
    /// Text.
    Text(String),
    /// Bytes; ids are 16 of them.
    Bytes(Vec<u8>),
}

/// Writes a row into `into` so that two rows have the same bytes only if all of their values are equal: for each value
/// a letter for its type, its length and its bytes.
pub(super) fn canonical(row: &[Value], into: &mut Vec<u8>) {
    into.clear();
    let mut add = |kind: u8, bytes: &[u8]| {
        into.push(kind);
        into.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        into.extend_from_slice(bytes);
    };
    for value in row {
        match value {
            Value::Null => add(b'n', &[]),
            Value::Integer(number) => add(b'i', &number.to_be_bytes()),
            Value::Text(text) => add(b't', text.as_bytes()),
            Value::Bytes(bytes) => add(b'b', bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn different_rows_have_different_bytes() {
        let text = |text: &str| Value::Text(text.to_owned());
        let rows = [
            vec![text("a"), text("b")],
            vec![text("ab"), text("")],
            vec![text(""), text("ab")],
            vec![text("a"), Value::Bytes(b"b".to_vec())],
            vec![text("a"), Value::Null],
            vec![Value::Null, text("a")],
            vec![text("a"), Value::Integer(0)],
            vec![text("a"), Value::Integer(-1)],
            vec![text("a\0"), text("b")],
            vec![text("a")],
        ];
        let bytes: Vec<Vec<u8>> = rows
            .iter()
            .map(|row| {
                let mut bytes = vec![7];
                canonical(row, &mut bytes);
                bytes
            })
            .collect();
        for (index, one) in bytes.iter().enumerate() {
            assert!(!bytes[index + 1..].contains(one), "{:?}", rows[index]);
        }
    }
}
