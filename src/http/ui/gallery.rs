//! Every page with sample data, for designers and tests.
//!
//! Owns the samples. No route leads here. The values are deliberately awkward: long names that do not break, markup
//! in user input.

mod api_keys;
mod consent;
mod console;
mod console_users;
mod email;
mod links;
mod own_data;
mod recovery;
mod second_factors;
mod signup;

use askama::Template;

use super::home::HomePage;
use super::inspect::{InspectPage, POLICY};
use super::pages::{
    AccountPage, AppRow, BackLink, ContinuePage, DeviceDonePage, DevicePage, Done, FormPostPage,
    LoggedOutPage, LoginPage, LogoutConfirmPage, NewPasswordPage, PasskeyForm, SessionRow,
};
use super::setup::{FirstTokenPage, SetupPage, quoted};
use super::{ErrorPage, Frame, policy, policy_pending_page};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::base_path::Link;
use crate::domain::outcome::{Code, FieldError};
use crate::domain::refusal_reason::Reason;
use crate::oauth::restart::{Application, RestartOptions};

/// A rendered page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample {
    /// The name, such as `consent` or `login-refused`.
    pub name: &'static str,
    /// The type it is rendered from.
    pub template: &'static str,
    /// The whole page.
    pub html: String,
    /// Its Content-Security-Policy.
    pub policy: String,
}

/// The values that come from outside.
struct World<'a> {
    issuer: &'a str,
    client: &'a str,
    login: &'a str,
    name: &'a str,
    device: &'a str,
    /// The entry in any other field.
    typed: &'a str,
    /// The redirect URI.
    callback: &'a str,
    host: &'a str,
}

const ORDINARY: World<'static> = World {
    issuer: "https://id.example.com",
    client: "Photo Album",
    login: "ada@example.com",
    name: "Ada",
    device: "Safari · macOS",
    typed: "WDJB-MJHT",
    callback: "https://photos.example.com/callback",
    host: "photos.example.com",
};

/// All pages, in one language and one theme.
///
/// # Errors
/// The error of a template that could not be rendered.
pub fn gallery(frame: Frame<'_>) -> Result<Vec<Sample>, String> {
    samples(frame, &ORDINARY)
}

fn samples(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let mut all = signing_in(frame, world)?;
    all.extend(second_factors::verifying(frame, world)?);
    all.extend(second_factors::mailed_code(frame, world)?);
    all.extend(second_factors::enrolling(frame, world)?);
    all.extend(recovery::samples(frame, world)?);
    all.extend(signup::samples(frame, world)?);
    all.extend(consent::samples(frame, world)?);
    all.extend(accounts(frame, world)?);
    all.extend(second_factors::of_account(frame, world)?);
    all.extend(email::of_account(frame, world)?);
    all.extend(own_data::of_account(frame, world)?);
    all.extend(api_keys::of_account(frame, world)?);
    all.extend(console::samples(frame, world)?);
    all.extend(console_users::samples(frame, world)?);
    all.extend(devices(frame, world)?);
    all.extend(signing_out(frame, world)?);
    all.extend(answers(frame, world)?);
    all.extend(own(frame, world)?);
    all.extend(links::unusable(frame)?);
    Ok(all)
}

fn sample<T: Template>(name: &'static str, template: &T, policy: String) -> Result<Sample, String> {
    let html = template.render().map_err(|error| format!("{name}: {error}"))?;
    Ok(Sample { name, template: std::any::type_name::<T>(), html, policy })
}

