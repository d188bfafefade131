//! The kinds of objects that a file can declare: one file each, and one line here.
//!
//! A kind says which keys its table has (`FIELDS`, the first of them its name), reads a table into what is wanted
//! (`Declared`), shows what is stored in the same form (`live`, `all`) and writes it within a transaction. Rules and
//! writes are those of the use cases of single objects; what is compared are states without defaults.

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
    /// What becomes of the secret of an object.
    pub enum SecretChange {
        /// It is what the file refers to.
        Same = "same",
        /// It is replaced.
        Changed = "changed",
        /// The object has none and gets what the file refers to.
        Set = "set",
        /// The object has none and gets one that Signet makes.
        Generated = "generated",
    }
}

/// What takes its time and is made before the transaction.
#[derive(Default)]
pub struct Prepared {
    /// Signing keys of algorithms that had none.
    pub keys: HashMap<SigningAlg, MadeKey>,
    /// Hashes of passwords, by the name of the user.
    pub hashes: HashMap<String, String>,
}

/// Where tables are read: what the rules ask for.
pub struct Reading<'a> {
    /// The application.
    pub app: &'a App,
    /// Where the paths in the file begin.
    pub folder: &'a Path,
}

macro_rules! kinds {
    ($($kind:ident = $module:ident),+ $(,)?) => {
        /// What a file wants an object to be.
        pub enum Wanted {
            $(#[doc = stringify!($kind)] $kind(Box<$module::Declared>),)+
        }

        /// The keys of the table of a kind, its name first.
        pub const fn fields(kind: ManagedKind) -> &'static [Field] {
            match kind { $(ManagedKind::$kind => $module::FIELDS),+ }
        }

        /// What identifies an object, in the form under which it is stored.
        pub fn name(kind: ManagedKind, fields: &mut Fields<'_>, app: &App) -> Option<String> {
            match kind { $(ManagedKind::$kind => $module::name(fields, app)),+ }
        }

        /// Reads a table. None where something about it is wrong, which is noted.
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

        /// Deletes an object that is there.
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

            /// A keyed hash of that secret, where there is one that can be compared.
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

            /// Changes the object that is there.
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
    /// What becomes of the secret of `live`; none where the file names no secret.
    pub fn secret_change(&self, live: Option<&Live>, app: &App) -> Option<SecretChange> {
        let declared = self.secret()?;
        let generates = declared.reference == Reference::Generate;
        // The first administration scopes end a secret from before.
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

    /// Makes the secret that is to be generated, so that it can be written down before it is stored.
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
    /// The secret. None for one that is to be generated and was not.
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

/// A keyed hash of what a secret is stored as.
fn mark(app: &App, secret: &[u8]) -> Vec<u8> {
    app.pseudonyms.of("managed/secret", &[secret])
}

/// The texts once each, in an order that does not depend on that of the file.
fn sorted<'a>(texts: impl IntoIterator<Item = &'a String>) -> Vec<&'a String> {
    let mut texts: Vec<&String> = texts.into_iter().collect();
    texts.sort_unstable();
    texts.dedup();
    texts
}
