//! Users as rows of a list.

use serde_json::Value;

use crate::base::Timestamp;
use crate::cli::output::Row;
use crate::cli::relative_time::ago;
use crate::domain::user::User;
use crate::domain::user_email::UserEmail;
use crate::view;

impl Row for User {
    const HEAD: &'static [&'static str] =
        &["login", "role", "status", "name", "email", "created", "id"];

    fn cells(&self, now: Timestamp) -> Vec<String> {
        let status = match self.disabled_at {
            Some(at) => format!("disabled {}", ago(at, now)),
            None if self.must_change_password => "must change password".to_owned(),
            None => "active".to_owned(),
        };
        vec![
            self.login.clone(),
            [&[self.role.to_string()], &*self.attributes.roles].concat().join(","),
            status,
            self.name.clone().unwrap_or_default(),
            match &self.email {
                None => String::new(),
                Some(UserEmail { address, verified_at: Some(_) }) => address.clone(),
                Some(UserEmail { address, verified_at: None }) => format!("{address} (unverified)"),
            },
            ago(self.created_at, now),
            self.id.to_string(),
        ]
    }

    fn json(&self) -> Value {
        view::user(self)
    }
}
