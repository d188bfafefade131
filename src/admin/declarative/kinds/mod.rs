//! The kinds of objects that a file can declare, with one module each.
//!
//! A kind lists the keys of its table (`FIELDS`, the name first), reads a table into a desired state (`Declared`),
//! reads stored objects in the same form (`live`, `all`) and writes them within a transaction. It shares the rules
//! and writes of the use cases for single objects. States are compared without defaults.

mod api;
mod client;
mod client_state;
mod user;

use std::collections::HashMap;
use std::path::Path;

use serde_json::json;
use uuid::Uuid;

use super::fields::{Field, Fields, Shape};
use super::references::{DeclaredSecret, Reference};
use crate::app::{App, AuditedTx, MadeKey};
use crate::base::entropy::random;
use crate::base::{Secret, Timestamp};
use crate::domain::managed::{ManagedKind, State};
use crate::domain::outcome::{Failure, Fault};
use crate::domain::signing_key::SigningAlg;
use crate::store::Link;
use crate::text_enum;

/// An object as it is stored.
#[derive(Debug, Clone)]
pub struct Live {
    /// Its row id.
    pub id: Uuid,
    /// Its settings, without defaults.
    pub state: State,
    /// A keyed hash of its secret; empty for a password, which cannot be compared.
    pub secret: Option<Vec<u8>>,
}

text_enum! {
    /// How the secret of an object changes.
    pub enum SecretChange {
        /// It is the one that the file refers to.
        Same = "same",
        /// It is replaced.
        Changed = "changed",
        /// The object has none and gets the one the file refers to.
        Set = "set",
        /// The object has none and gets a generated one.
        Generated = "generated",
    }
}

/// Slow work that is done before the transaction.
#[derive(Default)]
pub struct Prepared {
    /// Signing keys of algorithms that had none.
    pub keys: HashMap<SigningAlg, MadeKey>,
    /// Hashes of passwords, by the name of the user.
    pub hashes: HashMap<String, String>,
}

/// The context in which tables are read.
pub struct Reading<'a> {
    /// The application.
    pub app: &'a App,
    /// The base of relative paths in the file.
    pub folder: &'a Path,
}

macro_rules! kinds {
    ($($kind:ident = $module:ident),+ $(,)?) => {
        /// The desired state of an object.
        pub enum Wanted {
            $(#[doc = stringify!($kind)] $kind(Box<$module::Declared>),)+
        }

        /// The keys of the table of a kind, its name first.
        pub const fn fields(kind: ManagedKind) -> &'static [Field] {
            match kind { $(ManagedKind::$kind => $module::FIELDS),+ }
        }

        /// The identifier of an object, in its stored form.
        pub fn name(kind: ManagedKind, fields: &mut Fields<'_>, app: &App) -> Option<String> {
            match kind { $(ManagedKind::$kind => $module::name(fields, app)),+ }
        }

        /// Reads a table. Returns `None` after recording a mistake.
        pub fn read(
            kind: ManagedKind,
            name: &str,
            fields: &mut Fields<'_>,
            reading: &Reading<'_>,
        ) -> Option<Wanted> {
            match kind {
                $(ManagedKind::$kind => {
                    let declared = $module::read(name, fields, reading)?;
                    Some(Wanted::$kind(Box::new(declared)))
                })+
            }
        }

        /// The object of this name, as it is stored.
        pub async fn live(
            link: &mut impl Link,
            app: &App,
            kind: ManagedKind,
            name: &str,
        ) -> Result<Option<Live>, Fault> {
            match kind { $(ManagedKind::$kind => $module::live(link, app, name).await),+ }
        }

        /// Deletes an existing object.
        pub async fn remove(
            tx: &mut AuditedTx,
            kind: ManagedKind,
            name: &str,
        ) -> Result<(), Failure> {
            match kind { $(ManagedKind::$kind => $module::remove(tx, name).await),+ }
        }

        impl Wanted {
            /// Its settings, without defaults.
            pub fn state(&self) -> State {
                match self { $(Self::$kind(declared) => declared.state()),+ }
            }

            /// Its secret, if the file names one.
            pub fn secret(&self) -> Option<&DeclaredSecret> {
                match self { $(Self::$kind(declared) => declared.secret.as_ref()),+ }
            }

            fn secret_mut(&mut self) -> Option<&mut DeclaredSecret> {
                match self { $(Self::$kind(declared) => declared.secret.as_mut()),+ }
            }

            /// A keyed hash of that secret, if it can be compared.
            pub fn mark(&self, app: &App) -> Option<Vec<u8>> {
                match self { $(Self::$kind(declared) => declared.mark(app)),+ }
            }

            /// The algorithm of the signing key that it needs.
            pub fn algorithm(&self) -> Option<SigningAlg> {
                match self { $(Self::$kind(declared) => declared.algorithm()),+ }
            }

            /// A secret of its kind.
            fn generated(&self, app: &App) -> Option<Secret<String>> {
                match self { $(Self::$kind(_) => $module::generated(app)),+ }
            }

            /// Creates the object.
            pub async fn create(
                &self,
                tx: &mut AuditedTx,
                prepared: &Prepared,
            ) -> Result<(), Failure> {
                match self { $(Self::$kind(declared) => declared.create(tx, prepared).await),+ }
            }

            /// Changes the existing object.
            pub async fn update(
                &self,
                tx: &mut AuditedTx,
                prepared: &Prepared,
            ) -> Result<(), Failure> {
                match self { $(Self::$kind(declared) => declared.update(tx, prepared).await),+ }
            }
        }
    };
}

