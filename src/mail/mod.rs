//! Mail: the form of messages and their delivery.
//!
//! Owns the texts and the form of messages, the SMTP dialogue, the deadline of a delivery, and the files of the
//! `file:` route. It is independent of the outbox and of users, and the only user of `lettre`.

mod files;
mod message;
mod notices;
mod outcome;
mod smtp;
mod texts;

use std::sync::OnceLock;
use std::time::Duration;

use lettre::transport::smtp::client::TlsParameters;
use lettre::transport::smtp::extension::ClientId;

use crate::base::id::MailId;
use crate::base::{Deadlines, Timestamp};
use crate::config::{Config, MailFrom, MailRoute};
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::MailContent;
use crate::domain::outcome::Fault;
use crate::i18n::Locale;

pub use message::Message;
pub use outcome::{SendError, Stage};

/// Sends mail by the configured route.
pub struct Mailer {
    route: MailRoute,
    from: MailFrom,
    issuer: String,
    brand: String,
    /// The host of the issuer, for EHLO and Message-ID.
    host: ClientId,
    deadlines: Deadlines,
    /// Created on first use, because it reads the certificates of the system.
    tls: OnceLock<TlsParameters>,
}

/// A mail to be composed.
pub struct Draft<'a> {
    /// The id of the row, from which the `Message-ID` is derived.
    pub id: MailId,
    /// The address of the recipient.
    pub to: &'a EmailAddress,
    /// Its language.
    pub locale: Locale,
    /// The content of its text.
    pub content: &'a MailContent,
}

impl Mailer {
    /// The mailer; `None` if mail is not set up.
    #[must_use]
    pub fn new(config: &Config) -> Option<Self> {
        let settings = config.mail.clone()?;
        Some(Self {
            route: settings.route,
            from: settings.from,
            issuer: config.issuer.clone(),
            brand: config.brand.name.clone(),
            host: message::host_of(&config.issuer),
            deadlines: config.deadlines,
            tls: OnceLock::new(),
        })
    }

    /// The message of a mail, dated `now`.
    ///
    /// # Errors
    /// When a template or an address is invalid, which is a bug.
    pub fn compose(&self, draft: &Draft<'_>, now: Timestamp) -> Result<Message, Fault> {
        let frame = texts::Frame { locale: draft.locale, brand: &self.brand, issuer: &self.issuer };
        let texts = texts::render(&frame, draft.content)?;
        message::compose(self, draft, texts, now)
    }

    /// Delivers a message. `reached` is called for each completed stage.
    ///
    /// # Errors
    /// The failed stage, and whether a retry can help. A message whose delivery exceeded the deadline may still
    /// arrive.
    pub async fn send(
        &self,
        message: &Message,
        reached: &(dyn Fn(Stage) + Send + Sync),
    ) -> Result<(), SendError> {
        match &self.route {
            MailRoute::Files(directory) => {
                files::write(directory, message).await?;
                reached(Stage::Message);
                Ok(())
            }
            MailRoute::Smtp(server) => {
                let relay = smtp::Relay { server, hello: &self.host, tls: &self.tls };
                relay.deliver(message, self.deadlines, reached).await
            }
        }
    }

    /// How long [`send`](Self::send) may take.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        self.deadlines.mail()
    }
}
