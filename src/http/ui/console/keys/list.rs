//! The signing keys: the state of each, the next step, and which resource servers still lack a new key.

use actix_web::HttpResponse;

use crate::admin::keys::{self, Holders, NextStage, PublicKey};
use crate::domain::signing_key::KeyState;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{Console, Content, OrPageOf, enter_with};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Choice, Section, State, Table};

use super::retire;

/// The list of signing keys.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let (console, params) = enter_with(context, Action::ReadKeys, params).await?;
    console.keys(&params).await.or_page_of(&console)
}

impl Console {
    /// Every signing key.
    pub(super) async fn signing_keys(&self) -> Result<Vec<PublicKey>, Problem> {
        let context = self.context();
        context.run(keys::list(context.app.clone(), context.now())).await
    }

    async fn keys(&self, params: &Params) -> Result<HttpResponse, Problem> {
        let locale = self.locale();
        let found = self.signing_keys().await?;
        let mut blocks = Vec::new();
        if self.may(Action::RotateKeys) {
            let to = |path: &str| self.link(path);
            blocks.push(Block::Links(vec![
                Choice::action(locale.t("console.key.rotate"), to("/admin/keys/rotate")),
                Choice::danger(locale.t("console.key.rotate_now"), to("/admin/keys/rotate-now")),
            ]));
        }
        blocks.push(Block::table(self.key_table(&found)));
        let who = Section {
            id: "holders",
            heading: Some(locale.t("console.key.who").to_owned()),
            blocks: self.old_keys(&found).into_iter().map(Block::Text).collect(),
        };
        Ok(self.show(Content {
            menu: "/admin/keys",
            title: locale.t("console.keys").to_owned(),
            notice: self.notice(params),
            search: String::new(),
            same_as: "signet key list".to_owned(),
            sections: vec![Section { blocks, ..Section::default() }, who],
        }))
    }

    fn key_table(&self, found: &[PublicKey]) -> Table {
        let locale = self.locale();
        let may_retire = self.may(Action::RetireKey);
        let row = |key: &PublicKey| {
            let mut cells = vec![
                Cell::code(&key.kid),
                Cell::text(key.alg.as_str()),
                self.key_state(key),
                Cell::text(self.when(key.since)).noting(locale.date_time(key.since)),
                key.next.as_ref().map_or_else(Cell::default, |next| self.next_stage(next)),
                key.verifiers.as_ref().map_or_else(Cell::default, |held| self.holders(held)),
            ];
            if may_retire {
                let to = |now| self.link(&retire::path(&key.kid, now));
                cells.push(match key.state {
                    KeyState::Retired => Cell::default(),
                    KeyState::Published => Cell::link(locale.t("console.key.retire"), to(false)),
                    KeyState::Active | KeyState::Retiring => {
                        Cell::link(locale.t("console.key.retire_now"), to(true))
                    }
                });
            }
            cells
        };
        let columns = [
            "console.key",
            "console.alg",
            "console.state",
            "console.since",
            "console.key.next",
            "console.key.verifiers",
            "console.action",
        ];
        let shown = if may_retire { columns.len() } else { columns.len() - 1 };
        Table {
            caption: locale.with("console.keys.caption", &[("n", &found.len().to_string())]),
            columns: columns.iter().take(shown).map(|key| locale.t(key)).collect(),
            rows: found.iter().map(row).collect(),
            ..Table::default()
        }
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
        let what = locale.t(match next.what {
            "successor" => "console.key.next.successor",
            "active" => "console.key.next.active",
            _ => "console.key.next.retired",
        });
        match next.waits_for_verifiers {
            true => Cell::text(what).noting(locale.t("console.key.waits")),
            false => Cell::text(format!("{what} {}", locale.until(next.at, self.now())))
                .noting(locale.date_time(next.at)),
        }
    }

    fn holders(&self, held: &Holders) -> Cell {
        let locale = self.locale();
        if held.known == 0 {
            return Cell::text(locale.t("console.key.no_verifier"));
        }
        let values = [("n", &*held.holding.to_string()), ("all", &held.known.to_string())];
        let missing = self.missing(held);
        let note = (!missing.is_empty())
            .then(|| locale.with("console.key.missing", &[("names", &missing)]));
        Cell { note, ..Cell::text(locale.with("console.key.held", &values)) }
    }

    /// The resource servers that have not fetched a key, each with its last fetch.
    pub(super) fn missing(&self, held: &Holders) -> String {
        let locale = self.locale();
        let one = |missing: &keys::Missing| {
            format!("{} ({})", missing.name, self.when(missing.last_fetch_at))
        };
        let mut names: Vec<String> = held.missing.iter().map(one).collect();
        let further = held.known.saturating_sub(held.holding + held.missing.len());
        if further > 0 {
            names.push(locale.with("console.key.further", &[("n", &further.to_string())]));
        }
        names.join(", ")
    }

    /// For each algorithm, which verifiers still use the key before the newest one.
    fn old_keys(&self, found: &[PublicKey]) -> Vec<String> {
        let locale = self.locale();
        if found.iter().filter_map(|key| key.verifiers.as_ref()).all(|held| held.known == 0) {
            return vec![locale.t("console.key.no_verifier_how").to_owned()];
        }
        let mut texts = Vec::new();
        for (place, newest) in found.iter().enumerate() {
            let is_public = |key: &&PublicKey| key.state.is_public() && key.alg == newest.alg;
            let Some(held) = &newest.verifiers else { continue };
            if found.iter().skip(place + 1).any(|later| is_public(&later)) {
                continue;
            }
            let before = found.iter().take(place).rfind(is_public);
            let Some(before) = before else {
                let values = [("kid", &*newest.kid), ("alg", newest.alg.as_str())];
                texts.push(locale.with("console.key.only", &values));
                continue;
            };
            let missing = self.missing(held);
            let values = [
                ("old", &*before.kid),
                ("new", &newest.kid),
                ("alg", newest.alg.as_str()),
                ("n", &held.holding.to_string()),
                ("all", &held.known.to_string()),
                ("names", &missing),
            ];
            texts.push(locale.with(
                match missing.is_empty() {
                    true => "console.key.old_unused",
                    false => "console.key.old_used",
                },
                &values,
            ));
            let gone = before.next.as_ref().filter(|next| next.what == "retired");
            if let Some(gone) = gone {
                let values = [("old", &*before.kid), ("at", &locale.date_time(gone.at))];
                texts.push(locale.with("console.key.old_goes", &values));
            }
        }
        texts
    }
}
