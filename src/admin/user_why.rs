//! Why a user cannot sign in: the stored state and recent events, collected for [`diagnose`].

use std::net::IpAddr;

use crate::app::App;
use crate::app::limits::Subject;
use crate::base::id::UserId;
use crate::base::nearest_name::distance;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit::{Event, EventKind, Via};
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::password::hash_cost;
use crate::domain::permission::Action;
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::domain::sign_in_diagnosis::{
    ADDRESS_REFILLS, AccountFacts, CountedFrom, FailedAttempts, Finding, Lock, Observed,
    StoredPassword, UnknownFacts, diagnose, diagnose_unknown,
};
use crate::domain::user::User;
use crate::identity::factors::{Overview, overview};
use crate::identity::lockout::too_many;
use crate::identity::{failed_attempts, sign_in_counters};
use crate::store::audit::{self, StoredEvent};
use crate::store::db::Reader;
use crate::store::users::{self, Credential};
use crate::store::{email_owners, login_names};

use super::users::not_found;

/// The period in which failures are reported.
const FAILURES: TimeSpan = TimeSpan::from_days(30);
/// The period in which a success is searched for.
const SUCCESSES: TimeSpan = TimeSpan::from_days(90);
/// The period in which overload is reported.
const OVERLOAD: TimeSpan = TimeSpan::from_mins(15);
/// The number of failures that are read. Their networks identify the counters.
const READ: i64 = 200;
/// The number of failures that are reported.
const TOLD: usize = 10;
/// The number of login names before and after an unknown one that are compared with it.
const NEIGHBOURS: i64 = 200;
/// The largest edit distance of a similar login name.
const ERRORS: usize = 2;

/// The report about a login name.
pub struct UserReport {
    /// The login name as typed, or as the account displays it.
    pub login: String,
    /// The account, if there is one.
    pub account: Option<AccountReport>,
    /// The causes.
    pub findings: Vec<Finding>,
    /// Similar login names, if this one is unknown.
    pub nearest: Vec<String>,
    /// The running counters.
    pub locks: Vec<Lock>,
    /// The last failures, newest first.
    pub failures: Vec<StoredEvent>,
    /// Addresses that are currently refused, with any account.
    pub limited: Vec<IpAddr>,
}

/// The state of an account.
pub struct AccountReport {
    /// The user.
    pub user: User,
    /// The password.
    pub password: StoredPassword,
    /// The second factors.
    pub factors: Overview,
    /// The last sign-in of the last ninety days.
    pub last_success: Option<StoredEvent>,
}

impl UserReport {
    /// Whether nothing prevents the user from signing in.
    #[must_use]
    pub const fn is_good(&self) -> bool {
        self.findings.is_empty()
    }
}

/// Why the user with this id cannot sign in.
///
/// # Errors
/// `not_found`.
pub async fn why(app: App, id: UserId, now: Timestamp) -> Result<UserReport, Failure> {
    let mut reader = app.db.reader().await?;
    let found = users::credential_of(&mut reader, id).await?.ok_or_else(not_found)?;
    of_account(&app, reader, found, now).await
}

/// Why a user cannot sign in with `login`, a login name or a verified e-mail address as typed. It may be one without
/// an account. Users also type passwords into that field, and the report reveals whether a text was typed there. So
/// callers are rate-limited and recorded, and see addresses only if they may read the audit trail.
///
/// # Errors
/// `too_many_attempts`; faults.
pub async fn why_login(app: App, login: String, info: RequestInfo) -> Result<UserReport, Failure> {
    limit_lookups(&app, &info)?;
    let now = info.now;
    let mut reader = app.db.reader().await?;
    let parsed = LoginName::parse(&login).ok();
    let key = match &parsed {
        None => login.clone(),
        Some(typed) if typed.is_email() => {
            let found = email_owners::login_key_of(&mut reader, typed.key()).await?;
            found.unwrap_or_else(|| typed.key().to_owned())
        }
        Some(typed) => typed.key().to_owned(),
    };
    match users::credential(&mut reader, &key).await? {
        Some(found) => of_account(&app, reader, found, now).await,
        None => unknown(&app, reader, (login, key), info).await,
    }
}

async fn of_account(
    app: &App,
    mut reader: Reader,
    found: Credential,
    now: Timestamp,
) -> Result<UserReport, Failure> {
    let Credential { user, password_hash, has_totp, has_passkey, .. } = found;
    let login = user.login_name()?;
    let (observed, mut failures) =
        observe(app, &mut reader, (login.key(), Some(user.id)), now).await?;
    let last_success = audit::last_success(&mut reader, user.id, now - SUCCESSES).await?;
    drop(reader);
    let password = match password_hash.as_deref() {
        None => StoredPassword::None,
        Some(hash) => hash_cost(hash)
            .map_or(StoredPassword::Unreadable, |cost| StoredPassword::Hash(cost.class.to_owned())),
    };
    let requires = app.config.second_factor.is_required(user.role, now);
    let facts = AccountFacts {
        login: user.login.clone(),
        disabled_at: user.disabled_at,
        password: password.clone(),
        must_change_password: user.must_change_password,
        lacks_second_factor: requires && !has_totp && !has_passkey,
        last_success: last_success.as_ref().map(|event| event.at),
        last_address: last_success
            .as_ref()
            .and_then(|event| event.address.as_deref()?.parse().ok()),
    };
    let findings = diagnose(&facts, &observed, now);
    let factors = overview(app.clone(), user.id).await?;
    failures.truncate(TOLD);
    Ok(UserReport {
        login: user.login.clone(),
        account: Some(AccountReport { user, password, factors, last_success }),
        findings,
        nearest: Vec::new(),
        locks: observed.locks,
        failures,
        limited: observed.limited,
    })
}

