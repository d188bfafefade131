//! The pages of the web console.
//!
//! Owns their building blocks: sections of facts, tables, charts, forms and links. A page of the console is a list of
//! these, so that all of them look and work alike.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;

use super::console_users::RowSelection;

/// The frame of every page of the console.
pub struct ConsoleFrame<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The login name of the user.
    pub who: &'a str,
    /// The role of the user.
    pub role: &'a str,
    /// The server's name: the host of the issuer.
    pub environment: String,
    /// The search text.
    pub search: String,
    /// The entries of the menu, in their order.
    pub nav: Vec<NavItem>,
    /// The warning about ignored parameters.
    pub ignored: Option<String>,
    /// The command that is equivalent to this page.
    pub same_as: String,
    /// The id of the request, as in the log and the audit trail.
    pub request_id: &'a str,
}

/// An entry of the menu.
pub struct NavItem {
    /// The target of the link.
    pub href: Link,
    /// The translated label.
    pub label: &'static str,
    /// Whether the page is part of it.
    pub is_current: bool,
}

/// A page of the console.
#[derive(Template)]
#[template(path = "console/page.html")]
pub struct ConsolePage<'a> {
    /// The frame.
    pub console: ConsoleFrame<'a>,
    /// The heading, also the title of the document.
    pub title: String,
    /// The notice about the last action.
    pub notice: Option<&'a str>,
    /// The sections, from top to bottom.
    pub sections: Vec<Section>,
}

/// A part of a page.
#[derive(Default)]
pub struct Section {
    /// The id of its heading.
    pub id: &'static str,
    /// The heading; `None` for a section without one.
    pub heading: Option<String>,
    /// The blocks, from top to bottom.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
pub enum Block {
    /// A paragraph.
    Text(String),
    /// An error message.
    Alert(String),
    /// Names and values.
    Facts(Vec<Fact>),
    /// A table.
    Table(Box<Table>),
    /// Charts, beside each other where there is room.
    Charts(Vec<Chart>),
    /// A form.
    Form(Form),
    /// Links to other pages.
    Links(Vec<Choice>),
}

impl Block {
    /// A block with `table`.
    pub fn table(table: Table) -> Self {
        Self::Table(Box::new(table))
    }
}

/// A name and its value.
pub struct Fact {
    /// The translated name.
    pub name: &'static str,
    /// The value beside it.
    pub value: Cell,
}

/// The value of a fact or a cell of a table.
#[derive(Default, Clone)]
pub struct Cell {
    /// The text, also of the link.
    pub text: String,
    /// The target of the link.
    pub href: Option<Link>,
    /// The id of the named object, or another remark below the text.
    pub note: Option<String>,
    /// Further links below it.
    pub more: Vec<(String, Link)>,
    /// The severity, if it is a state.
    pub state: Option<State>,
    /// Whether it is shown as code.
    pub is_code: bool,
    /// Whether it is highlighted, as an administrator's role is.
    pub is_badge: bool,
}

/// The severity of a state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Neither good nor bad.
    Plain,
    /// Needs attention.
    Alarm,
}

