//! `/admin/users/new`: making a user, who chooses the first password with a link.
//!
//! Owns that no password is typed or shown here.

use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpRequest, HttpResponse};

use crate::admin::invitations;
use crate::admin::users;
use crate::app::FormResult;
use crate::domain::permission::TargetKind;
use crate::domain::user::User;
use crate::http::context::Context;
use crate::http::error::Problem;
use crate::http::extract::FormFields;
use crate::http::ui::console::access::Action;
use crate::http::ui::console::{enter, submitted};

use super::actions::sent_to;
use super::typed_user::Typed;

/// The path of the page.
pub(super) const PATH: &str = "/admin/users/new";

/// The form.
pub async fn get(context: Context) -> HttpResponse {
    match enter(context, Action::CreateUser).await {
        Ok(console) => console.new_user_form(&Typed::default(), None),
        Err(answer) => answer,
    }
}

/// Makes the user and the link. If the link cannot be made, the user is there all the same, and the page of the user
/// has a button for another one.
pub async fn post(
    context: Context,
    request: HttpRequest,
    form: Result<FormFields, Problem>,
) -> HttpResponse {
    let (console, mut form) = match submitted(context, &request, form, Action::CreateUser).await {
        Ok(both) => both,
        Err(answer) => return answer,
    };
    if let Err(answer) = console.require_fresh(PATH).await {
        return answer;
    }
    let typed = Typed::of(&mut form);
    if let Err(problem) =
        console.require_to(Action::CreateUser, TargetKind::of_user(typed.own_role()))
    {
        return console.new_user_form(&typed, Some(&problem));
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
        (Ok(result), _) => console.answer(result),
        (Err(_), Some(user)) => {
            console.go(&format!("/admin/users/{}", user.id), "created-not-invited")
        }
        (Err(problem), None) => console.new_user_form(&typed, Some(&problem)),
    }
}
