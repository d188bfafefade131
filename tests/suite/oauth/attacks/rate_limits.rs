//! Guessed secrets and codes, and rows that unauthenticated requests could create.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signet::app::limits::Subject;
use signet::base::TimeSpan;
use signet::base::opaque_token::{self, DEVICE_CODE};
use signet::crypto::digest::token_hash;
use signet::crypto::jwt::SigningKey;
use signet::crypto::random::SystemEntropy;
use signet::domain::rate_limit::{RateLimit, UNKNOWN_ADDRESSES};
use signet::domain::signing_key::SigningAlg;
use signet::store::pushed_requests;

use crate::support::relying_party::{
    App, FORM, Person, basic, error_of, field, form, param, signed,
};
use crate::support::server::{Answer, Options, Tokens};
use crate::support::{Backend, Server, on_both};

/// A caller that names a public client can have a bounded number of rows stored. A client that authenticates
/// is not limited by the number of its users.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_unknown_networks_fill_no_table() {
    let server = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on").start().await;
    let root = server.administrator("root").await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = json!(["authorization_code", "refresh_token", device]);
    let spa = json!({"type": "spa", "grant_types": grants});
    let spa = App::register(&server, &root, spa).await;
    let web = json!({"type": "web", "grant_types": grants});
    let web = App::register(&server, &root, web).await;
    let here = Some("127.0.0.1".parse().unwrap());
    let drain =
        |purpose| while server.app.address_limiter.take(Subject::new(purpose, here)).is_ok() {};
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
    drain(RateLimit::PushedRequest);
    drain(RateLimit::DeviceRequest);
    assert_eq!([push(&spa).await, push(&web).await], [429, 201]);
    assert_eq!([wait(&spa).await, wait(&web).await], [429, 200]);
    server.advance(TimeSpan::from_secs(1));
    assert_eq!([push(&spa).await, wait(&spa).await], [201, 200]);
    let revoke =
        async |app: &App| app.call(&server, "/oauth2/revoke", &[("token", "srt_x")]).await.status;
    assert_eq!([revoke(&spa).await, revoke(&web).await], [200, 200]);
    drain(RateLimit::Revocation);
    assert_eq!([revoke(&spa).await, revoke(&web).await], [429, 200]);

    // A request that is longer than any address.
    let long = "x".repeat(17_000);
    let request = web.request(&[("client_id", ""), ("unknown", &long)]);
    let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
    assert_eq!(error_of(&web.call(&server, "/oauth2/par", &fields).await, 400), "invalid_request");

    // Proofs that led to no token are counted, others are not.
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
    for _ in 1..RateLimit::Proof.bucket().burst {
        server.app.address_limiter.take(Subject::new(RateLimit::Proof, here)).unwrap();
    }
    assert_eq!([refresh(&spa, "a").await, refresh(&spa, "b").await], [400, 429]);
    assert_eq!(refresh(&web, "c").await, 400);
    server.advance(RateLimit::Proof.bucket().every);
    assert_eq!(refresh(&spa, "d").await, 400);
}

async fn limited(backend: Backend) -> (Server, Tokens) {
    let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
    let server = options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32").start().await;
    let root = server.administrator("root").await;
    (server, root)
}

async fn introspect(server: &Server, address: &str, id: &str, secret: &str) -> Answer {
    let request = server.request(Method::POST, "/oauth2/introspect");
    let request = request.header("x-forwarded-for", address).header("content-type", FORM);
    let request = request.header("authorization", basic(id, secret)).body("token=x");
    server.send(request).await
}

