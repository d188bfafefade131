//! Guessing passwords: counted before the password is looked at.
//!
//! Owns which counters a try goes through. Three: the address (memory of this process), the account
//! seen from this network, and the account seen from all networks it does not know (database). A
//! known network skips the third, so strangers cannot lock the owner out; see docs/threat-model.md.

use std::net::IpAddr;

use crate::app::{App, network};
use crate::base::{Span, Timestamp};
use crate::domain::limit::{
    ACCOUNT_FROM_NETWORK, ACCOUNT_FROM_STRANGERS, ADDRESS_FAILURES, KNOWN_NETWORK, Limit,
};
use crate::domain::stop::{Code, Fault, Refusal, Stop};
use crate::metrics::Metrics;
use crate::store::{Tx, limits};

const LOGIN: &str = "login";

/// A try that was counted and may yet be forgiven.
pub struct Counted {
    address: Option<IpAddr>,
    from_network: Vec<u8>,
    from_strangers: Vec<u8>,
    known: Vec<u8>,
    is_known: bool,
    active: bool,
}

/// The refusal of somebody who tried too often.
pub fn too_many(app: &App, wait: Span, which: &'static str) -> Refusal {
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
) -> Result<Counted, Stop> {
    let pseudonyms = app.seal.pseudonyms();
    let net = address.map_or_else(String::new, |address| network(address).to_string());
    let (key, net) = (key.as_bytes(), net.as_bytes());
    let counted = Counted {
        address,
        from_network: pseudonyms.of("login/network", &[key, net]),
        from_strangers: pseudonyms.of("login/strangers", &[key]),
        known: pseudonyms.of("login/known", &[key, net]),
        is_known: false,
        active: app.config.rate_limits,
    };
    if !counted.active {
        return Ok(counted);
    }
    app.addresses
        .take(LOGIN, ADDRESS_FAILURES, address, now)
        .map_err(|wait| too_many(app, wait, "login_address"))?;
    match count_account(app, counted, now).await {
        Ok(counted) => Ok(counted),
        Err(stop) => {
            // What is refused for the account's sake costs the address nothing more than it did;
            // a fault of ours costs it nothing at all.
            if matches!(stop, Stop::Failed(_)) {
                app.addresses.give_back(LOGIN, ADDRESS_FAILURES, address);
            }
            Err(stop)
        }
    }
}

async fn count_account(app: &App, mut counted: Counted, now: Timestamp) -> Result<Counted, Stop> {
    let mut tx = app.db.begin().await?;
    let outcome = async {
        let known = limits::is_known_network(&mut tx, &counted.known, now - KNOWN_NETWORK).await?;
        let mut tries: Vec<(&[u8], Limit)> = vec![(&counted.from_network, ACCOUNT_FROM_NETWORK)];
        if !known {
            tries.push((&counted.from_strangers, ACCOUNT_FROM_STRANGERS));
        }
        for (pseudonym, limit) in tries {
            if let Err(ends_at) = limits::count_try(&mut tx, pseudonym, limit, now).await? {
                return Ok::<_, Fault>(Err(ends_at - now));
            }
        }
        Ok(Ok(known))
    }
    .await;
    match outcome {
        Ok(Ok(known)) => {
            tx.commit().await?;
            counted.is_known = known;
            Ok(counted)
        }
        // Over the limit: nothing is written, so that a flood of refused tries costs no disk.
        Ok(Err(wait)) => {
            tx.rollback().await;
            Err(too_many(app, wait, "login_account").into())
        }
        Err(fault) => {
            tx.rollback().await;
            Err(fault.into())
        }
    }
}

impl Counted {
    /// The password was right: takes the try back in the transaction that records the log-in, and
    /// remembers the network.
    pub async fn forgive(&self, tx: &mut Tx, now: Timestamp) -> Result<(), Fault> {
        if !self.active {
            return Ok(());
        }
        limits::forgive(tx, &self.from_network).await?;
        if !self.is_known {
            limits::give_back(tx, &self.from_strangers).await?;
        }
        limits::remember_network(tx, &self.known, now, now - Span::from_days(1)).await
    }

    /// The same for the address, once that transaction is committed.
    pub fn forgive_address(&self, app: &App) {
        if self.active {
            app.addresses.give_back(LOGIN, ADDRESS_FAILURES, self.address);
        }
    }
}
