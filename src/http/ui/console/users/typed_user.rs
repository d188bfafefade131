//! The entries of the form for a new user.

use crate::admin::users::{self, Create};
use crate::base::Timestamp;
use crate::domain::attributes::Attributes;
use crate::domain::outcome::{FieldError, Refusal};
use crate::domain::user::Role;
use crate::domain::user_email::EmailChange;
use crate::http::extract::FormFields;

/// The entries of the form.
#[derive(Default)]
pub(super) struct Typed {
    pub login: String,
    pub name: String,
    pub email: String,
    pub role: String,
    pub roles: String,
    pub form: String,
}

impl Typed {
    pub(super) fn of(form: &mut FormFields) -> Self {
        let mut text = |name: &str| form.take(name).trim().to_owned();
        Self {
            login: text("login"),
            name: text("name"),
            email: text("email"),
            role: text("role"),
            roles: text("roles"),
            form: text("form"),
        }
    }

    pub(super) fn own_role(&self) -> Role {
        self.role.parse().unwrap_or(Role::User)
    }

    /// Reports all errors at once, including an unknown role. A form without the field creates a user without a
    /// role.
    pub(super) fn check(&self, now: Timestamp) -> Result<(), Refusal> {
        let mut wrong = users::mistakes(&self.create(), now);
        if !self.role.is_empty() && self.role.parse::<Role>().is_err() {
            let message = "A role of Signet is user, admin, signet:auditor or signet:helpdesk.";
            wrong.push(FieldError { field: "role", code: "unknown", message });
        }
        if wrong.is_empty() { Ok(()) } else { Err(Refusal::fields(wrong)) }
    }

    fn roles(&self) -> Vec<String> {
        let parts = self.roles.split([',', ' ', '\n', '\r', '\t']);
        parts.filter(|role| !role.is_empty()).map(str::to_owned).collect()
    }

    pub(super) fn create(&self) -> Create {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Create {
            login: self.login.clone(),
            password: None,
            name: some(&self.name),
            email: EmailChange { address: some(&self.email).map(Some), verified: None },
            role: self.own_role(),
            attributes: Attributes { roles: self.roles(), ..Attributes::default() },
            must_change_password: false,
        }
    }
}
