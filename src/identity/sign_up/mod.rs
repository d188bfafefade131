//! Self-service sign-up, if `SIGNET_REGISTRATION` allows it.
//!
//! Owns the steps of a sign-up with a mailed code: the address, the code or the link, the account. No user and no
//! password exist before the address is proved, and the response is the same for every address: `jobs::mail` finds
//! out whether it belongs to a user. `account` creates the account; sign-up without a verified address is in
//! `register`.

mod account;
mod pending;

use crate::app::limits::Subject;
use crate::app::{App, AuditedTx, outbox};
use crate::base::opaque_token::TokenHash;
use crate::base::{Secret, Timestamp};
use crate::config::Registration;
use crate::domain::email_address::{EmailAddress, EmailAddressError};
use crate::domain::mail::MailContent;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Code, Failure, Fault, FieldError, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::domain::user_email::NewEmail;

use super::authentication::{Channel, IssuedChallenge, challenge_invalid};
use super::mailed_codes::{self, CodeContent, CodeName, NewCode, UsableCode, link_invalid};
use super::recovery::limits::{check_guesses, count_guess};
use super::{email_limits, lockout};

pub use account::{AccountForm, Terms};
pub(super) use account::{NewAccount, insert};
use pending::PendingSignUp;

/// A request for a code.
pub struct SignUpRequest {
    /// The address as typed.
    pub email: String,
    /// Whether a program filled in the form: it gets the same answer, but no mail is sent.
    pub is_automated: bool,
}

/// The next step of a sign-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WaitingSignUp {
    /// The address.
    pub address: String,
    /// Whether it is verified, so that creating the account is the next step.
    pub is_proven: bool,
}

/// The result of the last step.
pub enum SignUpOutcome {
    /// There is an account.
    Done(Box<User>),
    /// The address is proved but another field is invalid: the challenge carries the proof.
    Refused(Refusal, IssuedChallenge),
}

/// An address whose mailbox was verified. The code is consumed when the account is created.
pub(super) struct ProvenAddress {
    link: TokenHash,
    email: NewEmail,
}

/// Refuses a sign-up if `SIGNET_REGISTRATION` does not allow this kind.
///
/// # Errors
/// `registration_closed`; `feature_disabled` if another kind is allowed.
pub fn require(app: &App, wanted: Registration) -> Result<(), Refusal> {
    let message = match (app.config.registration, wanted) {
        (is, wanted) if is == wanted => return Ok(()),
        (Registration::Closed, _) => "Registration is closed.",
        (Registration::Invite, _) => {
            "Accounts are created by invitation. Ask an administrator for one."
        }
        (Registration::Open | Registration::Verified, _) => {
            let message = "This endpoint does not match SIGNET_REGISTRATION of this server.";
            return Err(Refusal::new(Code::FeatureDisabled, message));
        }
    };
    Err(Refusal::new(Code::RegistrationClosed, message))
}

/// Counts one attempt of the network, because the response reveals whether a login name is taken.
pub(super) fn throttle(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let purpose = RateLimit::Registration;
    app.address_limiter
        .take(Subject::new(purpose, info.address()))
        .map_err(|wait| lockout::too_many(app, wait, purpose.as_str()))
}

/// Refuses the addresses of other domains than those that can sign up.
pub(super) fn require_domain(
    app: &App,
    field: &'static str,
    address: &EmailAddress,
) -> Result<(), Refusal> {
    if app.config.registration_domains.allows(address) {
        return Ok(());
    }
    let message = "Addresses of this domain cannot sign up here. Use another address, or ask an administrator for an account.";
    let fields = vec![FieldError { field, code: Code::DomainNotAllowed.as_str(), message }];
    Err(Refusal { fields, ..Refusal::new(Code::DomainNotAllowed, message) })
}

/// Begins a sign-up: the address gets a mail with a code, or one that says that there is an account. Statements and
/// response are the same for both.
///
/// # Errors
/// `registration_closed`; `validation_failed`; `domain_not_allowed`; too many requests; unavailable when too
/// many mails wait.
pub async fn request(
    app: App,
    request: SignUpRequest,
    channel: Channel<'_>,
    info: RequestInfo,
) -> Result<IssuedChallenge, Failure> {
    require(&app, Registration::Verified)?;
    let invalid = |error: EmailAddressError| Refusal::field("email", error.code(), error.message());
    let email = NewEmail::parse(&request.email).map_err(invalid)?;
    let to = EmailAddress::parse(&request.email).map_err(invalid)?;
    require_domain(&app, "email", &to)?;
    throttle(&app, &info)?;
    outbox::require_room(&app).await?;
    let subject = mailed_codes::subject_of_address(&app, &to);
    let pending = PendingSignUp::begin(&app, &subject, &email, info.now);
    if !request.is_automated {
        let content = CodeContent { address: Some(email.address) };
        // A refusal rolls everything back, so that requests over the limit cost no disk.
        app.transaction_or_nothing(&info, async |tx| {
            email_limits::count_of_new_address(tx, &to).await?;
            let code = NewCode {
                purpose: CodePurpose::Signup,
                subject: subject.clone(),
                flow: Some(pending.flow()),
                owner: None,
                content: &content,
            };
            let made = mailed_codes::make(tx, code).await?;
            mailed_codes::mail(tx, made, (None, &to), MailContent::Signup).await?;
            Ok(())
        })
        .await?;
    }
    Ok(pending.seal(&app, channel, info.now)?)
}

