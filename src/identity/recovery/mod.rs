//! Recovery: the owner of a verified address chooses a new password without the old one.
//!
//! Owns the steps, whose order `domain::authn` decides: the mailed code, a second factor if the account has one, the
//! new password. A recovery opens no session: its challenge is not accepted by any sign-in, and it never leads to a
//! `Completed`. The response to a request is the same for every address; a job finds the owner.

pub(super) mod limits;
mod new_password;
mod proved_mailbox;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};

use crate::app::sealed_state::{seal, unseal};
use crate::app::{App, AuditedTx, outbox};
use crate::base::entropy::random;
use crate::base::opaque_token::{self, AUTH_SESSION};
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::digest::sha256_base64url;
use crate::domain::authn::{FACTOR_LIFE, Method};
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailContent;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::validity::has_expired;

use super::authentication::{Channel, Entry, IssuedChallenge, RemainingStep, challenge_invalid};
use super::email_limits::{LimitedMail, count_of_address};
use super::links::LinkEntry;
use super::mailed_codes::{self, CodeContent, CodeName, NewCode, UsableCode};
use proved_mailbox::ProvedMailbox;

/// Sealed values are padded to a multiple of this, in bytes.
const PADDED_TO: usize = 512;

/// How long a recovery may take: the lifetime of its code, plus time for the following steps.
const LIFE: TimeSpan = TimeSpan::from_mins(20);

/// A pending recovery. Sealed into the challenge for the next step.
#[derive(Clone, Serialize, Deserialize)]
struct PendingRecovery {
    /// The flow in which the code works.
    id: String,
    begun_at: Timestamp,
    subject: String,
    /// The address that was typed.
    #[serde(default)]
    address: Option<String>,
    proved: Option<ProvedMailbox>,
}

/// The next step of a recovery, and the facts that its user has proved.
pub struct WaitingRecovery {
    /// The next step.
    pub step: RemainingStep,
    /// The address that was typed.
    pub address: Option<String>,
    /// The login name of the account, once its mailbox was proved.
    pub login: Option<String>,
}

/// The result of a step.
pub enum RecoveryOutcome {
    /// The new password is stored.
    Done,
    /// Another step is needed.
    Pending(IssuedChallenge),
}

/// Begins a recovery: the owner of the address, if there is one, gets a mail. Statements and response are the same
/// for every address.
///
/// # Errors
/// `feature_disabled` if mail is off; refused when the text is not an address; too many requests;
/// unavailable when too many mails wait.
pub async fn request(
    app: App,
    email: String,
    channel: Channel<'_>,
    info: RequestInfo,
) -> Result<IssuedChallenge, Failure> {
    mailed_codes::require_mail(&app)?;
    let address = EmailAddress::parse(&email)
        .map_err(|error| Refusal::field("email", error.code(), error.message()))?;
    limits::take(&app, &info)?;
    outbox::require_room(&app).await?;
    let subject = mailed_codes::subject_of_address(&app, &address);
    let pending = PendingRecovery {
        id: URL_SAFE_NO_PAD.encode(random::<16>(&*app.entropy)),
        begun_at: info.now,
        subject: URL_SAFE_NO_PAD.encode(&subject),
        address: Some(email.trim().to_owned()),
        proved: None,
    };
    // A refusal rolls everything back, so that requests over the limit cost no disk.
    app.transaction_or_nothing(&info, async |tx| {
        count_of_address(tx, LimitedMail::Recovery, &address).await?;
        let code = NewCode {
            purpose: CodePurpose::Recover,
            subject,
            flow: Some(mailed_codes::flow(&pending.id)),
            owner: None,
            content: &CodeContent::default(),
        };
        let made = mailed_codes::make(tx, code).await?;
        mailed_codes::mail(tx, made, (None, &address), MailContent::Recovery).await?;
        Ok(())
    })
    .await?;
    Ok(pending.seal(&app, channel, RemainingStep::Factor(vec![Method::MailedCode]), info.now)?)
}

/// Whether a challenge belongs to a recovery. The next step decides whether it can be used.
#[must_use]
pub fn is_challenge(app: &App, challenge: &str, channel: Channel<'_>) -> bool {
    PendingRecovery::read(app, challenge, channel).is_some()
}

