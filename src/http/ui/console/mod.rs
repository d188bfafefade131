//! `/admin`: the web console of administrators.
//!
//! Owns the access to the console and the frame of its pages. Data and actions come from the use cases that
//! `/v1/admin` and the command line also call.

mod access;
pub mod apis;
mod attention;
pub mod audit;
mod chart;
pub mod clients;
mod confirm;
mod edit;
mod event_table;
pub mod health;
pub mod keys;
mod navigation;
pub mod overview;
pub mod search;
mod secret;
pub mod sessions;
pub mod settings;
mod unknown_params;
pub mod users;

use std::collections::HashMap;

use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use url::Url;

use crate::admin::user_names;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::base_path::Link;
use crate::domain::client;
use crate::domain::outcome::Refusal;
use crate::domain::permission::Denied;
use crate::domain::request_info::RequestInfo;
use crate::http::context::Context;
use crate::http::cookie::{self, Visit};
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::account;
use crate::identity::console_session;

use super::account::{Visited, signed_in};
use super::page_error::{OrErrorPage, PageError};
use super::pages::{Block, Cell, Choice, ConsoleFrame, ConsolePage, NavItem, Section};
use super::render::go_here;
use super::{Locale, error_page, error_page_for, page, stale_form, title_of};

use access::Action;
pub use navigation::not_found;
pub(super) use navigation::{is_open_to, is_there};
use navigation::{named_action, nothing_here, signed_in_links};

/// The pages of the menu: path, required right, and the key of its label.
const MENU: [(&str, Action, &str); 9] = [
    ("/admin", Action::ReadUsers, "console.overview"),
    ("/admin/users", Action::ReadUsers, "console.users"),
    ("/admin/sessions", Action::ReadSessions, "console.sessions"),
    ("/admin/clients", Action::ReadClients, "console.clients"),
    ("/admin/apis", Action::ReadApis, "console.apis"),
    ("/admin/keys", Action::ReadKeys, "console.keys"),
    ("/admin/audit", Action::ReadAudit, "console.audit"),
    ("/admin/health", Action::ReadKeys, "console.health"),
    ("/admin/settings", Action::ReadKeys, "console.settings"),
];

/// A user in the console.
pub(super) struct Console {
    visited: Visited,
    csrf: String,
}

/// The content of a page of the console.
struct Content<'a> {
    /// The path of the menu that it belongs to.
    menu: &'static str,
    /// The heading.
    title: String,
    /// The notice about the last action.
    notice: Option<&'a str>,
    /// The search text.
    search: String,
    /// The equivalent command.
    same_as: String,
    /// The parts.
    sections: Vec<Section>,
}

/// Admits a user who may do this; redirects others to the sign-in page or refuses them.
async fn enter(context: Context, action: Action) -> Result<Console, PageError> {
    if !is_there(&context) {
        return Err(error_page(&context, &nothing_here(&context)).into());
    }
    let login = sign_in(&context, context.reloadable().unwrap_or("/admin"));
    // The account page would request a sign-in that leads back to the account.
    let visit = Visit::of(&context);
    let Some(here) = signed_in(&context, &visit).await? else {
        return Err(go_here(HttpResponse::SeeOther(), &login).into());
    };
    let visited = Visited { context, visit, here };
    let Visited { context, here, .. } = &visited;
    let used_at = cookie::console_use(context)
        .and_then(|value| console_session::used_at(&context.app, here, value));
    let is_open = console_session::is_open(here, used_at, context.now());
    if !is_open || !console_session::has_factors(&context.app, here, context.now()) {
        return Err(go_here(HttpResponse::SeeOther(), &login).into());
    }
    if let Err(denied) = console_session::authority(here).require(action) {
        return Err(forbidden(&visited, denied).into());
    }
    let csrf = account::token(&context.app, &visited.visit.cookies);
    Ok(Console { visited, csrf })
}

/// The same for a page that has parameters.
async fn enter_with(
    context: Context,
    action: Action,
    params: Result<Params, Problem>,
) -> Result<(Console, Params), PageError> {
    let console = enter(context, action).await?;
    let params = params.or_page_of(&console)?;
    Ok((console, params))
}

/// Turns a problem into a page of the console.
trait OrPageOf<T> {
    fn or_page_of(self, console: &Console) -> Result<T, PageError>;
}

impl<T> OrPageOf<T> for Result<T, Problem> {
    fn or_page_of(self, console: &Console) -> Result<T, PageError> {
        self.map_err(|problem| console.failed(&problem).into())
    }
}

