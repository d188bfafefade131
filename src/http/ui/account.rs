//! `/account`: the user's profile, password, sessions and applications.

use actix_web::HttpResponse;
use actix_web::HttpResponseBuilder;

use crate::app::App;
use crate::domain::base_path::Link;
use crate::domain::client;
use crate::domain::pagination::PageRequest;
use crate::domain::request_info::RequestInfo;
use crate::domain::session::Listed;
use crate::http::api::login::password as parse_password;
use crate::http::context::Context;
use crate::http::cookie::{self, Visit};
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::account::{self, Overview, Part, Shown};
use crate::identity::api_keys;
use crate::identity::browser_login::SignedInBrowser;
use crate::identity::current_login::{CurrentLogin, current_login};
use crate::identity::password::{self, Keep, PasswordChange};
use crate::identity::profile::{self, ProfileChange};
use crate::oauth::pending_request::AccountSection;
use crate::oauth::restart::RestartOptions;
use crate::store::consents::Consent;

use super::api_keys::row as api_key_row;
use super::client_card::logo;
use super::console;
use super::page_error::{OrErrorPage, PageError, PageResult};
use super::pages::{AccountPage, ApiKeyRow, AppRow, Done, SessionRow};
use super::render::{go_here, scope_item};
use super::{Locale, flow_error_page, page_with, policy, stale_form};

/// A signed-in user on the account page.
pub(super) struct Visited {
    pub(super) context: Context,
    pub(super) visit: Visit,
    pub(super) here: CurrentLogin,
}

/// The account page.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let done = params.as_ref().ok().and_then(|params| params.get("done")?.parse::<Done>().ok());
    let shown = params.as_ref().map(shown).unwrap_or_default();
    visited(context, None).await?.show(done, None, shown, HttpResponse::Ok()).await
}

/// The parts of the lists that the address selects. An unknown cursor means the beginning.
fn shown(params: &Params) -> Shown {
    let part = |name: &str| match params.get(name) {
        Some(SEEN) => Part::Seen,
        Some(cursor) => Part::From(PageRequest::cursor(cursor)),
        None => Part::From(None),
    };
    Shown { browsers: part("browsers"), sessions: part("sessions") }
}

/// The value of the cursor in an address for a list that was shown to its end.
const SEEN: &str = "end";

/// The address from which password managers find the form (a Well-Known URL for Changing Passwords).
pub async fn change_password(context: Context) -> HttpResponse {
    go_here(HttpResponse::Found(), &context.link("/account").with_fragment("password"))
}

/// Sets or removes the name.
pub async fn post_profile(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let name = Some(form.take("name")).filter(|name| !name.trim().is_empty());
    let (app, here, info) = visited.parts();
    let work = profile::update(app, here.user.id, ProfileChange::of_name(name), info);
    let done = visited.context.run(work).await.map(drop);
    visited.after(Done::Profile, done).await
}

/// Changes the password.
pub async fn post_password(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let context = &visited.context;
    let (current, new) = (form.take("current_password"), form.take("new_password"));
    let current = match parse_password("current_password", &current) {
        Ok(current) => current,
        Err(refusal) => {
            let problem = context.problem(refusal.into());
            return visited.after(Done::Password, Err(problem)).await;
        }
    };
    let keep = Keep::Browser(visited.here.browser.id);
    let (app, here, info) = visited.parts();
    let (signed_in, hash) = account::another_cookie(&app, &here, &visited.visit.cookies, info.now);
    let change = PasswordChange { current, new, keep, cookie: Some(hash) };
    if let Err(problem) = context.run(password::change(app, here.user, change, info)).await {
        return visited.after(Done::Password, Err(problem)).await;
    }
    Ok(with_cookie(context, Done::Password, &signed_in))
}

/// Ends one session.
pub async fn post_end(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let work = account::end_one(app, here, form.take("id"), info);
    let done = visited.context.run(work).await;
    visited.after(Done::Session, done).await
}

