//! Clients in a file: `[[client]]`. The logo of a client cannot be declared and is left unchanged.

use serde_json::Value;

use super::client_state::state;
use super::{Live, Prepared, Reading, mark, new_id};
use crate::admin::authorization::grant_admin_scopes;
use crate::admin::client_writes::{self, Named};
use crate::admin::clients::Change;
use crate::admin::declarative::NOT_GENERATED;
use crate::admin::declarative::fields::{Field, Fields, Shape};
use crate::admin::declarative::references::{DeclaredSecret, Reference};
use crate::app::{App, AuditedTx};
use crate::base::opaque_token::{self, CLIENT_SECRET};
use crate::base::{Secret, Timestamp};
use crate::crypto::digest::token_hash;
use crate::domain::audit::EventKind;
use crate::domain::authn::AssuranceLevel;
use crate::domain::client::{
    AssertionAudience, AuthMethod, Client, ClientMetadata, ClientType, IdTokenClaims, MAX_SECRETS,
    PkcePolicy, SecretHash, SecurityProfile,
};
use crate::domain::managed::State;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::signing_key::SigningAlg;
use crate::oauth::grants;
use crate::store::Link;
use crate::store::clients::{StoredClient, all as stored_clients, find, hold};
use crate::store::revocations::Revoked;

const SECRET: &str = "client_secret";

/// The texts of an enumeration.
macro_rules! words {
    ($kind:ty) => {
        || <$kind>::ALL.iter().map(|word| word.as_str()).collect()
    };
}

/// A key of a table.
const fn key(name: &'static str, shape: Shape, meaning: &'static str) -> Field {
    Field { name, shape, meaning }
}

/// The keys of a table.
pub const FIELDS: &[Field] = &[
    key("client_id", Shape::Text, "Its name on the wire."),
    key("name", Shape::Text, "The displayed name. Default: the client_id."),
    key("type", Shape::Word(words!(ClientType)), "The kind of application."),
    key(
        "token_endpoint_auth_method",
        Shape::Word(words!(AuthMethod)),
        "The only authentication method that it may use.",
    ),
    key(
        "token_endpoint_auth_method_pinned",
        Shape::Flag,
        "false: a client with a secret may send it in the header or in the body.",
    ),
    key(
        "assertion_audience",
        Shape::Word(words!(AssertionAudience)),
        "The audience of its assertions.",
    ),
    key("pkce", Shape::Word(words!(PkcePolicy)), "Whether its log-ins need a PKCE challenge."),
    key(
        "security_profile",
        Shape::Word(words!(SecurityProfile)),
        "A security profile that it must follow.",
    ),
    key("client_uri", Shape::Text, "The home page of the application."),
    key("policy_uri", Shape::Text, "The privacy policy of the application."),
    key("tos_uri", Shape::Text, "The terms of service of the application."),
    key("redirect_uris", Shape::Texts, "The addresses that responses may be sent to."),
    key(
        "post_logout_redirect_uris",
        Shape::Texts,
        "The addresses that users may be sent to after logging out.",
    ),
    key(
        "backchannel_logout_uri",
        Shape::Text,
        "The address that is notified when a session ends (back-channel \
         logout).",
    ),
    key(
        "web_origins",
        Shape::Texts,
        "Origins, besides those of the redirect URIs, whose scripts may call Signet.",
    ),
    key("grant_types", Shape::Texts, "The grants it may use. Default: those of its type."),
    key(
        "scopes",
        Shape::Texts,
        "The scopes it may request. Default: all that its audiences offer.",
    ),
    key("audiences", Shape::Texts, "The APIs that it may get tokens for."),
    key("serves", Shape::Texts, "The APIs that it serves as the resource server."),
    key(
        "access_token_ttl",
        Shape::Span,
        "The lifetime of its access tokens, unless the API sets one.",
    ),
    key("refresh_idle_ttl", Shape::Span, "The time after which its sessions end unless refreshed."),
    key("refresh_max_ttl", Shape::Span, "The maximum lifetime of its sessions."),
    key(
        "id_token_signed_response_alg",
        Shape::Word(words!(SigningAlg)),
        "The signature algorithm of its ID tokens.",
    ),
    key("id_token_claims", Shape::Word(words!(IdTokenClaims)), "The claims of its ID tokens."),
    key(
        "min_acr",
        Shape::Word(words!(AssuranceLevel)),
        "The minimum assurance level of its users' sign-ins.",
    ),
    key("skip_consent", Shape::Flag, "Do not ask users for consent."),
    key(
        "first_party",
        Shape::Flag,
        "Whether it may log users in at /v1/login with their passwords.",
    ),
    key(
        "admin_scopes",
        Shape::Texts,
        "The administration scopes that a service may request for Signet itself.",
    ),
    key(
        "workloads",
        Shape::Texts,
        "Rules by which workloads of trusted issuers authenticate as the client.",
    ),
    key("jwks", Shape::Keys, "Its public keys for private_key_jwt."),
    key("disabled", Shape::Flag, "true: it gets nothing."),
    key(SECRET, Shape::Secret { generate: true }, "Its secret, of at least 32 characters."),
];

