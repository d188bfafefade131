//! `/v1/admin/trusted-issuers`: issuers whose tokens are accepted from workloads.

use actix_web::HttpResponse;
use actix_web::web::Path;
use serde_json::json;

use crate::admin::trusted_issuers::{self, NewIssuer};
use crate::base::TimeSpan;
use crate::domain::signing_key::SigningAlg;
use crate::http::context::Authenticated;
use crate::http::error::Problem;
use crate::http::extract::JsonFields;
use crate::identity::administrator::Administrator;
use crate::view;

type Admin = Authenticated<Administrator>;

/// Above every allowed lifetime, and small enough that no sum overflows.
const MAX_SECONDS: i64 = 1 << 40;
const PRESETS: &str = "A preset is github, gitlab, kubernetes, spiffe or oidc.";

/// Every issuer.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn list(admin: Admin) -> Result<HttpResponse, Problem> {
    let all = admin.context.run(trusted_issuers::list(admin.context.app.clone())).await?;
    let all: Vec<_> = all.iter().map(view::trusted_issuer).collect();
    Ok(HttpResponse::Ok().json(json!({ "data": all })))
}

/// One issuer.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn show(admin: Admin, name: Path<String>) -> Result<HttpResponse, Problem> {
    let work = trusted_issuers::show(admin.context.app.clone(), name.into_inner());
    let issuer = admin.context.run(work).await?;
    Ok(HttpResponse::Ok().json(view::trusted_issuer(&issuer)))
}

/// Adds an issuer.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn add(admin: Admin, mut body: JsonFields) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let algs: Vec<Option<SigningAlg>> =
        body.strings("algs").iter().map(|alg| alg.parse().ok()).collect();
    let algs = algs.into_iter().collect::<Option<Vec<SigningAlg>>>().unwrap_or_else(|| {
        body.note("algs", "unknown", "An algorithm is ES256, ES384, RS256, PS256 or EdDSA.")
    });
    let max_life = body.patch_integer("max_life").flatten();
    let new = NewIssuer {
        name: body.string("name"),
        issuer: body.optional_string("issuer"),
        preset: body.patch_word("preset", PRESETS).flatten(),
        jwks: body.patch_value("jwks"),
        algs,
        max_life: max_life.map(|secs| TimeSpan::from_secs(secs.clamp(0, MAX_SECONDS))),
        networks: body.strings("networks"),
    };
    context.check(body.finish())?;
    let info = context.administration(&caller);
    let added = context.run(trusted_issuers::add(context.app.clone(), new, info)).await?;
    Ok(HttpResponse::Created().json(view::trusted_issuer(&added)))
}

/// Removes an issuer.
///
/// # Errors
/// See `docs/errors.md`.
pub async fn remove(admin: Admin, name: Path<String>) -> Result<HttpResponse, Problem> {
    let Authenticated { context, caller } = admin;
    let info = context.administration(&caller);
    let work = trusted_issuers::remove(context.app.clone(), name.into_inner(), info);
    context.run(work).await?;
    Ok(HttpResponse::NoContent().finish())
}
