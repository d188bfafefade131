//! Decisions for gateways: whether a request of a client may pass.

use crate::domain::outcome::Code;
use crate::http::openapi::operation::{Operation, Parameter, Response, Security, Tag};
use crate::http::openapi::schema::{Schema, TEXT, TEXTS, UUID};

/// `ANY /v1/forward-auth`.
pub static FORWARD_AUTH: Operation = question("forwardAuth", "May this request pass?").query(&[
    Parameter::query("audience", TEXT, "The identifier of the API that the request is for.")
        .required(),
    Parameter::query("scope", TEXT, "Scopes, separated by spaces, all of which are needed."),
    Parameter::query(
        "role",
        ROLES,
        "Roles, one of which is needed. The parameter may be repeated.",
    ),
]);

/// `ANY /v1/ext-authz/{api_id}/{scopes}`.
pub static EXT_AUTHZ: Operation =
    question("extAuthz", "Decide whether a request may pass, for gateways that add its path")
        .path(API_AND_SCOPES);

/// `ANY /v1/ext-authz/{api_id}/{scopes}/{rest}`.
pub static EXT_AUTHZ_BELOW: Operation =
    question("extAuthzBelow", "Decide whether a request may pass, for gateways that add its path")
        .path(API_SCOPES_AND_REST);

const ROLES: Schema = TEXTS;

const API_ID: Parameter = Parameter::path("api_id", UUID, "The id of the API.");
const SCOPES: Parameter = Parameter::path(
    "scopes",
    TEXT,
    "Scopes, separated by commas, all of which are needed; `-` for none. A slash in a scope is `%2F`.",
);
const API_AND_SCOPES: &[Parameter] = &[API_ID, SCOPES];
const API_SCOPES_AND_REST: &[Parameter] =
    &[API_ID, SCOPES, Parameter::path("rest", TEXT, "The path of the request. It is ignored.")];

/// An operation that answers every method alike.
const fn question(id: &'static str, summary: &'static str) -> Operation {
    Operation::new(id, Tag::Gateways, summary)
        .about(
            "Takes every method. The decision depends on the access token in `Authorization` and on the \
             configuration of the gateway only. The response for a request that may pass has the headers \
             `Signetidentity`, `Signetsubject`, `Signetclient`, `Signetscope` and `Signetroles`, including empty ones.",
        )
        .security(Security::Bearer)
        .reads_own_query()
        .returns(&[MAY_PASS])
        .fails_with(&[
            Code::InvalidToken,
            Code::ProofRequired,
            Code::InsufficientScope,
            Code::RoleRequired,
        ])
}

const MAY_PASS: Response =
    Response { status: 200, description: "The request may pass.", schema: None };
