//! Finding users by words, login or state.
//!
//! The rows examined for one page are bounded, so a page may have fewer users than requested and still have a
//! cursor. Otherwise a search for words that no user has together would read every user of each word.

use std::collections::HashMap;

use uuid::Uuid;

use crate::app::App;
use crate::base::id::UserId;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::pagination::Page;
use crate::domain::rate_limit::LONGEST_WINDOW;
use crate::domain::user::{Role, User};
use crate::domain::user_filter::{ListedUser, UserCursor, UserFilter};
use crate::domain::user_words::{after_prefix, first_match};
use crate::identity::sign_in_counters;
use crate::store::db::Reader;
use crate::store::user_search::{self, FoundUser, IdRange, WordRange};
use crate::store::user_words;

/// The most rows that are examined for one page.
const BUDGET: usize = 2_000;
/// The same when users are collected from events and the counters of each are read.
const GATHERED: usize = 1_000;
/// The rows per statement after the first one.
const CHUNK: i64 = 250;
/// The age of the oldest failure that can lock a user out.
const FAILED_WITHIN: TimeSpan = LONGEST_WINDOW;

/// The search parameters.
#[derive(Debug, Clone, Default)]
pub struct UserSearch {
    /// The filter.
    pub filter: UserFilter,
    /// The last row of the previous page; `None` for the first page.
    pub after: Option<UserCursor>,
    /// The maximum number of users.
    pub limit: i64,
}

/// A page of matching users, each once. A search by words is ordered by the longest word, any other by age, oldest
/// first.
///
/// # Errors
/// `unavailable` while the words of users of an earlier version are being written.
pub async fn search(
    app: App,
    search: UserSearch,
    now: Timestamp,
) -> Result<Page<ListedUser>, Failure> {
    let UserSearch { filter, after, limit } = search;
    let mut reader = app.db.reader().await?;
    if !filter.words.is_empty() && !user_words::are_complete(&mut reader).await? {
        let message = "The search index of users is still being built after the upgrade. Filters without words work.";
        let refusal = Refusal::new(Code::Unavailable, message);
        return Err(refusal.retry_after(TimeSpan::from_secs(5)).into());
    }
    let wanted = usize::try_from(limit).unwrap_or(1);
    let mut walk = Walk { app: &app, filter: &filter, now, cursor: after.unwrap_or_default() };
    let (mut data, mut examined, mut chunk) = (Vec::new(), 0, walk.first_chunk(limit));
    loop {
        let rows = walk.read(&mut reader, chunk).await?;
        let is_last =
            rows.len() < usize::try_from(chunk).unwrap_or(0) || filter.login_key.is_some();
        let closed = walk.closed(&mut reader, &rows).await?;
        let count = rows.len();
        for (at, row) in rows.into_iter().enumerate() {
            examined += 1;
            walk.cursor = UserCursor { word: row.word.clone(), id: row.listed.user.id.uuid() };
            if walk.is_wanted(&row, closed.as_ref()) {
                data.push(row.listed);
            }
            if (data.len() == wanted && !(is_last && at + 1 == count)) || examined >= walk.budget()
            {
                return Ok(Page { data, next: Some(walk.cursor.encode()) });
            }
        }
        if is_last {
            return Ok(Page { data, next: None });
        }
        chunk = CHUNK;
    }
}

struct Walk<'a> {
    app: &'a App,
    filter: &'a UserFilter,
    now: Timestamp,
    cursor: UserCursor,
}

