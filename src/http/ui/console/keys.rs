//! `/admin/keys`: the signing keys, and replacing them after a question.

use actix_web::web::Path;
use actix_web::{HttpRequest, HttpResponse};

use crate::admin::keys::{Holders, NextStage, PublicKey};
use crate::admin::{key_rotation, keys};
use crate::app::FormResult;
use crate::domain::shell_word::command;
use crate::domain::signing_key::KeyState;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::{FormFields, Params};
use crate::http::ui::pages::{Block, Cell, Choice, Section, State, Table};

use super::access::Action;
use super::confirm::Question;
use super::{Console, Content, enter, submitted};

/// The list.
pub async fn list(context: Context, params: Result<Params, Problem>) -> HttpResponse {
    let console = match enter(context, Action::ReadKeys).await {
        Ok(console) => console,
        Err(answer) => return answer,
    };
    let outcome = match params {
        Ok(params) => console.keys(&params).await,
        Err(problem) => Err(problem),
    };
    outcome.unwrap_or_else(|problem| console.failed(&problem))
}

/// The question before a rotation.
pub async fn get_rotate(context: Context) -> HttpResponse {
    match enter(context, Action::RotateKeys).await {
        Ok(console) => console.ask(console.rotate_question(), None).await,
        Err(answer) => answer,
    }
}

/// Publishes successors.
pub async fn post_rotate(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> HttpResponse {
    let (console, mut form) = match submitted(context, &request, form, Action::RotateKeys).await {
        Ok(both) => both,
        Err(answer) => return answer,
    };
    if let Err(answer) = console.require_fresh("/admin/keys/rotate").await {
        return answer;
    }
    let (app, info, at_once) =
        (console.context().app.clone(), console.info(), form.take("now") == "on");
    let work = async move {
        key_rotation::rotate(app, None, at_once, info).await?;
        Ok(FormResult::Done { path: "/admin/keys".to_owned(), what: "rotated" })
    };
    match console.once(form.take("form"), work).await {
        Ok(result) => console.answer(result),
        Err(problem) => console.ask(console.rotate_question(), Some(&problem)).await,
    }
}

/// The question before a key is retired.
pub async fn get_retire(context: Context, kid: Path<String>) -> HttpResponse {
    match enter(context, Action::RetireKey).await {
        Ok(console) => console.ask(console.retire_question(&kid), None).await,
        Err(answer) => answer,
    }
}

/// Retires a key.
pub async fn post_retire(
    context: Context,
    request: HttpRequest,
    kid: Path<String>,
    form: Result<FormFields, Problem>,
) -> HttpResponse {
    let (console, mut form) = match submitted(context, &request, form, Action::RetireKey).await {
        Ok(both) => both,
        Err(answer) => return answer,
    };
    if let Err(answer) = console.require_fresh(&retire_path(&kid)).await {
        return answer;
    }
    let (app, info, at_once) =
        (console.context().app.clone(), console.info(), form.take("now") == "on");
    let name = kid.clone();
    let work = async move {
        key_rotation::retire(app, name, at_once, info).await?;
        Ok(FormResult::Done { path: "/admin/keys".to_owned(), what: "retired" })
    };
    match console.once(form.take("form"), work).await {
        Ok(result) => console.answer(result),
        Err(problem) => console.ask(console.retire_question(&kid), Some(&problem)).await,
    }
}

/// The path of the page that retires a key. Names of imported keys can have any printable character.
fn retire_path(kid: &str) -> String {
    let mut path = String::from("/admin/keys/");
    for byte in kid.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            path.push(char::from(byte));
        } else {
            path.push_str(&format!("%{byte:02X}"));
        }
    }
    path + "/retire"
}

