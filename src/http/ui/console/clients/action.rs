//! Actions on an application that need a confirmation.

use actix_web::HttpRequest;
use actix_web::web::Path;

use crate::admin::clients;
use crate::admin::session_ends::{self, Bound, Call, Selection};
use crate::app::{App, FormResult};
use crate::domain::client::Client;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::permission::TargetKind;
use crate::domain::refusal_reason::Reason;
use crate::domain::request_info::RequestInfo;
use crate::domain::shell_word::{command, option};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::confirm::Question;
use crate::http::ui::console::{
    Console, OrPageOf, client_path, enter, named_action, secret, submitted,
};
use crate::http::ui::page_error::PageResult;
use crate::text_enum;

text_enum! {
    /// An action on a client.
    pub(super) enum ClientAction {
        /// Create a new secret.
        RotateSecret = "rotate-secret",
        /// Enable.
        Enable = "enable",
        /// Disable.
        Disable = "disable",
        /// End the sessions of its users.
        EndSessions = "end-sessions",
        /// Delete.
        Delete = "delete",
    }
}

impl ClientAction {
    pub(super) const fn right(self) -> Action {
        match self {
            Self::RotateSecret => Action::RotateSecret,
            Self::Enable => Action::EnableClient,
            Self::Disable => Action::DisableClient,
            Self::EndSessions => Action::EndSessions,
            Self::Delete => Action::DeleteClient,
        }
    }

    /// The kind of the target, which decides who may perform the action. The sessions can be those of any user.
    pub(super) fn kind(self, client: &Client) -> TargetKind {
        match self {
            Self::EndSessions => TargetKind::ANY_USER,
            _ => TargetKind::of_client(&client.metadata),
        }
    }

    /// Whether the action is refused if a configuration file manages the client.
    pub(super) const fn is_guarded(self, has_managed_secret: bool) -> bool {
        match self {
            Self::EndSessions => false,
            Self::RotateSecret => has_managed_secret,
            Self::Enable | Self::Disable | Self::Delete => true,
        }
    }

    pub(super) fn fits(self, client: &Client) -> bool {
        match self {
            Self::RotateSecret => client.metadata.auth_method.has_secret(),
            Self::Enable => client.disabled_at.is_some(),
            Self::Disable => client.disabled_at.is_none(),
            Self::EndSessions | Self::Delete => true,
        }
    }

    pub(super) const fn title(self) -> &'static str {
        match self {
            Self::RotateSecret => "console.client.rotate",
            Self::Enable => "console.client.enable",
            Self::Disable => "console.client.disable",
            Self::EndSessions => "console.client.end_sessions",
            Self::Delete => "console.client.delete",
        }
    }

    const fn effects(self) -> &'static [&'static str] {
        match self {
            Self::RotateSecret => &["console.effect.rotate_secret"],
            Self::Enable => &["console.effect.enable_client"],
            Self::Disable => &["console.effect.disable_client"],
            Self::EndSessions => &["console.effect.client_sessions", "console.effect.not_undone"],
            Self::Delete => &["console.effect.delete_client", "console.effect.not_undone"],
        }
    }

    /// The text about the number of its sessions.
    const fn on_sessions(self) -> Option<&'static str> {
        match self {
            Self::RotateSecret | Self::Enable => None,
            Self::Disable => Some("console.effect.sessions_wait"),
            Self::EndSessions | Self::Delete => Some("console.effect.sessions_end"),
        }
    }

    /// The equivalent command.
    fn command(self, client_id: &str) -> String {
        match self {
            Self::EndSessions => format!("signet session revoke{}", option("--client", client_id)),
            _ => command(&format!("signet client {self}"), client_id, ""),
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::RotateSecret => "rotated",
            Self::Enable => "enabled",
            Self::Disable => "disabled",
            Self::EndSessions => "ended",
            Self::Delete => "deleted",
        }
    }
}

/// The confirmation before an action.
pub async fn get(context: Context, path: Path<(String, String)>) -> PageResult {
    let (id, action) = path.into_inner();
    let action: ClientAction = named_action(&context, &action).await?;
    let console = enter(context, action.right()).await?;
    console.require_before(action).or_page_of(&console)?;
    let question = console.client_question(action, &id).await.or_page_of(&console)?;
    console.ask(question, None).await
}

