//! `signet overview`: whether the last hours were normal, like the first page of the console.

use clap::Args;

use crate::admin::activity::{DayActivity, Range};
use crate::admin::attention::Finding;
use crate::admin::overview::{self, Overview};
use crate::base::Timestamp;
use crate::domain::activity::OTHERS;
use crate::domain::day_comparison::{DayComparison, range};
use crate::view;

use super::error::CommandError;
use super::health;
use super::output::{self, Format, Output};
use super::relative_time::ago;
use super::table::Table;
use super::value_parsers::words;
use super::with_app::with_app;

/// `signet overview`.
#[derive(Debug, Args)]
pub struct OverviewArgs {
    /// The period over which sign-ins, refreshes and tokens are counted
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = words(Range::ALL, Range::as_str))]
    range: Range,
}

/// Collects and prints the overview.
pub fn run(args: &OverviewArgs, output: Output) -> Result<(), CommandError> {
    with_app(async |app| {
        let work = overview::collect(app.clone(), args.range, true, app.now());
        let found = app.run_to_completion(work).await?;
        match output.format() {
            Format::Table => Ok(output::write(&text(&found, output.now()))?),
            _ => Ok(output.object(&view::overview(&found, args.range))?),
        }
    })
}

fn text(found: &Overview, now: Timestamp) -> String {
    let mut text = String::new();
    if let Some((attention, _)) = &found.state {
        let findings: Vec<Vec<String>> =
            attention.iter().map(|finding| vec![sentence(finding, now)]).collect();
        match findings.is_empty() {
            true => text.push_str("Nothing needs attention.\n"),
            false => text.push_str(&Table::new(&["needs attention"]).lines(&findings)),
        }
        text.push('\n');
    }
    let days: Vec<Vec<String>> = found.days.iter().map(day).collect();
    let head = &["what", "last 24 hours", "six days before", "comparison"];
    text.push_str(&Table::new(head).lines(&days));
    text.push('\n');
    let mut totals = Vec::new();
    for (series, activity) in &found.activity {
        for (place, key) in activity.keys.iter().enumerate() {
            let counts = activity.steps.iter().filter_map(|step| step.counts.get(place));
            let key = if key == OTHERS { "(others)" } else { key };
            totals.push(vec![series.to_string(), key.to_owned(), counts.sum::<i64>().to_string()]);
        }
    }
    text.push_str(&Table::new(&["series", "key", "count"]).lines(&totals));
    if let Some((_, found)) = &found.state {
        text.push('\n');
        text.push_str(&health::table(found, now));
    }
    text
}

fn day(of: &DayActivity) -> Vec<String> {
    let [least, most] = range(&of.before);
    let comparison = DayComparison::of(of.day, &of.before);
    vec![
        of.what.to_string(),
        of.day.to_string(),
        format!("{least} to {most} a day"),
        comparison.to_string(),
    ]
}

fn sentence(finding: &Finding, now: Timestamp) -> String {
    match finding {
        Finding::ReadOnly => "the database cannot be written".to_owned(),
        Finding::NotSigning => "tokens cannot be signed or verified".to_owned(),
        Finding::Clock => "the clock differs from that of the database".to_owned(),
        Finding::Settings { n } => format!("settings that differ between servers: {n}"),
        Finding::KeyWaits { kid, missing } => {
            format!("key {kid} waits for {missing} resource servers that have not fetched it")
        }
        Finding::Mails { n, since } => {
            format!("mails that are not delivered: {n}; the oldest was queued {}", ago(*since, now))
        }
        Finding::Drift { source, n } => format!("objects of {source} changed elsewhere: {n}"),
        Finding::AdminKey { client_id, name, expires_at } => {
            let ends = ago(*expires_at, now);
            format!("the administration key {name:?} of {client_id} expires {ends}")
        }
    }
}
