//! The outbox: mail is written with the change that causes it and delivered by `jobs::mail`.
//!
//! Owns the sealed form of a mail and the limit on waiting mails. An attacker with a copy of the database
//! learns neither recipients nor valid codes.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::base::id::{MailId, UserId};
use crate::base::{TimeSpan, Timestamp};
use crate::crypto::seal::Seals;
use crate::domain::email_address::EmailAddress;
use crate::domain::mail::{MAX_WAITING, MailContent};
use crate::domain::outcome::{Code, Failure, Fault, Refusal};
use crate::i18n::Locale;
use crate::store::Tx;
use crate::store::mails::{self, NewMail};

use super::{App, AuditedTx, keys};

/// When a caller that was refused because of a full outbox may try again.
const FULL_FOR: TimeSpan = TimeSpan::from_mins(1);

/// A mail to be delivered.
pub struct Mail<'a> {
    /// The user it concerns. The mail is deleted with the user, so a mail about the deletion names none.
    pub user: Option<UserId>,
    /// The recipient.
    pub to: &'a EmailAddress,
    /// The language of the request that causes it. A language that the user has chosen takes precedence.
    pub locale: Locale,
    /// The hash of the link in it.
    pub link_hash: Option<[u8; 32]>,
    /// When it is abandoned: when a code in it expires, otherwise after a day.
    pub expires_at: Timestamp,
    /// The content of its text.
    pub content: MailContent,
}

/// The sealed part of a mail.
#[derive(Serialize, Deserialize)]
struct Sealed {
    to: String,
    lang: String,
    content: MailContent,
}

/// An opened mail.
pub struct Letter {
    /// The recipient.
    pub to: EmailAddress,
    /// Its language.
    pub locale: Locale,
    /// The content of its text.
    pub content: MailContent,
}

/// Writes a mail into the outbox, in the transaction of the change that causes it. Writes nothing if mail is not
/// set up. [`require_room`] has limited the number of waiting mails before.
///
/// # Errors
/// When the database cannot be written; unavailable when the master key was replaced and this process does
/// not have the new one.
pub async fn post(tx: &mut AuditedTx, mail: Mail<'_>) -> Result<(), Fault> {
    let app = tx.app();
    if app.mailer.is_none() {
        return Ok(());
    }
    let now = tx.info().now;
    let id = MailId::new(now, &*app.entropy);
    let kind = mail.content.kind().as_str();
    let letter = Sealed {
        to: mail.to.delivery().to_owned(),
        lang: mail.locale.lang().to_owned(),
        content: mail.content,
    };
    let plain = serde_json::to_vec(&letter).map(Zeroizing::new);
    let plain = plain.map_err(|error| Fault::internal("writing a mail").with_source(error))?;
    let sealed = keys::in_force(tx, &app.seal).await?.seal(&purpose(id), &plain)?;
    let row = NewMail {
        id,
        kind,
        user_id: mail.user,
        link_hash: mail.link_hash.as_ref().map(<[u8; 32]>::as_slice),
        sealed: &sealed,
        expires_at: mail.expires_at,
    };
    mails::insert(tx, &row, now).await
}

/// Refuses if too many mails wait. Callers check this before they look up a user, so that known and unknown users
/// get the same answer.
///
/// # Errors
/// `unavailable` over the limit.
pub async fn require_room(app: &App) -> Result<(), Failure> {
    let waiting = mails::waiting(&mut app.db.reader().await?, MAX_WAITING).await?;
    if waiting < MAX_WAITING {
        return Ok(());
    }
    let message = "Too many mails are waiting for delivery. Try again later.";
    Err(Refusal::new(Code::Unavailable, message).retry_after(FULL_FOR).into())
}

/// Opens a mail.
///
/// # Errors
/// When it was sealed under a master key that this process does not have, or by a newer version.
pub fn open(app: &App, id: MailId, sealed: &[u8]) -> Result<Letter, Fault> {
    let plain = app.seal.open(&purpose(id), sealed);
    let plain = plain.map_err(|_| Fault::unavailable("a mail cannot be unsealed"))?;
    let unreadable = || Fault::internal("a mail in the outbox cannot be read");
    let letter: Sealed = serde_json::from_slice(&plain).map_err(|_| unreadable())?;
    let to = EmailAddress::parse(&letter.to).map_err(|_| unreadable())?;
    let locale = Locale::choose(Some(&letter.lang), None, None);
    Ok(Letter { to, locale, content: letter.content })
}

/// Seals every mail under the newest key.
pub(super) async fn rewrap(tx: &mut Tx, seals: &Seals) -> Result<(), Fault> {
    for (id, sealed) in mails::sealed(tx).await? {
        let purpose = purpose(id);
        let plain = seals.open(&purpose, &sealed).map_err(|_| {
            Fault::internal("a mail opens with neither master key; nothing was changed")
        })?;
        mails::reseal(tx, id, &seals.newest().seal(&purpose, &plain)?).await?;
    }
    Ok(())
}

fn purpose(id: MailId) -> String {
    format!("mail/v1/{id}")
}
