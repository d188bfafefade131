//! Opaque secrets: their kind, and for a refresh token whether it is genuine and usable.
//!
//! Owns the report about texts that are not access tokens. A refresh token is not consumed.

use crate::base::Timestamp;

use super::code::{Check, TokenCode};
use super::evidence::{Genuine, Opaque, OpaqueKind};
use super::report::{Checked, Report};
use super::state;

pub(super) fn diagnose(secret: &Opaque, at: Timestamp) -> Report {
    let detail = match secret.kind {
        OpaqueKind::RefreshToken => {
            "This is a refresh token, not an access token: it is only valid at Signet's token endpoints."
        }
        OpaqueKind::AuthorizationCode => {
            "This is an authorization code, not an access token: a client exchanges it once for one."
        }
        OpaqueKind::ClientSecret => {
            "This is a client secret, not an access token: a client authenticates with it."
        }
        OpaqueKind::AdminKey => {
            "This is an administration key, not an access token: it is only valid at /v1/admin."
        }
        OpaqueKind::ApiKey => {
            "This is an API key of a user, not an access token: it is exchanged for one at /oauth2/token, and accepted by \
             gateways that ask Signet."
        }
    };
    let mut checks = vec![Checked::failed(Check::Form, secret.kind.code(), detail)];
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
        let detail = "It was not issued by this server, or it was changed or truncated.";
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
            "It has been used: a newer one of its session was issued. Using it again after the retry window ends the \
             session."
        }
        std::cmp::Ordering::Less => {
            "It is newer than the database: a backup was restored. Using it ends the session."
        }
    });
    let notes: Vec<String> = note.into_iter().map(str::to_owned).collect();
    let genuine = Checked::noted(Check::Genuine, &notes);
    let [user, session, client] = state::of_session(state, at);
    [genuine, user, session, client]
}

/// The conclusion about a refresh token.
fn summary(report: &Report) -> String {
    let rest = report.checks.iter().filter(|checked| checked.check != Check::Form);
    let failed = rest.clone().find(|checked| checked.ok == Some(false));
    match failed {
        Some(Checked { code: Some(TokenCode::NotGenuine), detail: Some(detail), .. }) => {
            format!("It is not genuine. {detail}")
        }
        Some(Checked { check: Check::Client, detail: Some(detail), .. }) => {
            format!("The refresh token is genuine, but its client cannot use it. {detail}")
        }
        Some(Checked { detail: Some(detail), .. }) => {
            format!("The refresh token is genuine, but its session has ended. {detail}")
        }
        _ => "It is genuine, and its session is active.".to_owned(),
    }
}
