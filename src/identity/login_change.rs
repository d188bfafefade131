//! Users change their own login name, if the operator allows it.
//!
//! The previous name stays reserved for its user, up to a number of names, and a name that is an address must be the
//! user's own. The id and the sessions stay.

use crate::app::App;
use crate::base::TimeSpan;
use crate::domain::audit::{Event, EventKind};
use crate::domain::email_address::EmailAddress;
use crate::domain::login_name::LoginName;
use crate::domain::outcome::{Code, Failure, FieldError, Refusal};
use crate::domain::request_info::RequestInfo;
use crate::domain::user::User;
use crate::store::login_names::{self, LoginChange};
use crate::store::users;

use super::account_networks;
use super::bearer::invalid_token;
use super::fresh_authentication::{SignedIn, require_fresh};
use super::lockout::too_many;
use super::notifications::{Notification, notify};
use super::profile::{self, ProfileChange};
use super::register::{login_taken, parse_login};
use super::write_limit::UserWrite;

/// How many names are reserved for one user, so that a user cannot block many names.
pub const MAX_RESERVED: i64 = 3;

/// Changes the login name together with the rest of the profile change. An unchanged name succeeds without a write.
///
/// # Errors
/// `read_only` if the operator does not allow it; errors of the name; `login_taken`; `reauthentication_required`;
/// too many changes or writes.
pub async fn change(
    app: App,
    signed_in: SignedIn,
    typed: String,
    profile: ProfileChange,
    info: RequestInfo,
) -> Result<User, Failure> {
    if typed == signed_in.user.login {
        return profile::update(app, signed_in.user.id, profile, info).await;
    }
    require_allowed(&app)?;
    let new = parse_login(&typed)?;
    let (id, epoch, now) = (signed_in.user.id, signed_in.epoch, info.now);
    let write = UserWrite::new(&app);
    app.transaction_or_nothing(&info, async |tx| {
        if !users::hold(tx, id, epoch).await? {
            return Err(invalid_token().into());
        }
        require_fresh(tx, &signed_in, now).await?;
        let user = users::find(tx, id).await?.ok_or_else(invalid_token)?;
        if user.login == new.raw() {
            return profile::apply(tx, user, profile.clone(), &write).await;
        }
        let before = user.login_name()?;
        require_own_address(&user, &before, &new)?;
        write.take(&user)?;
        let is_new = before.key() != new.key();
        if is_new && !login_names::is_own(tx, id, &new).await? {
            let (reserved, first_end) = login_names::reserved_for(tx, id, now).await?;
            if reserved >= MAX_RESERVED {
                let wait = first_end.map_or(TimeSpan::ZERO, |end| end - now);
                return Err(too_many(&app, wait, "login_change").into());
            }
        }
        if !login_names::change(tx, LoginChange { user: id, before: &before, new: &new }, now)
            .await?
        {
            return Err(login_taken().into());
        }
        if is_new {
            // Known networks are stored under the name: this one must not be new to the account.
            account_networks::remember_network(tx, new.key()).await?;
        }
        tx.record(&Event::new(EventKind::LoginChanged).about(id)).await?;
        notify(tx, &user, Notification::LoginChanged).await?;
        let user = User { login: new.raw().to_owned(), updated_at: now, ..user };
        profile::apply(tx, user, profile.clone(), &write).await
    })
    .await
}

/// Refuses the change if the operator does not allow it.
///
/// # Errors
/// `read_only`.
pub fn require_allowed(app: &App) -> Result<(), Refusal> {
    if app.config.login_change {
        return Ok(());
    }
    let message = "Users do not change their login name on this server: an operator can set SIGNET_LOGIN_CHANGE=on.";
    let fields = vec![FieldError { field: "login", code: Code::ReadOnly.as_str(), message }];
    Err(Refusal { fields, ..Refusal::new(Code::ReadOnly, message) })
}

/// Refuses a name that is an address, unless it is the user's verified one or unchanged: another user may own it
/// and could then not sign in by it.
fn require_own_address(user: &User, before: &LoginName, new: &LoginName) -> Result<(), Refusal> {
    if !new.is_email() || before.key() == new.key() {
        return Ok(());
    }
    let own = user.verified_email().and_then(|address| EmailAddress::parse(address).ok());
    if own.is_some_and(|own| own.key() == new.key()) {
        return Ok(());
    }
    let message =
        "A login name that is an e-mail address has to be the verified address of the account.";
    Err(Refusal::field("login", "not_verified", message))
}