impl Console {
    async fn keys(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let found = context.run(keys::list(context.app.clone(), context.now())).await?;
        let mut blocks = Vec::new();
        if self.may(Action::RotateKeys) {
            let to = self.link("/admin/keys/rotate");
            let rotate = Choice::action(locale.t("console.key.rotate"), to);
            blocks.push(Block::Links(vec![rotate]));
        }
        let may_retire = self.may(Action::RetireKey);
        let row = |key: &PublicKey| {
            let mut cells = vec![
                Cell::code(&key.kid),
                Cell::text(key.alg.as_str()),
                self.key_state(key),
                Cell::text(locale.date_time(key.since)).noting(self.when(key.since)),
                key.next.as_ref().map_or_else(Cell::default, |next| self.next_stage(next)),
                key.verifiers.as_ref().map_or_else(Cell::default, |held| self.holders(held)),
            ];
            if may_retire {
                cells.push(match key.state {
                    KeyState::Retired => Cell::default(),
                    _ => Cell::link(
                        locale.t("console.key.retire"),
                        self.link(&retire_path(&key.kid)),
                    ),
                });
            }
            cells
        };
        let mut columns = [
            "console.key",
            "console.alg",
            "console.state",
            "console.since",
            "console.key.next",
            "console.key.verifiers",
        ]
        .map(|key| locale.t(key))
        .to_vec();
        if may_retire {
            columns.push(locale.t("console.action"));
        }
        blocks.push(Block::Table(Table {
            caption: locale.with("console.keys.caption", &[("n", &found.len().to_string())]),
            columns,
            rows: found.iter().map(row).collect(),
            ..Table::default()
        }));
        Ok(self.show(Content {
            menu: "/admin/keys",
            title: locale.t("console.keys").to_owned(),
            notice: self.notice(params),
            search: String::new(),
            same_as: "signet key list".to_owned(),
            sections: vec![Section { blocks, ..Section::default() }],
        }))
    }

    fn key_state(&self, key: &PublicKey) -> Cell {
        let locale = self.locale();
        let note = key.default.then(|| locale.t("console.key.default").to_owned());
        let cell = match key.state {
            KeyState::Active => Cell::state(State::Good, locale.t("console.key.active")),
            KeyState::Published => Cell::state(State::Plain, locale.t("console.key.published")),
            KeyState::Retiring => Cell::state(State::Plain, locale.t("console.key.retiring")),
            KeyState::Retired => Cell::state(State::Plain, locale.t("console.key.retired")),
        };
        Cell { note, ..cell }
    }

    fn next_stage(&self, next: &NextStage) -> Cell {
        let locale = self.locale();
        let what = match next.what {
            "successor" => "console.key.next.successor",
            "active" => "console.key.next.active",
            _ => "console.key.next.retired",
        };
        let waits = next.waits_for_verifiers.then(|| locale.t("console.key.waits").to_owned());
        Cell {
            note: waits,
            ..Cell::text(format!("{}: {}", locale.t(what), locale.date_time(next.at)))
        }
    }

    fn holders(&self, held: &Holders) -> Cell {
        let locale = self.locale();
        let values = [("n", &*held.holding.to_string()), ("all", &held.known.to_string())];
        let missing: Vec<String> = held
            .missing
            .iter()
            .map(|one| format!("{}, {}", one.name, self.when(one.last_fetch_at)))
            .collect();
        let note = (!missing.is_empty())
            .then(|| locale.with("console.key.missing", &[("names", &missing.join("; "))]));
        Cell { note, ..Cell::text(locale.with("console.key.held", &values)) }
    }

    fn rotate_question(&self) -> Question {
        let locale = self.locale();
        let now = locale.t("console.key.rotate_now").to_owned();
        Question {
            menu: "/admin/keys",
            title: locale.t("console.key.rotate").to_owned(),
            target: locale.t("console.key.rotate_target").to_owned(),
            effects: vec![locale.t("console.effect.rotate").to_owned()],
            path: "/admin/keys/rotate".to_owned(),
            cancel: "/admin/keys".to_owned(),
            form: self.form_id(),
            typed: None,
            options: vec![("now", now)],
            same_as: "signet key rotate".to_owned(),
        }
    }

    fn retire_question(&self, kid: &str) -> Question {
        let locale = self.locale();
        let now = locale.t("console.key.retire_now").to_owned();
        let effects = ["console.effect.retire", "console.effect.not_undone"];
        Question {
            menu: "/admin/keys",
            title: locale.t("console.key.retire").to_owned(),
            target: kid.to_owned(),
            effects: effects.iter().map(|key| locale.t(key).to_owned()).collect(),
            path: retire_path(kid),
            cancel: "/admin/keys".to_owned(),
            form: self.form_id(),
            typed: None,
            options: vec![("now", now)],
            same_as: command("signet key retire", kid, ""),
        }
    }
}
