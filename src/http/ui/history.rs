//! `/account/history`: the sign-ins to the user's account.

use actix_web::HttpResponse;

use crate::base::Timestamp;
use crate::domain::authn::Method;
use crate::domain::pagination::PageRequest;
use crate::domain::sign_in_history::{SignIn, SignInOutcome};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::Params;
use crate::identity::history;
use crate::oauth::pending_request::AccountSection;

use super::account::{Visited, visited};
use super::page_error::{OrErrorPage, PageResult};
use super::pages::{HistoryPage, HistoryRow};
use super::{Locale, page};

/// The page. An unknown cursor means the beginning.
pub async fn get(context: Context, params: Result<Params, Problem>) -> PageResult {
    let after = params.ok().and_then(|params| PageRequest::cursor(params.get("after")?));
    visited(context, Some(AccountSection::History))
        .await?
        .show_history(PageRequest { after, ..PageRequest::default() })
        .await
}

impl Visited {
    async fn show_history(self, request: PageRequest) -> PageResult {
        let (app, here, info) = self.parts();
        let work = history::page(app, here.user.id, request, info.now);
        let found = self.context.run(work).await.or_error_page(&self.context)?;
        let frame = self.context.frame(None);
        // Cursors are base64url and need no escaping.
        let older = |next: String| {
            self.context.link("/account/history").with_query(&format!("after={next}"))
        };
        let rows = found.data.iter().enumerate();
        let shown = rows.filter(|(at, row)| !row.was_completed(&found.data[..*at]));
        let template = HistoryPage {
            frame,
            rows: shown.map(|(_, row)| self.history_row(row, frame.locale, info.now)).collect(),
            older: found.next.map(older),
            newest: request.after.is_some(),
        };
        Ok(page(HttpResponse::Ok(), &template))
    }

    fn history_row(&self, row: &SignIn, locale: Locale, now: Timestamp) -> HistoryRow {
        let client = row.client_id.as_deref().map(|client_id| {
            locale.with("history.client", &[("client", &self.client_name(client_id))])
        });
        let place = [row.browser.clone(), row.address.clone(), client];
        let methods: Vec<_> = row.methods.iter().map(|method| locale.t(name(*method))).collect();
        let when = [locale.date_time(row.at), locale.ago(row.at, now), methods.join(" + ")];
        let times = row.times.to_string();
        HistoryRow {
            title: locale.t(title(row)),
            is_failure: matches!(row.outcome, SignInOutcome::Failed | SignInOutcome::Refused),
            times: (row.times > 1).then(|| locale.with("history.times", &[("n", &times)])),
            place: place.into_iter().flatten().collect::<Vec<_>>().join(" · "),
            when: when.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" · "),
        }
    }
}

const fn title(row: &SignIn) -> &'static str {
    match row.outcome {
        SignInOutcome::Succeeded => "history.succeeded",
        SignInOutcome::SteppedUp => "history.stepped_up",
        SignInOutcome::FirstFactor => "history.first_factor",
        SignInOutcome::Refused => "history.refused",
        SignInOutcome::Failed => match row.methods.as_slice() {
            [Method::Passkey, ..] => "history.failed_passkey",
            [Method::Totp | Method::RecoveryCode | Method::MailedCode, ..] => "history.failed_code",
            [Method::Password, ..] => "history.failed_password",
            [] => "history.failed",
        },
    }
}

const fn name(method: Method) -> &'static str {
    match method {
        Method::Password => "history.password",
        Method::Passkey => "history.passkey",
        Method::Totp => "history.totp",
        Method::RecoveryCode => "history.recovery_code",
        Method::MailedCode => "history.mailed_code",
    }
}
