//! The architecture, checked: which folder may use which, which libraries are confined to a folder, and which
//! decisions are made in one place.
//!
//! Owns the rules and their reasons; `source` reads the sources. A remark names the file, the line, the
//! dependency and the reason, because it is all that the author of a change reads.

mod layers;
mod libraries;
mod links;
mod liveness;
pub mod source;
mod transactions;

use source::File;

/// The maximum number of lines of a file; above it, a file has more than one job. Long tables are in data files.
const MAX_LINES: usize = 400;

/// The minimum number of lines of a file other than `mod.rs`.
const MIN_LINES: usize = 25;

/// The maximum of the median length of the files.
const MEDIAN_LINES: usize = 120;

/// Files that may be shorter, with the reason.
const SHORT: &[(&str, &str)] = &[
    ("src/base/entropy.rs", "a trait, whose implementation needs the crypto library"),
    ("src/cli/force.rs", "an option that several nouns share"),
    ("src/crypto/jwt/pkcs8.rs", "the one form of private keys, for every kind of them"),
    ("src/crypto/random.rs", "the implementation of that trait"),
    ("src/http/api/refresh.rs", "each endpoint under /v1 has a file"),
    ("src/http/etag.rs", "one rule of RFC 9110 that two handlers share"),
    ("src/identity/history.rs", "a use case that the pages and /v1 share"),
    ("src/jobs/config_drift.rs", "each job that reads has a file"),
    ("src/main.rs", "the binary is the library's command line"),
];

/// The remarks about documentation and length.
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
        if lines > MAX_LINES {
            remarks.push(format!(
                "{}:{MAX_LINES}: {lines} lines, more than {MAX_LINES}. Give its second job a file \
                 of its own.",
                file.path
            ));
        }
        let excused = SHORT.iter().any(|(path, _)| *path == file.path);
        if lines < MIN_LINES && !excused && !file.path.ends_with("/mod.rs") {
            remarks.push(format!(
                "{}:1: {lines} lines, fewer than {MIN_LINES}. Move them to what they belong to, or \
                 list the file in SHORT with a reason.",
                file.path
            ));
        }
        if lines >= MIN_LINES && excused {
            remarks.push(format!(
                "{}:1: is listed in SHORT and has {lines} lines. Take it off the list.",
                file.path
            ));
        }
    }
    remarks
}

/// Fails with all remarks, not only the first.
fn approve(remarks: &[String]) {
    assert!(remarks.is_empty(), "\n{}\n", remarks.join("\n"));
}

#[test]
fn layers_depend_on_lower_layers_only() {
    approve(&layers::remarks(&source::files("src")));
}

#[test]
fn a_fitting_text_is_not_shortened() {
    approve(&libraries::remarks(&source::files("src")));
}

#[test]
fn addresses_of_the_server_are_made_in_one_place() {
    let templates = links::templates();
    assert!(templates.len() > 10, "only {} templates were read", templates.len());
    approve(&links::in_templates(&templates));
    approve(&links::in_sources(&source::files("src")));
}

#[test]
fn liveness_is_decided_in_one_place() {
    let files = source::files("src");
    approve(&liveness::remarks(&files));
    assert_eq!(liveness::gone(&files), None, "is listed in ALLOWED and is gone");
}

#[test]
fn transactions_are_begun_in_the_two_forms_or_in_a_listed_file() {
    let files = source::files("src");
    approve(&transactions::remarks(&files));
    approve(&transactions::stale(&files));
}

#[test]
fn files_are_documented_and_of_a_readable_length() {
    let files = source::files("src");
    assert!(files.len() > 60, "only {} files were read", files.len());
    approve(&shape(&files));
    for (path, _) in SHORT {
        assert!(files.iter().any(|file| file.path == *path), "{path} of SHORT is gone");
    }
    let mut lengths: Vec<usize> = files.iter().map(|file| file.text.lines().count()).collect();
    lengths.sort_unstable();
    let median = lengths[lengths.len() / 2];
    assert!(median <= MEDIAN_LINES, "the median file has {median} lines, not {MEDIAN_LINES}");
}