/// Admits a user who sends a form of the console.
async fn submitted(
    context: Context,
    request: &HttpRequest,
    form: Result<FormFields, Problem>,
    action: Action,
) -> Result<(Console, FormFields), PageError> {
    if is_cross_origin(&context, request) {
        return Err(stale_form(&context).into());
    }
    let mut form = form.or_error_page(&context)?;
    let console = enter(context, action).await?;
    let Visited { context, visit, .. } = &console.visited;
    if !account::is_token(&context.app, &visit.cookies, &form.take("csrf")) {
        return Err(stale_form(context).into());
    }
    Ok((console, form))
}

/// Whether a form was sent by a page of another origin, according to the browser. Signet's pages have the referrer
/// policy `no-referrer`, under which browsers send `Origin: null` with forms (Fetch, "append a request Origin
/// header"): that value is no evidence, and the token of the form decides.
fn is_cross_origin(context: &Context, request: &HttpRequest) -> bool {
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let site = header("sec-fetch-site").is_some_and(|site| site != "same-origin" && site != "none");
    let own = Url::parse(context.app.issuer()).ok().map(|url| url.origin().ascii_serialization());
    let origin = header(header::ORIGIN.as_str());
    site || origin.is_some_and(|origin| origin != "null" && Some(origin) != own.as_deref())
}

/// The page that names the missing role and who can grant it.
fn forbidden(visited: &Visited, denied: Denied) -> HttpResponse {
    let context = &visited.context;
    let locale = context.locale(None);
    let text = match denied {
        // The scopes of the console are those of the role.
        Denied::Scope(action) | Denied::Role(action) => {
            let roles: Vec<&str> =
                action.permission().all_roles().map(|role| role.as_str()).collect();
            let values = [("roles", &*roles.join(", ")), ("action", action.as_str())];
            locale.with("console.forbidden", &values)
        }
        denied => {
            let refusal = Refusal::from(denied);
            locale.error((refusal.code, refusal.reason), &refusal.message).to_owned()
        }
    };
    let problem = context.problem(Refusal::from(denied).into());
    error_page_for(
        context,
        &problem,
        &text,
        signed_in_links(context, &visited.visit, &visited.here),
    )
}

/// The sign-in page, which leads back to `page`.
fn sign_in(context: &Context, page: &str) -> Link {
    let at: String = url::form_urlencoded::byte_serialize(page.as_bytes()).collect();
    context.link("/login").with_query(&format!("to=console&at={at}"))
}

impl Console {
    fn context(&self) -> &Context {
        &self.visited.context
    }

    fn locale(&self) -> Locale {
        self.context().locale(None)
    }

    fn now(&self) -> Timestamp {
        self.context().now()
    }

    /// The request of an action.
    fn info(&self) -> RequestInfo {
        let here = &self.visited.here;
        let info = self.context().request_info().by(here.user.id);
        info.authorized(console_session::authority(here))
    }

    fn link(&self, path: &str) -> Link {
        self.context().link(path)
    }

    /// The page of a user.
    fn user_link(&self, id: impl std::fmt::Display) -> Link {
        self.link(&format!("/admin/users/{id}"))
    }

    /// The page of a client; `None` for the built-in one.
    fn client_link(&self, client_id: &str) -> Option<Link> {
        let is_known = client_id != client::BUILT_IN && self.may(Action::ReadClients);
        is_known.then(|| self.link(&client_path(client_id)))
    }

    /// The login names of users by their ids.
    async fn names(
        &self,
        ids: impl Iterator<Item = UserId>,
    ) -> Result<HashMap<UserId, String>, Problem> {
        let context = self.context();
        context.run(user_names::of(context.app.clone(), ids.collect())).await
    }

    /// A user by name and id, with a link to their page.
    fn user_cell(&self, names: &HashMap<UserId, String>, id: UserId) -> Cell {
        match names.get(&id) {
            Some(login) => Cell::link(login, self.user_link(id)).noting(id.to_string()),
            None => Cell::text(self.locale().t("console.deleted")).noting(id.to_string()),
        }
    }

    /// A point in time with how long ago it was.
    fn when(&self, at: Timestamp) -> String {
        self.locale().ago(at, self.now())
    }

