//! `/admin/users/{id}/why` and `/admin/why`: why a user, or an entered login, cannot sign in.
//!
//! Owns the content of the pages. The diagnosis is in `admin::user_why`, and its texts are in `causes`.

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::user_why::{self, UserReport};
use crate::domain::shell_word::command;
use crate::domain::sign_in_diagnosis::{CountedFrom, Finding, Guarded, Lock};
use crate::domain::user::User;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, Content, OrPageOf, enter, enter_with, query};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Field, Form, Section, State, Table};
use crate::store::audit::StoredEvent;

use super::actions::UserAction;
use super::causes::{ending, title};

/// The maximum length of a login that is looked up, in bytes.
const MAX_LOGIN: usize = 254;

/// The diagnosis of a user.
pub async fn of_user(context: Context, id: Path<String>) -> PageResult {
    let console = enter(context, Action::ReadUsers).await?;
    let user = console.named_user(&id).await.or_page_of(&console)?;
    let context = console.context();
    let work = user_why::why(context.app.clone(), user.id, context.now());
    let report = context.run(work).await.or_page_of(&console)?;
    Ok(console.why_page(&report, None))
}

/// The diagnosis of an entered login name, with or without an account.
pub async fn of_login(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadUsers, params).await?;
    let login = params.get("login").unwrap_or_default().trim();
    console.why_of_login(login).await.or_page_of(&console)
}

impl Console {
    /// The causes, at the top of the page of a user, with the buttons that remove them.
    pub(super) fn why_panel(&self, user: &User, report: &UserReport) -> Section {
        let locale = self.locale();
        let causes = report.findings.iter().map(|finding| {
            Block::Alert(format!("{}: {}", locale.t(title(finding.cause)), finding.message))
        });
        let explain = self.link(&format!("/admin/users/{}/why", user.id));
        let mut links = self.remedies(user, report);
        links.push(Choice::link(locale.t("console.why.explain"), explain));
        Section {
            id: "why",
            heading: Some(locale.t("console.why.heading").to_owned()),
            blocks: causes.chain([Block::Links(links)]).collect(),
        }
    }

    /// The buttons that remove the causes, as far as this user may use them.
    fn remedies(&self, user: &User, report: &UserReport) -> Vec<Choice> {
        let mut actions: Vec<UserAction> = Vec::new();
        for action in report.findings.iter().filter_map(|finding| ending(finding.cause)) {
            let is_offered = self.offers(action, user, super::one::has_password(report));
            if is_offered && !actions.contains(&action) {
                actions.push(action);
            }
        }
        actions.into_iter().map(|action| self.action_choice(action, user)).collect()
    }

    async fn why_of_login(&self, login: &str) -> Result<HttpResponse, Problem> {
        let locale = self.locale();
        let is_long = login.len() > MAX_LOGIN;
        let form = Form {
            action: self.link("/admin/why").to_string(),
            fields: vec![Field {
                name: "login",
                label: locale.t("console.why.login"),
                value: login.to_owned(),
                error: is_long.then(|| locale.t("error.login.too_long").to_owned()),
                ..Field::default()
            }],
            submit: locale.t("console.why.submit").to_owned(),
            ..Form::default()
        };
        if login.is_empty() || is_long {
            return Ok(self.show(Content {
                menu: "/admin/users",
                title: locale.t("console.why.heading").to_owned(),
                notice: None,
                search: String::new(),
                same_as: String::new(),
                sections: vec![Section { blocks: vec![Block::Form(form)], ..Section::default() }],
            }));
        }
        let context = self.context();
        let work = user_why::why_login(context.app.clone(), login.to_owned(), self.info());
        Ok(self.why_page(&context.run(work).await?, Some(form)))
    }

