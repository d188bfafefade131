//! Why requests of a client were refused, for administrators.

use super::clients::{CLIENT, ID};
use crate::http::openapi::operation::{Operation, Tag, ok};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Named, TEXT, TIME, list, named, object, required,
};

static CLIENT_REPORT: Named = Named {
    name: "ClientReport",
    schema: object(&[
        required("good", BOOLEAN.about("Whether there are no findings.")),
        required("client", named(&CLIENT)),
        required(
            "findings",
            list(&object(&[
                required(
                    "code",
                    TEXT.about("The code of the finding: Signet's own, or an OAuth error code."),
                ),
                required("endpoint", TEXT.about("The path that the client called.")),
                required(
                    "detail",
                    TEXT.about(
                        "The scope, API, grant, authentication method or redirect URI (without its query) \
                         of the request, or the error message sent to the client; empty where \
                         further findings of the code are counted together.",
                    ),
                ),
                required("times", INTEGER),
                required("first_at", TIME),
                required("last_at", TIME),
                required(
                    "before_last_change",
                    BOOLEAN.about(
                        "Whether it was last seen before the last change of the client. Such a finding does not \
                         count.",
                    ),
                ),
                required("message", TEXT.about("The explanation, in plain words.")),
                required("fix", TEXT.nullable().about("The command or change that resolves it, if one is known.")),
            ])),
        ),
    ]),
};

/// `GET /v1/admin/clients/{client_id}/why`.
pub static EXPLAIN: Operation = Operation::new(
    "explainClient",
    Tag::Admin,
    "Explain why requests of a client were refused or narrowed",
)
.about("The findings of the last 30 days, the latest first, with a delay of some seconds.")
.path(ID)
.returns(&[ok(named(&CLIENT_REPORT))]);
