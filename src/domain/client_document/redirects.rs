//! The redirect URIs of clients that describe themselves.
//!
//! Owns which redirect URIs of a document are accepted. The syntax of redirect URIs, and their comparison with
//! the one in a request, are in `redirect`.

use url::{Host, Url};

use crate::domain::client_type::ClientType;
use crate::domain::redirect;

use super::{Allowance, DocumentUrl};

/// Whether `uri` may be a redirect URI of the client.
///
/// Only the owner of the host can publish the document, so the URI must belong to that owner: the origin of the
/// document, the loopback interface, or the scheme that is the reversed host. Other hosts need the permission of the
/// operator.
pub(super) fn counts(uri: &str, client: &DocumentUrl, allowance: Allowance) -> bool {
    if redirect::check(uri, ClientType::Native).is_err() {
        return false;
    }
    let Ok(parsed) = Url::parse(uri) else { return false };
    match parsed.scheme() {
        "https" => allowance.cross_origin || parsed.origin() == client.url().origin(),
        "http" => is_this_machine(&parsed),
        scheme => client.reversed_host().is_some_and(|own| own == scheme && own.contains('.')),
    }
}

/// Whether a URI names this machine for every program. Names below `localhost` do so only in browsers.
fn is_this_machine(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        None => false,
    }
}
