//! Which code may begin a transaction directly; all other code uses one of the two forms of `app/transaction.rs`.
//!
//! Owns the list and its reasons. The documentation of that file names the same places.

use proc_macro2::{TokenStream, TokenTree};

use super::source::File;

/// The two forms themselves.
const FORMS: &str = "src/app/transaction.rs";

/// Places that use a plain `Tx`, folders with a slash, and the reason.
const BEGINS: &[(&str, &str)] = &[
    (FORMS, "the two forms begin their transactions here"),
    (
        "src/store/",
        "migrations and the batched refresh begin within the time their callers have left",
    ),
    ("src/app/startup/", "runs before there is an `App`"),
    ("src/app/keys/", "the first keys are made before there is an `App`; the others are loaded"),
    ("src/app/refusal_log.rs", "refused attempts counted in memory, written to the audit trail"),
    ("src/app/activity.rs", "counts gathered in memory, audited nowhere"),
    ("src/app/client_findings.rs", "counts gathered in memory, audited nowhere"),
    ("src/app/clock_guard.rs", "one statement that serves no request and audits nothing"),
    ("src/app/write_probe.rs", "one row that asks whether there is room, and audits nothing"),
    (
        "src/oauth/grant.rs",
        "a grant begins when it first needs to, the pipeline ends for every grant",
    ),
    ("src/oauth/replay.rs", "must not run again: the second run would find the mark of the first"),
    ("src/identity/lockout.rs", "a counted attempt commits, a refused one costs no disk"),
    ("src/admin/verifiers.rs", "counts gathered in memory, written in batches, audited nowhere"),
    ("src/jobs/", "serves no request; what fails is done by the next run"),
];

/// The remarks about transactions that are begun elsewhere.
pub fn remarks(files: &[File]) -> Vec<String> {
    let mut remarks = Vec::new();
    for file in files {
        if BEGINS.iter().any(|(place, _)| file.path.starts_with(place)) {
            continue;
        }
        for (line, method) in begins(&file.tokens) {
            remarks.push(format!(
                "{}:{line}: calls `{method}`. A transaction begun by hand has no audit context, \
                 does not run again after a conflict, and decides by itself what a refusal does. \
                 Use `app.transaction` or `app.transaction_or_nothing`, or list the file in BEGINS \
                 and in {FORMS} with a reason.",
                file.path
            ));
        }
    }
    remarks
}

/// Entries of the list without a use, or missing in the documentation of the two forms.
pub fn stale(files: &[File]) -> Vec<String> {
    let forms = files.iter().find(|file| file.path == FORMS);
    let documented: String = forms
        .map(|file| file.text.lines().filter(|line| line.starts_with("//!")).collect())
        .unwrap_or_default();
    let mut remarks = Vec::new();
    for (place, _) in BEGINS {
        let mut own = files.iter().filter(|file| file.path.starts_with(place));
        if !own.any(|file| !begins(&file.tokens).is_empty()) {
            remarks.push(format!("{place} is listed in BEGINS and begins nothing. Take it off."));
        }
        let name = place.trim_start_matches("src/").trim_end_matches('/');
        if *place != FORMS && !documented.contains(&format!("`{name}`")) {
            remarks.push(format!("{FORMS}: its documentation does not name `{name}`."));
        }
    }
    remarks
}

/// The calls of methods that begin a transaction, with their names.
fn begins(tokens: &TokenStream) -> Vec<(usize, String)> {
    let tokens: Vec<TokenTree> = tokens.clone().into_iter().collect();
    let mut found = Vec::new();
    for (at, token) in tokens.iter().enumerate() {
        match token {
            TokenTree::Group(group) => found.extend(begins(&group.stream())),
            TokenTree::Ident(name) if matches!(tokens.get(at + 1), Some(TokenTree::Group(_))) => {
                let name_text = name.to_string();
                let begins = ["begin", "begin_with", "begin_within", "begin_until"];
                let dot =
                    |token: &TokenTree| matches!(token, TokenTree::Punct(p) if p.as_char() == '.');
                if begins.contains(&name_text.as_str()) && at > 0 && dot(&tokens[at - 1]) {
                    found.push((name.span().start().line, name_text));
                }
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::{BEGINS, File, remarks, stale};

    fn judge(path: &str, text: &str) -> Vec<String> {
        remarks(&[File::read(path, text)])
    }

    #[test]
    fn a_transaction_begun_by_hand_is_named() {
        for text in [
            "\nfn f() { let mut tx = app.db.begin().await?; }",
            "\nfn f() { app.run(async move { own.db.begin_within(patience).await? }) }",
            "\nfn f() { m!(db.begin_until(deadline)) }",
        ] {
            let said = judge("src/identity/login.rs", text);
            assert_eq!(said.len(), 1, "{text}");
            assert!(said[0].starts_with("src/identity/login.rs:2: calls `begin"), "{}", said[0]);
        }
    }

    #[test]
    fn the_two_forms_and_other_beginnings_are_fine() {
        for (path, text) in [
            ("src/identity/login.rs", "fn f() { app.transaction(&info, async |tx| {}) }"),
            ("src/admin/apis.rs", "fn f() { key_rotation::begin(tx, None) }"),
            (
                "src/oauth/device.rs",
                "fn begin(db: Db) {} /* db.begin() */ const B: &str = \"db.begin()\";",
            ),
            ("src/store/refresh_batch/worker.rs", "fn f() { self.db.begin_within(patience) }"),
            ("src/jobs/housekeeping.rs", "fn f() { app.db.begin() }"),
        ] {
            assert_eq!(judge(path, text), [""; 0], "{path}");
        }
    }

    #[test]
    fn an_entry_of_no_use_is_named() {
        let said =
            stale(&[File::read("src/app/transaction.rs", "//! `store`\nfn f() { db.begin() }")]);
        let unused = said.iter().filter(|said| said.contains("begins nothing")).count();
        let unnamed = said.iter().filter(|said| said.contains("does not name")).count();
        assert_eq!((unused, unnamed), (BEGINS.len() - 1, BEGINS.len() - 2), "{said:#?}");
    }
}
