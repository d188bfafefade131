//! Registered APIs.

use uuid::Uuid;
use uuid::fmt::Hyphenated;

use crate::base::{TimeSpan, Timestamp};
use crate::domain::api::Api;
use crate::domain::outcome::Fault;
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::scope::Scopes;
use crate::domain::token_rules::TokenRules;
use crate::{execute, fetch_all, fetch_optional};

use super::attributes::column;
use super::{Link, Tx, meta};

/// The secret an API shares with the server, as stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedSecret {
    /// Its name.
    pub kid: String,
    /// The sealed bytes.
    pub sealed: Vec<u8>,
}

/// An API as stored.
#[derive(Debug, Clone)]
pub struct StoredApi {
    /// The row's id, the cursor of pages. The sealed secret is bound to it.
    pub id: Uuid,
    /// The API.
    pub api: Api,
    /// The secret it shares with the server, if its tokens are signed with one.
    pub secret: Option<SealedSecret>,
    /// When it was registered.
    pub created_at: Timestamp,
    /// Since when it has its identifier; anything older was issued for an earlier API. Set by [`insert`]; the
    /// minimum if there was no such API.
    pub name_since: Timestamp,
}

#[derive(sqlx::FromRow)]
struct ApiRow {
    id: Uuid,
    identifier: String,
    scopes: String,
    scope_descriptions: String,
    key_scopes: String,
    signing_alg: Option<String>,
    token_profile: String,
    access_token_ttl: Option<i64>,
    claims: String,
    secret_kid: Option<String>,
    secret_sealed: Option<Vec<u8>>,
    created_at: Timestamp,
    name_since: Timestamp,
    documents: bool,
}

impl TryFrom<ApiRow> for StoredApi {
    type Error = Fault;
    fn try_from(row: ApiRow) -> Result<Self, Fault> {
        let impossible = || Fault::internal("an API row that cannot be");
        let rules = TokenRules {
            signing_alg: match row.signing_alg {
                None => None,
                Some(alg) => Some(alg.parse().map_err(|_| impossible())?),
            },
            profile: row.token_profile.parse().map_err(|_| impossible())?,
            access_ttl: row.access_token_ttl.map(TimeSpan::from_millis),
            claims: serde_json::from_str(&row.claims).map_err(|_| impossible())?,
        };
        let secret = match (row.secret_kid, row.secret_sealed) {
            (None, None) => None,
            (Some(kid), Some(sealed)) => Some(SealedSecret { kid, sealed }),
            _ => return Err(impossible()),
        };
        // A shared-secret algorithm without a secret, or a secret that is not used, is never written.
        if rules.is_shared_secret() != secret.is_some() {
            return Err(impossible());
        }
        let scopes = Scopes::parse(&row.scopes)
            .map_err(|_| Fault::internal("an API with scopes that cannot be read"))?;
        let scope_descriptions =
            serde_json::from_str(&row.scope_descriptions).map_err(|_| impossible())?;
        let key_scopes = Scopes::parse(&row.key_scopes).map_err(|_| impossible())?;
        let (identifier, documents) = (row.identifier, row.documents);
        let api = Api { identifier, scopes, scope_descriptions, key_scopes, rules, documents };
        Ok(Self { id: row.id, api, secret, created_at: row.created_at, name_since: row.name_since })
    }
}

/// Registers an API, and sets since when it has its identifier. False when it is taken.
///
/// # Errors
/// When the database cannot be written.
pub async fn insert(tx: &mut Tx, new: &StoredApi) -> Result<bool, Fault> {
    let (api, rules) = (&new.api, &new.api.rules);
    let rows = execute!(
        tx,
        "INSERT INTO apis (id, identifier, scopes, signing_alg, token_profile, access_token_ttl, \
         claims, secret_kid, secret_sealed, created_at, name_since, scope_descriptions, \
         key_scopes, documents) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, COALESCE((SELECT CASE WHEN \
         deleted_at > $10 THEN deleted_at ELSE $10 END FROM former_apis WHERE identifier = $2), 0), $11, $12, $13) \
         ON CONFLICT (identifier) DO NOTHING",
        new.id,
        &api.identifier,
        api.scopes.to_string(),
        rules.signing_alg.map(|alg| alg.as_str()),
        rules.profile.as_str(),
        rules.access_ttl.map(TimeSpan::millis),
        column(&rules.claims),
        new.secret.as_ref().map(|secret| &*secret.kid),
        new.secret.as_ref().map(|secret| &*secret.sealed),
        new.created_at,
        column(&api.scope_descriptions),
        api.key_scopes.to_string(),
        api.documents
    )?;
    meta::raise_cache_version(tx).await?;
    Ok(rows == 1)
}

/// The API with this identifier or row id, locked for a change until the end of `tx`.
///
/// # Errors
/// When the database cannot be read or written.
pub async fn hold(tx: &mut Tx, name: &str) -> Result<Option<StoredApi>, Fault> {
    // Every change of an API writes this row. It is locked before anything is read, so that concurrent changes of
    // different fields do not undo each other.
    meta::raise_cache_version(tx).await?;
    find(tx, name).await
}

