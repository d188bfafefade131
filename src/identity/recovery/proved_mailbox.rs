//! A proved mailbox in a recovery, and the factors that follow, up to the new password.
//!
//! The code or link itself is consumed with the new password.

use serde::{Deserialize, Serialize};

use crate::app::{App, AuditedTx};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::base::opaque_token::TokenHash;
use crate::domain::authn::{Attempt, AuthnStep, Factors, Method, Purpose, Requirements, next_step};
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::identity::authenticate::account_state;
use crate::identity::authentication::RemainingStep;
use crate::identity::links::LinkEntry;
use crate::identity::mailed_codes::UsableCode;
use crate::identity::second_factor::{TypedCode, UsableFactorCode, check_code, compare_code};
use crate::store::users::{self, Credential};

use super::{gone, limits, new_password};

/// The proof by a right code or a link.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct ProvedMailbox {
    pub(super) user: UserId,
    /// The epoch of the user that the code was sent in.
    pub(super) epoch: i64,
    /// The hash of the link that belongs to the code: both are consumed together.
    pub(super) link: [u8; 32],
    pub(super) purpose: CodePurpose,
    pub(super) factors: Factors,
}

impl ProvedMailbox {
    pub(super) fn by_link(code: &UsableCode, now: Timestamp) -> Option<Self> {
        let owner = code.owner?;
        let factors = Factors::default().with(Method::MailedCode, now);
        Some(Self {
            user: owner.user,
            epoch: owner.epoch?,
            link: *code.link_hash.digest(),
            purpose: code.purpose,
            factors,
        })
    }

    /// The current state of the account.
    pub(super) async fn account(&self, app: &App) -> Result<Credential, Failure> {
        let found = users::credential_of(&mut app.db.reader().await?, self.user).await?;
        Ok(found.ok_or_else(gone)?)
    }

    /// The next step.
    ///
    /// # Errors
    /// [`gone`] where the account has changed since the code was sent; `forbidden` where a passkey is its only second
    /// factor.
    pub(super) fn remaining(
        &self,
        credential: &Credential,
        now: Timestamp,
    ) -> Result<RemainingStep, Refusal> {
        let attempt =
            Attempt { purpose: Purpose::Recover, epoch: self.epoch, factors: self.factors };
        match next_step(&attempt, &account_state(credential), &Requirements::BASIC, now) {
            AuthnStep::Authenticate(methods) if !methods.contains(&Method::MailedCode) => {
                // A passkey cannot be used here: it signs in without a password.
                let codes = methods.into_iter().filter(|method| *method != Method::Passkey);
                let codes: Vec<Method> = codes.collect();
                if codes.is_empty() {
                    Err(passkey_only())
                } else {
                    Ok(RemainingStep::Factor(codes))
                }
            }
            AuthnStep::ChangePassword => Ok(RemainingStep::NewPassword),
            _ => Err(gone()),
        }
    }

    /// The state with a second factor added, whose code is counted and consumed here.
    pub(super) async fn with_factor(
        &self,
        app: &App,
        credential: &Credential,
        code: &TypedCode,
        info: &RequestInfo,
    ) -> Result<Self, Failure> {
        let check = async |tx: &mut AuditedTx| check_code(tx, &credential.user, code).await;
        let checked = app.transaction(info, check).await;
        let method = checked.inspect_err(|failure| count_if_wrong(app, failure, info))?;
        Ok(Self { factors: self.factors.with(method, info.now), ..self.clone() })
    }

    /// The state with a second factor added, whose code is counted and compared here, and consumed with the
    /// new password.
    async fn with_compared(
        self,
        app: &App,
        credential: &Credential,
        code: &TypedCode,
        info: &RequestInfo,
    ) -> Result<(Self, UsableFactorCode), Failure> {
        let compare = async |tx: &mut AuditedTx| compare_code(tx, &credential.user, code).await;
        let compared = app.transaction(info, compare).await;
        let code = compared.inspect_err(|failure| count_if_wrong(app, failure, info))?;
        Ok((Self { factors: self.factors.with(code.method(), info.now), ..self }, code))
    }

    pub(super) async fn finish(
        self,
        app: &App,
        entry: LinkEntry,
        info: &RequestInfo,
    ) -> Result<(), Failure> {
        limits::check_guesses(app, info)?;
        let LinkEntry { new_password, code, .. } = entry;
        let credential = self.account(app).await?;
        let remaining = self.remaining(&credential, info.now)?;
        let needs_code = matches!(remaining, RemainingStep::Factor(_));
        if needs_code && code.is_none() {
            let message =
                "The account has a second factor. Send its code as well, with the new password.";
            return Err(Refusal::new(Code::MfaRequired, message).into());
        }
        let typed = new_password.ok_or_else(|| {
            Refusal::field("new_password", "missing", "Send the new password as new_password.")
        })?;
        new_password::acceptable(app, &credential, &typed)?;
        // A refused password must not consume the code, and only the holder of a right code may learn that a
        // password equals the current one: so the code is compared first, and consumed with the new password.
        let (proved, code) = match code.filter(|_| needs_code) {
            Some(code) => {
                let (proved, code) = self.with_compared(app, &credential, &code, info).await?;
                (proved, Some(code))
            }
            None => (self, None),
        };
        match proved.remaining(&credential, info.now)? {
            RemainingStep::NewPassword => {
                let stored =
                    new_password::store(app, (&proved, code), &credential, typed, info).await;
                stored.inspect_err(|failure| count_if_wrong(app, failure, info))
            }
            _ => Err(gone().into()),
        }
    }

    pub(super) fn link_hash(&self) -> TokenHash {
        TokenHash::from_digest(self.link)
    }
}

/// A wrong code of the second factor counts for the network.
fn count_if_wrong(app: &App, failure: &Failure, info: &RequestInfo) {
    if matches!(failure, Failure::Refused(refusal) if refusal.code == Code::MfaFailed) {
        limits::count_guess(app, info);
    }
}

/// The refusal of a recovery that no code can complete. Only shown to a caller who has proved the mailbox.
fn passkey_only() -> Refusal {
    Refusal::because(Code::Forbidden, Reason::PasskeyOnly)
}
