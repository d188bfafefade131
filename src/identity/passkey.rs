//! Checks the assertions of passkeys.
//!
//! Owns the order: the credential is read, the assertion is verified, and the use with its counter, or the failure,
//! is recorded in one transaction. An unknown credential, one of a disabled user and one with a wrong signature
//! take the same path and get the same answer.

use crate::app::{App, AuditedTx};
use crate::base::TimeSpan;
use crate::base::id::UserId;
use crate::base::opaque_token::TokenHash;
use crate::crypto::digest::token_hash;
use crate::crypto::webauthn::{
    Asserted, AssertionResponse, Invalid, KnownCredential, verify_assertion,
};
use crate::domain::audit::{Event, EventKind};
use crate::domain::authn::Method;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::passkeys::{self, StoredPasskey};
use crate::store::{Link, spent_ids, users};

use super::authentication::challenge_invalid;
use super::passkey_options::relying_party;
use super::sign_in_alarms;
use super::write_limit::UserWrite;

/// How long the challenge of a used assertion is kept: longer than any sign-in is valid, so that a used challenge
/// stays used when the clock is set back.
const KEPT: TimeSpan = TimeSpan::from_mins(70);

/// An assertion, and its expected challenge.
pub struct Assertion {
    /// The challenge in base64url.
    pub challenge: String,
    /// The response of the browser or application.
    pub response: AssertionResponse,
}

/// A verified assertion that has not been recorded yet.
pub(super) struct Judged {
    /// The user of the credential, if any.
    user: Option<UserId>,
    used: Option<(StoredPasskey, Asserted)>,
    /// The hash of the challenge, which is single-use.
    spent: TokenHash,
}

/// The refusal of an assertion: one text for all reasons.
fn refused() -> Refusal {
    let message =
        "The passkey was not accepted: it is unknown, or it belongs to another challenge.";
    Refusal::new(Code::MfaFailed, message)
}

/// Verifies an assertion of a credential that is read from `link`. One statement.
///
/// # Errors
/// Only faults; `feature_disabled`.
pub(super) async fn judge(
    app: &App,
    link: &mut impl Link,
    assertion: &Assertion,
    owner: Option<&User>,
) -> Result<Judged, Failure> {
    let party = relying_party(app)?;
    let Assertion { challenge, response } = assertion;
    let stored = passkeys::find(link, &response.credential_id).await?;
    let known = stored.as_ref().map_or(DECOY, |stored| KnownCredential {
        public_key: &stored.public_key,
        backup_eligible: stored.backup_eligible,
    });
    let verified = verify_assertion(party, challenge, known, response);
    let user = stored.as_ref().map(|stored| stored.user_id);
    let handle = response.user_handle.as_deref();
    let used = match (stored, verified) {
        (Some(stored), Ok(asserted)) if is_owner(&stored, handle, owner) => Ok((stored, asserted)),
        (Some(_), Ok(_)) => Err("belongs to another user".to_owned()),
        (None, _) => Err("unknown".to_owned()),
        (Some(_), Err(invalid)) => Err(Invalid::to_string(&invalid)),
    };
    if let Err(why) = &used {
        tracing::debug!(%why, "a passkey was refused");
    }
    let spent = token_hash(&format!("passkey/{challenge}"));
    Ok(Judged { user, used: used.ok(), spent })
}

/// Whether a credential belongs to the user who signs in. If no user is known yet, the authenticator must name the
/// user (WebAuthn §7.2, step 6).
fn is_owner(stored: &StoredPasskey, handle: Option<&[u8]>, owner: Option<&User>) -> bool {
    let named = handle.map(|handle| handle == stored.user_id.uuid().as_bytes());
    match owner {
        Some(user) => user.id == stored.user_id && named.unwrap_or(true),
        None => named.unwrap_or(false),
    }
}

