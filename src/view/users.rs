//! The JSON of users, for administrators and for the users themselves.

use serde_json::{Value, json};

use crate::base::Timestamp;
use crate::domain::user::User;
use crate::domain::user_filter::ListedUser;

/// A user, for the user: without custom claims, which are for APIs and administrators. `pending_email` is the address
/// that waits for its confirmation, `language` the chosen language of mail.
#[must_use]
pub fn myself(user: &User, pending_email: Option<&str>, language: Option<&str>) -> Value {
    let mut value = self::user(user);
    if let Some(object) = value.as_object_mut() {
        object.shift_remove("claims");
        object.insert("pending_email".to_owned(), json!(pending_email));
        object.insert("language".to_owned(), json!(language));
    }
    value
}

/// A user in a list.
#[must_use]
pub fn listed_user(listed: &ListedUser) -> Value {
    let mut value = user(&listed.user);
    value["last_login_at"] = json!(listed.last_login_at.map(Timestamp::rfc3339));
    value["password_class"] = json!(listed.password_class);
    value
}

/// A user, for an administrator.
#[must_use]
pub fn user(user: &User) -> Value {
    json!({
        "id": user.id,
        "login": user.login,
        "name": user.name,
        "email": user.email.as_ref().map(|email| &email.address),
        "email_verified": user.verified_email().is_some(),
        "role": user.role,
        "roles": user.attributes.roles,
        "groups": user.attributes.groups,
        "claims": user.attributes.claims,
        "must_change_password": user.must_change_password,
        "disabled": user.disabled_at.is_some(),
        "disabled_at": user.disabled_at.map(|at| at.rfc3339()),
        "created_at": user.created_at.rfc3339(),
        "updated_at": user.updated_at.rfc3339(),
    })
}
