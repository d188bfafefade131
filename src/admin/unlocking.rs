//! Unlocks users who are locked out by failed attempts.
//!
//! The counters of the account are cleared in the database at once. Those of a network are in the memory of each
//! process, which clears them when it next reads changes.

use std::net::IpAddr;

use crate::app::{App, AuditedTx};
use crate::base::TimeSpan;
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::network::network;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::identity::unlock;
use crate::store::{audit, unlocked_networks, users};

use super::authorization::authorize_on_user;
use super::users::not_found;

/// How recently a network must have been refused to be unlocked with the account.
const REFUSED_WITHIN: TimeSpan = TimeSpan::from_mins(15);
/// The most networks that are unlocked with an account.
const MAX_NETWORKS: i64 = 8;

/// Reads an address, or a network in the form that Signet displays: an address whose host bits are 0.
///
/// # Errors
/// Refused when it is neither.
pub fn parse_network(text: &str) -> Result<IpAddr, Refusal> {
    // Attempts are counted by IPv4 address and by IPv6 /64.
    let parsed = match text.split_once('/') {
        None => text.parse::<IpAddr>().ok(),
        Some((address, bits)) => address.parse().ok().filter(|address: &IpAddr| {
            bits == if address.to_canonical().is_ipv4() { "32" } else { "64" }
        }),
    };
    parsed.map(network).ok_or_else(|| {
        let message = "A network is an IP address, such as 192.0.2.7, or the /64 of an IPv6 address, such as \
                       2001:db8:1:2::/64.";
        Refusal::field("network", "invalid", message)
    })
}

/// Clears the counters of failed attempts at the password and the second factors of a user: those of one network, or
/// of all. The failures of the network with any account are cleared as well if it was recently refused with this
/// account and the account has signed in from it, or if the caller may change protected targets. Other callers could
/// otherwise unlock a network that attacks other accounts.
///
/// # Errors
/// `not_found`; `conflict` when there is no counter for the user and the network.
pub async fn unlock(
    app: App,
    id: UserId,
    only: Option<IpAddr>,
    info: RequestInfo,
) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        let user = users::find(&mut **tx, id).await?.ok_or_else(not_found)?;
        authorize_on_user(tx, Action::UnlockUser, &user).await?;
        match only {
            Some(address) => {
                let counted = unlock::clear_network(tx, &user, address).await?;
                let refused = was_refused(tx, id, address).await?;
                if tx.info().authority.is_full()
                    || refused && unlock::knows_network(tx, &user, address).await?
                {
                    unlock_network(tx, address).await?;
                } else if !counted {
                    return Err(nothing_counted(address).into());
                }
            }
            None => {
                clear(tx, &user).await?;
                for address in refused_addresses(tx, id).await? {
                    if tx.info().authority.is_full()
                        || unlock::knows_network(tx, &user, address).await?
                    {
                        unlock_network(tx, address).await?;
                    }
                }
            }
        }
        let mut event = Event::new(EventKind::UserUnlocked).about(id);
        event.detail = only.map(|address| network(address).to_string());
        Ok(tx.record(&event).await?)
    })
    .await?;
    Ok(app.reload_if_changed().await?)
}

/// Clears every counter of failed attempts of a user.
///
/// # Errors
/// When the database cannot be written.
pub(super) async fn clear(tx: &mut AuditedTx, user: &User) -> Result<(), Failure> {
    unlock::clear_passwords(tx, user.login_name()?.key()).await?;
    Ok(unlock::clear_second_factors(tx, user.id).await?)
}

/// The addresses that were recently refused with this account because of failures with any account.
async fn refused_addresses(tx: &mut AuditedTx, id: UserId) -> Result<Vec<IpAddr>, Failure> {
    let since = tx.info().now - REFUSED_WITHIN;
    let refused = audit::refused_networks(tx, id, since, MAX_NETWORKS).await?;
    Ok(refused.iter().filter_map(|address| address.parse().ok()).collect())
}

async fn was_refused(tx: &mut AuditedTx, id: UserId, address: IpAddr) -> Result<bool, Failure> {
    let refused = refused_addresses(tx, id).await?;
    Ok(refused.into_iter().any(|one| network(one) == network(address)))
}

fn nothing_counted(address: IpAddr) -> Refusal {
    let message = format!(
        "No failed attempts are counted for this user from the network {}, and the user has not signed in from it. See \
         the counters: GET /v1/admin/users/{{id}}/why, or signet user why LOGIN. Failed attempts of the network at other accounts expire, or are cleared by a user with the role admin.",
        network(address)
    );
    Refusal::new(Code::Conflict, "").with_message(message).advising()
}

async fn unlock_network(tx: &mut AuditedTx, address: IpAddr) -> Result<(), Failure> {
    let now = tx.info().now;
    Ok(unlocked_networks::unlock(tx, &network(address).to_string(), now).await?)
}
