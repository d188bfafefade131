//! The active counters of failed attempts of an account, for administrators.
//!
//! The database stores pseudonyms, so those of networks in the audit trail are computed and compared.

use std::collections::HashMap;
use std::net::IpAddr;

use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::network::network;
use crate::domain::outcome::Fault;
use crate::domain::rate_limit::{
    ACCOUNT_FROM_NETWORK, ACCOUNT_FROM_STRANGERS, LONGEST_WINDOW, RECOVERY_CODES,
    TOTP_FROM_NETWORK, TOTP_FROM_NETWORK_A_DAY, TOTP_FROM_STRANGERS,
};
use crate::domain::sign_in_diagnosis::{CountedFrom, Guarded, Lock};
use crate::store::{Link, audit, login_limits};

use super::attempt_names::AttemptNames;
use super::{admission, failed_attempts, second_factor};

/// The counters of the account named by `login_key`, and of the second factors of `user`. A counter of a network that
/// is not among `addresses` is shown without it.
///
/// # Errors
/// When the database cannot be read.
pub async fn running(
    app: &App,
    link: &mut impl Link,
    (login_key, user): (&str, Option<UserId>),
    addresses: &[IpAddr],
    now: Timestamp,
) -> Result<Vec<Lock>, Fault> {
    let mut networks: Vec<IpAddr> = addresses.iter().copied().map(network).collect();
    networks.sort_unstable();
    networks.dedup();
    let known = names(app, login_key, user, &networks);
    let mut accounts = vec![(admission::account_name(app, login_key), Guarded::Password)];
    accounts
        .extend(user.map(|user| (second_factor::account_name(app, user), Guarded::SecondFactor)));
    let mut locks = Vec::new();
    for (account, guarded) in accounts {
        for counter in login_limits::of_account(link, &account, now).await? {
            let found = known.iter().find(|known| known.name == counter.pseudonym);
            let (from, limit) = match found {
                Some(known) => (known.from, known.limit),
                None => (CountedFrom::Network(None), unnamed_limit(guarded)),
            };
            let (tries, until) = (counter.tries, counter.ends_at);
            locks.push(Lock { guarded, from, tries, limit, until });
        }
    }
    locks.sort_by_key(|lock| (std::cmp::Reverse(lock.is_closed()), std::cmp::Reverse(lock.tries)));
    Ok(locks)
}

/// Until when each of these accounts is closed to some network, after wrong passwords or wrong second factors; open
/// accounts are omitted.
///
/// # Errors
/// When the database cannot be read.
pub async fn closed_until(
    app: &App,
    link: &mut impl Link,
    accounts: &[(UserId, &str)],
    now: Timestamp,
) -> Result<HashMap<UserId, Timestamp>, Fault> {
    let mut names = HashMap::new();
    for &(user, key) in accounts {
        names.insert(admission::account_name(app, key), (user, key, Guarded::Password));
        names.insert(second_factor::account_name(app, user), (user, key, Guarded::SecondFactor));
    }
    let pseudonyms: Vec<Vec<u8>> = names.keys().cloned().collect();
    let counters = login_limits::of_accounts(link, &pseudonyms, LEAST_LIMIT, now).await?;
    let (mut closed, mut unclear) = (HashMap::new(), HashMap::new());
    for counter in &counters {
        let Some(&(user, key, guarded)) = names.get(&counter.account) else { continue };
        match guarded {
            Guarded::Password if !is_closed(app, key, counter) => {}
            Guarded::SecondFactor if counter.tries < TOTP_FROM_NETWORK_A_DAY.tries => {
                if counter.pseudonym != second_factor::name_of_strangers(app, user) {
                    unclear.insert(user, key);
                }
            }
            Guarded::Password | Guarded::SecondFactor => {
                keep_later(&mut closed, user, counter.ends_at);
            }
        }
    }
    // The limits of second factors differ, and only the network tells which one a counter has. Few accounts have such
    // a counter.
    for (user, key) in unclear {
        let login_ref = failed_attempts::login_ref(app, key);
        let since = now - LONGEST_WINDOW;
        let events = audit::attempts(link, &login_ref, since, EVENTS).await?;
        let addresses: Vec<IpAddr> =
            events.iter().filter_map(|event| event.address.as_deref()?.parse().ok()).collect();
        let locks = running(app, link, (key, Some(user)), &addresses, now).await?;
        for lock in locks.iter().filter(|lock| lock.is_closed()) {
            keep_later(&mut closed, user, lock.until);
        }
    }
    Ok(closed)
}

/// The fewest tries at which a counter of an account can be closed.
const LEAST_LIMIT: i64 = TOTP_FROM_NETWORK.tries;
/// The number of failures that are read for an account: their networks identify the counters.
const EVENTS: i64 = 200;

fn keep_later(closed: &mut HashMap<UserId, Timestamp>, user: UserId, until: Timestamp) {
    let latest = closed.entry(user).or_insert(until);
    *latest = until.max(*latest);
}

/// Whether a counter of the passwords of the account named by `login_key` closes it to some network.
fn is_closed(app: &App, login_key: &str, counter: &login_limits::StoredCounter) -> bool {
    let strangers = AttemptNames::new(app, login_key, None).from_strangers;
    let limit = match counter.pseudonym == strangers {
        true => ACCOUNT_FROM_STRANGERS,
        false => ACCOUNT_FROM_NETWORK,
    };
    counter.tries >= limit.tries
}

struct KnownName {
    name: Vec<u8>,
    from: CountedFrom,
    limit: i64,
}

fn names(app: &App, login_key: &str, user: Option<UserId>, networks: &[IpAddr]) -> Vec<KnownName> {
    let mut known = Vec::new();
    let mut add = |name, from, limit| known.push(KnownName { name, from, limit });
    let strangers = AttemptNames::new(app, login_key, None).from_strangers;
    add(strangers, CountedFrom::Strangers, ACCOUNT_FROM_STRANGERS.tries);
    if let Some(user) = user {
        let name = second_factor::name_of_strangers(app, user);
        add(name, CountedFrom::Strangers, TOTP_FROM_STRANGERS.tries);
    }
    for address in networks.iter().copied().map(Some).chain([None]) {
        let from = CountedFrom::Network(address);
        let name = AttemptNames::new(app, login_key, address).from_network;
        add(name, from, ACCOUNT_FROM_NETWORK.tries);
        if let Some(user) = user {
            let limits = [RECOVERY_CODES, TOTP_FROM_NETWORK, TOTP_FROM_NETWORK_A_DAY];
            let names = second_factor::names_of_network(app, user, address);
            for (name, limit) in names.into_iter().zip(limits) {
                add(name, from, limit.tries);
            }
        }
    }
    known
}

/// The limit of a counter with an unknown network: the highest, so that no open counter is reported as closed.
const fn unnamed_limit(guarded: Guarded) -> i64 {
    match guarded {
        Guarded::Password => ACCOUNT_FROM_NETWORK.tries,
        Guarded::SecondFactor => TOTP_FROM_NETWORK_A_DAY.tries,
    }
}