#[test]
fn the_checker_sees_missing_docs_and_wrong_lengths() {
    let lines = |count: usize| "\n".repeat(count);
    let bare = File::read("src/base/bare.rs", &format!("use std::fmt;\n{}", lines(MIN_LINES)));
    let long = File::read("src/base/long.rs", &format!("//! Long.\n{}", lines(MAX_LINES)));
    let short = File::read("src/base/short.rs", "//! Short.\n");
    let good = File::read("src/base/good.rs", &format!("\n//! Good.\n{}", lines(MIN_LINES)));
    let root = File::read("src/base/mod.rs", "//! Short, as roots are.\n");
    let grown = File::read(SHORT[0].0, &format!("//! Grown.\n{}", lines(MIN_LINES)));
    let remarks = shape(&[bare, long, short, good, root, grown]);
    assert_eq!(remarks.len(), 4, "{remarks:#?}");
    assert!(remarks[0].starts_with("src/base/bare.rs:1: begins without"), "{}", remarks[0]);
    assert!(remarks[1].contains("401 lines"), "{}", remarks[1]);
    assert!(remarks[2].contains("fewer than 25"), "{}", remarks[2]);
    assert!(remarks[3].contains("off the list"), "{}", remarks[3]);
}

/// Every source file and folder that the architecture page and the decisions name exists: a path in
/// backquotes that begins with a folder of `src/`.
#[test]
fn the_map_names_what_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let folders: Vec<String> = source::files("src")
        .iter()
        .filter_map(|file| file.path.split('/').nth(1).map(str::to_owned))
        .filter(|name| !name.ends_with(".rs"))
        .collect();
    let mut pages = vec![root.join("docs/architecture.md")];
    let decisions = std::fs::read_dir(root.join("docs/decisions")).unwrap();
    pages.extend(decisions.map(|entry| entry.unwrap().path()));
    let mut gone = Vec::new();
    for page in pages {
        let text = std::fs::read_to_string(&page).unwrap();
        for path in text.split('`').skip(1).step_by(2) {
            let path = path.split("::").next().unwrap_or_default();
            let (first, rest) = path.split_once('/').unwrap_or((path, ""));
            let named = folders.iter().any(|folder| folder == first) && !rest.is_empty();
            let here = root.join("src").join(path);
            if named && !path.contains('{') && !here.exists() && !here.with_extension("rs").exists()
            {
                gone.push(format!("{}: `{path}` is not in src", page.display()));
            }
        }
    }
    assert!(gone.is_empty(), "\n{}\n", gone.join("\n"));
}

/// The one place that writes the end of a session, with its event and its revocation.
const ENDS_SESSIONS: &str = "src/store/sessions/end.rs";

/// Whether a source has a statement that writes the end of sessions.
fn ends_sessions(text: &str) -> bool {
    let words: Vec<&str> = text.split_whitespace().filter(|word| *word != "\\").collect();
    let updates = words
        .windows(2)
        .enumerate()
        .filter(|(_, pair)| pair[0].ends_with("UPDATE") && pair[1].trim_matches('"') == "sessions");
    updates.into_iter().any(|(at, _)| {
        let set = words[at..].iter().take_while(|word| **word != "WHERE").collect::<Vec<_>>();
        set.windows(2).any(|pair| *pair[0] == "revoked_at" && *pair[1] == "=")
    })
}

#[test]
fn sessions_are_ended_in_one_place() {
    let files = source::files("src");
    let found: Vec<&str> =
        files.iter().filter(|file| ends_sessions(&file.text)).map(|file| &*file.path).collect();
    assert_eq!(found, [ENDS_SESSIONS], "end sessions with `store::sessions::end`");
    for (text, expected) in [
        ("\"UPDATE sessions SET revoked_at = $1\"", true),
        ("\"UPDATE sessions SET user_epoch = $1, \\\n         revoked_at \\\n = $2\"", true),
        ("\"SELECT id FROM sessions WHERE revoked_at IS NULL\"", false),
        ("\"UPDATE api_keys SET revoked_at = $1\"", false),
    ] {
        assert_eq!(ends_sessions(text), expected, "{text}");
    }
}
