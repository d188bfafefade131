//! The audit trail.

use super::{AFTER, LIMIT};
use crate::admin::audit::ExportFormat;
use crate::domain::audit::{EventKind, Via};
use crate::domain::failure_reason::FailureReason;
use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Operation, Parameter, Response, Tag, ok};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Named, TEXT, TIME, UUID, all_of, named, object, page, required, texts_of,
};

pub(super) static EVENT: Named = Named {
    name: "Event",
    schema: object(&[
        required("id", UUID),
        required("at", TIME),
        required("kind", texts_of!(EventKind)),
        required("via", texts_of!(Via)),
        required("actor_id", TEXT.nullable().about("The user who did it.")),
        required(
            "actor_client_id",
            TEXT.nullable().about("The client that acted on its own behalf."),
        ),
        required(
            "actor_key_id",
            TEXT.nullable().about("The administration key that the client used."),
        ),
        required("user_id", TEXT.nullable()),
        required("session_id", TEXT.nullable()),
        required("address", TEXT.nullable()),
        required("request_id", TEXT),
        required("detail", TEXT.nullable()),
        required("times", INTEGER.about("How many equal events the entry stands for.")),
        required(
            "last_at",
            TIME.nullable()
                .about("The time of the last of them; `null` if the kind is not grouped."),
        ),
        required(
            "reason",
            texts_of!(FailureReason).nullable().about("Why an attempt to sign in failed."),
        ),
        required("client_id", TEXT.nullable().about("The client of a sign-in.")),
    ]),
};

static EVENTS: Named = Named {
    name: "EventPage",
    schema: all_of(&[
        page(&named(&EVENT)),
        object(&[required(
            "cut_off",
            BOOLEAN.about(
                "Whether the page ends early, because 20,000 entries were examined for it. `next` leads on.",
            ),
        )]),
    ]),
};

/// The parameters that select events.
macro_rules! filters {
    ($($further:expr),+) => {
        &[
            $($further,)+
            Parameter::query(
                "user",
                TEXT,
                "Events that concern this user: an id, a login or an e-mail address.",
            ),
            Parameter::query("user_id", UUID, "The same, by id. Takes precedence over `user`."),
            Parameter::query(
                "kind",
                TEXT,
                "Events of these kinds, with commas between them; the kinds are those of `Event`.",
            ),
            Parameter::query("reason", texts_of!(FailureReason), "Failures for this reason."),
            Parameter::query(
                "since",
                TEXT,
                "Events from this time on: RFC 3339, or how long ago, as in `2h`.",
            ),
            Parameter::query("until", TEXT, "Events before this time, in the same forms."),
            Parameter::query(
                "address",
                TEXT,
                "Events from this IP address, or from one of a network as in `192.0.2.0/24`.",
            ),
            Parameter::query("client", TEXT, "Events that name this client."),
            Parameter::query(
                "actor",
                TEXT,
                "Events that this user (in the forms of `user`), this client (by its `client_id`) or this administration \
                 key (by its id) caused.",
            ),
            Parameter::query("session", UUID, "Events that concern this session."),
            Parameter::query("request", TEXT, "Events of the request with this id."),
        ]
    };
}

/// `GET /v1/admin/audit`.
pub static LIST: Operation = Operation::new("audit", Tag::Admin, "List audit events")
    .about(
        "Newest first. Several parameters are combined with AND. A page may have fewer events than `limit`, \
         or none, and be followed by another.",
    )
    .query(filters!(LIMIT, AFTER))
    .returns(&[ok(named(&EVENTS))])
    .fails_with(&[Code::NotFound]);

/// `GET /v1/admin/audit/export`.
pub static EXPORT: Operation = Operation::new("exportAudit", Tag::Admin, "Export audit events")
    .about(
        "All events that match the parameters, newest first, as `text/csv` or `application/x-ndjson`. The export \
         itself is an event. In CSV, a cell that begins with one of `= + - @`, a tab or a carriage return has an \
         apostrophe before it.",
    )
    .query(filters!(Parameter::query(
        "format",
        texts_of!(ExportFormat),
        "The form of the file. `ndjson` if absent."
    )))
    .returns(&[Response { status: 200, description: "The events, as a file.", schema: None }])
    .fails_with(&[Code::NotFound]);
