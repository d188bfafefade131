//! Workloads: programs that authenticate with tokens of another issuer (RFC 7521, RFC 7523).
//!
//! Owns the mapping from such a token to a client. It is used by client assertions, where the request names the
//! client, and by the `jwt-bearer` grant, where the rules of the clients decide. All refusals look alike to the
//! program; the reason is recorded for `signet client why`.

mod keys;
mod verify;

use std::sync::Arc;

use crate::app::App;
use crate::base::Timestamp;
use crate::domain::audit::{Event, EventKind, Origin};
use crate::domain::client::{Client, ClientType};
use crate::domain::client_finding::FindingCode;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Refusal, quotable};
use crate::domain::request_info::RequestInfo;
use crate::domain::workload::rule::{Mismatch, WorkloadRule};
use crate::domain::workload::token::{LEEWAY, TokenFlaw};

use super::client_auth::{self, AuthenticatedClient};
use super::findings::note_code;
use super::params::{Params, invalid};
use super::replay::{self, Counted};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use verify::{Workload, verify};

/// The longest claim value in a finding, in characters.
const MAX_FOUND: usize = 64;
/// The finding for a token that matches rules of several clients.
const AMBIGUOUS: &str = "ambiguous";
/// The finding for a client that has no rule for the issuer.
const NO_RULE: &str = "no_rule";

/// A workload that matches a rule of a client.
pub(super) struct Matched {
    /// When the token expires.
    pub expires: Timestamp,
    issuer: String,
    sub: String,
    rule: String,
}

/// Authenticates `client` by a workload token, and consumes the token if it is single-use. `None` if it is refused.
///
/// Boxed, like [`identify`]: every endpoint that authenticates clients would contain its future.
///
/// # Errors
/// Faults only.
pub(super) fn authenticate<'a>(
    app: &'a App,
    client: &'a Client,
    presented: (&'a str, &'static str),
    now: Timestamp,
) -> BoxFuture<'a, Result<Option<Matched>, Failure>> {
    authenticate_now(app, client, presented, now).boxed()
}

async fn authenticate_now(
    app: &App,
    client: &Client,
    (token, endpoint): (&str, &'static str),
    now: Timestamp,
) -> Result<Option<Matched>, Failure> {
    let workload = match verify(app, token, now).await? {
        Ok(workload) => workload,
        Err(flawed) => {
            note(app, client, endpoint, flawed.issuer.as_deref(), flawed.flaw.as_str());
            return Ok(None);
        }
    };
    match compare(client, &workload) {
        Ok(rule) => spend(app, client, workload, rule, endpoint).await,
        Err(said) => {
            note(app, client, endpoint, Some(&workload.issuer.name), &said);
            Ok(None)
        }
    }
}

/// The only service client whose rules match the assertion of the `jwt-bearer` grant.
///
/// # Errors
/// `invalid_grant`, with one text for all reasons; `invalid_request` if the request also authenticates a
/// client; too many failures from one network.
pub(super) fn identify<'a>(
    app: &'a App,
    presented: (&'a str, &'static str),
    besides: (Option<&'a str>, &'a Params),
    origin: &'a Origin,
    now: Timestamp,
) -> BoxFuture<'a, Result<AuthenticatedClient, Failure>> {
    identify_now(app, presented, besides, origin, now).boxed()
}

