//! `/admin/sessions`: lists and ends sessions.

mod filters;

use std::collections::{HashMap, HashSet};

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use crate::admin::sessions as admin_sessions;
use crate::admin::user_names;
use crate::app::FormResult;
use crate::base::Timestamp;
use crate::base::id::{SessionId, UserId};
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::pagination::{Page, PageRequest};
use crate::domain::permission::TargetKind;
use crate::domain::session::SessionFilter;
use crate::domain::shell_word::command;
use crate::domain::user::User;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Fact, Section, Table};
use crate::identity::sessions::{self, LoggedIn};

use super::access::Action;
use super::confirm::Question;
use super::{Console, Content, OrPageOf, count, enter, enter_with, go_here, submitted};
use filters::SessionQuery;
pub(super) use filters::knows;

/// The list, of one user if the address names one.
pub async fn list(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadSessions, params).await?;
    if params.has_blank() {
        // The address has the filters that were filled in.
        let filled_in = SessionQuery::of(&params.filled_in()).page_behind("");
        let to = console.link("/admin/sessions").with_query(&filled_in);
        return Ok(console.used(go_here(HttpResponse::SeeOther(), &to)));
    }
    console.sessions(&params).await.or_page_of(&console)
}

/// The confirmation before a session is ended.
pub async fn get_end(context: Context, id: Path<String>) -> PageResult {
    let console = enter(context, Action::EndSessions).await?;
    console.ask_about_session(&id, None).await
}

/// Ends one session. Succeeds if it has already ended.
pub async fn post_end(
    context: Context,
    request: HttpRequest,
    id: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, &request, form, Action::EndSessions).await?;
    console.require_fresh(&format!("/admin/sessions/{id}/end")).await?;
    let unknown = || Refusal::new(Code::NotFound, "There is no such active session.");
    let parsed = id.parse::<SessionId>().map_err(|_| unknown());
    let session = console.context().check(parsed).or_page_of(&console)?;
    let (app, info) = (console.context().app.clone(), console.info());
    let work = async move {
        match admin_sessions::revoke(app, session, info).await {
            Err(Failure::Refused(refusal)) if refusal.code == Code::NotFound => {}
            outcome => outcome?,
        }
        Ok(FormResult::Done { path: "/admin/sessions".to_owned(), what: "ended" })
    };
    match console.once(form.take("form"), work).await {
        Ok(result) => Ok(console.answer(result)),
        Err(problem) => console.ask_about_session(&id, Some(&problem)).await,
    }
}

impl Console {
    async fn ask_about_session(&self, id: &str, refused: Option<&Problem>) -> PageResult {
        let (user, session) = self.session_to_end(id).await.or_page_of(self)?;
        self.ask(self.session_question(&user, &session), refused).await
    }

    /// A session with its user. Refuses an ended session, and one that this user may not end.
    async fn session_to_end(&self, id: &str) -> Result<(User, LoggedIn), Problem> {
        let unknown = || Refusal::new(Code::NotFound, "There is no such active session.");
        let id = self.context().check(id.parse::<SessionId>().map_err(|_| unknown()))?;
        let work = admin_sessions::live(self.context().app.clone(), id, self.context().now());
        let (user, session) = self.context().run(work).await?;
        self.require_to(Action::EndSessions, TargetKind::of_user(user.role))?;
        Ok((user, session))
    }

