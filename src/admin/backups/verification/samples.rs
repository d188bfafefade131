//! Rows that are read as a server reads them, taken at random.

use uuid::Uuid;

use crate::base::entropy::random;
use crate::base::id::UserId;
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::random::SystemEntropy;
use crate::domain::outcome::Fault;
use crate::domain::pagination::PageRequest;
use crate::domain::session::SessionFilter;
use crate::store::user_search::{self, IdRange};
use crate::store::{Link, sessions};

/// How many rows of a kind are read.
const ROWS: i64 = 1_000;

/// Reads the oldest users and the newest sessions, and those of a random time. Rows that do not decode are a fault.
pub(super) async fn decode(link: &mut impl Link, now: Timestamp) -> Result<(), Fault> {
    let from = |after| IdRange { after, until: Uuid::max(), limit: ROWS };
    let oldest = user_search::by_id(link, from(Uuid::nil())).await?;
    let first = oldest.first().map_or(now, |found| found.listed.user.created_at);
    // Ids begin with the time at which a row was made.
    let begin = UserId::earliest(between(first, now)).uuid();
    user_search::by_id(link, from(begin)).await?;
    for after in [None, Some(begin)] {
        let request = PageRequest { after, limit: ROWS };
        sessions::list::page(link, &SessionFilter::default(), request, now).await?;
    }
    Ok(())
}

/// A random time from `first` to `last`.
fn between(first: Timestamp, last: Timestamp) -> Timestamp {
    let span = u64::try_from((last - first).millis()).unwrap_or_default().max(1);
    let step = u64::from_be_bytes(random(&SystemEntropy)) % span;
    first + TimeSpan::from_millis(i64::try_from(step).unwrap_or_default())
}
