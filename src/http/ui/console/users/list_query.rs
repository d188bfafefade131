//! The query of a list of users, from its address.
//!
//! Owns the filters of the list, its paging, and the equivalent command.

use crate::domain::shell_word::{option, quoted};
use crate::domain::user_filter::UserFilter;
use crate::domain::user_words::{MAX_QUERY_WORDS, words_of_query};
use crate::http::extract::Params;
use crate::http::ui::console::query;
use crate::text_enum;

/// The cursors of earlier pages that an address carries, at most.
const MAX_PREVIOUS: usize = 20;
/// The separator of cursors; no cursor contains it.
const SEPARATOR: char = '.';

text_enum! {
    /// A state by which the list can be filtered.
    pub(in crate::http::ui::console) enum ListedState {
        /// Can sign in.
        Active = "active",
        /// Disabled.
        Disabled = "disabled",
        /// Locked out by failed attempts.
        Locked = "locked",
        /// Must choose a new password.
        MustChange = "must-change",
    }
}

impl ListedState {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Active => "console.active",
            Self::Disabled => "console.disabled",
            Self::Locked => "console.locked",
            Self::MustChange => "console.must_change",
        }
    }

    const fn options(self) -> &'static str {
        match self {
            Self::Active => " --disabled=false --locked=false --must-change-password=false",
            Self::Disabled => " --disabled",
            Self::Locked => " --locked",
            Self::MustChange => " --must-change-password",
        }
    }
}

/// Whether the list reads a parameter, and its value is valid.
pub(in crate::http::ui::console) fn knows(name: &str, value: &str) -> bool {
    match name {
        "state" => value.parse::<ListedState>().is_ok(),
        _ => matches!(name, "q" | "role" | "after" | "trail"),
    }
}

/// The query in an address.
#[derive(Default)]
pub(in crate::http::ui::console) struct UserListQuery {
    pub(super) q: String,
    pub(super) state: Option<ListedState>,
    pub(super) role: String,
    pub(super) after: String,
    /// The cursors of the previous pages, oldest first.
    pub(super) previous: Vec<String>,
}

impl UserListQuery {
    pub(super) fn of(params: &Params) -> Self {
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        let cursors = text("trail");
        Self {
            q: text("q"),
            state: params.get("state").and_then(|state| state.parse().ok()),
            role: text("role"),
            after: text("after"),
            previous: match cursors.is_empty() {
                true => Vec::new(),
                false => cursors.split(SEPARATOR).map(str::to_owned).collect(),
            },
        }
    }

    /// A search for words.
    pub(in crate::http::ui::console) fn words(q: &str) -> Self {
        Self { q: q.to_owned(), ..Self::default() }
    }

    pub(super) fn is_filtered(&self) -> bool {
        !self.q.is_empty() || self.state.is_some() || !self.role.is_empty()
    }

    pub(super) fn filter(&self) -> UserFilter {
        let words: Vec<&str> = self.q.split_whitespace().take(MAX_QUERY_WORDS).collect();
        let mut filter = UserFilter {
            words: words_of_query(&words.join(" ")),
            role: (!self.role.is_empty()).then(|| self.role.clone()),
            ..UserFilter::default()
        };
        match self.state {
            None => {}
            Some(ListedState::Active) => {
                filter.disabled = Some(false);
                filter.locked = Some(false);
                filter.must_change_password = Some(false);
            }
            Some(ListedState::Disabled) => filter.disabled = Some(true),
            Some(ListedState::Locked) => filter.locked = Some(true),
            Some(ListedState::MustChange) => filter.must_change_password = Some(true),
        }
        filter
    }

    /// The query of an address with these filters at another page.
    pub(super) fn at(&self, after: &str, previous: &[String]) -> String {
        let state = self.state.map_or("", ListedState::as_str);
        let previous = previous.join(&SEPARATOR.to_string());
        let pairs = [("q", &*self.q), ("state", state), ("role", &self.role)];
        query(&[&pairs[..], &[("after", after), ("trail", &previous)]].concat())
    }

    pub(super) fn command(&self) -> String {
        if !self.is_filtered() {
            return "signet user list".to_owned();
        }
        let state = self.state.map_or("", ListedState::options);
        let role = match self.role.is_empty() {
            true => String::new(),
            false => option("--role", &self.role),
        };
        let words: Vec<_> = self.q.split_whitespace().map(quoted).collect();
        let separator = if words.iter().any(|word| word.starts_with('-')) { " --" } else { "" };
        let words: String = words.iter().map(|word| format!(" {word}")).collect();
        format!("signet user find{state}{role}{separator}{words}")
    }
}

/// The cursors of the pages before the next one. The first page has the empty cursor, which is left out because it
/// has its own link.
pub(super) fn with_current(wanted: &UserListQuery) -> Vec<String> {
    let mut previous = wanted.previous.clone();
    if !wanted.after.is_empty() {
        previous.push(wanted.after.clone());
    }
    let excess = previous.len().saturating_sub(MAX_PREVIOUS);
    previous.split_off(excess)
}

/// The command that finds the users of a search.
pub(in crate::http::ui::console) fn find_command(q: &str) -> String {
    match q.trim().is_empty() {
        true => "signet user find".to_owned(),
        false => UserListQuery::words(q).command(),
    }
}
