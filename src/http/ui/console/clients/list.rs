//! The list of the applications.

use actix_web::HttpResponse;

use crate::admin::clients;
use crate::domain::client::Client;
use crate::domain::pagination::{Page, PageRequest};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, Content, OrPageOf, client_path, count, enter_with, query};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Section, State, Table};
use crate::store::clients::StoredClient;

/// The list of applications.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadClients, params).await?;
    console.clients(&params).await.or_page_of(&console)
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
        blocks.push(Block::table(self.client_table(&found, !after.is_empty())));
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
    pub(in crate::http::ui::console) fn client_table(
        &self,
        page: &Page<StoredClient>,
        is_later: bool,
    ) -> Table {
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

    pub(super) fn client_state(&self, client: &Client) -> Cell {
        let locale = self.locale();
        match client.disabled_at {
            Some(_) => Cell::state(State::Alarm, locale.t("console.disabled")),
            None => Cell::state(State::Good, locale.t("console.active")),
        }
    }
}