/// The action.
pub async fn post(
    context: Context,
    request: HttpRequest,
    path: Path<(String, String)>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (id, action) = path.into_inner();
    let action: ClientAction = named_action(&context, &action).await?;
    let (console, form) = submitted(context, &request, form, action.right()).await?;
    let page = format!("{}/{action}", client_path(&id));
    console.require_fresh(&page).await?;
    console.require_before(action).or_page_of(&console)?;
    let client = match console.named_client(id).await {
        Err(problem) if action == ClientAction::Delete && problem.code() == Code::NotFound => {
            return Ok(console.go("/admin/clients", action.done()));
        }
        stored => stored.or_page_of(&console)?.client,
    };
    console.require_to(action.right(), action.kind(&client)).or_page_of(&console)?;
    console.act_on_client(action, &client, form).await
}

impl Console {
    /// Refuses before the client is looked up: users without the right to end all sessions do not learn which
    /// clients exist.
    fn require_before(&self, action: ClientAction) -> Result<(), Problem> {
        match action {
            ClientAction::EndSessions => self.require_to(Action::EndSessions, TargetKind::ANY_USER),
            _ => Ok(()),
        }
    }

    async fn client_question(&self, action: ClientAction, id: &str) -> Result<Question, Problem> {
        let client = self.named_client(id.to_owned()).await?.client;
        self.require_to(action.right(), action.kind(&client))?;
        self.question_about(action, &client).await
    }

    async fn question_about(
        &self,
        action: ClientAction,
        client: &Client,
    ) -> Result<Question, Problem> {
        let (locale, id) = (self.locale(), &client.client_id);
        let mut effects: Vec<String> =
            action.effects().iter().map(|key| locale.t(key).to_owned()).collect();
        if let Some(key) = action.on_sessions() {
            let count = self.session_count(Selection::Client(id.clone())).await?;
            effects.insert(0, locale.with(key, &[("count", &count)]));
        }
        let typed = locale.with("console.confirm.type_client", &[("client", id)]);
        let revoke = locale.t("console.client.revoke_old").to_owned();
        Ok(Question {
            menu: "/admin/clients",
            title: locale.t(action.title()).to_owned(),
            target: format!("{} ({id})", client.metadata.name),
            facts: Vec::new(),
            effects,
            path: format!("{}/{action}", client_path(id)),
            cancel: client_path(id),
            form: self.form_id(),
            typed: (action == ClientAction::Delete).then_some(typed),
            options: match action {
                ClientAction::RotateSecret => vec![("revoke_old", revoke)],
                _ => Vec::new(),
            },
            same_as: action.command(id),
        })
    }

    async fn ask_again(
        &self,
        action: ClientAction,
        client: &Client,
        refused: &Problem,
    ) -> PageResult {
        let question = self.question_about(action, client).await.or_page_of(self)?;
        self.ask(question, Some(refused)).await
    }

    async fn act_on_client(
        &self,
        action: ClientAction,
        client: &Client,
        mut form: FormFields,
    ) -> PageResult {
        if action == ClientAction::Delete && form.take("typed").trim() != client.client_id {
            let refusal = Refusal::because(Code::ValidationFailed, Reason::ClientTypedWrong);
            let problem = self.context().problem(refusal.into());
            return self.ask_again(action, client, &problem).await;
        }
        let revoke_old = form.take("revoke_old") == "on";
        let (app, info) = (self.context().app.clone(), self.info());
        let work = carry_out(app, (action, revoke_old), client.client_id.clone(), info);
        match self.once(form.take("form"), work).await {
            Ok(result) => Ok(self.answer(result)),
            Err(problem) => self.ask_again(action, client, &problem).await,
        }
    }
}

async fn carry_out(
    app: App,
    (action, revoke_old): (ClientAction, bool),
    id: String,
    info: RequestInfo,
) -> Result<FormResult, Failure> {
    let path = match action {
        ClientAction::Delete => "/admin/clients".to_owned(),
        _ => client_path(&id),
    };
    match action {
        ClientAction::RotateSecret => {
            let changed = clients::rotate_secret(app, id.clone(), revoke_old, info).await?;
            if let Some(secret) = changed.client_secret {
                return Ok(secret::of_client(id, secret));
            }
        }
        ClientAction::Enable => drop(clients::enable(app, id, info).await?),
        ClientAction::Disable => drop(clients::disable(app, id, info).await?),
        ClientAction::EndSessions => {
            let which = Selection::Client(id.clone());
            session_ends::end(app, Call { which, after: None, bound: Bound::Request }, info)
                .await?;
        }
        ClientAction::Delete => match clients::delete(app, id, info).await {
            // A concurrent form has performed it.
            Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => {}
            outcome => outcome?,
        },
    }
    Ok(FormResult::Done { path, what: action.done() })
}
