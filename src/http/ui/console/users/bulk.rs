//! `/admin/users/select` and `/admin/users/selected`: actions on the users whose rows are ticked.
//!
//! Keeps the ticked users in the address of the confirmation, so that it can be reloaded and continued after a new
//! sign-in. Each user is handled by the use case for a single user and has a separate outcome.

use std::collections::BTreeSet;
use std::sync::Arc;

use actix_web::HttpRequest;
use uuid::Uuid;

use crate::admin::{session_ends, unlocking, users};
use crate::app::{App, BulkResult, FormResult};
use crate::domain::outcome::Failure;
use crate::domain::permission::TargetKind;
use crate::domain::request_info::RequestInfo;
use crate::domain::shell_word::quoted;
use crate::domain::user::User;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::http::ui::console::access::Action;
use crate::http::ui::console::confirm::Question;
use crate::http::ui::console::{Console, OrPageOf, enter_with, query, submitted};
use crate::http::ui::page_error::{PageError, PageResult};
use crate::text_enum;

use super::selection::{MAX_USERS, encode};

/// The prefix of the name of a check box; the id of the user follows.
pub(super) const PREFIX: &str = "user.";
/// How many users the confirmation names.
const MAX_NAMED: usize = 10;

text_enum! {
    /// An action on several users.
    pub(super) enum BulkAction {
        /// Disable.
        Disable = "disable",
        /// Clear the counters of failed attempts.
        Unlock = "unlock",
        /// End every session.
        EndSessions = "end-sessions",
    }
}

impl BulkAction {
    /// The required right.
    pub(super) const fn right(self) -> Action {
        match self {
            Self::Disable => Action::DisableUser,
            Self::Unlock => Action::UnlockUser,
            Self::EndSessions => Action::EndSessions,
        }
    }

    /// The key of the text of its button.
    pub(super) const fn short_title(self) -> &'static str {
        match self {
            Self::Disable => "console.bulk.disable",
            Self::Unlock => "console.bulk.unlock",
            Self::EndSessions => "console.bulk.end_sessions",
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Disable => "console.bulk.disable_title",
            Self::Unlock => "console.bulk.unlock_title",
            Self::EndSessions => "console.bulk.end_sessions_title",
        }
    }

    const fn effects(self) -> &'static [&'static str] {
        match self {
            Self::Disable => &["console.bulk.effect.disable", "console.bulk.effect.sessions"],
            Self::Unlock => &["console.bulk.effect.unlock"],
            Self::EndSessions => &["console.bulk.effect.sessions", "console.effect.not_undone"],
        }
    }

    /// The equivalent command.
    fn command(self, users: &[User]) -> String {
        // A line that begins with # would be a comment in the file.
        let name = |user: &User| match user.login.starts_with('#') {
            true => user.id.to_string(),
            false => quoted(&user.login).into_owned(),
        };
        let logins: String = users.iter().map(|user| format!(" {}", name(user))).collect();
        match self {
            Self::Disable => format!("printf '%s\\n'{logins} | signet user disable --from -"),
            Self::Unlock => format!("printf '%s\\n'{logins} | signet user unlock --from -"),
            Self::EndSessions => {
                format!("for user in{logins}; do signet session revoke --user=\"$user\"; done")
            }
        }
    }
}

/// Redirects from the ticked rows to the confirmation.
pub async fn select(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, &request, form, Action::ReadUsers).await?;
    let action = console.bulk_action(&form.take("action"))?;
    let ids: BTreeSet<Uuid> = form.names_after(PREFIX).filter_map(|id| id.parse().ok()).collect();
    if ids.is_empty() {
        return Ok(console.go("/admin/users", "none-ticked"));
    }
    if ids.len() > MAX_USERS {
        return Err(console.failed(&console.too_many(ids.len())).into());
    }
    let query = query(&[("action", action.as_str()), ("users", &encode(&ids))]);
    Ok(console.go_to(&console.link("/admin/users/selected").with_query(&query)))
}

/// The confirmation page of an action on several users.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadUsers, params).await?;
    let action = console.bulk_action(params.get("action").unwrap_or_default())?;
    let ids = params.get("users").unwrap_or_default();
    let users = console.selected(ids).await.or_page_of(&console)?;
    console.ask_bulk(action, ids, &users, None).await
}