async fn identify_now(
    app: &App,
    (assertion, endpoint): (&str, &'static str),
    (authorization, params): (Option<&str>, &Params),
    origin: &Origin,
    now: Timestamp,
) -> Result<AuthenticatedClient, Failure> {
    let named = params.get("client_id");
    if !client_auth::names_no_client(authorization, &params.clone().without(&["client_id"])) {
        let message = "The assertion determines the client. Leave the client authentication out.";
        return Err(invalid(message).into());
    }
    if let Some((client, matched)) = only_match(app, (assertion, endpoint), named, now).await? {
        matched.record(app, &client, origin, now).await?;
        return Ok(AuthenticatedClient::of_workload(client, matched.expires));
    }
    client_auth::note_failure(app, None, origin, now).await?;
    let message = "The assertion is not accepted: it must be a token of a trusted issuer, made for this server alone and \
                   presented in its time, and match the rules of one client.";
    Err(Refusal::oauth(OAuthError::InvalidGrant, message).into())
}

async fn only_match(
    app: &App,
    (assertion, endpoint): (&str, &'static str),
    named: Option<&str>,
    now: Timestamp,
) -> Result<Option<(Arc<Client>, Matched)>, Failure> {
    let Ok(workload) = verify(app, assertion, now).await? else { return Ok(None) };
    let mut candidates = candidates(app, &workload);
    if !candidates.iter().any(|client| compare(client, &workload).is_ok()) {
        // Another process may have registered a rule within the last second.
        app.reload_for_unknown().await?;
        candidates = self::candidates(app, &workload);
    }
    let issuer = workload.issuer.name.clone();
    let mut matching = Vec::new();
    for client in candidates {
        match compare(&client, &workload) {
            Ok(rule) => matching.push((Arc::clone(&client), rule)),
            Err(said) => note(app, &client, endpoint, Some(&issuer), &said),
        }
    }
    match matching.as_slice() {
        [(client, rule)] if named.is_none_or(|named| named == client.client_id) => {
            let matched = spend(app, client, workload, rule.clone(), endpoint).await?;
            Ok(matched.map(|matched| (Arc::clone(client), matched)))
        }
        [_] => Ok(None),
        several => {
            for (client, _) in several {
                note(app, client, endpoint, Some(&issuer), AMBIGUOUS);
            }
            Ok(None)
        }
    }
}

/// The service clients with a rule for the issuer.
fn candidates(app: &App, workload: &Workload) -> Vec<Arc<Client>> {
    let mut clients = app.clients_with_rules_for(&workload.issuer.name);
    clients.retain(|client| client.metadata.client_type == ClientType::Service);
    clients
}

/// The first rule of the client that matches.
///
/// # Errors
/// The difference from the last rule that was compared.
fn compare(client: &Client, workload: &Workload) -> Result<WorkloadRule, String> {
    let mut said = NO_RULE.to_owned();
    let rules = client.metadata.workloads.iter();
    for rule in rules.filter(|rule| rule.issuer == workload.issuer.name) {
        match rule.compare(workload.issuer.preset, &workload.claims) {
            Ok(()) => return Ok(rule.clone()),
            Err(Mismatch { claim, found }) => {
                let found: String = found.unwrap_or_default().chars().take(MAX_FOUND).collect();
                said = format!("{claim}={}", quotable(&found));
            }
        }
    }
    Err(said)
}

/// Consumes the token, if tokens of its issuer are single-use.
async fn spend(
    app: &App,
    client: &Client,
    workload: Workload,
    rule: WorkloadRule,
    endpoint: &'static str,
) -> Result<Option<Matched>, Failure> {
    let Workload { issuer, sub, jti, expires, .. } = workload;
    if let Some(jti) = &jti {
        let counted = Counted::Workload { issuer: &issuer.issuer, jti };
        if !replay::spend(app, counted, expires + LEEWAY).await? {
            note(app, client, endpoint, Some(&issuer.name), TokenFlaw::Replayed.as_str());
            return Ok(None);
        }
    }
    Ok(Some(Matched { expires, issuer: issuer.issuer, sub, rule: rule.to_string() }))
}

impl Matched {
    /// Writes the audit event of the authentication: one row a minute for each client and workload.
    ///
    /// # Errors
    /// If the database cannot be written.
    pub(super) async fn record(
        &self,
        app: &App,
        client: &Client,
        origin: &Origin,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let minute = now.secs().div_euclid(60).to_be_bytes();
        let parts: [&[u8]; 4] =
            [client.client_id.as_bytes(), self.issuer.as_bytes(), self.sub.as_bytes(), &minute];
        let fold = app.pseudonyms.of("audit/workload.authenticated", &parts);
        let detail = format!(
            "iss={} sub={} rule={}",
            quotable(&self.issuer),
            quotable(&self.sub),
            quotable(&self.rule)
        );
        let event = Event::new(EventKind::WorkloadAuthenticated);
        let event = event.for_client(&*client.client_id).detail(detail).folded(fold);
        let info = RequestInfo::without_device(origin.clone(), now);
        app.transaction_or_nothing(&info, async |tx| Ok(tx.record(&event).await?)).await
    }
}

/// Records the reason of a refusal for `signet client why`.
fn note(app: &App, client: &Client, endpoint: &'static str, issuer: Option<&str>, said: &str) {
    let detail = format!("{}: {said}", issuer.unwrap_or("?"));
    note_code(app, client, endpoint, (FindingCode::WorkloadRefused, &detail));
}
