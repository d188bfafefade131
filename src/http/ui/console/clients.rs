//! `/admin/clients`: the applications, and what is done to one after a question.

use std::sync::Arc;

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use crate::admin::clients;
use crate::app::{App, FormResult};
use crate::domain::client::Client;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::permission::TargetKind;
use crate::domain::request_info::RequestInfo;
use crate::domain::shell_word::command;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::http::ui::pages::{Block, Cell, Choice, Fact, Section, State, Table};
use crate::store::clients::StoredClient;
use crate::text_enum;

use super::access::Action;
use super::confirm::Question;
use super::{Console, Content, client_path, count, enter, query, submitted};

text_enum! {
    /// Something that is done to a client.
    pub(super) enum ClientAction {
        /// Make a new secret.
        RotateSecret = "rotate-secret",
        /// Enable.
        Enable = "enable",
        /// Disable.
        Disable = "disable",
        /// Delete.
        Delete = "delete",
    }
}

impl ClientAction {
    const fn right(self) -> Action {
        match self {
            Self::RotateSecret => Action::RotateSecret,
            Self::Enable => Action::EnableClient,
            Self::Disable => Action::DisableClient,
            Self::Delete => Action::DeleteClient,
        }
    }

    fn fits(self, client: &Client) -> bool {
        match self {
            Self::RotateSecret => client.metadata.auth_method.has_secret(),
            Self::Enable => client.disabled_at.is_some(),
            Self::Disable => client.disabled_at.is_none(),
            Self::Delete => true,
        }
    }

    const fn title(self) -> &'static str {
        match self {
            Self::RotateSecret => "console.client.rotate",
            Self::Enable => "console.client.enable",
            Self::Disable => "console.client.disable",
            Self::Delete => "console.client.delete",
        }
    }

    const fn effects(self) -> &'static [&'static str] {
        match self {
            Self::RotateSecret => &["console.effect.rotate_secret"],
            Self::Enable => &["console.effect.enable_client"],
            Self::Disable => &["console.effect.disable_client"],
            Self::Delete => &["console.effect.delete_client", "console.effect.not_undone"],
        }
    }

    const fn done(self) -> &'static str {
        match self {
            Self::RotateSecret => "rotated",
            Self::Enable => "enabled",
            Self::Disable => "disabled",
            Self::Delete => "deleted",
        }
    }
}

/// The list.
pub async fn list(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let console = match enter(context, Action::ReadClients).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    let outcome = match params {
        Ok(params) => console.clients(&params).await,
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| console.failed(&problem))
}

/// One client.
pub async fn show(
    context: Context,
    id: Path<String>,
    params: Result<Params, Problem>,
) -> HttpResponse {
    let console = match enter(context, Action::ReadClients).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    let outcome = match params {
        Ok(params) => console.client(&id, &params).await,
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| console.failed(&problem))
}

/// The question before an action.
pub async fn get_action(context: Context, path: Path<(String, String)>) -> HttpResponse {
    let (id, action) = path.into_inner();
    let action = match known(&context, &action) {
        Ok(action) => action,
        Err(problem) => return super::error_page(&context, &problem),
    };
    let console = match enter(context, action.right()).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    match console.named_client(id).await {
        Ok(stored) => {
            let kind = TargetKind::of_client(&stored.client.metadata);
            match console.require_to(action.right(), kind) {
                Ok(()) => console.ask(console.client_question(action, &stored.client), None).await,
                Err(problem) => console.failed(&problem),
            }
        }
        Err(problem) => console.failed(&problem),
    }
}

/// The action.
pub async fn post_action(
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
    let page = format!("{}/{action}", client_path(&id));
    if let Err(answer) = console.require_fresh(&page).await {
        return answer;
    }
    match console.named_client(id).await {
        Ok(stored) => console.act_on_client(action, &stored.client, form).await,
        Err(problem) if action == ClientAction::Delete && problem.code() == Code::NotFound => {
            console.go("/admin/clients", action.done())
        }
        Err(problem) => console.failed(&problem),
    }
}

/// The action that an address names.
fn known(context: &Context, action: &str) -> Result<ClientAction, Problem> {
    action.parse().map_err(|_| {
        let refusal = Refusal::new(Code::NotFound, "There is nothing at this address.");
        context.problem(refusal.into())
    })
}

impl Console {
    async fn clients(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let after = params.get("after").unwrap_or_default();
        let request = PageRequest { after: PageRequest::cursor(after), ..PageRequest::default() };
        let found = context.run(clients::list(context.app.clone(), request)).await?;
        let mut blocks = Vec::new();
        if self.may(Action::CreateClient) {
            let new =
                Choice::action(locale.t("console.client.new"), self.link("/admin/clients/new"));
            blocks.push(Block::Links(vec![new]));
        }
        blocks.push(Block::Table(self.client_table(&found, !after.is_empty())));
        Ok(self.show(Content {
            menu: "/admin/clients",
            title: locale.t("console.clients").to_owned(),
            notice: self.notice(params),
            search: String::new(),
            same_as: "signet client list".to_owned(),
            sections: vec![Section { blocks, ..Section::default() }],
        }))
    }

