//! Delivers mail from the outbox that `app::outbox` fills.
//!
//! Owns concurrency, the outcome of each mail and its audit events. Delivery is at least once: if the process dies
//! between the reply of the mail server and the removal of the row, the mail is sent again with the same
//! Message-ID.

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::app::{App, outbox};
use crate::base::{TimeSpan, Timestamp};
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::mail::{MailKind, next_try};
use crate::domain::outcome::Fault;
use crate::i18n::Locale;
use crate::identity::mailed_codes::{self, Delivery};
use crate::mail::{Draft, Mailer, Message};
use crate::store::mails::{self, TakenMail, Turn};
use crate::store::{audit, user_language};

/// The number of mails per batch.
const BATCH: i64 = 16;
/// The number of concurrent connections to the mail server.
const CONNECTIONS: usize = 4;
/// How long a mail rests while mail is off.
const OFF: TimeSpan = TimeSpan::from_mins(1);
/// How long a process may hold a mail while mail is off and nothing is sent.
const TURN_WHILE_OFF: TimeSpan = TimeSpan::from_secs(60);

/// The outcome of a mail.
enum Outcome {
    Delivered,
    /// The mail server refused it permanently: stage and codes.
    Refused(String),
    /// It was not delivered before it expired.
    Expired,
    /// It will be retried.
    Deferred(String),
    /// There was no time left to try it in this turn.
    NotTried,
    /// It must not be sent: no user has the address, or its code is invalid.
    Dropped,
    /// Mail was switched off while it waited.
    Off,
}

/// Delivers the mails that are due, until none is left or no mail of a batch could be delivered.
///
/// # Errors
/// When the database cannot be read or written. Taken mails are retried later.
pub async fn deliver(app: &App) -> Result<(), Fault> {
    let now = app.now();
    if mails::any_ahead(&mut app.db.reader().await?, now).await? {
        let mut tx = app.db.begin().await?;
        mails::make_due(&mut tx, now, BATCH * BATCH).await?;
        tx.commit().await?;
    }
    note_oldest(app).await?;
    while deliver_some(app).await? {
        note_oldest(app).await?;
    }
    note_oldest(app).await
}

async fn note_oldest(app: &App) -> Result<(), Fault> {
    let oldest = mails::oldest(&mut app.db.reader().await?).await?;
    app.metrics.mail_waits_since(oldest.map(|id| id.made_at()));
    Ok(())
}

/// Delivers the next mails. Returns whether there may be more that can be delivered now.
async fn deliver_some(app: &App) -> Result<bool, Fault> {
    let now = app.now();
    if !mails::any_due(&mut app.db.reader().await?, now).await? {
        return Ok(false);
    }
    let span = turn(app);
    let ends = app.clock.counted() + span;
    let mut tx = app.db.begin().await?;
    let taken = mails::take(&mut tx, Turn { now, again: now + span, limit: BATCH }).await?;
    tx.commit().await?;
    // Sequential, because the transaction of one must not be open while the outcome of another is recorded.
    let mut prepared = Vec::with_capacity(taken.len());
    for mail in &taken {
        prepared.push(prepare(app, mail, now).await);
    }
    let attempts: Vec<_> = taken
        .iter()
        .zip(prepared)
        .map(|(mail, prepared)| async move { (mail, attempt(app, prepared, ends).await) })
        .collect();
    let mut attempts = stream::iter(attempts).buffer_unordered(CONNECTIONS);
    let (mut progress, mut failed) = (false, None);
    while let Some((mail, outcome)) = attempts.next().await {
        progress |= !matches!(outcome, Outcome::Deferred(_) | Outcome::NotTried | Outcome::Off);
        // The other attempts continue, because a mail that the server accepted must be recorded.
        failed = record(app, mail, outcome).await.err().or(failed);
    }
    failed.map_or(Ok(progress), Err)
}

/// How long a process may hold a mail before another may take it: twice the time of an attempt, so that half of a
/// batch can wait for the other half.
fn turn(app: &App) -> TimeSpan {
    let attempt = app.mailer.as_ref().map_or(TURN_WHILE_OFF, |mailer| span(mailer.deadline()));
    attempt + attempt
}

fn span(duration: std::time::Duration) -> TimeSpan {
    TimeSpan::from_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX / 4))
}

