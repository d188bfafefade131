//! Why a user cannot sign in.
//!
//! Owns the causes, their explanations and their fixes. The facts are collected elsewhere. Causes that block every
//! attempt come first, failures of the last attempts last.

use std::net::IpAddr;

use crate::base::{TimeSpan, Timestamp};
use crate::text_enum;

use super::network::network;
use super::shell_word::{command, option};

text_enum! {
    /// A cause. The texts are stable.
    pub enum Cause {
        /// No account has the login name.
        NoSuchUser = "no_such_user",
        /// The login name was another user's until they changed it.
        FormerLogin = "former_login",
        /// The login is an address that its user has not verified.
        UnverifiedAddress = "unverified_address",
        /// The account is disabled.
        Disabled = "disabled",
        /// The account has no password.
        NoPassword = "no_password",
        /// The stored password hash cannot be parsed.
        HashUnreadable = "hash_unreadable",
        /// Too many wrong passwords from one network.
        LockedFromNetwork = "locked_from_network",
        /// Too many wrong passwords from networks that the account has not used.
        LockedFromStrangers = "locked_from_strangers",
        /// Too many wrong codes of a second factor.
        SecondFactorLocked = "second_factor_locked",
        /// The address has had too many failures with any account.
        AddressLimited = "address_limited",
        /// The next sign-in requires a new password.
        PasswordChangeRequired = "password_change_required",
        /// A second factor must be enrolled.
        EnrolmentRequired = "enrolment_required",
        /// The last attempts had a wrong password.
        WrongPassword = "wrong_password",
        /// The last attempts had a wrong second factor.
        SecondFactorFailed = "second_factor_failed",
        /// The password was right and the sign-in was refused.
        SignInRefused = "sign_in_refused",
        /// Passwords were not checked because of overload.
        Overloaded = "overloaded",
    }
}

/// A cause, its explanation and its fix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The cause.
    pub cause: Cause,
    /// Its explanation, in one or two sentences.
    pub message: String,
    /// The command that resolves it.
    pub fix: Option<String>,
}

/// The kind of counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarded {
    /// The password.
    Password,
    /// The second factors.
    SecondFactor,
}

/// The origin of the attempts that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CountedFrom {
    /// One network; `None` if no attempt in the audit trail came from it.
    Network(Option<IpAddr>),
    /// All networks that are not known to the account.
    Strangers,
}

/// A counter of failed attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lock {
    /// What the attempts were for.
    pub guarded: Guarded,
    /// Where the attempts came from.
    pub from: CountedFrom,
    /// The attempts so far.
    pub tries: i64,
    /// The number of attempts from which on the next one is refused.
    pub limit: i64,
    /// When the counter is reset.
    pub until: Timestamp,
}

impl Lock {
    /// Whether the limit is reached, so that the next attempt is refused.
    #[must_use]
    pub const fn is_closed(&self) -> bool {
        self.tries >= self.limit
    }
}

/// An attempt that failed, or several that were counted together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedAttempts {
    /// When the last of them happened.
    pub last_at: Timestamp,
    /// The kind of the audit event.
    pub kind: String,
    /// The reason, where one was recorded.
    pub reason: Option<String>,
    /// The detail of the event.
    pub detail: Option<String>,
    /// The address it came from.
    pub address: Option<String>,
    /// The number of attempts.
    pub times: i64,
}

/// The facts about an account.
#[derive(Debug, Clone)]
pub struct AccountFacts {
    /// The login, as it is shown.
    pub login: String,
    /// When it was disabled; `None` if enabled.
    pub disabled_at: Option<Timestamp>,
    /// Its password, if any.
    pub password: StoredPassword,
    /// Whether the user must choose a new password at the next sign-in.
    pub must_change_password: bool,
    /// Whether the server requires a second factor that the account does not have.
    pub lacks_second_factor: bool,
    /// When its user last signed in.
    pub last_success: Option<Timestamp>,
    /// The address of that sign-in.
    pub last_address: Option<IpAddr>,
}

/// The kind of a stored password hash.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredPassword {
    /// No password.
    None,
    /// A hash of a kind that is not supported.
    Unreadable,
    /// A hash of this class.
    Hash(String),
}

/// The facts about a login name without an account.
#[derive(Debug, Clone, Default)]
pub struct UnknownFacts {
    /// The login of the user whose login it was before.
    pub former: Option<String>,
    /// The login of a user who has it as an address that is not verified.
    pub unverified: Option<String>,
    /// Similar logins.
    pub nearest: Vec<String>,
}

