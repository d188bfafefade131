//! The user's own profile.

use crate::app::{App, AuditedTx};
use crate::base::id::UserId;
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::{NAME_RULE, User, is_display_name};
use crate::i18n::Locale;
use crate::store::{user_language, users};

use super::bearer::invalid_token;
use super::current_login::{BrowserCookies, current_login};
use super::write_limit::UserWrite;

/// Checks a display name.
///
/// # Errors
/// `validation_failed`, naming the field.
pub fn check_name(name: Option<&str>) -> Result<(), Refusal> {
    match name {
        Some(name) if !is_display_name(name) => {
            Err(Refusal::field("name", "not_a_name", NAME_RULE))
        }
        _ => Ok(()),
    }
}

/// A change by a user; `None` keeps the present value.
#[derive(Debug, Clone, Default)]
pub struct ProfileChange {
    /// The display name; the inner `None` removes it.
    pub name: Option<Option<String>>,
    /// The language of mail; `Some(None)` means that of the request that causes the mail.
    pub language: Option<Option<Locale>>,
}

impl ProfileChange {
    /// A change of the name only.
    #[must_use]
    pub fn of_name(name: Option<String>) -> Self {
        Self { name: Some(name), ..Self::default() }
    }

    /// Whether the change is empty.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.name.is_none() && self.language.is_none()
    }
}

/// Changes the user's display name and language of mail. Unchanged values succeed without a write.
///
/// # Errors
/// Refused when the name is invalid; too many writes.
pub async fn update(
    app: App,
    user: UserId,
    change: ProfileChange,
    info: RequestInfo,
) -> Result<User, Failure> {
    let write = UserWrite::new(&app);
    app.transaction(&info, async |tx| {
        let user = users::find(tx, user).await?.ok_or_else(invalid_token)?;
        apply(tx, user, change.clone(), &write).await
    })
    .await
}

/// Writes a change of the profile, alone or in the transaction of another change.
///
/// # Errors
/// As [`update`].
pub(super) async fn apply(
    tx: &mut AuditedTx,
    user: User,
    change: ProfileChange,
    write: &UserWrite<'_>,
) -> Result<User, Failure> {
    let now = tx.info().now;
    let name = change.name.filter(|name| *name != user.name);
    let language = match change.language.map(|chosen| chosen.map(Locale::lang)) {
        Some(tag) if user_language::of(&mut **tx, user.id).await?.as_deref() != tag => Some(tag),
        _ => None,
    };
    if name.is_none() && language.is_none() {
        return Ok(user);
    }
    if let Some(name) = &name {
        check_name(name.as_deref())?;
    }
    write.take(&user)?;
    let mut changed = User { updated_at: now, ..user };
    if let Some(name) = name {
        users::rename(tx, changed.id, name.as_deref(), now).await?;
        changed.name = name;
    }
    if let Some(tag) = language {
        user_language::set(tx, changed.id, tag, now).await?;
    }
    tx.record(&Event::new(EventKind::UserUpdated).about(changed.id).detail("profile")).await?;
    Ok(changed)
}

/// The language of mail that a user has chosen.
///
/// # Errors
/// When the database cannot be read.
pub async fn language(app: &App, user: UserId) -> Result<Option<String>, Fault> {
    user_language::of(&mut app.db.reader().await?, user).await
}

/// Stores the language that a signed-in user has chosen at a page.
///
/// # Errors
/// Only faults, and too many writes.
pub async fn choose_language(
    app: App,
    cookies: BrowserCookies,
    chosen: Locale,
    info: RequestInfo,
) -> Result<(), Failure> {
    let Some(here) = current_login(&app, &cookies, info.now).await? else { return Ok(()) };
    let (user, info) = (here.user.id, info.by(here.user.id));
    let change = ProfileChange { language: Some(Some(chosen)), ..ProfileChange::default() };
    update(app, user, change, info).await.map(drop)
}
