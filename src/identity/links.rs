//! Mailed links: what a link is for, and redeeming it.
//!
//! Owns the dispatch by purpose: what a purpose asks for and does is its own module's. Looking at a link changes
//! nothing, and redeeming it signs no one in.

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

/// What a link asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// What it is for.
    pub purpose: CodePurpose,
    /// The second factors of which one is typed with it; empty where the account has none.
    pub methods: Vec<Method>,
    /// The address that is confirmed or restored, or that an account is for.
    pub address: Option<String>,
    /// The login name of the account that the password is for.
    pub login: Option<String>,
}

impl LinkView {
    /// Of a link that asks for no password of an account that exists.
    const fn of_address(purpose: CodePurpose, address: Option<String>) -> Self {
        Self { purpose, methods: Vec::new(), address, login: None }
    }

    fn asking_password(purpose: CodePurpose, (methods, login): (Vec<Method>, String)) -> Self {
        Self { purpose, methods, address: None, login: Some(login) }
    }

    /// Whether an address is confirmed or restored, with nothing to type.
    #[must_use]
    pub const fn is_confirmation(&self) -> bool {
        matches!(self.purpose, CodePurpose::Verify | CodePurpose::Change | CodePurpose::Undo)
    }
}

/// What is sent with a link.
#[derive(Default)]
pub struct LinkEntry {
    /// The new password as typed.
    pub new_password: Option<String>,
    /// A code of a second factor.
    pub code: Option<TypedCode>,
    /// What is typed for a new account.
    pub account: Option<AccountForm>,
}

/// Makes the account that the link of a sign-up is for.
///
/// # Errors
/// `link_invalid`, also where the link is for something else; what is wrong with a field; too many attempts.
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

/// What a link asks for. Consumes nothing: scanners of mail and impatient browsers do no harm.
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
        // The code of an enrolment counts in its sign-in only.
        CodePurpose::Enrol => Err(link_invalid().into()),
    }
}

/// What a link that has expired was for, which tells where its holder begins again; none of a link that was used or
/// replaced, or is unknown.
///
/// # Errors
/// Only faults.
pub async fn expired_purpose(app: App, token: String) -> Result<Option<CodePurpose>, Failure> {
    Ok(mailed_codes::purpose(&app, &token).await?)
}

/// Redeems a link. What it was.
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
