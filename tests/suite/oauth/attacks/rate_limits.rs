//! Guessed secrets and codes, and rows that anonymous requests could create.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::crypto::jwt::SigningKey;
use signet::domain::rate_limit::{
    ADDRESS_CLIENTS, ADDRESS_PROOFS, ADDRESS_REQUESTS, ADDRESS_USER_CODES, Bucket,
};
use signet::domain::signing_key::SigningAlg;

use crate::support::relying_party::{App, FORM, Person, basic, error_of, field, form, signed};
use crate::support::server::{Options, Tokens};
use crate::support::{Backend, Server};

/// Whoever names a public client can have something written down: so much and no more. A client that
/// authenticates has its users behind it and is not held up by their number.
#[tokio::test(flavor = "multi_thread")]
async fn strangers_fill_no_table() {
    let server = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on").start().await;
    let root = server.administrator("root").await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = json!(["authorization_code", "refresh_token", device]);
    let spa = json!({"type": "spa", "grant_types": grants});
    let spa = App::register(&server, &root, spa).await;
    let web = json!({"type": "web", "grant_types": grants});
    let web = App::register(&server, &root, web).await;
    let here = Some("127.0.0.1".parse().unwrap());
    let drain = |purpose, bucket: Bucket| {
        let take = || server.app.address_limiter.take(purpose, bucket, here, server.now());
        while take().is_ok() {}
    };
    let push = async |app: &App| {
        let request = app.request(&[("client_id", "")]);
        let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
        app.call(&server, "/oauth2/par", &fields).await.status
    };
    let wait = async |app: &App| {
        app.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await.status
    };
    assert_eq!([push(&spa).await, push(&web).await], [201, 201]);
    assert_eq!([wait(&spa).await, wait(&web).await], [200, 200]);
    drain("pushed_request", ADDRESS_REQUESTS);
    drain("device_request", ADDRESS_REQUESTS);
    assert_eq!([push(&spa).await, push(&web).await], [429, 201]);
    assert_eq!([wait(&spa).await, wait(&web).await], [429, 200]);
    server.advance(TimeSpan::from_secs(1));
    assert_eq!([push(&spa).await, wait(&spa).await], [201, 200]);

    // A request that is longer than any address.
    let long = "x".repeat(17_000);
    let request = web.request(&[("client_id", ""), ("unknown", &long)]);
    let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
    assert_eq!(error_of(&web.call(&server, "/oauth2/par", &fields).await, 400), "invalid_request");

    // Proofs that came to nothing count, those of whoever is right do not.
    let key = SigningKey::generate(SigningAlg::Es256).unwrap().key;
    let refresh = async |app: &App, jti: &str| {
        let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public});
        let claims = json!({"htm": "POST", "htu": server.url("/oauth2/token"), "jti": jti,
            "iat": server.now().secs()});
        let mut request = server.request(Method::POST, "/oauth2/token");
        let mut fields = vec![("grant_type", "refresh_token"), ("refresh_token", "srt_x")];
        match &app.secret {
            Some(secret) => request = request.header("authorization", basic(&app.id, secret)),
            None => fields.push(("client_id", &app.id)),
        }
        let request = request.header("dpop", signed(&key, &header, &claims));
        server.send(request.header("content-type", FORM).body(form(fields))).await.status
    };
    for _ in 1..ADDRESS_PROOFS.burst {
        server.app.address_limiter.take("proof", ADDRESS_PROOFS, here, server.now()).unwrap();
    }
    assert_eq!([refresh(&spa, "a").await, refresh(&spa, "b").await], [400, 429]);
    assert_eq!(refresh(&web, "c").await, 400);
    server.advance(ADDRESS_PROOFS.every);
    assert_eq!(refresh(&spa, "d").await, 400);
}

async fn limited() -> (Server, Tokens) {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let server = options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32").start().await;
    let root = server.administrator("root").await;
    (server, root)
}

/// Guessing the secret of a client is held up, by address; the client itself, at another one, is not.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_a_secret_holds_up_the_guesser_alone() {
    let (server, root) = limited().await;
    let app = App::register(&server, &root, json!({"type": "web"})).await;
    let from = async |address: &str, secret: &str| {
        let request = server.request(Method::POST, "/oauth2/introspect");
        let request = request.header("x-forwarded-for", address).header("content-type", FORM);
        let request = request.header("authorization", basic(&app.id, secret)).body("token=x");
        server.send(request).await
    };
    let right = app.secret.as_deref().unwrap();
    for _ in 0..ADDRESS_CLIENTS.burst {
        assert_eq!(error_of(&from("192.0.2.1", "scs_wrong").await, 401), "invalid_client");
    }
    for secret in ["scs_wrong", right] {
        let answer = from("192.0.2.1", secret).await;
        assert_eq!(error_of(&answer, 429), "temporarily_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
    }
    from("192.0.2.2", right).await.is(200);
    server.advance(ADDRESS_CLIENTS.every);
    from("192.0.2.1", right).await.is(200);
}

/// Eight letters are few: whoever tries many is held up before they are looked at.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_the_code_of_a_device_is_held_up() {
    let (server, root) = limited().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let tv = json!({"type": "native", "grant_types": [device]});
    let tv = App::register(&server, &root, tv).await;
    let asked = tv.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let code = asked.is(200).string("user_code");
    let mallory = Person::new(&server, "mallory");
    let page = mallory.get("/device").await;
    let flow = field(&page.text, "flow");
    let tried = async |code: &str| {
        mallory.post("/device", &[("flow", &flow), ("user_code", code)]).await.status
    };
    for _ in 0..ADDRESS_USER_CODES.burst {
        assert_eq!(tried("BCDF-GHJK").await, 422);
    }
    assert_eq!([tried("BCDF-GHJK").await, tried(&code).await], [429, 429]);
    server.advance(ADDRESS_USER_CODES.every);
    assert_eq!([tried(&code).await, tried(&code).await], [200, 429]);
}
