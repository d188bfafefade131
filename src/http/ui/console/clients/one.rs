//! The page of one application.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::{activity, client_why, clients, managed};
use crate::domain::api::Target;
use crate::domain::client::{Client, ClientMetadata, ClientType};
use crate::domain::pagination::PageRequest;
use crate::domain::permission::TargetKind;
use crate::domain::session::SessionFilter;
use crate::domain::shell_word::command;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, Content, OrPageOf, client_path, count, enter_with, query};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Fact, Section};
use crate::identity::sessions;
use crate::store::clients::StoredClient;
use crate::store::managed::Managed;

use super::action::ClientAction;

/// The most sessions that are counted for a button.
const MAX_COUNTED: i64 = 500;

/// The page of an application.
pub async fn get(
    context: Context,
    id: Path<String>,
    params: Result<Params, Problem>,
) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadClients, params).await?;
    console.client(&id, &params).await.or_page_of(&console)
}

impl Console {
    pub(super) async fn named_client(&self, id: String) -> Result<StoredClient, Problem> {
        self.context().run(clients::show(self.context().app.clone(), id)).await
    }

    async fn client(&self, id: &str, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let stored = self.named_client(id.to_owned()).await?;
        let client = &stored.client;
        let managed = context.run(managed::of(context.app.clone(), stored.id)).await?;
        let mut blocks = vec![Block::Facts(self.client_facts(&stored, managed.as_ref()).await?)];
        if let Some(managed) = &managed {
            blocks.push(Block::Text(self.managed_text(managed)));
        }
        blocks.push(Block::Links(self.client_actions(client, managed.as_ref()).await?));
        let mut sections = vec![
            Section { blocks, ..Section::default() },
            Section {
                id: "connect",
                heading: Some(locale.t("console.client.connect").to_owned()),
                blocks: vec![Block::Facts(self.connection(client))],
            },
        ];
        sections.extend(self.refusals(&client.client_id).await?);
        sections.extend(self.admin_section(client, managed.is_some()).await?);
        Ok(self.show(Content {
            menu: "/admin/clients",
            title: client.metadata.name.clone(),
            notice: self.notice(params),
            search: String::new(),
            same_as: command("signet client show", &client.client_id, ""),
            sections,
        }))
    }

