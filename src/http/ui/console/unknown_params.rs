//! Query parameters that a page of the console does not know.
//!
//! Owns the known parameters of each page. An unknown parameter or an unknown value would not narrow the list, so the
//! page warns that it was ignored.

use crate::admin::activity::Range;

use super::{Console, audit, sessions, users};

/// Whether a page reads a parameter, and its value is valid.
type Knows = fn(&str, &str) -> bool;

/// The pages with parameters, by path; a segment `*` matches any. The filters of a list are defined where they are
/// read. All pages have `done`, which selects the notice.
const PAGES: &[(&str, Knows)] = &[
    ("/admin", |name, value| name == "range" && value.parse::<Range>().is_ok()),
    ("/admin/search", |name, _| name == "q"),
    ("/admin/users", users::knows),
    ("/admin/users/selected", |name, _| matches!(name, "action" | "users")),
    ("/admin/users/*/token", |name, _| matches!(name, "audience" | "scope")),
    ("/admin/why", |name, _| name == "login"),
    ("/admin/sessions", sessions::knows),
    ("/admin/clients", |name, _| name == "after"),
    ("/admin/clients/new", |name, _| name == "type"),
    ("/admin/apis", |name, _| name == "after"),
    ("/admin/audit", audit::knows),
];

/// The maximum number of names that are shown.
const MAX_NAMED: usize = 5;
/// The maximum number of characters of a name that are shown.
const MAX_LENGTH: usize = 40;

impl Console {
    /// The parameters of this page's address that it does not read, in a sentence.
    pub(super) fn unknown_params(&self) -> Option<String> {
        let context = self.context();
        let page = PAGES.iter().find(|(pattern, _)| is_like(context.path(), pattern));
        let is_known = |name: &str, value: &str| {
            name == "done" || page.is_some_and(|(_, knows)| knows(name, value))
        };
        let unknown: Vec<String> = url::form_urlencoded::parse(context.query().as_bytes())
            .filter(|(name, value)| !value.is_empty() && !is_known(name, value))
            .take(MAX_NAMED)
            .map(|(name, value)| format!("{name}={value}").chars().take(MAX_LENGTH).collect())
            .collect();
        let names = unknown.join(", ");
        (!unknown.is_empty()).then(|| self.locale().with("console.ignored", &[("names", &names)]))
    }
}

/// Whether a path has the segments of a pattern.
fn is_like(path: &str, pattern: &str) -> bool {
    let mut segments = path.split('/');
    let mut wanted = pattern.split('/');
    loop {
        match (segments.next(), wanted.next()) {
            (None, None) => return true,
            (Some(_), Some("*")) => {}
            (Some(segment), Some(pattern)) if segment == pattern => {}
            _ => return false,
        }
    }
}
