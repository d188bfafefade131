//! Links into the console, and out of pages that do not exist or are forbidden to the user.
//!
//! Owns for which requests the console exists, and who sees the link to it.

use std::str::FromStr;

use actix_web::HttpResponse;

use crate::domain::outcome::{Code, Refusal};
use crate::http::context::Context;
use crate::http::cookie::Visit;
use crate::http::error::Problem;
use crate::http::ui::account::signed_in;
use crate::http::ui::page_error::PageError;
use crate::http::ui::{SignedInLinks, error_page, error_page_for};
use crate::identity::account;
use crate::identity::console_session;
use crate::identity::current_login::CurrentLogin;

/// The response to an address below `/admin` without a page; for a signed-in user with links to continue.
pub async fn not_found(context: &Context, problem: &Problem) -> HttpResponse {
    let visit = Visit::of(context);
    match signed_in(context, &visit).await {
        Ok(Some(here)) => {
            let ways = signed_in_links(context, &visit, &here);
            error_page_for(context, problem, &context.frame(None).refusal(problem), ways)
        }
        Ok(None) | Err(_) => error_page(context, problem),
    }
}

/// The links for a signed-in user.
pub(super) fn signed_in_links(
    context: &Context,
    visit: &Visit,
    here: &CurrentLogin,
) -> SignedInLinks {
    SignedInLinks {
        to_console: is_open_to(context, here),
        csrf: account::token(&context.app, &visit.cookies),
    }
}

/// Whether the console exists for this request.
pub(in crate::http::ui) fn is_there(context: &Context) -> bool {
    context.app.config.console && is_allowed_network(context)
}

/// Whether the first page of the console is open to a user.
pub(in crate::http::ui) fn is_open_to(context: &Context, here: &CurrentLogin) -> bool {
    is_there(context) && console_session::authority(here).require(super::MENU[0].1).is_ok()
}

/// Whether the request comes from a network that may use the console. An unknown address is in no network.
fn is_allowed_network(context: &Context) -> bool {
    let networks = &context.app.config.console_networks;
    let address = context.facts.address.map(|address| address.to_canonical());
    networks.is_empty()
        || address.is_some_and(|address| networks.iter().any(|network| network.contains(&address)))
}

/// The refusal of an address without a page.
pub(super) fn nothing_here(context: &Context) -> Problem {
    context.problem(Refusal::new(Code::NotFound, "This address does not exist.").into())
}

/// The action that an address names; not found for any other.
pub(super) async fn named_action<A: FromStr>(
    context: &Context,
    named: &str,
) -> Result<A, PageError> {
    match named.parse() {
        Ok(action) => Ok(action),
        Err(_) => Err(not_found(context, &nothing_here(context)).await.into()),
    }
}
