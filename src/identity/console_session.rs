//! The cookie with the time at which the console was last used in a browser.
//!
//! Its value is a time and a MAC that is bound to the sign-in. Nothing is stored for it. A holder of the sign-in
//! cookie could keep the console open by using it, but gains nothing else.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::digest::constant_time_eq;
use crate::domain::authn::AssuranceLevel;
use crate::domain::console_session;
use crate::domain::permission::{Authority, scopes_of};
use crate::domain::scope::Scopes;

use super::current_login::CurrentLogin;

/// The value of the cookie after a use at `now`.
#[must_use]
pub fn used(app: &App, here: &CurrentLogin, now: Timestamp) -> String {
    format!("{}.{}", now.secs(), mac(app, here, now.secs()))
}

/// When the console was last used, if `value` is for this sign-in.
#[must_use]
pub fn used_at(app: &App, here: &CurrentLogin, value: &str) -> Option<Timestamp> {
    let (secs, found) = value.split_once('.')?;
    let secs: i64 = secs.parse().ok()?;
    let expected = mac(app, here, secs);
    constant_time_eq(expected.as_bytes(), found.as_bytes()).then(|| Timestamp::from_secs(secs))
}

/// Whether the console is open for this sign-in.
#[must_use]
pub fn is_open(here: &CurrentLogin, used_at: Option<Timestamp>, now: Timestamp) -> bool {
    console_session::is_open(here.browser.auth_time, used_at, now)
}

/// Whether the sign-in has the second factor that the server requires of the role.
#[must_use]
pub fn has_factors(app: &App, here: &CurrentLogin, now: Timestamp) -> bool {
    let level = here.browser.authentication().factors().acr();
    !app.config.second_factor.is_required(here.user.role, now) || level >= AssuranceLevel::Multi
}

/// The authority of a user at the console: everything that the role allows.
#[must_use]
pub fn authority(here: &CurrentLogin) -> Authority {
    let role = here.user.role;
    let scopes = Scopes::default().with(scopes_of(role).iter().map(|scope| scope.as_str()));
    let factors = here.browser.authentication().factors();
    Authority::User { role, scopes, epoch: here.browser.user_epoch, factors }
}

fn mac(app: &App, here: &CurrentLogin, secs: i64) -> String {
    let (browser, secs) = (here.browser.id.uuid(), secs.to_be_bytes());
    URL_SAFE_NO_PAD.encode(app.pseudonyms.of("console/use", &[browser.as_bytes(), &secs]))
}
