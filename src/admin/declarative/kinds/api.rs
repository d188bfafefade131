//! APIs in a file: `[[api]]`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::{Live, Prepared, Reading, mark, new_id, sorted};
use crate::admin::apis::{self, Change};
use crate::admin::declarative::fields::{Field, Fields, Shape};
use crate::admin::declarative::references::{DeclaredSecret, Reference};
use crate::app::{App, AuditedTx};
use crate::base::{Secret, Timestamp};
use crate::crypto::hs256::GeneratedSecret;
use crate::domain::api::Api;
use crate::domain::client::BUILT_IN;
use crate::domain::identifier_namespace;
use crate::domain::managed::State;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::scope::Scopes;
use crate::domain::signing_key::SigningAlg;
use crate::domain::token_rules::{TokenAlg, TokenProfile};
use crate::store::Link;
use crate::store::apis::{StoredApi, all as stored_apis, find, hold};

const SECRET: &str = "shared_secret";

/// The keys of a table.
pub const FIELDS: &[Field] = &[
    Field {
        name: "identifier",
        shape: Shape::Text,
        meaning: "The identifier: an absolute URI, the aud of its tokens.",
    },
    Field {
        name: "scopes",
        shape: Shape::Scopes,
        meaning: "The scopes it offers, each with its description for users.",
    },
    Field {
        name: "key_scopes",
        shape: Shape::Texts,
        meaning: "The scopes that users may give their API keys; without any it accepts none.",
    },
    Field {
        name: "signing_alg",
        shape: Shape::Word(|| TokenAlg::all().map(TokenAlg::as_str).collect()),
        meaning: "The signature algorithm of its tokens. Default: that of the server.",
    },
    Field {
        name: "token_profile",
        shape: Shape::Word(|| TokenProfile::ALL.iter().map(|word| word.as_str()).collect()),
        meaning: "The profile of its tokens. Default: rfc9068.",
    },
    Field {
        name: "access_token_ttl",
        shape: Shape::Span,
        meaning: "The lifetime of its access tokens. Default: that of the server.",
    },
    Field {
        name: "claims",
        shape: Shape::Texts,
        meaning: "The claims about users that its tokens carry.",
    },
    Field {
        name: "documents",
        shape: Shape::Flag,
        meaning: "Clients that describe themselves may have tokens for it.",
    },
    Field {
        name: SECRET,
        shape: Shape::Secret { generate: true },
        meaning: "The secret of an API with HS256: 32 bytes in base64url.",
    },
];

/// The desired state of an API.
pub struct Declared {
    api: Api,
    /// Its shared secret.
    pub secret: Option<DeclaredSecret>,
}

/// The identifier.
pub fn name(fields: &mut Fields<'_>, _: &App) -> Option<String> {
    fields.required("identifier")
}

/// Reads a table.
pub fn read(name: &str, fields: &mut Fields<'_>, reading: &Reading<'_>) -> Option<Declared> {
    let scopes = fields.scopes("scopes").unwrap_or_default();
    let change = Change {
        scopes: Some(scopes.iter().map(|(scope, _)| scope.clone()).collect()),
        scope_descriptions: described(scopes),
        key_scopes: fields.texts("key_scopes"),
        signing_alg: fields
            .word("signing_alg", || TokenAlg::all().map(TokenAlg::as_str).collect())
            .map(Some),
        token_profile: fields
            .word("token_profile", || TokenProfile::ALL.iter().map(|word| word.as_str()).collect()),
        access_token_ttl: fields.span("access_token_ttl").map(Some),
        claims: fields.texts("claims"),
        documents: fields.flag("documents"),
        new_secret: false,
    };
    let secret = fields.reference(SECRET, true).map(|reference| secret(reference, reading));
    if let Some(Err(said)) = secret.as_ref().map(|secret| secret.value.as_ref()) {
        let said = said.clone();
        fields.note(SECRET, &said);
    }
    let issuer = reading.app.issuer();
    let clash = identifier_namespace::clash(name, issuer, [BUILT_IN]);
    if let Some(clash) = clash {
        fields.note("identifier", clash.message());
    }
    let made = Api::new(name, Scopes::default()).map_err(apis::refused);
    let made = made.and_then(|api| change.applied_to(api, reading.app.lifetimes.retry_window));
    let api = match made {
        Ok(api) => api,
        Err(refusal) => {
            fields.note_all(&refusal.fields);
            return None;
        }
    };
    match (api.rules.is_shared_secret(), &secret) {
        (false, Some(_)) => fields.note(SECRET, "only an API with signing_alg = \"HS256\" has a shared secret"),
        (true, None) => fields.note(
            SECRET,
            "an API with HS256 needs one: { env = \"NAME\" }, { file = \"PATH\" } or { generate = true }",
        ),
        _ => {}
    }
    Some(Declared { api, secret })
}

fn described(scopes: Vec<(String, Option<String>)>) -> BTreeMap<String, Option<String>> {
    scopes.into_iter().filter(|(_, description)| description.is_some()).collect()
}

fn secret(reference: Reference, reading: &Reading<'_>) -> DeclaredSecret {
    let value = reference.text(reading.folder).and_then(|value| match value {
        Some(secret) if GeneratedSecret::parse(secret.expose(), &*reading.app.entropy).is_none() => Err(
            "a shared secret is 32 bytes in base64url without padding (the k of a JWK), 43 characters".to_owned(),
        ),
        value => Ok(value),
    });
    DeclaredSecret { reference, value }
}

