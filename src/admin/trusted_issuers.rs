//! Trusted issuers of workload tokens: adding, listing and removing them.
//!
//! Trusting an issuer admits no workload by itself: rules of clients do. Because an issuer can impersonate every
//! client whose rules name it, including clients with administration scopes, adding and removing one requires the
//! full right.

use serde_json::Value;

use crate::app::{App, AuditedTx};
use crate::base::TimeSpan;
use crate::crypto::client_key;
use crate::domain::admin_key::networks as parse_networks;
use crate::domain::audit::{Event, EventKind};
use crate::domain::client_jwks;
use crate::domain::outcome::{Code, Failure, FieldError, Refusal};
use crate::domain::permission::Action;
use crate::domain::request_info::RequestInfo;
use crate::domain::signing_key::SigningAlg;
use crate::domain::workload::{DEFAULT_MAX_LIFE, MAX_ISSUERS, Preset, TrustedIssuer};
use crate::store::{clients, trusted_issuers};

use super::authorization::authorize;

/// The request to add an issuer.
#[derive(Debug, Clone)]
pub struct NewIssuer {
    /// Its name in rules.
    pub name: String,
    /// Its identifier; `None` means the one of the preset.
    pub issuer: Option<String>,
    /// Its kind; `None` means the preset of the same name, else `oidc`.
    pub preset: Option<Preset>,
    /// Its keys; `None` means that they are fetched by discovery.
    pub jwks: Option<Value>,
    /// The algorithms that it may sign with; if empty, all.
    pub algs: Vec<SigningAlg>,
    /// The maximum lifetime of its tokens.
    pub max_life: Option<TimeSpan>,
    /// Networks besides the public ones in which its host may be, in CIDR notation.
    pub networks: Vec<String>,
}

/// Every issuer.
///
/// # Errors
/// Only faults.
pub async fn list(app: App) -> Result<Vec<TrustedIssuer>, Failure> {
    Ok(trusted_issuers::all(&mut app.db.reader().await?).await?)
}

/// One issuer.
///
/// # Errors
/// `not_found`.
pub async fn show(app: App, name: String) -> Result<TrustedIssuer, Failure> {
    let found = trusted_issuers::find(&mut app.db.reader().await?, &name).await?;
    Ok(found.ok_or_else(not_found)?)
}

/// Adds an issuer.
///
/// # Errors
/// `validation_failed`; `conflict` when the name or the identifier is taken; `forbidden`;
/// `reauthentication_required`.
pub async fn add(app: App, new: NewIssuer, info: RequestInfo) -> Result<TrustedIssuer, Failure> {
    let issuer = checked(&new, &info).map_err(Refusal::fields)?;
    app.transaction_or_nothing(&info, async |tx| {
        authorize(tx, Action::AddTrustedIssuer, &[]).await?;
        if !trusted_issuers::insert(tx, &issuer, MAX_ISSUERS).await? {
            let message = "A trusted issuer of this name or with this identifier exists, or there are 64. See signet \
                           trust list.";
            return Err(Refusal::new(Code::Conflict, message).into());
        }
        record(tx, EventKind::TrustedIssuerAdded, &issuer).await?;
        Ok(issuer.clone())
    })
    .await
}

fn checked(new: &NewIssuer, info: &RequestInfo) -> Result<TrustedIssuer, Vec<FieldError>> {
    let mut wrong = Vec::new();
    let preset = new.preset.or_else(|| new.name.parse().ok()).unwrap_or(Preset::Oidc);
    let issuer = match (&new.issuer, preset.usual_issuer()) {
        (Some(issuer), _) => issuer.clone(),
        (None, Some(usual)) => usual.to_owned(),
        (None, None) => {
            let message = "Give the issuer exactly as in iss of its tokens.";
            wrong.push(FieldError { field: "issuer", code: "missing", message });
            String::new()
        }
    };
    let given = new.jwks.as_ref().filter(|jwks| !jwks.is_null());
    let jwks = given.map(|jwks| {
        let jwks = if preset == Preset::Spiffe { svid_keys(jwks) } else { jwks.clone() };
        client_jwks::accept(&jwks, client_key::check_key).unwrap_or_else(|error| {
            let (code, message) = (error.code(), error.message());
            wrong.push(FieldError { field: "jwks", code, message });
            Vec::new()
        })
    });
    let networks = parse_networks(&new.networks).unwrap_or_else(|error| {
        wrong.push(error);
        Vec::new()
    });
    let issuer = TrustedIssuer {
        name: new.name.clone(),
        issuer,
        preset,
        jwks,
        algs: new.algs.clone(),
        max_life: new.max_life.unwrap_or(DEFAULT_MAX_LIFE),
        networks,
        created_at: info.now,
    };
    for problem in issuer.problems() {
        if !wrong.iter().any(|known| known.field == problem.field) {
            wrong.push(problem);
        }
    }
    if wrong.is_empty() { Ok(issuer) } else { Err(wrong) }
}

/// The JWT-SVID keys of a bundle, as signature keys (SPIFFE Trust Domain and Bundle §4.2). The others in the bundle are
/// for X.509.
fn svid_keys(bundle: &Value) -> Value {
    let listed = client_jwks::listed(bundle).unwrap_or_default();
    let of_svids = listed.iter().filter(|key| key.get("use").is_none_or(|of| of != "x509-svid"));
    let plain = of_svids.map(|key| {
        let mut key = key.clone();
        if let Some(members) = key.as_object_mut()
            && members.get("use").is_some_and(|of| of == "jwt-svid")
        {
            members.remove("use");
        }
        key
    });
    Value::Array(plain.collect())
}

/// Removes an issuer: its tokens are refused from the next request on.
///
/// # Errors
/// `not_found`; `conflict` while rules of clients name it; `forbidden`; `reauthentication_required`.
pub async fn remove(app: App, name: String, info: RequestInfo) -> Result<(), Failure> {
    app.transaction_or_nothing(&info, async |tx| {
        // Every change of a client writes this row, so holding it prevents that a rule is added in the meantime.
        let all = clients::hold_all(tx).await?;
        authorize(tx, Action::RemoveTrustedIssuer, &[]).await?;
        let issuer = trusted_issuers::find(&mut **tx, &name).await?.ok_or_else(not_found)?;
        let names = |stored: &clients::StoredClient| {
            stored.client.metadata.workloads.iter().any(|rule| rule.issuer == name)
        };
        let naming: Vec<String> =
            all.into_iter().filter(names).map(|stored| stored.client.client_id).take(8).collect();
        if !naming.is_empty() {
            let message = format!(
                "Rules of clients name this issuer: {}. Take them away first: signet client update CLIENT_ID \
                 --no-workloads.",
                naming.join(", ")
            );
            return Err(Refusal::new(Code::Conflict, "").with_message(message).into());
        }
        trusted_issuers::delete(tx, &name).await?;
        record(tx, EventKind::TrustedIssuerRemoved, &issuer).await
    })
    .await
}

async fn record(
    tx: &mut AuditedTx,
    kind: EventKind,
    issuer: &TrustedIssuer,
) -> Result<(), Failure> {
    let detail = format!("{} {}", issuer.name, issuer.issuer);
    Ok(tx.record(&Event::new(kind).detail(detail)).await?)
}

fn not_found() -> Refusal {
    Refusal::new(Code::NotFound, "There is no trusted issuer of this name.")
}
