//! Sums over the rows of tables, by which two databases are compared without keeping either in memory.
//!
//! The digest of a table is the sum of the SHA-256 of its rows, modulo 2^256: it does not depend on their order, which
//! differs between databases.

use std::collections::BTreeMap;
use std::path::Path;

use crate::crypto::digest::Sha256Sum;
use crate::domain::outcome::Fault;
use crate::store::table_copy::{Copier, RowSink, Table};

/// The sums of tables by their names.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in crate::admin) struct TableDigests(BTreeMap<String, TableDigest>);

/// The sum of a table.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct TableDigest {
    rows: i64,
    digest: [u8; 32],
}

impl RowSink for TableDigests {
    fn table(&mut self, table: &str) {
        if !self.0.contains_key(table) {
            self.0.insert(table.to_owned(), TableDigest::default());
        }
    }

    fn row(&mut self, table: &str, row: &[u8]) -> Result<(), Fault> {
        self.table(table);
        if let Some(sum) = self.0.get_mut(table) {
            sum.rows += 1;
            add(&mut sum.digest, &Sha256Sum::of(row));
        }
        Ok(())
    }
}

impl TableDigests {
    /// The sums of everything that `from` reads.
    pub(in crate::admin) async fn of(from: &mut Copier) -> Result<Self, Fault> {
        let tables = from.tables().await?;
        Self::of_tables(from, &tables).await
    }

    /// The sums of `tables`.
    pub(in crate::admin) async fn of_tables(
        from: &mut Copier,
        tables: &[Table],
    ) -> Result<Self, Fault> {
        let mut sums = Self::default();
        for table in tables {
            from.read(table, &mut sums).await?;
        }
        Ok(sums)
    }

    /// The sums of a SQLite file.
    pub(in crate::admin) async fn of_file(path: &Path) -> Result<Self, Fault> {
        let mut from = Copier::reading_file(path).await?;
        let sums = Self::of(&mut from).await;
        from.discard().await;
        sums
    }

    /// The number of rows of each table.
    pub(super) fn rows(&self) -> BTreeMap<String, i64> {
        self.0.iter().map(|(table, sum)| (table.clone(), sum.rows)).collect()
    }

    /// The digest of each table in hexadecimal.
    pub(super) fn digests(&self) -> BTreeMap<String, String> {
        let hex = |digest: &[u8; 32]| digest.iter().map(|byte| format!("{byte:02x}")).collect();
        self.0.iter().map(|(table, sum)| (table.clone(), hex(&sum.digest))).collect()
    }

    /// The number of rows in all.
    pub(in crate::admin) fn all_rows(&self) -> i64 {
        self.0.values().map(|sum| sum.rows).sum()
    }

    /// How many tables there are.
    pub(in crate::admin) fn tables(&self) -> usize {
        self.0.len()
    }

    /// The first table of these whose rows are not the same in `other`, in words.
    pub(in crate::admin) fn difference(&self, other: &Self) -> Option<String> {
        self.0.iter().find_map(|(table, sum)| match other.0.get(table) {
            None => Some(format!("the table {table} is missing")),
            Some(found) if found.rows != sum.rows => {
                Some(format!("{table} has {} rows, not {}", found.rows, sum.rows))
            }
            Some(found) if found != sum => Some(format!("the rows of {table} differ")),
            Some(_) => None,
        })
    }
}

/// Adds two numbers of 256 bits, the most significant byte first; what overflows is dropped.
fn add(sum: &mut [u8; 32], number: &[u8; 32]) {
    let mut carry = 0;
    for (byte, other) in sum.iter_mut().zip(number).rev() {
        let total = u16::from(*byte) + u16::from(*other) + carry;
        [_, *byte] = total.to_be_bytes();
        carry = total >> 8;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(rows: &[(&str, &str)]) -> TableDigests {
        let mut sums = TableDigests::default();
        sums.table("empty");
        for (table, row) in rows {
            sums.row(table, row.as_bytes()).unwrap();
        }
        sums
    }

    #[test]
    fn the_order_of_rows_does_not_matter_and_everything_else_does() {
        let one = sums(&[("a", "1"), ("a", "2"), ("b", "1")]);
        assert_eq!(one, sums(&[("b", "1"), ("a", "2"), ("a", "1")]));
        assert_eq!(one.difference(&one), None);
        let difference = |rows: &[(&str, &str)]| one.difference(&sums(rows)).unwrap();
        assert_eq!(difference(&[("a", "1"), ("a", "3"), ("b", "1")]), "the rows of a differ");
        assert_eq!(difference(&[("a", "1"), ("b", "1")]), "a has 1 rows, not 2");
        assert_eq!(difference(&[("a", "1"), ("a", "2")]), "the table b is missing");
        assert_eq!((one.all_rows(), one.tables(), one.rows()["empty"]), (3, 3, 0));
        assert_eq!(one.digests()["empty"], "0".repeat(64));
    }

    #[test]
    fn sums_carry_and_wrap() {
        let mut sum = [0xff; 32];
        let mut one = [0; 32];
        one[31] = 1;
        add(&mut sum, &one);
        assert_eq!(sum, [0; 32]);
        sum[31] = 0xff;
        add(&mut sum, &one);
        assert_eq!((sum[30], sum[31]), (1, 0));
    }
}
