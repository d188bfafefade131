//! The pages of the web console.
//!
//! Owns what they are built from: sections of facts, tables, charts, forms and links. A page of the console is a list
//! of these, so that all of them look and work alike.

use askama::Template;

use crate::domain::base_path::Link;
use crate::http::ui::Frame;

use super::console_users::RowSelection;

/// What is around every page of the console.
pub struct ConsoleFrame<'a> {
    /// Language and brand.
    pub frame: Frame<'a>,
    /// The value of the hidden field `csrf`.
    pub csrf: &'a str,
    /// The login name of the user.
    pub who: &'a str,
    /// The role of the user.
    pub role: &'a str,
    /// Which server this is: the host of the issuer.
    pub environment: String,
    /// What was searched for.
    pub search: String,
    /// The menu.
    pub nav: Vec<NavItem>,
    /// What the address asks for that the page does not know.
    pub ignored: Option<String>,
    /// The command that does the same as this page.
    pub same_as: String,
    /// The id of the request, as in the log and the audit trail.
    pub request_id: &'a str,
}

/// An entry of the menu.
pub struct NavItem {
    /// Where it leads.
    pub href: Link,
    /// What it is called.
    pub label: &'static str,
    /// Whether the page is part of it.
    pub is_current: bool,
}

/// A page of the console.
#[derive(Template)]
#[template(path = "console/page.html")]
pub struct ConsolePage<'a> {
    /// What is around it.
    pub console: ConsoleFrame<'a>,
    /// The heading.
    pub title: String,
    /// What has just been done.
    pub notice: Option<&'a str>,
    /// What it shows.
    pub sections: Vec<Section>,
}

/// A part of a page.
#[derive(Default)]
pub struct Section {
    /// The id of its heading.
    pub id: &'static str,
    /// Its heading.
    pub heading: Option<String>,
    /// What it shows.
    pub blocks: Vec<Block>,
}

/// A piece of a section.
pub enum Block {
    /// A paragraph.
    Text(String),
    /// What is wrong.
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
    /// A table.
    pub fn table(table: Table) -> Self {
        Self::Table(Box::new(table))
    }
}

/// A name and its value.
pub struct Fact {
    /// The name.
    pub name: &'static str,
    /// The value.
    pub value: Cell,
}

/// A value.
#[derive(Default, Clone)]
pub struct Cell {
    /// What it says.
    pub text: String,
    /// Where it leads.
    pub href: Option<Link>,
    /// The id of what it names, or another remark below it.
    pub note: Option<String>,
    /// Further links below it.
    pub more: Vec<(String, Link)>,
    /// What kind of state it is.
    pub state: Option<State>,
    /// Whether it is written as in a program.
    pub is_code: bool,
    /// Whether it stands out: a role that administers.
    pub is_badge: bool,
}

/// How a state is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Good,
    /// Neither good nor bad.
    Plain,
    /// To be looked at.
    Alarm,
}

