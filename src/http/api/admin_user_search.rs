//! `GET /v1/admin/users`: lists, filters and searches.

use std::str::FromStr;

use actix_web::HttpResponse;

use crate::admin::user_search::{self, UserSearch};
use crate::base::Timestamp;
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{FieldError, Refusal};
use crate::domain::pagination::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::domain::user_filter::{UserCursor, UserFilter};
use crate::domain::user_words::{MAX_QUERY_WORDS, words_of_query};
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::identity::administrator::Administrator;
use crate::view;

/// A page of the users that the parameters describe.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(
    admin: Authenticated<Administrator>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let context = admin.context;
    let search = context.check(search(&params))?;
    let work = user_search::search(context.app.clone(), search, context.now());
    let page = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, view::listed_user)))
}

/// The errors of the parameters.
struct Reading<'a> {
    params: &'a Params,
    wrong: Vec<FieldError>,
}

impl Reading<'_> {
    fn read<T>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&str) -> Option<T>,
        (code, message): (&'static str, &'static str),
    ) -> Option<T> {
        let text = self.params.get(field)?;
        let value = read(text);
        if value.is_none() {
            self.wrong.push(FieldError { field, code, message });
        }
        value
    }

    fn flag(&mut self, field: &'static str) -> Option<bool> {
        self.read(field, |text| bool::from_str(text).ok(), ("invalid", "It is true or false."))
    }

    fn time(&mut self, field: &'static str) -> Option<Timestamp> {
        self.read(field, Timestamp::parse, ("invalid", "This must be a time (RFC 3339)."))
    }
}

fn search(params: &Params) -> Result<UserSearch, Refusal> {
    let mut reading = Reading { params, wrong: Vec::new() };
    let limit = reading.read(
        "limit",
        |text| text.parse().ok().filter(|limit| (1..=MAX_LIMIT).contains(limit)),
        ("out_of_range", "limit is 1 to 200."),
    );
    let after = reading.read(
        "after",
        UserCursor::parse,
        ("not_a_cursor", "after must be the next of the previous page."),
    );
    let few_words = |text: &str| {
        (text.split_whitespace().count() <= MAX_QUERY_WORDS).then(|| words_of_query(text))
    };
    let words = reading.read("q", few_words, ("too_many_words", "A query has at most 8 words."));
    let login_key = reading.read(
        "login",
        |text| {
            Some(LoginName::parse(text).map_or_else(|_| text.to_owned(), |l| l.key().to_owned()))
        },
        ("invalid", ""),
    );
    let filter = UserFilter {
        words: words.unwrap_or_default(),
        login_key,
        role: params.get("role").map(str::to_owned),
        disabled: reading.flag("disabled"),
        locked: reading.flag("locked"),
        must_change_password: reading.flag("must_change_password"),
        password_class: reading.read(
            "password_class",
            |text| text.parse().ok(),
            ("unknown", "This must be argon2id, unreadable or none."),
        ),
        created_since: reading.time("created_since"),
        created_until: reading.time("created_until"),
        last_login_before: reading.time("last_login_before"),
    };
    if reading.wrong.is_empty() {
        return Ok(UserSearch { filter, after, limit: limit.unwrap_or(DEFAULT_LIMIT) });
    }
    Err(Refusal::fields_and_names(reading.wrong, Vec::new()))
}
