//! Events of the audit trail as a table, with links to the objects that an event names.

use std::collections::HashMap;

use crate::base::id::UserId;
use crate::domain::audit::EventKind;
use crate::domain::base_path::Link;
use crate::domain::client::BUILT_IN;
use crate::http::ui::pages::{Cell, Table};
use crate::store::audit::StoredEvent;

use super::access::Action;
use super::{Console, count, query};

const COLUMNS: [&str; 8] = [
    "console.time",
    "console.kind",
    "console.who",
    "console.whom",
    "console.client",
    "console.address",
    "console.reason",
    "console.events.more",
];

impl Console {
    /// Events as a table.
    pub(super) fn event_table(
        &self,
        events: &[StoredEvent],
        names: &HashMap<UserId, String>,
        has_more: bool,
    ) -> Table {
        let locale = self.locale();
        Table {
            caption: locale
                .with("console.events.caption", &[("n", &count(events.len(), has_more))]),
            columns: COLUMNS.map(|key| locale.t(key)).to_vec(),
            rows: events.iter().map(|event| self.event_row(event, names)).collect(),
            empty: locale.t("console.events.none").to_owned(),
            ..Table::default()
        }
    }

    fn event_row(&self, event: &StoredEvent, names: &HashMap<UserId, String>) -> Vec<Cell> {
        let locale = self.locale();
        let times = (event.times > 1).then(|| event.times.to_string());
        let times = times.map(|n| locale.with("history.times", &[("n", &n)]));
        let about = event.user_id.map_or_else(Cell::default, |id| self.user_cell(names, id));
        let client =
            event.client_id.as_deref().map_or_else(Cell::default, |id| self.client_cell(id));
        let address = event.address.as_deref().map_or_else(Cell::default, |address| Cell {
            href: self.events_of("address", address),
            ..Cell::text(address)
        });
        let mut more = Vec::new();
        if let Some(session) = event.session_id {
            let session = session.to_string();
            let all = self.events_of("session", &session);
            more.extend(all.map(|to| (locale.t("console.events.session").to_owned(), to)));
        }
        // Commands and jobs have no request.
        let request = Some(&*event.request_id).filter(|id| !id.is_empty());
        let request = request.and_then(|id| self.events_of("request", id));
        more.extend(request.map(|to| (locale.t("console.events.request").to_owned(), to)));
        vec![
            Cell::text(locale.date_time(event.at)).noting(self.when(event.at)),
            Cell { note: times, ..Cell::code(&event.kind) },
            self.actor_cell(event, names),
            about,
            client,
            address,
            self.reason_cell(event),
            Cell { more, ..Cell::default() },
        ]
    }

    /// The actor of an event: a user, a client with its key, or the command line, a file and so on.
    fn actor_cell(&self, event: &StoredEvent, names: &HashMap<UserId, String>) -> Cell {
        if let Some(client_id) = &event.actor_client_id {
            let key = event.actor_key_id.map(|key| {
                let key = key.to_string();
                self.locale().with("console.events.key", &[("key", &key)])
            });
            return Cell { note: key, ..self.client_cell(client_id) };
        }
        match event.actor_id {
            Some(id) => self.user_cell(names, id),
            None => Cell::text(&event.via),
        }
    }

    /// A client by its `client_id`.
    fn client_cell(&self, client_id: &str) -> Cell {
        let href = self.client_link(client_id);
        match client_id == BUILT_IN {
            true => Cell::text(self.visited.client_name(client_id)),
            false => Cell { href, ..Cell::text(client_id) },
        }
    }

    /// The reason of a failed attempt, and other details. The id of a signing key links to the keys.
    fn reason_cell(&self, event: &StoredEvent) -> Cell {
        let is_key = event.kind.parse().is_ok_and(|kind: EventKind| {
            use EventKind::{KeyActivated, KeyPublished, KeyRetired, KeyStopped};
            [KeyActivated, KeyPublished, KeyRetired, KeyStopped].contains(&kind)
        });
        let keys = (is_key && self.may(Action::ReadKeys)).then(|| self.link("/admin/keys"));
        let text = [&event.reason, &event.detail].into_iter().flatten();
        // The client has its own column.
        let text = text.filter(|text| event.client_id.as_ref() != Some(*text));
        let text = text.cloned().collect::<Vec<_>>().join(" · ");
        Cell { href: keys, ..Cell::text(text) }
    }

    /// A link to the events with this filter, if this user may read them.
    fn events_of(&self, filter: &str, value: &str) -> Option<Link> {
        let to = || self.link("/admin/audit").with_query(&query(&[(filter, value)]));
        self.may(Action::ReadAudit).then(to)
    }
}

/// The users that events name.
pub(super) fn users_of(events: &[StoredEvent]) -> impl Iterator<Item = UserId> {
    events.iter().flat_map(|event| [event.actor_id, event.user_id]).flatten()
}
