//! Introspection (RFC 7662).
//!
//! Owns what a client may learn. An inactive token, and one that does not concern the client, is only reported as
//! inactive.

use serde_json::{Value, json};

use crate::app::App;
use crate::base::Timestamp;
use crate::crypto::refresh_token::Presented;
use crate::domain::client::Client;
use crate::domain::liveness::active_session;
use crate::domain::oauth_error::OAuthError;
use crate::domain::outcome::{Failure, Fault, Refusal};
use crate::store::sessions;

use super::client_auth::{self, Call};
use super::token::ClientRequest;
use crate::tokens::validate::{self, ActiveToken, Source};

/// The response for the token.
///
/// # Errors
/// `invalid_client`, also for a public client, which cannot authenticate.
pub async fn introspect(
    app: App,
    request: ClientRequest,
    now: Timestamp,
) -> Result<Value, Failure> {
    let ClientRequest { params, authorization, origin, .. } = request;
    params.once()?;
    let client = client_auth::authenticate_client(
        &app,
        Call { path: "/oauth2/introspect", authorization: authorization.as_deref() },
        &params,
        &origin,
        now,
    )
    .await?;
    let client = client.client();
    if client.is_public() {
        let message = "Only a client that authenticates may introspect tokens.";
        return Err(Refusal::oauth(OAuthError::InvalidClient, message).into());
    }
    let token = params.required("token", "token is missing.")?;
    // `token_type_hint` is ignored, because the two kinds of token are distinguishable.
    let found = match app.refresh_keys().authenticate(token) {
        Some(presented) => refresh_token(&app, client, presented, now).await?,
        None => {
            let active = validate::require_active(&app, token, now).await?;
            active
                .filter(|active| concerns(client, active))
                .map(|active| described(app.issuer(), &active))
        }
    };
    Ok(found.unwrap_or_else(|| json!({ "active": false })))
}

/// Whether the token was issued to this client, or is for its API. A token with a shared secret, which the API could
/// have forged, is disclosed to that API only.
fn concerns(client: &Client, token: &Source<ActiveToken>) -> bool {
    let issued = matches!(token, Source::Issued(_));
    (issued && token.claims().client_id == client.client_id) || client.is_api(&token.claims().aud)
}

fn described(issuer: &str, token: &ActiveToken) -> Value {
    let claims = token.claims();
    let mut said = json!({
        "active": true,
        "iss": issuer,
        "sub": claims.sub,
        "aud": claims.aud,
        "client_id": claims.client_id,
        "scope": claims.scope,
        "token_type": if claims.cnf.is_some() { "DPoP" } else { "Bearer" },
        "exp": claims.exp,
        "iat": claims.iat,
        "jti": claims.jti,
    });
    let session = token.session_claims();
    for (name, value) in [
        ("sid", claims.sid.as_ref().map(|sid| json!(sid))),
        ("auth_time", session.map(|session| json!(session.auth_time.secs()))),
        ("acr", session.map(|session| json!(session.acr))),
        ("act", claims.act.clone()),
        ("cnf", claims.cnf.as_ref().map(|cnf| json!(cnf))),
    ] {
        if let Some(value) = value {
            said[name] = value;
        }
    }
    said
}

async fn refresh_token(
    app: &App,
    client: &Client,
    presented: Presented,
    now: Timestamp,
) -> Result<Option<Value>, Fault> {
    let found = sessions::of_branch(&mut app.db.reader().await?, presented.branch).await?;
    Ok(found.and_then(|(session, user)| {
        let good = session.client_id == client.client_id
            && session.grant_type.is_some()
            && presented.counter == session.chain.current
            && active_session(&session, (&user).into(), Some(client).into(), now).is_ok();
        good.then(|| {
            json!({
                "active": true,
                "iss": app.issuer(),
                "sub": session.user_id,
                "client_id": session.client_id,
                "scope": session.scopes,
                "exp": session.idle_expires_at.min(session.expires_at).secs(),
                "iat": session.chain.answered_at.secs(),
                "sid": session.id,
                "auth_time": session.auth_time.secs(),
                "acr": session.factors().acr(),
            })
        })
    }))
}