/// Changes all of an API but its names. False when there is none of this id.
///
/// # Errors
/// When the database cannot be written.
pub async fn update(tx: &mut Tx, changed: &StoredApi) -> Result<bool, Fault> {
    let (api, rules) = (&changed.api, &changed.api.rules);
    let rows = execute!(
        tx,
        "UPDATE apis SET scopes = $1, signing_alg = $2, token_profile = $3, \
         access_token_ttl = $4, claims = $5, secret_kid = $6, secret_sealed = $7, \
         scope_descriptions = $8, key_scopes = $9, documents = $10 WHERE id = $11",
        api.scopes.to_string(),
        rules.signing_alg.map(|alg| alg.as_str()),
        rules.profile.as_str(),
        rules.access_ttl.map(TimeSpan::millis),
        column(&rules.claims),
        changed.secret.as_ref().map(|secret| &*secret.kid),
        changed.secret.as_ref().map(|secret| &*secret.sealed),
        column(&api.scope_descriptions),
        api.key_scopes.to_string(),
        api.documents,
        changed.id
    )?;
    if rows == 1 {
        meta::raise_cache_version(tx).await?;
    }
    Ok(rows == 1)
}

/// Removes the API with this identifier or row id, and records that the identifier was used. Returns the
/// identifier; `None` when there is no such API.
///
/// Its sessions and consents stay, because there may be millions. They do not apply to a later API with the same
/// identifier.
///
/// # Errors
/// When the database cannot be written.
pub async fn delete(tx: &mut Tx, name: &str, now: Timestamp) -> Result<Option<String>, Fault> {
    let row = fetch_optional!(
        tx,
        (String,),
        "DELETE FROM apis WHERE identifier = $1 OR id = $2 RETURNING identifier",
        name,
        row_id(name)
    )?;
    let Some((identifier,)) = row else { return Ok(None) };
    execute!(
        tx,
        "INSERT INTO former_apis (identifier, deleted_at) VALUES ($1, $2) \
         ON CONFLICT (identifier) DO UPDATE SET deleted_at = excluded.deleted_at \
         WHERE excluded.deleted_at > former_apis.deleted_at",
        &identifier,
        now
    )?;
    meta::raise_cache_version(tx).await?;
    Ok(Some(identifier))
}

/// The row id in hyphenated form only. Identifiers are absolute URIs and never have this form, but `urn:uuid:…`
/// would be a UUID to a more lenient parser.
fn row_id(text: &str) -> Uuid {
    text.parse().map_or(Uuid::nil(), Hyphenated::into_uuid)
}

/// The API with this identifier or this row id.
///
/// # Errors
/// When the database cannot be read.
pub async fn find(link: &mut impl Link, name: &str) -> Result<Option<StoredApi>, Fault> {
    fetch_optional!(
        link,
        ApiRow,
        "SELECT id, identifier, scopes, scope_descriptions, key_scopes, signing_alg, token_profile, access_token_ttl, claims, \
         secret_kid, secret_sealed, created_at, name_since, documents FROM apis WHERE identifier = $1 OR id = $2",
        name,
        row_id(name)
    )?
    .map(StoredApi::try_from)
    .transpose()
}

/// Every API. There are few, and every process caches them.
///
/// # Errors
/// When the database cannot be read.
pub async fn all(link: &mut impl Link) -> Result<Vec<StoredApi>, Fault> {
    let rows = fetch_all!(
        link,
        ApiRow,
        "SELECT id, identifier, scopes, scope_descriptions, key_scopes, signing_alg, token_profile, access_token_ttl, claims, \
         secret_kid, secret_sealed, created_at, name_since, documents FROM apis ORDER BY id"
    )?;
    rows.into_iter().map(StoredApi::try_from).collect()
}

/// Replaces the sealed form of the same secret.
///
/// # Errors
/// When the database cannot be written.
pub async fn reseal_secret(tx: &mut Tx, id: Uuid, sealed: &[u8]) -> Result<(), Fault> {
    execute!(tx, "UPDATE apis SET secret_sealed = $1 WHERE id = $2", sealed, id)?;
    Ok(())
}

/// A page of APIs, oldest first.
///
/// # Errors
/// When the database cannot be read.
pub async fn page(link: &mut impl Link, request: PageRequest) -> Result<Page<StoredApi>, Fault> {
    let rows = fetch_all!(
        link,
        ApiRow,
        "SELECT id, identifier, scopes, scope_descriptions, key_scopes, signing_alg, token_profile, access_token_ttl, claims, \
         secret_kid, secret_sealed, created_at, name_since, documents FROM apis WHERE id > $1 ORDER BY id LIMIT $2",
        request.after.unwrap_or(Uuid::nil()),
        request.limit + 1
    )?;
    let rows = rows.into_iter().map(StoredApi::try_from).collect::<Result<Vec<_>, _>>()?;
    Ok(Page::cut(rows, request.limit, |stored| stored.id))
}
