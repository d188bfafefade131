//! `/admin`: the overview, whether the last hours were normal.

use actix_web::HttpResponse;

use crate::admin::activity::Range;
use crate::admin::overview;
use crate::domain::activity::Series;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::{Block, Choice, Section};

use super::access::Action;
use super::{Console, Content, OrPageOf, chart, enter};

/// The id of a chart and the key of its heading.
const fn heading(series: Series) -> (&'static str, &'static str) {
    match series {
        Series::Logins => ("logins", "console.chart.logins"),
        Series::Refreshes => ("refreshes", "console.chart.refreshes"),
        Series::TokensByClient => ("clients", "console.chart.clients"),
        Series::TokensByApi => ("apis", "console.chart.apis"),
    }
}

/// The page. An unknown range means a day.
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
        let may_see_state = self.may(Action::ReadKeys);
        let work = overview::collect(context.app.clone(), range, may_see_state, context.now());
        let found = context.run(work).await?;
        let charts = found.activity.iter().map(|(series, activity)| {
            let (id, title) = heading(*series);
            chart::of(locale, (id, locale.t(title)), activity)
        });
        let delay = Block::Text(locale.t("console.chart.delay").to_owned());
        let blocks = vec![Block::Links(ranges.collect()), Block::Charts(charts.collect()), delay];
        let charts = locale.t("console.charts").to_owned();
        let mut sections = vec![
            self.day_section(&found.days),
            Section { id: "charts", heading: Some(charts), blocks },
        ];
        if let Some((attention, health)) = &found.state {
            sections.insert(0, self.attention_section(attention));
            sections.push(Section {
                blocks: vec![Block::table(self.process_table(health))],
                ..Section::default()
            });
        }
        Ok(self.show(Content {
            menu: "/admin",
            title: locale.t("console.overview").to_owned(),
            notice: None,
            search: String::new(),
            same_as: format!("signet overview --range {range}"),
            sections,
        }))
    }
}
