//! The diagnosis of tokens, for administrators.

use serde_json::json;

use crate::domain::token_diagnosis::{Check, TokenCode};
use crate::http::openapi::operation::{Body, Operation, Response, Tag};
use crate::http::openapi::schema::{
    BOOLEAN, Named, Schema, TEXT, TIME, list, named, object, optional, required, texts_of,
};

static REPORT: Named = Named {
    name: "TokenReport",
    schema: object(&[
        required("good", BOOLEAN.about("Whether every check passed.")),
        required("at", TIME.about("The time as of which the token was checked.")),
        required(
            "code",
            CODE.nullable().about("The first failure; `docs/token-codes` explains each."),
        ),
        required("message", TEXT.about("The result, in plain words.")),
        required(
            "checks",
            list(&object(&[
                required("check", texts_of!(Check)),
                required(
                    "ok",
                    BOOLEAN.nullable().about("Null where an earlier failure prevents the check."),
                ),
                optional("code", CODE.about("Why it failed.")),
                optional("detail", TEXT.about("Details of the result, if any.")),
            ])),
        ),
    ]),
};

const CODE: Schema = texts_of!(TokenCode);

/// `POST /v1/admin/tokens/why`.
pub static EXPLAIN: Operation =
    Operation::new("explainToken", Tag::Admin, "Explain whether a token is valid, and why not")
        .about("The request also succeeds for an invalid token.")
        .body(
            Body::json(&[&[
                required(
                    "token",
                    TEXT.about(
                        "An access token, a refresh token or any other text. It is neither \
                         logged nor returned, and is not used up.",
                    ),
                ),
                optional(
                    "audience",
                    TEXT.nullable().about(
                        "The audience the token must have; without it, the issuer or any \
                         registered API.",
                    ),
                ),
                optional(
                    "at",
                    TEXT.nullable().about(
                        "Check it as of this time: RFC 3339, or seconds since 1970 as digits. Default: now.",
                    ),
                ),
            ]])
            .example(|| {
                json!({
                    "token": "eyJhbGciOi...",
                    "audience": "https://api.example.com",
                    "at": "2026-11-18T11:06:40Z",
                })
            }),
        )
        .returns(&[Response {
            status: 200,
            description: "The result of every check.",
            schema: Some(named(&REPORT)),
        }]);