/// Failures limit failures only: whatever an attacker behind the same address guesses, a client that
/// authenticates is served, a public one refreshes, and a failure of another client is a 401.
#[tokio::test(flavor = "multi_thread")]
async fn failed_client_authentications_hold_up_no_client_that_authenticates() {
    on_both("failed clients", async |backend| {
        let (server, root) = limited(backend).await;
        let web = App::register(&server, &root, json!({"type": "web"})).await;
        let other = App::register(&server, &root, json!({"type": "service"})).await;
        let spa = App::register(&server, &root, json!({"type": "spa"})).await;
        let [web_secret, other_secret] = [&web, &other].map(|app| app.secret.clone().unwrap());
        let from =
            async |id: &str, secret: &str| introspect(&server, "192.0.2.1", id, secret).await;
        let burst = RateLimit::ClientAuth.bucket().burst;
        for _ in 0..burst {
            assert_eq!(error_of(&from(&web.id, "scs_wrong").await, 401), "invalid_client");
        }
        // Beyond the limit a failure is 429, and the credential was checked.
        let answer = from(&web.id, "scs_wrong").await;
        assert_eq!(error_of(&answer, 429), "temporarily_unavailable");
        assert!(answer.header("retry-after").parse::<u32>().unwrap() > 0);
        from(&web.id, &web_secret).await.is(200);
        from(&other.id, &other_secret).await.is(200);
        assert_eq!(error_of(&from(&other.id, "scs_wrong").await, 401), "invalid_client");
        // All unregistered client ids share one counter, which is not that of any client.
        for number in 0..burst {
            from(&format!("no-such-{number}"), "scs_wrong").await.is(401);
        }
        from("no-such-client", "scs_wrong").await.is(429);
        from(&other.id, "scs_wrong").await.is(401);
        // A public client, which has no credential.
        let refresh = server.request(Method::POST, "/oauth2/token");
        let fields =
            [("grant_type", "refresh_token"), ("refresh_token", "srt_x"), ("client_id", &*spa.id)];
        let refresh = refresh.header("x-forwarded-for", "192.0.2.1").header("content-type", FORM);
        let answer = server.send(refresh.body(form(fields.to_vec()))).await;
        assert_eq!(error_of(&answer, 400), "invalid_grant");
        // Another network, and the same one a moment later.
        introspect(&server, "192.0.3.2", &web.id, "scs_wrong").await.is(401);
        server.advance(RateLimit::ClientAuth.bucket().every);
        from(&web.id, "scs_wrong").await.is(401);
        from(&web.id, "scs_wrong").await.is(429);
    })
    .await;
}

/// Of any number of concurrent guesses, no more than the limit is answered as wrong, and the client is served
/// meanwhile.
#[tokio::test(flavor = "multi_thread")]
async fn a_burst_of_guesses_at_a_client_is_counted_exactly() {
    on_both("a burst at a client", async |backend| {
        let (server, root) = limited(backend).await;
        let web = App::register(&server, &root, json!({"type": "web"})).await;
        let right = web.secret.clone().unwrap();
        let all = join_all((0..120).map(async |n| {
            let secret = if n % 2 == 0 { "scs_wrong" } else { &right };
            introspect(&server, "192.0.2.1", &web.id, secret).await.status
        }));
        let all = all.await;
        assert!(all.iter().skip(1).step_by(2).all(|status| *status == 200), "{all:?}");
        let more =
            join_all((0..60).map(|_| introspect(&server, "192.0.2.1", &web.id, "scs_x"))).await;
        let refused = all.iter().copied().chain(more.iter().map(|answer| answer.status));
        let refused: Vec<u16> = refused.filter(|status| *status != 200).collect();
        let burst = usize::try_from(RateLimit::ClientAuth.bucket().burst).unwrap();
        assert_eq!(refused.iter().filter(|status| **status == 401).count(), burst);
        assert!(refused.iter().all(|status| [401, 429].contains(status)));
    })
    .await;
}

