//! `/admin/audit`: what happened, and who did it.

use std::collections::HashMap;

use actix_web::HttpResponse;

use crate::admin::audit;
use crate::base::id::UserId;
use crate::domain::audit_filter::AuditFilter;
use crate::domain::pagination::PageRequest;
use crate::domain::shell_word::option;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::pages::{Block, Cell, Choice, Section, Table};
use crate::store::audit::StoredEvent;

use super::access::Action;
use super::{Console, Content, count, enter, query};

/// The list, of one user if the address names one.
pub async fn list(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let console = match enter(context, Action::ReadAudit).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    let outcome = match params {
        Ok(params) => console.audit(&params).await,
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| console.failed(&problem))
}

impl Console {
    async fn audit(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let named = params.get("user").unwrap_or_default();
        let user = match named {
            "" => None,
            id => Some(self.named_user(id).await?),
        };
        let after = params.get("after").unwrap_or_default();
        let request = PageRequest { after: PageRequest::cursor(after), ..PageRequest::default() };
        let id = user.as_ref().map(|user| user.id);
        let filter = AuditFilter { user: id, ..AuditFilter::default() };
        let found = context.run(audit::list(context.app.clone(), filter, request)).await?.page;
        let names = self.names(users_of(&found.data)).await?;
        let mut table = self.event_table(&found.data, &names, found.next.is_some());
        let page = |after: &str| {
            self.link("/admin/audit").with_query(&query(&[("user", named), ("after", after)]))
        };
        table.newest = (!after.is_empty()).then(|| (page(""), locale.t("console.first_page")));
        table.older = found.next.as_deref().map(|next| (page(next), locale.t("console.next_page")));
        let mut blocks = Vec::new();
        if let Some(user) = &user {
            let remove = locale.with("console.filter.remove", &[("filter", &user.login)]);
            blocks.push(Block::Links(vec![
                Choice::link(remove, self.link("/admin/audit")),
                Choice::link(&user.login, self.user_link(user.id)),
            ]));
        }
        blocks.push(Block::Table(table));
        let of_user = user.map(|user| option("--user", &user.login)).unwrap_or_default();
        Ok(self.show(Content {
            menu: "/admin/audit",
            title: locale.t("console.audit").to_owned(),
            notice: None,
            search: String::new(),
            same_as: format!("signet audit list{of_user}"),
            sections: vec![Section { blocks, ..Section::default() }],
        }))
    }

    /// Events as a table.
    pub(super) fn event_table(
        &self,
        events: &[StoredEvent],
        names: &HashMap<UserId, String>,
        has_more: bool,
    ) -> Table {
        let locale = self.locale();
        let user =
            |id: Option<UserId>| id.map_or_else(Cell::default, |id| self.user_cell(names, id));
        let actor = |event: &StoredEvent| match event.actor_id {
            Some(id) => user(Some(id)),
            None => Cell::text(event.actor_client_id.as_deref().unwrap_or(&event.via)),
        };
        let row = |event: &StoredEvent| {
            let times = (event.times > 1).then(|| event.times.to_string());
            let times = times.map(|n| locale.with("history.times", &[("n", &n)]));
            let kind = Cell { note: times, ..Cell::code(&event.kind) };
            vec![
                Cell::text(locale.date_time(event.at)).noting(self.when(event.at)),
                kind,
                actor(event),
                user(event.user_id),
                Cell::text(event.address.clone().unwrap_or_default()),
                Cell::text(event.client_id.clone().unwrap_or_default()),
                Cell::text(details(event)).noting(&event.request_id),
            ]
        };
        Table {
            caption: locale
                .with("console.events.caption", &[("n", &count(events.len(), has_more))]),
            columns: [
                "console.time",
                "console.kind",
                "console.who",
                "console.whom",
                "console.address",
                "console.client",
                "console.detail",
            ]
            .map(|key| locale.t(key))
            .to_vec(),
            rows: events.iter().map(row).collect(),
            empty: locale.t("console.events.none").to_owned(),
            ..Table::default()
        }
    }
}

/// The users that events name.
pub(super) fn users_of(events: &[StoredEvent]) -> impl Iterator<Item = UserId> {
    events.iter().flat_map(|event| [event.actor_id, event.user_id]).flatten()
}

/// Why an attempt failed, and what else there is to say.
fn details(event: &StoredEvent) -> String {
    [&event.reason, &event.detail].into_iter().flatten().cloned().collect::<Vec<_>>().join(" · ")
}
