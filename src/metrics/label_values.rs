//! The values of labels.
//!
//! Every known value starts at 0, because Prometheus sees no increase in a series that starts with its first event.

/// Every result of a log-in.
pub(super) const LOGINS: &[&str] = &["ok", "failed", "factor_failed", "throttled"];
/// Every result of a refresh.
pub(super) const REFRESHES: &[&str] = &[
    "rotated",
    "resent",
    "superseded",
    "kept",
    "widened",
    "not_genuine",
    "expired",
    "ended",
    "reuse_detected",
    "rollback_detected",
];
/// The limits of accounts that refuse requests. Those of networks are [`RateLimit`](crate::domain::rate_limit::RateLimit).
pub(super) const ACCOUNT_LIMITS: &[&str] = &[
    "login_account",
    "recovery",
    "factor_account",
    "email_confirmation",
    "registration",
    "login_change",
];
/// Every result of a password hash.
pub(super) const HASHES: &[&str] =
    &["ok", "too_long", "network_share", "queue_full", "late", "gone", "undecided"];
/// Every finding about a trusted proxy.
pub(super) const CLIENT_ADDRESSES: &[&str] =
    &["missing", "unreadable", "only_proxies", "only_forwarded", "disagree"];
/// Why connections were closed or refused: to make room for one of the same network, or of any; because none was
/// idle; because the client did not read its response.
pub(super) const CONNECTIONS: &[&str] =
    &["idle_of_network", "idle", "largest", "refused", "unread"];
/// Every result of a scheduled backup.
pub(super) const BACKUPS: &[&str] = &["ok", "failed"];
/// Every result of a token request.
pub(super) const TOKENS: &[&str] = &["ok", "refused"];

/// Every result of an attempt to deliver a mail: delivered; to be retried; refused permanently by the mail server;
/// abandoned at its expiry; not sent because no user has the address or its code is invalid.
pub(super) const MAILS: &[&str] = &["delivered", "deferred", "refused", "failed", "dropped"];

/// The errors of the token endpoint. Any other error is `other`.
pub(super) const TOKEN_ERRORS: &[&str] = &[
    "invalid_request",
    "invalid_client",
    "invalid_grant",
    "unauthorized_client",
    "unsupported_grant_type",
    "invalid_scope",
    "invalid_target",
    "access_denied",
    "invalid_dpop_proof",
    "authorization_pending",
    "slow_down",
    "expired_token",
    "server_error",
    "temporarily_unavailable",
    OTHER,
];
pub(super) const OTHER: &str = "other";

/// The paths of `/v1` that issue tokens.
pub(super) const ISSUED_AT_V1: [&str; 4] = ["login", "refresh", "step_up", "setup"];

/// The kinds of rows that housekeeping removes.
pub const HOUSEKEEPING: &[&str] = &[
    "sessions",
    "expiry_events",
    "audit_events",
    "verifiers",
    "login_limits",
    "known_networks",
    "setup_links",
    "authorization_codes",
    "device_codes",
    "pushed_requests",
    "mailed_codes",
    "browser_sessions",
    "spent_ids",
    "revocations",
    "former_logins",
    "client_documents",
    "activity_ten_minutes",
    "activity_hours",
    "activity_days",
];
