//! The export of a user's data (GDPR articles 15 and 20).
//!
//! It contains no password hash, no key or secret of a factor, no code and no token. Lists have at most
//! [`MAX_ROWS`] rows, newest first.

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::audit::{Event, EventKind};
use crate::domain::outcome::Failure;
use crate::domain::pagination::{MAX_LIMIT, Page, PageRequest};
use crate::domain::request_info::RequestInfo;
use crate::domain::session::SessionFilter;
use crate::domain::sign_in_history::SignIn;
use crate::domain::user::User;
use crate::store::consents::{self, Consent};
use crate::store::{user_language, users};

use super::api_keys::{self, ListedKey};
use super::bearer::invalid_token;
use super::email_change;
use super::factors::{self, Overview};
use super::fresh_authentication::{SignedIn, require_fresh};
use super::history;
use super::sessions::{self, LoggedIn};
use super::write_limit::UserWrite;

/// The most rows of one list.
pub const MAX_ROWS: usize = 10_000;

/// All data of a user.
pub struct Export {
    /// When it was created.
    pub at: Timestamp,
    /// The user.
    pub user: User,
    /// The address that waits for its confirmation.
    pub pending_email: Option<String>,
    /// The language of mail.
    pub language: Option<String>,
    /// The second factors.
    pub factors: Overview,
    /// The API keys.
    pub keys: Vec<ListedKey>,
    /// The live sessions and sign-ins at the pages.
    pub sessions: Vec<LoggedIn>,
    /// The consents.
    pub consents: Vec<Consent>,
    /// The sign-ins of the last months.
    pub history: Vec<SignIn>,
    /// Whether no list was truncated.
    pub is_complete: bool,
}

/// All data of a signed-in user.
///
/// # Errors
/// `reauthentication_required`; `invalid_token` when the account has changed; too many writes.
pub async fn export(app: App, signed_in: SignedIn, info: RequestInfo) -> Result<Export, Failure> {
    let (id, now) = (signed_in.user.id, info.now);
    let write = UserWrite::new(&app);
    let user = app
        .transaction_or_nothing(&info, async |tx| {
            require_fresh(tx, &signed_in, now).await?;
            let user = users::find(tx, id).await?.ok_or_else(invalid_token)?;
            write.take(&user)?;
            tx.record(&Event::new(EventKind::AccountExported).about(id)).await?;
            Ok(user)
        })
        .await?;
    let mut sessions = Rows::new();
    while let Some(request) = sessions.next() {
        sessions.add(sessions::list(app.clone(), &SessionFilter::of_user(id), request, now).await?);
    }
    let mut history = Rows::new();
    while let Some(request) = history.next() {
        history.add(history::page(app.clone(), id, request, now).await?);
    }
    let mut reader = app.db.reader().await?;
    let language = user_language::of(&mut reader, id).await?;
    let consents = consents::of_user(&mut reader, id).await?;
    drop(reader);
    Ok(Export {
        at: now,
        user,
        pending_email: email_change::pending(&app, id, now).await?,
        language,
        factors: factors::overview(app.clone(), id).await?,
        keys: api_keys::list(app.clone(), id, now).await?,
        is_complete: sessions.next.is_none() && history.next.is_none(),
        sessions: sessions.rows,
        consents,
        history: history.rows,
    })
}

/// The rows of a list that were read so far, and the request for the next page.
struct Rows<T> {
    rows: Vec<T>,
    next: Option<PageRequest>,
}

impl<T> Rows<T> {
    const fn new() -> Self {
        let first = PageRequest { after: None, limit: MAX_LIMIT };
        Self { rows: Vec::new(), next: Some(first) }
    }

    /// The next page; `None` at the end and after [`MAX_ROWS`].
    const fn next(&self) -> Option<PageRequest> {
        if self.rows.len() < MAX_ROWS { self.next } else { None }
    }

    fn add(&mut self, page: Page<T>) {
        self.rows.extend(page.data);
        let after = page.next.as_deref().and_then(PageRequest::cursor);
        self.next = after.map(|after| PageRequest { after: Some(after), limit: MAX_LIMIT });
    }
}
