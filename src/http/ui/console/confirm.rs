//! The page between a button and what it does: what will happen, to whom, and what cannot be undone.
//!
//! Owns that nothing is done without it, and that it asks for a new sign-in where the last one is older than five
//! minutes.

use actix_web::HttpResponse;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::app::FormResult;
use crate::base::entropy::random;
use crate::domain::outcome::Failure;
use crate::http::error::Problem;
use crate::http::ui::page;
use crate::http::ui::page_error::{PageError, PageResult};
use crate::http::ui::pages::ConfirmPage;
use crate::identity::fresh_authentication;

use super::{Console, OrPageOf, sign_in};

/// What is asked.
pub(super) struct Question {
    /// The path of the menu that it belongs to.
    pub menu: &'static str,
    /// The action.
    pub title: String,
    /// What it is done to.
    pub target: String,
    /// What will happen, and what cannot be undone.
    pub effects: Vec<String>,
    /// The path of the page, which takes the form as well.
    pub path: String,
    /// The path of the page where the action is not done.
    pub cancel: String,
    /// The value that tells a form that is sent twice.
    pub form: String,
    /// What has to be typed, as a question.
    pub typed: Option<String>,
    /// What can be chosen: names and labels.
    pub options: Vec<(&'static str, String)>,
    /// The command that does the same.
    pub same_as: String,
}

impl Console {
    /// The page.
    pub(super) async fn ask(&self, question: Question, refused: Option<&Problem>) -> PageResult {
        self.ask_about(question, Vec::new(), Vec::new(), refused).await
    }

    /// The page for several targets, which its form names in fields that are not shown.
    pub(super) async fn ask_about(
        &self,
        question: Question,
        whom: Vec<String>,
        hidden: Vec<(&'static str, String)>,
        refused: Option<&Problem>,
    ) -> PageResult {
        let is_fresh = self.is_fresh().await.or_page_of(self)?;
        let head = refused.map_or_else(HttpResponse::Ok, Problem::head);
        let template = ConfirmPage {
            console: self.frame(question.menu, String::new(), question.same_as),
            title: question.title,
            target: question.target,
            whom,
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

    /// Refuses a form whose sign-in has become too old: its page asks for a new one, and goes on.
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

    /// An id for a form, by which it is told when it is sent twice.
    pub(super) fn form_id(&self) -> String {
        let id: [u8; 16] = random(&*self.context().app.entropy);
        URL_SAFE_NO_PAD.encode(id)
    }

    /// Does what a form asks for, once. The id counts for the address of the form, the sign-in and the role alone; a form
    /// without an id of ours is another form each time.
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
