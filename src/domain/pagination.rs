//! Pagination of long lists.
//!
//! The cursor is the id of the last row, so that every page costs the same, and concurrent inserts and deletes
//! neither repeat nor skip rows.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use uuid::Uuid;

/// The most rows in a page.
pub const MAX_LIMIT: i64 = 200;
/// The default number of rows per page.
pub const DEFAULT_LIMIT: i64 = 50;

/// The requested part of a list.
#[derive(Debug, Clone, Copy)]
pub struct PageRequest {
    /// Rows after this one; `None` is the beginning.
    pub after: Option<Uuid>,
    /// The number of rows, 1 to [`MAX_LIMIT`].
    pub limit: i64,
}

/// A page of a list, and the cursor of the next one.
#[derive(Debug, Clone)]
pub struct Page<T> {
    /// The rows.
    pub data: Vec<T>,
    /// The cursor of the next page; `None` at the end.
    pub next: Option<String>,
}

impl Default for PageRequest {
    fn default() -> Self {
        Self { after: None, limit: DEFAULT_LIMIT }
    }
}

impl PageRequest {
    /// The cursor of the rows after this one.
    #[must_use]
    pub fn cursor_of(row: Uuid) -> String {
        URL_SAFE_NO_PAD.encode(row)
    }

    /// Parses a cursor from [`Page::cut`]. `None` if it is invalid.
    #[must_use]
    pub fn cursor(text: &str) -> Option<Uuid> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        Uuid::from_slice(&bytes).ok()
    }
}

impl<T> Page<T> {
    /// Makes a page of `rows`, which were read with `limit` plus one.
    pub fn cut(mut rows: Vec<T>, limit: i64, id: impl Fn(&T) -> Uuid) -> Self {
        let limit = usize::try_from(limit).unwrap_or(1);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(|row| PageRequest::cursor_of(id(row))) } else { None };
        Self { data: rows, next }
    }

    /// Makes a page of at most `limit` of `rows`, newest first, if rows older than `until` were not examined; `None`
    /// if all were.
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

    /// The row after which the next page begins; `None` at the end.
    #[must_use]
    pub fn position(&self) -> Option<Uuid> {
        self.next.as_deref().and_then(PageRequest::cursor)
    }
}
