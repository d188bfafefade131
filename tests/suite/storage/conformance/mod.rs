//! The contract of the store: every function called by itself, on both databases, and compared with its documentation.
//!
//! Use cases call the store with what they need. These tests call it with the rest as well: a guard that does
//! not hold, the last page, the largest number, so that a statement that differs between SQLite and
//! PostgreSQL is found here by name.

mod activity;
mod admin_keys;
mod api_keys;
mod apis;
mod audit;
mod audit_query;
mod authorization_codes;
mod backup_file;
mod branches;
mod browser_sessions;
mod client_documents;
mod client_findings;
mod client_logos;
mod client_sessions;
mod clients;
mod complete;
mod consents;
mod credentials;
mod db;
mod device_codes;
mod email_owners;
mod expiry;
mod factors;
mod helpdesk_resets;
mod housekeeping;
mod keys;
mod known_networks;
mod login_limits;
mod login_names;
mod logout_notices;
mod mailed_codes;
mod mails;
mod managed;
mod meta_and_setup;
mod migrate;
mod passkeys;
mod password_costs;
mod people;
mod processes;
mod pushed_requests;
mod refresh_batch;
mod restored;
mod sampled_counts;
mod session_generations;
mod session_loader;
mod sessions;
mod spent_ids;
mod trusted_issuers;
mod users;
mod verifiers;

use futures_util::future::join_all;
use signet::base::id::{BranchId, BrowserId, SessionId, UserId};
use signet::base::opaque_token::TokenHash;
use signet::base::{Deadlines, TimeSpan, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::domain::attributes::Attributes;
use signet::domain::authorization::Authorization;
use signet::domain::browser_session::BrowserSession;
use signet::domain::login_name::LoginName;
use signet::domain::oidc::RequestedClaims;
use signet::domain::outcome::Fault;
use signet::domain::pagination::{Page, PageRequest};
use signet::domain::scope::{RequestedScopes, Scopes};
use signet::domain::session::{Chain, Session};
use signet::domain::user::Role;
use signet::domain::user_agent::Device;
use signet::store::db::Reader;
use signet::store::{Db, Tx, browser_sessions as store_browsers, migrate as schema};
use signet::store::{sessions as store_sessions, users as store_users};
use tempfile::TempDir;

use crate::support::sessions as test_sessions;
use crate::support::{LONG, postgres, require};

/// The time at which every test begins.
const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);

/// A PostgreSQL database with the schema, because migrating each one would take most of the time.
const TEMPLATE: &str = "conformance";

/// The location of a database, so that a test can open it more than once.
enum Place {
    Sqlite(TempDir),
    Postgres(String),
}

impl Place {
    async fn connect(&self) -> Db {
        self.connect_for(LONG).await
    }

    async fn connect_for(&self, deadlines: Deadlines) -> Db {
        match self {
            Self::Sqlite(dir) => {
                Db::sqlite(&dir.path().join("store.db"), true, deadlines).await.unwrap()
            }
            Self::Postgres(url) => Db::postgres(url, 16, deadlines).await.unwrap(),
        }
    }
}

/// Runs `test` once on an empty database of each kind. The absence of PostgreSQL is reported.
async fn on_both_places(name: &str, test: impl AsyncFn(&Place)) {
    test(&Place::Sqlite(tempfile::tempdir().unwrap())).await;
    match postgres::fresh_database().await {
        Some(url) => test(&Place::Postgres(url)).await,
        None => require::missing("postgres", name),
    }
}

/// The same on databases with the schema.
async fn on_both_stores(name: &str, test: impl AsyncFn(Db)) {
    let sqlite = Place::Sqlite(tempfile::tempdir().unwrap());
    let db = sqlite.connect().await;
    schema::up(&db).await.unwrap();
    with(db, &test).await;
    match postgres_with_schema().await {
        Some(url) => with(Db::postgres(&url, 16, LONG).await.unwrap(), &test).await,
        None => require::missing("postgres", name),
    }
}

