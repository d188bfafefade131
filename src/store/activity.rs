//! Counts of events in buckets of three lengths, for the charts of the console.

use crate::base::{TimeSpan, Timestamp};
use crate::domain::activity::{Count, MAX_KEYS, OTHERS, Series, Width};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all};

use super::{Link, Tx};

/// Adds to the count of a bucket. If the bucket has [`MAX_KEYS`] keys, a further one is counted as [`OTHERS`];
/// concurrent processes may each add one more.
///
/// # Errors
/// When the database cannot be written.
pub async fn add(tx: &mut Tx, count: &Count) -> Result<(), Fault> {
    let Count { series, width, bucket, key, n } = count;
    let added = execute!(
        tx,
        "INSERT INTO activity (series, width, bucket, key, n) SELECT $1, $2, $3, $4, $5 \
         WHERE $4 = '' OR EXISTS (SELECT 1 FROM activity \
         WHERE series = $1 AND width = $2 AND bucket = $3 AND key = $4) \
         OR (SELECT count(*) FROM activity \
         WHERE series = $1 AND width = $2 AND bucket = $3 AND key <> '') < $6 \
         ON CONFLICT (series, width, bucket, key) DO UPDATE SET n = activity.n + excluded.n",
        series.as_str(),
        width.span().secs(),
        *bucket,
        key.as_str(),
        *n,
        MAX_KEYS
    )?;
    if added == 0 {
        Box::pin(add(tx, &Count { key: OTHERS.to_owned(), ..count.clone() })).await?;
    }
    Ok(())
}

/// The counts of a series in the buckets that begin from `from` on and before `until`, by bucket and key.
///
/// # Errors
/// When the database cannot be read.
pub async fn counts(
    link: &mut impl Link,
    series: Series,
    width: Width,
    from: Timestamp,
    until: Timestamp,
) -> Result<Vec<Count>, Fault> {
    let rows: Vec<(Timestamp, String, i64)> = fetch_all!(
        link,
        (Timestamp, String, i64),
        "SELECT bucket, key, n FROM activity \
         WHERE series = $1 AND width = $2 AND bucket >= $3 AND bucket < $4 ORDER BY bucket, key",
        series.as_str(),
        width.span().secs(),
        from,
        until
    )?;
    let count = |(bucket, key, n)| Count { series, width, bucket, key, n };
    Ok(rows.into_iter().map(count).collect())
}

/// How far in the future a bucket may begin: a later one was counted by a wrong clock.
const AHEAD: TimeSpan = TimeSpan::from_days(1);

/// Removes up to `step` counts of buckets of this width that have passed their retention, or were counted by a
/// clock that was ahead.
///
/// # Errors
/// When the database cannot be written.
pub async fn remove_old(
    tx: &mut Tx,
    width: Width,
    now: Timestamp,
    step: i64,
) -> Result<u64, Fault> {
    let old = execute!(
        tx,
        "DELETE FROM activity WHERE (series, width, bucket, key) IN (SELECT series, width, bucket, key \
         FROM activity WHERE width = $1 AND bucket < $2 ORDER BY width, bucket, series, key LIMIT $3)",
        width.span().secs(),
        now - width.kept_for(),
        step
    )?;
    let ahead = execute!(
        tx,
        "DELETE FROM activity WHERE (series, width, bucket, key) IN (SELECT series, width, bucket, key \
         FROM activity WHERE width = $1 AND bucket > $2 ORDER BY width, bucket, series, key LIMIT $3)",
        width.span().secs(),
        now + AHEAD,
        step - i64::try_from(old).unwrap_or(step)
    )?;
    Ok(old + ahead)
}
