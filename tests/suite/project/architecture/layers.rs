//! The allowed dependencies between folders.
//!
//! Owns the layers and the dependencies that are forbidden inside a layer. Every remark names the file, the
//! line, the dependency and the reason.

use std::collections::{BTreeMap, BTreeSet};

use super::source::{File, Meaning};

/// Every folder or file of `src/`, its layer, and the consequence if it depends on something above.
const LAYERS: &[(&str, u8, &str)] = &[
    ("base", 0, "the words are used everywhere, so they may depend on nothing"),
    ("domain", 1, "a decision that knows more than words cannot be tested as a function"),
    ("store", 2, "storage enforces what was decided and must not decide or serve"),
    ("crypto", 2, "mechanisms know keys and bytes, not who asks for them"),
    ("config", 2, "settings are read before anything that could use them exists"),
    ("metrics", 2, "counters have names and no opinions"),
    ("spans", 3, "a mechanism that sends what it is given must not know what the application is"),
    ("http_client", 2, "a mechanism that posts what it is given must not know what it says"),
    ("mail", 2, "a mechanism that delivers what it is given must not know whom it writes to"),
    ("i18n", 2, "pages and mail share the texts, so they may depend on neither"),
    ("app", 3, "what every use case shares must not know any of them"),
    ("tokens", 4, "issuing and validating are shared by every protocol, so they depend on none"),
    ("oauth", 5, "a use case does not know through which door it was called"),
    ("identity", 5, "a use case does not know through which door it was called"),
    ("admin", 5, "a use case does not know through which door it was called"),
    ("jobs", 5, "a job runs without any request or server"),
    ("view", 6, "the JSON of a resource is the same for the HTTP API and the command line"),
    ("http", 7, "a handler must not know who listens"),
    ("server", 8, "the server is started by a command and knows none"),
    ("telemetry", 8, "logging is set up by whoever starts the process"),
    ("cli", 9, "commands are called by main alone"),
];

/// Dependencies between folders of one layer that would close a cycle with the intended ones.
const BESIDE: &[(&str, &str, &str)] = &[
    ("store", "crypto", "storage holds sealed bytes and never opens them"),
    ("crypto", "store", "a mechanism that reads rows decides where keys come from"),
    (
        "identity",
        "oauth",
        "the protocol builds on accounts and sign-in: the arrow runs oauth -> identity",
    ),
    ("oauth", "admin", "administration builds on the protocol, not the other way round"),
    ("identity", "admin", "administration builds on identity: the arrow runs admin -> identity"),
];

/// The layer of `main`: above all others.
const MAIN: u8 = 10;

fn layer(name: &str) -> Option<&'static (&'static str, u8, &'static str)> {
    LAYERS.iter().find(|(layer, _, _)| *layer == name)
}

/// The remarks about the dependencies between `files`.
pub fn remarks(files: &[File]) -> Vec<String> {
    let mut macros: BTreeMap<String, String> = BTreeMap::new();
    for file in files {
        if let Some(home) = file.module().first() {
            macros.extend(file.exported_macros().into_iter().map(|name| (name, home.clone())));
        }
    }
    let mut remarks = Vec::new();
    let mut beside: BTreeMap<(String, String), String> = BTreeMap::new();
    for file in files {
        // The root of the library declares the layers and uses none.
        if file.path == "src/lib.rs" {
            continue;
        }
        let module = file.module();
        let (from, height) = match module.first() {
            None => ("main", MAIN),
            Some(name) => match layer(name) {
                Some((name, height, _)) => (*name, *height),
                None => {
                    remarks.push(format!(
                        "{}:1: `{name}` stands in no layer. Give it a height in LAYERS, and a \
                         reason.",
                        file.path
                    ));
                    continue;
                }
            },
        };
        for mention in file.mentions() {
            let Meaning::Own(path) = file.resolve(&mention) else { continue };
            let Some(first) = path.first() else { continue };
            let to = macros.get(first).unwrap_or(first).as_str();
            if to == from {
                continue;
            }
            let (place, written) =
                (format!("{}:{}", file.path, mention.line), mention.segments.join("::"));
            let Some((to, above, _)) = layer(to) else {
                remarks.push(format!(
                    "{place}: `{written}` leads to `{to}`, which stands in no layer. Name the \
                     module it comes from, or give `{to}` a height in LAYERS."
                ));
                continue;
            };
            if *above > height {
                let (_, _, reason) = layer(from).unwrap_or(&("main", MAIN, "it is the top"));
                remarks.push(format!(
                    "{place}: `{written}` is an arrow from {from} up to {to}. Arrows only point \
                     down: {reason}. Move the word down, or pass the value in from above."
                ));
            } else if *above == height {
                let wrong = BESIDE.iter().find(|(a, b, _)| *a == from && b == to);
                if let Some((_, _, why)) = wrong {
                    remarks.push(format!(
                        "{place}: `{written}` is an arrow from {from} across to {to}: {why}. Let \
                         the layer above bring the two together."
                    ));
                } else {
                    beside.entry((from.to_owned(), (*to).to_owned())).or_insert(place);
                }
            }
        }
    }
    remarks.extend(circles(&beside));
    remarks
}

