//! The JSON of users, clients, APIs, sessions and audit events, as the HTTP API and the command line
//! show them.

mod admin_keys;
mod api_keys;
pub mod audit;
mod client_documents;
pub mod csv;
mod overview;
mod sign_in_diagnosis;
pub mod snippet;
mod users;

use serde_json::{Value, json};

use crate::admin::apis::Changed;
use crate::admin::client_why::ClientReport;
use crate::admin::clients;
use crate::admin::invitations::SentLink;
use crate::admin::session_ends::{Outcome, Position};
use crate::base::id::SessionId;
use crate::base::{TimeSpan, Timestamp};
use crate::domain::client::SecretHash;
use crate::domain::client_finding::Finding;
use crate::domain::client_logo::ClientLogo;
use crate::domain::factor::Factor;
use crate::domain::finding_explanation::Explanation;
use crate::domain::pagination::Page;
use crate::domain::recovery_code::RecoveryCode;
use crate::domain::sign_in_history::SignIn;
use crate::domain::token_diagnosis::{Checked, Report};
use crate::domain::user_agent::Device;
use crate::domain::workload::TrustedIssuer;
use crate::identity::email_change::Requested;
use crate::identity::export::Export;
use crate::identity::factors::Overview;
use crate::identity::sessions::LoggedIn;
use crate::identity::totp_enrolment::{Enrolled, TotpSetup};
use crate::store::apis::StoredApi;
use crate::store::clients::StoredClient;
use crate::store::consents::Consent;

pub use admin_keys::{admin_key, created_admin_key};
pub use api_keys::{api_key, api_keys, created_api_key};
pub use client_documents::client_document;
pub use overview::{health, overview};
pub use sign_in_diagnosis::user_report;
pub use users::{listed_user, myself, user};

/// An address to which a code was sent.
#[must_use]
pub fn email_requested(requested: &Requested) -> Value {
    json!({ "pending_email": requested.address, "expires_in": requested.expires_in.secs() })
}

/// A sign-in, or an attempt, for the user.
#[must_use]
pub fn sign_in(sign_in: &SignIn) -> Value {
    json!({
        "id": sign_in.id,
        "at": sign_in.at.rfc3339(),
        "outcome": sign_in.outcome,
        "address": sign_in.address,
        "browser": sign_in.browser,
        "client_id": sign_in.client_id,
        "methods": sign_in.methods,
        "times": sign_in.times,
    })
}

/// All data that is stored about a user, for the user. Includes custom claims, because they are about the user.
#[must_use]
pub fn export(export: &Export) -> Value {
    let mut profile = user(&export.user);
    profile["pending_email"] = json!(export.pending_email);
    profile["language"] = json!(export.language);
    json!({
        "exported_at": export.at.rfc3339(),
        "complete": export.is_complete,
        "profile": profile,
        "factors": factors(&export.factors),
        "api_keys": export.keys.iter().map(api_key).collect::<Vec<_>>(),
        "sessions": export.sessions.iter().map(without_user).collect::<Vec<_>>(),
        "consents": export.consents.iter().map(consent).collect::<Vec<_>>(),
        "history": export.history.iter().map(sign_in).collect::<Vec<_>>(),
    })
}

/// A consent.
fn consent(consent: &Consent) -> Value {
    json!({
        "client_id": consent.client_id,
        "audience": consent.audience,
        "scope": consent.scopes.to_string(),
        "created_at": consent.created_at.rfc3339(),
        "updated_at": consent.updated_at.rfc3339(),
    })
}

/// A new link for a user.
#[must_use]
pub fn sent_link(sent: &SentLink, now: Timestamp) -> Value {
    json!({
        "mailed_to": sent.mailed_to,
        "link": sent.link.as_ref().map(|link| link.expose()),
        "expires_in": (sent.expires_at - now).secs(),
    })
}

/// A second factor.
#[must_use]
pub fn factor(factor: &Factor) -> Value {
    json!({
        "id": factor.id,
        "kind": factor.kind,
        "name": factor.name,
        "created_at": factor.created_at.rfc3339(),
        "last_used_at": factor.last_used_at.map(Timestamp::rfc3339),
    })
}

/// The second factors of a user.
#[must_use]
pub fn factors(overview: &Overview) -> Value {
    json!({
        "data": overview.factors.iter().map(factor).collect::<Vec<_>>(),
        "recovery_codes_left": overview.recovery_codes,
    })
}

/// A TOTP secret that is being enrolled.
#[must_use]
pub fn totp_setup(setup: &TotpSetup) -> Value {
    json!({ "setup": setup.setup, "secret": setup.secret, "otpauth_uri": setup.otpauth_uri })
}

