//! Where the answers to a client may be sent that describes itself.
//!
//! Owns which of the redirect URIs in a document count. What a redirect URI may look like at all, and how one is
//! compared with that of a request, is `redirect`.

use url::{Host, Url};

use crate::domain::client_type::ClientType;
use crate::domain::redirect;

use super::{Allowance, DocumentUrl};

/// Whether answers may be sent to `uri`.
///
/// Only the owner of the host can put a document there, so a place counts that belongs to the client: the origin of the
/// document itself, this machine, or the scheme that is the host turned round. Other hosts take the word of the
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

/// Whether a URI names this machine as applications do: not by a name below `localhost`, which only browsers resolve.
fn is_this_machine(uri: &Url) -> bool {
    match uri.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(v4)) => v4.is_loopback(),
        Some(Host::Ipv6(v6)) => v6.is_loopback(),
        None => false,
    }
}