/// A table, or what is said in its place where it has no rows.
#[derive(Default)]
pub struct Table {
    /// What it lists, and how many.
    pub caption: String,
    /// The headings.
    pub columns: Vec<&'static str>,
    /// Further headings: names of objects.
    pub headings: Vec<String>,
    /// The rows, each with as many cells.
    pub rows: Vec<Vec<Cell>>,
    /// What is said where there are none.
    pub empty: String,
    /// The first page, where this is another one.
    pub newest: Option<(Link, &'static str)>,
    /// The page before, where it is not the first.
    pub previous: Option<(Link, &'static str)>,
    /// The next page.
    pub older: Option<(Link, &'static str)>,
    /// Boxes before the rows, to do something to several at once.
    pub selection: Option<RowSelection>,
}

/// A link to another page.
pub struct Choice {
    /// What it is called.
    pub label: String,
    /// Where it leads.
    pub href: Link,
    /// Whether it looks like a button: it leads to an action.
    pub is_button: bool,
    /// Whether the action takes something away.
    pub is_danger: bool,
    /// Whether it is what the page shows.
    pub is_current: bool,
}

/// A form.
#[derive(Default)]
pub struct Form {
    /// Whether it changes something.
    pub is_post: bool,
    /// Where it is sent.
    pub action: String,
    /// Fields that are not shown.
    pub hidden: Vec<(&'static str, String)>,
    /// The fields.
    pub fields: Vec<Field>,
    /// The text of its button.
    pub submit: String,
}

/// A field of a form.
#[derive(Default)]
pub struct Field {
    /// Its name.
    pub name: &'static str,
    /// What it is called.
    pub label: &'static str,
    /// What to enter.
    pub hint: Option<String>,
    /// What it holds.
    pub value: String,
    /// What there is to choose from, values and labels; none where it is typed.
    pub options: Vec<(String, String)>,
    /// Whether it has several lines.
    pub is_long: bool,
    /// What is wrong with it.
    pub error: Option<String>,
}

/// A chart of what happened over time: stacked bars, and the same numbers as a table.
#[derive(Default)]
pub struct Chart {
    /// The id of its heading.
    pub id: &'static str,
    /// Its heading.
    pub title: String,
    /// What it shows, in a sentence.
    pub summary: String,
    /// The width of the drawing, in its own units.
    pub width: i64,
    /// The height of the drawing, likewise.
    pub height: i64,
    /// The bars.
    pub bars: Vec<Bar>,
    /// When the first bar begins.
    pub from: String,
    /// When the last bar ends.
    pub until: String,
    /// The numbers of the colours and what they stand for, from the bottom to the top.
    pub legend: Vec<(usize, String)>,
    /// What opens the table.
    pub details: &'static str,
    /// The numbers.
    pub table: Table,
}

/// A bar of a chart, or a part of one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// The number of its colour.
    pub series: usize,
    /// From the left.
    pub x: i64,
    /// From the top.
    pub y: i64,
    /// Its width.
    pub width: i64,
    /// Its height.
    pub height: i64,
}

/// The question before an action.
#[derive(Template)]
#[template(path = "console/confirm.html")]
pub struct ConfirmPage<'a> {
    /// What is around it.
    pub console: ConsoleFrame<'a>,
    /// The action.
    pub title: String,
    /// What it is done to.
    pub target: String,
    /// Further names of what it is done to, or of what it is not done to.
    pub whom: Vec<String>,
    /// What is known about it: names and values.
    pub facts: Vec<Fact>,
    /// What will happen, and what cannot be undone.
    pub effects: Vec<String>,
    /// Where the form is sent.
    pub action: Link,
    /// Fields that are not shown.
    pub hidden: Vec<(&'static str, String)>,
    /// The value of the hidden field `form`, by which a form that is sent twice is told.
    pub form: String,
    /// What has to be typed.
    pub typed: Option<String>,
    /// What can be chosen: names and labels.
    pub options: Vec<(&'static str, String)>,
    /// Where the action is not done.
    pub cancel: Link,
    /// Where to sign in again, if that has to be done first.
    pub sign_in: Option<Link>,
    /// What was wrong.
    pub error: Option<String>,
}

/// A secret that is shown once.
#[derive(Template)]
#[template(path = "console/secret.html")]
pub struct SecretPage<'a> {
    /// What is around it.
    pub console: ConsoleFrame<'a>,
    /// The heading.
    pub title: String,
    /// What it belongs to: names and values.
    pub facts: &'a [(&'static str, String)],
    /// What it is called.
    pub name: &'static str,
    /// The secret.
    pub secret: &'a str,
    /// The page to go on with.
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
    /// A text.
    #[must_use]
    pub fn text(text: impl Into<String>) -> Self {
        Self { text: text.into(), ..Self::default() }
    }

    /// A text as in a program.
    #[must_use]
    pub fn code(text: impl Into<String>) -> Self {
        Self { text: text.into(), is_code: true, ..Self::default() }
    }

    /// A state.
    #[must_use]
    pub fn state(state: State, text: impl Into<String>) -> Self {
        Self { text: text.into(), state: Some(state), ..Self::default() }
    }

    /// A link.
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
    /// A link.
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

    /// A link to an action that takes something away.
    #[must_use]
    pub fn danger(label: impl Into<String>, href: Link) -> Self {
        Self { is_danger: true, ..Self::action(label, href) }
    }
}
