//! Parts of the pages of the web console about users.

use askama::Template;

use crate::domain::base_path::Link;

use super::ConsoleFrame;

/// Check boxes before the rows of a table, and the buttons for the ticked rows.
#[derive(Default)]
pub struct RowSelection {
    /// Where the form is sent.
    pub action: String,
    /// The value of the hidden field `csrf`.
    pub csrf: String,
    /// The heading of the column of check boxes.
    pub heading: &'static str,
    /// The name and the label of each row's check box.
    pub boxes: Vec<(String, String)>,
    /// The label before the buttons.
    pub label: &'static str,
    /// The buttons: the value of the field `action`, and the text.
    pub buttons: Vec<(&'static str, &'static str)>,
}

impl RowSelection {
    /// The check box of a row.
    #[must_use]
    pub fn of_row(&self, row: &usize) -> Option<&(String, String)> {
        self.boxes.get(*row)
    }
}

/// A link that is shown once, to be handed to a user.
#[derive(Template)]
#[template(path = "console/link.html")]
pub struct OneTimeLinkPage<'a> {
    /// The frame.
    pub console: ConsoleFrame<'a>,
    /// The heading.
    pub title: String,
    /// The login name of the user.
    pub login: &'a str,
    /// The link.
    pub link: &'a str,
    /// The purpose and the expiry of the link.
    pub about: String,
    /// The page of the user.
    pub onwards: Link,
}