impl Walk<'_> {
    /// The word by which rows are read. The longest usually matches the fewest.
    fn driving_word(&self) -> Option<&str> {
        let longest = self.filter.words.iter().max_by_key(|word| word.chars().count());
        longest.map(String::as_str)
    }

    /// Whether users are collected from the events of failures. Each statement collects them again.
    fn is_gathered(&self) -> bool {
        let filter = self.filter;
        filter.locked == Some(true) && filter.login_key.is_none() && filter.words.is_empty()
    }

    /// The most rows that are examined.
    fn budget(&self) -> usize {
        if self.is_gathered() { GATHERED } else { BUDGET }
    }

    /// The number of rows that are read first.
    fn first_chunk(&self, limit: i64) -> i64 {
        let all = i64::try_from(GATHERED).unwrap_or(limit);
        if self.is_gathered() { all } else { limit + 1 }
    }

    async fn read(&self, reader: &mut Reader, limit: i64) -> Result<Vec<FoundUser>, Fault> {
        let filter = self.filter;
        if let Some(key) = &filter.login_key {
            let found = user_search::by_login(reader, key).await?;
            let is_later = |found: &FoundUser| found.listed.user.id.uuid() > self.cursor.id;
            return Ok(found.into_iter().filter(is_later).collect());
        }
        if let Some(word) = self.driving_word() {
            let until = after_prefix(word);
            let after_user = UserId::from_uuid(self.cursor.id);
            let range = WordRange {
                from: word,
                until: &until,
                after_word: &self.cursor.word,
                after_user,
                limit,
            };
            return user_search::by_word(reader, range).await;
        }
        // Ids begin with the time at which the user was created.
        let since = filter.created_since.map(|at| UserId::earliest(at).uuid());
        let until = filter.created_until.map(|at| UserId::earliest(at).uuid());
        let range = IdRange {
            after: self.cursor.id.max(since.map_or(Uuid::nil(), before)),
            until: until.unwrap_or(Uuid::max()),
            limit,
        };
        if self.is_gathered() {
            return user_search::lately_failed(reader, self.now - FAILED_WITHIN, range).await;
        }
        if filter.role.as_deref() == Some(Role::Admin.as_str()) {
            return user_search::administrators(reader, range).await;
        }
        if filter.disabled == Some(true) {
            return user_search::disabled(reader, range).await;
        }
        if filter.must_change_password == Some(true) {
            return user_search::must_change(reader, range).await;
        }
        user_search::by_id(reader, range).await
    }

    /// Which accounts of these rows are locked for some network; `None` if the filter does not depend on it.
    async fn closed(
        &self,
        reader: &mut Reader,
        rows: &[FoundUser],
    ) -> Result<Option<HashMap<UserId, Timestamp>>, Fault> {
        if self.filter.locked.is_none() {
            return Ok(None);
        }
        let accounts: Vec<(UserId, &str)> =
            rows.iter().map(|row| (row.listed.user.id, &*row.login_key)).collect();
        sign_in_counters::closed_until(self.app, reader, &accounts, self.now).await.map(Some)
    }

    fn is_wanted(&self, row: &FoundUser, closed: Option<&HashMap<UserId, Timestamp>>) -> bool {
        let words = &self.filter.words;
        // A user with two words of the same prefix occurs twice; the first occurrence is used.
        let is_first = self
            .driving_word()
            .is_none_or(|word| first_match(&row.words, word) == Some(row.word.as_str()));
        let has_words = || words.iter().all(|word| first_match(&row.words, word).is_some());
        let is_locked = || {
            let is = |closed: &HashMap<_, _>| closed.contains_key(&row.listed.user.id);
            closed.is_none_or(|closed| Some(is(closed)) == self.filter.locked)
        };
        is_first && has_words() && is_locked() && self.filter.matches(&row.listed)
    }
}

/// Until when each of these users is locked out of some network. Users who are not locked out are absent.
///
/// # Errors
/// Only faults.
pub async fn locked_until(
    app: App,
    users: Vec<User>,
    now: Timestamp,
) -> Result<HashMap<UserId, Timestamp>, Failure> {
    let logins = users.iter().map(|user| Ok((user.id, user.login_name()?)));
    let logins: Vec<(UserId, LoginName)> = logins.collect::<Result<_, Fault>>()?;
    let accounts: Vec<(UserId, &str)> =
        logins.iter().map(|(id, login)| (*id, login.key())).collect();
    let mut reader = app.db.reader().await?;
    Ok(sign_in_counters::closed_until(&app, &mut reader, &accounts, now).await?)
}

/// The id before this one.
fn before(id: Uuid) -> Uuid {
    Uuid::from_u128(id.as_u128().saturating_sub(1))
}