    fn session_question(&self, user: &User, session: &LoggedIn) -> Question {
        let (locale, id) = (self.locale(), session.id().to_string());
        let (device, address) = device(session);
        let login = match self.may(Action::ReadUsers) {
            true => Cell::link(&user.login, self.user_link(user.id)),
            false => Cell::text(&user.login),
        };
        let fact = |key: &str, value: Cell| Fact { name: locale.t(key), value };
        let mut facts = vec![
            fact("console.user", login.noting(user.id.to_string())),
            fact("console.client", self.session_client(session)),
            fact("console.device", Cell::text(device).noting(address)),
            fact("console.session.begun", Cell::text(locale.date_time(begun(session)))),
            fact("console.session", Cell::code(&id)),
        ];
        if let LoggedIn::Client(listed) = session
            && let Some(audience) = &listed.session.audience
        {
            facts.insert(2, fact("console.session.api", Cell::text(audience)));
        }
        Question {
            menu: "/admin/sessions",
            title: locale.t("console.session.end").to_owned(),
            target: user.login.clone(),
            facts,
            effects: vec![locale.t("console.effect.session").to_owned()],
            path: format!("/admin/sessions/{id}/end"),
            cancel: "/admin/sessions".to_owned(),
            form: self.form_id(),
            typed: None,
            options: Vec::new(),
            same_as: command("signet session revoke", &id, ""),
        }
    }

    async fn sessions(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let set = SessionQuery::of(params);
        match self.session_filter(&set).await {
            Ok((filter, user)) => self.session_page(&set, &filter, user, params).await,
            Err(problem) => {
                let mut form = self.session_form(&set);
                let alert = self.mark_errors(&mut form.fields, Some(&problem), |field| field.name);
                let mut blocks: Vec<Block> = alert.into_iter().chain([Block::Form(form)]).collect();
                if problem.fields().iter().any(|field| field.code == "no_such") {
                    blocks.push(self.search_links(params.get("user")));
                }
                let content = self.session_content(&set, None, blocks);
                let same_as = String::new();
                Ok(self.show_as(problem.head(), Content { same_as, ..content }))
            }
        }
    }

    async fn session_page(
        &self,
        set: &SessionQuery,
        filter: &SessionFilter,
        user: Option<User>,
        params: &Params,
    ) -> Result<HttpResponse, Problem> {
        let locale = self.locale();
        let after = params.get("after").unwrap_or_default();
        let request = PageRequest { after: PageRequest::cursor(after), ..PageRequest::default() };
        let found = self.sessions_that(filter.clone(), request).await?;
        let names = self.names(found.data.iter().map(user_id)).await?;
        let mut table = self.session_table(&found, &names).await?;
        let to = |after: &str| self.link("/admin/sessions").with_query(&set.page_behind(after));
        table.newest = (!after.is_empty()).then(|| (to(""), locale.t("console.first_page")));
        table.older = found.next.as_deref().map(|next| (to(next), locale.t("console.next_page")));
        let mut blocks = vec![Block::Form(self.session_form(set))];
        let mut links = self.session_filter_links(set, user.as_ref());
        links.extend(user.as_ref().map(|user| Choice::link(&user.login, self.user_link(user.id))));
        if !found.data.is_empty() {
            links.extend(self.end_all_link(filter, user.as_ref()).await?);
        }
        if !links.is_empty() {
            blocks.push(Block::Links(links));
        }
        if !found.data.is_empty() && self.may(Action::EndSessions) {
            blocks.push(Block::Text(locale.t("console.sessions.end_how").to_owned()));
        }
        if found.data.is_empty() {
            blocks.extend(self.no_client(filter.client_id.as_deref()));
        }
        blocks.push(Block::table(table));
        let mut content = self.session_content(set, user.as_ref(), blocks);
        content.notice = self.notice(params);
        Ok(self.show(content))
    }

