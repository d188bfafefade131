//! What was typed about a new user.

use crate::admin::users::Create;
use crate::domain::attributes::Attributes;
use crate::domain::outcome::Refusal;
use crate::domain::shell_word::{command, option};
use crate::domain::user::Role;
use crate::domain::user_email::EmailChange;
use crate::http::extract::FormFields;

/// What was typed.
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

    /// Refuses a role that Signet does not have. A form without the field makes an ordinary user.
    pub(super) fn check(&self) -> Result<(), Refusal> {
        let is_known = self.role.is_empty() || self.role.parse::<Role>().is_ok();
        let message = "A role of Signet is user, admin, signet:auditor or signet:helpdesk.";
        is_known.then_some(()).ok_or_else(|| Refusal::field("role", "unknown", message))
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

    /// The command that does the same; of an empty form, one with a login to be replaced.
    pub(super) fn command(&self) -> String {
        let mut options = " --invite".to_owned();
        for (name, value) in [("--name", &self.name), ("--email", &self.email)] {
            if !value.is_empty() {
                options.push_str(&option(name, value));
            }
        }
        let own = self.own_role();
        let own = (own != Role::User).then(|| own.to_string());
        for role in own.into_iter().chain(self.roles()) {
            options.push_str(&option("--role", &role));
        }
        let login = if self.login.is_empty() { "LOGIN" } else { &self.login };
        command("signet user create", login, &options)
    }
}
