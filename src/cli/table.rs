//! Tables: an upper-case header, aligned columns, `-` for empty cells.
//!
//! Owns widths and padding. Rows come in batches, and the first one sets the widths, so that long lists are printed
//! as they are read.

use crate::domain::terminal_text::escaped;

/// The text of an empty cell.
const NOTHING: &str = "-";
/// The separator of columns.
const GAP: &str = "  ";

/// A table that is being printed.
pub struct Table {
    head: &'static [&'static str],
    widths: Vec<usize>,
}

impl Table {
    /// A table with these column names.
    pub fn new(head: &'static [&'static str]) -> Self {
        Self { head, widths: Vec::new() }
    }

    /// The lines of these rows, after the header if they are the first.
    pub fn lines(&mut self, rows: &[Vec<String>]) -> String {
        let rows: Vec<Vec<String>> =
            rows.iter().map(|row| row.iter().map(|cell| shown(cell)).collect()).collect();
        let mut text = String::new();
        let first = self.widths.is_empty();
        if first {
            self.widths = self.head.iter().map(|name| width(name)).collect();
        }
        for row in &rows {
            for (widest, cell) in self.widths.iter_mut().zip(row) {
                *widest = width(cell).max(*widest);
            }
        }
        if first {
            let head: Vec<String> = self.head.iter().map(|name| name.to_uppercase()).collect();
            self.line(&head, &mut text);
        }
        for row in &rows {
            self.line(row, &mut text);
        }
        text
    }

    fn line(&self, cells: &[String], text: &mut String) {
        let mut line = String::new();
        for (index, (cell, widest)) in cells.iter().zip(&self.widths).enumerate() {
            if index > 0 {
                line.push_str(GAP);
            }
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', widest.saturating_sub(width(cell))));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
}

/// The text of a cell, on one line.
fn shown(cell: &str) -> String {
    if cell.is_empty() { NOTHING.to_owned() } else { escaped(cell).into_owned() }
}

/// Characters, not terminal columns: wide scripts shift later columns slightly, which does not justify a width table.
fn width(cell: &str) -> usize {
    cell.chars().count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(cells: &[&str]) -> Vec<String> {
        cells.iter().map(|cell| (*cell).to_owned()).collect()
    }

    #[test]
    fn columns_line_up_and_nothing_is_a_dash() {
        let mut table = Table::new(&["login", "role"]);
        let text = table.lines(&[row(&["ada@example.com", "admin"]), row(&["", "\u{1b}x"])]);
        assert_eq!(
            text,
            "LOGIN            ROLE\nada@example.com  admin\n-                \\u{1b}x\n"
        );
    }

    #[test]
    fn a_later_batch_has_no_second_header() {
        let mut table = Table::new(&["a"]);
        assert_eq!(table.lines(&[]), "A\n");
        assert_eq!(table.lines(&[row(&["1"])]), "1\n");
    }
}
