//! Mailed links: viewing and redeeming them.
//!
//! Owns the dispatch by purpose; each purpose has its own module. Viewing a link changes nothing, and redeeming it
//! signs no one in.

use crate::app::App;
use crate::app::limits::Subject;
use crate::domain::authn::Method;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Failure, Refusal};
use crate::domain::rate_limit::RateLimit;
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;

use super::mailed_codes::{self, UsableCode, link_invalid};
use super::second_factor::TypedCode;
use super::sign_up::{self, AccountForm};
use super::{email_change, email_undo, invitation, lockout, recovery};

/// The view of a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// Its purpose.
    pub purpose: CodePurpose,
    /// The second factors of which one is required; empty if the account has none.
    pub methods: Vec<Method>,
    /// The address that is confirmed or restored, or that an account is for.
    pub address: Option<String>,
    /// The login name of the account.
    pub login: Option<String>,
}

impl LinkView {
    /// The view of a link that needs no password of an existing account.
    const fn of_address(purpose: CodePurpose, address: Option<String>) -> Self {
        Self { purpose, methods: Vec::new(), address, login: None }
    }

    fn asking_password(purpose: CodePurpose, (methods, login): (Vec<Method>, String)) -> Self {
        Self { purpose, methods, address: None, login: Some(login) }
    }

    /// Whether it only confirms or restores an address.
    #[must_use]
    pub const fn is_confirmation(&self) -> bool {
        matches!(self.purpose, CodePurpose::Verify | CodePurpose::Change | CodePurpose::Undo)
    }
}

/// The entries that are sent with a link.
#[derive(Default)]
pub struct LinkEntry {
    /// The new password as typed.
    pub new_password: Option<String>,
    /// A code of a second factor.
    pub code: Option<TypedCode>,
    /// The entries for a new account.
    pub account: Option<AccountForm>,
}

/// Creates the account for the link of a sign-up.
///
/// # Errors
/// `link_invalid`, also for a link with another purpose; invalid fields; too many attempts.
pub async fn sign_up(
    app: App,
    token: String,
    account: AccountForm,
    info: RequestInfo,
) -> Result<User, Failure> {
    let code = found(&app, &token, &info).await?;
    if code.purpose != CodePurpose::Signup {
        return Err(link_invalid().into());
    }
    sign_up::by_link(&app, &code, account, &info).await
}

/// The view of a link. Consumes nothing, so that mail scanners and prefetching browsers do no harm.
///
/// # Errors
/// `link_invalid`, the same for every reason; too many requests.
pub async fn view(app: App, token: String, info: RequestInfo) -> Result<LinkView, Failure> {
    let code = found(&app, &token, &info).await?;
    let purpose = code.purpose;
    match purpose {
        CodePurpose::Recover | CodePurpose::Reset => {
            let view = recovery::view_of_link(&app, &code, info.now).await?;
            Ok(LinkView::asking_password(purpose, view))
        }
        CodePurpose::Invite => {
            let login = invitation::invited(&app, &code).await?.login;
            Ok(LinkView::asking_password(purpose, (Vec::new(), login)))
        }
        CodePurpose::Verify | CodePurpose::Change | CodePurpose::Undo => {
            Ok(LinkView::of_address(purpose, code.content.address))
        }
        CodePurpose::Signup => {
            let address = sign_up::address_of_link(&app, &code)?;
            Ok(LinkView::of_address(purpose, Some(address)))
        }
        // The code of an enrolment only works in its sign-in.
        CodePurpose::Enrol => Err(link_invalid().into()),
    }
}

/// The purpose of an expired link, which tells where to start again; `None` for a used, replaced or unknown link.
///
/// # Errors
/// Only faults.
pub async fn expired_purpose(app: App, token: String) -> Result<Option<CodePurpose>, Failure> {
    Ok(mailed_codes::purpose(&app, &token).await?)
}

/// Redeems a link and returns its view.
///
/// # Errors
/// `link_invalid`; `mfa_required`, `mfa_failed` and `weak_password`, after which the link can be used again; too many
/// attempts.
pub async fn redeem(
    app: App,
    token: String,
    entry: LinkEntry,
    info: RequestInfo,
) -> Result<LinkView, Failure> {
    let code = found(&app, &token, &info).await?;
    let purpose = code.purpose;
    match purpose {
        CodePurpose::Recover | CodePurpose::Reset => {
            recovery::by_link(&app, &code, entry, &info).await?;
        }
        CodePurpose::Invite => invitation::accept(&app, &code, entry, &info).await?,
        CodePurpose::Verify | CodePurpose::Change => {
            email_change::confirm_by_link(&app, &code, &info).await?;
        }
        CodePurpose::Undo => email_undo::undo(&app, &code, &info).await?,
        CodePurpose::Signup => {
            let account = entry.account.ok_or_else(|| {
                let message =
                    "This link is for a new account: send it to POST /v1/register/complete.";
                Refusal::field("token", "sign_up", message)
            })?;
            sign_up::by_link(&app, &code, account, &info).await?;
        }
        CodePurpose::Enrol => return Err(link_invalid().into()),
    }
    Ok(LinkView::of_address(purpose, code.content.address))
}

async fn found(app: &App, token: &str, info: &RequestInfo) -> Result<UsableCode, Failure> {
    throttle(app, info)?;
    let found = mailed_codes::find_by_link(app, token, info).await?;
    Ok(found.ok_or_else(link_invalid)?)
}

fn throttle(app: &App, info: &RequestInfo) -> Result<(), Refusal> {
    if !app.config.rate_limits {
        return Ok(());
    }
    let purpose = RateLimit::Link;
    app.address_limiter
        .take(Subject::new(purpose, info.address()))
        .map_err(|wait| lockout::too_many(app, wait, purpose.as_str()))
}
