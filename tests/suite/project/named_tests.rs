//! The tests that documentation names exist.

use std::path::{Path, PathBuf};

const DOCUMENT: &str = include_str!("../../../docs/clients.md");

fn suite() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite")
}

/// The file of a module of the suite, if it has one.
fn module(path: &[&str]) -> Option<PathBuf> {
    let folder = path.iter().fold(suite(), |folder, part| folder.join(part));
    [folder.with_extension("rs"), folder.join("mod.rs")].into_iter().find(|file| file.is_file())
}

/// Whether the suite has a module, or a test, of this path.
fn exists(name: &str) -> bool {
    let parts: Vec<&str> = name.split("::").collect();
    if module(&parts).is_some() {
        return true;
    }
    let Some((test, path)) = parts.split_last() else { return false };
    let text = module(path).map(|file| std::fs::read_to_string(file).unwrap());
    text.is_some_and(|text| text.contains(&format!("fn {test}()")))
}

/// The names of tests in a document: paths in backticks that begin with a folder of the suite.
fn named(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('`').skip(1).step_by(2);
    quoted.filter(|name| {
        let is_path = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b':');
        let folder = name.split("::").next().unwrap_or_default();
        is_path && name.contains("::") && suite().join(folder).is_dir()
    })
}

#[test]
fn the_tests_of_the_security_profile_exist() {
    let all: Vec<&str> = named(DOCUMENT).collect();
    assert!(all.len() >= 10, "{all:?}");
    let missing: Vec<&&str> = all.iter().filter(|name| !exists(name)).collect();
    assert!(missing.is_empty(), "docs/clients.md names tests that do not exist: {missing:?}");
    let gone = "oauth::fapi2::a_test_that_is_gone";
    assert!(named(&format!("| x | `{gone}` |")).eq([gone]) && !exists(gone));
}
