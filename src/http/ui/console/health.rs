//! `/admin/health`: whether the server can work, and which processes share the database.

use actix_web::HttpResponse;

use crate::admin::health::{self, Health};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Cell, Fact, Section, State, Table};

use super::access::Action;
use super::{Console, Content, OrPageOf, enter};

/// The health page.
pub async fn get(context: Context) -> PageResult {
    let console = enter(context, Action::ReadKeys).await?;
    console.health().await.or_page_of(&console)
}

impl Console {
    async fn health(&self) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let found = context.run(health::collect(context.app.clone(), context.now())).await?;
        let state = |is_good: bool| {
            let key = if is_good { "console.health.good" } else { "console.health.bad" };
            Cell::state(if is_good { State::Good } else { State::Alarm }, locale.t(key))
        };
        let fact = |key: &str, is_good: bool| Fact { name: locale.t(key), value: state(is_good) };
        let facts = vec![
            fact("console.health.read", found.reads),
            fact("console.health.write", found.writes),
            fact("console.health.signing", found.signs),
            fact("console.health.clock", found.clock_agrees),
            fact("console.health.settings", found.differing_settings == 0),
        ];
        Ok(self.show(Content {
            menu: "/admin/health",
            title: locale.t("console.health").to_owned(),
            notice: None,
            search: String::new(),
            same_as: "signet health --details".to_owned(),
            sections: vec![
                Section { blocks: vec![Block::Facts(facts)], ..Section::default() },
                Section {
                    blocks: vec![Block::table(self.process_table(&found))],
                    ..Section::default()
                },
            ],
        }))
    }

    pub(super) fn process_table(&self, found: &Health) -> Table {
        let locale = self.locale();
        let rows = found.processes.iter().map(|process| {
            vec![
                Cell::text(&process.name).noting(process.id.to_string()),
                Cell::text(&process.version),
                Cell::text(self.when(process.started_at)),
                Cell::text(self.when(process.beat_at)),
            ]
        });
        Table {
            caption: locale.t("console.processes").to_owned(),
            columns: ["console.name", "console.version", "console.started", "console.seen"]
                .map(|key| locale.t(key))
                .to_vec(),
            rows: rows.collect(),
            empty: locale.t("console.processes.none").to_owned(),
            ..Table::default()
        }
    }
}
