//! The JSON API under `/v1`, one file for each resource.
//!
//! A handler parses, calls one use case and renders. Shared parsing is in this file.

pub mod admin_apis;
pub mod admin_audit;
pub mod admin_client_documents;
pub mod admin_client_keys;
pub mod admin_client_logo;
pub mod admin_client_why;
pub mod admin_clients;
pub mod admin_factors;
pub mod admin_invitations;
pub mod admin_keys;
pub mod admin_sessions;
pub mod admin_token_why;
pub mod admin_trusted_issuers;
pub mod admin_user_search;
pub mod admin_user_why;
pub mod admin_users;
pub mod api_keys;
pub mod email;
pub mod factors;
pub mod forward_auth;
pub mod link;
pub mod login;
pub mod logout;
pub mod me;
pub mod password;
pub mod recovery;
pub mod refresh;
pub mod register;
pub mod sessions;

use crate::admin::time_bound::point_in_time;
use crate::base::Timestamp;
use crate::domain::outcome::Refusal;
use crate::domain::pagination::{DEFAULT_LIMIT, MAX_LIMIT, PageRequest};
use crate::http::extract::Params;

/// The requested page: `limit` from 1 to 200, `after` a cursor from `next`.
///
/// # Errors
/// `validation_failed`, naming the parameter.
fn page_request(params: &Params) -> Result<PageRequest, Refusal> {
    let limit = match params.get("limit") {
        None => DEFAULT_LIMIT,
        Some(text) => text
            .parse()
            .ok()
            .filter(|limit| (1..=MAX_LIMIT).contains(limit))
            .ok_or_else(|| Refusal::field("limit", "out_of_range", "limit is 1 to 200."))?,
    };
    let after = match params.get("after") {
        None => None,
        Some(text) => Some(PageRequest::cursor(text).ok_or_else(|| {
            Refusal::field("after", "not_a_cursor", "after must be the next of the previous page.")
        })?),
    };
    Ok(PageRequest { after, limit })
}

/// The time in a parameter. `message` is the error if it cannot be parsed.
///
/// # Errors
/// `validation_failed`, naming the parameter.
pub(in crate::http) fn time_param(
    params: &Params,
    (name, message): (&'static str, &'static str),
    now: Timestamp,
) -> Result<Option<Timestamp>, Refusal> {
    let not_a_time = || Refusal::field(name, "not_a_time", message);
    params.get(name).map(|text| point_in_time(text, now).ok_or_else(not_a_time)).transpose()
}