/// A challenge for an authenticator, with the options for the browser or application.
#[must_use]
pub fn passkey_challenge(challenge: &str, expires_in: i64, public_key: &Value) -> Value {
    json!({ "challenge": challenge, "expires_in": expires_in, "public_key": public_key })
}

/// An enrolled factor, with new recovery codes, if any.
#[must_use]
pub fn enrolled(enrolled: &Enrolled) -> Value {
    let mut value = json!({ "factor": factor(&enrolled.factor) });
    if !enrolled.recovery_codes.is_empty() {
        value["recovery_codes"] = codes(&enrolled.recovery_codes);
    }
    value
}

/// Recovery codes, which are shown only once.
#[must_use]
pub fn recovery_codes(codes: &[RecoveryCode]) -> Value {
    json!({ "recovery_codes": self::codes(codes) })
}

fn codes(codes: &[RecoveryCode]) -> Value {
    codes.iter().map(RecoveryCode::text).collect()
}

/// A session or a sign-in, for its user; `current` is the session of the request.
#[must_use]
pub fn logged_in(row: &LoggedIn, current: SessionId) -> Value {
    let mut value = without_user(row);
    value["current"] =
        json!(matches!(row, LoggedIn::Client(listed) if listed.session.id == current));
    value
}

/// A session or a sign-in, for an administrator.
#[must_use]
pub fn logged_in_of_any_user(row: &LoggedIn) -> Value {
    let mut value = without_user(row);
    value["user_id"] = json!(match row {
        LoggedIn::Client(listed) => listed.session.user_id,
        LoggedIn::Browser(browser, _) => browser.user_id,
    });
    value
}

/// Both kinds have the same members, so that a caller can read every row as a session.
fn without_user(row: &LoggedIn) -> Value {
    let address = |device: &Device| device.address.map(|address| address.to_string());
    match row {
        LoggedIn::Client(listed) => {
            let session = &listed.session;
            json!({
                "id": session.id,
                "kind": "client",
                "client_id": session.client_id,
                "audience": session.audience,
                "scope": session.scopes.to_string(),
                "user_agent": listed.device.user_agent,
                "address": address(&listed.device),
                "created_at": session.created_at.rfc3339(),
                "authenticated_at": session.auth_time.rfc3339(),
                "last_seen_at": session.chain.answered_at.rfc3339(),
                "expires_at": session.idle_expires_at.min(session.expires_at).rfc3339(),
                "superseded": listed.superseded,
            })
        }
        LoggedIn::Browser(browser, device) => json!({
            "id": browser.id,
            "kind": "browser",
            "client_id": null,
            "audience": null,
            "scope": "",
            "user_agent": device.user_agent,
            "address": address(device),
            "created_at": browser.id.made_at().rfc3339(),
            "authenticated_at": browser.auth_time.rfc3339(),
            "last_seen_at": browser.auth_time.rfc3339(),
            "expires_at": browser.expires_at.rfc3339(),
            "superseded": false,
        }),
    }
}

/// An API.
#[must_use]
pub fn api(stored: &StoredApi) -> Value {
    let rules = &stored.api.rules;
    json!({
        "id": stored.id,
        "identifier": stored.api.identifier,
        "scopes": stored.api.scopes.iter().collect::<Vec<_>>(),
        "scope_descriptions": stored.api.scope_descriptions,
        "key_scopes": stored.api.key_scopes.iter().collect::<Vec<_>>(),
        "signing_alg": rules.signing_alg,
        "token_profile": rules.profile,
        "access_token_ttl": rules.access_ttl.map(TimeSpan::secs),
        "claims": rules.claims,
        "documents": stored.api.documents,
        "shared_secret_kid": stored.secret.as_ref().map(|secret| &secret.kid),
        "created_at": stored.created_at.rfc3339(),
    })
}

/// A created or changed API, with its new shared secret, if any, which is shown only once.
#[must_use]
pub fn changed_api(changed: &Changed) -> Value {
    let mut value = api(&changed.stored);
    if let Some(secret) = &changed.shared_secret {
        value["shared_secret"] = json!(secret.expose());
    }
    value
}

/// A trusted issuer. Its keys are public.
#[must_use]
pub fn trusted_issuer(issuer: &TrustedIssuer) -> Value {
    json!({
        "name": issuer.name,
        "issuer": issuer.issuer,
        "preset": issuer.preset,
        "jwks": issuer.jwks.as_ref().map(|keys| json!({ "keys": keys })),
        "algs": issuer.algs,
        "max_life": issuer.max_life.secs(),
        "networks": issuer.networks.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": issuer.created_at.rfc3339(),
    })
}

