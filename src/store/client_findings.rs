//! Findings about requests of clients: a bounded number of rows per client.

use crate::base::Timestamp;
use crate::domain::client_finding::{Finding, FindingKey, MAX_DETAILS, TOLD_FOR};
use crate::domain::outcome::Fault;
use crate::{execute, fetch_all};

use super::{Link, Tx};

/// How many rows without a detail a client may have for one code: one for each endpoint that has findings.
const ENDPOINTS: i64 = 8;

#[derive(sqlx::FromRow)]
struct FindingRow {
    client_id: String,
    endpoint: String,
    code: String,
    detail: String,
    times: i64,
    first_at: Timestamp,
    last_at: Timestamp,
}

impl From<FindingRow> for Finding {
    fn from(row: FindingRow) -> Self {
        let FindingRow { client_id, endpoint, code, detail, times, first_at, last_at } = row;
        let key = FindingKey { client_id, endpoint, code, detail };
        Self { key, times, first_at, last_at }
    }
}

/// Adds to a finding of a registered client. If the client has the maximum for that code, it is added to the row
/// without a detail. Findings from before the client was registered belong to an earlier client of the same name
/// and are dropped.
///
/// # Errors
/// When the database cannot be written.
pub async fn add(tx: &mut Tx, finding: &Finding) -> Result<(), Fault> {
    forget(tx, finding).await?;
    if !add_within(tx, finding, &finding.key.detail, MAX_DETAILS).await? {
        add_within(tx, finding, "", ENDPOINTS).await?;
    }
    Ok(())
}

/// Removes findings that have not been seen for a long time.
async fn forget(tx: &mut Tx, finding: &Finding) -> Result<(), Fault> {
    execute!(
        tx,
        "DELETE FROM client_findings WHERE client_id = $1 AND last_at < $2",
        &finding.key.client_id,
        finding.last_at - TOLD_FOR
    )
    .map(drop)
}

/// Adds to the row with this detail, or creates it if the client has fewer than `most` of that code; rows with and
/// without a detail are counted separately.
async fn add_within(
    tx: &mut Tx,
    finding: &Finding,
    detail: &str,
    most: i64,
) -> Result<bool, Fault> {
    let key = &finding.key;
    let rows = execute!(
        tx,
        "INSERT INTO client_findings (client_id, endpoint, code, detail, times, first_at, last_at) \
         SELECT c.client_id, $2, $3, $4, $5, $6, $7 FROM clients c \
         WHERE c.client_id = $1 AND c.created_at <= $6 AND (EXISTS (SELECT 1 FROM client_findings f \
         WHERE f.client_id = $1 AND f.endpoint = $2 AND f.code = $3 AND f.detail = $4) \
         OR (SELECT count(*) FROM client_findings f WHERE f.client_id = $1 AND f.code = $3 \
         AND (f.detail = '') = ($4 = '')) < $8) \
         ON CONFLICT (client_id, code, endpoint, detail) DO UPDATE \
         SET times = client_findings.times + $5, last_at = CASE \
         WHEN client_findings.last_at < $7 THEN $7 ELSE client_findings.last_at END",
        &key.client_id,
        &key.endpoint,
        &key.code,
        detail,
        finding.times,
        finding.first_at,
        finding.last_at,
        most
    )?;
    Ok(rows == 1)
}

/// The findings of a client that were seen since `since`, the latest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_client(
    link: &mut impl Link,
    client_id: &str,
    since: Timestamp,
) -> Result<Vec<Finding>, Fault> {
    let rows = fetch_all!(
        link,
        FindingRow,
        "SELECT client_id, endpoint, code, detail, times, first_at, last_at FROM client_findings \
         WHERE client_id = $1 AND last_at >= $2 ORDER BY last_at DESC, code, endpoint, detail",
        client_id,
        since
    )?;
    Ok(rows.into_iter().map(Finding::from).collect())
}
