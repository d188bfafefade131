//! `/admin/users/new`: creates a user, who chooses the first password with a link.
//!
//! No password is typed or shown here.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::HttpRequest;

use crate::admin::invitations;
use crate::admin::users;
use crate::app::FormResult;
use crate::domain::permission::TargetKind;
use crate::domain::user::{Role, User};
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::edit::EditForm;
use crate::http::ui::console::{Console, enter, submitted};
use crate::http::ui::page_error::PageResult;
use crate::http::ui::pages::Field;

use super::actions::sent_to;
use super::typed_user::Typed;

/// The path of the page.
const PATH: &str = "/admin/users/new";

/// The form for a new user.
pub async fn get(context: Context) -> PageResult {
    let console = enter(context, Action::CreateUser).await?;
    console.edit(console.new_user_form(&Typed::default()), None).await
}

/// Creates the user and the link. If the link cannot be created, the user still exists, and the page of the user has
/// a button for another link.
pub async fn post(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> PageResult {
    let (console, mut form) = submitted(context, &request, form, Action::CreateUser).await?;
    console.require_fresh(PATH).await?;
    let typed = Typed::of(&mut form);
    let kind = TargetKind::of_user(typed.own_role());
    let allowed = console
        .require_to(Action::CreateUser, kind)
        .and_then(|()| console.context().check(typed.check(console.now())));
    if let Err(problem) = allowed {
        return console.edit(console.new_user_form(&typed), Some(&problem)).await;
    }
    let (app, create, info) = (console.context().app.clone(), typed.create(), console.info());
    let made: Arc<Mutex<Option<User>>> = Arc::default();
    let noted = Arc::clone(&made);
    let work = async move {
        let user = users::create(app.clone(), create, info.clone()).await?;
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(user.clone());
        let path = format!("/admin/users/{}", user.id);
        let sent = invitations::invite(app, user.id, info).await?;
        Ok::<FormResult, _>(sent_to((user.id, user.login, true), path, sent))
    };
    let outcome = console.once(typed.form.clone(), work).await;
    let made = made.lock().unwrap_or_else(PoisonError::into_inner).take();
    match (outcome, made) {
        (Ok(result), _) => Ok(console.answer(result)),
        (Err(_), Some(user)) => {
            Ok(console.go(&format!("/admin/users/{}", user.id), "created-not-invited"))
        }
        (Err(problem), None) => console.edit(console.new_user_form(&typed), Some(&problem)).await,
    }
}

impl Console {
    fn new_user_form(&self, typed: &Typed) -> EditForm {
        let locale = self.locale();
        let text = |name: &'static str, label: &str, hint: &str, value: &str| Field {
            name,
            label: locale.t(label),
            hint: Some(locale.t(hint).to_owned()),
            value: value.to_owned(),
            ..Field::default()
        };
        let may_have = |role: &&Role| self.may_to(Action::CreateUser, TargetKind::of_user(**role));
        let roles = Role::ALL.iter().filter(may_have);
        let role = Field {
            options: roles.map(|role| (role.to_string(), role.to_string())).collect(),
            ..text("role", "console.role", "console.user.role_hint", typed.own_role().as_str())
        };
        // Where mail is on, the link is sent to the address.
        let email_hint = match self.context().app.config.mail.is_some() {
            true => "console.user.email_hint",
            false => "console.user.email_hint_off",
        };
        EditForm {
            menu: "/admin/users",
            title: locale.t("console.user.new").to_owned(),
            lead: Some(locale.t("console.user.new_intro").to_owned()),
            path: PATH.to_owned(),
            cancel: "/admin/users".to_owned(),
            form: typed.form.clone(),
            fields: vec![
                text("login", "console.login", "console.user.login_hint", &typed.login),
                text("name", "console.name", "console.user.name_hint", &typed.name),
                text("email", "console.email", email_hint, &typed.email),
                role,
                text("roles", "console.roles", "console.user.roles_hint", &typed.roles),
            ],
            submit: locale.t("console.user.create").to_owned(),
            same_as: "signet user create LOGIN --invite".to_owned(),
        }
    }
}
