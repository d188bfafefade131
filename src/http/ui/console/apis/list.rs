//! The list of the APIs.

use actix_web::HttpResponse;

use crate::admin::apis;
use crate::domain::pagination::PageRequest;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, Content, OrPageOf, count, enter_with, query};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Section, Table};
use crate::store::apis::StoredApi;

/// The list of APIs.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadApis, params).await?;
    console.apis(&params).await.or_page_of(&console)
}

impl Console {
    async fn apis(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let after = params.get("after").unwrap_or_default();
        let request = PageRequest { after: PageRequest::cursor(after), ..PageRequest::default() };
        let found = context.run(apis::list(context.app.clone(), request)).await?;
        let to = |query: String| self.link("/admin/apis").with_query(&query);
        let mut links = Vec::new();
        if self.may(Action::CreateApi) {
            links.push(Choice::action(locale.t("console.api.new"), self.link("/admin/apis/new")));
        }
        links.push(Choice::link(locale.t("inspect.title"), self.link("/inspect")));
        let mut blocks = vec![Block::Links(links)];
        let mut table = self.api_table(&found.data, found.next.is_some());
        table.newest =
            (!after.is_empty()).then(|| (to(String::new()), locale.t("console.first_page")));
        table.older = found
            .next
            .as_deref()
            .map(|next| (to(query(&[("after", next)])), locale.t("console.next_page")));
        blocks.push(Block::table(table));
        Ok(self.show(Content {
            menu: "/admin/apis",
            title: locale.t("console.apis").to_owned(),
            notice: self.notice(params),
            search: String::new(),
            same_as: "signet api list".to_owned(),
            sections: vec![Section { blocks, ..Section::default() }],
        }))
    }

    /// APIs as a table.
    pub(in crate::http::ui::console) fn api_table(
        &self,
        apis: &[StoredApi],
        has_more: bool,
    ) -> Table {
        let locale = self.locale();
        let row = |stored: &StoredApi| {
            vec![
                Cell::link(
                    &stored.api.identifier,
                    self.link(&format!("/admin/apis/{}", stored.id)),
                ),
                Cell::text(stored.api.scopes.to_string()),
                Cell::text(self.when(stored.created_at)),
            ]
        };
        Table {
            caption: locale.with("console.apis.caption", &[("n", &count(apis.len(), has_more))]),
            columns: ["console.api", "console.scopes", "console.created"]
                .map(|key| locale.t(key))
                .to_vec(),
            rows: apis.iter().map(row).collect(),
            empty: locale.t("console.apis.none").to_owned(),
            ..Table::default()
        }
    }
}
