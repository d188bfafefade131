//! The descriptions of the routes, by area.
//!
//! The compiler reports a description that no route names as unused. Schemas are in the area that owns the
//! resource.

pub mod account;
pub mod admin_keys;
pub mod api_keys;
pub mod apis;
pub mod audit;
pub mod authentication;
pub mod client_documents;
pub mod client_report;
pub mod clients;
pub mod email;
pub mod factors;
pub mod gateways;
pub mod keys;
pub mod metadata;
pub mod oauth;
pub mod recovery;
pub mod sessions;
pub mod sign_in_diagnosis;
pub mod sign_up;
pub mod tokens;
pub mod trusted_issuers;
pub mod users;

use crate::domain::pagination::{DEFAULT_LIMIT, MAX_LIMIT};
use crate::http::openapi::operation::Parameter;
use crate::http::openapi::schema::{BOOLEAN, INTEGER, Keyword, TEXT, UUID};

/// The number of items on a page.
const LIMIT: Parameter = Parameter::query(
    "limit",
    INTEGER.with(&[
        Keyword::Minimum(1),
        Keyword::Maximum(MAX_LIMIT),
        Keyword::Default(DEFAULT_LIMIT),
    ]),
    "The maximum number of items of the page.",
)
.shared("Limit");

/// The beginning of a page.
const AFTER: Parameter =
    Parameter::query("after", TEXT, "The `next` of the previous page.").shared("After");

/// Only the items of one user.
const USER_ID: Parameter =
    Parameter::query("user_id", UUID, "Only those of this user.").shared("UserId");

/// Whether to change an object even if a configuration file manages it.
pub const FORCE: Parameter = Parameter::query(
    "force",
    BOOLEAN,
    "true: even if a configuration file manages the object. The next time the file is applied, the change is \
     reverted.",
)
.shared("Force");

/// The parameters of a list in pages.
const PAGINATION: &[Parameter] = &[LIMIT, AFTER];

/// For a read-only member that is set when the resource is created.
const NEVER_CHANGES: &str = "It is set when the resource is created and never changes.";

/// For a read-only member that changes with every update.
const CHANGES_BY_ITSELF: &str =
    "It changes with every change of the resource. Read it again with GET, or leave it out.";
