//! `/v1/admin/users`.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;

use crate::admin::user_password::{NewPassword, set_password as set_users_password};
use crate::admin::users::{self, Create, Update};
use crate::admin::{invitations, tokens};
use crate::base::id::UserId;
use crate::domain::attributes::{Attributes, ClaimsPatch, ROLE_RULE};
use crate::domain::outcome::{Code, Refusal};
use crate::domain::user::Role;
use crate::domain::user_email::EmailChange;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::{JsonFields, Params};
use crate::identity::administrator::Administrator;
use crate::identity::login::RequestedAccess;

use crate::view;

type Admin = Authenticated<Administrator>;

/// The user id in a path. A text that is not an id is answered like an unknown user.
///
/// # Errors
/// `not_found`.
pub fn user_id(text: &str) -> Result<UserId, Refusal> {
    text.parse().map_err(|_| Refusal::new(Code::NotFound, "There is no such user."))
}

fn role(body: &mut JsonFields) -> Option<Role> {
    let text = body.optional_string("role")?;
    match text.parse() {
        Ok(role) => Some(role),
        Err(_) => body.note("role", "unknown", ROLE_RULE),
    }
}

fn email(body: &mut JsonFields) -> EmailChange {
    EmailChange {
        address: body.patch_string("email"),
        verified: body.optional_bool("email_verified"),
    }
}

/// Creates a user.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn create(admin: Admin, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let create = Create {
        login: body.string("login"),
        password: body.optional_string("password"),
        name: body.optional_string("name"),
        email: email(&mut body),
        role: role(&mut body).unwrap_or(Role::User),
        attributes: Attributes {
            roles: body.strings("roles"),
            groups: body.strings("groups"),
            claims: body.patch_object("claims").flatten().unwrap_or_default(),
        },
        must_change_password: body.flag("must_change_password"),
    };
    let invite = body.flag("invite");
    if invite && create.password.is_some() {
        body.note::<()>(
            "invite",
            "unexpected",
            "An invited user chooses the password. Do not send one.",
        );
    }
    context.check(body.finish())?;
    let info = context.administration(&caller);
    let app = context.app.clone();
    let work = async move {
        let user = users::create(app.clone(), create, info.clone()).await?;
        let invited = match invite {
            true => Some(invitations::invite(app, user.id, info).await?),
            false => None,
        };
        Ok((user, invited))
    };
    let (user, invited) = context.run(work).await?;
    let location = format!("{}/v1/admin/users/{}", context.app.issuer(), user.id);
    let mut created = view::user(&user);
    if let Some(sent) = invited {
        created["invitation"] = view::sent_link(&sent, context.now());
    }
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(created))
}

/// One user.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn show(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let id = admin.context.check(user_id(&id))?;
    let user = admin.context.run(users::show(admin.context.app.clone(), id)).await?;
    Ok(HttpResponse::Ok().json(view::user(&user)))
}

/// Changes name, e-mail address, role, attributes or `must_change_password` (JSON merge patch, RFC 7396).
///
/// # Errors
/// See `docs/errors.md`.
pub async fn update(
    admin: Admin,
    id: Path<String>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let update = Update {
        name: body.patch_string("name"),
        email: email(&mut body),
        role: role(&mut body),
        roles: body.patch_strings("roles"),
        groups: body.patch_strings("groups"),
        claims: body
            .patch_object("claims")
            .map(|patch| patch.map_or(ClaimsPatch::Clear, ClaimsPatch::Merge)),
        must_change_password: body.optional_bool("must_change_password"),
    };
    let read_only = context.check(body.finish_patch())?;
    let app = context.app.clone();
    read_only.check(&context, async move { Ok(view::user(&users::show(app, id).await?)) }).await?;
    let info = context.administration(&caller);
    let work = users::update(context.app.clone(), id, update, info);
    let user = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::user(&user)))
}

/// Header and claims of the access token that a sign-in of this user would return, unsigned.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn token_preview(
    admin: Admin,
    id: Path<String>,
    params: Params,
) -> Result<HttpResponse, Problem> {
    let id = admin.context.check(user_id(&id))?;
    let param = |name: &str| params.get(name).map(str::to_owned);
    let asked =
        RequestedAccess { audience: param("audience"), scope: param("scope"), client_id: None };
    let work = tokens::preview(admin.context.app.clone(), id, asked, admin.context.now());
    Ok(HttpResponse::Ok().json(admin.context.run(work).await?))
}

/// Disables a user: all sessions and tokens end at once.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn disable(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let info = context.administration(&caller);
    let work = users::disable(context.app.clone(), id, info);
    let user = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::user(&user)))
}

/// Enables a user again.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn enable(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let info = context.administration(&caller);
    let work = users::enable(context.app.clone(), id, info);
    let user = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::user(&user)))
}

/// Deletes a user with all their data.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let info = context.administration(&caller);
    context.run(users::delete(context.app.clone(), id, info)).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Sets a user's password and ends all of their sessions. Unless it is permanent, the user has to replace it at the
/// next sign-in.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn set_password(
    admin: Admin,
    id: Path<String>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let id = context.check(user_id(&id))?;
    let new = NewPassword { password: body.string("password"), permanent: body.flag("permanent") };
    context.check(body.finish())?;
    let info = context.administration(&caller);
    let work = set_users_password(context.app.clone(), id, new, info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}
