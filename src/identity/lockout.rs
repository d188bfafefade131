//! Guessing passwords: counted before the password is looked at.
//!
//! Owns which counters a try goes through. Three: the address (memory of this process), the account
//! seen from this network, and the account seen from all networks it does not know (database). A
//! known network skips the third, so strangers cannot lock the owner out; see docs/threat-model.md.

use std::net::IpAddr;

use crate::app::App;
use crate::app::limits::{PendingAttempt, network};
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::password::Lane;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::rate_limit::{
    ACCOUNT_FROM_NETWORK, ACCOUNT_FROM_STRANGERS, ADDRESS_FAILURES, KNOWN_NETWORK, Limit,
};
use crate::metrics::Metrics;
use crate::store::{Tx, login_limits};

const LOGIN: &str = "login";

/// A try that was counted and may yet be forgiven.
pub struct Counted {
    address: Option<IpAddr>,
    from_network: Vec<u8>,
    from_strangers: Vec<u8>,
    known: Vec<u8>,
    seen: Vec<u8>,
    is_known: bool,
    active: bool,
    /// Lets the next one that waits for this account go on when this try is decided.
    _undecided: Option<PendingAttempt>,
}

/// The refusal of somebody who tried too often.
pub fn too_many(app: &App, wait: TimeSpan, which: &'static str) -> Refusal {
    Metrics::count(&app.metrics.limited, which);
    Refusal::new(Code::TooManyAttempts, "Too many attempts. Wait, then try again.")
        .retry_after(wait)
}

/// Counts one try at the account named by `key` (the normalised login, or what was typed when it
/// is none) from `address`. Statements and answers are the same whether the account exists or not.
pub async fn count(
    app: &App,
    key: &str,
    address: Option<IpAddr>,
    now: Timestamp,
) -> Result<Counted, Failure> {
    let pseudonyms = &app.pseudonyms;
    let net = address.map_or_else(String::new, |address| network(address).to_string());
    let (key, net) = (key.as_bytes(), net.as_bytes());
    let counted = Counted {
        address,
        from_network: pseudonyms.of("login/network", &[key, net]),
        from_strangers: pseudonyms.of("login/strangers", &[key]),
        known: pseudonyms.of("login/known", &[key, net]),
        seen: seen(app, address),
        is_known: false,
        active: app.config.rate_limits,
        _undecided: None,
    };
    if !counted.active {
        return Ok(counted);
    }
    app.address_limiter
        .take(LOGIN, ADDRESS_FAILURES, address, now)
        .map_err(|wait| too_many(app, wait, "login_address"))?;
    match count_account(app, counted, now).await {
        Ok(counted) => Ok(counted),
        Err(stop) => {
            // What is refused for the account's sake costs the address nothing more than it did;
            // a fault of ours costs it nothing at all.
            if matches!(stop, Failure::Failed(_)) {
                app.address_limiter.give_back(LOGIN, ADDRESS_FAILURES, address);
            }
            Err(stop)
        }
    }
}

/// Counts the try at its account. Where that is used up by tries this process is still looking at,
/// it waits for them as long as a hash may wait: thirty log-ins of one account at the same moment
/// are no attack if all of them are right.
async fn count_account(
    app: &App,
    mut counted: Counted,
    now: Timestamp,
) -> Result<Counted, Failure> {
    let patience = app.config.hash_max_wait.std();
    match tokio::time::timeout(patience, count_in_turn(app, &counted, now)).await {
        Ok(Ok((known, undecided))) => {
            counted.is_known = known;
            counted._undecided = Some(undecided);
            Ok(counted)
        }
        Ok(Err(Uncounted::Full(wait))) => Err(too_many(app, wait, "login_account").into()),
        Ok(Err(Uncounted::Failed(fault))) => Err(fault.into()),
        Err(_) => Err(too_many(app, TimeSpan::from_secs(1), "login_account").into()),
    }
}

async fn count_in_turn(
    app: &App,
    counted: &Counted,
    now: Timestamp,
) -> Result<(bool, PendingAttempt), Uncounted> {
    let turn = app.attempt_gate.take(&counted.from_network).await;
    loop {
        // Asked before counting: what is decided in between is no reason to wait.
        let may_change = turn.may_change();
        match try_to_count(app, counted, now).await {
            Ok(known) => return Ok((known, turn.counted())),
            Err(Uncounted::Full(_)) if may_change => turn.one_decided().await,
            Err(uncounted) => return Err(uncounted),
        }
    }
}

