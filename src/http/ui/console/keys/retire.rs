//! Removes a key from the published set: one that no longer signs, or any key at once.

use actix_web::HttpRequest;
use actix_web::web::Path;

use crate::admin::key_rotation;
use crate::admin::keys::PublicKey;
use crate::app::FormResult;
use crate::domain::outcome::{Code, Refusal};
use crate::domain::path_spelling::percent_encoded;
use crate::domain::shell_word::command;
use crate::domain::signing_key::KeyState;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::confirm::Question;
use crate::http::ui::console::{Console, OrPageOf, enter, submitted};
use crate::http::ui::page_error::PageResult;

/// The confirmation before retiring a key that no longer signs.
pub async fn get(context: Context, kid: Path<String>) -> PageResult {
    ask(context, &kid, false).await
}

/// Retires a key that no longer signs.
pub async fn post(
    context: Context,
    request: HttpRequest,
    kid: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    retire(context, &request, (&kid, false), form).await
}

/// The confirmation before retiring any key at once.
pub async fn get_now(context: Context, kid: Path<String>) -> PageResult {
    ask(context, &kid, true).await
}

/// Retires any key at once.
pub async fn post_now(
    context: Context,
    request: HttpRequest,
    kid: Path<String>,
    form: Result<FormFields, Problem>,
) -> PageResult {
    retire(context, &request, (&kid, true), form).await
}

/// The path of the page that retires a key. Names of imported keys can have any printable character.
pub(super) fn path(kid: &str, at_once: bool) -> String {
    let action = if at_once { "retire-now" } else { "retire" };
    format!("/admin/keys/{}/{action}", percent_encoded(kid))
}

async fn ask(context: Context, kid: &str, at_once: bool) -> PageResult {
    let console = enter(context, Action::RetireKey).await?;
    console.ask_to_retire((kid, at_once), None).await
}

async fn retire(
    context: Context,
    request: &HttpRequest,
    (kid, at_once): (&str, bool),
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, request, form, Action::RetireKey).await?;
    console.require_fresh(&path(kid, at_once)).await?;
    let (app, info, name) = (console.context().app.clone(), console.info(), kid.to_owned());
    let work = async move {
        key_rotation::retire(app, name, at_once, info).await?;
        Ok(FormResult::Done { path: "/admin/keys".to_owned(), what: "retired" })
    };
    match console.once(form.take("form"), work).await {
        Ok(result) => Ok(console.answer(result)),
        Err(problem) => console.ask_to_retire((kid, at_once), Some(&problem)).await,
    }
}

impl Console {
    async fn ask_to_retire(
        &self,
        (kid, at_once): (&str, bool),
        refused: Option<&Problem>,
    ) -> PageResult {
        let keys = self.signing_keys().await.or_page_of(self)?;
        let found = keys.into_iter().find(|key| key.kid == kid);
        let none = || Refusal::new(Code::NotFound, "There is no such signing key.");
        let key = self.context().check(found.ok_or_else(none)).or_page_of(self)?;
        self.ask(self.retire_question(&key, at_once), refused).await
    }

    fn retire_question(&self, key: &PublicKey, at_once: bool) -> Question {
        let locale = self.locale();
        let mut effects = vec!["console.effect.retire"];
        match key.state {
            KeyState::Active => {
                effects.extend(["console.effect.tokens_refused", "console.effect.other_signs"])
            }
            KeyState::Retiring => effects.push("console.effect.tokens_refused"),
            KeyState::Published | KeyState::Retired => {}
        }
        effects.push("console.effect.not_undone");
        let title = if at_once { "console.key.retire_now" } else { "console.key.retire" };
        Question {
            menu: "/admin/keys",
            title: locale.t(title).to_owned(),
            target: format!("{} ({})", key.kid, key.alg),
            facts: Vec::new(),
            effects: effects.into_iter().map(|key| locale.t(key).to_owned()).collect(),
            path: path(&key.kid, at_once),
            cancel: "/admin/keys".to_owned(),
            form: self.form_id(),
            typed: None,
            options: Vec::new(),
            same_as: command("signet key retire", &key.kid, if at_once { " --now" } else { "" }),
        }
    }
}
