//! `/admin/settings`: the effective settings and their sources. Secrets are masked.

use actix_web::HttpResponse;

use crate::config::{Origin, Shown};
use crate::http::context::Context;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Section, State, Table};

use super::access::Action;
use super::{Console, Content, enter};

/// The list of settings.
pub async fn get(context: Context) -> PageResult {
    let console = enter(context, Action::ReadKeys).await?;
    Ok(console.settings())
}

impl Console {
    fn settings(&self) -> HttpResponse {
        let locale = self.locale();
        let row = |shown: &Shown| {
            let origin = shown.origin.to_string();
            let origin = match shown.origin {
                Origin::Default => Cell::text(locale.t("console.settings.default")),
                _ => Cell::state(State::Good, origin),
            };
            vec![Cell::code(shown.name), Cell::code(&shown.value), origin]
        };
        let shown = &self.context().app.config.shown;
        let table = Table {
            caption: locale.with("console.settings.caption", &[("n", &shown.len().to_string())]),
            columns: ["console.setting", "console.value", "console.origin"]
                .map(|key| locale.t(key))
                .to_vec(),
            rows: shown.iter().map(row).collect(),
            ..Table::default()
        };
        let how = Block::Text(locale.t("console.settings.how").to_owned());
        self.show(Content {
            menu: "/admin/settings",
            title: locale.t("console.settings").to_owned(),
            notice: None,
            search: String::new(),
            same_as: "signet config show".to_owned(),
            sections: vec![Section {
                blocks: vec![how, Block::table(table)],
                ..Section::default()
            }],
        })
    }
}
