//! The form of a new account, of `/signup` and of the page of a mailed link.

use actix_web::{HttpResponse, HttpResponseBuilder};

use crate::domain::base_path::Link;
use crate::domain::outcome::Code;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::identity::sign_up::{AccountForm, Terms};
use crate::oauth::restart::RestartOptions;

use super::pages::{AccountErrors, SignupAccountPage};
use super::{Frame, page_with, policy};

/// The entries, without the password.
#[derive(Default)]
pub(super) struct Typed {
    login: String,
    name: String,
    accepts_terms: bool,
}

impl Typed {
    /// The initial entries: only the login name, which is the address.
    pub(super) fn begin(address: &str) -> Self {
        Self { login: address.to_owned(), ..Self::default() }
    }

    pub(super) fn of(account: &AccountForm) -> Self {
        Self {
            login: account.login.clone().unwrap_or_default(),
            name: account.name.clone().unwrap_or_default(),
            accepts_terms: account.terms == Terms::Accepted,
        }
    }
}

/// The address of the form and its context.
pub(super) struct AccountFormView<'a> {
    /// The requested languages.
    pub(super) ui_locales: Option<&'a str>,
    /// The name of the requesting application.
    pub(super) client_name: Option<&'a str>,
    /// The address that the form is sent to.
    pub(super) action: Link,
    /// The hidden fields: names and values.
    pub(super) hidden: Vec<(&'static str, &'a str)>,
    /// The verified address; `None` if none is required.
    pub(super) address: Option<&'a str>,
    /// The link for users who have an account.
    pub(super) sign_in: Link,
    /// The links to restart.
    pub(super) restart: &'a RestartOptions,
}

impl AccountFormView<'_> {
    /// The page.
    pub(super) fn show(
        self,
        context: &Context,
        (typed, problem): (&Typed, Option<&Problem>),
        answer: HttpResponseBuilder,
    ) -> HttpResponse {
        let frame = context.frame(self.ui_locales);
        let template = SignupAccountPage {
            frame,
            client_name: self.client_name,
            action: self.action,
            hidden: self.hidden,
            address: self.address,
            is_address_required: self.address.is_none()
                && !context.app.config.registration_domains.is_empty(),
            login: &typed.login,
            name: &typed.name,
            terms_url: context.app.config.brand.terms_url.as_deref(),
            accepts_terms: typed.accepts_terms,
            errors: errors(&frame, problem),
            sign_in: self.sign_in,
            restart: self.restart,
        };
        page_with(answer, &template, &policy(true))
    }
}

/// The fields of the form.
pub(super) fn read(form: &mut FormFields) -> AccountForm {
    AccountForm {
        login: Some(form.take("login")),
        password: form.take("password"),
        name: Some(form.take("name")).filter(|name| !name.is_empty()),
        terms: Terms::of(!form.take("terms_accepted").is_empty()),
    }
}

/// Whether the form can be shown again, with the error.
pub(super) fn can_be_corrected(problem: &Problem) -> bool {
    matches!(
        problem.code(),
        Code::ValidationFailed
            | Code::WeakPassword
            | Code::LoginTaken
            | Code::DomainNotAllowed
            | Code::TooManyAttempts
            | Code::Unavailable
    )
}

fn errors<'a>(frame: &Frame<'_>, problem: Option<&'a Problem>) -> AccountErrors<'a> {
    let Some(problem) = problem else { return AccountErrors::default() };
    let wrong = |field: &str| problem.fields().iter().find(|wrong| wrong.field == field);
    let text = |field: &str| wrong(field).map(|wrong| frame.field(wrong));
    AccountErrors {
        login: text("login"),
        password: text("password"),
        name: text("name"),
        terms: text("terms_accepted"),
        other: problem.fields().is_empty().then(|| frame.refusal(problem)),
    }
}