    /// Clients as a table, which leads to the page of each.
    pub(super) fn client_table(&self, page: &Page<StoredClient>, is_later: bool) -> Table {
        let locale = self.locale();
        let row = |stored: &StoredClient| {
            let Client { client_id, metadata, .. } = &stored.client;
            let href = self.link(&client_path(client_id));
            vec![
                Cell::link(&metadata.name, href).noting(client_id),
                Cell::text(metadata.client_type.as_str()),
                Cell::text(metadata.grant_types.join(", ")),
                self.client_state(&stored.client),
                Cell::text(self.when(stored.updated_at)),
            ]
        };
        let n = count(page.data.len(), page.next.is_some());
        let to = |query: String| self.link("/admin/clients").with_query(&query);
        Table {
            caption: locale.with("console.clients.caption", &[("n", &n)]),
            columns: [
                "console.name",
                "console.type",
                "console.grants",
                "console.state",
                "console.changed",
            ]
            .map(|key| locale.t(key))
            .to_vec(),
            rows: page.data.iter().map(row).collect(),
            empty: locale.t("console.clients.none").to_owned(),
            newest: is_later.then(|| (to(String::new()), locale.t("console.first_page"))),
            older: page
                .next
                .as_deref()
                .map(|next| (to(query(&[("after", next)])), locale.t("console.next_page"))),
            ..Table::default()
        }
    }

    fn client_state(&self, client: &Client) -> Cell {
        let locale = self.locale();
        match client.disabled_at {
            Some(_) => Cell::state(State::Alarm, locale.t("console.disabled")),
            None => Cell::state(State::Good, locale.t("console.active")),
        }
    }

    async fn named_client(&self, id: String) -> Result<StoredClient, Problem> {
        self.context().run(clients::show(self.context().app.clone(), id)).await
    }

    async fn client(&self, id: &str, params: &Params) -> Result<HttpResponse, Problem> {
        let locale = self.locale();
        let stored = self.named_client(id.to_owned()).await?;
        let Client { client_id, metadata, secrets, .. } = &stored.client;
        let list = |items: &[String]| match items {
            [] => Cell::text(locale.t("console.none")),
            items => Cell::text(items.join(", ")),
        };
        let fact = |key: &str, value: Cell| Fact { name: locale.t(key), value };
        let yes = |is: bool| locale.t(if is { "console.yes" } else { "console.no" });
        let scopes = metadata.scopes.as_ref().map(ToString::to_string);
        let facts = vec![
            fact("console.state", self.client_state(&stored.client)),
            fact("console.client_id", Cell::code(client_id)),
            fact("console.type", Cell::text(metadata.client_type.as_str())),
            fact("console.auth_method", Cell::text(metadata.auth_method.as_str())),
            fact("console.secrets", Cell::text(secrets.len().to_string())),
            fact("console.redirect_uris", list(&metadata.redirect_uris)),
            fact("console.grants", list(&metadata.grant_types)),
            fact("console.apis", list(&metadata.audiences)),
            fact(
                "console.scopes",
                Cell::text(scopes.unwrap_or_else(|| locale.t("console.scopes.all").to_owned())),
            ),
            fact("console.first_party", Cell::text(yes(metadata.first_party))),
            fact("console.changed", Cell::text(locale.date_time(stored.updated_at))),
        ];
        let kind = TargetKind::of_client(metadata);
        let actions = ClientAction::ALL
            .iter()
            .filter(|action| self.may_to(action.right(), kind) && action.fits(&stored.client));
        let actions = actions.map(|action| {
            let to = self.link(&format!("{}/{action}", client_path(client_id)));
            let label = locale.t(action.title());
            match action {
                ClientAction::Disable | ClientAction::Delete => Choice::danger(label, to),
                ClientAction::Enable | ClientAction::RotateSecret => Choice::action(label, to),
            }
        });
        let blocks = vec![Block::Facts(facts), Block::Links(actions.collect())];
        Ok(self.show(Content {
            menu: "/admin/clients",
            title: metadata.name.clone(),
            notice: self.notice(params),
            search: String::new(),
            same_as: command("signet client show", client_id, ""),
            sections: vec![Section { blocks, ..Section::default() }],
        }))
    }

    fn client_question(&self, action: ClientAction, client: &Client) -> Question {
        let locale = self.locale();
        let id = &client.client_id;
        let typed = locale.with("console.confirm.type_client", &[("client", id)]);
        let revoke = locale.t("console.client.revoke_old").to_owned();
        Question {
            menu: "/admin/clients",
            title: locale.t(action.title()).to_owned(),
            target: format!("{} ({id})", client.metadata.name),
            effects: action.effects().iter().map(|key| locale.t(key).to_owned()).collect(),
            path: format!("{}/{action}", client_path(id)),
            cancel: client_path(id),
            form: self.form_id(),
            typed: (action == ClientAction::Delete).then_some(typed),
            options: match action {
                ClientAction::RotateSecret => vec![("revoke_old", revoke)],
                _ => Vec::new(),
            },
            same_as: command(&format!("signet client {action}"), id, ""),
        }
    }

    async fn act_on_client(
        &self,
        action: ClientAction,
        client: &Client,
        mut form: FormFields,
    ) -> HttpResponse {
        if action == ClientAction::Delete && form.take("typed").trim() != client.client_id {
            let message = "The client_id that was typed is another one.";
            let refusal = Refusal::new(Code::ValidationFailed, message);
            let problem = self.context().problem(refusal.into());
            return self.ask(self.client_question(action, client), Some(&problem)).await;
        }
        let revoke_old = form.take("revoke_old") == "on";
        let (app, info) = (self.context().app.clone(), self.info());
        let work = carry_out(app, (action, revoke_old), client.client_id.clone(), info);
        match self.once(form.take("form"), work).await {
            Ok(result) => self.answer(result),
            Err(problem) => self.ask(self.client_question(action, client), Some(&problem)).await,
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
                return Ok(FormResult::Secret { client_id: id, secret: Arc::new(secret) });
            }
        }
        ClientAction::Enable => drop(clients::enable(app, id, info).await?),
        ClientAction::Disable => drop(clients::disable(app, id, info).await?),
        ClientAction::Delete => match clients::delete(app, id, info).await {
            // Another form was faster.
            Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => {}
            outcome => outcome?,
        },
    }
    Ok(FormResult::Done { path, what: action.done() })
}
