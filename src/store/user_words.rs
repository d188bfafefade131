//! Search words of users (`domain::user_words`), written with every change of their sources.

use uuid::Uuid;

use crate::base::id::UserId;
use crate::domain::outcome::Fault;
use crate::domain::user_words::{SearchedText, words_of};
use crate::{execute, fetch_all, fetch_optional};

use super::users::UserRow;
use super::{Link, Tx, meta};

/// The name in `meta` of the position up to which the words of users from earlier versions are written.
const PROGRESS: &str = "user_words";

/// The searchable columns of a user.
#[derive(Debug, Clone, sqlx::FromRow)]
pub(super) struct SearchedColumns {
    login: String,
    login_key: String,
    name: Option<String>,
    email: Option<String>,
    email_key: Option<String>,
}

impl SearchedColumns {
    pub(super) fn of(user: &UserRow, login_key: &str, email_key: Option<&str>) -> Self {
        Self {
            login: user.login.clone(),
            login_key: login_key.to_owned(),
            name: user.name.clone(),
            email: user.subject.email().map(str::to_owned),
            email_key: email_key.map(str::to_owned),
        }
    }

    pub(super) fn words(&self) -> Vec<String> {
        words_of(SearchedText {
            login: &self.login,
            login_key: &self.login_key,
            name: self.name.as_deref(),
            email: self.email.as_deref(),
            email_key: self.email_key.as_deref(),
        })
    }
}

/// Writes the words of a user as the row is now.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn rewrite(tx: &mut Tx, id: UserId) -> Result<(), Fault> {
    let row = fetch_optional!(
        tx,
        SearchedColumns,
        "SELECT login, login_key, name, email, email_key FROM users WHERE id = $1",
        id
    )?;
    let Some(row) = row else { return Ok(()) };
    let words = row.words();
    let before: Vec<(String,)> =
        fetch_all!(tx, (String,), "SELECT word FROM user_words WHERE user_id = $1", id)?;
    for (word,) in &before {
        if words.binary_search(word).is_err() {
            execute!(tx, "DELETE FROM user_words WHERE word = $1 AND user_id = $2", word, id)?;
        }
    }
    let is_new = |word: &&String| !before.iter().any(|(known,)| known == *word);
    insert(tx, id, words.iter().filter(is_new)).await
}

async fn insert(
    tx: &mut Tx,
    id: UserId,
    words: impl Iterator<Item = &String>,
) -> Result<(), Fault> {
    for word in words {
        execute!(
            tx,
            "INSERT INTO user_words (word, user_id) VALUES ($1, $2) ON CONFLICT (word, user_id) DO NOTHING",
            word,
            id
        )?;
    }
    Ok(())
}

/// Whether the words of all users are written. A job writes those of users from earlier versions.
///
/// # Errors
/// When the database cannot be read.
pub async fn are_complete(link: &mut impl Link) -> Result<bool, Fault> {
    Ok(meta::get(link, PROGRESS).await?.is_some_and(|last| last.is_empty()))
}

#[derive(sqlx::FromRow)]
struct Unwritten {
    id: UserId,
    #[sqlx(flatten)]
    columns: SearchedColumns,
}

/// Writes the words of up to `step` users that have none yet. Returns whether that was the last step.
///
/// # Errors
/// When the database cannot be written.
pub async fn write_next(tx: &mut Tx, step: i64) -> Result<bool, Fault> {
    let last = match meta::get(tx, PROGRESS).await? {
        Some(last) if last.is_empty() => return Ok(true),
        Some(last) => Uuid::from_slice(&last).unwrap_or_default(),
        None => Uuid::nil(),
    };
    let rows = fetch_all!(
        tx,
        Unwritten,
        "SELECT id, login, login_key, name, email, email_key FROM users WHERE id > $1 ORDER BY id LIMIT $2",
        last,
        step
    )?;
    for Unwritten { id, columns } in &rows {
        insert(tx, *id, columns.words().iter()).await?;
    }
    let last = rows.last().map(|row| row.id.uuid().as_bytes().to_vec());
    let is_done = last.is_none();
    meta::set(tx, PROGRESS, &last.unwrap_or_default()).await?;
    Ok(is_done)
}
