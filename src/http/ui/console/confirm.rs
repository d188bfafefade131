//! The page between a button and its action: what will happen, to whom, and what cannot be undone.
//!
//! No such action happens without it, and without a sign-in of the last five minutes.

use actix_web::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::FormResult;
use crate::base::entropy::random;
use crate::domain::outcome::Failure;
use crate::http::error::Problem;
use crate::http::ui::page;
use crate::http::ui::page_error::{PageError, PageResult};
use crate::http::ui::pages::{ConfirmPage, Fact};
use crate::identity::fresh_authentication;

use super::{Console, OrPageOf, sign_in};

/// The confirmation to show.
pub(super) struct Question {
    /// The path of the menu that it belongs to.
    pub menu: &'static str,
    /// The action.
    pub title: String,
    /// The target of the action.
    pub target: String,
    /// Facts about the target: names and values.
    pub facts: Vec<Fact>,
    /// The effects, and which of them cannot be undone.
    pub effects: Vec<String>,
    /// The path of the page, to which the form is also sent.
    pub path: String,
    /// The path of the page to return to without the action.
    pub cancel: String,
    /// The value that identifies a form that is sent twice.
    pub form: String,
    /// The label of the text that has to be typed.
    pub typed: Option<String>,
    /// The tick boxes: names and labels.
    pub options: Vec<(&'static str, String)>,
    /// The equivalent command.
    pub same_as: String,
}

impl Console {
    /// The page.
    pub(super) async fn ask(&self, question: Question, refused: Option<&Problem>) -> PageResult {
        self.ask_about(question, Vec::new(), Vec::new(), refused).await
    }

    /// The page for several targets, which its form contains in hidden fields.
    pub(super) async fn ask_about(
        &self,
        question: Question,
        whom: Vec<String>,
        hidden: Vec<(&'static str, String)>,
        refused: Option<&Problem>,
    ) -> PageResult {
        let is_fresh = self.is_fresh().await.or_page_of(self)?;
        let head = refused.map_or_else(HttpResponse::Ok, Problem::head);
        // A command that was refused as a form is not offered.
        let same_as = if refused.is_none() { question.same_as } else { String::new() };
        let template = ConfirmPage {
            console: self.frame(question.menu, String::new(), same_as),
            title: question.title,
            target: question.target,
            whom,
            facts: question.facts,
            effects: question.effects,
            action: self.link(&question.path),
            hidden,
            form: question.form,
            typed: question.typed,
            options: question.options,
            cancel: self.link(&question.cancel),
            sign_in: (!is_fresh).then(|| sign_in(self.context(), &question.path)),
            error: refused.map(|problem| self.context().frame(None).refusal(problem).into_owned()),
        };
        Ok(self.used(page(head, &template)))
    }

    /// Refuses a form whose sign-in has become too old: the page asks for a new sign-in and then continues.
    pub(super) async fn require_fresh(&self, page: &str) -> Result<(), PageError> {
        match self.is_fresh().await.or_page_of(self)? {
            true => Ok(()),
            false => Err(self.go(page, "").into()),
        }
    }

    /// Whether the sign-in is recent enough for an action.
    pub(super) async fn is_fresh(&self) -> Result<bool, Problem> {
        let (context, here) = (self.context(), self.visited.here.clone());
        let (app, now) = (context.app.clone(), context.now());
        context
            .run(async move { fresh_authentication::is_fresh_at(&app, here.into(), now).await })
            .await
    }

    /// An id that identifies a form that is sent twice.
    pub(super) fn form_id(&self) -> String {
        let id: [u8; 16] = random(&*self.context().app.entropy);
        URL_SAFE_NO_PAD.encode(id)
    }

    /// Performs the action of a form once. The id is valid only for the address of the form, the sign-in and the
    /// role; a form without a valid id is a new one each time.
    pub(super) async fn once(
        &self,
        form: String,
        work: impl Future<Output = Result<FormResult, Failure>> + Send + 'static,
    ) -> Result<FormResult, Problem> {
        let (context, here) = (self.context(), &self.visited.here);
        let (app, now, user) = (context.app.clone(), context.now(), here.user.id);
        let own = self.form_id();
        let id = if form.len() == own.len() { form } else { own };
        let form = format!("{} {} {} {id}", context.path(), here.browser.id, here.user.role);
        context.run(async move { app.idempotent_forms.once((user, form), now, work).await }).await
    }
}
