//! The expiry of the TLS certificate: warnings at the start, on reload and daily, and the metric.

use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};

use super::tls::Tls;
use crate::app::App;
use crate::base::{TimeSpan, Timestamp};

/// How often the certificate is checked.
const DAY: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before the expiry a warning is logged.
const SOON: TimeSpan = TimeSpan::from_days(14);

/// The state of a certificate.
#[derive(Debug, PartialEq, Eq)]
enum Certificate {
    /// Valid for longer than 14 days.
    Good,
    /// Not yet valid.
    NotYet,
    /// It expires within 14 days.
    EndsSoon,
    /// It has expired.
    Over,
}

/// Evaluates a certificate by the beginning and the end of its validity.
fn judge(begins: Timestamp, ends: Timestamp, now: Timestamp) -> Certificate {
    if now < begins {
        Certificate::NotYet
    } else if now > ends {
        Certificate::Over
    } else if ends - now < SOON {
        Certificate::EndsSoon
    } else {
        Certificate::Good
    }
}

/// Reloads the certificate at each SIGHUP, or logs that there is none.
pub(super) async fn reload_on_hangup(app: App, tls: Option<Tls>) {
    let Ok(mut hangup) = signal(SignalKind::hangup()) else { return };
    while hangup.recv().await.is_some() {
        match tls.as_ref().map(Tls::reload) {
            None => tracing::info!("SIGHUP: without TLS there is no certificate to reload"),
            Some(Ok(())) => tracing::info!("certificate and key were reloaded"),
            Some(Err(error)) => tracing::error!(error, "the old certificate stays in use"),
        }
        if let Some(tls) = &tls {
            note_certificate(&app, tls);
        }
    }
}

/// Warns at the start and daily that the certificate expires soon.
pub(super) async fn watch_certificate(app: App, tls: Tls) {
    daily(|| note_certificate(&app, &tls), tokio::time::sleep).await;
}

/// Calls `look` at once, and again after each day that `pause` waits for.
async fn daily<P: Future<Output = ()>>(mut look: impl FnMut(), pause: impl Fn(Duration) -> P) {
    loop {
        look();
        pause(DAY).await;
    }
}

/// Updates the metric of the expiry, and logs a warning if it is near.
fn note_certificate(app: &App, tls: &Tls) {
    let Some((begins, ends)) = tls.validity() else {
        tracing::warn!("the end of the certificate cannot be read; watch it elsewhere");
        return;
    };
    app.metrics.certificate_ends_at(ends);
    match judge(begins, ends, app.now()) {
        Certificate::Good => {}
        Certificate::NotYet => {
            tracing::warn!(from = begins.rfc3339(), "the TLS certificate is not valid yet");
        }
        Certificate::EndsSoon => {
            tracing::warn!(
                until = ends.rfc3339(),
                "the TLS certificate expires in less than 14 days"
            );
        }
        Certificate::Over => {
            tracing::warn!(
                until = ends.rfc3339(),
                "the TLS certificate has expired; clients refuse it"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn a_certificate_is_warned_of_for_its_last_fourteen_days_and_after() {
        let (begins, ends) = (Timestamp::from_secs(0), Timestamp::from_secs(90 * 86_400));
        let day = |day: i64| judge(begins, ends, Timestamp::from_secs(day * 86_400));
        assert_eq!(day(-1), Certificate::NotYet);
        assert_eq!(day(0), Certificate::Good);
        assert_eq!(day(76), Certificate::Good);
        assert_eq!(day(77), Certificate::EndsSoon);
        assert_eq!(day(90), Certificate::EndsSoon);
        assert_eq!(day(91), Certificate::Over);
    }

    #[test]
    fn a_certificate_is_looked_at_every_day() {
        let (begins, ends) = (Timestamp::from_secs(0), Timestamp::from_secs(90 * 86_400));
        let now = Cell::new(Timestamp::from_secs(75 * 86_400));
        let seen = RefCell::new(Vec::new());
        let look = || seen.borrow_mut().push(judge(begins, ends, now.get()));
        let pause = |pause: Duration| {
            now.set(now.get() + TimeSpan::from_secs(i64::try_from(pause.as_secs()).unwrap()));
            let is_over = now.get() > ends + TimeSpan::from_days(1);
            async move {
                if is_over {
                    std::future::pending::<()>().await;
                }
            }
        };
        let watch = daily(look, pause);
        assert_eq!(watch.now_or_never(), None);
        let seen = seen.into_inner();
        let count = |what: &Certificate| seen.iter().filter(|found| *found == what).count();
        assert_eq!(count(&Certificate::Good), 2);
        assert_eq!(count(&Certificate::EndsSoon), 14, "{seen:?}");
        assert_eq!(count(&Certificate::Over), 1);
    }
}