fn signing_in(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let policy = || policy_pending_page(true);
    let error = frame.locale.error((Code::InvalidCredentials, None), "");
    let restart = start_again(world);
    let logo = logo(frame);
    let first = LoginPage {
        frame,
        flow: world.typed,
        login: "",
        client_name: Some(world.client),
        client_logo: Some(&logo),
        passkey: None,
        stay: None,
        error: None,
        notice: Some(frame.t("login.recovered")),
        recover: Some(frame.link("/recover").with_query("flow=F")),
        sign_up: Some(frame.link("/signup").with_query("flow=F")),
        restart: &restart,
    };
    let passkey = PasskeyForm { challenge: world.typed.to_owned(), options: "{}".to_owned() };
    let again = LoginPage {
        frame,
        flow: world.typed,
        login: world.login,
        client_name: Some(world.client),
        client_logo: None,
        passkey: Some(passkey),
        stay: Some(true),
        error: Some(error),
        notice: None,
        recover: None,
        sign_up: None,
        restart: &RestartOptions {
            application: Some(application(world)),
            ..RestartOptions::default()
        },
    };
    let unchanged = FieldError { field: "new_password", code: "unchanged", message: "" };
    let new_password = |error| NewPasswordPage {
        frame,
        flow: world.typed,
        challenge: world.typed,
        client_name: Some(world.client),
        login: Some(world.login),
        error,
        restart: first.restart,
    };
    let refused = new_password(Some(frame.field(&unchanged)));
    Ok(vec![
        sample("login", &first, policy())?,
        sample("login-refused", &again, policy())?,
        sample("new-password", &new_password(None), policy())?,
        sample("new-password-refused", &refused, policy())?,
    ])
}

/// The logo of a client; the viewer of the pages provides the image.
fn logo(frame: Frame<'_>) -> Link {
    frame.link("/assets/logos/photos")
}

/// A request that can be repeated.
fn start_again(world: &World<'_>) -> RestartOptions {
    RestartOptions::repeating("/oauth2/authorize", vec![("state", world.typed.to_owned())])
}

fn application(world: &World<'_>) -> Application {
    Application { uri: world.callback.to_owned(), name: world.client.to_owned() }
}

fn accounts(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let now = Timestamp::from_secs(1_800_000_000);
    let ago = |span: TimeSpan| {
        frame.locale.ago(Timestamp::from_millis(now.millis() - span.millis()), now)
    };
    let session = |id: &str, title: &str, device: &str, current, seen: TimeSpan| SessionRow {
        id: id.to_owned(),
        title: title.to_owned(),
        device: device.to_owned(),
        address: "192.0.2.7".to_owned(),
        last_seen: ago(seen),
        created: ago(TimeSpan::from_days(12)),
        current,
    };
    let browser = frame.t("account.browser");
    let app = AppRow {
        client_id: world.typed.to_owned(),
        name: world.client.to_owned(),
        logo: Some(logo(frame)),
        home: Some(world.callback.to_owned()),
        scopes: vec![frame.t("scope.profile").to_owned(), "albums:read".to_owned()],
        since: ago(TimeSpan::from_days(12)),
    };
    let wrong = |field, code| frame.field(&FieldError { field, code, message: "" });
    let page = |name_error, password_error| AccountPage {
        frame,
        csrf: world.typed,
        login: world.login,
        name: None,
        email: None,
        email_is_verified: false,
        recovery_codes: None,
        notice: None,
        name_error,
        password_error,
        sessions: vec![session("1", browser, world.device, true, TimeSpan::ZERO)],
        older: None,
        newest: false,
        apps: vec![],
        may_change_login: false,
        has_console: false,
        keys: None,
    };
    let full = AccountPage {
        name: Some(world.name),
        email: Some(world.login),
        email_is_verified: true,
        recovery_codes: Some("8".to_owned()),
        notice: Some(Done::Session.text(frame.locale)),
        sessions: vec![
            session("1", browser, "Firefox · Linux", true, TimeSpan::ZERO),
            session("2", world.client, "iPhone", false, TimeSpan::from_mins(3)),
            session("3", browser, world.device, false, TimeSpan::from_days(3)),
        ],
        older: Some(frame.link("/account").with_query("browsers=end&sessions=AZQ")),
        newest: true,
        apps: vec![app],
        may_change_login: true,
        has_console: true,
        keys: api_keys::rows(frame, world),
        ..page(None, None)
    };
    let password = |field, code| page(None, Some((field, wrong(field, code))));
    let name = page(Some(wrong("name", "not_a_name")), None);
    Ok(vec![
        sample("account", &full, policy(true))?,
        sample("account-name-refused", &name, policy(true))?,
        sample("account-password-wrong", &password("current_password", "wrong"), policy(true))?,
        sample("account-password-refused", &password("new_password", "too_short"), policy(true))?,
    ])
}

