//! References to secrets, which are never part of a configuration file.
//!
//! Owns the sources of a secret and its minimum length. Secrets are never disclosed: a plan only reports whether
//! one differs.

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::{Value, json};

use super::document::{Node, Tree};
use crate::base::Secret;
use crate::config;

/// The fewest characters of a secret.
const MIN_SECRET: usize = 32;
/// The most characters of a secret.
const MAX_SECRET: usize = 512;
/// The largest file that is read, in bytes.
const MAX_FILE: u64 = 64 * 1024;

/// The source of a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    /// The file of this path, without the newline at its end.
    File(String),
    /// The environment variable of this name.
    Env(String),
    /// Signet generates it, once.
    Generate,
}

/// A secret that a file declares.
#[derive(Debug, Clone)]
pub struct DeclaredSecret {
    /// Its source.
    pub reference: Reference,
    /// The secret, or why it cannot be read; `None` if it has yet to be generated.
    pub value: Result<Option<Secret<String>>, String>,
}

impl Reference {
    /// Reads `{ file = "..." }`, `{ env = "..." }` or `{ generate = true }`.
    ///
    /// # Errors
    /// The type of any other value. A text is not quoted, because it may be the secret itself.
    pub fn read(node: &Node, generate: bool) -> Result<Self, String> {
        let ways = match generate {
            true => r#"{ file = "PATH" }, { env = "NAME" } or { generate = true }"#,
            false => r#"{ file = "PATH" } or { env = "NAME" }"#,
        };
        let other = |found: &str| Err(format!("found {found}, expected {ways}"));
        let Tree::Table(entries) = &node.tree else {
            let hint = match node.tree {
                Tree::Text(_) => {
                    ". A secret must never be in the file: replace it, because it may be compromised"
                }
                _ => "",
            };
            return Err(format!("found {}, expected {ways}{hint}", node.kind()));
        };
        let [entry] = entries.as_slice() else { return other("another table") };
        match (entry.key.as_str(), &entry.node.tree) {
            ("file", Tree::Text(path)) if !path.is_empty() => Ok(Self::File(path.clone())),
            ("env", Tree::Text(name)) if is_variable(name) => Ok(Self::Env(name.clone())),
            ("env", Tree::Text(name)) if name.starts_with("SIGNET_") => {
                Err("variables that begin with SIGNET_ are settings: choose another name"
                    .to_owned())
            }
            ("generate", Tree::Flag(true)) if generate => Ok(Self::Generate),
            _ => other("another table"),
        }
    }

    /// The same as in a file.
    pub fn json(&self) -> Value {
        match self {
            Self::File(path) => json!({ "file": path }),
            Self::Env(name) => json!({ "env": name }),
            Self::Generate => json!({ "generate": true }),
        }
    }

    /// The text that it refers to; `None` if there is none yet. Relative paths start at `folder`.
    ///
    /// # Errors
    /// Why it cannot be read, without any part of it.
    pub fn text(&self, folder: &Path) -> Result<Option<Secret<String>>, String> {
        match self {
            Self::Generate => Ok(None),
            Self::Env(name) => match config::environment(name) {
                Some(value) if !value.expose().is_empty() => Ok(Some(value)),
                _ => Err(format!("the environment variable {name} is not set")),
            },
            Self::File(path) => {
                let path = folder.join(path);
                let failed = |error: &dyn std::fmt::Display| {
                    format!("the file {} cannot be read: {error}", path.display())
                };
                let file = File::open(&path).map_err(|error| failed(&error))?;
                let mut text = String::new();
                file.take(MAX_FILE + 1)
                    .read_to_string(&mut text)
                    .map_err(|error| failed(&error))?;
                if u64::try_from(text.len()).is_ok_and(|length| length > MAX_FILE) {
                    return Err(failed(&"it is larger than 64 KiB"));
                }
                let end = text.trim_end_matches('\n').trim_end_matches('\r').len();
                text.truncate(end);
                Ok(Some(Secret::new(text)))
            }
        }
    }

    /// The secret of a client that it refers to.
    pub fn secret(self, folder: &Path) -> DeclaredSecret {
        let value = self.text(folder).and_then(|value| match value {
            Some(secret) if !is_secret(secret.expose()) => Err(format!(
                "a secret has {MIN_SECRET} to {MAX_SECRET} printable ASCII characters without spaces. Create one: \
                 openssl rand -hex 32"
            )),
            value => Ok(value),
        });
        DeclaredSecret { reference: self, value }
    }
}

/// Whether it is a valid variable name that is not a setting.
fn is_variable(name: &str) -> bool {
    let is_ours = name.starts_with("SIGNET_") && !name.starts_with("SIGNET_TEST_");
    let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
    first && !is_ours && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

fn is_secret(text: &str) -> bool {
    (MIN_SECRET..=MAX_SECRET).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::admin::declarative::document;

    fn reference(text: &str, generate: bool) -> Result<Reference, String> {
        let entries = document::read(text).unwrap();
        Reference::read(&entries[0].node, generate)
    }

    #[test]
    fn a_secret_comes_from_a_file_the_environment_or_signet() {
        let file = Reference::File("/run/secrets/shop".to_owned());
        assert_eq!(reference("s = { file = \"/run/secrets/shop\" }", true), Ok(file));
        let env = Reference::Env("SHOP".to_owned());
        assert_eq!(reference("{\"s\": {\"env\": \"SHOP\"}}", false), Ok(env));
        assert_eq!(reference("s = { generate = true }", true), Ok(Reference::Generate));
        for wrong in [
            "s = { generate = true }",
            "s = { generate = false }",
            "s = {}",
            "s = { env = \"A\", file = \"b\" }",
            "s = { env = \"SIGNET_X\" }",
            "s = { env = \"A B\" }",
            "s = { value = \"hunter2hunter2\" }",
        ] {
            assert!(reference(wrong, false).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_secret_in_the_file_itself_is_refused_and_not_repeated() {
        let said = reference("s = \"hunter2hunter2\"", true).unwrap_err();
        assert!(said.contains("must never be in the file") && !said.contains("hunter2"), "{said}");
    }

    #[test]
    fn a_secret_is_long_enough_and_can_be_sent() {
        assert!(is_secret(&"x".repeat(32)) && is_secret(&"~".repeat(512)));
        for wrong in [&"x".repeat(31), &"x".repeat(513), &format!("{} ", "x".repeat(40))] {
            assert!(!is_secret(wrong), "{wrong}");
        }
    }
}
