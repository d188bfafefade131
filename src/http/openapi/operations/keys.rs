//! Signing keys, for administrators.

use crate::domain::outcome::Code;
use crate::domain::signing_key::{KeyState, SigningAlg};
use crate::http::openapi::operation::{Body, NO_CONTENT, Operation, Parameter, Tag, ok};
use crate::http::openapi::schema::{
    BOOLEAN, INTEGER, Member, Named, Schema, TEXT, TEXTS, TIME, list, named, object, one_of,
    optional, page, required, texts_of,
};

static KEY: Named = Named {
    name: "Key",
    schema: object(&[
        required("kid", TEXT),
        required("alg", ALG),
        required("state", texts_of!(KeyState)),
        required("since", TIME.about("When it entered this state.")),
        required("created_at", TIME),
        required("default", BOOLEAN.about("Whether its algorithm is SIGNET_SIGNING_ALG.")),
        required("next", NEXT.nullable().about("The next planned change.")),
        required(
            "verifiers",
            VERIFIERS
                .nullable()
                .about("The known verifiers that have fetched it; null for a retired key."),
        ),
    ]),
};

const ALG: Schema = texts_of!(SigningAlg);

const NEXT: Schema = object(&[
    required(
        "what",
        one_of(|| vec!["successor", KeyState::Active.as_str(), KeyState::Retired.as_str()]),
    ),
    required("at", TIME.about("At the earliest.")),
    required("waits_for_verifiers", BOOLEAN),
]);

const VERIFIERS: Schema = object(&[
    required("known", INTEGER),
    required("holding", INTEGER),
    required("missing", list(&object(&[required("name", TEXT), required("last_fetch_at", TIME)]))),
]);

const CONFLICT: &str =
    "Tokens the key signed are still valid, or the keys were changed at the same time.";

const ROTATE_BODY: &[Member] = &[
    optional("alg", ALG.about("Only the keys of this algorithm.")),
    optional(
        "now",
        BOOLEAN.about("Sign with the new key as soon as all servers publish it, 6 s later; `warnings` lists the \
                       verifiers that may fail."),
    ),
];

/// `GET /v1/admin/keys`.
pub static LIST: Operation = Operation::new("listKeys", Tag::Admin, "List signing keys")
    .about("Public facts only.")
    .returns(&[ok(page(&named(&KEY)))]);

/// `POST /v1/admin/keys/rotate`.
pub static ROTATE: Operation = Operation::new("rotateKeys", Tag::Admin, "Rotate signing keys")
    .about("Publishes a successor of each active key. With `now` it signs 6 s later.")
    .body(Body::json(&[ROTATE_BODY]).optional())
    .returns(&[ok(object(&[
        required(
            "data",
            list(&object(&[
                required("kid", TEXT),
                required("alg", ALG),
                required(
                    "state",
                    one_of(|| vec![KeyState::Active.as_str(), KeyState::Published.as_str()]),
                ),
                optional(
                    "signs_at",
                    TIME.about("The earliest time at which it signs; absent once it signs."),
                ),
            ])),
        ),
        required("warnings", TEXTS.about("How popular verifiers behave with default settings.")),
    ]))])
    .fails_with(&[Code::NotFound])
    .conflicts(CONFLICT);

/// `POST /v1/admin/keys/{kid}/retire`.
pub static RETIRE: Operation = Operation::new("retireKey", Tag::Admin, "Retire a signing key")
    .about("Removes it from the published keys.")
    .path(&[Parameter::path("kid", TEXT, "The key's `kid`.")])
    .body(
        Body::json(&[&[optional(
            "now",
            BOOLEAN.about(
                "Retire it even if tokens it signed are still valid. They are refused from then \
                 on.",
            ),
        )]])
        .optional(),
    )
    .returns(&[NO_CONTENT])
    .conflicts(CONFLICT);