    fn why_page(&self, report: &UserReport, form: Option<Form>) -> HttpResponse {
        let locale = self.locale();
        let user = report.account.as_ref().map(|account| &account.user);
        let mut blocks: Vec<Block> = form.map(Block::Form).into_iter().collect();
        match report.is_good() {
            true => blocks.push(Block::Text(locale.t("console.why.nothing").to_owned())),
            false => blocks.push(Block::table(self.causes(&report.findings))),
        }
        let mut links = user.map_or_else(Vec::new, |user| self.remedies(user, report));
        if let Some(user) = user {
            links.push(Choice::link(&user.login, self.user_link(user.id)));
        }
        links.extend(report.nearest.iter().map(|login| {
            let to = self.link("/admin/users").with_query(&query(&[("q", login)]));
            Choice::link(locale.with("console.why.nearest", &[("login", login)]), to)
        }));
        blocks.push(Block::Links(links));
        let part = |id, key: &str, table| Section {
            id,
            heading: Some(locale.t(key).to_owned()),
            blocks: vec![Block::table(table)],
        };
        self.show(Content {
            menu: "/admin/users",
            title: locale.with("console.why.title", &[("login", &report.login)]),
            notice: None,
            search: String::new(),
            same_as: command("signet user why", &report.login, ""),
            sections: vec![
                Section { blocks, ..Section::default() },
                part("counters", "console.why.counters", self.counters(&report.locks)),
                part("failures", "console.why.failures", self.failures(&report.failures)),
            ],
        })
    }

    fn causes(&self, findings: &[Finding]) -> Table {
        let locale = self.locale();
        let row = |finding: &Finding| {
            let fix = finding.fix.as_deref();
            vec![
                Cell::text(locale.t(title(finding.cause))),
                Cell::text(&finding.message),
                fix.map_or_else(|| Cell::text(locale.t("console.why.wait")), Cell::code),
            ]
        };
        Table {
            caption: locale.t("console.why.causes").to_owned(),
            columns: ["console.why.cause", "console.detail_alone", "console.why.command"]
                .map(|key| locale.t(key))
                .to_vec(),
            rows: findings.iter().map(row).collect(),
            ..Table::default()
        }
    }

    fn counters(&self, locks: &[Lock]) -> Table {
        let locale = self.locale();
        let row = |lock: &Lock| {
            let state = match lock.is_closed() {
                true => Cell::state(State::Alarm, locale.t("console.locked")),
                false => Cell::state(State::Good, locale.t("console.why.open")),
            };
            let from = match lock.from {
                CountedFrom::Network(Some(network)) => network.to_string(),
                CountedFrom::Network(None) => locale.t("console.why.one_network").to_owned(),
                CountedFrom::Strangers => locale.t("console.why.strangers").to_owned(),
            };
            vec![
                Cell::text(locale.t(match lock.guarded {
                    Guarded::Password => "console.why.password",
                    Guarded::SecondFactor => "console.factors",
                })),
                state,
                Cell::text(from),
                Cell::text(format!("{} / {}", lock.tries, lock.limit)),
                Cell::text(locale.date_time(lock.until)),
            ]
        };
        Table {
            caption: format!("{}, {}", locale.t("console.why.counters"), locks.len()),
            columns: [
                "console.why.counter",
                "console.state",
                "console.why.from",
                "console.why.tries",
                "console.why.ends",
            ]
            .map(|key| locale.t(key))
            .to_vec(),
            rows: locks.iter().map(row).collect(),
            empty: locale.t("console.why.no_counters").to_owned(),
            ..Table::default()
        }
    }

    fn failures(&self, failures: &[StoredEvent]) -> Table {
        let locale = self.locale();
        let row = |event: &StoredEvent| {
            let at = event.last_at.unwrap_or(event.at);
            let reason = event.reason.as_deref().or(event.detail.as_deref());
            vec![
                Cell::text(locale.date_time(at)).noting(self.when(at)),
                Cell::text(&event.kind),
                Cell::text(reason.unwrap_or_default()),
                Cell::text(event.times.to_string()),
                Cell::text(event.address.clone().unwrap_or_default()),
                Cell::text(event.client_id.clone().unwrap_or_default()),
                Cell::code(&event.request_id),
            ]
        };
        Table {
            caption: format!("{}, {}", locale.t("console.why.failures"), failures.len()),
            columns: [
                "console.time",
                "console.kind",
                "console.why.reason",
                "console.why.times",
                "console.address",
                "console.client",
                "console.request",
            ]
            .map(|key| locale.t(key))
            .to_vec(),
            rows: failures.iter().map(row).collect(),
            empty: locale.t("console.why.no_failures").to_owned(),
            ..Table::default()
        }
    }
}
