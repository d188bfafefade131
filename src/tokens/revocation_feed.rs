//! The revocation feed: the tokens that services with offline verification must refuse before they expire.
//!
//! A verifier merges each feed into its state and removes entries only by time, so the order of feeds does not
//! matter: an older copy delays an entry but never removes one.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::app::revocation_feed::{FeedContent, SignedFeed};
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

/// The claims.
#[derive(Serialize)]
struct FeedClaims<'a> {
    iss: &'a str,
    iat: i64,
    exp: i64,
    /// Seconds from one fetch to the next.
    poll: i64,
    /// The longest life of an access token that is covered, in seconds.
    covers: i64,
    /// Sessions, each with the time after which it may be forgotten.
    sid: BTreeMap<&'a str, i64>,
    /// Access tokens.
    jti: BTreeMap<&'a str, i64>,
    /// Tokens of a client or for an API, or all, with an `iat` until a time.
    cut: Vec<Value>,
    /// Keys that were withdrawn.
    kid: &'a [String],
}

/// The feed at `now`.
///
/// # Errors
/// When the database cannot be read or there is no signing key.
pub async fn current(app: &App, now: Timestamp) -> Result<Document, Fault> {
    let mut last = app.revocation_feed.lock().await;
    if let Some(known) = last.as_ref().filter(|known| known.is_fresh(now)) {
        return Ok(known.document.clone());
    }
    let content = read(app, now).await?;
    let same = last.as_ref().filter(|known| known.may_serve(now) && known.content == content);
    let feed = match same {
        Some(known) => SignedFeed { read_at: now, ..known.clone() },
        None => {
            let document = Document::new(sign(app, &content, now)?.into_bytes());
            SignedFeed { document, content, signed_at: now, read_at: now }
        }
    };
    let document = feed.document.clone();
    *last = Some(feed);
    Ok(document)
}

async fn read(app: &App, now: Timestamp) -> Result<FeedContent, Fault> {
    let mut reader = app.db.reader().await?;
    Ok(FeedContent {
        rows: revocations::unexpired(&mut reader, now).await?,
        keys: keys::withdrawn(&mut reader, now, LEEWAY).await?,
        covers: app.longest_access_ttl().secs(),
    })
}

fn sign(app: &App, content: &FeedContent, now: Timestamp) -> Result<String, Fault> {
    let iat = app.claim_time(now).secs();
    let mut claims = FeedClaims {
        iss: app.issuer(),
        iat,
        exp: iat + LIFE.secs(),
        poll: POLL.secs(),
        covers: content.covers,
        sid: BTreeMap::new(),
        jti: BTreeMap::new(),
        cut: Vec::new(),
        kid: &content.keys,
    };
    for row in &content.rows {
        // A part of a second more rather than less.
        let until = row.until.secs() + 1;
        match row.kind.as_str() {
            "sid" => _ = claims.sid.insert(&row.value, until),
            "jti" => _ = claims.jti.insert(&row.value, until),
            name => claims.cut.push(cut(name, row.cut_iat, &row.value, until)),
        }
    }
    sign_with_key(app, app.config.signing_alg, TokenType::RevocationsJwt, &claims)
}

/// An entry that concerns every token with a claim of this value, or every token at all.
fn cut(name: &str, iat: Option<i64>, value: &str, until: i64) -> Value {
    let mut entry = Map::new();
    if name != "all" {
        entry.insert(name.to_owned(), json!(value));
    }
    entry.insert("iat".to_owned(), json!(iat));
    entry.insert("until".to_owned(), json!(until));
    Value::Object(entry)
}