/// The desired state of a client.
pub struct Declared {
    client_id: String,
    metadata: ClientMetadata,
    disabled: bool,
    /// Its secret.
    pub secret: Option<DeclaredSecret>,
}

/// The `client_id`.
pub fn name(fields: &mut Fields<'_>, _: &App) -> Option<String> {
    fields.required("client_id")
}

/// Reads a table.
pub fn read(client_id: &str, fields: &mut Fields<'_>, reading: &Reading<'_>) -> Option<Declared> {
    let name = fields.text("name").unwrap_or_else(|| client_id.to_owned());
    let chosen = fields.word("type", words!(ClientType));
    if !fields.has("type") {
        fields.note("type", "it is missing: spa, web, native or service");
    }
    let secret = fields.reference(SECRET, true).map(|reference| reference.secret(reading.folder));
    if let Some(Err(said)) = secret.as_ref().map(|secret| secret.value.as_ref()) {
        let said = said.clone();
        fields.note(SECRET, &said);
    }
    let disabled = fields.flag("disabled").unwrap_or(false);
    let change = change(fields, reading);
    let client_type = chosen?;
    let app = reading.app;
    let before = ClientMetadata::new(name.clone(), client_type, grants::ALL);
    let change = Change { name: Some(name), ..change };
    let (metadata, mut wrong) = change.applied_to(before, app.lifetimes.retry_window);
    wrong.extend(client_writes::unacceptable_name(client_id, app.issuer()));
    fields.note_all(&wrong);
    if secret.is_some() && !metadata.auth_method.has_secret() {
        let text =
            format!("a client that authenticates with {} has no secret", metadata.auth_method);
        fields.note(SECRET, &text);
    }
    wrong.is_empty().then(|| Declared {
        client_id: client_id.to_owned(),
        metadata,
        disabled,
        secret,
    })
}

/// The settings that a change of a single client has as well.
fn change(fields: &mut Fields<'_>, reading: &Reading<'_>) -> Change {
    let jwks = keys(fields, reading);
    Change {
        auth_method: fields.word("token_endpoint_auth_method", words!(AuthMethod)).map(Some),
        auth_method_pinned: fields.flag("token_endpoint_auth_method_pinned"),
        assertion_audience: fields.word("assertion_audience", words!(AssertionAudience)).map(Some),
        pkce: fields.word("pkce", words!(PkcePolicy)).map(Some),
        security_profile: fields.word("security_profile", words!(SecurityProfile)).map(Some),
        client_uri: fields.text("client_uri").map(Some),
        policy_uri: fields.text("policy_uri").map(Some),
        tos_uri: fields.text("tos_uri").map(Some),
        redirect_uris: fields.texts("redirect_uris"),
        post_logout_redirect_uris: fields.texts("post_logout_redirect_uris"),
        backchannel_logout_uri: fields.text("backchannel_logout_uri").map(Some),
        web_origins: fields.texts("web_origins"),
        grant_types: fields.texts("grant_types").map(Some),
        scopes: fields.texts("scopes").map(Some),
        audiences: fields.texts("audiences"),
        resource_servers: fields.texts("serves"),
        access_token_ttl: fields.span("access_token_ttl").map(Some),
        refresh_idle_ttl: fields.span("refresh_idle_ttl").map(Some),
        refresh_max_ttl: fields.span("refresh_max_ttl").map(Some),
        id_token_alg: fields.word("id_token_signed_response_alg", words!(SigningAlg)).map(Some),
        id_token_claims: fields.word("id_token_claims", words!(IdTokenClaims)).map(Some),
        min_acr: fields.word("min_acr", words!(AssuranceLevel)).map(Some),
        skip_consent: fields.flag("skip_consent"),
        first_party: fields.flag("first_party"),
        admin_scopes: fields.texts("admin_scopes"),
        workloads: fields.texts("workloads"),
        jwks,
        ..Change::default()
    }
}

/// Its public keys: inline, or in a separate file.
fn keys(fields: &mut Fields<'_>, reading: &Reading<'_>) -> Option<Value> {
    let given = fields.json("jwks")?;
    let Some(path) = given.get("file").and_then(Value::as_str) else { return Some(given) };
    let text = Reference::File(path.to_owned()).text(reading.folder);
    let text = match text {
        Ok(text) => text?,
        Err(said) => {
            fields.note("jwks", &said);
            return None;
        }
    };
    let keys = serde_json::from_str(text.expose()).ok();
    if keys.is_none() {
        fields.note(
            "jwks",
            "the file does not contain JSON: expected a JWK set, a list of JWKs or a JWK",
        );
    }
    keys
}

impl Declared {
    /// Its settings, without defaults.
    pub fn state(&self) -> State {
        state(&self.metadata, self.disabled)
    }

    /// A keyed hash of its secret.
    pub fn mark(&self, app: &App) -> Option<Vec<u8>> {
        let secret = self.secret.as_ref()?.known()?;
        Some(mark(app, token_hash(secret.expose()).digest()))
    }

