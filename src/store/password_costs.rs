//! The number of password hashes by cost, updated in the transactions that change hashes.

use crate::domain::outcome::Fault;
use crate::domain::password::{HashCost, hash_cost};
use crate::{execute, fetch_all};

use super::{Link, Tx};

/// How many users have a hash of a cost.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, sqlx::FromRow)]
pub struct CostCount {
    /// The kind of hash.
    pub class: String,
    /// Its parameters, as in the stored form.
    pub cost: String,
    /// The number of users.
    pub users: i64,
}

/// The number of passwords by class and cost.
///
/// # Errors
/// When the database cannot be read.
pub async fn count_by_class(link: &mut impl Link) -> Result<Vec<CostCount>, Fault> {
    let mut counts = fetch_all!(
        link,
        CostCount,
        "SELECT class, cost, users FROM password_costs WHERE users > 0"
    )?;
    // Sorted here, because the databases sort text differently.
    counts.sort();
    Ok(counts)
}

/// Records that a user's hash was replaced, created or removed.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn moved(tx: &mut Tx, from: Option<&str>, to: Option<&str>) -> Result<(), Fault> {
    let (from, to) = (from.and_then(hash_cost), to.and_then(hash_cost));
    if from == to {
        return Ok(());
    }
    let mut changes: Vec<(HashCost<'_>, i64)> =
        from.map(|cost| (cost, -1)).into_iter().chain(to.map(|cost| (cost, 1))).collect();
    // In a fixed order, so that two transactions cannot deadlock.
    changes.sort();
    for (HashCost { class, cost }, by) in changes {
        execute!(
            tx,
            "INSERT INTO password_costs (class, cost, users) VALUES ($1, $2, $3) \
             ON CONFLICT (class, cost) DO UPDATE SET users = password_costs.users + $3",
            class,
            cost,
            by
        )?;
    }
    Ok(())
}
