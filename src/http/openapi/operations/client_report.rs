//! Why requests of a client were refused, for administrators.

use super::clients::{CLIENT, ID};
use crate::http::openapi::operation::{Operation, Tag, ok};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Named, TEXT, TIME, list, named, object, required,
};

static CLIENT_REPORT: Named = Named {
    name: "ClientReport",
    schema: object(&[
        required("good", BOOLEAN.about("Whether there is nothing to do.")),
        required("client", named(&CLIENT)),
        required(
            "findings",
            list(&object(&[
                required(
                    "code",
                    TEXT.about("What was found: a code of its own, or the error code of OAuth."),
                ),
                required("endpoint", TEXT.about("The path that the client called.")),
                required(
                    "detail",
                    TEXT.about(
                        "The scope, API, grant, authentication method or redirect URI (without its query) \
                         of the request, or the sentence that the client was answered with; empty where \
                         further findings of the code are counted together.",
                    ),
                ),
                required("times", INTEGER),
                required("first_at", TIME),
                required("last_at", TIME),
                required(
                    "before_last_change",
                    BOOLEAN.about(
                        "Whether it was seen last before the client was last changed. Such a finding does \
                         not count for good.",
                    ),
                ),
                required("message", TEXT.about("What was wrong, in plain words.")),
                required("fix", TEXT.nullable().about("The command or change that ends it, where one is known.")),
            ])),
        ),
    ]),
};

/// `GET /v1/admin/clients/{client_id}/why`.
pub static EXPLAIN: Operation = Operation::new(
    "explainClient",
    Tag::Admin,
    "Say why requests of a client were refused or narrowed",
)
.about("What was found in the last 30 days, the latest first, some seconds after it happened.")
.path(ID)
.returns(&[ok(named(&CLIENT_REPORT))]);