/// A client, with only the creation times of its secrets.
#[must_use]
pub fn client(stored: &StoredClient) -> Value {
    let (client, settings) = (&stored.client, &stored.client.metadata);
    let jwks = (!settings.jwks.is_empty()).then(|| json!({ "keys": settings.jwks }));
    let made = |secret: &SecretHash| json!({ "created_at": secret.created_at.rfc3339() });
    json!({
        "client_id": client.client_id,
        "name": settings.name,
        "type": settings.client_type,
        "token_endpoint_auth_method": settings.auth_method,
        "token_endpoint_auth_method_pinned": settings.pins_auth_method(),
        "assertion_audience": settings.assertion_audience,
        "pkce": settings.pkce_policy(),
        "security_profile": settings.security_profile,
        "client_uri": settings.client_uri,
        "policy_uri": settings.policy_uri,
        "tos_uri": settings.tos_uri,
        "logo": settings.logo.as_ref().map(ClientLogo::path),
        "redirect_uris": settings.redirect_uris,
        "post_logout_redirect_uris": settings.post_logout_redirect_uris,
        "backchannel_logout_uri": settings.backchannel_logout_uri,
        "web_origins": settings.web_origins,
        "grant_types": settings.grant_types,
        "scopes": settings.scopes.as_ref().map(|scopes| scopes.iter().collect::<Vec<_>>()),
        "audiences": settings.audiences,
        "serves": settings.resource_servers,
        "access_token_ttl": settings.access_token_ttl.map(TimeSpan::secs),
        "refresh_idle_ttl": settings.refresh_idle_ttl.map(TimeSpan::secs),
        "refresh_max_ttl": settings.refresh_max_ttl.map(TimeSpan::secs),
        "id_token_signed_response_alg": settings.id_token_alg,
        "id_token_claims": settings.id_token_claims,
        "min_acr": settings.min_acr,
        "skip_consent": settings.skips_consent(),
        "first_party": settings.first_party,
        "jwks": jwks,
        "workloads": settings.workloads,
        "admin_scopes": settings.admin_scopes.iter().collect::<Vec<_>>(),
        "secrets": client.secrets.iter().map(made).collect::<Vec<_>>(),
        "disabled": client.disabled_at.is_some(),
        "disabled_at": client.disabled_at.map(|at| at.rfc3339()),
        "created_at": client.created_at.rfc3339(),
        "updated_at": stored.updated_at.rfc3339(),
    })
}

/// A created or changed client, with its new secret, if any, which is shown only once.
#[must_use]
pub fn changed_client(changed: &clients::Changed) -> Value {
    let mut value = client(&changed.stored);
    if let Some(secret) = &changed.client_secret {
        value["client_secret"] = json!(secret.expose());
    }
    value
}

/// Findings about the requests of a client.
#[must_use]
pub fn client_report(report: &ClientReport) -> Value {
    let finding = |(finding, explanation): &(Finding, Explanation)| {
        json!({
            "code": finding.key.code,
            "endpoint": finding.key.endpoint,
            "detail": finding.key.detail,
            "times": finding.times,
            "first_at": finding.first_at.rfc3339(),
            "last_at": finding.last_at.rfc3339(),
            "before_last_change": finding.is_before_change(report.stored.updated_at),
            "message": explanation.message,
            "fix": explanation.fix,
        })
    };
    json!({
        "good": report.is_good(),
        "client": client(&report.stored),
        "findings": report.findings.iter().map(finding).collect::<Vec<_>>(),
    })
}

/// The diagnosis of a token. A check has a code only if it failed, and a detail only if there is one.
#[must_use]
pub fn token_report(report: &Report) -> Value {
    let check = |checked: &Checked| {
        let mut value = json!({ "check": checked.check, "ok": checked.ok });
        if let Some(code) = checked.code {
            value["code"] = json!(code);
        }
        if let Some(detail) = &checked.detail {
            value["detail"] = json!(detail);
        }
        value
    };
    json!({
        "good": report.good,
        "at": report.at.rfc3339(),
        "code": report.code,
        "message": report.message,
        "checks": report.checks.iter().map(check).collect::<Vec<_>>(),
    })
}

/// A page.
#[must_use]
pub fn page<T>(page: &Page<T>, shape: impl Fn(&T) -> Value) -> Value {
    json!({ "data": page.data.iter().map(shape).collect::<Vec<_>>(), "next": page.next })
}

/// The result of a call, or of its dry run. The numbers are null if all sessions ended with the write of one row.
#[must_use]
pub fn ended_sessions(outcome: &Outcome, dry_run: bool) -> Value {
    json!({
        "dry_run": dry_run,
        "sessions": outcome.count.map(|count| count.sessions),
        "sign_ins": outcome.count.map(|count| count.sign_ins),
        "next": outcome.next.as_ref().map(Position::cursor),
    })
}