/// Observations about attempts with a known or unknown login.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    /// The running counters.
    pub locks: Vec<Lock>,
    /// The last failures, newest first.
    pub failures: Vec<FailedAttempts>,
    /// Attempts at any account that were recently refused because of overload.
    pub shed: i64,
    /// Addresses that are currently refused, with any account.
    pub limited: Vec<IpAddr>,
}

/// How recently an address must have been refused for that to be a cause: its bucket refills within two minutes.
pub const ADDRESS_REFILLS: TimeSpan = TimeSpan::from_mins(2);

/// The causes that keep the user of an account from signing in.
#[must_use]
pub fn diagnose(account: &AccountFacts, observed: &Observed, now: Timestamp) -> Vec<Finding> {
    let login = &*account.login;
    let mut found = Vec::new();
    if let Some(at) = account.disabled_at {
        let message = format!("The account has been disabled since {}.", at.rfc3339());
        found.push(finding(Cause::Disabled, message, command("signet user enable", login, "")));
    }
    match &account.password {
        StoredPassword::None => found.push(finding(
            Cause::NoPassword,
            "The account has no password. Its user chooses one with an invitation.".to_owned(),
            command("signet user invite", login, ""),
        )),
        StoredPassword::Unreadable => found.push(finding(
            Cause::HashUnreadable,
            "The stored password hash is not one that Signet verifies. A new password replaces it."
                .to_owned(),
            command("signet user recover", login, ""),
        )),
        StoredPassword::Hash(_) => {}
    }
    found.extend(
        observed.locks.iter().filter(|lock| lock.is_closed()).map(|lock| locked(lock, login)),
    );
    found.extend(
        address_limited(observed, Some(login), now)
            .or_else(|| used_address_limited(account, observed)),
    );
    if account.must_change_password {
        found.push(Finding {
            cause: Cause::PasswordChangeRequired,
            message: "The user must choose a new password at the next sign-in. Pages ask for it; an application that \
                      signs in at \
                      /v1/login gets 401 password_change_required and sends the new one to /v1/login/continue."
                .to_owned(),
            fix: Some(command("signet user update", login, " --must-change-password false")),
        });
    }
    if account.lacks_second_factor {
        found.push(Finding {
            cause: Cause::EnrolmentRequired,
            message: "The server requires a second factor (SIGNET_SECOND_FACTOR) and the account has none: the next \
                      sign-in enrols one."
                .to_owned(),
            fix: None,
        });
    }
    found.extend(failures(account, observed, login));
    found.extend(overloaded(observed));
    found
}

/// Why a login name without an account cannot sign in.
#[must_use]
pub fn diagnose_unknown(
    unknown: &UnknownFacts,
    observed: &Observed,
    now: Timestamp,
) -> Vec<Finding> {
    let mut found = Vec::new();
    let tries: i64 = observed.failures.iter().map(|failure| failure.times).sum();
    let mut message = "No account has this login or this verified e-mail address.".to_owned();
    if tries > 0 {
        message.push_str(&format!(" It was tried {}.", times(tries)));
    }
    if !unknown.nearest.is_empty() {
        message.push_str(&format!(" Similar login name: {}.", unknown.nearest.join(", ")));
    }
    let fix = unknown.nearest.first().map(|login| command("signet user why", login, ""));
    found.push(Finding { cause: Cause::NoSuchUser, message, fix });
    if let Some(now_called) = &unknown.former {
        found.push(finding(
            Cause::FormerLogin,
            format!("This was the login of {now_called}, who has changed it."),
            command("signet user why", now_called, ""),
        ));
    }
    if let Some(owner) = &unknown.unverified {
        found.push(finding(
            Cause::UnverifiedAddress,
            format!("This is the unverified e-mail address of {owner}: only a verified address can be used to sign \
                     in."),
            command("signet user update", owner, " --email-verified"),
        ));
    }
    found.extend(address_limited(observed, None, now));
    found.extend(overloaded(observed));
    found
}

fn finding(cause: Cause, message: String, fix: String) -> Finding {
    Finding { cause, message, fix: Some(fix) }
}

fn locked(lock: &Lock, login: &str) -> Finding {
    let Lock { guarded, from, tries, limit, until } = lock;
    let what = match guarded {
        Guarded::Password => "at the password",
        Guarded::SecondFactor => "at the second factors",
    };
    let (whence, network) = match from {
        CountedFrom::Network(Some(address)) => {
            (format!("from the network {address}"), option("--network", &address.to_string()))
        }
        CountedFrom::Network(None) => ("from one network".to_owned(), String::new()),
        CountedFrom::Strangers => {
            ("from networks that the account has not used".to_owned(), String::new())
        }
    };
    let cause = match (guarded, from) {
        (Guarded::SecondFactor, _) => Cause::SecondFactorLocked,
        (Guarded::Password, CountedFrom::Network(_)) => Cause::LockedFromNetwork,
        (Guarded::Password, CountedFrom::Strangers) => Cause::LockedFromStrangers,
    };
    let until = until.rfc3339();
    let message =
        format!("{tries} of {limit} attempts {what} {whence} failed. Locked until {until}.");
    finding(cause, message, command("signet user unlock", login, &network))
}