impl Declared {
    /// Its settings, without defaults.
    pub fn state(&self) -> State {
        state(&self.api)
    }

    /// A keyed hash of its secret.
    pub fn mark(&self, app: &App) -> Option<Vec<u8>> {
        let secret =
            GeneratedSecret::parse(self.secret.as_ref()?.known()?.expose(), &*app.entropy)?;
        Some(mark(app, &*secret.bytes))
    }

    /// The algorithm of its tokens.
    pub const fn algorithm(&self) -> Option<SigningAlg> {
        match self.api.rules.signing_alg {
            Some(TokenAlg::Key(alg)) => Some(alg),
            _ => None,
        }
    }

    /// Creates the API.
    pub async fn create(&self, tx: &mut AuditedTx, prepared: &Prepared) -> Result<(), Failure> {
        let (app, now) = (tx.app(), tx.info().now);
        let mut stored = StoredApi {
            id: new_id(&app, now),
            api: self.api.clone(),
            secret: None,
            created_at: now,
            name_since: Timestamp::from_millis(0),
        };
        self.settle_secret(tx, &mut stored).await?;
        let key = self.algorithm().and_then(|alg| prepared.keys.get(&alg));
        apis::register(tx, &stored, key).await
    }

    /// Changes the API.
    pub async fn update(&self, tx: &mut AuditedTx, prepared: &Prepared) -> Result<(), Failure> {
        let gone = || Fault::unavailable("an API was deleted at this moment");
        let mut stored = hold(tx, &self.api.identifier).await?.ok_or_else(gone)?;
        stored.api = self.api.clone();
        self.settle_secret(tx, &mut stored).await?;
        let key = self.algorithm().and_then(|alg| prepared.keys.get(&alg));
        apis::store(tx, &stored, key).await
    }

    /// Gives the API the secret that the file refers to. A generated secret is created once.
    async fn settle_secret(
        &self,
        tx: &mut AuditedTx,
        stored: &mut StoredApi,
    ) -> Result<(), Failure> {
        if !self.api.rules.is_shared_secret() {
            stored.secret = None;
            return Ok(());
        }
        let generates =
            self.secret.as_ref().is_some_and(|secret| secret.reference == Reference::Generate);
        if generates && stored.secret.is_some() {
            return Ok(());
        }
        let app = tx.app();
        let made = self.secret.as_ref().and_then(DeclaredSecret::known);
        let made = made.and_then(|secret| GeneratedSecret::parse(secret.expose(), &*app.entropy));
        let missing = || Refusal::field(SECRET, "missing", super::super::NOT_GENERATED);
        let made = made.ok_or_else(missing)?;
        let same = match stored.secret {
            Some(_) => app.shared_secret(stored)?.is_some_and(|bytes| *bytes == made.bytes[..]),
            None => false,
        };
        if !same {
            stored.secret = Some(app.seal_shared_secret(tx, stored.id, &made).await?);
        }
        Ok(())
    }
}

/// A new secret.
pub fn generated(app: &App) -> Option<Secret<String>> {
    Some(GeneratedSecret::make(&*app.entropy).spelt())
}

/// The API of this identifier.
pub async fn live(link: &mut impl Link, app: &App, name: &str) -> Result<Option<Live>, Fault> {
    let found = find(link, name).await?.filter(|stored| stored.api.identifier == name);
    found.map(|stored| shown(app, &stored)).transpose()
}

/// Every API.
pub async fn all(link: &mut impl Link, app: &App) -> Result<Vec<(String, Live)>, Fault> {
    let all = stored_apis(link).await?;
    all.into_iter()
        .map(|stored| Ok((stored.api.identifier.clone(), shown(app, &stored)?)))
        .collect()
}

fn shown(app: &App, stored: &StoredApi) -> Result<Live, Fault> {
    let secret = app.shared_secret(stored)?.map(|bytes| mark(app, &bytes));
    Ok(Live { id: stored.id, state: state(&stored.api), secret })
}

/// Deletes the API of this identifier.
pub async fn remove(tx: &mut AuditedTx, name: &str) -> Result<(), Failure> {
    apis::remove(tx, name).await
}

fn state(api: &Api) -> State {
    let mut state = State::new();
    let mut put = |name: &str, value: Value| state.insert(name.to_owned(), value);
    let scopes: BTreeMap<&str, &str> = api
        .scopes
        .iter()
        .map(|scope| (scope, api.scope_descriptions.get(scope).map_or("", String::as_str)))
        .collect();
    if !scopes.is_empty() {
        put("scopes", json!(scopes));
    }
    if !api.key_scopes.is_empty() {
        let key_scopes: Vec<&str> = api.key_scopes.iter().collect();
        put("key_scopes", json!(key_scopes));
    }
    let rules = &api.rules;
    if let Some(alg) = rules.signing_alg {
        put("signing_alg", json!(alg));
    }
    if rules.profile != TokenProfile::Rfc9068 {
        put("token_profile", json!(rules.profile));
    }
    if let Some(ttl) = rules.access_ttl {
        put("access_token_ttl", json!(ttl.secs()));
    }
    if !rules.claims.is_empty() {
        put("claims", json!(sorted(&rules.claims)));
    }
    if api.documents {
        put("documents", json!(true));
    }
    state
}