/// Performs the action on each of the users.
pub async fn post(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, &request, form, Action::ReadUsers).await?;
    let action = console.bulk_action(&form.take("action"))?;
    let ids = form.take("users");
    let page = query(&[("action", action.as_str()), ("users", &ids)]);
    console.require_fresh(&format!("/admin/users/selected?{page}")).await?;
    let users = console.selected(&ids).await.or_page_of(&console)?;
    let (app, info) = (console.context().app.clone(), console.info());
    let work = carry_out(app, action, users.clone(), info);
    match console.once(form.take("form"), work).await {
        Ok(result) => Ok(console.answer(result)),
        Err(problem) => console.ask_bulk(action, &ids, &users, Some(&problem)).await,
    }
}

/// A refused user does not stop the others. A fault does, and the same form may be sent again: repeating a finished
/// action has no effect.
async fn carry_out(
    app: App,
    action: BulkAction,
    mut users: Vec<User>,
    info: RequestInfo,
) -> Result<FormResult, Failure> {
    // The caller's own account is last: ending its sessions would end the right to handle the others.
    users.sort_by_key(|user| Some(user.id) == info.origin.actor);
    let mut outcomes = Vec::with_capacity(users.len());
    for user in users {
        let (app, id, info) = (app.clone(), user.id, info.clone());
        let outcome = match action {
            BulkAction::Disable => users::disable(app, id, info).await.map(drop),
            BulkAction::Unlock => unlocking::unlock(app, id, None, info).await,
            BulkAction::EndSessions => session_ends::end_all_of_user(app, id, info).await,
        };
        let refused = match outcome {
            Ok(()) => None,
            Err(Failure::Refused(refusal)) => Some(refusal),
            Err(failed) => return Err(failed),
        };
        outcomes.push((id, user.login, refused));
    }
    Ok(FormResult::Bulk(Arc::new(BulkResult { action: action.as_str(), outcomes })))
}

impl Console {
    /// The action that a form or an address names, if this user may perform it on some target.
    fn bulk_action(&self, named: &str) -> Result<BulkAction, PageError> {
        let action: BulkAction = named.parse().map_err(|_| self.go("/admin/users", ""))?;
        self.require(action.right())?;
        Ok(action)
    }

    async fn ask_bulk(
        &self,
        action: BulkAction,
        ids: &str,
        users: &[User],
        refused: Option<&Problem>,
    ) -> PageResult {
        let locale = self.locale();
        let allowed = |user: &&User| self.may_to(action.right(), TargetKind::of_user(user.role));
        let (whom, others): (Vec<&User>, Vec<&User>) = users.iter().partition(allowed);
        let n = whom.len().to_string();
        let mut named: Vec<String> =
            whom.iter().take(MAX_NAMED).map(|user| user.login.clone()).collect();
        if whom.len() > MAX_NAMED {
            let more = (whom.len() - MAX_NAMED).to_string();
            named.push(locale.with("console.bulk.more", &[("n", &more)]));
        }
        let mut effects: Vec<String> =
            action.effects().iter().map(|key| locale.t(key).to_owned()).collect();
        effects.extend(
            others
                .iter()
                .map(|user| locale.with("console.bulk.will_be_refused", &[("login", &user.login)])),
        );
        let own = self.visited.here.user.id;
        if action != BulkAction::Unlock && whom.iter().any(|user| user.id == own) {
            effects.push(locale.t("console.bulk.own_account").to_owned());
        }
        let page = query(&[("action", action.as_str()), ("users", ids)]);
        let question = Question {
            menu: "/admin/users",
            title: locale.t(action.title()).to_owned(),
            target: locale.with("console.users.caption", &[("n", &n)]),
            facts: Vec::new(),
            effects,
            path: format!("/admin/users/selected?{page}"),
            cancel: "/admin/users".to_owned(),
            form: self.form_id(),
            typed: None,
            options: Vec::new(),
            same_as: action.command(users),
        };
        let hidden = vec![("action", action.to_string()), ("users", ids.to_owned())];
        self.ask_about(question, named, hidden, refused).await
    }
}
