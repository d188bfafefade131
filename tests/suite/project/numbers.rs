//! The numbers in `docs/limits.md` are those of the code.

use std::collections::BTreeMap;

use signet::app::limits::MAX_NETWORKS;
use signet::app::{MAX_UNKNOWN, MAX_UNKNOWN_OF_NETWORK};
use signet::base::Deadlines;
use signet::crypto::password::{PLACES, SHARE, STRANGERS};
use signet::domain::password::MAX_BYTES;
use signet::domain::rate_limit::{
    ACCOUNT_FROM_NETWORK, ACCOUNT_FROM_STRANGERS, Limit, RECOVERY_CODES, RECOVERY_FROM_NETWORK,
    RECOVERY_FROM_NETWORK_AN_HOUR, RECOVERY_FROM_STRANGERS, RateLimit, TOTP_FROM_NETWORK,
    TOTP_FROM_NETWORK_A_DAY, TOTP_FROM_STRANGERS,
};
use signet::http::routes::MAX_BODY;
use signet::identity::login_change::MAX_RESERVED;
use signet::identity::logout_notices::BATCH;
use signet::server::RESERVED_DESCRIPTORS;

use crate::support::server::config;

/// The table of limits: name and limit.
fn documented() -> BTreeMap<String, String> {
    let text = include_str!("../../../docs/limits.md");
    let (_, section) = text.split_once("\n## Limits\n").unwrap();
    let (section, _) = section.split_once("\n## ").unwrap();
    let rows = section.lines().filter_map(|line| line.strip_prefix("| ")?.strip_suffix(" |"));
    rows.filter_map(|row| {
        let mut cells = row.split(" | ");
        Some((cells.next()?.to_owned(), cells.next()?.to_owned()))
    })
    .collect()
}

