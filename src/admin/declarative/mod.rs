//! Configuration as code: APIs, clients and users that files declare.
//!
//! A file is parsed into a tree with line numbers (`document`) and read key by key (`fields`, `kinds`) into desired
//! states (`declarations`). A run compares these with the stored objects (`plan`), writes the difference in one
//! transaction (`apply`) and records it, so that `drift` can find later changes. `export` is the inverse. The
//! command line finds the files and displays plans.

mod apply;
mod declarations;
mod document;
mod drift;
mod export;
mod fields;
mod impact;
mod json_document;
mod kinds;
mod plan;
mod references;
mod sample;
mod schema;
mod toml_document;

use crate::app::App;
use crate::base::Secret;
use crate::domain::managed::ManagedKind;

pub use apply::{Choices, Expected, apply, plan};
pub use declarations::{Declarations, InputFile, Mistakes, read};
pub use document::MAX_FILE;
pub use drift::{Drift, drift};
pub use export::{export, toml};
pub use impact::Impact;
pub use kinds::SecretChange;
pub use plan::{Action, Change, Plan};
pub use sample::SampleToken;
pub use schema::schema;

/// The message for a secret that is to be generated but cannot be written anywhere.
const NOT_GENERATED: &str =
    "generate = true needs a place to write the secret to: signet apply --secrets-out FILE";

/// A generated secret, which is shown before it is stored.
pub struct GeneratedSecret {
    /// The kind of the object.
    pub kind: ManagedKind,
    /// Its identifier.
    pub name: String,
    /// The key of the secret in a file.
    pub key: &'static str,
    /// The secret.
    pub secret: Secret<String>,
}

impl Declarations {
    /// Generates secrets, so that they can be shown before they are stored.
    pub fn generate(&mut self, app: &App) {
        for wanted in self.objects.iter_mut().filter_map(|declared| declared.wanted.as_mut()) {
            wanted.generate(app);
        }
    }

    /// The secrets that were generated and that `plan` uses.
    #[must_use]
    pub fn generated(&self, plan: &Plan) -> Vec<GeneratedSecret> {
        let is_used = |declared: &declarations::Declaration| {
            plan.changes.iter().any(|change| {
                (change.kind, &change.name) == (declared.kind, &declared.name)
                    && change.secret == Some(SecretChange::Generated)
            })
        };
        let used = self.objects.iter().filter(|declared| is_used(declared));
        let made = used.filter_map(|declared| {
            let secret = declared.wanted.as_ref()?.secret()?.known()?.clone();
            let key = kinds::secret_key(declared.kind);
            let (kind, name) = (declared.kind, declared.name.clone());
            Some(GeneratedSecret { kind, name, key, secret })
        });
        made.collect()
    }
}
