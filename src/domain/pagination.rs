//! Pages of long lists.
//!
//! Owns the cursor: the id of the last row seen, so that a page costs the same wherever it is and
//! rows that come or go in between neither repeat nor vanish.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The most rows in a page.
pub const MAX_LIMIT: i64 = 200;
/// The rows in a page unless the caller says otherwise.
pub const DEFAULT_LIMIT: i64 = 50;

/// Which part of a list is wanted.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// Rows after this one; none is the beginning.
    pub after: Option<Uuid>,
    /// How many, 1 to [`MAX_LIMIT`].
    pub limit: i64,
}

/// Part of a list, and where the next part begins.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// The cursor of the next page; none at the end.
    pub next: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { after: None, limit: DEFAULT_LIMIT }
    }
}

impl PageRequest {
    /// The cursor of what comes after this row.
    #[must_use]
    pub fn cursor_of(row: Uuid) -> String {
        URL_SAFE_NO_PAD.encode(row)
    }

    /// Reads a cursor made by [`Page::cut`]. None when it is not one.
    #[must_use]
    pub fn cursor(text: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Uuid::from_slice(&bytes).ok()
    }
}

impl<T> Page<T> {
    /// Makes a page of `rows`, of which one more than `limit` were asked for.
    pub fn cut(mut rows: Vec<T>, limit: i64, id: impl Fn(&T) -> Uuid) -> Self {
        let limit = usize::try_from(limit).unwrap_or(1);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| PageRequest::cursor_of(id(row))) } else { None };
        Self { data: rows, next }
    }

    /// Makes a page of `rows`, which are newest first, where nothing older than `until` was looked at: all were looked at if
    /// there is none. Of more than `limit` the first ones are the page.
    pub fn cut_at(
        mut rows: Vec<T>,
        limit: i64,
        until: Option<Uuid>,
        id: impl Fn(&T) -> Uuid,
    ) -> Self {
        rows.retain(|row| until.is_none_or(|until| id(row) >= until));
        let page = Self::cut(rows, limit, id);
        Self { next: page.next.or_else(|| until.map(PageRequest::cursor_of)), ..page }
    }

    /// The row from which on the next page begins; none at the end.
    #[must_use]
    pub fn position(&self) -> Option<Uuid> {
        self.next.as_deref().and_then(PageRequest::cursor)
    }
}