    async fn client_facts(
        &self,
        stored: &StoredClient,
        managed: Option<&Managed>,
    ) -> Result<Vec<Fact>, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let Client { client_id, metadata, secrets, .. } = &stored.client;
        let list = |items: &[String]| match items {
            [] => Cell::text(locale.t("console.none")),
            items => Cell::text(items.join(", ")),
        };
        let fact = |key: &str, value: Cell| Fact { name: locale.t(key), value };
        let yes = |is: bool| locale.t(if is { "console.yes" } else { "console.no" });
        let scopes = metadata.scopes.as_ref().map(ToString::to_string);
        let work = activity::of_client(context.app.clone(), client_id.clone(), context.now());
        let activity = context.run(work).await?;
        let tokens = match activity.last {
            None => Cell::text(locale.t("console.client.no_token")),
            Some(last) => {
                let day = activity.last_day.to_string();
                let day = locale.with("console.client.tokens_of_day", &[("n", &day)]);
                let after = locale.date_time(last);
                let after = locale.with("console.client.token_after", &[("when", &after)]);
                Cell::text(after).noting(day)
            }
        };
        let mut facts = vec![fact("console.state", self.client_state(&stored.client))];
        if let Some(managed) = managed {
            facts.push(fact("console.managed", Cell::text(&managed.source)));
        }
        facts.extend([
            fact("console.client_id", Cell::code(client_id)),
            fact("console.type", Cell::text(metadata.client_type.as_str())),
            fact("console.client.last_token", tokens),
            fact("console.auth_method", Cell::text(metadata.auth_method.as_str())),
            fact("console.secrets", Cell::text(secrets.len().to_string())),
            fact("console.redirect_uris", list(&metadata.redirect_uris)),
            fact("console.grants", list(&metadata.grant_types)),
            fact("console.apis", self.apis_of(client_id, &metadata.audiences, managed)),
            fact(
                "console.scopes",
                Cell::text(scopes.unwrap_or_else(|| locale.t("console.scopes.all").to_owned())),
            ),
            fact("console.first_party", Cell::text(yes(metadata.first_party))),
            fact("console.changed", Cell::text(locale.date_time(stored.updated_at))),
        ]);
        Ok(facts)
    }

    /// The APIs of a client. A client without one gets no tokens for APIs; the page then names the command or the
    /// file that adds one.
    fn apis_of(&self, client_id: &str, apis: &[String], managed: Option<&Managed>) -> Cell {
        if !apis.is_empty() {
            return Cell::text(apis.join(", "));
        }
        let locale = self.locale();
        let give = command("signet client update", client_id, " --audience IDENTIFIER");
        let note = match managed {
            Some(Managed { source, .. }) => {
                locale.with("console.client.give_api_managed", &[("source", source)])
            }
            None => locale.with("console.client.give_api", &[("command", &give)]),
        };
        Cell::text(locale.t("console.none")).noting(note)
    }

    /// The manager of the object, and where to change it.
    pub(in crate::http::ui::console) fn managed_text(&self, managed: &Managed) -> String {
        let values =
            [("kind", managed.kind.as_str()), ("name", &managed.name), ("source", &managed.source)];
        self.locale().with("console.managed.why", &values)
    }

    async fn client_actions(
        &self,
        client: &Client,
        managed: Option<&Managed>,
    ) -> Result<Vec<Choice>, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let path = client_path(&client.client_id);
        let mut choices = Vec::new();
        if self.may(Action::ReadAudit) {
            let events = query(&[("client", &client.client_id)]);
            let to = self.link("/admin/audit").with_query(&events);
            choices.push(Choice::link(locale.t("console.events"), to));
        }
        if self.may(Action::ReadSessions) {
            let all = query(&[("client", &client.client_id)]);
            let to = self.link("/admin/sessions").with_query(&all);
            choices.push(Choice::link(locale.t("console.sessions"), to));
        }
        let has_secret = managed.is_some_and(|managed| managed.secret.is_some());
        let allowed = ClientAction::ALL.iter().filter(|action| {
            self.may_to(action.right(), action.kind(client))
                && action.fits(client)
                && (managed.is_none() || !action.is_guarded(has_secret))
        });
        for action in allowed {
            let to = self.link(&format!("{path}/{action}"));
            let label = locale.t(action.title());
            choices.push(match action {
                ClientAction::EndSessions => {
                    let client_id = Some(client.client_id.clone());
                    let filter = SessionFilter { client_id, ..SessionFilter::default() };
                    let (app, now) = (context.app.clone(), context.now());
                    let request = PageRequest { after: None, limit: MAX_COUNTED };
                    let work = async move { sessions::list(app, &filter, request, now).await };
                    let found = context.run(work).await?;
                    if found.data.is_empty() {
                        continue;
                    }
                    let n = count(found.data.len(), found.next.is_some());
                    Choice::danger(format!("{label} ({n})"), to)
                }
                ClientAction::Disable | ClientAction::Delete => Choice::danger(label, to),
                ClientAction::Enable | ClientAction::RotateSecret => Choice::action(label, to),
            });
        }
        Ok(choices)
    }

    /// The values to enter in the application.
    fn connection(&self, client: &Client) -> Vec<Fact> {
        let (app, locale) = (&self.context().app, self.locale());
        let Client { client_id, metadata, .. } = client;
        let ClientMetadata { client_type, redirect_uris, .. } = metadata;
        let fact = |name, value: &str| Fact { name, value: Cell::code(value) };
        let discovery = format!("{}/.well-known/openid-configuration", app.issuer());
        let mut facts = vec![
            fact("issuer", app.issuer()),
            fact(locale.t("console.client.discovery"), &discovery),
            fact("client_id", client_id),
        ];
        if metadata.auth_method.has_secret() {
            let note = Cell::text(locale.t("console.client.secret_hint"));
            facts.push(Fact { name: "client_secret", value: note });
        }
        facts.extend(redirect_uris.iter().map(|uri| fact("redirect_uri", uri)));
        facts.extend(self.scope_values(client));
        let how = match client_type {
            ClientType::Service => "console.client.how_service",
            ClientType::Spa | ClientType::Native => "console.client.how_public",
            ClientType::Web => "console.client.how_web",
        };
        facts
            .push(Fact { name: locale.t("console.client.flow"), value: Cell::text(locale.t(how)) });
        facts
    }

    /// Values of `scope` that the application may request: one for each of its APIs, which `resource` names,
    /// and one for administration.
    fn scope_values(&self, client: &Client) -> Vec<Fact> {
        let ClientMetadata { client_type, audiences, admin_scopes, .. } = &client.metadata;
        let is_service = *client_type == ClientType::Service;
        let of_user = ["openid", "profile"].map(str::to_owned).into_iter();
        let of_user: Vec<String> =
            of_user.filter(|scope| !is_service && client.may_request_scope(scope)).collect();
        let value = |scopes: &[String]| Cell::code(scopes.join(" "));
        let of_api = |identifier: &String| {
            let known = self.context().app.audience(Some(identifier))?;
            let Target::Api(api) = &known.target else { return None };
            let own = api.scopes.iter().map(|scope| scope.to_string());
            let own = own.filter(|scope| client.may_request_scope(scope));
            let all: Vec<String> = of_user.iter().cloned().chain(own).collect();
            let value = value(&all).noting(format!("resource={identifier}"));
            (!all.is_empty()).then_some(Fact { name: "scope", value })
        };
        let mut values: Vec<Fact> = audiences.iter().filter_map(of_api).collect();
        if values.is_empty() && !of_user.is_empty() {
            values.push(Fact { name: "scope", value: value(&of_user) });
        }
        // Tokens for administration are for the server itself, and for no API.
        if !admin_scopes.is_empty() {
            let scopes: Vec<String> = admin_scopes.iter().map(|scope| scope.to_string()).collect();
            values.push(Fact { name: "scope", value: value(&scopes) });
        }
        values
    }

    /// The newest request of the client that was refused or narrowed, and the command that lists all of them.
    async fn refusals(&self, client_id: &str) -> Result<Option<Section>, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let work = client_why::why(context.app.clone(), client_id.to_owned(), context.now());
        let report = context.run(work).await?;
        let Some((finding, explanation)) = report.findings.first() else { return Ok(None) };
        let when = locale.date_time(finding.last_at);
        let values = [("when", &*when), ("message", &*explanation.message)];
        let all = command("signet client why", client_id, "");
        Ok(Some(Section {
            id: "refusals",
            heading: Some(locale.t("console.client.refusals").to_owned()),
            blocks: vec![
                Block::Text(locale.with("console.client.refusal", &values)),
                Block::Text(locale.with("console.client.refusals_all", &[("command", &all)])),
            ],
        }))
    }

    /// Whether this user may perform an action on an administration client.
    pub(super) fn may_administer(&self, action: Action) -> bool {
        self.may_to(action, TargetKind::AdminClient)
    }
}
