//! Samples of the pages about API keys.

use super::{Sample, World, sample};
use crate::base::Timestamp;
use crate::domain::outcome::{Code, FieldError};
use crate::domain::refusal_reason::Reason;
use crate::http::ui::pages::{ApiKeyForm, ApiKeyPage, ApiKeyRow, KeyLife, KeyScope, NewApiKeyPage};
use crate::http::ui::{Frame, policy};

/// The forms of a new key, and a key.
pub(super) fn of_account(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let life = |days: i64| KeyLife {
        days,
        text: frame.with("api_keys.n_days", "n", &days.to_string()),
        is_chosen: days == 90,
    };
    let form = |audience, is_open, name_error, scopes_error| ApiKeyForm {
        audience,
        is_open,
        name: world.typed,
        name_error,
        scopes: vec![
            KeyScope { name: "orders:read", description: Some("See your orders"), is_chosen: true },
            KeyScope { name: "orders:write", description: None, is_chosen: false },
        ],
        scopes_error,
        days: vec![life(30), life(90)],
    };
    let page = |is_fresh, error, forms| {
        let csrf = world.typed;
        NewApiKeyPage { frame, csrf, is_fresh, error, forms }
    };
    let (one, other) = ("https://api.example.com", "https://reports.example.com");
    let name = FieldError { field: "name", code: "not_a_name", message: "" };
    let scopes = FieldError { field: "scopes", code: "missing", message: "" };
    let refused = form(one, true, Some(frame.field(&name)), Some(frame.field(&scopes)));
    let full = frame.locale.error((Code::Conflict, Some(Reason::ApiKeysFull)), "");
    let forms = vec![form(one, true, None, None), form(other, false, None, None)];
    let key = ApiKeyPage {
        frame,
        name: world.typed,
        key: "spk_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        expires: frame.locale.date_time(Timestamp::from_secs(1_800_000_000)),
        onwards: frame.link("/account"),
    };
    Ok(vec![
        sample("api-keys", &page(true, None, forms), policy(false))?,
        sample("api-keys-refused", &page(true, None, vec![refused]), policy(false))?,
        sample(
            "api-keys-full",
            &page(true, Some(full), vec![form(one, true, None, None)]),
            policy(false),
        )?,
        sample(
            "api-keys-stale",
            &page(false, None, vec![form(one, true, None, None)]),
            policy(false),
        )?,
        sample("api-keys-none", &page(true, None, vec![]), policy(false))?,
        sample("api-key", &key, policy(false))?,
    ])
}

/// The keys on the page of the account.
pub(super) fn rows(frame: Frame<'_>, world: &World<'_>) -> Option<Vec<ApiKeyRow>> {
    let row = |ended: Option<&str>| ApiKeyRow {
        id: "0190f2d8-b0a4-7000-8000-000000000003".to_owned(),
        name: world.typed.to_owned(),
        audience: "https://api.example.com".to_owned(),
        scopes: "orders:read orders:write".to_owned(),
        facts: frame.t("api_keys.never_used").to_owned(),
        ended: ended.map(|key| frame.t(key)),
    };
    Some(vec![row(None), row(Some("api_keys.revoked")), row(Some("api_keys.ended"))])
}