/// The next step of a recovery, for its page.
///
/// # Errors
/// `challenge_invalid`; `forbidden` where the second factor of the account is a passkey alone.
pub async fn waits_for(
    app: App,
    challenge: String,
    channel: Channel<'_>,
    now: Timestamp,
) -> Result<WaitingRecovery, Failure> {
    let PendingRecovery { address, proved, .. } =
        PendingRecovery::open(&app, &challenge, channel, now)?;
    let Some(proved) = proved else {
        let step = RemainingStep::Factor(vec![Method::MailedCode]);
        return Ok(WaitingRecovery { step, address, login: None });
    };
    let credential = proved.account(&app).await?;
    let step = proved.remaining(&credential, now).map_err(as_challenge)?;
    Ok(WaitingRecovery { step, address, login: Some(credential.user.login) })
}

/// Takes the next step of a recovery.
///
/// # Errors
/// `challenge_invalid`; `forbidden` if a passkey is the only second factor of the account; `mfa_failed` and other
/// errors of the entry, after which the same challenge can be used again; too many attempts; unavailable when hashing
/// or storage cannot keep up.
pub async fn advance(
    app: App,
    (challenge, entry): (String, Entry),
    channel: Channel<'_>,
    info: RequestInfo,
) -> Result<RecoveryOutcome, Failure> {
    let pending = PendingRecovery::open(&app, &challenge, channel, info.now)?;
    limits::check_guesses(&app, &info)?;
    let now = info.now;
    let Some(proved) = &pending.proved else {
        let Entry::MailedCode(typed) = entry else {
            let first = RemainingStep::Factor(vec![Method::MailedCode]);
            return Ok(RecoveryOutcome::Pending(pending.seal(&app, channel, first, now)?));
        };
        let proved = pending.check_code(&app, typed.expose(), &info).await?;
        let credential = proved.account(&app).await?;
        let step = proved.remaining(&credential, now).map_err(as_challenge)?;
        let next = PendingRecovery { proved: Some(proved), ..pending };
        return Ok(RecoveryOutcome::Pending(next.seal(&app, channel, step, now)?));
    };
    let credential = proved.account(&app).await?;
    let remaining = proved.remaining(&credential, now).map_err(as_challenge)?;
    match (&remaining, entry) {
        (RemainingStep::Factor(_), Entry::Code(code)) => {
            let proved = proved.with_factor(&app, &credential, &code, &info).await?;
            let step = proved.remaining(&credential, now).map_err(as_challenge)?;
            let next = PendingRecovery { proved: Some(proved), ..pending };
            Ok(RecoveryOutcome::Pending(next.seal(&app, channel, step, now)?))
        }
        (RemainingStep::NewPassword, Entry::NewPassword(typed)) => {
            new_password::store(&app, (proved, None), &credential, typed, &info)
                .await
                .map_err(|failure| gone_as(failure, challenge_invalid))?;
            Ok(RecoveryOutcome::Done)
        }
        // A premature entry does not end the recovery.
        _ => Ok(RecoveryOutcome::Pending(pending.seal(&app, channel, remaining, now)?)),
    }
}

/// The last steps at once, for the page with both a code of the second factor and the new password. Nothing is
/// consumed unless both are valid.
///
/// # Errors
/// As [`advance`]; refused, naming the field, when one is missing.
pub async fn finish(
    app: App,
    (challenge, entry): (String, LinkEntry),
    channel: Channel<'_>,
    info: RequestInfo,
) -> Result<(), Failure> {
    let pending = PendingRecovery::open(&app, &challenge, channel, info.now)?;
    let proved = pending.proved.ok_or_else(challenge_invalid)?;
    let outcome = proved.finish(&app, entry, &info).await;
    outcome.map_err(|failure| gone_as(failure, challenge_invalid))
}

