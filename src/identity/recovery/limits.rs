//! How often a new password can be asked for, and codes guessed.
//!
//! Owns which limits a request is held against: those of the address that was typed are the same whether a user has it
//! or not, and are counted before that is known.

use crate::app::limits::Subject;
use crate::app::{App, AuditedTx};
use crate::domain::email_address::EmailAddress;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::rate_limit::{Limit, RECOVERY_FROM_NETWORK, RECOVERY_FROM_STRANGERS, RateLimit};
use crate::domain::request_info::RequestInfo;
use crate::identity::{admission, lockout};
use crate::store::email_owners;
use crate::store::login_limits::{self, Refused};

/// Takes one request of the network.
pub(super) fn take(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let purpose = RateLimit::Recovery;
    app.address_limiter
        .take(Subject::new(purpose, info.address()))
        .map_err(|wait| lockout::too_many(app, wait, purpose.as_str()))
}

/// Counts a request for `address`, from this network and, unless its user has logged in from here, from all others.
pub(super) async fn count(tx: &mut AuditedTx, address: &EmailAddress) -> Result<(), Failure> {
    let (app, info) = (tx.app(), tx.info());
    if !app.config.rate_limits {
        return Ok(());
    }
    let key = address.key();
    let network = admission::spelt(info.address());
    let here = app.pseudonyms.of("recovery/network", &[key.as_bytes(), network.as_bytes()]);
    count_in(tx, &here, RECOVERY_FROM_NETWORK).await?;
    // The same statements where no user has the address.
    let login = email_owners::login_key_of_owner(&mut **tx, key).await?;
    let login = login.as_deref().unwrap_or(key);
    if !admission::is_known_network(&app, &mut **tx, login, &info).await? {
        let everywhere = app.pseudonyms.of("recovery/strangers", &[key.as_bytes()]);
        count_in(tx, &everywhere, RECOVERY_FROM_STRANGERS).await?;
    }
    Ok(())
}

async fn count_in(tx: &mut AuditedTx, name: &[u8], limit: Limit) -> Result<(), Failure> {
    let (app, now) = (tx.app(), tx.info().now);
    match login_limits::count_try(tx, name, limit, now).await? {
        Ok(()) => Ok(()),
        Err(Refused { wait }) => Err(lockout::too_many(&app, wait, "recovery").into()),
    }
}

/// Refuses while wrong codes and passwords of this network have used its limit up.
pub(in crate::identity) fn check_guesses(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    lockout::check_network(app, info.address())
}

/// Counts a wrong code for the network, as a wrong password.
pub(in crate::identity) fn count_guess(app: &App, info: &RequestInfo) {
    if app.config.rate_limits {
        // Where the bucket is empty, the next step is refused.
        let _ = app.address_limiter.take(Subject::new(RateLimit::Login, info.address()));
    }
}