fn devices(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let page = |user_code, error| DevicePage { frame, flow: world.typed, user_code, error };
    let done = |allowed| DeviceDonePage { frame, allowed, client_name: world.client };
    let error = frame.locale.wait(TimeSpan::from_mins(5));
    let error = Some(&*error);
    let policy = || policy_pending_page(false);
    Ok(vec![
        sample("device", &page("", None), policy())?,
        sample("device-refused", &page(world.typed, error), policy())?,
        sample("device-allowed", &done(true), policy())?,
        sample("device-denied", &done(false), policy())?,
    ])
}

fn signing_out(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let again = start_again(world);
    let undecided = FieldError { field: "decision", code: "unknown", message: "" };
    let confirm = |error| LogoutConfirmPage {
        frame,
        flow: world.typed,
        login: Some(world.login),
        client_name: Some(world.client),
        error,
        restart: &again,
    };
    let refused = confirm(Some(frame.field(&undecided)));
    let back = BackLink { location: world.callback, client_name: world.client };
    let done = LoggedOutPage { frame, back: Some(back) };
    Ok(vec![
        sample("logout", &confirm(None), policy_pending_page(false))?,
        sample("logout-refused", &refused, policy_pending_page(false))?,
        sample("logged-out", &done, policy_pending_page(false))?,
        sample(
            "logged-out-nowhere",
            &LoggedOutPage { frame, back: None },
            policy_pending_page(false),
        )?,
    ])
}

fn answers(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let field = |name: &str| (name.to_owned(), world.typed.to_owned());
    let fields = vec![field("code"), field("state")];
    let form = FormPostPage { frame, action: world.callback, fields };
    let uri = "com.example.photos:/callback?code=x";
    let go_on = ContinuePage { frame, uri, destination: "com.example.photos" };
    Ok(vec![
        sample("form-post", &form, policy_pending_page(true))?,
        sample("continue", &go_on, policy_pending_page(false))?,
    ])
}

fn own(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let (policy, script) = (|| policy(false), || policy(true));
    let home = |issuer, needs_setup| HomePage { frame, issuer, needs_setup };
    let setup = |login, login_error, password_error| SetupPage {
        frame,
        token: "x",
        login,
        login_error,
        password_error,
    };
    let wrong = |field, code| frame.field(&FieldError { field, code, message: "" });
    let login_error = Some(wrong("login", "taken"));
    let password_error = Some(wrong("password", "common_password"));
    let token = FirstTokenPage {
        frame,
        issuer: world.issuer,
        login: world.login,
        login_json: quoted(world.login),
        access_token: &"eyJhbGciOiJFUzI1NiJ9.".repeat(16),
        has_console: true,
    };
    let text = frame.locale.error((Code::NotFound, None), "");
    let request_id = "4be1f9d2c07d4a6f8f5e0d3b2a190817";
    let failure = |title, text, restart| {
        let ways = None;
        ErrorPage { frame, title, text, request_id, restart, ways }
    };
    let error = failure(frame.t("failure.not_found"), text, None);
    let stale = frame.locale.error((Code::Forbidden, Some(Reason::StaleRequest)), "");
    let title = frame.t("failure.expired");
    let stale = |restart| failure(title, stale, Some(restart));
    let both = RestartOptions { application: Some(application(world)), ..start_again(world) };
    let pushed = RestartOptions { start_again: None, ..both.clone() };
    let unknown = RestartOptions::default();
    Ok(vec![
        sample("inspect", &InspectPage::new(frame, world.issuer, true), POLICY.to_owned())?,
        sample("home", &home(Some(world.issuer), false), policy())?,
        sample("home-branded", &home(None, false), policy())?,
        sample("home-branded-without-administrator", &home(None, true), policy())?,
        sample("home-without-administrator", &home(Some(world.issuer), true), policy())?,
        sample("setup", &setup("", None, None), script())?,
        sample("setup-refused", &setup(world.login, login_error, password_error), script())?,
        sample("first-token", &token, policy())?,
        sample("error", &error, policy())?,
        sample("stale", &stale(&both), policy_pending_page(false))?,
        sample("stale-pushed", &stale(&pushed), policy_pending_page(false))?,
        sample("stale-unknown", &stale(&unknown), policy_pending_page(false))?,
    ])
}

#[cfg(test)]
mod tests;
