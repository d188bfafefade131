//! What an authentication waits for, for callers that show it: the factors that the account has, and the options for a
//! passkey.

use serde_json::Value;

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::authn::{Method, NextStep};
use crate::domain::outcome::Failure;
use crate::identity::authenticate::account_state;
use crate::identity::passkey_options::{challenge_of, options_of_user};

use super::{PendingAuthentication, Progress, read_anew};

/// What an authentication waits for.
pub struct Waiting {
    /// The factors of which one is next; none where no factor is.
    pub methods: Vec<Method>,
    /// The options for a passkey, where one is among them.
    pub public_key: Option<Value>,
}

/// What an authentication waits for, with the options for a passkey, whose challenge is `challenge`. The account is
/// read anew.
///
/// # Errors
/// `challenge_invalid` when there is no such user any more; faults.
pub async fn waiting(
    app: &App,
    progress: &Progress,
    challenge: &str,
    now: Timestamp,
) -> Result<Waiting, Failure> {
    let credential = read_anew(app, progress, None).await?;
    let methods = match progress.next_step(&account_state(&credential), now) {
        NextStep::Authenticate(methods) => methods,
        _ => Vec::new(),
    };
    let mut public_key = None;
    if methods.contains(&Method::Passkey) && app.relying_party.is_some() {
        let mut reader = app.db.reader().await?;
        public_key = Some(options_of_user(app, &mut reader, progress.user, challenge).await?);
    }
    Ok(Waiting { methods, public_key })
}

impl<A> PendingAuthentication<A> {
    /// What this authentication waits for.
    ///
    /// # Errors
    /// See [`waiting`].
    pub async fn waiting(&self, app: &App, now: Timestamp) -> Result<Waiting, Failure> {
        waiting(app, self.progress(), &challenge_of(self.id()), now).await
    }
}
