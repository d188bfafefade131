//! Audit events.
//!
//! Owns the list of events and their content. One value writes the row, the metric and the log line. An event never
//! contains a password, a token or a login, only ids and a keyed hash of the typed login.

use std::net::IpAddr;

use crate::base::id::{AdminKeyId, SessionId, UserId};
use crate::text_enum;

use super::failure_reason::{FailureReason, SealedReason};
use super::sign_in_history::SignInOutcome;
use super::trace::Trace;
use super::user_agent::Device;

text_enum! {
    /// The kind of an event. The texts are stable.
    pub enum EventKind {
        /// A user logged in.
        LoginSucceeded = "login.succeeded",
        /// A password was right, but another factor is needed. The detail is the place; none for `/v1`.
        LoginFirstFactor = "login.first_factor",
        /// A user completed more factors in a session, or the same ones again. The detail is the place; none for `/v1`.
        LoginSteppedUp = "login.stepped_up",
        /// A log-in, or the current password at a change of it, failed; folded into one row a minute for
        /// each login name, place, address and reason.
        LoginFailed = "login.failed",
        /// An attempt was refused because of too many earlier failures; the reason tells which limit was
        /// reached. One row for the first refusal of a window, then one a minute for each login name and
        /// network.
        LoginThrottled = "login.throttled",
        /// An attempt was refused because too many passwords were checked at that time; folded into one row a
        /// minute for each address.
        LoginShed = "login.shed",
        /// A password was right but the sign-in was refused; the detail says why.
        LoginRefused = "login.refused",
        /// An administrator asked over HTTP why a login name without an account cannot sign in.
        LoginExplained = "login.explained",
        /// A code of a second factor was wrong; the detail is its method. Folded like `login.failed`, by user.
        FactorFailed = "factor.failed",
        /// A second factor was added; the detail is its kind.
        FactorAdded = "factor.added",
        /// A user removed a second factor; the detail is its kind.
        FactorRemoved = "factor.removed",
        /// The counter of a passkey did not increase, so it may have been copied. The sign-in continued. Folded
        /// like `login.failed`.
        PasskeyCounterReused = "passkey.counter_reused",
        /// An administrator removed a second factor, or all of them and the recovery codes; the detail is the
        /// kind, or `all`.
        FactorsReset = "factors.reset",
        /// New recovery codes replaced the old ones.
        RecoveryCodesRenewed = "recovery_codes.renewed",
        /// A recovery code was used.
        RecoveryCodeUsed = "recovery_code.used",
        /// A user ended one of their sessions.
        SessionEnded = "session.ended",
        /// A session expired, idle or absolutely; the detail is its client. Written at the next request of its
        /// client, or when its rows are removed.
        SessionExpired = "session.expired",
        /// All sessions of a user, or all but one, were ended; by an administrator also those of a client
        /// (`client_by_admin`) or of every user (`all_by_admin`).
        SessionsEnded = "sessions.ended",
        /// A client repeated a refresh whose response was lost, and got a sibling token.
        RefreshSuperseded = "refresh.superseded",
        /// A used refresh token was presented (reuse); the session was ended.
        RefreshReuseDetected = "refresh.reuse_detected",
        /// A refresh token with a counter ahead of the stored one was presented, as after a restored backup;
        /// the session was ended.
        RefreshRollbackDetected = "refresh.rollback_detected",
        /// A user was created.
        UserCreated = "user.created",
        /// A user accepted the terms of service at the sign-up; the detail is their address.
        TermsAccepted = "terms.accepted",
        /// A user's profile or role changed.
        UserUpdated = "user.updated",
        /// A user requested a code to an address; the detail is `verify` for the stored one, `change` for another.
        EmailChangeRequested = "email.change_requested",
        /// A change of an address was undone with the link that was mailed to the previous address.
        EmailChangeUndone = "email.change_undone",
        /// The e-mail address of a user was set, verified or removed.
        EmailChanged = "email.changed",
        /// A user was disabled.
        UserDisabled = "user.disabled",
        /// A user was enabled again.
        UserEnabled = "user.enabled",
        /// A user changed the login name.
        LoginChanged = "login.changed",
        /// A user downloaded their data.
        AccountExported = "account.exported",
        /// A user was deleted.
        UserDeleted = "user.deleted",
        /// A password was changed or set.
        PasswordChanged = "password.changed",
        /// An administrator set a password; the detail says whether the user may keep it.
        PasswordResetByAdmin = "password.reset_by_admin",
        /// An administrator set or cleared the requirement of a new password at the next sign-in; the detail says
        /// which.
        PasswordMustChangeSet = "password.must_change_set",
        /// A user chose a new password with a mailed code or link; the detail is its purpose.
        AccountRecovered = "account.recovered",
        /// An administrator created a link for a user to choose a new password; the detail says whether it was
        /// mailed or handed over.
        RecoverySent = "recovery.sent",
        /// An administrator invited a user to choose the first password; the detail says whether the link was
        /// mailed or handed over.
        UserInvited = "user.invited",
        /// An invited user chose the first password; the detail says whether this verified the address.
        InvitationAccepted = "invitation.accepted",
        /// An administrator cleared the counters of failed attempts of a user.
        UserUnlocked = "user.unlocked",
        /// The first administrator was created.
        SetupCompleted = "setup.completed",
        /// An API was registered.
        ApiCreated = "api.created",
        /// The settings of an API changed.
        ApiUpdated = "api.updated",
        /// An API was deleted.
        ApiDeleted = "api.deleted",
        /// A client was registered.
        ClientCreated = "client.created",
        /// The settings of a client changed.
        ClientUpdated = "client.updated",
        /// A client got a new secret.
        ClientSecretRotated = "client.secret_rotated",
        /// A client was disabled.
        ClientDisabled = "client.disabled",
        /// A client was enabled again.
        ClientEnabled = "client.enabled",
        /// A client was deleted.
        ClientDeleted = "client.deleted",
        /// A configuration file took over an object that already matches the file; the detail names it.
        ConfigAdopted = "config.adopted",
        /// A service client was granted administration scopes.
        ClientAdminGranted = "client.admin_granted",
        /// An administration key of a client was created.
        AdminKeyCreated = "admin_key.created",
        /// An administration key of a client was revoked.
        AdminKeyRevoked = "admin_key.revoked",
        /// A user created an API key; the detail is its id.
        ApiKeyCreated = "api_key.created",
        /// A user, or an administrator, revoked an API key; the detail is its id.
        ApiKeyRevoked = "api_key.revoked",
        /// A token was issued for an API key; the detail is the id of the key; folded into one row a minute for each
        /// key.
        ApiKeyExchanged = "api_key.exchanged",
        /// An API key was refused; the detail says why; folded into one row a minute for each address, key and reason.
        ApiKeyRefused = "api_key.refused",
        /// A workload authenticated as a client; the detail names the issuer, `sub` and the rule; folded into one row a
        /// minute for each client and workload.
        WorkloadAuthenticated = "workload.authenticated",
        /// An issuer of workload tokens became trusted; the detail is its name.
        TrustedIssuerAdded = "trusted_issuer.added",
        /// An issuer of workload tokens is no longer trusted; the detail is its name.
        TrustedIssuerRemoved = "trusted_issuer.removed",
        /// A client authentication failed. Folded like `login.failed`.
        ClientAuthFailed = "client.auth_failed",
        /// A user gave consent to a client.
        ConsentGranted = "consent.granted",
        /// A user withdrew a client's consent.
        ConsentRevoked = "consent.revoked",
        /// An authorization code was presented a second time; its session has ended.
        CodeReuseDetected = "code.reuse_detected",
        /// A client exchanged a token for another one (RFC 8693).
        TokenExchanged = "token.exchanged",
        /// A token was revoked by its client.
        TokenRevoked = "token.revoked",
        /// A logout notice could not be delivered to a client, despite all retries.
        LogoutNoticeFailed = "logout.notice_failed",
        /// A mail expired before it could be delivered; the detail is its kind and the cause.
        MailFailed = "mail.failed",
        /// The mail server refused a mail permanently; the detail is its kind and the reply code.
        MailRefused = "mail.refused",
        /// A signing key was generated and published; it signs nothing yet.
        KeyPublished = "key.published",
        /// A signing key began to sign.
        KeyActivated = "key.activated",
        /// A signing key stopped signing, because its algorithm is no longer in use.
        KeyStopped = "key.stopped",
        /// A signing key left the published set.
        KeyRetired = "key.retired",
        /// A signing key was imported.
        KeyImported = "key.imported",
        /// An administrator exported events of the audit trail; the detail is the format.
        AuditExported = "audit.exported",
        /// All secrets were sealed under another master key.
        MasterKeyReplaced = "master_key.replaced",
        /// A backup was made and verified; the detail is the name of its file.
        BackupCreated = "backup.created",
        /// A scheduled backup failed; the detail is the reason.
        BackupFailed = "backup.failed",
        /// The database was restored from a backup: all events before this one are from the backup.
        BackupRestored = "backup.restored",
    }
}

