//! Query parameters that a page of the console does not know.
//!
//! Owns which ones it knows. An address with another one, or with a value that is not among those of a list, would show
//! more than was asked for; the page says so.

use super::Console;

/// What a parameter can be.
enum Values {
    /// A text, which the page reads.
    Any,
    /// One of these.
    OneOf(&'static [&'static str]),
}

use Values::{Any, OneOf};

/// The parameters of the pages by their path. A segment `*` is any. All pages know `done`, which says what was done.
const KNOWN: &[(&str, &[(&str, Values)])] = &[
    ("/admin", &[("range", OneOf(&["6h", "24h", "30d"]))]),
    ("/admin/search", &[("q", Any)]),
    (
        "/admin/users",
        &[
            ("q", Any),
            ("state", OneOf(&["active", "disabled", "locked", "must-change"])),
            ("role", Any),
            ("after", Any),
            ("trail", Any),
        ],
    ),
    ("/admin/users/selected", &[("action", Any), ("users", Any)]),
    ("/admin/users/*/token", &[("audience", Any), ("scope", Any)]),
    ("/admin/why", &[("login", Any)]),
    ("/admin/sessions", &[("user", Any), ("client", Any), ("since", Any), ("after", Any)]),
    ("/admin/clients", &[("after", Any)]),
    ("/admin/clients/new", &[("type", Any)]),
    ("/admin/apis", &[("after", Any)]),
    (
        "/admin/audit",
        &[
            ("user", Any),
            ("kind", Any),
            ("reason", Any),
            ("since", Any),
            ("until", Any),
            ("address", Any),
            ("client", Any),
            ("actor", Any),
            ("session", Any),
            ("request", Any),
            ("after", Any),
        ],
    ),
];

/// The most names that are said.
const MAX_NAMED: usize = 5;
/// The most characters of a name that are said.
const MAX_LENGTH: usize = 40;

impl Console {
    /// What the address of this page asks for in vain.
    pub(super) fn ignored(&self) -> Option<String> {
        let context = self.context();
        let known = KNOWN.iter().find(|(pattern, _)| is_like(context.path(), pattern));
        let known = known.map_or(&[][..], |(_, parameters)| parameters);
        let unknown: Vec<String> = url::form_urlencoded::parse(context.query().as_bytes())
            .filter(|(name, value)| !value.is_empty() && !is_known(known, name, value))
            .take(MAX_NAMED)
            .map(|(name, value)| format!("{name}={value}").chars().take(MAX_LENGTH).collect())
            .collect();
        let names = unknown.join(", ");
        (!unknown.is_empty()).then(|| self.locale().with("console.ignored", &[("names", &names)]))
    }
}

fn is_known(known: &[(&str, Values)], name: &str, value: &str) -> bool {
    name == "done"
        || known.iter().any(|(known, values)| {
            *known == name
                && match values {
                    Any => true,
                    OneOf(words) => words.contains(&value),
                }
        })
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
