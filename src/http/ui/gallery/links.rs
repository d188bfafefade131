//! Samples of the page of a mailed link that cannot be used.

use super::{Sample, sample};
use crate::domain::outcome::Code;
use crate::domain::refusal_reason::Reason;
use crate::http::ui::{ErrorPage, Frame, policy_pending_page};
use crate::oauth::restart::RestartOptions;

/// The page, for each available link to continue.
pub(super) fn unusable(frame: Frame<'_>) -> Result<Vec<Sample>, String> {
    let signing_in = RestartOptions { sign_in: true, ..RestartOptions::default() };
    let repeating =
        |page| RestartOptions { sign_in: true, ..RestartOptions::repeating(page, Vec::new()) };
    let page = |name, reason, restart: &RestartOptions| {
        let page = ErrorPage {
            frame,
            title: frame.t("failure.link"),
            text: frame.locale.error((Code::LinkInvalid, reason), ""),
            request_id: "4be1f9d2c07d4a6f8f5e0d3b2a190817",
            restart: Some(restart),
            ways: None,
        };
        sample(name, &page, policy_pending_page(false))
    };
    Ok(vec![
        page("link-used", None, &repeating("/recover"))?,
        page("link-used-without-mail", None, &signing_in)?,
        page("link-invitation-over", Some(Reason::InvitationOver), &signing_in)?,
        page("link-undo-over", Some(Reason::UndoOver), &repeating("/account/email"))?,
    ])
}
