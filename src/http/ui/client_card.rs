//! The presentation of a client on pages: name, logo and links.
//!
//! Owns the address of its logo. The registered data belong to `domain::client`.

use crate::domain::base_path::Link;
use crate::domain::client::Client;
use crate::http::context::Context;
use crate::oauth::pending_request::PendingRequest;

use super::pages::ClientCard;

/// The address of the logo of a client.
pub fn logo(context: &Context, client: &Client) -> Option<Link> {
    client.metadata.logo.as_ref().map(|logo| context.link(&logo.path()))
}

/// The logo of the client of a request.
pub fn logo_of(context: &Context, request: &PendingRequest) -> Option<Link> {
    let client_id = &request.authorization()?.client_id;
    logo(context, context.app.client(client_id).as_deref()?)
}

impl<'a> ClientCard<'a> {
    pub(super) fn of(context: &Context, client: &'a Client) -> Self {
        let metadata = &client.metadata;
        Self {
            name: &metadata.name,
            logo: logo(context, client),
            home: metadata.client_uri.as_deref(),
            policy: metadata.policy_uri.as_deref(),
            terms: metadata.tos_uri.as_deref(),
        }
    }
}
