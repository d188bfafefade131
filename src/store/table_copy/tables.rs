//! The tables of a database: their columns, and the order in which they refer to each other.

use std::collections::{BTreeMap, BTreeSet};

use crate::domain::outcome::Fault;

/// Tables that belong to one file or one schema, and are never copied.
pub(super) const OF_THE_FILE: [&str; 2] = ["_sqlx_migrations", "backup_manifest"];

/// A table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Its name.
    pub name: String,
    /// Its columns, ordered by their names, because their positions differ between the databases.
    pub columns: Vec<Column>,
}

/// A column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// The type of its values in this database.
    pub(super) kind: Kind,
}

/// The types of the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Integer,
    Text,
    Bytes,
    /// PostgreSQL only; an integer in SQLite.
    Boolean,
    /// PostgreSQL only; 16 bytes in SQLite.
    Uuid,
}

impl Kind {
    /// The type of this name in one of the two databases.
    pub(super) fn named(name: &str) -> Result<Self, Fault> {
        match name {
            "INTEGER" | "bigint" => Ok(Self::Integer),
            "TEXT" | "text" => Ok(Self::Text),
            "BLOB" | "bytea" => Ok(Self::Bytes),
            "boolean" => Ok(Self::Boolean),
            "uuid" => Ok(Self::Uuid),
            other => {
                Err(Fault::internal("a column of an unknown type").with_source(other.to_owned()))
            }
        }
    }
}

impl Table {
    /// Whether both have the same columns by name.
    pub(super) fn has_columns_of(&self, other: &Self) -> bool {
        self.columns
            .iter()
            .map(|column| &column.name)
            .eq(other.columns.iter().map(|column| &column.name))
    }

    /// The columns as SQL names them in a list.
    pub(super) fn column_list(&self) -> String {
        let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name)).collect();
        names.join(", ")
    }

    /// The statement that reads all of it.
    pub(super) fn select(&self) -> String {
        format!("SELECT {} FROM {}", self.column_list(), quoted(&self.name))
    }
}

/// A name as an identifier. Some of the schema are words of SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Tables from the rows of a catalog (table, column, type) and its references (table, table that it refers to), those
/// that others refer to first.
pub(super) fn ordered(
    columns: Vec<(String, String, String)>,
    references: Vec<(String, String)>,
) -> Result<Vec<Table>, Fault> {
    let mut tables: BTreeMap<String, Vec<Column>> = BTreeMap::new();
    for (table, name, kind) in columns {
        if !OF_THE_FILE.contains(&&*table) {
            tables.entry(table).or_default().push(Column { name, kind: Kind::named(&kind)? });
        }
    }
    let mut left: Vec<Table> = tables
        .into_iter()
        .map(|(name, mut columns)| {
            columns.sort_by(|a, b| a.name.cmp(&b.name));
            Table { name, columns }
        })
        .collect();
    let (mut done, mut placed) = (Vec::new(), BTreeSet::new());
    while !left.is_empty() {
        let is_free = |table: &Table| {
            references
                .iter()
                .all(|(from, to)| *from != table.name || to == from || placed.contains(to))
        };
        let (free, waiting): (Vec<Table>, Vec<Table>) = left.into_iter().partition(is_free);
        if free.is_empty() {
            return Err(Fault::internal("tables refer to each other in a circle"));
        }
        placed.extend(free.iter().map(|table| table.name.clone()));
        done.extend(free);
        left = waiting;
    }
    Ok(done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_come_after_those_that_they_refer_to() {
        let column = |table: &str, name: &str, kind: &str| {
            (table.to_owned(), name.to_owned(), kind.to_owned())
        };
        let columns = vec![
            column("a", "id", "BLOB"),
            column("b", "z", "TEXT"),
            column("b", "a", "INTEGER"),
            column("c", "id", "uuid"),
            column("_sqlx_migrations", "x", "what"),
        ];
        let refers = |from: &str, to: &str| (from.to_owned(), to.to_owned());
        let references = vec![refers("a", "b"), refers("b", "c"), refers("b", "b")];
        let tables = ordered(columns.clone(), references).unwrap();
        let names: Vec<&str> = tables.iter().map(|table| &*table.name).collect();
        assert_eq!(names, ["c", "b", "a"]);
        assert_eq!(tables[1].select(), "SELECT \"a\", \"z\" FROM \"b\"");
        assert!(ordered(columns, vec![refers("a", "b"), refers("b", "a")]).is_err());
        assert!(ordered(vec![column("a", "id", "REAL")], Vec::new()).is_err());
    }
}
