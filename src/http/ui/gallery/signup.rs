//! Samples of the pages for signing up.

use super::{Sample, World, sample, start_again};
use crate::domain::outcome::{Code, FieldError};
use crate::http::ui::pages::{AccountErrors, SignupAccountPage, SignupCodePage, SignupEmailPage};
use crate::http::ui::{Frame, policy_pending_page};
use crate::oauth::restart::RestartOptions;

pub(super) fn samples(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let form = |email, error| SignupEmailPage {
        frame,
        flow: world.typed,
        client_name: Some(world.client),
        email,
        error,
        sign_in: frame.link("/login").with_query("flow=F"),
    };
    let code = |error| SignupCodePage {
        frame,
        flow: world.typed,
        challenge: world.typed,
        client_name: Some(world.client),
        address: world.login,
        error,
        again: frame.link("/signup").with_query("flow=F"),
    };
    let restart = start_again(world);
    let account = |address, errors| SignupAccountPage {
        frame,
        client_name: Some(world.client),
        action: frame.link("/signup/account").with_query("flow=F&challenge=C"),
        hidden: vec![("flow", world.typed), ("challenge", world.typed)],
        address,
        is_address_required: address.is_none(),
        login: address.unwrap_or_default(),
        name: "",
        terms_url: Some("https://example.com/terms"),
        accepts_terms: false,
        errors,
        sign_in: frame.link("/login").with_query("flow=F"),
        restart: &restart,
    };
    let wrong = |field, code| Some(frame.field(&FieldError { field, code, message: "" }));
    let refused = SignupAccountPage {
        name: world.name,
        errors: AccountErrors {
            login: wrong("login", "taken"),
            password: wrong("password", "too_short"),
            name: wrong("name", "not_a_name"),
            terms: wrong("terms_accepted", "not_accepted"),
            other: None,
        },
        ..account(Some(world.login), AccountErrors::default())
    };
    let at_once = SignupAccountPage {
        action: frame.link("/signup").with_query("flow=F"),
        hidden: vec![("flow", world.typed)],
        accepts_terms: true,
        ..account(None, AccountErrors::default())
    };
    let busy = AccountErrors {
        other: Some(frame.locale.error((Code::Unavailable, None), "").into()),
        ..AccountErrors::default()
    };
    let link = SignupAccountPage {
        client_name: None,
        action: frame.link("/link/TOKEN"),
        hidden: vec![("csrf", world.typed)],
        terms_url: None,
        restart: &RestartOptions::default(),
        ..account(Some(world.login), busy)
    };
    let foreign = frame.locale.error((Code::DomainNotAllowed, None), "");
    let policy = || policy_pending_page(false);
    let with_script = || policy_pending_page(true);
    Ok(vec![
        sample("signup-email", &form("", None), policy())?,
        sample("signup-email-refused", &form(world.login, Some(foreign)), policy())?,
        sample("signup-code", &code(None), policy())?,
        sample("signup-code-wrong", &code(Some(frame.t("recover.wrong_code"))), policy())?,
        sample(
            "signup-account",
            &account(Some(world.login), AccountErrors::default()),
            with_script(),
        )?,
        sample("signup-account-refused", &refused, with_script())?,
        sample("signup-at-once", &at_once, with_script())?,
        sample("signup-link", &link, crate::http::ui::policy(true))?,
    ])
}
