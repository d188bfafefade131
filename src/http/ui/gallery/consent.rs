//! Samples of the page that asks for consent.

use super::{Sample, World, logo, sample, start_again};
use crate::domain::outcome::FieldError;
use crate::http::ui::pages::{ClientCard, ConsentItem, ConsentPage, DocumentCard};
use crate::http::ui::{Frame, policy_pending_page};

/// The page in its forms.
pub(super) fn samples(frame: Frame<'_>, world: &World<'_>) -> Result<Vec<Sample>, String> {
    let own = |scope| ConsentItem::of_scope(frame.locale, scope);
    let again = start_again(world);
    let page = |items, code: Option<_>, error| ConsentPage {
        frame,
        flow: world.typed,
        client: ClientCard {
            name: world.client,
            logo: None,
            home: None,
            policy: None,
            terms: None,
        },
        document: None,
        destination: if code.is_some() { "" } else { world.host },
        login: world.login,
        items,
        is_device: code.is_some(),
        user_code: code,
        error,
        restart: &again,
    };
    let api = "https://api.example.com";
    let albums =
        ConsentItem::of_api("albums:read", api, Some("See your albums and their pictures"));
    let orders = ConsentItem::of_api("orders:write", api, None);
    let asked = vec![own("openid"), own("profile"), own("offline_access"), albums, orders];
    let card = ClientCard {
        name: world.client,
        logo: Some(logo(frame)),
        home: Some(world.callback),
        policy: Some(world.callback),
        terms: Some(world.callback),
    };
    let many = ConsentPage { client: card, ..page(asked, None, None) };
    let device = page(vec![own("openid"), own("profile")], Some(world.typed), None);
    let local = Some(DocumentCard { host: world.host, is_local: true });
    let document = ConsentPage {
        document: local,
        destination: "127.0.0.1:41234",
        ..page(vec![own("offline_access")], None, None)
    };
    let undecided = FieldError { field: "decision", code: "unknown", message: "" };
    let refused = page(vec![own("openid")], None, Some(frame.field(&undecided)));
    Ok(vec![
        sample("consent", &many, policy_pending_page(false))?,
        sample("consent-identity", &page(vec![], None, None), policy_pending_page(false))?,
        sample("consent-device", &device, policy_pending_page(false))?,
        sample("consent-document", &document, policy_pending_page(false))?,
        sample("consent-refused", &refused, policy_pending_page(false))?,
    ])
}
