//! The map of the code, kept true: which folder may use which, and what lives in one room only.
//!
//! Owns the rules and their reasons; how sources are read is `source`. A rule speaks like a
//! reviewer, with file, line, arrow and reason, because whoever breaks it reads nothing else.

mod layers;
mod rooms;
pub mod source;

use source::File;

/// The most lines of a file; above it, a file has more than one job.
const MAX_LINES: usize = 600;

/// Files that may be longer, and why.
const LONG: &[(&str, &str)] = &[(
    "src/config/tests.rs",
    "one table of every setting with its good and bad values: apart they would repeat the set-up",
)];

/// What a reviewer would say about documentation and length.
fn shape(files: &[File]) -> Vec<String> {
    let mut remarks = Vec::new();
    for file in files {
        let first = file.text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        if !first.starts_with("//! ") {
            remarks.push(format!(
                "{}:1: begins without a `//!` doc. Say in two to six lines what the module owns \
                 and what it must not touch.",
                file.path
            ));
        }
        let lines = file.text.lines().count();
        let excused = LONG.iter().any(|(path, _)| *path == file.path);
        if lines > MAX_LINES && !excused {
            remarks.push(format!(
                "{}:{MAX_LINES}: {lines} lines, more than {MAX_LINES}. Give its second job a file \
                 of its own, or list the file in LONG with a reason.",
                file.path
            ));
        }
        if lines <= MAX_LINES && excused {
            remarks.push(format!(
                "{}:1: is listed in LONG and has only {lines} lines. Take it off the list.",
                file.path
            ));
        }
    }
    remarks
}

/// Fails with every remark, not with the first.
fn approve(remarks: &[String]) {
    assert!(remarks.is_empty(), "\n{}\n", remarks.join("\n"));
}

#[test]
fn arrows_point_down() {
    approve(&layers::remarks(&source::files("src")));
}

#[test]
fn what_has_a_room_stays_in_it() {
    approve(&rooms::remarks(&source::files("src")));
}

#[test]
fn files_are_documented_and_short() {
    let files = source::files("src");
    assert!(files.len() > 60, "only {} files were read", files.len());
    approve(&shape(&files));
    for (path, _) in LONG {
        assert!(files.iter().any(|file| file.path == *path), "{path} of LONG is gone");
    }
}

#[test]
fn the_checker_sees_missing_docs_and_long_files() {
    let bare = File::read("src/base/bare.rs", "use std::fmt;\n//! too late\n");
    let long = File::read("src/base/long.rs", &format!("//! Long.\n{}", "\n".repeat(MAX_LINES)));
    let good = File::read("src/base/good.rs", "\n//! Good.\n");
    let no_longer = File::read(LONG[0].0, "//! Short.\n");
    let remarks = shape(&[bare, long, good, no_longer]);
    assert_eq!(remarks.len(), 3, "{remarks:#?}");
    assert!(remarks[0].starts_with("src/base/bare.rs:1: begins without"), "{}", remarks[0]);
    assert!(remarks[1].contains("601 lines"), "{}", remarks[1]);
    assert!(remarks[2].contains("off the list"), "{}", remarks[2]);
}