    fn frame(&self, menu: &str, search: String, same_as: String) -> ConsoleFrame<'_> {
        let Visited { context, here, .. } = &self.visited;
        let frame = context.frame(None);
        let shown = MENU.iter().filter(|(_, action, _)| self.may(*action));
        let host = Url::parse(context.app.issuer()).ok();
        let host = host.and_then(|url| url.host_str().map(str::to_owned));
        ConsoleFrame {
            frame,
            csrf: &self.csrf,
            who: &here.user.login,
            role: here.user.role.as_str(),
            environment: host.unwrap_or_default(),
            search,
            nav: shown
                .map(|(path, _, key)| NavItem {
                    href: context.link(path),
                    label: frame.t(key),
                    is_current: *path == menu,
                })
                .collect(),
            ignored: self.unknown_params(),
            same_as,
            request_id: &context.facts.request_id,
        }
    }

    /// The page, with the cookie that records the use of the console.
    fn show(&self, content: Content<'_>) -> HttpResponse {
        self.show_as(HttpResponse::Ok(), content)
    }

    /// The same with another status, for a refused form.
    fn show_as(&self, head: HttpResponseBuilder, content: Content<'_>) -> HttpResponse {
        let Content { menu, title, notice, search, same_as, sections } = content;
        let console = self.frame(menu, search, same_as);
        let template = ConsolePage { console, title, notice, sections };
        self.used(page(head, &template))
    }

    /// The response, with the cookie that records the use of the console.
    fn used(&self, mut answer: HttpResponse) -> HttpResponse {
        let Visited { context, here, .. } = &self.visited;
        let value = console_session::used(&context.app, here, context.now());
        cookie::keep_console_use(&context.app, &mut answer, &value);
        answer
    }

    /// A problem as a page of the console, with a link to the list of the address.
    fn failed(&self, problem: &Problem) -> HttpResponse {
        let (context, locale) = (self.context(), self.locale());
        let path = context.path();
        let below = |menu: &str| path == menu || path.starts_with(&format!("{menu}/"));
        let entry = MENU.iter().rev().find(|(menu, ..)| below(menu)).unwrap_or(&MENU[0]);
        let (menu, action, name) = *entry;
        let mut blocks =
            vec![Block::Alert(self.context().frame(None).refusal(problem).into_owned())];
        if self.may(action) {
            blocks.push(Block::Links(vec![Choice::link(locale.t(name), self.link(menu))]));
        }
        self.show_as(
            problem.head(),
            Content {
                menu,
                title: locale.t(title_of(problem)).to_owned(),
                notice: None,
                search: String::new(),
                same_as: String::new(),
                sections: vec![Section { blocks, ..Section::default() }],
            },
        )
    }

    /// A redirect to another page of the console, which confirms the action.
    fn go(&self, path: &str, done: &str) -> HttpResponse {
        let to = self.link(path);
        self.go_to(&if done.is_empty() { to } else { to.with_query(&format!("done={done}")) })
    }

    /// A redirect to another page of the console.
    fn go_to(&self, to: &Link) -> HttpResponse {
        self.used(go_here(HttpResponse::SeeOther(), to))
    }

    /// Refuses an action that this user may not do to any object.
    fn require(&self, action: Action) -> Result<(), PageError> {
        let allowed = console_session::authority(&self.visited.here).require(action);
        allowed.map_err(|denied| forbidden(&self.visited, denied).into())
    }

    /// The notice that the address selects.
    fn notice(&self, params: &Params) -> Option<&'static str> {
        let done = params.get("done")?;
        let key = DONE.iter().find(|(name, _)| *name == done).map(|(_, key)| *key);
        key.map(|key| self.locale().t(key))
    }
}

/// The notices that an address can select, and the keys of their texts.
const DONE: &[(&str, &str)] = &[
    ("disabled", "console.done.disabled"),
    ("enabled", "console.done.enabled"),
    ("ended", "console.done.ended"),
    ("factors", "console.done.factors"),
    ("deleted", "console.done.deleted"),
    ("must-change", "console.done.must_change"),
    ("recovery", "console.done.recovery"),
    ("unlocked", "console.done.unlocked"),
    ("created", "console.done.created"),
    ("created-not-invited", "console.done.created_not_invited"),
    ("invited", "console.done.invited"),
    ("none-ticked", "console.done.none_ticked"),
    ("rotated", "console.done.rotated"),
    ("rotated-now", "console.done.rotated_now"),
    ("retired", "console.done.retired"),
    ("revoked", "console.done.revoked"),
    ("saved", "console.done.saved"),
];

/// The path of the page of a client: a `client_id` can contain slashes.
fn client_path(client_id: &str) -> String {
    format!("/admin/clients/{}", client_id.replace('/', "%2F"))
}

/// A query of an address: the pairs that have a value.
fn query(pairs: &[(&str, &str)]) -> String {
    let mut query = url::form_urlencoded::Serializer::new(String::new());
    for (name, value) in pairs.iter().filter(|(_, value)| !value.is_empty()) {
        query.append_pair(name, value);
    }
    query.finish()
}

/// The number of rows for a caption; rows beyond the page are not counted.
fn count(rows: usize, has_more: bool) -> String {
    if has_more { format!("{rows}+") } else { rows.to_string() }
}