/// A table, or the text that replaces it if it has no rows.
#[derive(Default)]
pub struct Table {
    /// The caption: the kind of rows and their number.
    pub caption: String,
    /// The translated headings of the columns.
    pub columns: Vec<&'static str>,
    /// Further headings: names of objects.
    pub headings: Vec<String>,
    /// The rows, each with as many cells.
    pub rows: Vec<Vec<Cell>>,
    /// The text if there are no rows.
    pub empty: String,
    /// The first page, unless this is the first.
    pub newest: Option<(Link, &'static str)>,
    /// The previous page, unless it is the first.
    pub previous: Option<(Link, &'static str)>,
    /// The next page.
    pub older: Option<(Link, &'static str)>,
    /// Check boxes before the rows, for bulk actions.
    pub selection: Option<RowSelection>,
}

/// A link to another page.
pub struct Choice {
    /// The text of the link.
    pub label: String,
    /// The target of the link.
    pub href: Link,
    /// Whether it looks like a button, because it leads to an action.
    pub is_button: bool,
    /// Whether the action is destructive.
    pub is_danger: bool,
    /// Whether it leads to the current page.
    pub is_current: bool,
}

/// A form for a search or an action.
#[derive(Default)]
pub struct Form {
    /// Whether it changes something.
    pub is_post: bool,
    /// Where it is sent.
    pub action: String,
    /// Fields that are not shown.
    pub hidden: Vec<(&'static str, String)>,
    /// The visible fields, in their order.
    pub fields: Vec<Field>,
    /// The text of its button.
    pub submit: String,
}

/// A field of a form.
#[derive(Default)]
pub struct Field {
    /// The name with which it is sent.
    pub name: &'static str,
    /// The translated label.
    pub label: &'static str,
    /// The hint for the entry.
    pub hint: Option<String>,
    /// The initial value.
    pub value: String,
    /// The choices, values and labels; empty for a text field.
    pub options: Vec<(String, String)>,
    /// Whether it has several lines.
    pub is_long: bool,
    /// The error of the last attempt.
    pub error: Option<String>,
}

/// A chart over time: stacked bars, and the same numbers as a table.
#[derive(Default)]
pub struct Chart {
    /// The id of its heading.
    pub id: &'static str,
    /// The text of the heading.
    pub title: String,
    /// The summary, in a sentence.
    pub summary: String,
    /// The width of the drawing, in its own units.
    pub width: i64,
    /// The height of the drawing, likewise.
    pub height: i64,
    /// The parts of all bars.
    pub bars: Vec<Bar>,
    /// When the first bar begins.
    pub from: String,
    /// When the last bar ends.
    pub until: String,
    /// The numbers of the colours and their meanings, from bottom to top.
    pub legend: Vec<(usize, String)>,
    /// The label that opens the table.
    pub details: &'static str,
    /// The same numbers as a table.
    pub table: Table,
}

/// A bar of a chart, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The number of its colour.
    pub series: usize,
    /// The distance from the left, in the units of the drawing.
    pub x: i64,
    /// The distance from the top, likewise.
    pub y: i64,
    /// The width, in the units of the drawing.
    pub width: i64,
    /// The height, likewise.
    pub height: i64,
}

/// The confirmation before an action.
#[derive(Template)]
#[template(path = "console/confirm.html")]
pub struct ConfirmPage<'a> {
    /// The frame.
    pub console: ConsoleFrame<'a>,
    /// The heading: the action in words.
    pub title: String,
    /// The target of the action.
    pub target: String,
    /// Further names of targets, or of users that are skipped.
    pub whom: Vec<String>,
    /// Facts about the target: names and values.
    pub facts: Vec<Fact>,
    /// The effects, and which of them cannot be undone.
    pub effects: Vec<String>,
    /// Where the form is sent.
    pub action: Link,
    /// Fields that are not shown.
    pub hidden: Vec<(&'static str, String)>,
    /// The value of the hidden field `form`, which identifies a form that is sent twice.
    pub form: String,
    /// The text that has to be typed.
    pub typed: Option<String>,
    /// The check boxes: names and labels.
    pub options: Vec<(&'static str, String)>,
    /// The link to return without the action.
    pub cancel: Link,
    /// The link to sign in again, if that is required first.
    pub sign_in: Option<Link>,
    /// The error of the last attempt.
    pub error: Option<String>,
}

/// A secret that is shown once.
#[derive(Template)]
#[template(path = "console/secret.html")]
pub struct SecretPage<'a> {
    /// The frame.
    pub console: ConsoleFrame<'a>,
    /// The text of the heading.
    pub title: String,
    /// Its owner and other facts: names and values.
    pub facts: &'a [(&'static str, String)],
    /// The name of the secret, such as `client_secret`.
    pub name: &'static str,
    /// The secret in the clear.
    pub secret: &'a str,
    /// The next page.
    pub onwards: Link,
}

impl State {
    /// The class of its badge.
    #[must_use]
    pub const fn class(self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Plain => "open",
            Self::Alarm => "alarm",
        }
    }

    /// The sign before its text.
    #[must_use]
    pub const fn sign(self) -> &'static str {
        match self {
            Self::Good => "✓",
            Self::Plain => "–",
            Self::Alarm => "!",
        }
    }
}

impl Cell {
    /// A cell with a text only.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A text shown as code.
    #[must_use]
    pub fn code(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_code: true, ..Self::default() }
    }

    /// A cell with a state and its text.
    #[must_use]
    pub fn state(state: State, text: impl Into<String>) -> Self {
        Self { text: text.into(), state: Some(state), ..Self::default() }
    }

    /// A cell with a link.
    #[must_use]
    pub fn link(text: impl Into<String>, href: Link) -> Self {
        Self { text: text.into(), href: Some(href), ..Self::default() }
    }

    /// The same with a remark below it.
    #[must_use]
    pub fn noting(self, note: impl Into<String>) -> Self {
        Self { note: Some(note.into()), ..self }
    }
}

impl Choice {
    /// A plain link to another page.
    #[must_use]
    pub fn link(label: impl Into<String>, href: Link) -> Self {
        let label = label.into();
        Self { label, href, is_button: false, is_danger: false, is_current: false }
    }

    /// A link to an action.
    #[must_use]
    pub fn action(label: impl Into<String>, href: Link) -> Self {
        Self { is_button: true, ..Self::link(label, href) }
    }

    /// A link to a destructive action.
    #[must_use]
    pub fn danger(label: impl Into<String>, href: Link) -> Self {
        Self { is_danger: true, ..Self::action(label, href) }
    }
}