text_enum! {
    /// The interface through which something was done.
    pub enum Via {
        /// The HTTP API.
        Http = "http",
        /// The command line on the machine itself.
        Cli = "cli",
        /// Signet itself.
        System = "system",
    }
}

/// A client that acts as administrator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ActingClient {
    /// Its `client_id`.
    pub client_id: String,
    /// Its administration key, if it used one.
    pub key: Option<AdminKeyId>,
}

/// The origin of a request: who acts, and from where.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The acting user, if known.
    pub actor: Option<UserId>,
    /// The acting client, if a client administers.
    pub client: Option<ActingClient>,
    /// The interface through which the request came.
    pub via: Via,
    /// The peer address.
    pub address: Option<IpAddr>,
    /// The request's id, to find the log lines.
    pub request_id: String,
    /// The trace of the request, for the log lines.
    pub trace: Option<Trace>,
}

impl Origin {
    /// The origin of commands on this machine.
    #[must_use]
    pub const fn cli() -> Self {
        Self::of(Via::Cli)
    }

    /// The origin of Signet's own actions.
    #[must_use]
    pub const fn system() -> Self {
        Self::of(Via::System)
    }

    const fn of(via: Via) -> Self {
        Self {
            actor: None,
            client: None,
            via,
            address: None,
            request_id: String::new(),
            trace: None,
        }
    }
}

