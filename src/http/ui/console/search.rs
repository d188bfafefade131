//! `/admin/search`: one search field for users, clients and APIs. The id of a user leads to the user.

use actix_web::HttpResponse;

use crate::admin::{apis, clients, users};
use crate::base::id::UserId;
use crate::domain::client;
use crate::domain::outcome::Code;
use crate::domain::pagination::{MAX_LIMIT, PageRequest};
use crate::domain::user::User;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Choice, Section, Table};

use super::access::Action;
use super::users::{UserListQuery, find_command};
use super::{Console, Content, OrPageOf, enter_with, query};

/// The results of a search.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadUsers, params).await?;
    let q = params.get("q").unwrap_or_default().trim();
    if let Some(found) = console.user_of_id(q).await.or_page_of(&console)? {
        return Ok(console.go_to(&console.user_link(found.id)));
    }
    console.search(q).await.or_page_of(&console)
}

impl Console {
    /// The user with this id, which is the `sub` of tokens and the id that gateways forward.
    async fn user_of_id(&self, q: &str) -> Result<Option<User>, Problem> {
        let Ok(id) = q.parse::<UserId>() else { return Ok(None) };
        match self.context().run(users::show(self.context().app.clone(), id)).await {
            Ok(user) => Ok(Some(user)),
            Err(problem) if problem.code() == Code::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    /// A link to the search for a name that a filter did not find.
    pub(super) fn search_links(&self, q: Option<&str>) -> Block {
        let q = q.unwrap_or_default();
        let to = self.link("/admin/search").with_query(&query(&[("q", q)]));
        let label = self.locale().with("console.filter.search", &[("q", q)]);
        Block::Links(vec![Choice::link(label, to)])
    }

    /// Reports that a filter names no client, with a link to the search. A deleted client can still be filtered for.
    pub(super) fn no_client(&self, client_id: Option<&str>) -> Vec<Block> {
        let unknown =
            |id: &&str| *id != client::BUILT_IN && self.context().app.client(id).is_none();
        let Some(id) = client_id.filter(unknown) else { return Vec::new() };
        let text = self.locale().with("console.filter.no_client", &[("client", id)]);
        vec![Block::Text(text), self.search_links(Some(id))]
    }

    async fn search(&self, q: &str) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let mut sections = Vec::new();
        let wanted = UserListQuery::words(q);
        let users = self.find_users(&wanted).await?;
        let mut blocks = vec![Block::table(self.user_table(&users, &wanted).await?)];
        if users.data.is_empty() && users.next.is_none() && !q.is_empty() {
            blocks.push(Block::Links(vec![self.why_link(q)]));
        }
        sections.push(Section {
            id: "users",
            heading: Some(locale.t("console.users").to_owned()),
            blocks,
        });
        // Clients and APIs are few, and cached by every process; the first ones are sufficient here.
        let all = PageRequest { after: None, limit: MAX_LIMIT };
        let wanted = q.to_lowercase();
        let has = |text: &str| !wanted.is_empty() && text.to_lowercase().contains(&wanted);
        if self.may(Action::ReadClients) {
            let mut found = context.run(clients::list(context.app.clone(), all)).await?;
            found.data.retain(|stored| {
                has(&stored.client.client_id) || has(&stored.client.metadata.name)
            });
            found.next = None;
            sections.push(Section {
                id: "clients",
                heading: Some(locale.t("console.clients").to_owned()),
                blocks: vec![Block::table(Table {
                    empty: locale.t("console.search.none").to_owned(),
                    ..self.client_table(&found, false)
                })],
            });
        }
        if self.may(Action::ReadApis) {
            let mut found = context.run(apis::list(context.app.clone(), all)).await?;
            found.data.retain(|stored| has(&stored.api.identifier));
            sections.push(Section {
                id: "apis",
                heading: Some(locale.t("console.apis").to_owned()),
                blocks: vec![Block::table(Table {
                    empty: locale.t("console.search.none").to_owned(),
                    ..self.api_table(&found.data, false)
                })],
            });
        }
        Ok(self.show(Content {
            menu: "",
            title: locale.t("console.search").to_owned(),
            notice: None,
            search: q.to_owned(),
            same_as: find_command(q),
            sections,
        }))
    }
}