    fn session_content(
        &self,
        set: &SessionQuery,
        user: Option<&User>,
        blocks: Vec<Block>,
    ) -> Content<'_> {
        Content {
            menu: "/admin/sessions",
            title: self.locale().t("console.sessions").to_owned(),
            notice: None,
            search: String::new(),
            same_as: format!("signet session list{}", set.options(user)),
            sections: vec![Section { blocks, ..Section::default() }],
        }
    }

    /// A page of sessions and sign-ins of a filter.
    async fn sessions_that(
        &self,
        filter: SessionFilter,
        request: PageRequest,
    ) -> Result<Page<LoggedIn>, Problem> {
        let (app, now) = (self.context().app.clone(), self.now());
        let work = async move { sessions::list(app, &filter, request, now).await };
        self.context().run(work).await
    }

    /// A page of sessions and sign-ins, of one user if named.
    pub(super) async fn sessions_of(
        &self,
        user: Option<UserId>,
        request: PageRequest,
    ) -> Result<Page<LoggedIn>, Problem> {
        self.sessions_that(SessionFilter { user, ..SessionFilter::default() }, request).await
    }

    /// The users of sessions that this user may not end.
    async fn not_to_end(&self, page: &Page<LoggedIn>) -> Result<HashSet<UserId>, Problem> {
        if self.may_to(Action::EndSessions, TargetKind::ANY_USER) {
            return Ok(HashSet::new());
        }
        let (context, ids) = (self.context(), page.data.iter().map(user_id).collect());
        context.run(user_names::protected(context.app.clone(), ids)).await
    }

    /// The application of a session, or that it is a sign-in at Signet's pages.
    fn session_client(&self, row: &LoggedIn) -> Cell {
        match row {
            LoggedIn::Client(listed) => {
                let client_id = &listed.session.client_id;
                let name = self.visited.client_name(client_id);
                let href = self.client_link(client_id);
                Cell { href, ..Cell::text(name).noting(client_id) }
            }
            LoggedIn::Browser(..) => Cell::text(self.locale().t("account.browser")),
        }
    }

    /// Sessions as a table.
    pub(super) async fn session_table(
        &self,
        page: &Page<LoggedIn>,
        names: &HashMap<UserId, String>,
    ) -> Result<Table, Problem> {
        let locale = self.locale();
        let not_to_end = self.not_to_end(page).await?;
        let row = |row: &LoggedIn| {
            let (id, device, user_id) = (row.id(), device(row), user_id(row));
            let (audience, used) = match row {
                LoggedIn::Client(listed) => {
                    let session = &listed.session;
                    (session.audience.clone(), session.chain.answered_at)
                }
                LoggedIn::Browser(browser, _) => (None, browser.auth_time),
            };
            let end = self.link(&format!("/admin/sessions/{id}/end"));
            let address = device.1;
            let mut cells = vec![
                self.user_cell(names, user_id),
                self.session_client(row),
                Cell::text(audience.unwrap_or_default()),
                Cell::text(device.0).noting(address),
                Cell::text(self.when(begun(row))),
                Cell::text(self.when(used)),
            ];
            if self.may(Action::EndSessions) {
                let cell = match not_to_end.contains(&user_id) {
                    true => Cell::default(),
                    false => Cell::link(locale.t("console.session.end"), end),
                };
                cells.push(cell.noting(id.to_string()));
            }
            cells
        };
        let n = count(page.data.len(), page.next.is_some());
        let none =
            if page.next.is_some() { "console.sessions.none_yet" } else { "console.sessions.none" };
        let mut columns = [
            "console.user",
            "console.client",
            "console.session.api",
            "console.device",
            "console.since",
            "console.used",
        ]
        .map(|key| locale.t(key))
        .to_vec();
        if self.may(Action::EndSessions) {
            columns.push(locale.t("console.session"));
        }
        Ok(Table {
            caption: locale.with("console.sessions.caption", &[("n", &n)]),
            columns,
            rows: page.data.iter().map(row).collect(),
            empty: locale.t(none).to_owned(),
            ..Table::default()
        })
    }
}

pub(super) fn user_id(row: &LoggedIn) -> UserId {
    match row {
        LoggedIn::Client(listed) => listed.session.user_id,
        LoggedIn::Browser(browser, _) => browser.user_id,
    }
}

fn begun(row: &LoggedIn) -> Timestamp {
    match row {
        LoggedIn::Client(listed) => listed.session.created_at,
        LoggedIn::Browser(browser, _) => browser.auth_time,
    }
}

/// The device in words, and its address.
fn device(row: &LoggedIn) -> (String, String) {
    let device = match row {
        LoggedIn::Client(listed) => &listed.device,
        LoggedIn::Browser(_, device) => device,
    };
    let address = device.address.map(|address| address.to_string());
    (device.describe(), address.unwrap_or_default())
}
