//! `/admin/users`: finding users, and all about one of them.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::user_search::{self, UserSearch};
use crate::admin::{audit as admin_audit, factors, users};
use crate::base::id::UserId;
use crate::domain::audit_filter::AuditFilter;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::pagination::{DEFAULT_LIMIT, Page, PageRequest};
use crate::domain::permission::TargetKind;
use crate::domain::shell_word::{command, quoted};
use crate::domain::user::User;
use crate::domain::user_filter::{ListedUser, UserCursor, UserFilter};
use crate::domain::user_words::{MAX_QUERY_WORDS, words_of_query};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::pages::{Block, Cell, Choice, Fact, Field, Form, Section, State, Table};

use super::access::Action;
use super::audit::users_of;
use super::sessions::user_id;
use super::user_actions::UserAction;
use super::{Console, Content, count, enter, query};

/// The most rows of each list on the page of a user.
const ON_A_USER: i64 = 10;

/// The list.
pub async fn list(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let console = match enter(context, Action::ReadUsers).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    let outcome = match params {
        Ok(params) => console.users(&params).await,
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| console.failed(&problem))
}

/// One user.
pub async fn show(
    context: Context,
    id: Path<String>,
    params: Result<Params, Problem>,
) -> HttpResponse {
    let console = match enter(context, Action::ReadUsers).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    let outcome = match params {
        Ok(params) => console.user(&id, &params).await,
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| console.failed(&problem))
}

impl Console {
    async fn users(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let locale = self.locale();
        let text = |name: &str| params.get(name).unwrap_or_default().trim().to_owned();
        let (q, after) = (text("q"), text("after"));
        let found = self.find_users(&q, &after).await?;
        let filter = Form {
            action: self.link("/admin/users").to_string(),
            fields: vec![Field {
                name: "q",
                label: locale.t("console.users.find"),
                value: q.clone(),
                ..Field::default()
            }],
            submit: locale.t("console.filter").to_owned(),
            ..Form::default()
        };
        let mut blocks = vec![Block::Form(filter)];
        if !q.is_empty() {
            let remove = locale.with("console.filter.remove", &[("filter", &q)]);
            blocks.push(Block::Links(vec![Choice::link(remove, self.link("/admin/users"))]));
        }
        blocks.push(Block::Table(self.user_table(&found, &q, !after.is_empty())));
        Ok(self.show(Content {
            menu: "/admin/users",
            title: locale.t("console.users").to_owned(),
            notice: self.notice(params),
            search: q.clone(),
            same_as: match q.is_empty() {
                true => "signet user list".to_owned(),
                false => find_command(&q),
            },
            sections: vec![Section { id: "", heading: None, blocks }],
        }))
    }

    /// A page of the users of whom each word of `q` begins a word, or of all.
    pub(super) async fn find_users(
        &self,
        q: &str,
        after: &str,
    ) -> Result<Page<ListedUser>, Problem> {
        let words = q.split_whitespace().take(MAX_QUERY_WORDS).collect::<Vec<_>>().join(" ");
        let filter = UserFilter { words: words_of_query(&words), ..UserFilter::default() };
        let search = UserSearch { filter, after: UserCursor::parse(after), limit: DEFAULT_LIMIT };
        let context = self.context();
        context.run(user_search::search(context.app.clone(), search, context.now())).await
    }

    /// The users as a table, which leads to the page of each.
    pub(super) fn user_table(&self, page: &Page<ListedUser>, q: &str, is_later: bool) -> Table {
        let locale = self.locale();
        let of = |query: String| self.link("/admin/users").with_query(&query);
        let row = |ListedUser { user, last_login_at, .. }: &ListedUser| {
            let last = last_login_at.map(|at| at.rfc3339().chars().take(10).collect());
            vec![
                Cell::link(&user.login, self.user_link(user.id)).noting(user.id.to_string()),
                Cell::text(user.name.clone().unwrap_or_default()),
                Cell::text(user.verified_email().unwrap_or_default()),
                Cell::text(user.role.as_str()),
                self.state(user),
                Cell::text(last.unwrap_or_else(|| locale.t("console.never").to_owned())),
            ]
        };
        let n = count(page.data.len(), page.next.is_some());
        Table {
            caption: locale.with("console.users.caption", &[("n", &n)]),
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
            empty: locale.t("console.users.none").to_owned(),
            newest: is_later.then(|| (of(query(&[("q", q)])), locale.t("console.first_page"))),
            older: page.next.as_deref().map(|next| {
                (of(query(&[("q", q), ("after", next)])), locale.t("console.next_page"))
            }),
            ..Table::default()
        }
    }

    /// Whether a user can sign in, as a word with a sign.
    pub(super) fn state(&self, user: &User) -> Cell {
        let locale = self.locale();
        if user.disabled_at.is_some() {
            Cell::state(State::Alarm, locale.t("console.disabled"))
        } else if user.must_change_password {
            Cell::state(State::Plain, locale.t("console.must_change"))
        } else {
            Cell::state(State::Good, locale.t("console.active"))
        }
    }

    /// The user that an address names.
    pub(super) async fn named_user(&self, id: &str) -> Result<User, Problem> {
        let unknown = || Refusal::new(Code::NotFound, "There is no such user.");
        let id = self.context().check(id.parse::<UserId>().map_err(|_| unknown()))?;
        self.context().run(users::show(self.context().app.clone(), id)).await
    }

