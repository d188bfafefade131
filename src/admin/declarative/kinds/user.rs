//! Users in a file: `[[user]]`, for development and CI. A password is set where a user has none, and never replaced.

use serde_json::{Map, Value, json};

use super::{Live, Prepared, Reading, sorted};
use crate::admin::declarative::fields::{Field, Fields, Shape};
use crate::admin::declarative::references::DeclaredSecret;
use crate::admin::user_writes::{change_in, store_new, store_update};
use crate::admin::users::{Update, check_attributes, invalid_email, not_found};
use crate::app::{App, AuditedTx};
use crate::base::Secret;
use crate::base::id::UserId;
use crate::crypto::password::{Lane, Requester};
use crate::domain::attributes::{Attributes, ClaimsPatch, Role};
use crate::domain::audit::EventKind;
use crate::domain::login_name::LoginName;
use crate::domain::managed::State;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::domain::permission::Action;
use crate::domain::signing_key::SigningAlg;
use crate::domain::user::User;
use crate::domain::user_email::{EmailChange, NewEmail};
use crate::identity::deletion;
use crate::identity::last_administrator::keep_an_administrator;
use crate::identity::profile::check_name;
use crate::identity::register::parse_password;
use crate::store::users::{self, Credential, NewUser};
use crate::store::{Link, passwords};

const SECRET: &str = "password";

/// The keys of a table.
pub const FIELDS: &[Field] = &[
    Field { name: "login", shape: Shape::Text, meaning: "The login name." },
    Field { name: "name", shape: Shape::Text, meaning: "The name to show." },
    Field { name: "email", shape: Shape::Text, meaning: "The e-mail address." },
    Field {
        name: "email_verified",
        shape: Shape::Flag,
        meaning: "Whether the address is verified.",
    },
    Field {
        name: "role",
        shape: Shape::Word(roles),
        meaning: "The user's role in Signet itself. Default: user.",
    },
    Field { name: "roles", shape: Shape::Texts, meaning: "The application roles." },
    Field { name: "groups", shape: Shape::Texts, meaning: "The groups." },
    Field { name: "claims", shape: Shape::Claims, meaning: "The custom claims." },
    Field { name: "disabled", shape: Shape::Flag, meaning: "true: the user cannot log in." },
    Field {
        name: SECRET,
        shape: Shape::Secret { generate: false },
        meaning: "The first password; an existing password is never replaced.",
    },
];

fn roles() -> Vec<&'static str> {
    Role::ALL.iter().map(|role| role.as_str()).collect()
}

/// The desired state of a user.
pub struct Declared {
    login: LoginName,
    name: Option<String>,
    email: Option<NewEmail>,
    email_verified: bool,
    role: Role,
    attributes: Attributes,
    disabled: bool,
    /// The password.
    pub secret: Option<DeclaredSecret>,
}

/// The normal form of the login name.
pub fn name(fields: &mut Fields<'_>, _: &App) -> Option<String> {
    let typed = fields.peek("login")?;
    match LoginName::parse(&typed) {
        Ok(login) => Some(login.key().to_owned()),
        Err(error) => {
            fields.note("login", error.message());
            None
        }
    }
}

/// Reads a table.
pub fn read(_: &str, fields: &mut Fields<'_>, reading: &Reading<'_>) -> Option<Declared> {
    let login = LoginName::parse(&fields.text("login")?).ok()?;
    let name = fields.text("name");
    if let Err(refusal) = check_name(name.as_deref()) {
        fields.note_all(&refusal.fields);
    }
    let change = EmailChange {
        address: fields.text("email").map(Some),
        verified: fields.flag("email_verified"),
    };
    let email_verified = change.verified.unwrap_or(false);
    let email = change.applied_to(None, reading.app.now()).map_err(invalid_email);
    let email = email.map_err(|refusal| fields.note_all(&refusal.fields));
    let claims = match fields.json("claims") {
        None => Map::new(),
        Some(Value::Object(claims)) => claims,
        Some(_) => {
            fields.note("claims", "expected a table");
            Map::new()
        }
    };
    let role = fields.word("role", roles).unwrap_or(Role::User);
    let attributes = check_attributes(Attributes {
        roles: fields.texts("roles").unwrap_or_default(),
        groups: fields.texts("groups").unwrap_or_default(),
        claims,
    });
    let attributes = attributes.map_err(|refusal| fields.note_all(&refusal.fields));
    let disabled = fields.flag("disabled").unwrap_or(false);
    let secret = fields
        .reference(SECRET, false)
        .map(|reference| DeclaredSecret { value: reference.text(reading.folder), reference });
    let (email, attributes) = (email.ok()?, attributes.ok()?);
    Some(Declared { login, name, email, email_verified, role, attributes, disabled, secret })
}

