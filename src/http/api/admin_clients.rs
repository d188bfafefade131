//! `/v1/admin/clients`.

use actix_web::HttpResponse;
use actix_web::http::header;
use actix_web::web::Path;
use serde_json::{Value, json};

use crate::admin::clients::{self, Change, Changed, New};
use crate::base::TimeSpan;
use crate::domain::client::ClientType;
use crate::domain::outcome::Refusal;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::{JsonFields, OptionalJson, Params};
use crate::identity::administrator::Administrator;

use crate::view;

type Admin = Authenticated<Administrator>;

const TYPES: &str = "A type is spa, web, native or service.";
const METHODS: &str = "A method is none, client_secret_basic, client_secret_post or \
                       private_key_jwt, or null for the default of the type.";
const POLICIES: &str = "A policy is required, nonce or optional, or null for the default.";
const AUDIENCES: &str = "The audience of assertions is issuer or endpoint, or null for issuer.";
const PROFILES: &str = "A security profile is fapi2, or null for none.";
const CLAIMS: &str = "The claims of ID tokens are minimal or scopes, or null for minimal.";
const LEVELS: &str =
    "An assurance level is urn:signet:acr:single, urn:signet:acr:mfa or phr, or null.";
const ALGS: &str = "An algorithm is ES256, RS256, PS256, ES384 or EdDSA, or null for RS256.";

/// A page of clients.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin, params: Params) -> Result<HttpResponse, Problem> {
    let request = admin.context.check(super::page_request(&params))?;
    let page = admin.context.run(clients::list(admin.context.app.clone(), request)).await?;
    Ok(HttpResponse::Ok().json(view::page(&page, view::client)))
}

/// Registers a client.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn create(admin: Admin, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let client_id = body.optional_string("client_id");
    let name = body.string("name");
    let client_type =
        if body.has("type") { client_type(&mut body) } else { body.note("type", "missing", TYPES) };
    let change = change(&mut body);
    context.check(body.finish())?;
    // A value of the wrong type was already refused.
    let missing = || Refusal::field("type", "missing", TYPES);
    let client_type = context.check(client_type.ok_or_else(missing))?;
    let new = New { client_id, name, client_type };
    let info = context.administration(&caller);
    let work = clients::create(context.app.clone(), new, change, info);
    let changed = context.run(work).await?;
    let id = &changed.stored.client.client_id;
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    let location = format!("{}/v1/admin/clients/{id}", context.app.issuer());
    Ok(HttpResponse::Created().insert_header((header::LOCATION, location)).json(shape(&changed)))
}

/// Changes a client, by its percent-encoded `client_id` (JSON merge patch, RFC 7396).
///
/// # Errors
/// See `docs/errors.md`.
pub async fn update(
    admin: Admin,
    id: Path<String>,
    mut body: JsonFields,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let name = body.has("name").then(|| body.string("name"));
    let client_type = if body.has("type") { client_type(&mut body) } else { None };
    let change = Change { name, client_type, ..change(&mut body) };
    let read_only = context.check(body.finish_patch())?;
    let (app, id) = (context.app.clone(), id.into_inner());
    let show = clients::show(app.clone(), id.clone());
    read_only.check(&context, async move { Ok(view::client(&show.await?)) }).await?;
    let info = context.administration(&caller);
    let work = clients::update(app, id, change, info);
    let changed = context.run(work).await?;
    Ok(HttpResponse::Ok().json(shape(&changed)))
}

/// A type, which every client has.
fn client_type(body: &mut JsonFields) -> Option<ClientType> {
    match body.patch_word("type", TYPES) {
        None => None,
        Some(None) => body.note("type", "missing", TYPES),
        Some(chosen) => chosen,
    }
}

/// The members that registering and changing a client share; null resets a setting.
fn change(body: &mut JsonFields) -> Change {
    let mut seconds =
        |field| body.patch_integer(field).map(|chosen| chosen.map(TimeSpan::from_secs));
    let access_token_ttl = seconds("access_token_ttl");
    let refresh_idle_ttl = seconds("refresh_idle_ttl");
    let refresh_max_ttl = seconds("refresh_max_ttl");
    Change {
        name: None,
        client_type: None,
        auth_method: body.patch_word("token_endpoint_auth_method", METHODS),
        auth_method_pinned: patch_flag(body, "token_endpoint_auth_method_pinned"),
        assertion_audience: body.patch_word("assertion_audience", AUDIENCES),
        pkce: body.patch_word("pkce", POLICIES),
        security_profile: body.patch_word("security_profile", PROFILES),
        client_uri: body.patch_string("client_uri"),
        policy_uri: body.patch_string("policy_uri"),
        tos_uri: body.patch_string("tos_uri"),
        redirect_uris: body.patch_strings("redirect_uris"),
        post_logout_redirect_uris: body.patch_strings("post_logout_redirect_uris"),
        backchannel_logout_uri: body.patch_string("backchannel_logout_uri"),
        web_origins: body.patch_strings("web_origins"),
        grant_types: body.patch_list("grant_types"),
        scopes: body.patch_list("scopes"),
        audiences: body.patch_strings("audiences"),
        resource_servers: body.patch_strings("serves"),
        access_token_ttl,
        refresh_idle_ttl,
        refresh_max_ttl,
        id_token_alg: body.patch_word("id_token_signed_response_alg", ALGS),
        id_token_claims: body.patch_word("id_token_claims", CLAIMS),
        min_acr: body.patch_word("min_acr", LEVELS),
        skip_consent: patch_flag(body, "skip_consent"),
        first_party: patch_flag(body, "first_party"),
        jwks: body.patch_value("jwks"),
        admin_scopes: body.patch_strings("admin_scopes"),
        workloads: body.patch_strings("workloads"),
    }
}

/// A flag, or `None` if the member is absent; null is false.
pub(super) fn patch_flag(body: &mut JsonFields, field: &'static str) -> Option<bool> {
    body.has(field).then(|| body.flag(field))
}

fn shape(changed: &Changed) -> Value {
    let mut value = view::changed_client(changed);
    value["warnings"] = json!(changed.warnings);
    value
}

/// One client, by its percent-encoded `client_id`.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn show(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let work = clients::show(admin.context.app.clone(), id.into_inner());
    let stored = admin.context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::client(&stored)))
}

/// Disables a client.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn disable(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let info = context.administration(&caller);
    let work = clients::disable(context.app.clone(), id.into_inner(), info);
    let stored = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::client(&stored)))
}

/// Enables a client again.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn enable(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let info = context.administration(&caller);
    let work = clients::enable(context.app.clone(), id.into_inner(), info);
    let stored = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::client(&stored)))
}

/// Creates a new secret. Only this response contains it.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn rotate_secret(
    admin: Admin,
    id: Path<String>,
    OptionalJson(body): OptionalJson,
) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let mut revoke_old = false;
    if let Some(mut body) = body {
        revoke_old = body.flag("revoke_old");
        context.check(body.finish())?;
    }
    let (app, info) = (context.app.clone(), context.administration(&caller));
    let id = id.into_inner();
    let work = clients::rotate_secret(app, id, revoke_old, info);
    let changed = context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::changed_client(&changed)))
}

/// Removes a client, by its percent-encoded `client_id`.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn delete(admin: Admin, id: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let info = context.administration(&caller);
    let work = clients::delete(context.app.clone(), id.into_inner(), info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}
