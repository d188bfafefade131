//! `/login/enrol`: a user who needs a second factor adds an authenticator app, and continues with the request that
//! led to the sign-in.

use actix_web::HttpResponse;

use crate::domain::outcome::Code;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::totp;
use crate::http::context::Context;
use crate::http::cookie;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::identity::account;
use crate::identity::authentication::Entry;
use crate::identity::browser_login::{SignInOutcome, SignedInBrowser};
use crate::identity::browser_step_up::{self, Enrolment};
use crate::identity::current_login::BrowserCookies;
use crate::identity::totp_enrolment::{self, Confirmation, TotpSetup};

use super::login::answered;
use super::page;
use super::page_error::PageResult;
use super::pages::{Done, EnrolPage, RecoveryCodesPage};
use super::pending_page::PendingPage;
use super::qr::QrImage;
use super::render::{go_here, head, onwards};

/// The page. Without a secret in the address, creates one and redirects there, so that a reload shows the same one.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (pending_page, params) = PendingPage::of_address(context, params)?;
    let page = async {
        match params.get("setup") {
            Some(setup) => {
                let name = pending_page.context.frame(None).t("totp.default_name");
                show(&pending_page, setup.to_owned(), name, None).await
            }
            None => begin(&pending_page).await,
        }
    };
    pending_page.finish(page).await
}

async fn begin(pending_page: &PendingPage) -> PageResult {
    let PendingPage { context, visit, sealed, challenge } = pending_page;
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let info = context.request_info();
    let work = browser_step_up::begin_enrolment(app, challenge.clone(), cookies, info);
    let begun = context.run(work).await.map_err(|problem| pending_page.failed(&problem))?;
    // Base64url needs no escaping.
    let query = format!("flow={}&challenge={challenge}&setup={}", sealed.text, begun.setup);
    let to = context.link("/login/enrol").with_query(&query);
    Ok(go_here(HttpResponse::SeeOther(), &to))
}

/// Handles the first code, or the choice to postpone the enrolment.
pub async fn post(context: Context, form: Result<FormFields, Problem>) -> PageResult {
    let (pending_page, form) = PendingPage::of_form(context, form)?;
    pending_page.finish(enrol(&pending_page, form)).await
}

async fn enrol(pending_page: &PendingPage, mut form: FormFields) -> PageResult {
    let (setup, code, name) = (form.take("setup"), form.take("code"), form.take("name"));
    let entry = if form.take("decision") == "skip" {
        Entry::PutOff
    } else {
        Entry::Totp(Confirmation { setup: setup.clone(), code, name: Some(name.clone()) })
    };
    match pending_page.advance(entry).await {
        Ok(SignInOutcome::SignedIn(signed_in)) if !signed_in.recovery_codes.is_empty() => {
            Ok(show_codes(pending_page, &signed_in))
        }
        Ok(outcome) => Ok(answered(&pending_page.context, &pending_page.sealed, &outcome)),
        // The page again, if the user can correct the entry.
        Err(problem)
            if matches!(
                problem.code(),
                Code::ValidationFailed | Code::TooManyAttempts | Code::Unavailable
            ) =>
        {
            show(pending_page, setup, &name, Some(&problem)).await
        }
        Err(problem) => Err(pending_page.failed(&problem)),
    }
}

async fn show(
    pending_page: &PendingPage,
    setup: String,
    name: &str,
    problem: Option<&Problem>,
) -> PageResult {
    let PendingPage { context, visit, sealed, challenge } = pending_page;
    let (app, cookies) = (context.app.clone(), visit.cookies.clone());
    let info = context.request_info();
    let work = browser_step_up::enrolment(app, challenge.clone(), cookies, info);
    let enrolment = context.run(work).await.map_err(|problem| pending_page.failed(&problem))?;
    let Enrolment { user, may_skip } = enrolment;
    let shown = totp_enrolment::shown_again(&context.app, &user, setup, context.now());
    let Ok(TotpSetup { setup, secret, otpauth_uri }) = context.check(shown) else {
        return begin(pending_page).await;
    };
    let frame = pending_page.frame();
    let errors = problem.map(Problem::fields).unwrap_or_default();
    let of = |field: &str| errors.iter().find(|error| error.field == field);
    let error = problem.filter(|_| errors.is_empty()).map(|problem| frame.refusal(problem));
    let client_name = pending_page.client_name();
    let template = EnrolPage {
        frame,
        flow: &sealed.text,
        challenge,
        client_name: client_name.as_deref(),
        setup: &setup,
        secret: totp::grouped(&secret),
        otpauth_uri: &otpauth_uri,
        qr: QrImage::of(&otpauth_uri),
        name,
        may_skip,
        error: error.as_deref(),
        code_error: of("code").map(|error| frame.field(error)),
        name_error: of("name").map(|_| frame.t("totp.name_error")),
        restart: &pending_page.restart(),
    };
    let mut answer = head(problem);
    visit.keep(&context.app, &mut answer);
    Ok(page(answer, &template))
}

/// The recovery codes, shown only once. The user is already signed in: the next page is that of the request.
fn show_codes(pending_page: &PendingPage, signed_in: &SignedInBrowser) -> HttpResponse {
    let PendingPage { context, visit, sealed, .. } = pending_page;
    let SignedInBrowser { cookie, recovery_codes, .. } = signed_in;
    let session = Some(cookie.expose().clone());
    let csrf = account::token(
        &context.app,
        &BrowserCookies { browser: visit.cookies.browser.clone(), session },
    );
    let frame = pending_page.frame().shown_once();
    let mut answer = HttpResponse::Ok();
    cookie::log_in(&context.app, &mut answer, signed_in);
    let template = RecoveryCodesPage {
        frame,
        csrf: &csrf,
        notice: Some(Done::FactorAdded.text(frame.locale)),
        codes: recovery_codes.iter().map(RecoveryCode::text).collect(),
        onwards: onwards(context, sealed),
    };
    page(answer, &template)
}