/// The details of a sign-in that users see besides time and address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SignInDetails {
    /// Browser and system in fixed words: never a text from the client.
    pub browser: Option<String>,
    /// The client that it is for.
    pub client_id: Option<String>,
    /// The methods, with spaces between them.
    pub methods: Option<String>,
}

/// An audit event.
#[derive(Debug, Clone)]
pub struct Event {
    /// The kind.
    pub kind: EventKind,
    /// The user concerned, if any.
    pub subject: Option<UserId>,
    /// The session concerned, if any.
    pub session: Option<SessionId>,
    /// A stable word for the variant of the kind, an API identifier or a `client_id`.
    pub detail: Option<String>,
    /// The key by which equal events are folded into one row with a count.
    pub fold: Option<Vec<u8>>,
    /// The details of a sign-in; empty for other events.
    pub sign_in: SignInDetails,
    /// The pseudonym of the login name in a failed attempt.
    pub login_ref: Option<Vec<u8>>,
    /// Why an attempt failed.
    pub reason: Option<FailureReason>,
}

impl Event {
    /// An event without a user.
    #[must_use]
    pub const fn new(kind: EventKind) -> Self {
        let sign_in = SignInDetails { browser: None, client_id: None, methods: None };
        Self {
            kind,
            subject: None,
            session: None,
            detail: None,
            fold: None,
            sign_in,
            login_ref: None,
            reason: None,
        }
    }

    /// Sets the reason of a failed attempt.
    #[must_use]
    pub const fn because(mut self, reason: SealedReason) -> Self {
        self.reason = Some(reason.reveal());
        self
    }

    /// Sets the pseudonym of the login name.
    #[must_use]
    pub fn of_login(mut self, login_ref: Vec<u8>) -> Self {
        self.login_ref = Some(login_ref);
        self
    }

    /// Sets the user concerned.
    #[must_use]
    pub const fn about(mut self, user: UserId) -> Self {
        self.subject = Some(user);
        self
    }

    /// Sets the session concerned.
    #[must_use]
    pub const fn in_session(mut self, session: SessionId) -> Self {
        self.session = Some(session);
        self
    }

    /// Folds the event with others that have the same key.
    #[must_use]
    pub fn folded(mut self, fold: impl Into<Vec<u8>>) -> Self {
        self.fold = Some(fold.into());
        self
    }

    /// Sets the methods of a sign-in.
    #[must_use]
    pub fn by_methods<'a>(mut self, methods: impl IntoIterator<Item = &'a str>) -> Self {
        self.sign_in.methods = Some(methods.into_iter().collect::<Vec<_>>().join(" "));
        self
    }

    /// Sets the client of a sign-in.
    #[must_use]
    pub fn for_client(mut self, client_id: impl Into<String>) -> Self {
        self.sign_in.client_id = Some(client_id.into());
        self
    }

    /// Sets the browser and client of a sign-in.
    #[must_use]
    pub fn seen_in(mut self, device: &Device, client_id: Option<&str>) -> Self {
        if SignInOutcome::of(self.kind).is_some() {
            let named = &mut self.sign_in;
            named.browser = device.recognised();
            named.client_id = named.client_id.take().or_else(|| client_id.map(str::to_owned));
        }
        self
    }

    /// Adds a detail.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = Some(detail.into());
        self
    }
}
