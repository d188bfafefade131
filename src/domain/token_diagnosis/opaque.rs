//! Opaque secrets: what they are, and for a refresh token whether it is ours and of what use.
//!
//! Owns what is said of what is no access token at all. Using a refresh token up is `refresh`;
//! here nothing is changed.

use crate::base::Timestamp;

use super::code::{Check, TokenCode};
use super::evidence::{Genuine, Opaque, OpaqueKind};
use super::report::{Checked, Report};
use super::state;

pub(super) fn diagnose(secret: &Opaque, at: Timestamp) -> Report {
    let (code, detail) = match secret.kind {
        OpaqueKind::RefreshToken => (
            TokenCode::RefreshToken,
            "This is a refresh token, no access token: only Signet reads it, at /v1/refresh.",
        ),
        OpaqueKind::AuthorizationCode => (
            TokenCode::AuthorizationCode,
            "This is an authorization code, no access token: it is exchanged for one, once.",
        ),
        OpaqueKind::ClientSecret => (
            TokenCode::ClientSecret,
            "This is a client secret, no access token: a client proves with it who it is.",
        ),
        OpaqueKind::AdminKey => (
            TokenCode::ApiKey,
            "This is an administration key, no access token: it works at /v1/admin and nowhere else.",
        ),
        OpaqueKind::ApiKey => (
            TokenCode::ApiKey,
            "This is an API key of a user, no access token: Signet gives one for it at /oauth2/token, and gateways that \
             ask Signet take it.",
        ),
    };
    let mut checks = vec![Checked::failed(Check::Form, code, detail)];
    if secret.kind == OpaqueKind::RefreshToken {
        checks.extend(refresh_token(secret.genuine.as_ref(), at));
    }
    let mut report = Report::of(at, checks);
    if secret.kind == OpaqueKind::RefreshToken {
        report.message = format!("{detail} {}", summary(&report));
    }
    report
}

fn refresh_token(genuine: Option<&Genuine>, at: Timestamp) -> [Checked; 4] {
    let Some(Genuine { counter, state }) = genuine else {
        let detail = "It was not made by this server, or it was changed or cut.";
        return [
            Checked::failed(Check::Genuine, TokenCode::NotGenuine, detail),
            Checked::open(Check::User),
            Checked::open(Check::Session),
            Checked::open(Check::Client),
        ];
    };
    let newest = state.session.as_ref().map(|session| session.chain.current.cmp(counter));
    let note = newest.map(|order| match order {
        std::cmp::Ordering::Equal => "It is the newest of its session.",
        std::cmp::Ordering::Greater => {
            "It has been used: a newer one of its session was given out. Presented long after \
             that, it ends the session."
        }
        std::cmp::Ordering::Less => {
            "It is newer than what the database knows: a backup was restored. Presented, it ends \
             the session."
        }
    });
    let notes: Vec<String> = note.into_iter().map(str::to_owned).collect();
    let genuine = Checked::noted(Check::Genuine, &notes);
    let [user, session, client] = state::of_session(state, at);
    [genuine, user, session, client]
}

/// What the checks of a refresh token come to.
fn summary(report: &Report) -> String {
    let rest = report.checks.iter().filter(|checked| checked.check != Check::Form);
    let failed = rest.clone().find(|checked| checked.ok == Some(false));
    match failed {
        Some(Checked { code: Some(TokenCode::NotGenuine), detail: Some(detail), .. }) => {
            format!("It is not genuine. {detail}")
        }
        Some(Checked { check: Check::Client, detail: Some(detail), .. }) => {
            format!("It is genuine, but of no use to its client. {detail}")
        }
        Some(Checked { detail: Some(detail), .. }) => {
            format!("It is genuine, but its session is over. {detail}")
        }
        _ => "It is genuine, and its session is alive.".to_owned(),
    }
}