/// Cycles of folders of one layer.
fn circles(arrows: &BTreeMap<(String, String), String>) -> Vec<String> {
    let mut remarks = Vec::new();
    for ((from, to), place) in arrows {
        let mut reached = BTreeSet::from([to.clone()]);
        loop {
            let next: BTreeSet<String> = arrows
                .keys()
                .filter(|(a, b)| reached.contains(a) && !reached.contains(b))
                .map(|(_, b)| b.clone())
                .collect();
            if next.is_empty() {
                break;
            }
            reached.extend(next);
        }
        if reached.contains(from) {
            remarks.push(format!(
                "{place}: the arrow from {from} across to {to} closes a circle, so neither can be \
                 read, tested or replaced without the other. Move what both need one layer down."
            ));
        }
    }
    remarks
}

#[cfg(test)]
mod tests {
    use super::{File, remarks};

    fn judge(path: &str, text: &str) -> Vec<String> {
        remarks(&[
            File::read("src/store/db.rs", "#[macro_export] macro_rules! execute { () => {} }"),
            File::read(path, text),
        ])
    }

    #[test]
    fn arrows_down_are_fine() {
        for (path, text) in [
            ("src/base/id.rs", "use super::Timestamp; use std::fmt;"),
            ("src/domain/user.rs", "use crate::base::{Id, id::UserId}; use super::login::Login;"),
            (
                "src/store/users.rs",
                "use crate::{execute, domain::user::User}; use super::{Tx, db};",
            ),
            (
                "src/app/mod.rs",
                "fn f() { crate::store::meta::get(); crate::crypto::seal::open(); }",
            ),
            ("src/identity/login.rs", "use crate::tokens::issue; use crate::app::App;"),
            ("src/admin/users.rs", "use crate::identity::register;"),
            ("src/jobs/mod.rs", "use crate::{app::App, store::housekeeping};"),
            ("src/http/api/me.rs", "use super::super::context; use crate::admin::users;"),
            ("src/server/mod.rs", "use crate::{http, jobs};"),
            ("src/main.rs", "fn main() { signet::cli::run() }"),
            ("src/domain/user.rs", "mod tests { use super::super::login; use super::*; }"),
        ] {
            assert_eq!(judge(path, text), [""; 0], "{path}");
        }
    }

    #[test]
    fn arrows_up_and_across_are_named() {
        for (path, text, arrow) in [
            (
                "src/base/id.rs",
                "\nuse crate::domain::user;",
                ":2: `crate::domain::user` is an arrow from base up to domain",
            ),
            (
                "src/domain/user.rs",
                "use crate::{base, store::{db::Db, Tx}};",
                "from domain up to store",
            ),
            ("src/domain/user.rs", "fn f() { crate::execute!(x) }", "from domain up to store"),
            ("src/domain/user.rs", "use super::super::app::App;", "from domain up to app"),
            (
                "src/store/users.rs",
                "type T = crate::crypto::seal::S;",
                "from store across to crypto",
            ),
            ("src/crypto/jwt.rs", "use super::super::store;", "from crypto across to store"),
            ("src/identity/login.rs", "use crate::oauth::par;", "from identity across to oauth"),
            ("src/identity/login.rs", "use crate::admin::users;", "from identity across to admin"),
            ("src/identity/login.rs", "use crate::http::error;", "from identity up to http"),
            (
                "src/http/edge.rs",
                "mod tests { fn f() { crate::server::run() } }",
                "from http up to server",
            ),
            ("src/server/mod.rs", "use crate::cli;", "from server up to cli"),
            (
                "src/config/mod.rs",
                "macro_rules! m { () => { $crate::app::App } }",
                "from config up to app",
            ),
        ] {
            let said = judge(path, text);
            assert!(said.iter().any(|said| said.contains(arrow)), "{path}: {said:#?}");
            assert!(said.iter().all(|said| said.starts_with(path)), "{path}: {said:#?}");
        }
    }

    #[test]
    fn cycles_and_unknown_modules_are_named() {
        let circle = remarks(&[
            File::read("src/jobs.rs", "use crate::oauth::par;"),
            File::read("src/oauth/par.rs", "use crate::identity::login;"),
            File::read("src/identity/login.rs", "use crate::jobs;"),
        ]);
        assert_eq!(circle.len(), 3, "{circle:#?}");
        assert!(circle[0].contains("closes a circle"), "{circle:#?}");

        assert!(judge("src/util/x.rs", "")[0].contains("`util` stands in no layer"));
        assert!(judge("src/app/x.rs", "use crate::App;")[0].contains("leads to `App`"));
    }
}
