//! Samples of the pages about the user's own data.

use super::{Sample, World, sample};
use crate::base::Timestamp;
use crate::domain::outcome::{Code, FieldError};
use crate::http::ui::pages::{
    AccountDeletedPage, DeleteAccountPage, Done, ExportPage, HistoryPage, HistoryRow, OwnLoginPage,
};
use crate::http::ui::{Frame, policy};

/// The sign-ins, the login name, the export and the deletion.
pub(super) fn of_account(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let mut all = histories(frame, world)?;
    let login = |is_fresh, typed, error| OwnLoginPage {
        frame,
        csrf: world.typed,
        notice: None,
        login: world.login,
        is_fresh,
        typed,
        error,
    };
    let taken = FieldError { field: "login", code: "taken", message: "" };
    let taken = login(true, world.typed, Some(frame.field(&taken)));
    let changed = Some(Done::LoginChanged.text(frame.locale));
    let export = |is_fresh| ExportPage { frame, csrf: world.typed, is_fresh };
    let delete = |is_fresh, error| DeleteAccountPage {
        frame,
        csrf: world.typed,
        login: world.login,
        is_fresh,
        error,
    };
    let other = FieldError { field: "login", code: "not_confirmed", message: "" };
    let other = delete(true, Some(frame.field(&other)));
    let last = delete(true, Some(frame.locale.error((Code::LastAdministrator, None), "")));
    let policy = || policy(false);
    all.extend([
        sample("own-login", &OwnLoginPage { notice: changed, ..login(true, "", None) }, policy())?,
        sample("own-login-stale", &login(false, "", None), policy())?,
        sample("own-login-refused", &taken, policy())?,
        sample("export", &export(true), policy())?,
        sample("export-stale", &export(false), policy())?,
        sample("delete-account", &delete(true, None), policy())?,
        sample("delete-account-stale", &delete(false, None), policy())?,
        sample("delete-account-refused", &other, policy())?,
        sample("delete-account-last-administrator", &last, policy())?,
        sample("account-deleted", &AccountDeletedPage { frame }, policy())?,
    ]);
    Ok(all)
}

fn histories(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let row = |title, methods: &[&'static str], times: Option<&str>| HistoryRow {
        title: frame.t(title),
        is_failure: times.is_some(),
        times: times.map(|n| frame.with("history.times", "n", n)),
        place: [world.device, "192.0.2.7", &frame.with("history.client", "client", world.client)]
            .join(" · "),
        when: [
            frame.locale.date_time(Timestamp::from_secs(1_800_000_000)),
            methods.iter().map(|key| frame.t(key)).collect::<Vec<_>>().join(" + "),
        ]
        .join(" · "),
    };
    let none = HistoryPage { frame, rows: vec![], older: None, newest: false };
    let full = HistoryPage {
        frame,
        rows: vec![
            row("history.succeeded", &["history.password", "history.totp"], None),
            row("history.failed_password", &["history.password"], Some("5")),
            row("history.first_factor", &["history.password"], None),
            row("history.stepped_up", &["history.passkey"], None),
        ],
        older: Some(frame.link("/account/history").with_query("after=AZQ")),
        newest: true,
    };
    Ok(vec![
        sample("history", &full, policy(false))?,
        sample("history-none", &none, policy(false))?,
    ])
}