/// Ends all other sessions.
pub async fn post_end_others(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, _) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let (signed_in, hash) = account::another_cookie(&app, &here, &visited.visit.cookies, info.now);
    match visited.context.run(account::end_others(app, here, hash, info)).await {
        Ok(()) => Ok(with_cookie(&visited.context, Done::Others, &signed_in)),
        Err(problem) => visited.after(Done::Others, Err(problem)).await,
    }
}

/// Removes the access of an application.
pub async fn post_remove(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let work = account::remove_app(app, here, form.take("client_id"), info);
    let done = visited.context.run(work).await;
    visited.after(Done::Apps, done).await
}

/// The signed-in user; without one, a redirect to the sign-in page, which leads back to `section`.
pub(super) async fn visited(
    context: Context,
    section: Option<AccountSection>,
) -> Result<Visited, PageError> {
    let visit = Visit::of(&context);
    let Some(here) = signed_in(&context, &visit).await? else {
        let query = section.map(|section| format!("to={section}")).unwrap_or_default();
        let login = context.link("/login").with_query(&query);
        return Err(go_here(HttpResponse::SeeOther(), &login).into());
    };
    Ok(Visited { context, visit, here })
}

/// The user who is signed in in this browser.
pub(super) async fn signed_in(
    context: &Context,
    visit: &Visit,
) -> Result<Option<CurrentLogin>, PageError> {
    let (app, cookies, now) = (context.app.clone(), visit.cookies.clone(), context.now());
    let work = async move { Ok(current_login(&app, &cookies, now).await?) };
    context.run(work).await.or_error_page(context)
}

/// A form of this page, sent by the browser that loaded it.
pub(super) async fn submitted(
    context: Context,
    form: Result<FormFields, Problem>,
) -> Result<(Visited, FormFields), PageError> {
    let mut form = form.or_error_page(&context)?;
    let visit = Visit::of(&context);
    if !account::is_token(&context.app, &visit.cookies, &form.take("csrf")) {
        return Err(stale_form(&context).into());
    }
    Ok((visited(context, None).await?, form))
}

/// A redirect to the page, with a new cookie for the sign-in.
fn with_cookie(context: &Context, what: Done, signed_in: &SignedInBrowser) -> HttpResponse {
    let mut answer = HttpResponse::SeeOther();
    cookie::log_in(&context.app, &mut answer, signed_in);
    go_here(answer, &done(context, what))
}

/// A redirect to the page, which confirms the change.
fn done(context: &Context, what: Done) -> Link {
    context.link("/account").with_query(&format!("done={what}"))
}

impl Visited {
    pub(super) fn parts(&self) -> (App, CurrentLogin, RequestInfo) {
        let info = self.context.request_info().by(self.here.user.id);
        (self.context.app.clone(), self.here.clone(), info)
    }

    /// The response to a form: a redirect to the page, so that it can be reloaded, or the page with the errors.
    async fn after(self, what: Done, outcome: Result<(), Problem>) -> PageResult {
        match outcome {
            Ok(()) => Ok(go_here(HttpResponse::SeeOther(), &done(&self.context, what))),
            Err(problem) if problem.fields().is_empty() => {
                Err(flow_error_page(&self.context, &problem, &RestartOptions::default()).into())
            }
            Err(problem) => {
                let head = problem.head();
                self.show(None, Some(&problem), Shown::default(), head).await
            }
        }
    }

    async fn show(
        self,
        done: Option<Done>,
        problem: Option<&Problem>,
        shown: Shown,
        answer: HttpResponseBuilder,
    ) -> PageResult {
        let (app, here, info) = self.parts();
        let work = account::overview(app, here, shown, info.now);
        let overview = self.context.run(work).await.or_error_page(&self.context)?;
        let frame = self.context.frame(None);
        let locale = frame.locale;
        let error = problem.and_then(|problem| problem.fields().first());
        let name_error = error.filter(|error| error.field == "name").map(|e| frame.field(e));
        let password_error =
            error.filter(|error| error.field != "name").map(|e| (e.field, frame.field(e)));
        let csrf = account::token(&self.context.app, &self.visit.cookies);
        let template = AccountPage {
            frame,
            csrf: &csrf,
            login: &self.here.user.login,
            name: self.here.user.name.as_deref(),
            email: self.here.user.email.as_ref().map(|email| &*email.address),
            email_is_verified: self.here.user.verified_email().is_some(),
            recovery_codes: overview.recovery_codes.map(|left| left.to_string()),
            notice: done.map(|done| done.text(locale)),
            name_error,
            password_error,
            sessions: self.sessions(&overview, locale),
            older: self.older(&overview),
            newest: shown != Shown::default(),
            apps: self.apps(&overview, locale),
            may_change_login: self.context.app.config.login_change,
            has_console: console::is_open_to(&self.context, &self.here),
            keys: self.keys(&overview, locale),
        };
        Ok(page_with(answer, &template, &policy(true)))
    }

