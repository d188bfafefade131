//! The JSON of the sign-in diagnosis.

use serde_json::{Value, json};

use crate::admin::user_why::{AccountReport, UserReport};
use crate::domain::rate_limit::{
    ACCOUNT_FROM_NETWORK, ACCOUNT_FROM_STRANGERS, Limit, RECOVERY_CODES, TOTP_FROM_NETWORK,
    TOTP_FROM_STRANGERS,
};
use crate::domain::sign_in_diagnosis::{CountedFrom, Finding, Guarded, Lock, StoredPassword};

use super::audit::event;
use super::{factor, user};

/// The report about a login.
#[must_use]
pub fn user_report(report: &UserReport) -> Value {
    json!({
        "good": report.is_good(),
        "login": report.login,
        "exists": report.account.is_some(),
        "account": report.account.as_ref().map(account),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
        "nearest": report.nearest,
        "locks": report.locks.iter().map(lock).collect::<Vec<_>>(),
        "refused_addresses": report.limited,
        "failures": report.failures.iter().map(event).collect::<Vec<_>>(),
        "limits": limits(),
    })
}

fn account(report: &AccountReport) -> Value {
    let AccountReport { user: found, password, factors, last_success } = report;
    let class = match password {
        StoredPassword::None => None,
        StoredPassword::Unreadable => Some("unreadable"),
        StoredPassword::Hash(class) => Some(&**class),
    };
    let mut value = json!({
        "user": user(found),
        "has_password": class.is_some(),
        "password_class": class,
        "factors": factors.factors.iter().map(factor).collect::<Vec<_>>(),
        "recovery_codes": factors.recovery_codes,
        "asks_second": factors.asks_second,
    });
    if let Some(last) = last_success {
        value["last_success"] = event(last);
    }
    value
}

fn finding(finding: &Finding) -> Value {
    json!({ "code": finding.cause, "message": finding.message, "fix": finding.fix })
}

fn lock(lock: &Lock) -> Value {
    let (counts, network) = match lock.from {
        CountedFrom::Network(network) => ("network", network),
        CountedFrom::Strangers => ("unknown_networks", None),
    };
    json!({
        "guards": match lock.guarded {
            Guarded::Password => "password",
            Guarded::SecondFactor => "second_factor",
        },
        "counts": counts,
        "network": network.map(|network| network.to_string()),
        "tries": lock.tries,
        "limit": lock.limit,
        "locked": lock.is_closed(),
        "until": lock.until.rfc3339(),
    })
}

fn limits() -> Value {
    let limit = |name: &str, Limit { tries, window }: Limit| json!({ "name": name, "tries": tries, "window": window.secs() });
    json!([
        limit("password_from_network", ACCOUNT_FROM_NETWORK),
        limit("password_from_unknown_networks", ACCOUNT_FROM_STRANGERS),
        limit("totp_from_network", TOTP_FROM_NETWORK),
        limit("totp_from_unknown_networks", TOTP_FROM_STRANGERS),
        limit("recovery_codes_from_network", RECOVERY_CODES),
    ])
}
