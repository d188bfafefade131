//! Proving who one is, with login and password: for a log-in at `/v1` and for one at the pages.
//!
//! Owns the order: a place to hash, counted, read, hashed, decided. A wrong login and a wrong password take the same
//! way and the same time, and leave the same trace.

use crate::app::{App, PasswordNotHashed};
use crate::base::Timestamp;
use crate::crypto::password::Lane;
use crate::domain::audit::{Event, EventKind};
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::password::{Account, Password, Verdict, decide};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::metrics::Metrics;
use crate::store::Tx;
use crate::store::users::{self, Credential};

use super::lockout::{self, Counted};

/// Somebody whose password was right a moment ago. What they do with it is guarded by the epoch that
/// was read with the hash.
pub(super) struct AuthenticatedUser {
    /// The user.
    pub user: User,
    counted: Counted,
    rehash: Option<(String, String)>,
}

/// The one answer to a wrong login, a wrong password and a disabled user.
#[must_use]
pub fn invalid_credentials() -> Refusal {
    Refusal::new(Code::InvalidCredentials, "The login or the password is not right.")
}

/// Checks a password.
///
/// # Errors
/// [`invalid_credentials`], too many attempts; unavailable when hashing or storage cannot keep up.
pub(super) async fn authenticate_user(
    app: &App,
    lane: Lane,
    login: &str,
    password: Password,
    info: &RequestInfo,
) -> Result<AuthenticatedUser, Failure> {
    let now = info.now;
    // Before the try is counted: what is turned away costs neither a write nor a try.
    let place = app.reserve_hash_slot(lane, info.address())?;
    let parsed = LoginName::parse(login).ok();
    // What is no login at all goes the same way as one that nobody has.
    let key = parsed.as_ref().map_or(login, LoginName::key);
    let counted = match lockout::count(app, key, info.address(), now).await {
        Ok(counted) => counted,
        Err(stop) => {
            Metrics::count(&app.metrics.logins, "throttled");
            return Err(stop);
        }
    };
    let credential = {
        let mut reader = app.db.reader().await?;
        users::credential(&mut reader, key).await?
    };
    let stored = credential.as_ref().and_then(|found| found.password_hash.clone());
    // No connection is held from here to the next transaction: hashing takes its time.
    let verified = match app.verify_password(place, password.clone(), stored.clone()).await {
        Ok(verified) => verified,
        Err(why) => return Err(unhashed(app, counted, why).await),
    };
    let verdict = decide(credential.as_ref().map(account), verified.check, verified.outdated);
    match (verdict, credential) {
        (Verdict::Accept { rehash }, Some(found)) => {
            let new = if rehash { rehashed(app, password, info).await } else { None };
            Ok(AuthenticatedUser { user: found.user, counted, rehash: stored.zip(new) })
        }
        _ => refuse(app, key, info).await,
    }
}

impl AuthenticatedUser {
    /// Takes the try back, in the transaction that records what came of it.
    pub async fn forgive(&self, app: &App, tx: &mut Tx, now: Timestamp) -> Result<(), Fault> {
        self.counted.forgive(app, tx, now).await
    }

    /// Stores the hash at the cost in force, where the old one was made at another.
    pub async fn rehash(&self, tx: &mut Tx) -> Result<(), Fault> {
        match &self.rehash {
            Some((old, new)) => users::rehash(tx, self.user.id, old, new).await,
            None => Ok(()),
        }
    }

    /// Takes the try of the address back, once that transaction is committed.
    pub fn forgive_address(&self, app: &App, now: Timestamp) {
        self.counted.forgive_address(app, now);
    }
}

/// The hash at the cost in force. A new cost is no reason to fail a log-in, nor to let others wait:
/// the next log-in will try again.
async fn rehashed(app: &App, password: Password, info: &RequestInfo) -> Option<String> {
    if app.hasher.queue_depth() > 0 {
        return None;
    }
    let place = app.reserve_hash_slot(Lane::Known, info.address()).ok()?;
    app.hash_password(place, password).await.ok()
}

/// A password that was not looked at is no try, unless it was the caller who did not wait: hanging
/// up must not be a way to guess.
pub(super) async fn unhashed(app: &App, counted: Counted, why: PasswordNotHashed) -> Failure {
    if matches!(why, PasswordNotHashed::Late(_))
        && let Err(fault) = counted.take_back(app).await
    {
        tracing::debug!(%fault, "a try that was not looked at stays counted");
    }
    why.into()
}

/// What [`decide`] wants to know about a stored credential.
pub(super) fn account(found: &Credential) -> Account {
    Account {
        enabled: found.user.disabled_at.is_none(),
        has_password: found.password_hash.is_some(),
    }
}

/// Records a failure: one row a minute for each login and network, and the same one for a login
/// that exists and one that does not, so that nobody can fill the disk or read the difference.
async fn refuse<T>(app: &App, key: &str, info: &RequestInfo) -> Result<T, Failure> {
    Metrics::count(&app.metrics.logins, "failed");
    let minute = info.now.secs().div_euclid(60).to_be_bytes();
    let address = info.address().map_or_else(String::new, |address| address.to_string());
    let parts: [&[u8]; 3] = [key.as_bytes(), address.as_bytes(), &minute];
    let fold = app.pseudonyms.of("audit/login.failed", &parts);
    let event = Event::new(EventKind::LoginFailed).folded(fold);
    app.transaction(info, async |tx| {
        tx.record(&event).await?;
        Err(invalid_credentials().into())
    })
    .await
}
