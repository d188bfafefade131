//! Backups as rows of a table and as JSON.

use serde_json::{Value, json};

use crate::admin::backups::{Created, Restored, Verification};
use crate::base::Timestamp;
use crate::cli::output::Row;

impl Row for Created {
    const HEAD: &'static [&'static str] = &["file", "bytes", "schema", "users", "sealed"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let sealed = if self.is_sealed { "yes" } else { "no" };
        vec![
            self.path.display().to_string(),
            self.bytes.to_string(),
            self.verification.manifest.schema.to_string(),
            users(&self.verification),
            sealed.to_owned(),
        ]
    }

    fn json(&self) -> Value {
        json!({
            "file": self.path,
            "bytes": self.bytes,
            "sealed": self.is_sealed,
            "backup": self.verification.json(),
        })
    }
}

impl Row for Verification {
    const HEAD: &'static [&'static str] = &["made", "version", "schema", "users", "bytes"];

    fn cells(&self, _: Timestamp) -> Vec<String> {
        let manifest = &self.manifest;
        vec![
            manifest.at.rfc3339(),
            manifest.version.clone(),
            manifest.schema.to_string(),
            users(self),
            self.bytes.to_string(),
        ]
    }

    fn json(&self) -> Value {
        let manifest = &self.manifest;
        json!({
            "made_at": manifest.at.rfc3339(),
            "version": manifest.version,
            "schema": manifest.schema,
            "bytes": self.bytes,
            "rows": manifest.rows,
            "digests": manifest.digests,
            "signing_keys": manifest.keys,
        })
    }
}

impl Row for Restored {
    const HEAD: &'static [&'static str] = &["made", "version", "schema", "users", "kept"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let mut cells = self.verification.cells(now);
        cells.pop();
        cells.push(self.before.as_ref().map_or(String::new(), |path| path.display().to_string()));
        cells
    }

    fn json(&self) -> Value {
        let undone = self.undone.as_ref().map(|undone| {
            let disabled: Vec<&String> = undone.disabled.iter().map(|(_, login)| login).collect();
            json!({
                "disabled": disabled,
                "deleted": undone.deleted,
                "created": undone.created,
                "passwords": undone.passwords,
                "signing_keys": undone.keys,
                "clients": undone.clients,
            })
        });
        json!({
            "backup": self.verification.json(),
            "kept": self.before,
            "undone": undone,
            "not_carried": self.refused,
        })
    }
}

fn users(verification: &Verification) -> String {
    verification.manifest.rows.get("users").copied().unwrap_or_default().to_string()
}
