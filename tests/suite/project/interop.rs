//! `docs/interop.md`: the tests in its table exist, and the versions are the installed ones.

use std::fs;
use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../../docs/interop.md");
/// Folders whose tests are for one library each, which must be in the table.
const MODULES: [&str; 4] = ["apache", "debian", "node", "python"];

/// A row of the table.
struct Row {
    package: String,
    version: String,
    test: String,
    folder: String,
}

fn rows() -> Vec<Row> {
    let lines = DOCUMENT.lines().filter(|line| line.starts_with("| `"));
    let rows = lines.map(|line| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let quoted = |cell: &str| {
            let text = cell.split('`').nth(1).unwrap_or_else(|| panic!("no name in {line}"));
            text.to_owned()
        };
        let (package, version) = (quoted(cells[1]), cells[2].to_owned());
        Row { package, version, test: quoted(cells[3]), folder: quoted(cells[4]) }
    });
    rows.collect()
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// The version of a package that the folder's lock file pins; `None` if it is a package of the system.
fn pinned(folder: &str, package: &str) -> Option<String> {
    let folder = root().join(folder);
    let read = |name: &str| fs::read_to_string(folder.join(name)).ok();
    if let Some(text) = read("package-lock.json") {
        let lock: serde_json::Value = serde_json::from_str(&text).unwrap();
        let version = lock["packages"][format!("node_modules/{package}")]["version"].as_str();
        return Some(version.unwrap_or_else(|| panic!("no {package} in {folder:?}")).to_owned());
    }
    if let Some(text) = read("requirements.txt") {
        let found = text.lines().find_map(|line| {
            let (name, version) = line.split_once("==")?;
            (name.split('[').next() == Some(package)).then(|| version.to_owned())
        });
        return Some(found.unwrap_or_else(|| panic!("no {package} in {folder:?}")));
    }
    if let Some(text) = read("Cargo.lock") {
        let mark = format!("name = \"{package}\"\nversion = \"");
        let (_, rest) = text.split_once(&mark).unwrap_or_else(|| panic!("no {package}"));
        return rest.split('"').next().map(str::to_owned);
    }
    assert!(folder.is_dir(), "there is no {folder:?}");
    None
}

/// Whether a test of that path exists, in a file named after its module.
fn exists(test: &str) -> bool {
    let (module, name) = test.rsplit_once("::").unwrap();
    let path = root().join("tests/suite").join(module.replace("::", "/"));
    let files = [path.with_extension("rs"), path.join("mod.rs")];
    let text = files.iter().find_map(|file| fs::read_to_string(file).ok());
    text.is_some_and(|text| text.contains(&format!("fn {name}(")))
}

#[test]
fn every_library_in_the_table_is_run_by_the_test_it_names() {
    let rows = rows();
    assert!(rows.len() >= 21, "{} libraries", rows.len());
    for row in rows {
        assert!(exists(&row.test), "{}: there is no test {}", row.package, row.test);
    }
}

#[test]
fn every_version_in_the_table_is_the_one_that_is_installed() {
    for row in rows() {
        if let Some(version) = pinned(&row.folder, &row.package) {
            assert_eq!(row.version, version, "{}", row.package);
        }
    }
}

#[test]
fn the_table_has_every_library_that_is_run() {
    let rows = rows();
    for module in MODULES {
        let file = root().join(format!("tests/suite/interop/{module}.rs"));
        let text = fs::read_to_string(file).unwrap();
        for part in text.split("#[tokio::test").skip(1) {
            let (_, rest) = part.split_once("async fn ").unwrap();
            let test = format!("interop::{module}::{}", rest.split('(').next().unwrap());
            // A library has one row; further tests of it begin with the name of the test in the row.
            let listed = rows.iter().any(|row| test.starts_with(&row.test));
            assert!(listed, "the table lacks {test}");
        }
    }
}
