//! `/admin/users/{id}/{action}`: actions on a user, after a confirmation.

use std::sync::Arc;

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use crate::admin::invitations::{self, SentLink};
use crate::admin::session_ends::Selection;
use crate::admin::{factors, session_ends, unlocking, users};
use crate::app::{FormResult, UserLink};
use crate::base::id::UserId;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::permission::TargetKind;
use crate::domain::refusal_reason::Reason;
use crate::domain::shell_word::{command, option};
use crate::domain::user::{Role, User};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::confirm::Question;
use crate::http::ui::console::{Console, OrPageOf, enter, named_action, submitted};
use crate::http::ui::page;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::OneTimeLinkPage;
use crate::identity::last_administrator;
use crate::text_enum;

text_enum! {
    /// An action on a user.
    pub(super) enum UserAction {
        /// Send a link for the first password.
        Invite = "invite",
        /// Send a link for a new password.
        Recovery = "recovery",
        /// Clear the counters of failed attempts.
        Unlock = "unlock",
        /// Require a new password at the next sign-in.
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
    /// The required right.
    pub(super) const fn right(self) -> Action {
        match self {
            Self::Invite => Action::InviteUser,
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
            Self::Invite | Self::Recovery => user.disabled_at.is_none(),
            Self::Unlock | Self::EndSessions | Self::ResetFactors | Self::Delete => true,
        }
    }

    /// Whether it is destructive.
    pub(super) const fn is_danger(self) -> bool {
        matches!(self, Self::Disable | Self::Delete | Self::ResetFactors)
    }

    /// The key of its name.
    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::Invite => "console.user.invite",
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

    /// The keys of the effects.
    const fn effects(self) -> &'static [&'static str] {
        match self {
            Self::Invite => &["console.effect.invite"],
            Self::Recovery => &["console.effect.recovery"],
            Self::Unlock => &["console.effect.unlock"],
            Self::MustChange => &["console.effect.must_change"],
            Self::EndSessions => &["console.effect.not_undone"],
            Self::ResetFactors => &["console.effect.factors", "console.effect.not_undone"],
            Self::Enable => &["console.effect.enable"],
            Self::Disable => &["console.effect.disable"],
            Self::Delete => &["console.effect.delete_user", "console.effect.not_undone"],
        }
    }

    /// Whether it ends every session of the user; the confirmation then shows their number.
    const fn ends_sessions(self) -> bool {
        matches!(self, Self::EndSessions | Self::Disable | Self::Delete)
    }

    /// The value of `done` that selects the notice.
    const fn done(self) -> &'static str {
        match self {
            Self::Invite => "invited",
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

    /// The equivalent command.
    fn command(self, login: &str) -> String {
        match self {
            Self::Invite => command("signet user invite", login, ""),
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

/// The confirmation page of an action on a user.
pub async fn get(context: Context, path: Path<(String, String)>) -> PageResult {
    let (id, action) = path.into_inner();
    let action: UserAction = named_action(&context, &action).await?;
    let console = enter(context, action.right()).await?;
    let user = console.named_user(&id).await.or_page_of(&console)?;
    let right = console.require_to(action.right(), TargetKind::of_user(user.role));
    right.or_page_of(&console)?;
    console.ask_about_user(action, &user, None).await
}

/// Performs the action. If it was already performed, the response is the same and nothing changes.
pub async fn post(
    context: Context,
    request: HttpRequest,
    path: Path<(String, String)>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (id, action) = path.into_inner();
    let action: UserAction = named_action(&context, &action).await?;
    let (console, form) = submitted(context, &request, form, action.right()).await?;
    console.require_fresh(&format!("/admin/users/{id}/{action}")).await?;
    let user = match console.named_user(&id).await {
        Err(problem) if action == UserAction::Delete && problem.code() == Code::NotFound => {
            return Ok(console.go("/admin/users", action.done()));
        }
        user => user.or_page_of(&console)?,
    };
    let right = console.require_to(action.right(), TargetKind::of_user(user.role));
    right.or_page_of(&console)?;
    console.act_on_user(action, &user, form).await
}

impl Console {
    async fn ask_about_user(
        &self,
        action: UserAction,
        user: &User,
        refused: Option<&Problem>,
    ) -> PageResult {
        let question = self.user_question(action, user).await.or_page_of(self)?;
        self.ask(question, refused).await
    }

    async fn user_question(&self, action: UserAction, user: &User) -> Result<Question, Problem> {
        let locale = self.locale();
        let mut effects = self.effects(action, user);
        if action.ends_sessions() {
            let count = self.session_count(Selection::User(user.id)).await?;
            effects.insert(0, locale.with("console.effect.sessions_end", &[("count", &count)]));
        }
        if matches!(action, UserAction::Disable | UserAction::Delete) {
            let context = self.context();
            let work = last_administrator::is_last(context.app.clone(), user.clone());
            if context.run(work).await? {
                effects.insert(0, locale.t("console.effect.last_administrator").to_owned());
            }
        }
        let typed = locale.with("console.confirm.type_login", &[("login", &user.login)]);
        Ok(Question {
            menu: "/admin/users",
            title: locale.t(action.title()).to_owned(),
            target: user
                .name
                .as_ref()
                .map_or_else(|| user.login.clone(), |name| format!("{} ({name})", user.login)),
            facts: Vec::new(),
            effects,
            path: format!("/admin/users/{}/{action}", user.id),
            cancel: format!("/admin/users/{}", user.id),
            form: self.form_id(),
            typed: (action == UserAction::Delete).then_some(typed),
            options: Vec::new(),
            same_as: action.command(&user.login),
        })
    }

    /// The effects, as texts.
    fn effects(&self, action: UserAction, user: &User) -> Vec<String> {
        let is_mailed = self.context().app.config.mail.is_some();
        let keys = match action {
            UserAction::Recovery if !is_mailed || user.verified_email().is_none() => {
                &["console.effect.recovery_link"]
            }
            UserAction::Invite if !is_mailed || user.email.is_none() => {
                &["console.effect.invite_link"]
            }
            _ => action.effects(),
        };
        keys.iter().map(|key| self.locale().t(key).to_owned()).collect()
    }

    /// Whether a link for a new password reaches the user: the helpdesk is not shown one that could be mailed.
    pub(super) fn may_hand_over(&self, user: &User) -> bool {
        let is_helpdesk = self.visited.here.user.role == Role::Helpdesk;
        let is_mailed = self.context().app.config.mail.is_some();
        !is_helpdesk || !is_mailed || user.verified_email().is_some()
    }

    /// A link that is shown once.
    pub(in crate::http::ui::console) fn one_time_link(&self, made: &UserLink) -> HttpResponse {
        let locale = self.locale();
        let mut console = self.frame("/admin/users", String::new(), String::new());
        console.frame = console.frame.shown_once();
        let about = match made.is_invitation {
            true => "console.link.invitation",
            false => "console.link.recovery",
        };
        let until = locale.date_time(made.expires_at);
        let template = OneTimeLinkPage {
            console,
            title: locale.with("console.link.title", &[("login", &made.login)]),
            login: &made.login,
            link: made.link.expose(),
            about: locale.with(about, &[("when", &until)]),
            onwards: self.user_link(made.user),
        };
        self.used(page(HttpResponse::Ok(), &template))
    }

    async fn act_on_user(
        &self,
        action: UserAction,
        user: &User,
        mut form: FormFields,
    ) -> PageResult {
        if action == UserAction::Delete && form.take("typed").trim() != user.login {
            let refusal = Refusal::because(Code::ValidationFailed, Reason::LoginTypedWrong);
            let problem = self.context().problem(refusal.into());
            return self.ask_about_user(action, user, Some(&problem)).await;
        }
        let done = self.once(form.take("form"), self.carry_out(action, user)).await;
        match done {
            Ok(result) => Ok(self.answer(result)),
            Err(problem) => self.ask_about_user(action, user, Some(&problem)).await,
        }
    }

    fn carry_out(
        &self,
        action: UserAction,
        user: &User,
    ) -> impl Future<Output = Result<FormResult, Failure>> + Send + use<> {
        let (app, id, info) = (self.context().app.clone(), user.id, self.info());
        let login = user.login.clone();
        let path = match action {
            UserAction::Delete => "/admin/users".to_owned(),
            _ => format!("/admin/users/{id}"),
        };
        async move {
            match action {
                UserAction::Invite => {
                    let sent = invitations::invite(app, id, info).await?;
                    return Ok(sent_to((id, login, true), path, sent));
                }
                UserAction::Recovery => {
                    let sent = invitations::recover(app, id, info).await?;
                    return Ok(sent_to((id, login, false), path, sent));
                }
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
                    // A concurrent form has performed it.
                    Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => Ok(()),
                    outcome => outcome,
                },
            }?;
            Ok(FormResult::Done { path, what: action.done() })
        }
    }
}

/// The page after a form that created a link: the user, or the link itself if it was not mailed.
pub(super) fn sent_to(
    (user, login, is_invitation): (UserId, String, bool),
    path: String,
    sent: SentLink,
) -> FormResult {
    let SentLink { link, expires_at, .. } = sent;
    match link {
        Some(link) => FormResult::UserLink(Arc::new(UserLink {
            user,
            login,
            link,
            expires_at,
            is_invitation,
        })),
        None => {
            let what = if is_invitation { "invited" } else { UserAction::Recovery.done() };
            FormResult::Done { path, what }
        }
    }
}
