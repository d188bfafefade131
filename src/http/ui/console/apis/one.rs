//! The page of one API: its tokens and the clients that get them; and its removal, after a confirmation.

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use crate::admin::{apis, managed};
use crate::app::FormResult;
use crate::base::TimeSpan;
use crate::domain::client::Client;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::domain::shell_word::{command, option};
use crate::domain::token_rules::TokenAlg;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::http::ui::console::access::Action;
use crate::http::ui::console::confirm::Question;
use crate::http::ui::console::{
    Console, Content, OrPageOf, client_path, enter, enter_with, submitted,
};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Fact, Section, Table};
use crate::store::apis::StoredApi;
use crate::store::managed::Managed;

/// The page of an API.
pub async fn get(
    context: Context,
    id: Path<String>,
    params: Result<Params, Problem>,
) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadApis, params).await?;
    console.api(&id, &params).await.or_page_of(&console)
}

/// The confirmation before an API is removed.
pub async fn get_delete(context: Context, id: Path<String>) -> PageResult {
    let console = enter(context, Action::DeleteApi).await?;
    let stored = console.named_api(&id).await.or_page_of(&console)?;
    console.ask(console.delete_question(&stored), None).await
}

/// Removes an API.
pub async fn post_delete(
    context: Context,
    request: HttpRequest,
    id: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, &request, form, Action::DeleteApi).await?;
    console.require_fresh(&format!("/admin/apis/{id}/delete")).await?;
    let done = || FormResult::Done { path: "/admin/apis".to_owned(), what: "deleted" };
    let stored = match console.named_api(&id).await {
        Err(problem) if problem.code() == Code::NotFound => return Ok(console.answer(done())),
        stored => stored.or_page_of(&console)?,
    };
    if form.take("typed").trim() != stored.api.identifier {
        let refusal = Refusal::because(Code::ValidationFailed, Reason::ApiTypedWrong);
        let problem = console.context().problem(refusal.into());
        return console.ask(console.delete_question(&stored), Some(&problem)).await;
    }
    let (app, info, id) = (console.context().app.clone(), console.info(), stored.id.to_string());
    let work = async move {
        match apis::delete(app, id, info).await {
            // A concurrent form has removed it.
            Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => {}
            outcome => outcome?,
        }
        Ok(done())
    };
    match console.once(form.take("form"), work).await {
        Ok(result) => Ok(console.answer(result)),
        Err(problem) => console.ask(console.delete_question(&stored), Some(&problem)).await,
    }
}

impl Console {
    pub(super) async fn named_api(&self, id: &str) -> Result<StoredApi, Problem> {
        self.context().run(apis::show(self.context().app.clone(), id.to_owned())).await
    }

    async fn api(&self, id: &str, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let stored = self.named_api(id).await?;
        let managed = context.run(managed::of(context.app.clone(), stored.id)).await?;
        let identifier = stored.api.identifier.clone();
        let clients = context.run(apis::clients_of(context.app.clone(), identifier)).await?;
        let mut blocks = vec![Block::Facts(self.api_facts(&stored, managed.as_ref()))];
        if let Some(managed) = &managed {
            blocks.push(Block::Text(self.managed_text(managed)));
        } else {
            let to = |action: &str| self.link(&format!("/admin/apis/{}/{action}", stored.id));
            let mut links = Vec::new();
            if self.may(Action::UpdateApi) {
                links.push(Choice::action(locale.t("console.api.change"), to("edit")));
            }
            if self.may(Action::DeleteApi) {
                links.push(Choice::danger(locale.t("console.api.delete"), to("delete")));
            }
            blocks.push(Block::Links(links));
        }
        let who = Section {
            id: "clients",
            heading: Some(locale.t("console.api.clients").to_owned()),
            blocks: vec![Block::table(self.table_of_clients(&clients, &stored.api.identifier))],
        };
        Ok(self.show(Content {
            menu: "/admin/apis",
            title: stored.api.identifier.clone(),
            notice: self.notice(params),
            search: String::new(),
            same_as: command("signet api show", &stored.api.identifier, ""),
            sections: vec![Section { blocks, ..Section::default() }, who],
        }))
    }

