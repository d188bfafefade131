//! Test messages through the outbox.

use crate::app::App;
use crate::app::outbox::{self, Mail};
use crate::base::TimeSpan;
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailContent;
use crate::domain::outcome::Failure;
use crate::domain::request_info::RequestInfo;
use crate::i18n::Locale;

/// How long delivery of a test message is attempted.
const LIFE: TimeSpan = TimeSpan::from_mins(24 * 60);

/// Writes a test message into the outbox, from which a running server delivers it.
///
/// # Errors
/// `unavailable` when too many mails wait.
pub async fn queue_test(
    app: App,
    to: EmailAddress,
    locale: Locale,
    info: RequestInfo,
) -> Result<(), Failure> {
    outbox::require_room(&app).await?;
    app.transaction(&info, async |tx| {
        let mail = Mail {
            user: None,
            to: &to,
            locale,
            link_hash: None,
            expires_at: info.now + LIFE,
            content: MailContent::Test,
        };
        outbox::post(tx, mail).await.map_err(Failure::from)
    })
    .await
}
