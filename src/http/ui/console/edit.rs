//! A form that creates or changes an object.
//!
//! Shows each error beside its field, keeps all entries, and requires a new sign-in before the form is filled in, not
//! after.

use actix_web::HttpResponse;

use crate::domain::outcome::Refusal;
use crate::http::error::Problem;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Choice, Field, Form, Section};

use super::{Console, Content, OrPageOf, sign_in};

/// The form.
pub(super) struct EditForm {
    /// The path of the menu that it belongs to.
    pub menu: &'static str,
    /// The heading.
    pub title: String,
    /// The text above the form.
    pub lead: Option<String>,
    /// The path that shows the form and to which it is sent.
    pub path: String,
    /// The path of the page to return to without a change.
    pub cancel: String,
    /// The value that identifies a form that is sent twice; empty for a new form.
    pub form: String,
    /// The fields, with their names in the API.
    pub fields: Vec<Field>,
    /// The text of the button.
    pub submit: String,
    /// The equivalent command.
    pub same_as: String,
}

impl Console {
    /// An unknown name, as an error of its field.
    pub(super) fn unknown_name(&self, field: &'static str) -> Problem {
        let refusal = Refusal::field(field, "no_such", "There is no object with this name.");
        self.context().problem(refusal.into())
    }

    /// Shows each error beside its field. Errors that concern no field are shown in the block above the form. `name`
    /// returns the name under which a field is refused.
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

    /// The page of the form, with the errors of the previous attempt.
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
                // After a refusal the command is left out: it would contain the refused entries.
                same_as: if refused.is_none() { form.same_as } else { String::new() },
                sections: vec![Section { blocks, ..Section::default() }],
            },
        ))
    }
}
