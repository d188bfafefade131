//! `/link/{token}`: mailed links. Opening one changes nothing; its form does.
//!
//! Owns the page of each purpose. The path is a secret and is never logged.

use actix_web::web::Path;
use actix_web::{HttpResponse, HttpResponseBuilder};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::crypto::digest::constant_time_eq;
use crate::domain::mailed_code::CodePurpose;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::refusal_reason::Reason;
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::identity::links::{self, LinkEntry, LinkView};
use crate::oauth::restart::RestartOptions;

use super::email_link;
use super::page_error::{OrErrorPage, PageError, PageResult};
use super::pages::ChoosePasswordPage;
use super::recovery::{DONE, can_be_corrected, entry, is_about_code, said};
use super::render::go_here;
use super::signup;
use super::signup_account::{self, AccountFormView, Typed};
use super::{error_page, flow_error_page, page_with, policy};

/// The page of the link's purpose, with the form that redeems it.
pub async fn get(context: Context, token: Path<String>) -> PageResult {
    let visit = Visit::of(&context);
    let view = view(&context, &token).await?;
    Ok(show(&Shown { context: &context, visit: &visit, token: &token }, &view, None))
}

/// Redeems the link, with the form of its page only.
pub async fn post(
    context: Context,
    token: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let mut form = form.or_error_page(&context)?;
    let visit = Visit::of(&context);
    let shown = Shown { context: &context, visit: &visit, token: &token };
    if !constant_time_eq(form.take("csrf").as_bytes(), shown.csrf().as_bytes()) {
        return shown.foreign().await;
    }
    let (app, info) = (context.app.clone(), context.request_info());
    let account = signup_account::read(&mut form);
    let typed = Typed::of(&account);
    let entry = LinkEntry { account: Some(account), ..entry(&mut form) };
    let redeemed = links::redeem(app, token.to_string(), entry, info);
    match context.run(redeemed).await {
        Ok(view) if view.is_confirmation() => Ok(email_link::done(&context, &view)),
        Ok(view) => {
            let notice = if view.purpose == CodePurpose::Signup { signup::DONE } else { DONE };
            let to = context.link("/login").with_query(&format!("notice={notice}"));
            Ok(go_here(HttpResponse::SeeOther(), &to))
        }
        Err(problem)
            if can_be_corrected(&problem) || signup_account::can_be_corrected(&problem) =>
        {
            let view = view(&context, &token).await?;
            Ok(show(&shown, &view, Some((&typed, &problem))))
        }
        Err(problem) => Err(gone(&context, &token, &problem).await),
    }
}

/// The page of the link's purpose, or the page for a link that cannot be used.
async fn view(context: &Context, token: &str) -> Result<LinkView, PageError> {
    let looked = links::view(context.app.clone(), token.to_owned(), context.request_info());
    match context.run(looked).await {
        Ok(view) => Ok(view),
        Err(problem) => Err(gone(context, token, &problem).await),
    }
}

/// A link in the browser that opened it.
struct Shown<'a> {
    context: &'a Context,
    visit: &'a Visit,
    token: &'a str,
}

impl Shown<'_> {
    /// The token of the form of this page in this browser.
    fn csrf(&self) -> String {
        let Self { context, visit, token } = self;
        let parts = [visit.cookies.browser.as_bytes(), token.as_bytes()];
        URL_SAFE_NO_PAD.encode(context.app.pseudonyms.of("link/csrf", &parts))
    }

    /// The response to a form from another browser or an outdated page: this page, with a valid form.
    async fn foreign(&self) -> PageResult {
        let refusal = Refusal::because(Code::Forbidden, Reason::ForeignForm);
        let problem = self.context.problem(refusal.into());
        let view = view(self.context, self.token).await?;
        let typed = view.address.as_deref().map(Typed::begin).unwrap_or_default();
        Ok(show(self, &view, Some((&typed, &problem))))
    }
}

