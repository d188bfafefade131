//! Consistency between settings.
//!
//! Owns the rules that involve several values. Single values have been checked before.

use super::reader::Reader;
use super::types::{MetricsListen, Registration};
use super::{Config, Machine, issuer, parse, passkeys, settings as s};
use crate::base::TimeSpan;
use crate::domain::base_path::BasePath;

/// Reports every disagreement in `config` to `read`.
pub(super) fn check(config: &Config, read: &mut Reader<'_>) {
    let twice = TimeSpan::from_millis(config.refresh_retry_window.millis().saturating_mul(2));
    read.require(
        &[&s::ACCESS_TOKEN_TTL, &s::REFRESH_RETRY_WINDOW],
        config.access_token_ttl >= twice,
        "the lifetime of an access token must be at least twice the retry window",
        format!(
            "Type {}={} or longer, or shorten the window",
            s::ACCESS_TOKEN_TTL.name,
            parse::spell(twice)
        ),
    );
    read.require(
        &[&s::REFRESH_IDLE_TTL, &s::REFRESH_MAX_TTL],
        config.refresh_idle_ttl <= config.refresh_max_ttl,
        "the idle time of a session cannot exceed its maximum lifetime",
        format!(
            "Type {}={} or shorter, or raise {}",
            s::REFRESH_IDLE_TTL.name,
            parse::spell(config.refresh_max_ttl),
            s::REFRESH_MAX_TTL.name
        ),
    );
    let overlong = config.key_rotation.is_some_and(|every| config.key_publish_ahead > every);
    read.require(
        &[&s::KEY_PUBLISH_AHEAD, &s::KEY_ROTATION],
        !overlong,
        "a key cannot be published for longer before it signs than its predecessor signs",
        format!("Shorten {}, or lengthen {}", s::KEY_PUBLISH_AHEAD.name, s::KEY_ROTATION.name),
    );
    // RFC 9106 §3.1: the memory is at least 8 KiB for each lane.
    let least = config.argon2.parallelism.saturating_mul(8);
    read.require(
        &[&s::ARGON2_MEMORY_KIB, &s::ARGON2_PARALLELISM],
        config.argon2.memory_kib >= least,
        "each lane needs 8 KiB",
        format!("Type {}={least} or more", s::ARGON2_MEMORY_KIB.name),
    );
    let least = Machine::least_memory(config.argon2.memory_kib, config.hash_workers);
    let alone = Machine::least_memory(config.argon2.memory_kib, 1);
    let found = config.machine.memory.unwrap_or(u64::MAX);
    read.require(
        &[&s::ARGON2_MEMORY_KIB, &s::HASH_WORKERS],
        found >= least,
        &format!(
            "this process may use {} of memory, and so many password hashes at once need {} with \
             the rest of the server",
            mebibytes(found),
            mebibytes(least)
        ),
        if found >= alone {
            format!("Lower {}, or raise the limit of the container", s::HASH_WORKERS.name)
        } else {
            format!(
                "Raise the memory limit of the container or service to {} or more; lowering {} \
                 makes stolen hashes cheaper to guess",
                mebibytes(alone),
                s::ARGON2_MEMORY_KIB.name
            )
        },
    );
    passkeys::check(config, read);
    let needs_mail = matches!(config.registration, Registration::Verified | Registration::Invite);
    read.require(
        &[&s::REGISTRATION, &s::SMTP_URL],
        !needs_mail || config.mail.is_some(),
        "codes and invitations are sent by mail, which is off",
        format!(
            "Set {} and {}, or type {}=closed",
            s::SMTP_URL.name,
            s::MAIL_FROM.name,
            s::REGISTRATION.name
        ),
    );
    let metrics = match config.metrics_listen {
        MetricsListen::Set(address) => Some(address),
        MetricsListen::Default(_) | MetricsListen::Off => None,
    };
    read.require(
        &[&s::LISTEN, &s::METRICS_LISTEN],
        !metrics.is_some_and(|address| address.port() != 0 && config.listen.contains(&address)),
        "the server and its metrics cannot listen on one address",
        format!("Type another port in {}, or off", s::METRICS_LISTEN.name),
    );
    read.require(
        &[&s::ISSUER, &s::PROXY_STRIPS_PATH],
        !config.proxy_strips_path || !BasePath::of(&config.issuer, true).is_root(),
        "SIGNET_ISSUER has no path for a proxy to strip",
        format!(
            "Type {}={}/PATH with the path that the proxy strips, or {}=false",
            s::ISSUER.name,
            config.issuer,
            s::PROXY_STRIPS_PATH.name
        ),
    );
    read.require(
        &[&s::ISSUER, &s::INSECURE_HTTP],
        config.insecure_http || !issuer::is_exposed(&config.issuer),
        "plain http beyond this machine exposes passwords and tokens in transit",
        format!(
            "Type {}={}, or {}=true if you accept that",
            s::ISSUER.name,
            config.issuer.replacen("http://", "https://", 1),
            s::INSECURE_HTTP.name
        ),
    );
}

/// A size in MiB, rounded up.
fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}
