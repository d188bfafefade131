//! The revocation feed: the tokens that services with offline verification must refuse before they expire.
//!
//! A verifier merges each feed into its state and removes entries only by time, so the order of feeds does not
//! matter: an older copy delays an entry but never removes one.

use std::collections::BTreeMap;
use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::app::revocation_feed::{FeedContent, FeedDocument, PART_OVERLAP, SignedFeed};
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::keyring::Document;
use crate::domain::claims::TokenType;
use crate::domain::outcome::Fault;
use crate::store::keys;
use crate::store::revocations::{self, LEEWAY};

use super::issue::sign_with_key;

/// How long a feed is valid.
const LIFE: TimeSpan = TimeSpan::from_secs(60);
/// How often a verifier should fetch it.
const POLL: TimeSpan = TimeSpan::from_secs(10);
/// The smallest feed that is compressed, in bytes.
const LEAST_GZIP: usize = 1024;

/// The claims.
#[derive(Serialize)]
struct FeedClaims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
    /// Seconds from one fetch to the next.
    poll: i64,
    /// The longest lifetime of an access token that the feed covers, in seconds.
    covers: i64,
    /// The time since which revocations are listed, if not all are.
    #[serde(skip_serializing_if = "Option::is_none")]
    since: Option<i64>,
    /// Sessions, each with the time after which it may be removed.
    sid: BTreeMap<&'a str, i64>,
    /// Access tokens.
    jti: BTreeMap<&'a str, i64>,
    /// Tokens of a client or for an API, or all, with an `iat` up to a time.
    cut: Vec<Value>,
    /// Keys that were withdrawn.
    kid: &'a [String],
}

/// The feed at `now`; with `since`, the `iat` of a feed that the verifier has, only revocations that were
/// stored after it.
///
/// # Errors
/// When the database cannot be read or there is no signing key.
pub async fn current(app: &App, since: Option<i64>, now: Timestamp) -> Result<FeedDocument, Fault> {
    let mut last = app.revocation_feed.lock().await;
    if !last.as_ref().is_some_and(|known| known.is_fresh(now)) {
        let content = read(app, now).await?;
        match last.as_mut().filter(|known| known.may_serve(now) && known.content == content) {
            Some(same) => same.read_at = now,
            None => {
                let whole = document(sign(app, &content, None, now)?).await?;
                let parts = BTreeMap::new();
                *last = Some(SignedFeed { whole, parts, content, signed_at: now, read_at: now });
            }
        }
    }
    let feed = last.as_mut().ok_or_else(|| Fault::internal("making the feed"))?;
    // If `iat` is not from the clock of the rows, it does not tell which rows a verifier has.
    let since = since.filter(|_| app.claim_time(now) == now);
    let Some(since) = since.and_then(|since| feed.part_since(since)) else {
        return Ok(feed.whole.clone());
    };
    if let Some(part) = feed.parts.get(&since) {
        return Ok(part.clone());
    }
    // Signed with the time of the complete feed, because it contains nothing newer.
    let part = document(sign(app, &feed.content, Some(since), feed.signed_at)?).await?;
    feed.parts.insert(since, part.clone());
    Ok(part)
}

/// A signed feed in its sent form. Compressed on a separate thread, because a feed may have megabytes.
async fn document(token: String) -> Result<FeedDocument, Fault> {
    let plain = Document::new(token.into_bytes());
    if plain.body.len() < LEAST_GZIP {
        return Ok(FeedDocument { plain, gzip: None });
    }
    let body = plain.body.clone();
    let gzip = tokio::task::spawn_blocking(move || {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(&body)?;
        encoder.finish()
    });
    let failed = |why: String| Fault::internal("compressing the feed").with_source(why);
    let gzip = gzip.await.map_err(|error| failed(error.to_string()))?;
    let gzip = gzip.map_err(|error| failed(error.to_string()))?;
    Ok(FeedDocument { plain, gzip: Some(Document::new(gzip)) })
}

async fn read(app: &App, now: Timestamp) -> Result<FeedContent, Fault> {
    let mut reader = app.db.reader().await?;
    Ok(FeedContent {
        rows: revocations::unexpired(&mut reader, now).await?,
        keys: keys::withdrawn(&mut reader, now, LEEWAY).await?,
        covers: app.longest_access_ttl().secs(),
    })
}

fn sign(
    app: &App,
    content: &FeedContent,
    since: Option<i64>,
    now: Timestamp,
) -> Result<String, Fault> {
    let iat = app.claim_time(now).secs();
    let mut claims = FeedClaims {
        iss: app.issuer(),
        iat,
        exp: iat + LIFE.secs(),
        poll: POLL.secs(),
        covers: content.covers,
        since,
        sid: BTreeMap::new(),
        jti: BTreeMap::new(),
        cut: Vec::new(),
        kid: &content.keys,
    };
    let from = since.map(|since| Timestamp::from_secs(since) - PART_OVERLAP);
    for row in content.rows.iter().filter(|row| from.is_none_or(|from| row.at > from)) {
        // Rounded up to the next second.
        let until = row.until.secs() + 1;
        match row.kind.as_str() {
            "sid" => _ = claims.sid.insert(&row.value, until),
            "jti" => _ = claims.jti.insert(&row.value, until),
            name => claims.cut.push(cut(name, row.cut_iat, &row.value, until)),
        }
    }
    sign_with_key(app, app.config.signing_alg, TokenType::RevocationsJwt, &claims)
}

/// An entry for every token with a claim of this value, or for every token.
fn cut(name: &str, iat: Option<i64>, value: &str, until: i64) -> Value {
    let mut entry = Map::new();
    if name != "all" {
        entry.insert(name.to_owned(), json!(value));
    }
    entry.insert("iat".to_owned(), json!(iat));
    entry.insert("until".to_owned(), json!(until));
    Value::Object(entry)
}
