//! `/admin/users`: the list, its filters and its pages.

use actix_web::HttpResponse;

use crate::admin::user_search::{self, UserSearch};
use crate::domain::pagination::{DEFAULT_LIMIT, Page};
use crate::domain::permission::TargetKind;
use crate::domain::user_filter::{ListedUser, UserCursor};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, Content, OrPageOf, count, enter_with, query};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, RowSelection, Section, Table};

use super::bulk::BulkAction;
use super::list_query::{UserListQuery, with_current};

/// The list of users.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadUsers, params).await?;
    console.users(&params).await.or_page_of(&console)
}

impl Console {
    async fn users(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let wanted = UserListQuery::of(params);
        let found = self.find_users(&wanted).await?;
        let mut blocks = vec![Block::Form(self.user_filters(&wanted))];
        if self.may(Action::CreateUser) {
            let new = self.link("/admin/users/new");
            let label = self.locale().t("console.user.new");
            blocks.push(Block::Links(vec![Choice::action(label, new)]));
        }
        if wanted.is_filtered() {
            blocks.push(Block::Links(self.without_filters(&wanted)));
        }
        let is_empty = found.data.is_empty() && found.next.is_none();
        let mut table = self.user_table(&found, &wanted).await?;
        table.selection = self.selection(&found);
        blocks.push(Block::table(table));
        if is_empty && !wanted.q.is_empty() {
            blocks.push(Block::Links(vec![self.why_link(&wanted.q)]));
        }
        Ok(self.show(Content {
            menu: "/admin/users",
            title: self.locale().t("console.users").to_owned(),
            notice: self.notice(params),
            search: wanted.q.clone(),
            same_as: wanted.command(),
            sections: vec![Section { id: "", heading: None, blocks }],
        }))
    }

    /// The form that leads to the page that explains why a user cannot sign in.
    pub(in crate::http::ui::console) fn why_link(&self, login: &str) -> Choice {
        let to = self.link("/admin/why").with_query(&query(&[("login", login)]));
        Choice::link(self.locale().with("console.why.ask", &[("login", login)]), to)
    }

    /// A page of the users that match.
    pub(in crate::http::ui::console) async fn find_users(
        &self,
        wanted: &UserListQuery,
    ) -> Result<Page<ListedUser>, Problem> {
        let after = UserCursor::parse(&wanted.after);
        let search = UserSearch { filter: wanted.filter(), after, limit: DEFAULT_LIMIT };
        let context = self.context();
        context.run(user_search::search(context.app.clone(), search, context.now())).await
    }

    /// The users as a table, which leads to the page of each.
    pub(in crate::http::ui::console) async fn user_table(
        &self,
        page: &Page<ListedUser>,
        wanted: &UserListQuery,
    ) -> Result<Table, Problem> {
        let locale = self.locale();
        let users = page.data.iter().map(|listed| listed.user.clone()).collect();
        let locked = self.locked_until(users).await?;
        let row = |ListedUser { user, last_login_at, .. }: &ListedUser| {
            // Only the day is stored.
            let last = last_login_at.map(|at| at.rfc3339().chars().take(10).collect());
            vec![
                Cell::link(&user.login, self.user_link(user.id)).noting(user.id.to_string()),
                Cell::text(user.name.clone().unwrap_or_default()),
                Cell::text(user.verified_email().unwrap_or_default()),
                self.role_cell(user),
                self.state(user, &locked),
                Cell::text(last.unwrap_or_else(|| locale.t("console.never").to_owned())),
            ]
        };
        let n = count(page.data.len(), page.next.is_some());
        let caption = match wanted.is_filtered() {
            true => "console.users.matching",
            false => "console.users.caption",
        };
        let of = |after: &str, previous: &[String]| {
            self.link("/admin/users").with_query(&wanted.at(after, previous))
        };
        let is_later = !wanted.after.is_empty();
        Ok(Table {
            caption: locale.with(caption, &[("n", &n)]),
            columns: [
                "console.login",
                "console.name",
                "console.email",
                "console.role",
                "console.state",
                "console.last_login",
            ]
            .map(|key| locale.t(key))
            .to_vec(),
            rows: page.data.iter().map(row).collect(),
            empty: locale.t(none(wanted, page.next.is_some())).to_owned(),
            newest: is_later.then(|| (of("", &[]), locale.t("console.first_page"))),
            previous: wanted
                .previous
                .split_last()
                .map(|(before, earlier)| (of(before, earlier), locale.t("console.previous_page"))),
            older: page.next.as_deref().map(|next| {
                let previous = with_current(wanted);
                (of(next, &previous), locale.t("console.next_page"))
            }),
            ..Table::default()
        })
    }

    /// Check boxes, if this user may perform an action on several users.
    fn selection(&self, page: &Page<ListedUser>) -> Option<RowSelection> {
        let locale = self.locale();
        let buttons: Vec<_> = BulkAction::ALL
            .iter()
            .filter(|action| self.may_to(action.right(), TargetKind::Ordinary))
            .map(|action| (action.as_str(), locale.t(action.short_title())))
            .collect();
        let tick = |ListedUser { user, .. }: &ListedUser| {
            let label = locale.with("console.users.tick", &[("login", &user.login)]);
            (format!("{}{}", super::bulk::PREFIX, user.id), label)
        };
        (!buttons.is_empty()).then(|| RowSelection {
            action: self.link("/admin/users/select").to_string(),
            csrf: self.csrf.clone(),
            heading: locale.t("console.users.select"),
            boxes: page.data.iter().map(tick).collect(),
            label: locale.t("console.users.with_selected"),
            buttons,
        })
    }
}

/// The text that replaces a table without rows.
fn none(wanted: &UserListQuery, has_more: bool) -> &'static str {
    match (has_more, wanted.is_filtered()) {
        (true, _) => "console.users.none_yet",
        (false, true) => "console.users.none",
        (false, false) => "console.users.no_users",
    }
}
