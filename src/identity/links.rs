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

use super::mailed_codes::{self, UsableCode, link_invalid};
use super::second_factor::TypedCode;
use super::{email_change, email_undo, invitation, lockout, recovery};

/// What a link asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkView {
    /// What it is for.
    pub purpose: CodePurpose,
    /// Whether a new password is typed.
    pub wants_password: bool,
    /// The second factors of which one is typed with it; empty where the account has none.
    pub methods: Vec<Method>,
    /// The address that is confirmed or restored.
    pub address: Option<String>,
    /// The login name of the account that the password is for.
    pub login: Option<String>,
}

impl LinkView {
    /// Of a link that asks for nothing, or for nothing more.
    fn of_redeemed(purpose: CodePurpose, address: Option<String>) -> Self {
        let is_about_address =
            matches!(purpose, CodePurpose::Verify | CodePurpose::Change | CodePurpose::Undo);
        Self {
            purpose,
            wants_password: !is_about_address,
            methods: Vec::new(),
            address,
            login: None,
        }
    }

    fn asking_password(purpose: CodePurpose, (methods, login): (Vec<Method>, String)) -> Self {
        Self { purpose, wants_password: true, methods, address: None, login: Some(login) }
    }
}

/// What is sent with a link.
#[derive(Default)]
pub struct LinkEntry {
    /// The new password as typed.
    pub new_password: Option<String>,
    /// A code of a second factor.
    pub code: Option<TypedCode>,
}

/// What a link asks for. Consumes nothing: scanners of mail and impatient browsers do no harm.
///
/// # Errors
/// `link_invalid`, the same for every reason; too many requests.
pub async fn look(app: App, token: String, info: RequestInfo) -> Result<LinkView, Failure> {
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
            Ok(LinkView::of_redeemed(purpose, code.content.address))
        }
        // The code of an enrolment counts in its sign-in only.
        CodePurpose::Signup | CodePurpose::Enrol => Err(link_invalid().into()),
    }
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
        CodePurpose::Signup | CodePurpose::Enrol => return Err(link_invalid().into()),
    }
    Ok(LinkView::of_redeemed(purpose, code.content.address))
}

async fn found(app: &App, token: &str, info: &RequestInfo) -> Result<UsableCode, Failure> {
    throttle(app, info)?;
    let found = mailed_codes::look(app, token, info).await?;
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
