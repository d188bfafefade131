//! `/admin`: whether the last hours were normal.

use actix_web::HttpResponse;

use crate::admin::activity::{self, Range};
use crate::admin::attention;
use crate::domain::activity::Series;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Choice, Section};

use super::access::Action;
use super::{Console, Content, OrPageOf, chart, enter};

/// The charts of the page: series, id and the key of the heading.
const CHARTS: [(Series, &str, &str); 4] = [
    (Series::Logins, "logins", "console.chart.logins"),
    (Series::Refreshes, "refreshes", "console.chart.refreshes"),
    (Series::TokensByClient, "clients", "console.chart.clients"),
    (Series::TokensByApi, "apis", "console.chart.apis"),
];

/// The page. A range that does not exist is a day.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let params = params.ok();
    let range = params.as_ref().and_then(|params| params.get("range")?.parse().ok());
    let console = enter(context, Action::ReadUsers).await?;
    console.overview(range.unwrap_or(Range::Day)).await.or_page_of(&console)
}

impl Console {
    async fn overview(&self, range: Range) -> Result<HttpResponse, Problem> {
        let (context, locale) = (self.context(), self.locale());
        let ranges = Range::ALL.iter().map(|other| Choice {
            is_current: *other == range,
            ..Choice::link(
                locale.t(match other {
                    Range::SixHours => "console.range.6h",
                    Range::Day => "console.range.24h",
                    Range::Month => "console.range.30d",
                }),
                self.link("/admin").with_query(&format!("range={other}")),
            )
        });
        let mut sections = vec![self.day_section().await?];
        if self.may(Action::ReadKeys) {
            let work = attention::collect(context.app.clone(), context.now());
            let (found, health) = context.run(work).await?;
            sections.insert(0, self.attention_section(&found));
            sections.push(Section {
                blocks: vec![Block::table(self.process_table(&health))],
                ..Section::default()
            });
        }
        let place = sections.len() - usize::from(self.may(Action::ReadKeys));
        let mut charts = Vec::new();
        for (series, id, title) in CHARTS {
            let work = activity::over(context.app.clone(), series, range, context.now());
            let found = context.run(work).await?;
            charts.push(chart::of(locale, (id, locale.t(title)), &found));
        }
        let delay = Block::Text(locale.t("console.chart.delay").to_owned());
        let heading = Some(locale.t("console.charts").to_owned());
        let blocks = vec![Block::Links(ranges.collect()), Block::Charts(charts), delay];
        sections.insert(place, Section { id: "charts", heading, blocks });
        Ok(self.show(Content {
            menu: "/admin",
            title: locale.t("console.overview").to_owned(),
            notice: None,
            search: String::new(),
            same_as: String::new(),
            sections,
        }))
    }
}