    fn sessions(&self, overview: &Overview, locale: Locale) -> Vec<SessionRow> {
        let now = self.context.now();
        let address = |address: Option<std::net::IpAddr>| {
            address.map(|address| address.to_string()).unwrap_or_default()
        };
        let browsers = overview.browsers.data.iter().map(|(browser, device)| SessionRow {
            id: browser.id.to_string(),
            title: locale.t("account.browser").to_owned(),
            device: device.describe(),
            address: address(device.address),
            last_seen: locale.ago(browser.auth_time, now),
            created: locale.ago(browser.auth_time, now),
            current: browser.id == self.here.browser.id,
        });
        let of_client = |Listed { session, device, .. }: &Listed| SessionRow {
            id: session.id.to_string(),
            title: self.client_name(&session.client_id),
            device: device.describe(),
            address: address(device.address),
            last_seen: locale.ago(session.chain.answered_at, now),
            created: locale.ago(session.created_at, now),
            current: false,
        };
        browsers.chain(overview.sessions.data.iter().map(of_client)).collect()
    }

    fn keys(&self, overview: &Overview, locale: Locale) -> Option<Vec<ApiKeyRow>> {
        let is_offered = !api_keys::apis(&self.context.app).is_empty();
        let rows = overview.keys.iter().map(|key| api_key_row(key, locale, self.context.now()));
        (is_offered || !overview.keys.is_empty()).then(|| rows.collect())
    }

    /// One row for each application, whatever the APIs it has access to.
    fn apps(&self, overview: &Overview, locale: Locale) -> Vec<AppRow> {
        let now = self.context.now();
        let client = |consent: &Consent| self.context.app.client(&consent.client_id);
        let mut rows: Vec<AppRow> = Vec::new();
        for consent in &overview.consents {
            let audience = consent.audience.as_deref();
            let item = |scope| scope_item(&self.context, locale, scope, audience);
            let titles = consent.scopes.iter().map(|scope| item(scope).title);
            match rows.iter_mut().find(|row| row.client_id == consent.client_id) {
                Some(row) => row.scopes.extend(titles),
                None => rows.push(AppRow {
                    client_id: consent.client_id.clone(),
                    name: self.client_name(&consent.client_id),
                    logo: client(consent).and_then(|client| logo(&self.context, &client)),
                    home: client(consent).and_then(|client| client.metadata.client_uri.clone()),
                    scopes: titles.collect(),
                    since: locale.ago(consent.created_at, now),
                }),
            }
        }
        for row in &mut rows {
            row.scopes.sort();
            row.scopes.dedup();
        }
        rows
    }

    /// The address of the page after `overview`, if there is more.
    fn older(&self, overview: &Overview) -> Option<Link> {
        let (browsers, sessions) = (&overview.browsers.next, &overview.sessions.next);
        if browsers.is_none() && sessions.is_none() {
            return None;
        }
        let cursor = |next: &Option<String>| next.clone().unwrap_or_else(|| SEEN.to_owned());
        // Cursors are base64url and need no escaping.
        let query = format!("browsers={}&sessions={}", cursor(browsers), cursor(sessions));
        Some(self.context.link("/account").with_query(&query))
    }

    pub(super) fn client_name(&self, client_id: &str) -> String {
        if client_id == client::BUILT_IN {
            return self.context.app.config.brand.name.clone();
        }
        let client = self.context.app.client(client_id);
        client.map_or_else(|| client_id.to_owned(), |client| client.shown_name())
    }
}