/// The next step of a sign-up, for its page.
///
/// # Errors
/// `challenge_invalid`; `registration_closed`.
pub fn waits_for(
    app: &App,
    challenge: &str,
    channel: Channel<'_>,
    now: Timestamp,
) -> Result<WaitingSignUp, Refusal> {
    require(app, Registration::Verified)?;
    let pending = PendingSignUp::open(app, challenge, channel, now)?;
    Ok(WaitingSignUp { is_proven: pending.is_proven(), address: pending.address })
}

/// Checks the mailed code. The new challenge carries the proof.
///
/// # Errors
/// `challenge_invalid`; `mfa_failed` when the code is wrong; too many attempts.
pub async fn prove(
    app: App,
    (challenge, code): (String, Secret<String>),
    channel: Channel<'_>,
    info: RequestInfo,
) -> Result<IssuedChallenge, Failure> {
    require(&app, Registration::Verified)?;
    let pending = PendingSignUp::open(&app, &challenge, channel, info.now)?;
    let proven = check_code(&app, &pending, code.expose(), &info).await?;
    Ok(pending.proven_by(proven.link).seal(&app, channel, info.now)?)
}

/// Creates the account. `code` is the mailed one, if the challenge does not carry the proof yet. Errors of the
/// account are reported before the code is counted, except for a taken login name, which only the owner of the
/// mailbox learns.
///
/// # Errors
/// As [`prove`]; invalid fields; `email_taken`; unavailable when hashing or storage cannot keep up.
pub async fn complete(
    app: App,
    (challenge, code): (String, Option<Secret<String>>),
    form: AccountForm,
    channel: Channel<'_>,
    info: RequestInfo,
) -> Result<SignUpOutcome, Failure> {
    require(&app, Registration::Verified)?;
    let pending = PendingSignUp::open(&app, &challenge, channel, info.now)?;
    let email = pending.email()?;
    let account = NewAccount::verified(&app, form, email.clone())?;
    throttle(&app, &info)?;
    let proven = match (pending.link(), code) {
        (Some(link), _) => ProvenAddress { link, email },
        (None, Some(code)) => check_code(&app, &pending, code.expose(), &info).await?,
        (None, None) => {
            let message = "This challenge expects the mailed code.";
            return Err(Refusal::field("code", "missing", message).into());
        }
    };
    match create(&app, &account, &proven.link, &info).await {
        Ok(Some(user)) => Ok(SignUpOutcome::Done(Box::new(user))),
        // Consumed by another request, or replaced by a newer code.
        Ok(None) => Err(challenge_invalid().into()),
        Err(Failure::Refused(refusal)) if refusal.code == Code::LoginTaken => {
            let next = pending.proven_by(proven.link).seal(&app, channel, info.now)?;
            Ok(SignUpOutcome::Refused(refusal, next))
        }
        Err(failure) => Err(failure),
    }
}

/// The address that a mailed link is for.
///
/// # Errors
/// `registration_closed`; faults.
pub(super) fn address_of_link(app: &App, code: &UsableCode) -> Result<String, Failure> {
    require(app, Registration::Verified)?;
    Ok(ProvenAddress::by(code)?.email.address)
}

/// Makes the account with a mailed link.
///
/// # Errors
/// `link_invalid` when another request has used it; as [`complete`].
pub(super) async fn by_link(
    app: &App,
    code: &UsableCode,
    form: AccountForm,
    info: &RequestInfo,
) -> Result<User, Failure> {
    require(app, Registration::Verified)?;
    let ProvenAddress { link, email } = ProvenAddress::by(code)?;
    let account = NewAccount::verified(app, form, email)?;
    throttle(app, info)?;
    Ok(create(app, &account, &link, info).await?.ok_or_else(link_invalid)?)
}

/// The account and the ownership of its address in one transaction, which uses the code up. None when another one
/// has; a refusal leaves the code as it is.
async fn create(
    app: &App,
    account: &NewAccount,
    link: &TokenHash,
    info: &RequestInfo,
) -> Result<Option<User>, Failure> {
    let hash = account.hash(app, info).await?;
    let work = async |tx: &mut AuditedTx| {
        if !mailed_codes::consume(tx, link).await? {
            return Ok(None);
        }
        insert(tx, account, &hash).await.map(Some)
    };
    app.transaction_or_nothing(info, work).await
}

/// Counts and compares the mailed code. A right one stays, to be consumed with the account.
async fn check_code(
    app: &App,
    pending: &PendingSignUp,
    typed: &str,
    info: &RequestInfo,
) -> Result<ProvenAddress, Failure> {
    check_guesses(app, info)?;
    let (subject, flow_hash) = (pending.subject(), pending.flow());
    let name = CodeName { purpose: CodePurpose::Signup, subject: &subject, flow_hash: &flow_hash };
    let check = async |tx: &mut AuditedTx| Ok(mailed_codes::check(tx, name, typed).await?);
    match app.transaction(info, check).await? {
        Some(code) => Ok(ProvenAddress::by(&code)?),
        None => {
            count_guess(app, info);
            Err(wrong_code().into())
        }
    }
}

impl ProvenAddress {
    fn by(code: &UsableCode) -> Result<Self, Fault> {
        let address = code.content.address.as_deref();
        let email = address.and_then(|address| NewEmail::parse(address).ok());
        let email = email.ok_or_else(|| Fault::internal("a stored sign-up code has no address"))?;
        Ok(Self { link: TokenHash::from_digest(*code.link_hash.digest()), email })
    }
}

fn wrong_code() -> Refusal {
    let message = "The code is wrong, expired, or was replaced by a newer one. After five attempts, request a new \
                   one.";
    Refusal::new(Code::MfaFailed, message)
}
