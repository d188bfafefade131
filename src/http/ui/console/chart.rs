//! A chart as an inline drawing, and the same numbers as a table.
//!
//! Owns the geometry. Colours are classes of the stylesheet; no information depends on colour alone.

use crate::admin::activity::{Activity, Step};
use crate::domain::activity::OTHERS;
use crate::http::ui::Locale;
use crate::http::ui::pages::{Bar, Cell, Chart, Table};

/// The drawing, in its own units.
const WIDTH: i64 = 720;
const HEIGHT: i64 = 140;
/// The gap between two bars.
const GAP: i64 = 3;

/// The chart of counted events.
pub(super) fn of(
    locale: Locale,
    (id, title): (&'static str, &'static str),
    activity: &Activity,
) -> Chart {
    let names: Vec<String> = activity.keys.iter().map(|key| name(locale, id, key)).collect();
    let totals = activity.steps.iter().map(|step| step.counts.iter().sum::<i64>());
    let (most, all) = totals.fold((0, 0), |(most, all), n| (n.max(most), all + n));
    let values = [("all", &*all.to_string()), ("most", &most.to_string())];
    let first = activity.steps.first().map_or(activity.until, |step| step.at);
    let columns = [locale.t("console.chart.time")].into_iter();
    let rows = activity.steps.iter().rev().filter(|step| step.counts.iter().any(|n| *n > 0));
    let row = |step: &Step| {
        let counts = step.counts.iter().map(|n| Cell::text(n.to_string()));
        [Cell::text(locale.date_time(step.at))].into_iter().chain(counts).collect()
    };
    let mut table = Table {
        caption: title.to_owned(),
        columns: columns.collect(),
        rows: rows.map(row).collect(),
        empty: locale.t("console.chart.empty").to_owned(),
        ..Table::default()
    };
    table.headings = names.clone();
    Chart {
        id,
        title: title.to_owned(),
        summary: locale.with("console.chart.summary", &values),
        width: WIDTH,
        height: HEIGHT,
        bars: bars(&activity.steps, most),
        from: locale.date_time(first),
        until: locale.date_time(activity.until),
        legend: names.into_iter().enumerate().collect(),
        details: locale.t("console.chart.details"),
        table,
    }
}

/// The label of a key of a chart: results in words, clients and APIs by their identifiers.
fn name(locale: Locale, chart: &str, key: &str) -> String {
    let result = match (chart, key) {
        (_, OTHERS) => "console.chart.others",
        ("logins", "ok") => "console.result.ok",
        ("logins", "failed") => "console.result.failed",
        ("logins", "factor_failed") => "console.result.factor_failed",
        ("logins", "throttled") => "console.result.throttled",
        ("refreshes", "rotated") => "console.result.rotated",
        ("refreshes", "resent") => "console.result.resent",
        ("refreshes", "superseded") => "console.result.superseded",
        ("refreshes", "kept") => "console.result.kept",
        ("refreshes", "widened") => "console.result.widened",
        ("refreshes", "not_genuine") => "console.result.not_genuine",
        ("refreshes", "expired") => "console.result.expired",
        ("refreshes", "ended") => "console.result.ended",
        ("refreshes", "reuse_detected") => "console.result.reuse_detected",
        ("refreshes", "rollback_detected") => "console.result.rollback_detected",
        _ => return key.to_owned(),
    };
    locale.t(result).to_owned()
}

/// The bars, with the keys stacked on each other.
fn bars(steps: &[Step], most: i64) -> Vec<Bar> {
    let width = WIDTH / i64::try_from(steps.len()).unwrap_or(1).max(1);
    let top = |n: i64| n.saturating_mul(HEIGHT - 4) / most.max(1);
    let mut bars = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        let x = i64::try_from(place).unwrap_or_default() * width;
        let mut below = 0;
        for (series, n) in step.counts.iter().enumerate().filter(|(_, n)| **n > 0) {
            // At least a line, so that one event among thousands is visible.
            let (from, until) = (top(below), top(below + n).max(top(below) + 2));
            let (y, height) = (HEIGHT - until, until - from);
            bars.push(Bar { series, x, y, width: (width - GAP).max(1), height });
            below += n;
        }
    }
    bars
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::Timestamp;

    #[test]
    fn bars_stand_upon_each_other_and_stay_within_the_drawing() {
        let step = |counts: &[i64]| Step { at: Timestamp::from_secs(0), counts: counts.to_vec() };
        let found = bars(&[step(&[1, 0, 3]), step(&[0, 0, 0]), step(&[4_000, 1, 0])], 4_001);
        assert_eq!(found.len(), 4, "{found:?}");
        assert!(found.iter().all(|bar| bar.height >= 2 && bar.y >= 0), "{found:?}");
        assert!(found.iter().all(|bar| bar.y + bar.height <= HEIGHT), "{found:?}");
        assert!(found.iter().all(|bar| bar.x + bar.width <= WIDTH), "{found:?}");
        assert_eq!((found[2].series, found[3].series), (0, 1));
        assert_eq!(found[2].y, found[3].y + found[3].height);
    }
}
