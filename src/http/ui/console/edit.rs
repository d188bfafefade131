//! A form that makes or changes an object.
//!
//! Owns that what is wrong is said beside its field, that nothing typed is lost by that, and that a new sign-in is asked
//! for before the form is filled in.

use actix_web::HttpResponse;

use crate::domain::outcome::Refusal;
use crate::http::error::Problem;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Choice, Field, Form, Section};

use super::{Console, Content, OrPageOf, sign_in};

/// What is filled in.
pub(super) struct EditForm {
    /// The path of the menu that it belongs to.
    pub menu: &'static str,
    /// The heading.
    pub title: String,
    /// What is said before the form.
    pub lead: Option<String>,
    /// The path that takes the form, and shows it.
    pub path: String,
    /// The path of the page where nothing is done.
    pub cancel: String,
    /// The value that tells a form that is sent twice; empty for a new form.
    pub form: String,
    /// The fields. Each has the name that the API gives it.
    pub fields: Vec<Field>,
    /// The text of the button.
    pub submit: String,
    /// The command that does the same.
    pub same_as: String,
}

impl Console {
    /// A name that no object has, as a mistake in its field.
    pub(super) fn unknown_name(&self, field: &'static str) -> Problem {
        let refusal = Refusal::field(field, "no_such", "There is nothing of this name.");
        self.context().problem(refusal.into())
    }

    /// Says beside each field what is wrong with it. What is wrong with none of them is said in the block, above the form.
    /// `name` is under which name a field is refused.
    pub(super) fn mark_errors(
        &self,
        fields: &mut [Field],
        refused: Option<&Problem>,
        name: impl Fn(&Field) -> &'static str,
    ) -> Option<Block> {
        let (frame, problem) = (self.context().frame(None), refused?);
        for field in &mut *fields {
            let name = name(field);
            let mut wrong = problem.fields().iter().filter(|wrong| wrong.field == name);
            let mut unknown = problem.names().iter().filter(|wrong| wrong.name == name);
            let of_field = wrong.next().map(|wrong| frame.field(wrong).to_owned());
            field.error = of_field.or_else(|| unknown.next().map(|wrong| wrong.message.clone()));
        }
        let is_marked = fields.iter().any(|field| field.error.is_some());
        (!is_marked).then(|| Block::Alert(frame.refusal(problem).into_owned()))
    }

    /// The page of the form, with what was wrong the last time.
    pub(super) async fn edit(&self, form: EditForm, refused: Option<&Problem>) -> PageResult {
        let is_fresh = self.is_fresh().await.or_page_of(self)?;
        let locale = self.locale();
        let cancel = Choice::link(locale.t("console.confirm.cancel"), self.link(&form.cancel));
        let mut blocks: Vec<Block> = form.lead.into_iter().map(Block::Text).collect();
        if is_fresh {
            let mut fields = form.fields;
            blocks.extend(self.mark_errors(&mut fields, refused, |field| field.name));
            let id = if form.form.is_empty() { self.form_id() } else { form.form };
            blocks.push(Block::Form(Form {
                is_post: true,
                action: self.link(&form.path).to_string(),
                hidden: vec![("csrf", self.csrf.clone()), ("form", id)],
                fields,
                submit: form.submit,
            }));
            blocks.push(Block::Links(vec![cancel]));
        } else {
            let again = sign_in(self.context(), &form.path);
            blocks.push(Block::Text(locale.t("console.confirm.stale").to_owned()));
            let sign_in = Choice::action(locale.t("security.sign_in"), again);
            blocks.push(Block::Links(vec![sign_in, cancel]));
        }
        let head = refused.map_or_else(HttpResponse::Ok, Problem::head);
        Ok(self.show_as(
            head,
            Content {
                menu: form.menu,
                title: form.title,
                notice: None,
                search: String::new(),
                same_as: form.same_as,
                sections: vec![Section { blocks, ..Section::default() }],
            },
        ))
    }
}
