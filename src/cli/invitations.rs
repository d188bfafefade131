//! `signet user invite` and `recover`.

use serde_json::Value;

use crate::admin::invitations::{self, SentLink};
use crate::app::App;
use crate::base::Timestamp;
use crate::base::id::UserId;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::view;

use super::error::{CommandError, about};
use super::output::{Output, Row};
use super::startup_report;
use super::user::Named;
use super::with_app::with_app;

/// A link with its user and its creation time.
struct MadeLink {
    user: UserId,
    sent: SentLink,
    made_at: Timestamp,
}

impl Row for MadeLink {
    const HEAD: &'static [&'static str] = &["user id", "mailed to", "link", "expires in"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let Self { user, sent, made_at } = self;
        vec![
            user.to_string(),
            sent.mailed_to.clone().unwrap_or_default(),
            sent.link.as_ref().map(|link| link.expose().clone()).unwrap_or_default(),
            // Rounded up, because time has passed since the link was created.
            format!("{} hours", (sent.expires_at - *made_at).secs().saturating_add(3_599) / 3_600),
        ]
    }

    fn json(&self) -> Value {
        let mut link = view::sent_link(&self.sent, self.made_at);
        link["user_id"] = self.user.to_string().into();
        link
    }
}

/// Invites a user to choose the first password.
pub fn invite(named: &Named, output: Output) -> Result<(), CommandError> {
    with_app(async |app| send(app, (named, "no e-mail address"), output, invitations::invite).await)
}

/// Sends a user a link to choose a new password.
pub fn recover(named: &Named, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        send(app, (named, "no verified e-mail address"), output, invitations::recover).await
    })
}

/// Invites a new user.
pub async fn invite_new(
    app: &App,
    id: UserId,
    login: &str,
    output: Output,
) -> Result<(), CommandError> {
    startup_report::say(&format!("Created user {login} ({id})\n"));
    let work = invitations::invite(app.clone(), id, RequestInfo::cli(app.now()));
    let sent = app.run_to_completion(work).await.map_err(about("user", login))?;
    shown(app, sent, (id, login, "no e-mail address"), output)
}

async fn send<F>(
    app: App,
    (named, lacking): (&Named, &str),
    output: Output,
    make: impl Fn(App, UserId, RequestInfo) -> F,
) -> Result<(), CommandError>
where
    F: Future<Output = Result<SentLink, Failure>> + Send + 'static,
{
    let user = named.find(&app).await?;
    let work = make(app.clone(), user.id, RequestInfo::cli(app.now()));
    let sent = app.run_to_completion(work).await.map_err(about("user", &user.login))?;
    shown(&app, sent, (user.id, &user.login, lacking), output)
}

/// Prints where the link was mailed. If it was not mailed, prints the link and, if mail is on, the condition
/// that the user is `lacking`.
fn shown(
    app: &App,
    sent: SentLink,
    (user, login, lacking): (UserId, &str, &str),
    output: Output,
) -> Result<(), CommandError> {
    match &sent.mailed_to {
        Some(address) => {
            startup_report::say(&format!("A link for {login} ({user}) is mailed to {address}\n"))
        }
        None => {
            let why = match &app.mailer {
                None => "Mail is off".to_owned(),
                Some(_) => format!("The user has {lacking}"),
            };
            startup_report::say(&format!(
                "{why}. Hand this link to {login} ({user}): it works once and sets the password of the account\n"
            ));
        }
    }
    Ok(output.one(&MadeLink { user, sent, made_at: app.now() })?)
}
