//! `/admin/users/{id}/{action}`: what is done to a user, after a question.

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use crate::admin::{factors, invitations, session_ends, unlocking, users};
use crate::app::{App, FormResult};
use crate::base::id::UserId;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::permission::TargetKind;
use crate::domain::request_info::RequestInfo;
use crate::domain::shell_word::{command, option};
use crate::domain::user::User;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::text_enum;

use super::access::Action;
use super::confirm::Question;
use super::{Console, enter, submitted};

text_enum! {
    /// Something that is done to a user.
    pub(super) enum UserAction {
        /// Send the mail for a new password.
        Recovery = "recovery",
        /// Clear the counters of failed attempts.
        Unlock = "unlock",
        /// Ask for a new password at the next sign-in.
        MustChange = "must-change",
        /// End every session.
        EndSessions = "end-sessions",
        /// Remove every second factor.
        ResetFactors = "reset-factors",
        /// Enable.
        Enable = "enable",
        /// Disable.
        Disable = "disable",
        /// Delete.
        Delete = "delete",
    }
}

impl UserAction {
    /// The right that it takes.
    pub(super) const fn right(self) -> Action {
        match self {
            Self::Recovery => Action::SendRecovery,
            Self::Unlock => Action::UnlockUser,
            Self::MustChange => Action::UpdateUser,
            Self::EndSessions => Action::EndSessions,
            Self::ResetFactors => Action::ResetFactors,
            Self::Enable => Action::EnableUser,
            Self::Disable => Action::DisableUser,
            Self::Delete => Action::DeleteUser,
        }
    }

    /// Whether it would change anything.
    pub(super) fn fits(self, user: &User) -> bool {
        match self {
            Self::Enable => user.disabled_at.is_some(),
            Self::Disable => user.disabled_at.is_none(),
            Self::MustChange => !user.must_change_password,
            Self::Recovery => user.verified_email().is_some() && user.disabled_at.is_none(),
            Self::Unlock | Self::EndSessions | Self::ResetFactors | Self::Delete => true,
        }
    }

    /// Whether it takes something away.
    pub(super) const fn is_danger(self) -> bool {
        matches!(self, Self::Disable | Self::Delete | Self::ResetFactors)
    }

    /// The key of its name.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Recovery => "console.user.recovery",
            Self::Unlock => "console.user.unlock",
            Self::MustChange => "console.user.must_change",
            Self::EndSessions => "console.user.end_sessions",
            Self::ResetFactors => "console.user.reset_factors",
            Self::Enable => "console.user.enable",
            Self::Disable => "console.user.disable",
            Self::Delete => "console.user.delete",
        }
    }

    /// The keys of what will happen.
    const fn effects(self) -> &'static [&'static str] {
        match self {
            Self::Recovery => &["console.effect.recovery"],
            Self::Unlock => &["console.effect.unlock"],
            Self::MustChange => &["console.effect.must_change"],
            Self::EndSessions => &["console.effect.sessions"],
            Self::ResetFactors => &["console.effect.factors", "console.effect.not_undone"],
            Self::Enable => &["console.effect.enable"],
            Self::Disable => &["console.effect.disable", "console.effect.sessions"],
            Self::Delete => &[
                "console.effect.delete_user",
                "console.effect.sessions",
                "console.effect.not_undone",
            ],
        }
    }

    /// The word of the address that says it was done.
    const fn done(self) -> &'static str {
        match self {
            Self::Recovery => "recovery",
            Self::Unlock => "unlocked",
            Self::MustChange => "must-change",
            Self::EndSessions => "ended",
            Self::ResetFactors => "factors",
            Self::Enable => "enabled",
            Self::Disable => "disabled",
            Self::Delete => "deleted",
        }
    }

    /// The command that does the same.
    fn command(self, login: &str) -> String {
        match self {
            Self::Recovery => command("signet user recover", login, ""),
            Self::MustChange => command("signet user update", login, " --must-change-password"),
            Self::EndSessions => format!("signet session revoke{}", option("--user", login)),
            Self::ResetFactors => command("signet user reset-factors", login, ""),
            Self::Unlock | Self::Enable | Self::Disable | Self::Delete => {
                command(&format!("signet user {self}"), login, "")
            }
        }
    }
}

/// The question.
pub async fn get(context: Context, path: Path<(String, String)>) -> HttpResponse {
    let (id, action) = path.into_inner();
    let action = match known(&context, &action) {
        Ok(action) => action,
        Err(problem) => return super::error_page(&context, &problem),
    };
    let console = match enter(context, action.right()).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    match console.named_user(&id).await {
        Ok(user) => match console.require_to(action.right(), TargetKind::of_user(user.role)) {
            Ok(()) => console.ask(console.user_question(action, &user), None).await,
            Err(problem) => console.failed(&problem),
        },
        Err(problem) => console.failed(&problem),
    }
}