/// A refused address of attempts with this login name. An account, named by `login`, can be unlocked.
fn address_limited(observed: &Observed, login: Option<&str>, now: Timestamp) -> Option<Finding> {
    let is_recent = |failure: &&FailedAttempts| {
        failure.reason.as_deref() == Some("address") && now - failure.last_at <= ADDRESS_REFILLS
    };
    let failure = observed.failures.iter().find(is_recent)?;
    let named = failure.address.as_deref();
    let message = format!(
        "{} has failed too often, with this account or others, and is refused for a minute or two.",
        named.map_or_else(|| "An address".to_owned(), |address| format!("The address {address}"))
    );
    let network = named.map(|address| option("--network", address)).unwrap_or_default();
    let fix = login.map(|login| command("signet user unlock", login, &network));
    Some(Finding { cause: Cause::AddressLimited, message, fix })
}

/// An address that the account has used recently and that is refused because of failures with other accounts.
fn used_address_limited(account: &AccountFacts, observed: &Observed) -> Option<Finding> {
    let failed = observed.failures.iter().filter_map(|failure| failure.address.as_deref());
    let mut used = failed.filter_map(|address| address.parse().ok()).chain(account.last_address);
    let is_limited = |address: &IpAddr| {
        observed.limited.iter().any(|limited| network(*limited) == network(*address))
    };
    let address = used.find(is_limited)?;
    let message = format!(
        "The address {address}, from which this login was used before, has failed too often with other accounts and is \
         refused for a minute or two."
    );
    let network = option("--network", &address.to_string());
    Some(finding(
        Cause::AddressLimited,
        message,
        command("signet user unlock", &account.login, &network),
    ))
}

/// The failures since the last success.
fn failures(account: &AccountFacts, observed: &Observed, login: &str) -> Vec<Finding> {
    let since = account.last_success.unwrap_or_default();
    let recent = || observed.failures.iter().filter(|failure| failure.last_at > since);
    let of = |reason: &str| recent().filter(|one| one.reason.as_deref() == Some(reason)).collect();
    let mut found = Vec::new();
    let wrong: Vec<&FailedAttempts> = of("wrong_password");
    if let Some(told) = told(&wrong) {
        let message = format!("The password was wrong {told}, and no sign-in has succeeded since.");
        found.push(finding(
            Cause::WrongPassword,
            message,
            command("signet user recover", login, ""),
        ));
    }
    let wrong: Vec<&FailedAttempts> = of("factor_failed");
    if let Some(told) = told(&wrong) {
        let message =
            format!("A code or passkey was wrong {told}, and no sign-in has succeeded since.");
        let fix = command("signet user reset-factors", login, "");
        found.push(finding(Cause::SecondFactorFailed, message, fix));
    }
    if let Some(refused) = recent().find(|one| one.kind == "login.refused") {
        let why = refused.detail.as_deref().unwrap_or("unknown");
        let at = refused.last_at.rfc3339();
        let message =
            format!("The password was right and the sign-in was refused ({why}), last at {at}.");
        found.push(Finding { cause: Cause::SignInRefused, message, fix: None });
    }
    found
}

/// A sentence about how often, when and from where.
fn told(failures: &[&FailedAttempts]) -> Option<String> {
    let last = failures.first()?;
    let sum: i64 = failures.iter().map(|failure| failure.times).sum();
    let whence =
        last.address.as_ref().map_or_else(String::new, |address| format!(" from {address}"));
    Some(format!("{}, last at {}{whence}", times(sum), last.last_at.rfc3339()))
}

fn times(number: i64) -> String {
    if number == 1 { "once".to_owned() } else { format!("{number} times") }
}

fn overloaded(observed: &Observed) -> Option<Finding> {
    (observed.shed > 0).then(|| Finding {
        cause: Cause::Overloaded,
        message: format!(
            "In the last 15 minutes {} sign-ins of any user were turned away because too many passwords were checked at \
             the same time.",
            observed.shed
        ),
        fix: Some("signet audit list --kind login.shed".to_owned()),
    })
}

#[cfg(test)]
#[path = "sign_in_diagnosis_tests.rs"]
mod tests;
