//! A resource server: responds with the caller's `sub` and `scope` if the access token is valid.
//!
//! Trusts one issuer and one audience, both from the environment. `signet-verify` does the rest; this file only passes
//! it the request (`Caller`) and converts its refusal into a response.

use std::sync::Arc;
use std::{env, error::Error};

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, HOST, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router};
use serde_json::{Value, json};
use signet_verify::{
    Claims, HttpFetch, Proof, Refused, Request, Revocations, Trust, Verifier, follow, system_time,
};

/// The caller. A handler with this parameter is only reached with a valid token.
struct Caller(Claims);

/// Why a request is refused, as a response.
struct Denied(Refused);

fn values<'a>(headers: &'a HeaderMap, name: &str) -> Vec<&'a [u8]> {
    headers.get_all(name).iter().map(|value| value.as_bytes()).collect()
}

impl FromRequestParts<Arc<Verifier>> for Caller {
    type Rejection = Denied;

    async fn from_request_parts(
        parts: &mut Parts,
        verifier: &Arc<Verifier>,
    ) -> Result<Self, Denied> {
        let authorization = values(&parts.headers, AUTHORIZATION.as_str());
        let proofs = values(&parts.headers, "dpop");
        // The URL that clients use. Behind a proxy that terminates TLS its scheme is `https`.
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
        let uri = format!("http://{host}{}", parts.uri.path());
        let proof = Proof { headers: &proofs, method: parts.method.as_str(), uri: &uri };
        let presented = Request { authorization: &authorization, proof: Some(proof) };
        match verifier.verify(&presented, system_time()).await {
            Ok(verified) => Ok(Self(verified.claims)),
            Err(refused) => Err(Denied(refused)),
        }
    }
}

impl IntoResponse for Denied {
    fn into_response(self) -> Response {
        let status =
            StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let challenge = self.0.challenge(None).map(|value| [(WWW_AUTHENTICATE, value)]);
        let retry_after = self.0.retry_after().map(|secs| [(RETRY_AFTER, secs.to_string())]);
        match (challenge, retry_after) {
            (Some(challenge), _) => (status, challenge).into_response(),
            (None, Some(retry_after)) => (status, retry_after).into_response(),
            (None, None) => status.into_response(),
        }
    }
}

async fn orders(Caller(claims): Caller) -> Json<Value> {
    Json(json!({"sub": claims.sub, "scope": claims.scope}))
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let port: u16 = setting("PORT", "3000").parse()?;
    let revocations = match &*setting("WITHOUT_FEED", "closed") {
        "closed" => Revocations::Closed,
        "open" => Revocations::Open,
        other => return Err(format!("WITHOUT_FEED is {other:?}, not closed or open").into()),
    };
    let trust = Trust {
        issuer: setting("ISSUER", "http://localhost:8484"),
        audience: setting("AUDIENCE", "https://api.example.com"),
        name: "rust-axum".to_owned(),
        revocations,
    };
    let verifier = Arc::new(Verifier::new(trust, HttpFetch::new()?)?);
    // Fetches keys and feed before the first request. If that fails, requests are answered with 503 until they
    // are fetched.
    let _ = verifier.poll(system_time()).await;
    let _following = follow(Arc::clone(&verifier))?;

    let router = Router::new().fallback(orders).with_state(verifier);
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    println!("listening on http://{}", listener.local_addr()?);
    Ok(axum::serve(listener, router).await?)
}