    async fn user(&self, id: &str, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let user = self.named_user(id).await?;
        let mut sections = vec![Section {
            blocks: vec![Block::Facts(self.facts(&user)), Block::Links(self.actions(&user))],
            ..Section::default()
        }];
        let request = PageRequest { after: None, limit: ON_A_USER };
        if self.may(Action::ReadSessions) {
            let found = self.sessions_of(Some(user.id), request).await?;
            let names = self.names(found.data.iter().map(user_id)).await?;
            let all = self.link("/admin/sessions").with_query(&query(&[("user", id)]));
            let older = Choice::link(locale.t("console.sessions.all"), all);
            sections.push(Section {
                id: "sessions",
                heading: Some(locale.t("console.sessions").to_owned()),
                blocks: vec![
                    Block::Table(self.session_table(&found, &names)),
                    Block::Links(vec![older]),
                ],
            });
        }
        let found = context.run(factors::list(context.app.clone(), user.id)).await?;
        sections.push(Section {
            id: "factors",
            heading: Some(locale.t("console.factors").to_owned()),
            blocks: vec![Block::Table(self.factor_table(&found))],
        });
        if self.may(Action::ReadAudit) {
            let filter = AuditFilter { user: Some(user.id), ..AuditFilter::default() };
            let work = admin_audit::list(context.app.clone(), filter, request);
            let found = context.run(work).await?.page;
            let names = self.names(users_of(&found.data)).await?;
            let all = self.link("/admin/audit").with_query(&query(&[("user", id)]));
            let older = Choice::link(locale.t("console.audit.all"), all);
            sections.push(Section {
                id: "events",
                heading: Some(locale.t("console.events").to_owned()),
                blocks: vec![
                    Block::Table(self.event_table(&found.data, &names, found.next.is_some())),
                    Block::Links(vec![older]),
                ],
            });
        }
        Ok(self.show(Content {
            menu: "/admin/users",
            title: user.login.clone(),
            notice: self.notice(params),
            search: String::new(),
            same_as: command("signet user show", &user.login, ""),
            sections,
        }))
    }

    fn facts(&self, user: &User) -> Vec<Fact> {
        let locale = self.locale();
        let email = user.email.as_ref().map(|email| email.address.to_string());
        let email = match (email, user.verified_email()) {
            (None, _) => Cell::text(locale.t("console.none")),
            (Some(address), Some(_)) => Cell::text(address).noting(locale.t("console.verified")),
            (Some(address), None) => Cell::text(address).noting(locale.t("console.unverified")),
        };
        let list = |items: &[String]| match items {
            [] => Cell::text(locale.t("console.none")),
            items => Cell::text(items.join(", ")),
        };
        let fact = |key: &str, value: Cell| Fact { name: locale.t(key), value };
        vec![
            fact("console.state", self.state(user)),
            fact("console.id", Cell::code(user.id.to_string())),
            fact("console.name", Cell::text(user.name.clone().unwrap_or_default())),
            fact("console.email", email),
            fact("console.role", Cell::text(user.role.as_str())),
            fact("console.roles", list(&user.attributes.roles)),
            fact("console.groups", list(&user.attributes.groups)),
            fact("console.created", Cell::text(locale.date_time(user.created_at))),
            fact("console.changed", Cell::text(locale.date_time(user.updated_at))),
        ]
    }

    fn factor_table(&self, found: &crate::identity::factors::Overview) -> Table {
        let locale = self.locale();
        let row = |factor: &crate::domain::factor::Factor| {
            let used = factor.last_used_at.map(|at| self.when(at));
            vec![
                Cell::text(&factor.name).noting(factor.id.to_string()),
                Cell::text(factor.kind.as_str()),
                Cell::text(self.when(factor.created_at)),
                Cell::text(used.unwrap_or_else(|| locale.t("console.never").to_owned())),
            ]
        };
        let codes = found.recovery_codes.to_string();
        Table {
            caption: locale.with("console.factors.caption", &[("codes", &codes)]),
            columns: ["console.name", "console.kind", "console.created", "console.used"]
                .map(|key| locale.t(key))
                .to_vec(),
            rows: found.factors.iter().map(row).collect(),
            empty: locale.t("console.factors.none").to_owned(),
            ..Table::default()
        }
    }

    /// What can be done with the user, by someone with the rights of this one.
    fn actions(&self, user: &User) -> Vec<Choice> {
        let kind = TargetKind::of_user(user.role);
        UserAction::ALL
            .iter()
            .filter(|action| self.may_to(action.right(), kind) && action.fits(user))
            .filter(|action| {
                **action != UserAction::Recovery || self.context().app.config.mail.is_some()
            })
            .map(|action| {
                let label = self.locale().t(action.title());
                let to = self.link(&format!("/admin/users/{}/{action}", user.id));
                if action.is_danger() {
                    Choice::danger(label, to)
                } else {
                    Choice::action(label, to)
                }
            })
            .collect()
    }
}

/// The command that finds the users of a search.
pub(super) fn find_command(q: &str) -> String {
    let words: Vec<_> = q.split_whitespace().map(quoted).collect();
    let separator = if words.iter().any(|word| word.starts_with('-')) { " --" } else { "" };
    format!("signet user find{separator} {}", words.join(" "))
}