/// The hash of the password that a user without one gets.
///
/// # Errors
/// `weak_password`; faults when it cannot be read or hashed.
pub async fn hash(app: &App, declared: &Declared) -> Result<Option<String>, Failure> {
    let Some(secret) = &declared.secret else { return Ok(None) };
    let unreadable = |said: &String| {
        Refusal::field(SECRET, "unreadable", "The password cannot be read.")
            .with_message(said.clone())
    };
    let Some(password) = secret.value.as_ref().map_err(unreadable)? else { return Ok(None) };
    if let Some(address) =
        declared.email.as_ref().and_then(|email| LoginName::parse(&email.address).ok())
    {
        parse_password(app, SECRET, password.expose(), &address)?;
    }
    let password = parse_password(app, SECRET, password.expose(), &declared.login)?;
    let slot = app.reserve_hash_slot(Lane::Known, Requester::Unknown)?;
    Ok(Some(app.hash_password(slot, password).await?))
}

impl Declared {
    /// Its settings, without defaults.
    pub fn state(&self) -> State {
        let email = self.email.as_ref().map(|email| (&*email.address, self.email_verified));
        state(self.name.as_deref(), email, (self.role, self.disabled), &self.attributes)
    }

    /// A password is not compared.
    pub const fn mark(&self, _: &App) -> Option<Vec<u8>> {
        None
    }

    /// A user needs no signing key.
    pub const fn algorithm(&self) -> Option<SigningAlg> {
        None
    }

    /// Creates the user.
    pub async fn create(&self, tx: &mut AuditedTx, prepared: &Prepared) -> Result<(), Failure> {
        let (app, now) = (tx.app(), tx.info().now);
        let hash = self.hash_of(prepared)?;
        let id = UserId::new(now, &*app.entropy);
        let new = NewUser {
            id,
            login: &self.login,
            name: self.name.as_deref(),
            role: self.role,
            attributes: &self.attributes,
            password_hash: hash,
        };
        let verified_at = self.email_verified.then_some(now);
        let email = self.email.clone().map(|email| NewEmail { verified_at, ..email });
        store_new(tx, &new, email.as_ref()).await?;
        if self.disabled {
            users::disable(tx, id, now).await?;
        }
        Ok(())
    }

    /// Changes the user; sets the password of a user without one.
    pub async fn update(&self, tx: &mut AuditedTx, prepared: &Prepared) -> Result<(), Failure> {
        let now = tx.info().now;
        let gone = || Fault::unavailable("a user was deleted at this moment");
        let found = users::credential(&mut **tx, self.login.key()).await?.ok_or_else(gone)?;
        let id = found.user.id;
        let (update, disabled) = (self.update_of(&found.user), self.disabled);
        let hash = match (&found.password_hash, &self.secret) {
            (None, Some(_)) => self.hash_of(prepared)?,
            _ => None,
        };
        change_in(tx, Action::UpdateUser, id, async move |tx, user| {
            let is_admin = user.role == Role::Admin;
            let was_disabled = user.disabled_at.is_some();
            let mut event = store_update(tx, user, update).await?;
            if let Some(hash) = hash {
                passwords::set_password(tx, id, hash, false, now).await?;
                event = event.or(Some((EventKind::PasswordChanged, "set")));
            }
            if disabled && !was_disabled {
                if is_admin {
                    keep_an_administrator(tx, id).await?;
                }
                users::disable(tx, id, now).await?;
                event = Some((EventKind::UserDisabled, ""));
            }
            if !disabled && was_disabled {
                users::enable(tx, id, now).await?;
                event = Some((EventKind::UserEnabled, ""));
            }
            Ok(event)
        })
        .await
        .map(drop)
    }

