//! Query parameters that a page of the console does not know.
//!
//! Owns which ones it knows. An address with another one, or with a value that is not among those of a list, would show
//! more than was asked for; the page says so.

use crate::admin::activity::Range;

use super::{Console, audit, sessions, users};

/// Whether a page reads a parameter, and understands its value.
type Knows = fn(&str, &str) -> bool;

/// The pages that read parameters, by their path, of which a segment `*` is any. The filters of a list are known where they
/// are read. All pages know `done`, which says what was done.
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

/// The most names that are said.
const MAX_NAMED: usize = 5;
/// The most characters of a name that are said.
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
