//! A resource server: answers with the caller's `sub` and `scope` if the access token is good.
//!
//! Trusts one issuer's URL and one audience, both from the environment; learns everything else
//! from the issuer's discovery document and key set.

use std::{env, error::Error, time::Duration};

use actix_web::http::header::{AUTHORIZATION, WWW_AUTHENTICATE};
use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use jsonwebtoken::{Validation, decode, decode_header};
use serde::{Deserialize, Serialize};

mod keys;

/// What a token is measured against.
struct Trust {
    issuer: String,
    audience: String,
    keys: keys::Keys,
}

/// The part of the discovery document that matters here.
#[derive(Deserialize)]
struct Discovery {
    issuer: String,
    jwks_uri: String,
}

/// The claims this server uses; they are its answer, too.
#[derive(Deserialize, Serialize)]
struct Claims {
    sub: String,
    #[serde(default)]
    scope: String,
}

impl Trust {
    /// The claims of a good access token (RFC 9068 §4), `None` for anything else.
    async fn verify(&self, token: &str) -> Option<Claims> {
        let header = decode_header(token).ok()?;
        // The library leaves both to us: what kind of token this is, and extensions nobody here
        // understands (RFC 7515 §4.1.11).
        if header.typ.as_deref() != Some("at+jwt") || header.crit.is_some() {
            return None;
        }
        let key = self.keys.find(header.kid.as_deref()?).await?;
        let mut rules = Validation::new(key.alg);
        rules.set_issuer(&[&self.issuer]);
        rules.set_audience(&[&self.audience]);
        // Naming an issuer or an audience does not yet make the library miss an absent one.
        rules.set_required_spec_claims(&["iss", "aud", "exp", "sub"]);
        rules.validate_nbf = true;
        rules.leeway = 5;
        decode(token, &key.public, &rules).ok().map(|verified| verified.claims)
    }
}

/// The token of an `Authorization: Bearer` header (RFC 6750 §2.1), empty when none was sent.
fn bearer(request: &HttpRequest) -> &str {
    let header = request.headers().get(AUTHORIZATION).map(|value| value.as_bytes());
    match header.and_then(|value| value.split_at_checked("Bearer ".len())) {
        // Text no token can consist of is a bad token, not an absent one.
        Some((scheme, token)) if scheme.eq_ignore_ascii_case(b"Bearer ") => {
            std::str::from_utf8(token).map_or("?", str::trim)
        }
        _ => "",
    }
}

async fn orders(request: HttpRequest, trust: web::Data<Trust>) -> HttpResponse {
    // RFC 6750 §3.1: who sent no token learns what to send, not that something was wrong.
    let challenge = match bearer(&request) {
        "" => "Bearer",
        token => match trust.verify(token).await {
            Some(claims) => return HttpResponse::Ok().json(claims),
            None => "Bearer error=\"invalid_token\"",
        },
    };
    HttpResponse::Unauthorized().insert_header((WWW_AUTHENTICATE, challenge)).finish()
}

fn setting(name: &str, default: &str) -> String {
    env::var(name).unwrap_or_else(|_| default.to_owned())
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let issuer = setting("ISSUER", "http://localhost:8484");
    let audience = setting("AUDIENCE", "https://api.example.com");
    let port: u16 = setting("PORT", "3000").parse()?;

    let http = reqwest::Client::builder()
        .timeout(Duration::from_secs(5))
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    let uri = format!("{issuer}/.well-known/openid-configuration");
    let found: Discovery = http.get(uri).send().await?.error_for_status()?.json().await?;
    if found.issuer != issuer {
        // OpenID Connect Discovery 1.0 §4.3.
        return Err(format!("{issuer} calls itself {}", found.issuer).into());
    }

    let trust =
        web::Data::new(Trust { issuer, audience, keys: keys::Keys::new(http, found.jwks_uri) });
    let server = HttpServer::new(move || {
        App::new().app_data(trust.clone()).default_service(web::to(orders))
    })
    .workers(1)
    .bind(("127.0.0.1", port))?;
    for address in server.addrs() {
        println!("listening on http://{address}");
    }
    Ok(server.run().await?)
}
