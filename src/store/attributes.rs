//! Roles, groups, claims and e-mail addresses of users, as columns.
//!
//! Lists and maps are JSON. Parsing is a separate step, so that the hot path pays for it only if an API requests
//! them.

use serde::{Deserialize, Serialize};

use crate::base::Timestamp;
use crate::domain::attributes::{Attributes, Subject};
use crate::domain::authn::Factors;
use crate::domain::outcome::Fault;
use crate::domain::user_email::UserEmail;

/// The unparsed attributes in a user's row.
#[derive(Debug, Clone, sqlx::FromRow, Deserialize)]
pub struct StoredSubject {
    role: String,
    roles: String,
    groups: String,
    claims: String,
    email: Option<String>,
    email_verified_at: Option<Timestamp>,
}

impl StoredSubject {
    /// The e-mail address as typed.
    pub(super) fn email(&self) -> Option<&str> {
        self.email.as_deref()
    }

    /// Parses them.
    ///
    /// # Errors
    /// When the columns contain values that this server never writes.
    pub fn read(&self) -> Result<Subject, Fault> {
        let unreadable =
            |error| Fault::internal("a user with unreadable attributes").with_source(error);
        let role = self.role.parse().map_err(|_| Fault::internal("a user with an unknown role"))?;
        let attributes = Attributes {
            roles: serde_json::from_str(&self.roles).map_err(unreadable)?,
            groups: serde_json::from_str(&self.groups).map_err(unreadable)?,
            claims: serde_json::from_str(&self.claims).map_err(unreadable)?,
        };
        let verified_at = self.email_verified_at;
        let email = self.email.clone().map(|address| UserEmail { address, verified_at });
        Ok(Subject { role, attributes, email })
    }
}

/// The column `factors`.
pub(super) fn factors(text: Option<String>) -> Result<Option<Factors>, Fault> {
    let unreadable = |error| Fault::internal("factors that cannot be read").with_source(error);
    text.map(|text| serde_json::from_str(&text).map_err(unreadable)).transpose()
}

/// The text of a column. Lists of texts and maps of JSON values always have one.
pub(super) fn column(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
