//! `docs/verifiers.md`, whose tables are written from the list and the subjects.
//!
//! `SIGNET_WRITE_DOCS=1 cargo test --test suite hostile::document` writes them; without it the test compares.

use std::path::Path;

use super::forge::Forge;
use super::issuer::StandIn;
use super::rows::{ROWS, Row, row};
use super::runner::{ALGS, AUDIENCE};
use super::subjects::{Gap, SUBJECTS, Subject};
use crate::support::require;

const PAGE: &str = "docs/verifiers.md";
/// What is between these lines is written by the test.
const BEGIN: &str = "<!-- The matrix, written by `SIGNET_WRITE_DOCS=1 cargo test --test suite hostile::document`. -->";
const END: &str = "<!-- The end of the matrix. -->";

fn expected(row: &Row) -> String {
    let statuses: Vec<String> = row
        .expect
        .iter()
        .map(|status| if *status == 0 { "closed".to_owned() } else { status.to_string() })
        .collect();
    statuses.join(" or ")
}

/// What a subject does with a row: nothing but a mark where it does what is expected.
fn cell(subject: &Subject, row: &Row) -> String {
    let gaps: Vec<String> = subject
        .gaps
        .iter()
        .filter(|gap| gap.row == row.id)
        .map(|Gap { alg, status, .. }| match alg {
            Some(alg) => format!("**{status}** ({alg})"),
            None => format!("**{status}**"),
        })
        .collect();
    if gaps.is_empty() { "✓".to_owned() } else { gaps.join(", ") }
}

fn tables() -> String {
    let mut text = String::from("| column | made of | test |\n|---|---|---|\n");
    for Subject { name, made_of, test, .. } in SUBJECTS {
        text.push_str(&format!("| {name} | {made_of} | `{test}` |\n"));
    }
    let names: Vec<&str> = SUBJECTS.iter().map(|subject| subject.name).collect();
    text.push_str(&format!(
        "\n| row | what is presented | expected | {} |\n|---|---|---|{}\n",
        names.join(" | "),
        "---|".repeat(names.len())
    ));
    for row in ROWS {
        let cells: Vec<String> = SUBJECTS.iter().map(|subject| cell(subject, row)).collect();
        text.push_str(&format!(
            "| {} | {} | {} | {} |\n",
            row.id,
            row.what,
            expected(row),
            cells.join(" | ")
        ));
    }
    let mut gaps: Vec<String> = Vec::new();
    let reasons = SUBJECTS.iter().flat_map(|subject| subject.gaps.iter().map(|gap| gap.why));
    let mut seen: Vec<&str> = Vec::new();
    for why in reasons {
        if seen.contains(&why) {
            continue;
        }
        seen.push(why);
        let named = SUBJECTS.iter().filter_map(|subject| {
            let rows: Vec<&str> =
                subject.gaps.iter().filter(|gap| gap.why == why).map(|gap| gap.row).collect();
            (!rows.is_empty()).then(|| format!("{} {}", subject.name, rows.join(", ")))
        });
        gaps.push(format!("* {}: {why}\n", named.collect::<Vec<_>>().join("; ")));
    }
    if !gaps.is_empty() {
        text.push_str(&format!("\nKnown gaps:\n\n{}", gaps.concat()));
    }
    text
}

/// The page with the tables as they should be.
fn with_tables(page: &str) -> String {
    let (before, rest) = page.split_once(BEGIN).expect("the line before the tables");
    let (_, after) = rest.split_once(END).expect("the line after the tables");
    format!("{before}{BEGIN}\n\n{}\n{END}{after}", tables())
}

#[test]
fn the_page_has_the_matrix_as_it_is_tested() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(PAGE);
    let page = std::fs::read_to_string(&path).unwrap();
    let current = with_tables(&page);
    if require::variable("SIGNET_WRITE_DOCS").is_some() {
        std::fs::write(&path, current).unwrap();
        return;
    }
    assert!(page == current, "{PAGE} is not current; run: {BEGIN}");
}

/// A column names a test that exists, in the file of its module, and a gap a row that exists.
#[test]
fn columns_name_tests_and_rows_that_exist() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/suite");
    for subject in SUBJECTS {
        let (module, name) = subject.test.rsplit_once("::").unwrap();
        let file = root.join(module.replace("::", "/")).with_extension("rs");
        let text = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(text.contains(&format!("fn {name}(")), "there is no {}", subject.test);
        for gap in subject.gaps {
            assert!(!row(gap.row).expect.contains(&gap.status), "{}: {}", subject.name, gap.row);
            assert!(gap.why.ends_with('.'), "{}: {}: {:?}", subject.name, gap.row, gap.why);
        }
    }
}

/// Every row has a request, and is a line of JSON that a program in another language can read.
#[tokio::test(flavor = "multi_thread")]
async fn every_row_is_a_line_of_json() {
    let issuer = StandIn::start().await;
    for alg in ALGS {
        let forge = Forge::new(&issuer, AUDIENCE, alg).await;
        for row in ROWS {
            let line = serde_json::to_string(&forge.case(row)).unwrap();
            assert!(!line.contains('\n'), "{}", row.id);
            let read: serde_json::Value = serde_json::from_str(&line).unwrap();
            assert_eq!(read["id"], row.id);
            assert_eq!(read["expect"].as_array().unwrap().len(), row.expect.len());
        }
    }
}