const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Each poll of a device is a write, and with a proof it is two: early polls, and proofs that led to no
/// token, are limited by network, whatever the grant answers. A device that respects its interval is served.
#[tokio::test(flavor = "multi_thread")]
async fn polls_of_a_device_are_bounded_for_each_network() {
    on_both("polls", async |backend| {
        let server = Options::on(backend).with("SIGNET_RATE_LIMITS", "on").start().await;
        let root = server.administrator("root").await;
        let tv = json!({"type": "native", "grant_types": [DEVICE]});
        let tv = App::register(&server, &root, tv).await;
        let asked = tv.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
        let code = asked.is(200).string("device_code");
        let here = Some("127.0.0.1".parse().unwrap());
        let leave = |limit: RateLimit, left: usize| {
            let (limiter, subject) = (&server.app.address_limiter, Subject::new(limit, here));
            while limiter.has_more_than(left, subject) == Ok(true) {
                limiter.take(subject).unwrap();
            }
        };
        let poll = async |code: &str| {
            let fields = [("grant_type", DEVICE), ("device_code", code)];
            tv.call(&server, "/oauth2/token", &fields).await
        };
        leave(RateLimit::DevicePoll, 2);
        for _ in 0..5 {
            assert_eq!(error_of(&poll(&code).await, 400), "authorization_pending");
            server.advance(TimeSpan::from_secs(5));
            leave(RateLimit::DevicePoll, 2);
        }
        assert_eq!(error_of(&poll(&code).await, 400), "authorization_pending");
        let wrong = opaque_token::generate(DEVICE_CODE, &SystemEntropy);
        assert_eq!(error_of(&poll(&code).await, 400), "slow_down");
        assert_eq!(error_of(&poll(&wrong).await, 400), "invalid_grant");
        assert_eq!(error_of(&poll(&code).await, 429), "temporarily_unavailable");
        server.advance(RateLimit::DevicePoll.bucket().every);
        assert_eq!(error_of(&poll(&code).await, 400), "slow_down");

        // With proofs: those of polls without tokens are counted.
        let key = SigningKey::generate(SigningAlg::Es256).unwrap().key;
        let proved = async |jti: &str| {
            server.advance(TimeSpan::from_mins(2));
            let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": key.public});
            let claims = json!({"htm": "POST", "htu": server.url("/oauth2/token"), "jti": jti,
                "iat": server.now().secs()});
            leave(RateLimit::Proof, usize::from(jti != "refused"));
            let fields = [("grant_type", DEVICE), ("device_code", &*code), ("client_id", &tv.id)];
            let request = server.request(Method::POST, "/oauth2/token");
            let request = request.header("dpop", signed(&key, &header, &claims));
            let request = request.header("content-type", FORM).body(form(fields.to_vec()));
            server.send(request).await
        };
        assert_eq!(error_of(&proved("a").await, 400), "authorization_pending");
        let answer = proved("refused").await;
        assert_eq!(error_of(&answer, 429), "temporarily_unavailable");
    })
    .await;
}

/// Of a pushed request only the checked request is stored, not other parameters.
#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_is_stored_as_what_it_means() {
    on_both("pushed", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let spa = App::register(&server, &root, json!({"type": "spa"})).await;
        let junk = "junk".repeat(3_000);
        let request = spa.request(&[
            ("client_id", ""),
            ("unknown", &junk),
            ("state", "kept"),
            ("claims_locales", "junk"),
        ]);
        let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
        let pushed = spa.call(&server, "/oauth2/par", &fields).await;
        let name = pushed.is(201).string("request_uri");
        let mut reader = server.app.db.reader().await.unwrap();
        let (hash, now) = (token_hash(&name), server.now());
        let stored =
            pushed_requests::find(&mut reader, &hash, &spa.id, now).await.unwrap().unwrap();
        assert!(stored.contains("kept") && !stored.contains("junk"), "{stored}");
        assert!(stored.len() < 1_024, "{}", stored.len());
        drop(reader);
        // It contains everything that was requested.
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let at = form([("client_id", &*spa.id), ("request_uri", &*name)]);
        let landed = ada.visit(&format!("/oauth2/authorize?{at}")).await.callback();
        let code = param(&landed, "code").unwrap();
        assert_eq!(param(&landed, "state").as_deref(), Some("kept"));
        spa.redeem(&server, &code).await.is(200);
    })
    .await;
}

/// User codes have eight letters: repeated guesses are refused before they are compared.
#[tokio::test(flavor = "multi_thread")]
async fn guessing_the_code_of_a_device_is_held_up() {
    let server = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on").start().await;
    let root = server.administrator("root").await;
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
    for _ in 0..RateLimit::UserCode.bucket().burst {
        assert_eq!(tried("BCDF-GHJK").await, 422);
    }
    assert_eq!([tried("BCDF-GHJK").await, tried(&code).await], [429, 429]);
    server.advance(RateLimit::UserCode.bucket().every);
    assert_eq!([tried(&code).await, tried(&code).await], [200, 429]);
}

/// A client that makes its address unknown, with a second header beside the proxy's, can guess no faster.
#[tokio::test(flavor = "multi_thread")]
async fn codes_guessed_from_unknown_addresses_are_held_up_together() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let server = options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32").start().await;
    let wide = RateLimit::UserCode.bucket().burst * UNKNOWN_ADDRESSES;
    for _ in 1..wide {
        server.app.address_limiter.take(Subject::new(RateLimit::UserCode, None)).unwrap();
    }
    let mallory = Person::new(&server, "mallory");
    let flow = field(&mallory.get("/device").await.text, "flow");
    let tried = async || {
        mallory.post("/device", &[("flow", &flow), ("user_code", "BCDF-GHJK")]).await.status
    };
    assert_eq!([tried().await, tried().await], [422, 429]);
}
