//! `/account/security`: the second factors and passkeys of the user's account.

use actix_web::HttpResponse;
use actix_web::http::header;

use crate::base::id::FactorId;
use crate::domain::factor::FactorKind;
use crate::domain::outcome::{Code, Failure, Refusal};
use crate::domain::recovery_code::{CODES, RecoveryCode};
use crate::domain::totp;
use crate::http::api::factors::factor_id;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::account;
use crate::identity::email::require_verified;
use crate::identity::factors;
use crate::identity::totp_enrolment::{self, Confirmation, TotpSetup};
use crate::oauth::pending_request::AccountSection;
use crate::oauth::restart::RestartOptions;

use super::account::{Visited, submitted, visited};
use super::page_error::{OrErrorPage, PageError, PageResult};
use super::pages::{
    Done, FactorRow, RecoveryCodesPage, RemoveFactorPage, SecurityPage, TotpSetupPage,
};
use super::qr::QrImage;
use super::render::{go_here, head};
use super::{Frame, flow_error_page, page, page_with, policy};

/// The page for the user's second factors.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let done = params.ok().and_then(|params| params.get("done")?.parse::<Done>().ok());
    visited(context, Some(AccountSection::Security)).await?.show_factors(done).await
}

/// Begins to enrol an authenticator app. The secret is sealed into the address of the next page, so that a
/// reload shows the same one.
pub async fn begin_totp(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, _) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let work = totp_enrolment::begin_totp(app, here.into(), info.now);
    let TotpSetup { setup, .. } = visited.run(work).await?;
    // Base64url needs no escaping.
    let query = format!("setup={setup}");
    let to = visited.context.link("/account/security/totp").with_query(&query);
    Ok(go_here(HttpResponse::SeeOther(), &to))
}

/// The secret that is being enrolled.
pub async fn setup(context: Context, params: Result<Params, Problem>) -> PageResult {
    let setup = params.ok().and_then(|params| params.get("setup").map(str::to_owned));
    let visited = visited(context, Some(AccountSection::Security)).await?;
    let name = visited.context.frame(None).t("totp.default_name");
    Ok(visited.show_setup(setup.unwrap_or_default(), name, None))
}

/// Enrols the authenticator app.
pub async fn confirm_totp(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let (setup, code, name) = (form.take("setup"), form.take("code"), form.take("name"));
    let confirmation = Confirmation { setup: setup.clone(), code, name: Some(name.clone()) };
    let (app, here, info) = visited.parts();
    let work = totp_enrolment::confirm_totp(app, here.into(), confirmation, info);
    match visited.context.run(work).await {
        Ok(enrolled) if enrolled.recovery_codes.is_empty() => Ok(visited.done(Done::FactorAdded)),
        Ok(enrolled) => Ok(visited.show_codes(Some(Done::FactorAdded), &enrolled.recovery_codes)),
        // The page again, if the user can correct the entry.
        Err(problem)
            if !problem.fields().is_empty()
                || matches!(problem.code(), Code::TooManyAttempts | Code::Unavailable) =>
        {
            Ok(visited.show_setup(setup, &name, Some(&problem)))
        }
        Err(problem) => Err(visited.failed(&problem)),
    }
}

/// Removes a factor. Removing the only one requires a confirmation.
pub async fn remove(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let id = visited.check(factor_id(&form.take("id")))?;
    if form.take("confirmed").is_empty()
        && let Some(question) = visited.is_sure(id).await
    {
        return Ok(question);
    }
    let (app, here, info) = visited.parts();
    visited.run(factors::remove(app, here.into(), id, info)).await?;
    Ok(visited.done(Done::FactorRemoved))
}

/// Replaces the recovery codes.
pub async fn renew_codes(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, _) = submitted(context, form).await?;
    let (app, here, info) = visited.parts();
    let codes = visited.run(factors::renew_recovery_codes(app, here.into(), info)).await?;
    Ok(visited.show_codes(None, &codes))
}

/// The recovery codes of the page as a text file. They come from the form: the server does not have them.
pub async fn codes_file(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (visited, mut form) = submitted(context, form).await?;
    let typed = form.take("codes");
    let codes = typed.split_ascii_whitespace().take(CODES).filter_map(RecoveryCode::parse);
    let frame = visited.context.frame(None);
    let values = [("brand", &*frame.brand.name), ("login", &*visited.here.user.login)];
    let mut text = frame.locale.with("recovery.file", &values);
    text.push_str("\r\n\r\n");
    for code in codes {
        text.push_str(&code.text());
        text.push_str("\r\n");
    }
    Ok(HttpResponse::Ok()
        .content_type("text/plain; charset=utf-8")
        .insert_header((header::CONTENT_DISPOSITION, "attachment; filename=\"recovery-codes.txt\""))
        .body(text))
}

impl Visited {
    /// The response to a successful form.
    pub(super) fn done(&self, what: Done) -> HttpResponse {
        let to = self.context.link("/account/security").with_query(&format!("done={what}"));
        go_here(HttpResponse::SeeOther(), &to)
    }

