//! The target of a client that acts for itself.

use crate::app::cache::Audience;
use crate::domain::client::Client;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::Refusal;

/// The API of a client that acts for itself: the one it names, or its only one.
///
/// # Errors
/// `invalid_target`, naming the client's APIs.
pub(super) fn target_of_client(
    client: &Client,
    named: Option<&Audience>,
) -> Result<String, Refusal> {
    match (named, client.metadata.audiences.as_slice()) {
        (Some(named), _) => {
            let own = named.target.audience().filter(|api| client.may_target_api(api));
            own.map(str::to_owned)
                .ok_or_else(|| names_own_apis(client).with_finding(named.target.audience()))
        }
        (None, [only]) => Ok(only.clone()),
        (None, _) => Err(names_own_apis(client)),
    }
}

/// The most APIs that an error lists.
const MAX_LISTED: usize = 8;

/// The refusal of a client that acts for itself and named no API that it may target. It has authenticated, so it
/// may learn its own registration.
pub(super) fn names_own_apis(client: &Client) -> Refusal {
    let (id, own) = (&client.client_id, &client.metadata.audiences);
    let add = format!("signet client update {id} --audience IDENTIFIER");
    let message = if own.is_empty() {
        format!(
            "This client may not get tokens for any API, but a token of a client is always for one. Add one: {add}."
        )
    } else {
        let more = if own.len() > MAX_LISTED { ", and others" } else { "" };
        let listed = own[..own.len().min(MAX_LISTED)].join(", ");
        format!(
            "Name one API of this client as resource: {listed}{more}. To replace them (repeat the \
             option for each): {add}."
        )
    };
    Refusal::oauth(OAuthError::InvalidTarget, "").with_message(message)
}