/// The answer. What has been done already is not done again, and looks the same.
pub async fn post(
    context: Context,
    request: HttpRequest,
    path: Path<(String, String)>,
    form: Result<FormFields, Problem>,
) -> HttpResponse {
    let (id, action) = path.into_inner();
    let action = match known(&context, &action) {
        Ok(action) => action,
        Err(problem) => return super::error_page(&context, &problem),
    };
    let (console, form) = match submitted(context, &request, form, action.right()).await {
        Ok(both) => both,
        Err(answer) => return answer,
    };
    if let Err(answer) = console.require_fresh(&format!("/admin/users/{id}/{action}")).await {
        return answer;
    }
    match console.named_user(&id).await {
        Ok(user) => console.act_on_user(action, &user, form).await,
        Err(problem) if action == UserAction::Delete && problem.code() == Code::NotFound => {
            console.go("/admin/users", action.done())
        }
        Err(problem) => console.failed(&problem),
    }
}

/// The action that an address names.
fn known(context: &Context, action: &str) -> Result<UserAction, Problem> {
    action.parse().map_err(|_| {
        let refusal = Refusal::new(Code::NotFound, "There is nothing at this address.");
        context.problem(refusal.into())
    })
}

impl Console {
    fn user_question(&self, action: UserAction, user: &User) -> Question {
        let locale = self.locale();
        let typed = locale.with("console.confirm.type_login", &[("login", &user.login)]);
        Question {
            menu: "/admin/users",
            title: locale.t(action.title()).to_owned(),
            target: user
                .name
                .as_ref()
                .map_or_else(|| user.login.clone(), |name| format!("{} ({name})", user.login)),
            effects: action.effects().iter().map(|key| locale.t(key).to_owned()).collect(),
            path: format!("/admin/users/{}/{action}", user.id),
            cancel: format!("/admin/users/{}", user.id),
            form: self.form_id(),
            typed: (action == UserAction::Delete).then_some(typed),
            options: Vec::new(),
            same_as: action.command(&user.login),
        }
    }

    async fn act_on_user(
        &self,
        action: UserAction,
        user: &User,
        mut form: FormFields,
    ) -> HttpResponse {
        if action == UserAction::Delete && form.take("typed").trim() != user.login {
            let message = "The login name that was typed is another one.";
            let refusal = Refusal::new(Code::ValidationFailed, message);
            let problem = self.context().problem(refusal.into());
            return self.ask(self.user_question(action, user), Some(&problem)).await;
        }
        let done = self.once(form.take("form"), self.carry_out(action, user)).await;
        match done {
            Ok(result) => self.answer(result),
            Err(problem) => self.ask(self.user_question(action, user), Some(&problem)).await,
        }
    }

    fn carry_out(
        &self,
        action: UserAction,
        user: &User,
    ) -> impl Future<Output = Result<FormResult, Failure>> + Send + use<> {
        let (app, id, info) = (self.context().app.clone(), user.id, self.info());
        let path = match action {
            UserAction::Delete => "/admin/users".to_owned(),
            _ => format!("/admin/users/{id}"),
        };
        async move {
            match action {
                UserAction::Recovery => recover(app, id, info).await,
                UserAction::Unlock => unlocking::unlock(app, id, None, info).await,
                UserAction::MustChange => {
                    let must = users::Update {
                        must_change_password: Some(true),
                        ..users::Update::default()
                    };
                    users::update(app, id, must, info).await.map(drop)
                }
                UserAction::EndSessions => session_ends::end_all_of_user(app, id, info).await,
                UserAction::ResetFactors => factors::reset(app, id, info).await.map(drop),
                UserAction::Enable => users::enable(app, id, info).await.map(drop),
                UserAction::Disable => users::disable(app, id, info).await.map(drop),
                UserAction::Delete => match users::delete(app, id, info).await {
                    // Another form was faster.
                    Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => Ok(()),
                    outcome => outcome,
                },
            }?;
            Ok(FormResult::Done { path, what: action.done() })
        }
    }
}

/// Mails the link. Without mail there would be a link to hand over, which the command line prints.
async fn recover(app: App, id: UserId, info: RequestInfo) -> Result<(), Failure> {
    if app.config.mail.is_none() {
        let message = "Mail is off. Use `signet user recover`, which prints the link.";
        return Err(Refusal::new(Code::Conflict, message).into());
    }
    invitations::recover(app, id, info).await.map(drop)
}
