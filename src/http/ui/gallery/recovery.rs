//! Samples of the pages for choosing a new password.

use super::{Sample, World, sample, start_again};
use crate::base::TimeSpan;
use crate::domain::outcome::FieldError;
use crate::http::ui::pages::{ChoosePasswordPage, RecoverCodePage, RecoverPage};
use crate::http::ui::{Frame, policy, policy_pending_page};
use crate::oauth::restart::RestartOptions;

pub(super) fn samples(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let form = |email, error| RecoverPage {
        frame,
        flow: world.typed,
        email,
        error,
        back: frame.link("/login").with_query("flow=F"),
    };
    let code = |error| RecoverCodePage {
        frame,
        flow: world.typed,
        challenge: world.typed,
        address: Some(world.login),
        error,
        again: frame.link("/recover").with_query("flow=F"),
    };
    let restart = start_again(world);
    let password = |asks_code, error| ChoosePasswordPage {
        frame,
        title: frame.t("new_password.title"),
        intro: frame.t("recover.password_intro"),
        action: frame.link("/recover/password").with_query("flow=F&challenge=C"),
        hidden: vec![("flow", world.typed), ("challenge", world.typed)],
        login: Some(world.login),
        asks_code,
        error,
        is_code_wrong: asks_code && error.is_some(),
        restart: &restart,
    };
    let none = RestartOptions::default();
    let link = ChoosePasswordPage {
        intro: frame.t("link.invite"),
        action: frame.link("/link/TOKEN"),
        hidden: vec![("csrf", world.typed)],
        restart: &none,
        ..password(false, None)
    };
    let short = FieldError { field: "new_password", code: "too_short", message: "" };
    let limited = frame.locale.wait(TimeSpan::from_mins(15));
    let wrong = frame.t("recover.wrong_code");
    let wrong_factor = frame.t("recover.wrong_factor");
    let policy_here = || policy_pending_page(false);
    Ok(vec![
        sample("recover", &form("", None), policy_here())?,
        sample("recover-refused", &form(world.login, Some(&limited)), policy_here())?,
        sample("recover-code", &code(None), policy_here())?,
        sample("recover-code-refused", &code(Some(wrong)), policy_here())?,
        sample("recover-password", &password(false, None), policy_pending_page(true))?,
        sample(
            "recover-password-refused",
            &password(false, Some(frame.field(&short))),
            policy_pending_page(true),
        )?,
        sample("recover-factor", &password(true, None), policy_pending_page(true))?,
        sample(
            "recover-factor-refused",
            &password(true, Some(wrong_factor)),
            policy_pending_page(true),
        )?,
        sample("link", &link, policy(true))?,
    ])
}
