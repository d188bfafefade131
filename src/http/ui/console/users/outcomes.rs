//! The outcome of a bulk action for each user.

use actix_web::HttpResponse;

use crate::app::BulkResult;
use crate::base::id::UserId;
use crate::domain::outcome::Refusal;
use crate::http::ui::console::{Console, Content};
use crate::http::ui::pages::{Block, Cell, Choice, Section, State, Table};

use super::bulk::BulkAction;

impl Console {
    /// The page with the outcome for each user.
    pub(in crate::http::ui::console) fn bulk_outcomes(&self, done: &BulkResult) -> HttpResponse {
        let locale = self.locale();
        let row = |(id, login, refused): &(UserId, String, Option<Refusal>)| {
            let (state, why) = match refused {
                None => (Cell::state(State::Good, locale.t("console.bulk.done")), String::new()),
                Some(Refusal { code, reason, message, .. }) => (
                    Cell::state(State::Alarm, locale.t("console.bulk.refused")),
                    locale.error((*code, *reason), message).to_owned(),
                ),
            };
            vec![Cell::link(login, self.user_link(id)), state, Cell::text(why)]
        };
        let (mut rows, mut refused) = (Vec::new(), 0_usize);
        // Outcomes that need attention come first.
        for outcome in done.outcomes.iter().filter(|(_, _, refused)| refused.is_some()) {
            rows.push(row(outcome));
            refused += 1;
        }
        rows.extend(done.outcomes.iter().filter(|(_, _, refused)| refused.is_none()).map(row));
        let all = done.outcomes.len().saturating_sub(refused).to_string();
        let values =
            [("n", &*all), ("refused", &*refused.to_string())].map(|(k, v)| (k, v.to_owned()));
        let values: Vec<(&str, &str)> = values.iter().map(|(k, v)| (*k, &**v)).collect();
        let title = done.action.parse::<BulkAction>().map_or("", BulkAction::title);
        let table = Table {
            caption: locale.with("console.bulk.outcome", &values),
            columns: ["console.login", "console.state", "console.why.reason"]
                .map(|key| locale.t(key))
                .to_vec(),
            rows,
            empty: locale.t("console.bulk.gone").to_owned(),
            ..Table::default()
        };
        let back = Choice::link(locale.t("console.bulk.back"), self.link("/admin/users"));
        self.show(Content {
            menu: "/admin/users",
            title: locale.t(title).to_owned(),
            notice: None,
            search: String::new(),
            same_as: String::new(),
            sections: vec![Section {
                blocks: vec![Block::table(table), Block::Links(vec![back])],
                ..Section::default()
            }],
        })
    }
}