    /// The algorithm of its ID tokens.
    pub const fn algorithm(&self) -> Option<SigningAlg> {
        Some(self.metadata.id_token_alg)
    }

    /// Registers the client.
    pub async fn create(&self, tx: &mut AuditedTx, prepared: &Prepared) -> Result<(), Failure> {
        let (app, now) = (tx.app(), tx.info().now);
        let mut client = Client::new(self.client_id.clone(), self.metadata.clone(), now);
        client.disabled_at = self.disabled.then_some(now);
        self.settle_secret(&mut client, now)?;
        let stored = StoredClient { id: new_id(&app, now), client, updated_at: now };
        let key = prepared.keys.get(&self.metadata.id_token_alg);
        client_writes::register(tx, &stored, key).await
    }

    /// Changes the client, with one event: disabling it takes precedence over other changes.
    pub async fn update(&self, tx: &mut AuditedTx, prepared: &Prepared) -> Result<(), Failure> {
        let now = tx.info().now;
        let gone = || Fault::unavailable("a client was deleted at this moment");
        let mut stored = hold(tx, &self.client_id).await?.ok_or_else(gone)?;
        let metadata = &self.metadata;
        client_writes::require_apis(
            tx,
            Some(&metadata.audiences),
            Some(&metadata.resource_servers),
        )
        .await?;
        let client = &mut stored.client;
        let before = state(&client.metadata, client.disabled_at.is_some());
        let wanted = ClientMetadata { logo: client.metadata.logo.clone(), ..metadata.clone() };
        let old = std::mem::replace(&mut client.metadata, wanted);
        let event = match (client.disabled_at, self.disabled) {
            (None, true) => EventKind::ClientDisabled,
            (Some(_), false) => EventKind::ClientEnabled,
            _ if before != self.state() => EventKind::ClientUpdated,
            _ => EventKind::ClientSecretRotated,
        };
        client.disabled_at = self.disabled.then(|| client.disabled_at.unwrap_or(now));
        client_writes::require_narrow_rules(tx, metadata).await?;
        client_writes::end_credentials_before_grant(tx, &old, client, Named::ALL).await?;
        self.settle_secret(client, now)?;
        grant_admin_scopes(tx, Some(&old), client).await?;
        stored.updated_at = now;
        if event == EventKind::ClientDisabled {
            tx.cut(Revoked::Client(&self.client_id)).await?;
        }
        let key = prepared.keys.get(&metadata.id_token_alg);
        client_writes::store(tx, &stored, event, key).await
    }

    /// Gives the client the secret that the file refers to. The previous secret stays valid until the next change.
    fn settle_secret(&self, client: &mut Client, now: Timestamp) -> Result<(), Refusal> {
        if !self.metadata.auth_method.has_secret() {
            client.secrets.clear();
            return Ok(());
        }
        let generates = |secret: &DeclaredSecret| secret.reference == Reference::Generate;
        let is_kept = self.secret.as_ref().is_none_or(generates) && !client.secrets.is_empty();
        if is_kept {
            return Ok(());
        }
        let missing = match &self.secret {
            Some(_) => NOT_GENERATED,
            None => {
                "a client that authenticates with a secret needs one: { env = \"NAME\" }, { file = \"PATH\" } or \
                 { generate = true }"
            }
        };
        let secret = self.secret.as_ref().and_then(DeclaredSecret::known);
        let secret = secret.ok_or_else(|| Refusal::field(SECRET, "missing", missing))?;
        let hash = *token_hash(secret.expose()).digest();
        if client.secrets.first().is_none_or(|newest| newest.hash != hash) {
            client.secrets.retain(|known| known.hash != hash);
            client.secrets.insert(0, SecretHash { hash, created_at: now });
            client.secrets.truncate(MAX_SECRETS);
        }
        Ok(())
    }
}

/// A new secret.
pub fn generated(app: &App) -> Option<Secret<String>> {
    Some(Secret::new(opaque_token::generate(CLIENT_SECRET, &*app.entropy)))
}

/// The client of this `client_id`.
pub async fn live(link: &mut impl Link, app: &App, name: &str) -> Result<Option<Live>, Fault> {
    Ok(find(link, name).await?.map(|stored| shown(app, &stored)))
}

/// Every client.
pub async fn all(link: &mut impl Link, app: &App) -> Result<Vec<(String, Live)>, Fault> {
    let all = stored_clients(link).await?;
    Ok(all
        .into_iter()
        .map(|stored| (stored.client.client_id.clone(), shown(app, &stored)))
        .collect())
}

fn shown(app: &App, stored: &StoredClient) -> Live {
    let client = &stored.client;
    let secret = client.secrets.first().map(|newest| mark(app, &newest.hash));
    let state = state(&client.metadata, client.disabled_at.is_some());
    Live { id: stored.id, state, secret }
}

/// Deletes the client of this `client_id`.
pub async fn remove(tx: &mut AuditedTx, name: &str) -> Result<(), Failure> {
    let stored = hold(tx, name).await?.ok_or_else(client_writes::not_found)?;
    client_writes::remove(tx, &stored).await
}