/// The message of a mail, or the outcome of one that is not sent now.
async fn prepare(app: &App, mail: &TakenMail, now: Timestamp) -> Result<Message, Outcome> {
    if mail.expires_at <= now {
        return Err(Outcome::Expired);
    }
    let Some(mailer) = &app.mailer else { return Err(Outcome::Off) };
    match compose(app, mailer, mail, now).await {
        Ok(Some(message)) => Ok(message),
        Ok(None) => Err(Outcome::Dropped),
        Err(fault) => Err(Outcome::Deferred(fault.to_string())),
    }
}

/// Tries to deliver a message, if there is time before `ends` of the monotonic clock.
async fn attempt(app: &App, prepared: Result<Message, Outcome>, ends: TimeSpan) -> Outcome {
    let message = match prepared {
        Ok(message) => message,
        Err(outcome) => return outcome,
    };
    let Some(mailer) = &app.mailer else { return Outcome::Off };
    if app.clock.counted() + span(mailer.deadline()) > ends {
        return Outcome::NotTried;
    }
    match mailer.send(&message, &|_| {}).await {
        Ok(()) => Outcome::Delivered,
        Err(error) if error.is_final() => Outcome::Refused(error.summary()),
        Err(error) => Outcome::Deferred(error.summary()),
    }
}

/// The message of a mail; `None` if it must not be sent.
async fn compose(
    app: &App,
    mailer: &Mailer,
    mail: &TakenMail,
    now: Timestamp,
) -> Result<Option<Message>, Fault> {
    let letter = outbox::open(app, mail.id, &mail.sealed)?;
    let fallback = letter.locale;
    let delivery = mailed_codes::delivery(app, mail, letter, now).await?;
    let Some(Delivery { to, user, content }) = delivery else { return Ok(None) };
    let chosen = match user {
        Some(user) => user_language::of(&mut app.db.reader().await?, user).await?,
        None => None,
    };
    let locale = chosen.and_then(|tag| Locale::of_tag(&tag)).unwrap_or(fallback);
    mailer.compose(&Draft { id: mail.id, to: &to, locale, content: &content }, now).map(Some)
}

/// Records the outcome of a mail.
async fn record(app: &App, mail: &TakenMail, outcome: Outcome) -> Result<(), Fault> {
    let now = app.now();
    let (id, kind) = (mail.id, &*mail.kind);
    let mut tx = app.db.begin().await?;
    let (result, event) = match outcome {
        Outcome::Delivered => {
            mails::remove(&mut tx, id).await?;
            ("delivered", None)
        }
        Outcome::Dropped => {
            mails::remove(&mut tx, id).await?;
            ("dropped", None)
        }
        Outcome::Refused(why) => {
            tracing::warn!(mail = %id, kind, why, "the mail server refused a mail");
            let event = Event::new(EventKind::MailRefused).detail(format!("{kind}: {why}"));
            ("refused", Some(event))
        }
        Outcome::Expired => {
            tracing::warn!(mail = %id, kind, tries = mail.tries - 1, "a mail was given up");
            let detail = format!("{kind}: not delivered in {} attempts", mail.tries - 1);
            ("failed", Some(Event::new(EventKind::MailFailed).detail(detail)))
        }
        Outcome::Deferred(why) => {
            tracing::warn!(mail = %id, kind, tries = mail.tries, why, "a mail waits for another attempt");
            let until = next_try(mail.tries, now, mail.expires_at);
            mails::put_off(&mut tx, id, until, now).await?;
            ("deferred", None)
        }
        Outcome::NotTried => {
            mails::release(&mut tx, id, now, now).await?;
            return tx.commit().await;
        }
        Outcome::Off => {
            mails::release(&mut tx, id, (now + OFF).min(mail.expires_at), now).await?;
            return tx.commit().await;
        }
    };
    if let Some(event) = event
        && mails::remove(&mut tx, id).await?
    {
        let event = match mail.user_id {
            Some(user) => event.about(user),
            None => event,
        };
        audit::record(&mut tx, &event, &Origin::system(), now, &*app.entropy).await?;
    }
    tx.commit().await?;
    if let Ok(kind) = kind.parse::<MailKind>() {
        app.metrics.count_mail(kind, result);
    }
    Ok(())
}