/// A PostgreSQL database with the schema.
async fn postgres_with_schema() -> Option<String> {
    postgres::template_database(TEMPLATE, async |url| {
        let db = Db::postgres(&url, 16, LONG).await.unwrap();
        schema::up(&db).await.unwrap();
        db.close().await;
    })
    .await;
    postgres::database_from_template(TEMPLATE).await
}

/// A sample of the contract, each case on its own PostgreSQL database, whose URL is mapped by `way`: transactions,
/// sessions, the batch of refreshes with its locks, and housekeeping.
///
/// # Panics
///
/// When there is no PostgreSQL, or a case fails.
pub async fn sample(way: impl Fn(&str) -> String) {
    let connect = async || {
        let url = postgres_with_schema().await.unwrap();
        Db::postgres(&way(&url), 4, LONG).await.unwrap()
    };
    with(connect().await, &db::commit_is_seen).await;
    with(connect().await, &db::rollback_leaves_nothing).await;
    with(connect().await, &sessions::round_trip).await;
    with(connect().await, &refresh_batch::guards).await;
    with(connect().await, &refresh_batch::locks).await;
    with(connect().await, &housekeeping::ended_sessions).await;
}

async fn with(db: Db, test: &impl AsyncFn(Db)) {
    test(db.clone()).await;
    db.close().await;
}

/// One committed transaction.
async fn commit<T>(db: &Db, work: impl AsyncFnOnce(&mut Tx) -> Result<T, Fault>) -> T {
    let mut tx = db.begin().await.unwrap();
    let value = work(&mut tx).await.unwrap();
    tx.commit().await.unwrap();
    value
}

async fn reader(db: &Db) -> Reader {
    db.reader().await.unwrap()
}

/// A number that a statement of the test counts.
macro_rules! count {
    ($db:expr, $sql:literal $(, $arg:expr)*) => {{
        let mut link = crate::storage::conformance::reader($db).await;
        let row = signet::fetch_optional!(&mut link, (i64,), $sql $(, $arg)*);
        row.unwrap().unwrap().0
    }};
}
use count;

fn after(secs: i64) -> Timestamp {
    NOW + TimeSpan::from_secs(secs)
}

fn login(text: &str) -> LoginName {
    LoginName::parse(text).unwrap()
}

fn scopes(text: &str) -> Scopes {
    Scopes::parse(text).unwrap()
}

/// Ids of one millisecond are in no order; those of different seconds are.
fn user_id(secs: i64) -> UserId {
    UserId::new(after(secs), &SystemEntropy)
}

fn session_id(secs: i64) -> SessionId {
    SessionId::new(after(secs), &SystemEntropy)
}

/// A user of whom only the login matters.
async fn user(db: &Db, name: &str) -> UserId {
    let (id, login) = (user_id(0), login(name));
    let new = store_users::NewUser {
        id,
        login: &login,
        name: None,
        role: Role::User,
        attributes: &Attributes::default(),
        password_hash: Some("hash"),
    };
    assert!(commit(db, async |tx| store_users::insert(tx, &new, NOW).await).await);
    id
}

/// A session that is valid for an hour, as a log-in would open it.
fn session(user: UserId) -> Session {
    let id = session_id(0);
    Session {
        id,
        branch: BranchId::from_uuid(id.uuid()),
        user_id: user,
        client_id: "signet".to_owned(),
        audience: None,
        scopes: Scopes::default(),
        chain: Chain::opened(NOW),
        created_at: NOW,
        idle_expires_at: after(3_600),
        expires_at: after(3_600),
        revoked: None,
        user_epoch: 0,
        grant_type: None,
        auth_time: NOW,
        factors: None,
        browser: None,
        asked_claims: RequestedClaims::default(),
        dpop_jkt: None,
        requested_scopes: None,
    }
}

/// A sign-in at Signet's own pages that is valid for an hour.
fn log_in(user: UserId) -> BrowserSession {
    BrowserSession {
        id: BrowserId::new(NOW, &SystemEntropy),
        user_id: user,
        user_epoch: 0,
        auth_time: NOW,
        factors: None,
        expires_at: after(3_600),
        persistent: false,
        ended_at: None,
    }
}