/// The methods of which one must follow the link, empty if the account has no second factor, and the login name of
/// the account.
///
/// # Errors
/// `link_invalid`; `forbidden` where the second factor of the account is a passkey alone.
pub(super) async fn view_of_link(
    app: &App,
    code: &UsableCode,
    now: Timestamp,
) -> Result<(Vec<Method>, String), Failure> {
    let proved = ProvedMailbox::by_link(code, now).ok_or_else(mailed_codes::link_invalid)?;
    let credential = proved.account(app).await;
    let credential = credential.map_err(|failure| gone_as(failure, mailed_codes::link_invalid))?;
    let methods = proved.remaining(&credential, now)?.methods().to_vec();
    Ok((methods, credential.user.login))
}

/// Sets the new password that came with a link.
///
/// # Errors
/// As [`finish`], with `link_invalid`.
pub(super) async fn by_link(
    app: &App,
    code: &UsableCode,
    entry: LinkEntry,
    info: &RequestInfo,
) -> Result<(), Failure> {
    let proved = ProvedMailbox::by_link(code, info.now).ok_or_else(mailed_codes::link_invalid)?;
    let outcome = proved.finish(app, entry, info).await;
    outcome.map_err(|failure| gone_as(failure, mailed_codes::link_invalid))
}

impl PendingRecovery {
    fn seal(
        &self,
        app: &App,
        channel: Channel<'_>,
        step: RemainingStep,
        now: Timestamp,
    ) -> Result<IssuedChallenge, Fault> {
        let sealed = seal(app, &bound_to(channel), self, PADDED_TO)?;
        let life = match &self.proved {
            None => CodePurpose::Recover.life(),
            Some(_) => (self.begun_at + LIFE - now).min(FACTOR_LIFE),
        };
        let challenge = opaque_token::encode(AUTH_SESSION, &sealed);
        Ok(IssuedChallenge { challenge, expires_in: life.secs(), step })
    }

    fn read(app: &App, challenge: &str, channel: Channel<'_>) -> Option<Self> {
        let sealed = opaque_token::parse_any(AUTH_SESSION, challenge)?;
        unseal::<Self>(app, &bound_to(channel), &sealed)
    }

    fn open(
        app: &App,
        challenge: &str,
        channel: Channel<'_>,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        Self::read(app, challenge, channel)
            .filter(|pending| !has_expired(pending.begun_at + LIFE, LIFE, now))
            .ok_or_else(challenge_invalid)
    }

    /// Counts and compares the mailed code. A right one stays, to be consumed with the last step.
    async fn check_code(
        &self,
        app: &App,
        typed: &str,
        info: &RequestInfo,
    ) -> Result<ProvedMailbox, Failure> {
        let subject = URL_SAFE_NO_PAD.decode(&self.subject).unwrap_or_default();
        let flow_hash = mailed_codes::flow(&self.id);
        let name =
            CodeName { purpose: CodePurpose::Recover, subject: &subject, flow_hash: &flow_hash };
        let check = async |tx: &mut AuditedTx| Ok(mailed_codes::check(tx, name, typed).await?);
        let right = app.transaction(info, check).await?;
        let proved = right.and_then(|code| ProvedMailbox::by_link(&code, info.now));
        Ok(proved.ok_or_else(|| {
            limits::count_guess(app, info);
            wrong_code()
        })?)
    }
}

/// The sealing purpose of a challenge.
fn bound_to(channel: Channel<'_>) -> String {
    match channel {
        Channel::Api => "recovery/v1/api".to_owned(),
        Channel::Browser(cookie) => {
            format!("recovery/v1/browser/{}", sha256_base64url(cookie.as_bytes()))
        }
    }
}

fn wrong_code() -> Refusal {
    let message = "The code is wrong, expired, or was replaced by a newer one. After five attempts, request a new \
                   one.";
    Refusal::new(Code::MfaFailed, message)
}

/// The refusal of a proof that is no longer valid. Callers map it with [`gone_as`].
fn gone() -> Refusal {
    mailed_codes::link_invalid()
}

fn as_challenge(refusal: Refusal) -> Failure {
    gone_as(refusal.into(), challenge_invalid)
}

fn gone_as(failure: Failure, refusal: fn() -> Refusal) -> Failure {
    match failure {
        Failure::Refused(refused) if refused.code == Code::LinkInvalid => refusal().into(),
        other => other,
    }
}