/// Why a try could not be counted.
enum Uncounted {
    /// The limit is used up for so long.
    Full(TimeSpan),
    Failed(Fault),
}

impl From<Fault> for Uncounted {
    fn from(fault: Fault) -> Self {
        Self::Failed(fault)
    }
}

/// Counts once; whether the network is known to the account.
async fn try_to_count(app: &App, counted: &Counted, now: Timestamp) -> Result<bool, Uncounted> {
    let mut tx = app.db.begin().await?;
    let outcome = async {
        let known =
            login_limits::is_known_network(&mut tx, &counted.known, now - KNOWN_NETWORK).await?;
        let mut tries: Vec<(&[u8], Limit)> = vec![(&counted.from_network, ACCOUNT_FROM_NETWORK)];
        if !known {
            tries.push((&counted.from_strangers, ACCOUNT_FROM_STRANGERS));
        }
        for (pseudonym, limit) in tries {
            if let Err(ends_at) = login_limits::count_try(&mut tx, pseudonym, limit, now).await? {
                return Err(Uncounted::Full(ends_at - now));
            }
        }
        Ok(known)
    }
    .await;
    if outcome.is_ok() {
        tx.commit().await?;
    } else {
        // Over the limit nothing is written, so that a flood of refused tries costs no disk.
        tx.rollback().await;
    }
    outcome
}

/// The lane in which somebody from this address waits for a hash. It depends on the network and not
/// on the account: among known networks, who is served first would tell who has an account.
///
/// # Errors
/// When the database cannot be read.
pub async fn lane(app: &App, address: Option<IpAddr>, now: Timestamp) -> Result<Lane, Fault> {
    let familiar_here = match app.seen_networks.get(address, now) {
        Some(known) => known,
        // Nothing is written down either.
        None if !app.config.rate_limits => false,
        None => {
            let mut reader = app.db.reader().await?;
            let (name, since) = (seen(app, address), now - KNOWN_NETWORK);
            let known = login_limits::is_known_network(&mut reader, &name, since).await?;
            app.seen_networks.learn(address, known, now);
            known
        }
    };
    Ok(if familiar_here { Lane::Known } else { Lane::Stranger })
}

/// The pseudonym under which a network stands that anybody has logged in from.
fn seen(app: &App, address: Option<IpAddr>) -> Vec<u8> {
    let net = address.map_or_else(String::new, |address| network(address).to_string());
    app.pseudonyms.of("login/familiar", &[net.as_bytes()])
}

impl Counted {
    /// The password was not looked at: takes the try back.
    ///
    /// # Errors
    /// When the database cannot be written.
    pub async fn take_back(&self, app: &App) -> Result<(), Fault> {
        if !self.active {
            return Ok(());
        }
        app.address_limiter.give_back(LOGIN, ADDRESS_FAILURES, self.address);
        let mut tx = app.db.begin().await?;
        login_limits::give_back(&mut tx, &self.from_network).await?;
        if !self.is_known {
            login_limits::give_back(&mut tx, &self.from_strangers).await?;
        }
        tx.commit().await
    }

    /// The password was right: takes the try back in the transaction that records the log-in, and
    /// remembers the network.
    pub async fn forgive(&self, app: &App, tx: &mut Tx, now: Timestamp) -> Result<(), Fault> {
        if !self.active {
            return Ok(());
        }
        login_limits::forgive(tx, &self.from_network).await?;
        if !self.is_known {
            login_limits::give_back(tx, &self.from_strangers).await?;
        }
        let yesterday = now - TimeSpan::from_days(1);
        login_limits::remember_network(tx, &self.known, now, yesterday).await?;
        if app.seen_networks.is_noted(self.address, now) {
            return Ok(());
        }
        login_limits::remember_network(tx, &self.seen, now, yesterday).await
    }

    /// The same for the address, once that transaction is committed.
    pub fn forgive_address(&self, app: &App, now: Timestamp) {
        app.seen_networks.log_in(self.address, now);
        if self.active {
            app.address_limiter.give_back(LOGIN, ADDRESS_FAILURES, self.address);
        }
    }
}