    /// Runs a use case of the page.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl Future<Output = Result<T, Failure>> + Send + 'static,
    ) -> Result<T, PageError> {
        self.context.run(work).await.map_err(|problem| self.failed(&problem))
    }

    /// A parsed form of the page, or the response to an invalid one.
    pub(super) fn check<T>(&self, parsed: Result<T, Refusal>) -> Result<T, PageError> {
        self.context.check(parsed).map_err(|problem| self.failed(&problem))
    }

    /// A refusal. If the sign-in is too old, the page offers a new one.
    pub(super) fn failed(&self, problem: &Problem) -> PageError {
        if problem.code() == Code::ReauthenticationRequired {
            let page = self.context.link("/account/security");
            return go_here(HttpResponse::SeeOther(), &page).into();
        }
        flow_error_page(&self.context, problem, &RestartOptions::default()).into()
    }

    /// The confirmation before removing the only second factor. `None` for another factor, or if the removal would
    /// be refused anyway.
    async fn is_sure(&self, id: FactorId) -> Option<HttpResponse> {
        let (app, here, info) = self.parts();
        let work = factors::own_overview(app, here.into(), info.now);
        let (overview, is_fresh) = self.context.run(work).await.ok()?;
        let [only] = overview.factors.as_slice() else { return None };
        // A passkey that only replaces the password is not a second factor.
        let is_second = only.kind == FactorKind::Totp || overview.asks_second;
        (is_fresh && is_second && only.id == id).then(|| {
            let template = RemoveFactorPage {
                frame: self.context.frame(None),
                csrf: &self.csrf(),
                id: id.to_string(),
                name: &only.name,
            };
            page(HttpResponse::Ok(), &template)
        })
    }

    async fn show_factors(self, done: Option<Done>) -> PageResult {
        let (app, here, info) = self.parts();
        let now = info.now;
        let work = factors::own_overview(app, here.into(), now);
        let (overview, is_fresh) = self.context.run(work).await.or_error_page(&self.context)?;
        let second_factor = self.context.app.config.second_factor;
        let is_required = second_factor.is_required(self.here.user.role, now);
        let frame = self.context.frame(None);
        let locale = frame.locale;
        let row = |factor: &crate::domain::factor::Factor| FactorRow {
            id: factor.id.to_string(),
            name: factor.name.clone(),
            created: locale.ago(factor.created_at, now),
            used: factor.last_used_at.map(|at| locale.ago(at, now)),
        };
        let may_add = second_factor.offers_enrolment();
        let needs_email = require_verified(&self.context.app, &self.here.user).is_err();
        let passkeys = self.passkeys(&overview, is_fresh && may_add && !needs_email, row).await;
        let apps = overview.factors.iter().filter(|factor| factor.kind == FactorKind::Totp);
        let script = passkeys.form.is_some();
        let template = SecurityPage {
            frame,
            csrf: &self.csrf(),
            notice: done.map(|done| done.text(locale)),
            is_fresh,
            may_add,
            may_remove_last: !is_required,
            needs_email,
            factors: apps.map(row).collect(),
            recovery_codes: overview.recovery_codes.to_string(),
            passkeys,
        };
        Ok(page_with(HttpResponse::Ok(), &template, &policy(script)))
    }

    fn show_setup(&self, setup: String, name: &str, problem: Option<&Problem>) -> HttpResponse {
        let Self { context, here, .. } = self;
        let shown = totp_enrolment::shown_again(&context.app, &here.user, setup, context.now());
        let TotpSetup { setup, secret, otpauth_uri } = match context.check(shown) {
            Ok(shown) => shown,
            // Expired: the previous page offers to restart.
            Err(_) => return go_here(HttpResponse::SeeOther(), &context.link("/account/security")),
        };
        // Base64url needs no escaping.
        let here = format!("/account/security/totp?setup={setup}");
        let frame = Frame { here: Some(&here), ..context.frame(None) };
        let locale = frame.locale;
        let errors = problem.map(Problem::fields).unwrap_or_default();
        let of = |field: &str| errors.iter().find(|error| error.field == field);
        let error = problem.filter(|problem| problem.fields().is_empty());
        let error = error.map(|problem| frame.refusal(problem));
        let template = TotpSetupPage {
            frame,
            csrf: &self.csrf(),
            setup: &setup,
            secret: totp::grouped(&secret),
            otpauth_uri: &otpauth_uri,
            qr: QrImage::of(&otpauth_uri),
            name,
            error: error.as_deref(),
            code_error: of("code").map(|error| frame.field(error)),
            name_error: of("name").map(|_| locale.t("totp.name_error")),
        };
        page(head(problem), &template)
    }

    pub(super) fn show_codes(&self, done: Option<Done>, codes: &[RecoveryCode]) -> HttpResponse {
        let frame = self.context.frame(None).shown_once();
        let template = RecoveryCodesPage {
            frame,
            csrf: &self.csrf(),
            notice: done.map(|done| done.text(frame.locale)),
            codes: codes.iter().map(RecoveryCode::text).collect(),
            onwards: self.context.link("/account/security"),
        };
        page(HttpResponse::Ok(), &template)
    }

    pub(super) fn csrf(&self) -> String {
        account::token(&self.context.app, &self.visit.cookies)
    }
}
