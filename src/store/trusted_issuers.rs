//! Issuers whose tokens are accepted from workloads.

use serde_json::Value;

use crate::base::{TimeSpan, Timestamp};
use crate::domain::outcome::Fault;
use crate::domain::workload::TrustedIssuer;
use crate::{execute, fetch_all, fetch_optional};

use super::attributes::column;
use super::{Link, Tx};

#[derive(sqlx::FromRow)]
struct Row {
    name: String,
    issuer: String,
    preset: String,
    jwks: Option<String>,
    algs: String,
    max_life: i64,
    networks: String,
    created_at: Timestamp,
}

impl TryFrom<Row> for TrustedIssuer {
    type Error = Fault;
    fn try_from(row: Row) -> Result<Self, Fault> {
        let unreadable = || Fault::internal("a trusted issuer that cannot be");
        let jwks: Option<Vec<Value>> = match row.jwks {
            None => None,
            Some(text) => Some(serde_json::from_str(&text).map_err(|_| unreadable())?),
        };
        let algs = row.algs.split_ascii_whitespace().map(str::parse);
        let networks = row.networks.split_ascii_whitespace().map(str::parse);
        Ok(Self {
            name: row.name,
            issuer: row.issuer,
            preset: row.preset.parse().map_err(|_| unreadable())?,
            jwks,
            algs: algs.collect::<Result<_, _>>().map_err(|_| unreadable())?,
            max_life: TimeSpan::from_millis(row.max_life),
            networks: networks.collect::<Result<_, _>>().map_err(|_| unreadable())?,
            created_at: row.created_at,
        })
    }
}

/// Stores an issuer; `false`, without a change, if its name or its identifier is taken, or there are `most`.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, new: &TrustedIssuer, most: i64) -> Result<bool, Fault> {
    let networks: Vec<String> = new.networks.iter().map(ToString::to_string).collect();
    let algs: Vec<&str> = new.algs.iter().map(|alg| alg.as_str()).collect();
    let rows = execute!(
        tx,
        "INSERT INTO trusted_issuers (name, issuer, preset, jwks, algs, max_life, networks, created_at) \
         SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE (SELECT count(*) FROM trusted_issuers) < $9 \
         ON CONFLICT DO NOTHING",
        &new.name,
        &new.issuer,
        new.preset.as_str(),
        new.jwks.as_ref().map(column),
        algs.join(" "),
        new.max_life.millis(),
        networks.join(" "),
        new.created_at,
        most
    )?;
    Ok(rows == 1)
}

/// The issuer of this name.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(link: &mut impl Link, name: &str) -> Result<Option<TrustedIssuer>, Fault> {
    fetch_optional!(
        link,
        Row,
        "SELECT name, issuer, preset, jwks, algs, max_life, networks, created_at \
         FROM trusted_issuers WHERE name = $1",
        name
    )?
    .map(TrustedIssuer::try_from)
    .transpose()
}

/// The issuer with this identifier.
///
/// # Errors
/// When the database cannot be read.
pub async fn of_identifier(
    link: &mut impl Link,
    issuer: &str,
) -> Result<Option<TrustedIssuer>, Fault> {
    fetch_optional!(
        link,
        Row,
        "SELECT name, issuer, preset, jwks, algs, max_life, networks, created_at \
         FROM trusted_issuers WHERE issuer = $1",
        issuer
    )?
    .map(TrustedIssuer::try_from)
    .transpose()
}

/// Every issuer, in the order of the names.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(link: &mut impl Link) -> Result<Vec<TrustedIssuer>, Fault> {
    let rows = fetch_all!(
        link,
        Row,
        "SELECT name, issuer, preset, jwks, algs, max_life, networks, created_at \
         FROM trusted_issuers ORDER BY name"
    )?;
    rows.into_iter().map(TrustedIssuer::try_from).collect()
}

/// Removes an issuer. False when there is none of this name.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(tx: &mut Tx, name: &str) -> Result<bool, Fault> {
    Ok(execute!(tx, "DELETE FROM trusted_issuers WHERE name = $1", name)? == 1)
}
