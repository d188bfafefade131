//! `/admin/users/{id}`: the page of one user, with the reasons why they cannot sign in at the top.

use std::collections::HashMap;

use actix_web::HttpResponse;
use actix_web::web::Path;

use crate::admin::user_why::{self, UserReport};
use crate::admin::{audit as admin_audit, factors};
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::audit_filter::AuditFilter;
use crate::domain::pagination::PageRequest;
use crate::domain::permission::TargetKind;
use crate::domain::shell_word::command;
use crate::domain::sign_in_diagnosis::StoredPassword;
use crate::domain::user::User;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::audit::users_of;
use crate::http::ui::console::sessions::user_id;
use crate::http::ui::console::{Console, Content, OrPageOf, enter_with, query};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Fact, Section, Table};

use super::actions::UserAction;

/// The most rows of each list on the page of a user.
const ON_A_USER: i64 = 10;

/// One user.
pub async fn get(
    context: Context,
    id: Path<String>,
    params: Result<Params, Problem>,
) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadUsers, params).await?;
    console.user(&id, &params).await.or_page_of(&console)
}

impl Console {
    async fn user(&self, id: &str, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let user = self.named_user(id).await?;
        let work = user_why::why(context.app.clone(), user.id, context.now());
        let report = context.run(work).await?;
        let locked = self.locked_until(vec![user.clone()]).await?;
        let mut sections = Vec::new();
        if !report.is_good() {
            sections.push(self.why_panel(&user, &report));
        }
        sections.push(Section {
            blocks: vec![
                Block::Facts(self.facts(&user, &locked)),
                Block::Links(self.actions(&user, has_password(&report))),
                Block::Links(self.pages_of(&user)),
            ],
            ..Section::default()
        });
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
                    Block::table(self.session_table(&found, &names).await?),
                    Block::Links(vec![older]),
                ],
            });
        }
        let found = context.run(factors::list(context.app.clone(), user.id)).await?;
        sections.push(Section {
            id: "factors",
            heading: Some(locale.t("console.factors").to_owned()),
            blocks: vec![Block::table(self.factor_table(&found))],
        });
        sections.extend(self.api_key_section(&user).await?);
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
                    Block::table(self.event_table(&found.data, &names, found.next.is_some())),
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

    fn facts(&self, user: &User, locked: &HashMap<UserId, Timestamp>) -> Vec<Fact> {
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
            fact("console.state", self.state(user, locked)),
            fact("console.id", Cell::code(user.id.to_string())),
            fact("console.name", Cell::text(user.name.clone().unwrap_or_default())),
            fact("console.email", email),
            fact("console.role", self.role_cell(user)),
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

    /// The actions on the user that the signed-in user may do.
    fn actions(&self, user: &User, has_password: bool) -> Vec<Choice> {
        UserAction::ALL
            .iter()
            .filter(|action| self.offers(**action, user, has_password))
            .map(|action| self.action_choice(*action, user))
            .collect()
    }

    /// Whether the page of a user has a button for this.
    pub(super) fn offers(&self, action: UserAction, user: &User, has_password: bool) -> bool {
        let kind = TargetKind::of_user(user.role);
        let can_be_sent = match action {
            UserAction::Recovery => has_password && self.may_hand_over(user),
            UserAction::Invite => !has_password,
            _ => true,
        };
        self.may_to(action.right(), kind) && action.fits(user) && can_be_sent
    }

    /// The button for an action.
    pub(super) fn action_choice(&self, action: UserAction, user: &User) -> Choice {
        let label = self.locale().t(action.title());
        let to = self.link(&format!("/admin/users/{}/{action}", user.id));
        match action.is_danger() {
            true => Choice::danger(label, to),
            false => Choice::action(label, to),
        }
    }

    /// Further pages about the user.
    fn pages_of(&self, user: &User) -> Vec<Choice> {
        let page = |key: &str, name: &str| {
            let to = self.link(&format!("/admin/users/{}/{name}", user.id));
            Choice::link(self.locale().t(key), to)
        };
        let mut pages = vec![page("console.why.explain", "why")];
        if self.may(Action::PreviewToken) {
            pages.push(page("console.preview", "token"));
        }
        pages
    }
}

/// Whether the user has a password that a link would replace.
pub(super) fn has_password(report: &UserReport) -> bool {
    let account = report.account.as_ref();
    account.is_some_and(|account| account.password != StoredPassword::None)
}