fn show(shown: &Shown<'_>, view: &LinkView, refused: Option<(&Typed, &Problem)>) -> HttpResponse {
    let Shown { context, visit, token } = shown;
    let problem = refused.map(|(_, problem)| problem);
    let mut answer: HttpResponseBuilder = problem.map_or_else(HttpResponse::Ok, Problem::head);
    visit.keep(&context.app, &mut answer);
    let action = context.link(&format!("/link/{token}"));
    if view.is_confirmation() {
        return email_link::ask(context, view, (action, &shown.csrf()), problem, answer);
    }
    let csrf = shown.csrf();
    if let (CodePurpose::Signup, Some(address)) = (view.purpose, &view.address) {
        let first = Typed::begin(address);
        let view = AccountFormView {
            ui_locales: None,
            client_name: None,
            action,
            hidden: vec![("csrf", &csrf)],
            address: Some(address),
            sign_in: context.link("/login"),
            restart: &RestartOptions::default(),
        };
        let typed = refused.map_or(&first, |(typed, _)| typed);
        return view.show(context, (typed, problem), answer);
    }
    let frame = context.frame(None);
    let (title, intro) = match view.purpose {
        CodePurpose::Invite => (frame.t("link.invite_title"), frame.t("link.invite")),
        _ => (frame.t("new_password.title"), frame.t("recover.password_intro")),
    };
    let error = problem.map(|problem| said(&frame, problem));
    let template = ChoosePasswordPage {
        frame,
        title,
        intro,
        action,
        hidden: vec![("csrf", &csrf)],
        login: view.login.as_deref(),
        asks_code: !view.methods.is_empty(),
        error: error.as_deref(),
        is_code_wrong: problem.is_some_and(is_about_code),
        restart: &RestartOptions::default(),
    };
    page_with(answer, &template, &policy(true))
}

/// A link that cannot be used, with links to continue: a new link, and the sign-in for a user who has already used
/// this one.
async fn gone(context: &Context, token: &str, problem: &Problem) -> PageError {
    if !matches!(problem.code(), Code::LinkInvalid | Code::Forbidden) {
        return error_page(context, problem).into();
    }
    let looked = links::expired_purpose(context.app.clone(), token.to_owned());
    let way = match context.run(looked).await.unwrap_or_default() {
        // The account cannot be recovered in this way: another link would be refused as well.
        _ if problem.code() == Code::Forbidden => Way::SignIn(None),
        Some(CodePurpose::Invite) => Way::SignIn(Some(Reason::InvitationOver)),
        Some(CodePurpose::Undo) => Way::Page("/account/email", Some(Reason::UndoOver)),
        _ if context.app.mailer.is_none() => Way::SignIn(None),
        Some(CodePurpose::Signup) => Way::Page("/signup", None),
        Some(CodePurpose::Verify | CodePurpose::Change) => Way::Page("/account/email", None),
        Some(CodePurpose::Recover | CodePurpose::Reset | CodePurpose::Enrol) | None => {
            Way::Page("/recover", None)
        }
    };
    let (ways, reason) = match way {
        Way::SignIn(reason) => (RestartOptions::default(), reason),
        Way::Page(page, reason) => (RestartOptions::repeating(page, Vec::new()), reason),
    };
    let ways = RestartOptions { sign_in: true, ..ways };
    match reason {
        Some(reason) => {
            let refusal = Refusal::because(Code::LinkInvalid, reason);
            flow_error_page(context, &context.problem(refusal.into()), &ways).into()
        }
        None => flow_error_page(context, problem, &ways).into(),
    }
}

/// The link to continue from a mailed link that cannot be used, besides the sign-in, and a reason if the refusal is
/// not specific enough.
enum Way {
    /// None: no page sends another link.
    SignIn(Option<Reason>),
    /// The page that sends another link, or on which the user can do the same.
    Page(&'static str, Option<Reason>),
}