/// Begins a sign-in at the pages and returns it.
async fn begun(db: &Db, number: u8, user: UserId) -> BrowserSession {
    let (browser, cookie) = (log_in(user), hash(number));
    assert!(
        commit(db, async |tx| store_browsers::begin(tx, &browser, &cookie, &Device::default())
            .await)
        .await
    );
    browser
}

/// A consent of a user to a client, with nothing optional.
fn authorization(user: UserId) -> Authorization {
    Authorization {
        client_id: "shop".to_owned(),
        user_id: user,
        user_epoch: 0,
        browser: None,
        auth_time: NOW,
        factors: None,
        scopes: scopes("openid"),
        dropped: RequestedScopes::default(),
        audience: None,
        asked_claims: RequestedClaims::default(),
        nonce: None,
        redirect_uri: None,
        code_challenge: None,
        dpop_jkt: None,
        by_consent: false,
        pushed: false,
    }
}

/// The same with every optional value.
fn full_authorization(user: UserId) -> Authorization {
    let text = |what: &str| Some(format!("{what} \" \\ \u{1} 🗝 {}", "x".repeat(2_000)));
    Authorization {
        client_id: "ein Klient 🗝".to_owned(),
        user_epoch: i64::MAX,
        browser: Some(BrowserId::new(NOW, &SystemEntropy)),
        auth_time: Timestamp::from_millis(i64::MIN),
        factors: None,
        scopes: scopes("openid b a offline_access"),
        dropped: RequestedScopes::parse("email no:such:scope").unwrap(),
        audience: text("audience"),
        asked_claims: asked_claims(),
        nonce: text("nonce"),
        redirect_uri: text("https://app.example.com/cb?"),
        code_challenge: text("challenge"),
        dpop_jkt: text("thumbprint"),
        by_consent: true,
        pushed: true,
        ..authorization(user)
    }
}

fn asked_claims() -> RequestedClaims {
    RequestedClaims { id_token: vec!["name".to_owned()], userinfo: vec!["roles".to_owned()] }
}

/// The hash of a secret of which only the number matters.
fn hash(number: u8) -> TokenHash {
    TokenHash::from_digest([number; 32])
}

/// The results of twenty concurrent runs of the same work.
async fn at_once<T>(work: impl AsyncFn(u8) -> T) -> Vec<T> {
    join_all((0..20).map(|number| work(number))).await
}

/// The successful runs: the indices at which `all` is true.
fn winners(all: impl IntoIterator<Item = bool>) -> Vec<usize> {
    all.into_iter().enumerate().filter_map(|(number, won)| won.then_some(number)).collect()
}

/// Opens `session` and returns it.
async fn opened(db: &Db, session: Session) -> Session {
    let device = Device::default();
    let open = commit(db, async |tx| test_sessions::open(tx, &session, &device).await).await;
    assert!(open, "the epoch is the user's");
    session
}

/// The stored session.
async fn stored(db: &Db, id: SessionId) -> Session {
    store_sessions::with_user(&mut reader(db).await, id).await.unwrap().unwrap().0
}

/// All rows of a list, read two at a time; asserts that only the last page has no successor.
async fn walk<T>(mut page: impl AsyncFnMut(PageRequest) -> Result<Page<T>, Fault>) -> Vec<T> {
    let mut rows = Vec::new();
    let mut request = PageRequest { after: None, limit: 2 };
    loop {
        let part = page(request).await.unwrap();
        assert!(part.data.len() <= 2);
        let Some(cursor) = part.next else {
            rows.extend(part.data);
            return rows;
        };
        assert_eq!(part.data.len(), 2, "only the last page is short");
        rows.extend(part.data);
        request.after = Some(PageRequest::cursor(&cursor).unwrap());
    }
}

/// Whether `fault` is a mistake in the code rather than a state of the environment.
fn is_internal(fault: &Fault) -> bool {
    fault.kind == signet::domain::outcome::FaultKind::Internal
}