kinds! {
    Api = api,
    Client = client,
    User = user,
}

pub use api::all as all_apis;
pub use client::all as all_clients;
pub use user::hash as hash_password;

impl Wanted {
    /// How the secret of `live` changes; `None` if the file names no secret.
    pub fn secret_change(&self, live: Option<&Live>, app: &App) -> Option<SecretChange> {
        let declared = self.secret()?;
        let generates = declared.reference == Reference::Generate;
        // The first administration scopes end an earlier secret.
        let ends = |live: &&Live| generates && self.is_first_grant(live);
        let stored = live.filter(|live| !ends(live)).and_then(|live| live.secret.as_ref());
        Some(match (stored, &declared.reference) {
            (Some(_), Reference::Generate) => SecretChange::Same,
            (None, Reference::Generate) => SecretChange::Generated,
            (None, _) => SecretChange::Set,
            // A password is set once and then belongs to its user.
            (Some(stored), _) if stored.is_empty() => SecretChange::Same,
            (Some(stored), _) if Some(stored) == self.mark(app).as_ref() => SecretChange::Same,
            (Some(_), _) => SecretChange::Changed,
        })
    }

    /// Whether this gives `live` its first administration scopes.
    fn is_first_grant(&self, live: &Live) -> bool {
        let gives =
            |state: &State| state.get("admin_scopes").is_some_and(|scopes| *scopes != json!([]));
        gives(&self.state()) && !gives(&live.state)
    }

    /// Generates the secret, so that it can be written to its file before it is stored.
    pub fn generate(&mut self, app: &App) {
        let made = self.generated(app);
        if let Some(declared) = self.secret_mut()
            && declared.reference == Reference::Generate
        {
            declared.value = Ok(made);
        }
    }
}

impl DeclaredSecret {
    /// The secret; `None` if it has not been generated yet.
    pub fn known(&self) -> Option<&Secret<String>> {
        self.value.as_ref().ok()?.as_ref()
    }
}

/// The key of the secret of a kind.
pub fn secret_key(kind: ManagedKind) -> &'static str {
    let secret = |field: &&Field| matches!(field.shape, Shape::Secret { .. });
    fields(kind).iter().find(secret).map_or("", |field| field.name)
}

/// A new row id.
fn new_id(app: &App, now: Timestamp) -> Uuid {
    let millis = u64::try_from(now.millis()).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(millis, &random(&*app.entropy)).into_uuid()
}

/// A keyed hash of the stored form of a secret.
fn mark(app: &App, secret: &[u8]) -> Vec<u8> {
    app.pseudonyms.of("managed/secret", &[secret])
}

/// The texts, sorted and without duplicates.
fn sorted<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<&'a String> {
    let mut texts: Vec<&String> = texts.into_iter().collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}
