//! `signet user find`: searching users by words and state.

use clap::Args;
use serde_json::Value;

use crate::admin::user_search::{self, UserSearch};
use crate::app::App;
use crate::base::Timestamp;
use crate::cli::error::CommandError;
use crate::cli::output::{Output, Row};
use crate::cli::startup_report;
use crate::cli::value_parsers::{time, words};
use crate::cli::with_app::with_app;
use crate::domain::login_name::LoginName;
use crate::domain::pagination::MAX_LIMIT;
use crate::domain::user_filter::{ListedUser, PasswordClass, UserCursor, UserFilter};
use crate::domain::user_words::{MAX_QUERY_WORDS, words_of_query};
use crate::jobs;
use crate::view;

/// `signet user find`.
#[derive(Debug, Args)]
pub struct FindArgs {
    /// Prefixes of words of the login, name or e-mail address; all must match
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Exactly this login, in any spelling
    #[arg(long)]
    login: Option<String>,
    /// A role of Signet or of an application
    #[arg(long)]
    role: Option<String>,
    /// Disabled users; =false for the others
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    disabled: Option<bool>,
    /// Users locked out of some network by failed attempts; =false for the others
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    locked: Option<bool>,
    /// Users whose next sign-in requires a new password; =false for the others
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    must_change_password: Option<bool>,
    /// The class of the stored password
    #[arg(long, value_name = "CLASS", value_parser = words(PasswordClass::ALL, PasswordClass::as_str))]
    password_class: Option<PasswordClass>,
    /// Created since this time (RFC 3339), or this long ago (30d)
    #[arg(long, value_name = "TIME")]
    created_since: Option<String>,
    /// Created before
    #[arg(long, value_name = "TIME")]
    created_until: Option<String>,
    /// Last signed in before, or never
    #[arg(long, value_name = "TIME")]
    last_login_before: Option<String>,
    /// At most N users
    #[arg(long, value_name = "N", default_value_t = 50, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// Only users after this cursor
    #[arg(long, value_name = "CURSOR")]
    after: Option<String>,
}

impl Row for ListedUser {
    const HEAD: &'static [&'static str] =
        &["login", "role", "status", "name", "email", "created", "id", "last sign-in"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let mut cells = self.user.cells(now);
        // Only the day is stored.
        let day = |at: Timestamp| at.rfc3339().chars().take(10).collect();
        cells.push(self.last_login_at.map_or_else(String::new, day));
        cells
    }

    fn json(&self) -> Value {
        view::listed_user(self)
    }
}

/// Lists the matching users.
pub fn run(args: &FindArgs, output: Output) -> Result<(), CommandError> {
    let query = args.words.join(" ");
    if query.split_whitespace().count() > MAX_QUERY_WORDS {
        let text = format!("a query has at most {MAX_QUERY_WORDS} words.");
        return Err(CommandError::usage(text));
    }
    let mut after = args.after.as_deref().map(cursor).transpose()?;
    with_app(async |app| {
        let filter = filter(args, words_of_query(&query), app.now())?;
        if !filter.words.is_empty() {
            jobs::complete_user_words(&app).await?;
        }
        let (mut list, mut left) = (output.list::<ListedUser>(), args.limit);
        loop {
            let page = page(&app, &filter, after.take(), left.min(MAX_LIMIT)).await?;
            list.rows(&page.data)?;
            left -= i64::try_from(page.data.len()).unwrap_or(i64::MAX);
            match page.next {
                Some(next) if left > 0 => after = Some(cursor(&next)?),
                Some(next) => {
                    list.end()?;
                    startup_report::say(&format!("There are more:  --after {next}\n"));
                    return Ok(());
                }
                None => return Ok(list.end()?),
            }
        }
    })
}

async fn page(
    app: &App,
    filter: &UserFilter,
    after: Option<UserCursor>,
    limit: i64,
) -> Result<crate::domain::pagination::Page<ListedUser>, CommandError> {
    let search = UserSearch { filter: filter.clone(), after, limit };
    let work = user_search::search(app.clone(), search, app.now());
    Ok(app.run_to_completion(work).await?)
}

fn filter(args: &FindArgs, words: Vec<String>, now: Timestamp) -> Result<UserFilter, CommandError> {
    let at = |option: &str, text: &Option<String>| {
        text.as_deref().map(|text| time(option, text, now)).transpose()
    };
    let login_key = args.login.as_ref().map(|login| {
        LoginName::parse(login).map_or_else(|_| login.clone(), |login| login.key().to_owned())
    });
    Ok(UserFilter {
        words,
        login_key,
        role: args.role.clone(),
        disabled: args.disabled,
        locked: args.locked,
        must_change_password: args.must_change_password,
        password_class: args.password_class,
        created_since: at("--created-since", &args.created_since)?,
        created_until: at("--created-until", &args.created_until)?,
        last_login_before: at("--last-login-before", &args.last_login_before)?,
    })
}

fn cursor(text: &str) -> Result<UserCursor, CommandError> {
    UserCursor::parse(text).ok_or_else(|| {
        let text = format!(
            "--after {text:?} is not a cursor.\n  Use the one printed below a list with --limit."
        );
        CommandError::usage(text)
    })
}
