//! `/admin/search`: one box for users, clients and APIs.

use actix_web::HttpResponse;

use crate::admin::{apis, clients};
use crate::domain::pagination::{MAX_LIMIT, PageRequest};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Section, Table};

use super::access::Action;
use super::users::{UserListQuery, find_command};
use super::{Console, Content, OrPageOf, enter_with};

/// What was found.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadUsers, params).await?;
    console.search(params.get("q").unwrap_or_default().trim()).await.or_page_of(&console)
}

impl Console {
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
        // Clients and APIs are few, and in memory of every process; the first ones are enough here.
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