/// A number with thousands separators.
fn spelt(number: impl TryInto<u64>) -> String {
    let digits = number.try_into().ok().unwrap().to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn bucket(limit: RateLimit) -> String {
    let bucket = limit.bucket();
    let after = match bucket.every.millis() {
        1_000 => "one a second".to_owned(),
        100 => "ten a second".to_owned(),
        millis => format!("one in {} s", millis / 1_000),
    };
    format!("{}, then {after}", spelt(bucket.burst))
}

fn window(limit: Limit) -> String {
    match limit.window.secs() {
        3_600 => format!("{} in an hour", limit.tries),
        86_400 => format!("{} in a day", limit.tries),
        secs => format!("{} in {} minutes", limit.tries, secs / 60),
    }
}

#[test]
fn every_limit_is_documented_with_the_number_of_the_code() {
    let rows = documented();
    let seconds = |duration: std::time::Duration| format!("{} s", duration.as_secs());
    let dir = tempfile::tempdir().unwrap();
    let sessions = config(dir.path(), &[]).max_sessions_per_user;
    let deadlines = Deadlines::IN_SERVICE;
    let expected = [
        ("failed log-ins of one account from one network", window(ACCOUNT_FROM_NETWORK)),
        (
            "failed log-ins of one account from networks that it has not used",
            window(ACCOUNT_FROM_STRANGERS),
        ),
        ("wrong codes of an authenticator app of one account from one", window(TOTP_FROM_NETWORK)),
        (
            "wrong codes of an authenticator app of one account from one",
            window(TOTP_FROM_NETWORK_A_DAY),
        ),
        (
            "wrong codes of an authenticator app of one account from all",
            window(TOTP_FROM_STRANGERS),
        ),
        ("wrong recovery codes of one account", window(RECOVERY_CODES)),
        ("failed log-ins of one network", bucket(RateLimit::Login)),
        ("failed authentications of one client", bucket(RateLimit::ClientAuth)),
        ("registrations of one network", bucket(RateLimit::Registration)),
        ("views and uses of set-up links", bucket(RateLimit::Setup)),
        ("requests of a new password from one network", bucket(RateLimit::Recovery)),
        (
            "requests of a new password for one address from one network",
            window(RECOVERY_FROM_NETWORK),
        ),
        (
            "requests of a new password for one address from one network",
            window(RECOVERY_FROM_NETWORK_AN_HOUR),
        ),
        (
            "requests of a new password for one address from networks",
            window(RECOVERY_FROM_STRANGERS),
        ),
        (
            "requests of a code for a sign-up for one address from one network",
            window(RECOVERY_FROM_NETWORK),
        ),
        (
            "requests of a code for a sign-up for one address from all networks",
            window(RECOVERY_FROM_STRANGERS),
        ),
        ("views and uses of mailed links", bucket(RateLimit::Link)),
        ("user codes of devices", bucket(RateLimit::UserCode)),
        (
            "pushed requests and device codes",
            bucket(RateLimit::PushedRequest).replace(",", " each,"),
        ),
        (
            "pushed requests and device codes",
            bucket(RateLimit::DeviceRequest).replace(",", " each,"),
        ),
        ("DPoP proofs of public clients", bucket(RateLimit::Proof)),
        ("polls of devices", bucket(RateLimit::DevicePoll)),
        ("tokens that public clients revoke", bucket(RateLimit::Revocation)),
        ("writes of a signed-in user", bucket(RateLimit::AuthenticatedWrite)),
        ("requests why a login cannot sign in", bucket(RateLimit::LoginLookup)),
        ("authorization codes of a signed-in user", bucket(RateLimit::UnattendedCode)),
        (
            "authorization requests of clients that describe themselves",
            bucket(RateLimit::ClientDocument),
        ),
        ("login names reserved for one user", format!("{MAX_RESERVED}, each for 90 days")),
        ("live sessions of one user", format!("({})", spelt(sessions))),
        ("networks, users or clients remembered", spelt(MAX_NETWORKS)),
        ("names of resource servers", format!("{} in all", spelt(MAX_UNKNOWN))),
        ("names of resource servers", format!("{MAX_UNKNOWN_OF_NETWORK} in 10 s")),
        ("connections of clients", format!("− {RESERVED_DESCRIPTORS};")),
        ("connections of one network", "half of that; loopback and trusted proxies".to_owned()),
        ("an answer of which its client reads nothing", seconds(deadlines.unread())),
        ("notices of one log-out", spelt(BATCH.unsigned_abs())),
        ("waiting for a password hash", format!("{} in the queue", spelt(PLACES))),
        ("waiting for a password hash", format!("{} of strangers", spelt(STRANGERS))),
        ("waiting for a password hash", format!("{} of one network", spelt(SHARE))),
        ("waiting for a write", seconds(deadlines.write())),
        ("any other piece of work", seconds(deadlines.work())),
        ("a request's head", seconds(deadlines.request_head())),
        ("a request's body", seconds(deadlines.request_body())),
        ("body", format!("{} KiB", MAX_BODY / 1024)),
        ("password", format!("{} bytes", spelt(MAX_BYTES))),
    ];
    for (what, number) in expected {
        let found: Vec<_> = rows.iter().filter(|(row, _)| row.starts_with(what)).collect();
        assert!(
            found.iter().any(|(_, limit)| limit.contains(&number)),
            "{what}: {number} is not in {found:?}"
        );
    }
    for limit in RateLimit::ALL {
        let number = bucket(*limit).replace(", then", "");
        let first = number.split(' ').next().unwrap().to_owned();
        assert!(rows.values().any(|row| row.contains(&first)), "{limit:?}: {first}");
    }
}

/// The upgrade table is the same in both documents.
#[test]
fn the_upgrade_table_of_the_changelog_is_that_of_the_documentation() {
    let table = |name: &str| -> Vec<String> {
        let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
        let text = std::fs::read_to_string(path).unwrap();
        let rows = text.lines().skip_while(|line| !line.starts_with("| what changes |"));
        rows.take_while(|line| line.starts_with('|')).map(str::to_owned).collect()
    };
    let documented = table("docs/upgrading.md");
    assert!(documented.len() > 50, "{} rows", documented.len());
    // Links are relative to the folder of the document.
    let linked = |row: &String| {
        let mut parts = row.split("](");
        let start = parts.next().unwrap_or_default().to_owned();
        parts.fold(start, |row, part| match part.split_once(".md") {
            _ if part.starts_with('#') => format!("{row}](docs/upgrading.md{part}"),
            Some((name, _)) if name.chars().all(|c| c.is_ascii_lowercase() || c == '-') => {
                format!("{row}](docs/{part}")
            }
            _ => format!("{row}]({part}"),
        })
    };
    let expected: Vec<String> = documented.iter().map(linked).collect();
    assert_eq!(table("CHANGELOG.md"), expected);
}