    fn api_facts(&self, stored: &StoredApi, managed: Option<&Managed>) -> Vec<Fact> {
        let (app, locale, rules) = (&self.context().app, self.locale(), &stored.api.rules);
        let fact = |key: &str, value: Cell| Fact { name: locale.t(key), value };
        let of_server = |value: String| Cell::text(value).noting(locale.t("console.api.of_server"));
        let alg = match rules.signing_alg {
            Some(alg) => Cell::text(alg.as_str()),
            None => of_server(app.config.signing_alg.as_str().to_owned()),
        };
        let life =
            |span: TimeSpan| locale.with("console.api.seconds", &[("n", &span.secs().to_string())]);
        let ttl = match rules.access_ttl {
            Some(span) => Cell::text(life(span)),
            None => of_server(life(app.lifetimes.access)),
        };
        let claims = match rules.claims.is_empty() {
            true => Cell::text(locale.t("console.none")),
            false => Cell::text(rules.claims.join(", ")),
        };
        let documents = if stored.api.documents { "console.yes" } else { "console.no" };
        let mut facts = Vec::new();
        if let Some(managed) = managed {
            facts.push(fact("console.managed", Cell::text(&managed.source)));
        }
        let described = stored.api.scopes.iter().map(|scope| {
            let text = stored.api.scope_descriptions.get(scope);
            text.map_or_else(|| scope.to_owned(), |text| format!("{scope} ({text})"))
        });
        let scopes = described.collect::<Vec<_>>().join(", ");
        let scopes = if scopes.is_empty() { locale.t("console.none").to_owned() } else { scopes };
        let key_scopes = match stored.api.key_scopes.is_empty() {
            true => locale.t("console.none").to_owned(),
            false => stored.api.key_scopes.to_string(),
        };
        facts.extend([
            fact("console.api.identifier", Cell::code(&stored.api.identifier)),
            fact("console.id", Cell::code(stored.id.to_string())),
            fact("console.scopes", Cell::text(scopes)),
            fact("console.api.key_scopes", Cell::text(key_scopes)),
            fact("console.alg", alg),
            fact("console.api.profile", Cell::text(rules.profile.as_str())),
            fact("console.api.ttl", ttl),
            fact("console.api.claims", claims),
            fact("console.api.documents", Cell::text(locale.t(documents))),
            fact("console.created", Cell::text(locale.date_time(stored.created_at))),
        ]);
        // Tokens with a shared secret cannot be verified with a public key.
        if rules.signing_alg != Some(TokenAlg::SharedSecret) {
            let options = option("--audience", &stored.api.identifier);
            let print = Cell::code(format!("signet snippet express{options}"));
            facts.push(fact(
                "console.api.snippet",
                print.noting(locale.t("console.api.snippet_hint")),
            ));
        }
        facts
    }

    /// The clients that are registered for an API, with their scopes.
    fn table_of_clients(&self, clients: &[Client], identifier: &str) -> Table {
        let locale = self.locale();
        let row = |client: &Client| {
            let may = match (client.may_target_api(identifier), client.is_api(identifier)) {
                (true, true) => "console.api.gets_and_introspects",
                (true, false) => "console.api.gets",
                _ => "console.api.introspects",
            };
            let href = self.link(&client_path(&client.client_id));
            vec![
                Cell::link(&client.metadata.name, href).noting(&client.client_id),
                Cell::text(client.metadata.client_type.as_str()),
                Cell::text(locale.t(may)),
            ]
        };
        let n = clients.len().to_string();
        Table {
            caption: locale.with("console.clients.caption", &[("n", &n)]),
            columns: ["console.client", "console.type", "console.api.may"]
                .map(|key| locale.t(key))
                .to_vec(),
            rows: clients.iter().map(row).collect(),
            empty: locale.t("console.api.no_clients").to_owned(),
            ..Table::default()
        }
    }

    fn delete_question(&self, stored: &StoredApi) -> Question {
        let (locale, identifier) = (self.locale(), &stored.api.identifier);
        Question {
            menu: "/admin/apis",
            title: locale.t("console.api.delete").to_owned(),
            target: identifier.clone(),
            facts: Vec::new(),
            effects: ["console.effect.delete_api", "console.effect.not_undone"]
                .map(|key| locale.t(key).to_owned())
                .to_vec(),
            path: format!("/admin/apis/{}/delete", stored.id),
            cancel: format!("/admin/apis/{}", stored.id),
            form: self.form_id(),
            typed: Some(locale.with("console.confirm.type_client", &[("client", identifier)])),
            options: Vec::new(),
            same_as: command("signet api delete", identifier, ""),
        }
    }
}
