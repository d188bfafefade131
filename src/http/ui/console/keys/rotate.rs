//! Replaces the signing keys: as soon as verifiers have fetched the new ones, or at once.

use actix_web::HttpRequest;

use crate::admin::key_rotation;
use crate::app::FormResult;
use crate::domain::signing_key::KeyState;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::confirm::Question;
use crate::http::ui::console::{Console, OrPageOf, enter, submitted};
use crate::http::ui::page_error::PageResult;

/// The confirmation before successors are published.
pub async fn get(context: Context) -> PageResult {
    ask(context, false).await
}

/// Publishes successors.
pub async fn post(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> PageResult {
    rotate(context, &request, form, false).await
}

/// The confirmation before successors sign at once.
pub async fn get_now(context: Context) -> PageResult {
    ask(context, true).await
}

/// Makes successors sign at once.
pub async fn post_now(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> PageResult {
    rotate(context, &request, form, true).await
}

const fn path(at_once: bool) -> &'static str {
    if at_once { "/admin/keys/rotate-now" } else { "/admin/keys/rotate" }
}

async fn ask(context: Context, at_once: bool) -> PageResult {
    let console = enter(context, Action::RotateKeys).await?;
    console.ask_rotation(at_once, None).await
}

async fn rotate(
    context: Context,
    request: &HttpRequest,
    form: Result<FormFields, Problem>,
    at_once: bool,
) -> PageResult {
    let (console, mut form) = submitted(context, request, form, Action::RotateKeys).await?;
    console.require_fresh(path(at_once)).await?;
    let (app, info) = (console.context().app.clone(), console.info());
    let work = async move {
        key_rotation::rotate(app, None, at_once, info).await?;
        let what = if at_once { "rotated-now" } else { "rotated" };
        Ok(FormResult::Done { path: "/admin/keys".to_owned(), what })
    };
    match console.once(form.take("form"), work).await {
        Ok(result) => Ok(console.answer(result)),
        Err(problem) => console.ask_rotation(at_once, Some(&problem)).await,
    }
}

impl Console {
    async fn ask_rotation(&self, at_once: bool, refused: Option<&Problem>) -> PageResult {
        let question = self.rotate_question(at_once).await.or_page_of(self)?;
        self.ask(question, refused).await
    }

    async fn rotate_question(&self, at_once: bool) -> Result<Question, Problem> {
        let locale = self.locale();
        let (mut target, mut effects) = (Vec::new(), Vec::new());
        for key in self.signing_keys().await? {
            if key.state == KeyState::Active {
                target.push(format!("{} ({})", key.kid, key.alg));
            }
            let missing = key.verifiers.as_ref().map(|held| self.missing(held)).unwrap_or_default();
            if at_once && key.state == KeyState::Published && !missing.is_empty() {
                let values = [("kid", &*key.kid), ("names", &missing)];
                effects.push(locale.with("console.effect.refuses_meanwhile", &values));
            }
        }
        let (title, effect, command) = match at_once {
            true => {
                ("console.key.rotate_now", "console.effect.rotate_now", "signet key rotate --now")
            }
            false => ("console.key.rotate", "console.effect.rotate", "signet key rotate"),
        };
        effects.insert(0, locale.t(effect).to_owned());
        Ok(Question {
            menu: "/admin/keys",
            title: locale.t(title).to_owned(),
            target: target.join(", "),
            facts: Vec::new(),
            effects,
            path: path(at_once).to_owned(),
            cancel: "/admin/keys".to_owned(),
            form: self.form_id(),
            typed: None,
            options: Vec::new(),
            same_as: command.to_owned(),
        })
    }
}