/// The key for signatures of unknown credentials, so that the time does not reveal them: the point of WebAuthn
/// §16.2, whose private key is public.
const DECOY: KnownCredential<'static> = KnownCredential {
    public_key: b"\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20\
        \xaf\xef\xa1\x6f\x97\xca\x9b\x2d\x23\xeb\x86\xcc\xb6\x40\x98\xd2\
        \x0d\xb9\x08\x56\x06\x2e\xb2\x49\xc3\x3a\x9b\x67\x2f\x26\xdf\x61\
        \x22\x58\x20\
        \x93\x0a\x56\xb8\x7a\x2f\xca\x66\x33\x4b\x03\x45\x8a\xbf\x87\x97\
        \x17\xc1\x2c\xc6\x8e\xd7\x32\x90\xaf\x2e\x26\x64\x79\x6b\x92\x20",
    backup_eligible: false,
};

impl Judged {
    /// The user of the credential, or the nil id, so that both cause a lookup.
    pub(super) fn user_or_nil(&self) -> UserId {
        self.user.unwrap_or_else(|| UserId::from_uuid(uuid::Uuid::nil()))
    }

    /// Whether the assertion is valid. Does not tell whether its challenge was used before.
    pub(super) const fn is_valid(&self) -> bool {
        self.used.is_some()
    }

    /// Records the use, or the failure. `may_count` is false if the account is disabled.
    ///
    /// # Errors
    /// The one refusal, after its event was recorded; `challenge_invalid` when an assertion of this challenge was
    /// used before; faults.
    pub(super) async fn settle(&self, tx: &mut AuditedTx, may_count: bool) -> Result<(), Failure> {
        let (app, info) = (tx.app(), tx.info());
        let Some((stored, asserted)) = self.used.as_ref().filter(|_| may_count) else {
            app.count_login("factor_failed");
            let method = Method::Passkey.as_str();
            let mut event = Event::new(EventKind::FactorFailed).detail(method).by_methods([method]);
            event.subject = self.user;
            tx.record(&event.folded(fold(&app, self.user, &info))).await?;
            return Err(refused().into());
        };
        let Asserted { sign_count, backed_up } = *asserted;
        let now = info.now;
        if !spent_ids::spend(tx, &self.spent, now + KEPT).await? {
            return Err(challenge_invalid().into());
        }
        if passkeys::count_use(tx, stored.id, sign_count, backed_up, now).await? {
            return Ok(());
        }
        passkeys::note_use(tx, stored.id, backed_up, now).await?;
        self.counter_reused(tx, stored.user_id).await?;
        Ok(())
    }

    /// Records that a counter did not increase, and notifies the user. It is no reason to refuse (WebAuthn §6.1.1): a
    /// synced passkey may do so, and only its user can tell.
    async fn counter_reused(&self, tx: &mut AuditedTx, user: UserId) -> Result<(), Fault> {
        let fold = fold(&tx.app(), Some(user), &tx.info());
        let event = Event::new(EventKind::PasskeyCounterReused).about(user).folded(fold);
        tx.record(&event).await?;
        match users::find(tx, user).await? {
            Some(user) => sign_in_alarms::counter_reused(tx, &user).await,
            None => Ok(()),
        }
    }
}

/// Checks an assertion of `user`, who has completed another factor, and records its use.
///
/// # Errors
/// `mfa_failed`; `feature_disabled`; faults.
pub(super) async fn check_assertion(
    app: &App,
    user: &User,
    assertion: &Assertion,
    info: &RequestInfo,
) -> Result<(), Failure> {
    let judged = judge(app, &mut app.db.reader().await?, assertion, Some(user)).await?;
    if judged.is_valid() {
        UserWrite::new(app).take(user)?;
    }
    app.transaction(info, async |tx| judged.settle(tx, true).await).await
}

/// The account that a credential belongs to, read for an unknown one as well.
pub(super) async fn account_of(
    link: &mut impl Link,
    judged: &Judged,
) -> Result<Option<users::Credential>, Fault> {
    users::credential_of(link, judged.user_or_nil()).await
}

/// Failures fold into one row a minute for each user, or all unknown credentials, and address.
fn fold(app: &App, user: Option<UserId>, info: &RequestInfo) -> Vec<u8> {
    let minute = info.now.secs().div_euclid(60).to_be_bytes();
    let address = info.address().map_or_else(String::new, |address| address.to_string());
    let user = user.map(|user| user.uuid()).unwrap_or_default();
    app.pseudonyms.of("audit/passkey", &[user.as_bytes(), address.as_bytes(), &minute])
}
