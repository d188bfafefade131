//! A resource server: responds with the caller's `sub` and `scope` if the access token is valid.
//!
//! Trusts one issuer and one audience, both from the environment. `signet-verify` does the rest; this file only passes
//! it the request (`Caller`) and converts its refusal into a response.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::{env, error::Error};

use actix_web::dev::Payload;
use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HOST, HeaderMap, RETRY_AFTER, WWW_AUTHENTICATE};
use actix_web::{App, FromRequest, HttpRequest, HttpResponse, HttpServer, ResponseError, web};
use signet_verify::{
    Claims, HttpFetch, Proof, Refused, Request, Revocations, Trust, Verifier, follow, system_time,
};

/// The caller. A handler with this parameter is only reached with a valid token.
struct Caller(Claims);

/// Why a request is refused, as a response.
#[derive(Debug)]
struct Denied(Refused);

fn values<'a>(headers: &'a HeaderMap, name: &'a str) -> Vec<&'a [u8]> {
    headers.get_all(name).map(|value| value.as_bytes()).collect()
}

impl FromRequest for Caller {
    type Error = Denied;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Denied>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let request = request.clone();
        Box::pin(async move {
            let verifier = request.app_data::<web::Data<Verifier>>().expect("the verifier");
            let (authorization, proofs) = (
                values(request.headers(), AUTHORIZATION.as_str()),
                values(request.headers(), "dpop"),
            );
            // The URL that clients use. Behind a proxy that terminates TLS its scheme is `https`.
            let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
            let uri = format!("http://{}{}", host.unwrap_or_default(), request.path());
            let proof = Proof { headers: &proofs, method: request.method().as_str(), uri: &uri };
            let presented = Request { authorization: &authorization, proof: Some(proof) };
            match verifier.verify(&presented, system_time()).await {
                Ok(verified) => Ok(Self(verified.claims)),
                Err(refused) => Err(Denied(refused)),
            }
        })
    }
}

impl std::fmt::Display for Denied {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl ResponseError for Denied {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.0.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    fn error_response(&self) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        if let Some(challenge) = self.0.challenge(None) {
            response.insert_header((WWW_AUTHENTICATE, challenge));
        }
        if let Some(seconds) = self.0.retry_after() {
            response.insert_header((RETRY_AFTER, seconds.to_string()));
        }
        response.finish()
    }
}

async fn orders(Caller(claims): Caller) -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({"sub": claims.sub, "scope": claims.scope}))
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[actix_web::main]
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
        name: "rust-actix".to_owned(),
        revocations,
    };
    let verifier = Arc::new(Verifier::new(trust, HttpFetch::new()?)?);
    // Fetches keys and feed before the first request. If that fails, requests are answered with 503 until they
    // are fetched.
    let _ = verifier.poll(system_time()).await;
    let _following = follow(Arc::clone(&verifier))?;

    let verifier = web::Data::from(verifier);
    let server = HttpServer::new(move || {
        App::new().app_data(verifier.clone()).default_service(web::to(orders))
    })
    .workers(1)
    .bind(("127.0.0.1", port))?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    Ok(server.run().await?)
}