/// Counts a lookup by a caller without the full right.
fn limit_lookups(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    let purpose = RateLimit::LoginLookup;
    let subject = match (info.origin.actor, &info.origin.client) {
        _ if !app.config.rate_limits || info.authority.is_full() => return Ok(()),
        (Some(user), _) => Subject::of_user(purpose, user),
        (None, Some(client)) => Subject::named(purpose, info.address(), &client.client_id),
        (None, None) => return Ok(()),
    };
    app.address_limiter.take(subject).map_err(|wait| too_many(app, wait, purpose.as_str()))
}

/// Removes the addresses of attempts.
fn without_addresses(observed: &mut Observed, events: &mut [StoredEvent]) {
    events.iter_mut().for_each(|event| event.address = None);
    observed.failures.iter_mut().for_each(|failure| failure.address = None);
    for lock in &mut observed.locks {
        if let CountedFrom::Network(network) = &mut lock.from {
            *network = None;
        }
    }
    observed.limited.clear();
}

async fn unknown(
    app: &App,
    mut reader: Reader,
    (login, key): (String, String),
    info: RequestInfo,
) -> Result<UserReport, Failure> {
    let now = info.now;
    let (mut observed, mut failures) = observe(app, &mut reader, (&key, None), now).await?;
    if info.authority.require(Action::ReadAudit).is_err() {
        without_addresses(&mut observed, &mut failures);
    }
    let facts = UnknownFacts {
        former: login_names::login_of_former(&mut reader, &key).await?,
        unverified: email_owners::login_without_proof(&mut reader, &key).await?,
        nearest: nearest(&mut reader, &key).await?,
    };
    drop(reader);
    if info.origin.via == Via::Http {
        let event = Event::new(EventKind::LoginExplained);
        let login_ref = failed_attempts::login_ref(app, &key);
        app.transaction(&info, async |tx| {
            Ok(tx.record(&event.clone().of_login(login_ref.clone())).await?)
        })
        .await?;
    }
    let findings = diagnose_unknown(&facts, &observed, now);
    failures.truncate(TOLD);
    let (nearest, Observed { locks, limited, .. }) = (facts.nearest, observed);
    Ok(UserReport { login, account: None, findings, nearest, locks, failures, limited })
}

async fn observe(
    app: &App,
    reader: &mut Reader,
    (key, user): (&str, Option<UserId>),
    now: Timestamp,
) -> Result<(Observed, Vec<StoredEvent>), Fault> {
    let login_ref = failed_attempts::login_ref(app, key);
    let events = audit::attempts(reader, &login_ref, now - FAILURES, READ).await?;
    let mut addresses: Vec<IpAddr> =
        events.iter().filter_map(|event| event.address.as_deref()?.parse().ok()).collect();
    addresses.dedup();
    let locks = sign_in_counters::running(app, reader, (key, user), &addresses, now).await?;
    let shed = audit::shed_since(reader, now - OVERLOAD).await?;
    let failures = events.iter().map(failed).collect();
    let limited = limited_addresses(reader, now).await?;
    Ok((Observed { locks, failures, shed, limited }, events))
}

/// The addresses that at least one process refuses, without duplicates.
async fn limited_addresses(reader: &mut Reader, now: Timestamp) -> Result<Vec<IpAddr>, Fault> {
    let cut = now - ADDRESS_REFILLS;
    // A row covers the refusals of a minute.
    let since = cut - TimeSpan::from_mins(1);
    let mut limited: Vec<IpAddr> = Vec::new();
    for (address, at) in audit::addresses_refused(reader, since, READ).await? {
        if let Ok(address) = address.parse()
            && at >= cut
            && !limited.contains(&address)
            && limited.len() < TOLD
        {
            limited.push(address);
        }
    }
    Ok(limited)
}

fn failed(event: &StoredEvent) -> FailedAttempts {
    FailedAttempts {
        last_at: event.last_at.unwrap_or(event.at),
        kind: event.kind.clone(),
        reason: event.reason.clone(),
        detail: event.detail.clone(),
        address: event.address.clone(),
        times: event.times,
    }
}

/// Up to five login names similar to `key`, among its neighbours in sort order.
async fn nearest(reader: &mut Reader, key: &str) -> Result<Vec<String>, Fault> {
    // The comparison takes quadratic time.
    if key.len() > 128 {
        return Ok(Vec::new());
    }
    let near = login_names::neighbours(reader, key, NEIGHBOURS).await?;
    let mut ranked: Vec<(usize, String)> =
        near.into_iter().map(|login| (distance(key, &login), login)).collect();
    ranked.retain(|(errors, _)| *errors <= ERRORS);
    ranked.sort();
    Ok(ranked.into_iter().take(5).map(|(_, login)| login).collect())
}