    /// The difference from `user`. The order of names in a list is ignored.
    fn update_of(&self, user: &User) -> Update {
        let Attributes { roles, groups, claims } = &self.attributes;
        let before = &user.attributes;
        let other = |chosen: &Vec<String>, before: &Vec<String>| {
            (sorted(chosen) != sorted(before)).then(|| chosen.clone())
        };
        let mut patch: Map<String, Value> =
            before.claims.keys().map(|name| (name.clone(), Value::Null)).collect();
        patch.extend(claims.clone());
        let update = Update {
            name: Some(self.name.clone()),
            email: EmailChange {
                address: Some(self.email.as_ref().map(|email| email.address.clone())),
                verified: Some(self.email_verified),
            },
            role: Some(self.role),
            roles: other(roles, &before.roles),
            groups: other(groups, &before.groups),
            claims: (*claims != before.claims).then_some(ClaimsPatch::Merge(patch)),
            must_change_password: None,
        };
        update.without_unchanged(user)
    }

    fn hash_of<'a>(&self, prepared: &'a Prepared) -> Result<Option<&'a str>, Fault> {
        let hash = prepared.hashes.get(self.login.key()).map(String::as_str);
        match (&self.secret, hash) {
            (Some(_), None) => Err(Fault::unavailable("a user was deleted at this moment")),
            (_, hash) => Ok(hash),
        }
    }
}

/// A user has no secret that could be generated.
pub const fn generated(_: &App) -> Option<Secret<String>> {
    None
}

/// The user with this login name.
pub async fn live(link: &mut impl Link, _: &App, name: &str) -> Result<Option<Live>, Fault> {
    let Some(Credential { user, password_hash, .. }) = users::credential(link, name).await? else {
        return Ok(None);
    };
    let email = user.email.as_ref().map(|email| (&*email.address, email.verified_at.is_some()));
    let flags = (user.role, user.disabled_at.is_some());
    let state = state(user.name.as_deref(), email, flags, &user.attributes);
    Ok(Some(Live { id: user.id.uuid(), state, secret: password_hash.map(|_| Vec::new()) }))
}

/// Deletes the user with this login name.
pub async fn remove(tx: &mut AuditedTx, name: &str) -> Result<(), Failure> {
    let found = users::credential(&mut **tx, name).await?.ok_or_else(not_found)?;
    Ok(deletion::delete(tx, &found.user).await?.ok_or_else(not_found)?)
}

fn state(
    name: Option<&str>,
    email: Option<(&str, bool)>,
    (role, disabled): (Role, bool),
    attributes: &Attributes,
) -> State {
    let mut state = State::new();
    let mut put = |name: &str, value: Value| state.insert(name.to_owned(), value);
    if let Some(name) = name {
        put("name", json!(name));
    }
    if let Some((address, verified)) = email {
        put("email", json!(address));
        if verified {
            put("email_verified", json!(true));
        }
    }
    if role != Role::User {
        put("role", json!(role));
    }
    for (name, list) in [("roles", &attributes.roles), ("groups", &attributes.groups)] {
        if !list.is_empty() {
            put(name, json!(sorted(list)));
        }
    }
    if !attributes.claims.is_empty() {
        let mut claims: Vec<_> = attributes.claims.clone().into_iter().collect();
        claims.sort_by(|(one, _), (other, _)| one.cmp(other));
        put("claims", Value::Object(claims.into_iter().collect()));
    }
    if disabled {
        put("disabled", json!(true));
    }
    state
}
