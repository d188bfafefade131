//! `/account/keys`: creating and revoking API keys of the user's own account.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::base::{TimeSpan, Timestamp};
use crate::domain::api::Api;
use crate::domain::api_key::{DEFAULT_LIFE, NewApiKey};
use crate::domain::outcome::Code;
use crate::http::api::api_keys::key_id;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::identity::api_keys::{self, KeyState, ListedKey};
use crate::oauth::pending_request::AccountSection;

use super::account::{Visited, submitted, visited};
use super::page_error::PageResult;
use super::pages::{ApiKeyForm, ApiKeyPage, ApiKeyRow, Done, KeyLife, KeyScope, NewApiKeyPage};
use super::render::go_here;
use super::{Locale, page};

/// The lifetimes of a key, in days, that the form offers.
const DAYS: [i64; 5] = [7, 30, 90, 180, 365];
/// Above every allowed lifetime, and small enough that no sum overflows.
const MAX_DAYS: i64 = 100_000;
/// The prefix of the names of scope fields.
const SCOPE: &str = "scope.";

/// The entries of the form.
#[derive(Default)]
struct Typed {
    audience: String,
    name: String,
    scopes: Vec<String>,
    days: Option<i64>,
}

/// The forms of a new key.
pub async fn get(context: Context) -> PageResult {
    let visited = visited(context, Some(AccountSection::Keys)).await?;
    visited.show_key_forms(&Typed::default(), None, HttpResponse::Ok()).await
}

/// Creates a key. Only this response contains it.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let mut scopes: Vec<String> = form.names_after(SCOPE).map(str::to_owned).collect();
    scopes.sort_unstable();
    let typed = Typed {
        scopes,
        audience: form.take("audience"),
        name: form.take("name").trim().to_owned(),
        days: form.take("days").parse().ok(),
    };
    let days = typed.days.unwrap_or_default().clamp(0, MAX_DAYS);
    let new = NewApiKey {
        name: typed.name.clone(),
        audience: typed.audience.clone(),
        scopes: typed.scopes.clone(),
        life: Some(TimeSpan::from_days(days)),
        networks: Vec::new(),
    };
    let (app, here, info) = visited.parts();
    match visited.context.run(api_keys::create(app, here.into(), new, info)).await {
        Ok(created) => {
            let frame = visited.context.frame(None).shown_once();
            let key = &created.listed.key;
            let template = ApiKeyPage {
                frame,
                name: &key.name,
                key: created.secret.expose(),
                expires: frame.locale.date_time(key.expires_at),
                onwards: visited.context.link("/account").with_fragment("keys"),
            };
            Ok(page(HttpResponse::Ok(), &template))
        }
        // The page explains it and offers a new sign-in.
        Err(problem) if problem.code() == Code::ReauthenticationRequired => {
            let to = visited.context.link("/account/keys");
            Ok(go_here(HttpResponse::SeeOther(), &to))
        }
        Err(problem) => {
            let head = problem.head();
            visited.show_key_forms(&typed, Some(&problem), head).await
        }
    }
}

/// Revokes a key. Succeeds if it is already revoked.
pub async fn post_revoke(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let id = visited.check(key_id(&form.take("id")))?;
    let (app, here, info) = visited.parts();
    match visited.context.run(api_keys::revoke_own(app, here.user.id, id, info)).await {
        Err(problem) if problem.code() != Code::NotFound => return Err(visited.failed(&problem)),
        _ => {}
    }
    let query = format!("done={}", Done::KeyRevoked);
    Ok(go_here(HttpResponse::SeeOther(), &visited.context.link("/account").with_query(&query)))
}

/// A key as a row of the page of the account.
pub(super) fn row(listed: &ListedKey, locale: Locale, now: Timestamp) -> ApiKeyRow {
    let key = &listed.key;
    let used = match key.last_used_at {
        Some(at) => locale.with("api_keys.used", &[("when", &locale.ago(at, now))]),
        None => locale.t("api_keys.never_used").to_owned(),
    };
    let expires = locale.with("api_keys.expires", &[("when", &locale.date_time(key.expires_at))]);
    ApiKeyRow {
        id: key.id.to_string(),
        name: key.name.clone(),
        audience: key.audience.clone(),
        scopes: key.scopes.to_string(),
        facts: format!("{used} · {expires}"),
        ended: match listed.state {
            KeyState::Active => None,
            KeyState::Revoked => Some(locale.t("api_keys.revoked")),
            KeyState::Expired => Some(locale.t("api_keys.expired")),
            KeyState::Ended => Some(locale.t("api_keys.ended")),
        },
    }
}

impl Visited {
    async fn show_key_forms(
        self,
        typed: &Typed,
        problem: Option<&Problem>,
        answer: HttpResponseBuilder,
    ) -> PageResult {
        let is_fresh = self.is_fresh().await?;
        let frame = self.context.frame(None);
        let apis = api_keys::apis(&self.context.app);
        let fields = problem.map(Problem::fields).unwrap_or_default();
        let of = |field: &str| {
            fields.iter().find(|error| error.field == field).map(|error| frame.field(error))
        };
        let shown_there = |api: &Api| typed.audience == api.identifier;
        let has_place = of("name").or(of("scopes")).is_some() && apis.iter().any(shown_there);
        let error = problem.filter(|_| !has_place).map(|problem| frame.refusal(problem));
        let chosen = typed.days.unwrap_or(DEFAULT_LIFE.secs() / 86_400);
        let life = |days: i64| KeyLife {
            days,
            text: frame.locale.with("api_keys.n_days", &[("n", &days.to_string())]),
            is_chosen: days == chosen,
        };
        let forms = apis.iter().map(|api| {
            let is_here = shown_there(api);
            ApiKeyForm {
                audience: &api.identifier,
                is_open: is_here || apis.len() == 1,
                name: if is_here { &typed.name } else { "" },
                name_error: of("name").filter(|_| is_here),
                scopes: api.key_scopes.iter().map(|name| scope(api, name, typed)).collect(),
                scopes_error: of("scopes").filter(|_| is_here),
                days: DAYS.map(life).into(),
            }
        });
        let template = NewApiKeyPage {
            frame,
            csrf: &self.csrf(),
            is_fresh,
            error: error.as_deref(),
            forms: forms.collect(),
        };
        Ok(page(answer, &template))
    }
}

fn scope<'a>(api: &'a Api, name: &'a str, typed: &Typed) -> KeyScope<'a> {
    KeyScope {
        name,
        description: api.scope_descriptions.get(name).map(String::as_str),
        is_chosen: typed.audience == api.identifier
            && typed.scopes.iter().any(|chosen| chosen == name),
    }
}
