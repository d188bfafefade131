//! Long lists: all of them by default, page by page.
//!
//! Owns `--limit` and `--after`. A page is written before the next is read, so that memory does not
//! grow with the list.

use clap::Args;
use uuid::Uuid;

use crate::domain::pagination::{MAX_LIMIT, Page, PageRequest};

use super::error::CommandError;
use super::output::{List, Row};
use super::startup_report;

/// The part of a list to write.
#[derive(Debug, Args)]
pub struct Paging {
    /// At most N rows (default: all)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(i64).range(1..))]
    limit: Option<i64>,
    /// Only rows after this cursor, or after the row with this id
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

impl Paging {
    /// Writes a list, of which `fetch` reads one page.
    pub async fn write<R: Row>(
        &self,
        mut list: List<R>,
        mut fetch: impl AsyncFnMut(PageRequest) -> Result<Page<R>, CommandError>,
    ) -> Result<(), CommandError> {
        let mut after = self.after.as_deref().map(cursor).transpose()?;
        let mut left = self.limit.unwrap_or(i64::MAX);
        loop {
            let page = fetch(PageRequest { after, limit: left.min(MAX_LIMIT) }).await?;
            list.rows(&page.data)?;
            left = left.saturating_sub(i64::try_from(page.data.len()).unwrap_or(i64::MAX));
            match page.next {
                Some(next) if left > 0 => after = Some(cursor(&next)?),
                Some(next) => {
                    list.end()?;
                    startup_report::say(&format!("There are more:  --after {next}\n"));
                    return Ok(());
                }
                None => return Ok(list.end()?),
            }
        }
    }
}

/// Reads a cursor. Scripts may also pass the id from which a cursor is derived.
fn cursor(text: &str) -> Result<Uuid, CommandError> {
    PageRequest::cursor(text).or_else(|| Uuid::try_parse(text).ok()).ok_or_else(|| {
        CommandError::usage(format!(
            "--after {text:?} is not a cursor.\n  Use the one printed below a list with --limit, or the id of its \
             last row."
        ))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_and_its_id_are_the_same_place() {
        let id = Uuid::from_u128(0x0190_0000_0000_7000_8000_0000_0000_0001);
        let page = Page::cut(vec![id, id], 1, |id| *id);
        assert_eq!(cursor(page.next.as_deref().unwrap()).unwrap(), id);
        assert_eq!(cursor(&id.to_string()).unwrap(), id);
        assert!(cursor("x").is_err());
    }
}
