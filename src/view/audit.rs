//! The JSON of audit events.

use serde_json::{Value, json};

use crate::admin::audit::EventPage;
use crate::base::Timestamp;
use crate::store::audit::StoredEvent;

use super::csv;

/// An audit event.
#[must_use]
pub fn event(event: &StoredEvent) -> Value {
    json!({
        "id": event.id,
        "at": event.at.rfc3339(),
        "kind": event.kind,
        "via": event.via,
        "actor_id": event.actor_id,
        "actor_client_id": event.actor_client_id,
        "actor_key_id": event.actor_key_id,
        "user_id": event.user_id,
        "session_id": event.session_id,
        "address": event.address,
        "request_id": event.request_id,
        "detail": event.detail,
        "times": event.times,
        "last_at": event.last_at.map(Timestamp::rfc3339),
        "reason": event.reason,
        "client_id": event.client_id,
    })
}

/// A page of events.
#[must_use]
pub fn page(page: &EventPage) -> Value {
    let mut value = super::page(&page.page, event);
    value["cut_off"] = json!(page.cut_off);
    value
}

/// Events as CSV, with the header if `header` is set.
#[must_use]
pub fn csv(events: &[StoredEvent], header: bool) -> String {
    let mut text = if header { csv::header(&COLUMNS) } else { String::new() };
    events.iter().for_each(|event| text.push_str(&csv::row(&self::event(event), &COLUMNS)));
    text
}

/// Events as JSON, one per line.
#[must_use]
pub fn ndjson(events: &[StoredEvent]) -> String {
    events.iter().map(|event| format!("{}\n", self::event(event))).collect()
}

/// The columns of CSV: the members of an event.
const COLUMNS: [&str; 16] = [
    "id",
    "at",
    "kind",
    "via",
    "actor_id",
    "actor_client_id",
    "actor_key_id",
    "user_id",
    "session_id",
    "address",
    "request_id",
    "detail",
    "times",
    "last_at",
    "reason",
    "client_id",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::base::id::AuditId;

    #[test]
    fn every_member_of_an_event_is_a_column() {
        let event = StoredEvent {
            id: AuditId::from_uuid(uuid::Uuid::nil()),
            at: Timestamp::from_secs(0),
            kind: "terms.accepted".to_owned(),
            via: "http".to_owned(),
            actor_id: None,
            actor_client_id: None,
            actor_key_id: None,
            user_id: None,
            session_id: None,
            address: None,
            request_id: "=1+1".to_owned(),
            detail: Some("a,\"b\"".to_owned()),
            times: 2,
            last_at: None,
            reason: None,
            client_id: None,
        };
        let members: Vec<String> =
            self::event(&event).as_object().unwrap().keys().cloned().collect();
        assert_eq!(members, COLUMNS);
        let text = csv(&[event], true);
        let (header, row) = text.split_once("\r\n").unwrap();
        assert_eq!(header, COLUMNS.join(","));
        assert_eq!(
            row,
            "00000000-0000-0000-0000-000000000000,1970-01-01T00:00:00.000Z,terms.accepted,http,,,,,,,\
             '=1+1,\"a,\"\"b\"\"\",2,,,\r\n"
        );
    }
}
