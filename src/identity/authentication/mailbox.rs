//! The step in which a user enters a mailed code before enrolling a second factor, so that an attacker with the
//! password cannot enrol one.
//!
//! The code is mailed to the verified address and works only in its authentication. Each authentication has its own
//! code, so that an attacker with the password does not invalidate the owner's by signing in.

use crate::app::{App, AuditedTx, outbox};
use crate::base::id::UserId;
use crate::base::opaque_token::TokenHash;
use crate::base::{Secret, Timestamp};
use crate::domain::authn::Method;
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailContent;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::identity::email_limits::{LimitedMail, count_of_address};
use crate::identity::mailed_codes::{
    self, CodeContent, CodeName, CodeOwner, NewCode, subject_of_user,
};
use crate::identity::second_factor;
use crate::store::users;

use super::{Channel, PendingAuthentication, Progress, SingleUse, Waiting, challenge_invalid};

const PURPOSE: CodePurpose = CodePurpose::Enrol;

/// The subject of the code of an authentication.
fn subject_of(user: UserId, authentication: &TokenHash) -> Vec<u8> {
    let mut subject = subject_of_user(user);
    subject.extend_from_slice(authentication.digest());
    subject
}

/// Mails a code for the authentication; an earlier one becomes invalid.
pub(super) async fn send(
    app: &App,
    progress: &Progress,
    authentication: &SingleUse,
    info: &RequestInfo,
) -> Result<(), Failure> {
    outbox::require_room(app).await?;
    let (user, epoch, flow) = (progress.user, progress.epoch, &authentication.id);
    // A refusal rolls back, so that requests over the limit cost no disk space.
    app.transaction_or_nothing(info, async |tx| {
        if !users::hold(tx, user, epoch).await? {
            return Err(challenge_invalid().into());
        }
        let stored = users::find(tx, user).await?.ok_or_else(challenge_invalid)?;
        let address = stored.verified_email().ok_or_else(challenge_invalid)?;
        let to = EmailAddress::stored(address)?;
        count_of_address(tx, LimitedMail::Enrolment, &to).await?;
        let code = NewCode {
            purpose: PURPOSE,
            subject: subject_of(user, flow),
            flow: Some(flow.clone()),
            owner: Some(CodeOwner { user, epoch: Some(epoch) }),
            content: &CodeContent::default(),
        };
        let made = mailed_codes::make(tx, code).await?;
        mailed_codes::mail(tx, made, (Some(user), &to), MailContent::EnrolmentCode).await?;
        Ok(())
    })
    .await
}

/// Counts the attempt, compares the code and consumes it.
pub(super) async fn check(
    app: &App,
    user: &User,
    authentication: Option<&SingleUse>,
    typed: &Secret<String>,
    info: &RequestInfo,
) -> Result<(), Failure> {
    // Callers without an id get no code: they send their users to the pages.
    let SingleUse { id: flow, .. } = authentication.ok_or_else(challenge_invalid)?;
    let subject = subject_of(user.id, flow);
    let name = CodeName { purpose: PURPOSE, subject: &subject, flow_hash: flow };
    // A refusal is committed, because the attempt counts.
    app.transaction(info, async |tx: &mut AuditedTx| {
        let right = match mailed_codes::check(tx, name, typed.expose()).await? {
            Some(code) => mailed_codes::consume(tx, &code.link_hash).await?,
            None => false,
        };
        if right {
            return Ok(());
        }
        second_factor::record_failed(tx, user, Method::MailedCode).await?;
        Err(wrong_code().into())
    })
    .await
}

fn wrong_code() -> Refusal {
    let message = "The code is wrong, expired, or was replaced by a newer one. After five attempts, sign in again.";
    Refusal::new(Code::MfaFailed, message)
}

impl<A> PendingAuthentication<A> {
    /// Whether a code was sent that this authentication can use.
    ///
    /// # Errors
    /// When the database cannot be read.
    pub async fn has_sent_code(
        &self,
        app: &App,
        channel: Channel<'_>,
        now: Timestamp,
    ) -> Result<bool, Fault> {
        let subject = subject_of(self.progress.user, &self.single_use(channel).id);
        Ok(mailed_codes::pending(app, PURPOSE, &subject, now).await?.is_some())
    }

    /// Sends the code that is the next step; an earlier one becomes invalid.
    ///
    /// # Errors
    /// `challenge_invalid`; `validation_failed` when the next step is another one; `too_many_attempts`;
    /// unavailable when too many mails wait.
    pub async fn send_code(
        &self,
        app: &App,
        channel: Channel<'_>,
        info: &RequestInfo,
    ) -> Result<(), Failure> {
        let Waiting { step, .. } = self.waiting(app, channel, info.now).await?;
        if !step.is_mailed_code() {
            let message = "This challenge does not expect a mailed code.";
            return Err(Refusal::field("challenge", "unexpected", message).into());
        }
        send(app, &self.progress, &self.single_use(channel), info).await
    }
}
