//! Passkeys on pages: the forms that a script shows, and the parsing of their values.

use serde_json::Value;

use crate::crypto::webauthn::{AssertionResponse, RegistrationResponse};
use crate::domain::factor::FactorKind;
use crate::domain::outcome::{Code, Refusal};
use crate::http::api::factors::factor_id;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::identity::authentication::PasskeyChallenge;
use crate::identity::browser_login;
use crate::identity::factors::{self, Overview};
use crate::identity::passkey_enrolment::{self, AddedPasskey, PasskeySetup};

use super::account::{Visited, submitted};
use super::page_error::PageResult;
use super::pages::{Done, FactorRow, PasskeyForm, Passkeys};

/// The form of the sign-in page; `None` if passkeys are disabled.
pub(super) fn sign_in_form(context: &Context, visit: &Visit) -> Option<PasskeyForm> {
    let begun =
        browser_login::begin_with_passkey(&context.app, &visit.cookies, context.now()).ok()??;
    let PasskeyChallenge { challenge, public_key, .. } = begun;
    Some(PasskeyForm { challenge, options: public_key.to_string() })
}

/// The assertion in a form. `None` if its field is empty: the user has used another method.
///
/// # Errors
/// `mfa_failed` if it is malformed.
pub(super) fn assertion(form: &mut FormFields) -> Option<Result<AssertionResponse, Refusal>> {
    let text = form.take("credential");
    let not_one = || Refusal::new(Code::MfaFailed, "The passkey was not accepted.");
    let read = || {
        let value: Value = serde_json::from_str(&text).ok()?;
        AssertionResponse::read(&value)
    };
    (!text.is_empty()).then(|| read().ok_or_else(not_one))
}

/// Adds a passkey to the user's account.
pub async fn add(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let (challenge, credential) = (form.take("challenge"), form.take("credential"));
    let value: Value = serde_json::from_str(&credential).unwrap_or_default();
    let Some(response) = RegistrationResponse::read(&value) else {
        return Ok(visited.done(Done::PasskeyRefused));
    };
    let asks_second = form.take("second_factor") == "on";
    let added = AddedPasskey { challenge, response, name: None, asks_second };
    let (app, here, info) = visited.parts();
    let work = passkey_enrolment::add_passkey(app, here.into(), added, info);
    match visited.context.run(work).await {
        Ok(enrolled) if enrolled.recovery_codes.is_empty() => Ok(visited.done(Done::PasskeyAdded)),
        Ok(enrolled) => Ok(visited.show_codes(Some(Done::PasskeyAdded), &enrolled.recovery_codes)),
        Err(problem) if matches!(problem.code(), Code::ValidationFailed | Code::Conflict) => {
            Ok(visited.done(Done::PasskeyRefused))
        }
        Err(problem) => Err(visited.failed(&problem)),
    }
}

/// Renames a factor.
pub async fn rename(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let id = visited.check(factor_id(&form.take("id")))?;
    let name = Some(form.take("name"));
    let (app, here, info) = visited.parts();
    match visited.context.run(factors::rename(app, here.into(), id, name, info)).await {
        Ok(_) => Ok(visited.done(Done::FactorRenamed)),
        Err(problem) if problem.code() == Code::ValidationFailed => {
            Ok(visited.done(Done::NameRefused))
        }
        Err(problem) => Err(visited.failed(&problem)),
    }
}

impl Visited {
    /// The passkeys of an account, with the form for another one if the sign-in is fresh and the limit is not
    /// reached.
    pub(super) async fn passkeys(
        &self,
        overview: &Overview,
        is_fresh: bool,
        row: impl Fn(&crate::domain::factor::Factor) -> FactorRow,
    ) -> Passkeys {
        let is_on = self.context.app.relying_party.is_some();
        let of_kind = overview.factors.iter().filter(|factor| factor.kind == FactorKind::Passkey);
        let mut form = None;
        if is_on && is_fresh {
            let (app, here, info) = self.parts();
            let begun = passkey_enrolment::begin_passkey(app, here.into(), info.now);
            if let Ok(PasskeySetup { challenge, public_key, .. }) = self.context.run(begun).await {
                form = Some(PasskeyForm { challenge, options: public_key.to_string() });
            }
        }
        Passkeys {
            is_on,
            rows: of_kind.map(row).collect(),
            asks_second: overview.asks_second,
            form,
        }
    }
}
