//! The findings that need attention, each with a link; and a comparison of the last day with the days before.

use crate::admin::activity::{self, DayActivity};
use crate::admin::attention::Finding;
use crate::domain::day_comparison::{DayComparison, range};
use crate::http::ui::pages::{Block, Cell, Section, State, Table};

use super::{Console, client_path};

impl Console {
    /// The section of findings that need attention.
    pub(super) fn attention_section(&self, found: &[Finding]) -> Section {
        let locale = self.locale();
        let table = Table {
            caption: locale.with("console.attention.caption", &[("n", &found.len().to_string())]),
            columns: ["console.attention.what", "console.attention.where"]
                .map(|key| locale.t(key))
                .to_vec(),
            rows: found.iter().map(|finding| self.finding_row(finding)).collect(),
            ..Table::default()
        };
        let block = match found.is_empty() {
            true => Block::Text(locale.t("console.attention.none").to_owned()),
            false => Block::table(table),
        };
        Section {
            id: "attention",
            heading: Some(locale.t("console.attention").to_owned()),
            blocks: vec![block],
        }
    }

    fn finding_row(&self, finding: &Finding) -> Vec<Cell> {
        let locale = self.locale();
        let to = |key: &str, path: &str| Cell::link(locale.t(key), self.link(path));
        let (text, place) = match finding {
            Finding::ReadOnly => (
                locale.t("console.attention.read_only").to_owned(),
                to("console.health", "/admin/health"),
            ),
            Finding::NotSigning => (
                locale.t("console.attention.signing").to_owned(),
                to("console.health", "/admin/health"),
            ),
            Finding::Clock => (
                locale.t("console.attention.clock").to_owned(),
                to("console.health", "/admin/health"),
            ),
            Finding::Settings { n } => (
                locale.with("console.attention.settings", &[("n", &n.to_string())]),
                to("console.health", "/admin/health"),
            ),
            Finding::KeyWaits { kid, missing } => {
                let values = [("kid", &**kid), ("n", &missing.to_string())];
                (locale.with("console.attention.key", &values), to("console.keys", "/admin/keys"))
            }
            Finding::Mails { n, since } => {
                let values = [("n", &*n.to_string()), ("since", &self.when(*since))];
                (
                    locale.with("console.attention.mails", &values),
                    Cell::code("signet mail test ADDRESS"),
                )
            }
            Finding::Drift { source, n } => {
                let values = [("source", &**source), ("n", &n.to_string())];
                (locale.with("console.attention.drift", &values), Cell::code("signet drift"))
            }
            Finding::AdminKey { client_id, name, expires_at } => {
                let values = [("name", &**name), ("when", &locale.until(*expires_at, self.now()))];
                let href = self.link(&client_path(client_id));
                (locale.with("console.attention.admin_key", &values), Cell::link(client_id, href))
            }
        };
        vec![Cell::state(State::Alarm, text), place]
    }

    /// The section that compares the last day with the six before.
    pub(super) fn day_section(&self, days: &[DayActivity]) -> Section {
        let locale = self.locale();
        let named = |activity: &DayActivity| locale.t(of_key(activity.what));
        let compared: Vec<(&DayActivity, DayComparison)> =
            days.iter().map(|one| (one, DayComparison::of(one.day, &one.before))).collect();
        let unusual: Vec<&str> = compared
            .iter()
            .filter(|(_, how)| matches!(how, DayComparison::More | DayComparison::Less))
            .map(|(activity, _)| named(activity))
            .collect();
        let is_unknown = compared.iter().all(|(_, how)| *how == DayComparison::Unknown);
        let text = match (is_unknown, unusual.is_empty()) {
            (true, _) => locale.t("console.day.unknown").to_owned(),
            (false, true) => locale.t("console.day.usual").to_owned(),
            (false, false) => locale.with("console.day.unusual", &[("names", &unusual.join(", "))]),
        };
        let row = |(activity, how): &(&DayActivity, DayComparison)| {
            let [least, most] = range(&activity.before).map(|n| n.to_string());
            let state = match how {
                DayComparison::Unknown => {
                    Cell::state(State::Plain, locale.t("console.day.is_unknown"))
                }
                DayComparison::Usual => Cell::state(State::Good, locale.t("console.day.is_usual")),
                DayComparison::More => Cell::state(State::Alarm, locale.t("console.day.is_more")),
                DayComparison::Less => Cell::state(State::Alarm, locale.t("console.day.is_less")),
            };
            let before = [("least", &*least), ("most", &most)];
            vec![
                Cell::text(named(activity)),
                Cell::text(activity.day.to_string()),
                Cell::text(locale.with("console.day.range", &before)),
                state,
            ]
        };
        let columns =
            ["console.day.what", "console.day.last", "console.day.before", "console.state"];
        let table = Table {
            caption: locale.t("console.day.caption").to_owned(),
            columns: columns.map(|key| locale.t(key)).to_vec(),
            rows: compared.iter().map(row).collect(),
            ..Table::default()
        };
        Section {
            id: "day",
            heading: Some(locale.t("console.day").to_owned()),
            blocks: vec![Block::Text(text), Block::table(table)],
        }
    }
}

const fn of_key(what: activity::Counted) -> &'static str {
    use activity::Counted::{Failures, Logins, Refreshes, Tokens};
    match what {
        Logins => "console.day.logins",
        Failures => "console.day.failures",
        Refreshes => "console.day.refreshes",
        Tokens => "console.day.tokens",
    }
}
