//! Different work would disclose whether an account exists: the number of statements is the same for every request.
//! Response times are not compared here; responses are tested at each endpoint.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::Secret;
use signet::crypto::digest::sha256_base64url;
use signet::crypto::webauthn::AssertionResponse;
use signet::domain::audit::{Origin, Via};
use signet::domain::request_info::RequestInfo;
use signet::domain::user_agent::Device;
use signet::identity::authentication::{Channel, Entry};
use signet::identity::continue_login::continue_login;
use signet::identity::recovery;
use signet::oauth::authorize_challenge::authorize_challenge;
use signet::oauth::params::Params;
use signet::oauth::token::ClientRequest;
use signet::store::db::counted;

use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{App, VERIFIER, form};
use crate::support::server::{PASSWORD, Server};
use crate::support::software_authenticator::SoftwareAuthenticator;

const ISSUER: &str = "https://id.example.com";
const SETTINGS: &[(&str, &str)] = &[("SIGNET_RATE_LIMITS", "on"), ("SIGNET_ISSUER", ISSUER)];

fn origin() -> Origin {
    Origin { address: "192.0.2.1".parse().ok(), via: Via::Http, ..Origin::system() }
}

fn info(server: &Server) -> RequestInfo {
    RequestInfo::without_device(origin(), server.now())
}

#[track_caller]
fn all_equal(seen: &[(&str, u32)]) {
    assert!(seen.iter().all(|(_, count)| *count == seen[0].1 && *count > 0), "{seen:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_runs_the_same_statements_for_every_address() {
    on_both("statements of a recovery", async |backend| {
        let place = MailingServer::with(backend, SETTINGS).await;
        let server = &place.server;
        place.user("ada", "ada@example.org").await;
        let off = place.user("off", "off@example.org").await;
        let path = format!("/v1/admin/users/{off}/disable");
        place.admin(Method::POST, &path, Value::Null).await.is(200);
        let unverified = json!({"login": "eve", "password": PASSWORD, "email": "eve@example.org"});
        place.admin(Method::POST, "/v1/admin/users", unverified).await.is(201);
        server.register("squat@example.org").await;
        let (mut requests, mut tries) = (Vec::new(), Vec::new());
        let mut before = place.work("recovery").await;
        assert!(before.0 > 0, "the users have passwords");
        for email in [
            "ada@example.org",
            "off@example.org",
            "eve@example.org",
            "squat@example.org",
            "nobody@example.org",
        ] {
            let app = server.app.clone();
            let request = recovery::request(app, email.to_owned(), Channel::Api, info(server));
            let (begun, statements) = counted(request).await;
            requests.push((email, statements));
            let challenge = begun.unwrap().challenge;
            let after = place.work("recovery").await;
            assert_eq!(after, (before.0, before.1 + 1), "{email}: no hash, one mail");
            before = after;
            // The code for an address without a user is counted and compared as well.
            let entry = Entry::MailedCode(Secret::new("00000000".to_owned()));
            let step = (challenge, entry);
            let step = recovery::advance(server.app.clone(), step, Channel::Api, info(server));
            let (refused, statements) = counted(step).await;
            assert!(refused.is_err(), "{email}");
            tries.push((email, statements));
        }
        all_equal(&requests);
        all_equal(&tries);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_runs_the_same_statements_for_every_user() {
    on_both("statements of a passkey", async |backend| {
        let place = MailingServer::with(backend, SETTINGS).await;
        let server = &place.server;
        let mut passkeys = Vec::new();
        for login in ["on", "off", "gone"] {
            let id = place.user(login, &format!("{login}@example.org")).await;
            let tokens = server.login(login).await;
            let call = async |path: &str, body| {
                server.call_as(Method::POST, path, &tokens.access, body).await
            };
            let begun = call("/v1/factors/passkeys/options", Value::Null).await.is(200).json();
            let mut passkey = SoftwareAuthenticator::new(ISSUER);
            let credential = passkey.create(&begun["public_key"]);
            let body = json!({"challenge": begun["challenge"], "credential": credential});
            call("/v1/factors/passkeys", body).await.is(201);
            passkeys.push((login, id, passkey));
        }
        let of = |nth: usize| format!("/v1/admin/users/{}", passkeys[nth].1);
        place.admin(Method::POST, &format!("{}/disable", of(1)), Value::Null).await.is(200);
        place.admin(Method::DELETE, &of(2), Value::Null).await.is(204);
        let mut unknown = SoftwareAuthenticator::new(ISSUER);
        unknown.user_handle = passkeys[0].2.user_handle.clone();
        passkeys.push(("unknown", String::new(), unknown));
        let mut seen = Vec::new();
        let before = place.work("new_network").await;
        for (login, _, passkey) in &mut passkeys {
            let begun = server.post("/v1/login/passkey", json!({})).await.is(200).json();
            // A wrong signature of a user who could sign in, and right ones of the others.
            let is_bad = *login == "on";
            let made = passkey.get_with(&begun["public_key"], |made| made.bad_signature = is_bad);
            let entry = Entry::Passkey(AssertionResponse::read(&made).unwrap());
            let challenge = begun["challenge"].as_str().unwrap().to_owned();
            let step = continue_login(server.app.clone(), challenge, entry, info(server));
            let (refused, statements) = counted(step).await;
            assert!(refused.is_err(), "{login}");
            seen.push((*login, statements));
            assert_eq!(place.work("new_network").await, before, "{login}: no hash, no mail");
        }
        all_equal(&seen);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_endpoint_runs_the_same_statements_for_every_hint() {
    on_both("statements of a hint", async |backend| {
        let place = MailingServer::with(backend, SETTINGS).await;
        let server = &place.server;
        place.user("ada", "ada@example.org").await;
        let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
            "first_party": true});
        let app = App::register(server, &place.root, native).await;
        server.app.reload_if_changed().await.unwrap();
        let challenge = sha256_base64url(VERIFIER.as_bytes());
        let mut seen = Vec::new();
        for hint in ["ada", "ada@example.org", "nobody", "nobody@example.org"] {
            let fields = [
                ("client_id", &*app.id),
                ("response_type", "code"),
                ("code_challenge", &*challenge),
                ("code_challenge_method", "S256"),
                ("login_hint", hint),
            ];
            let request = ClientRequest {
                params: Params::parse(form(fields).as_bytes()).unwrap(),
                authorization: None,
                proof: None,
                origin: origin(),
                device: Device::default(),
            };
            let work = authorize_challenge(server.app.clone(), request, server.now());
            let before = place.work("recovery").await;
            let (answer, statements) = counted(work).await;
            assert!(answer.is_ok(), "{hint}");
            assert_eq!(place.work("recovery").await, before, "{hint}: no hash, no mail");
            seen.push((hint, statements));
        }
        // It names no user for the server either: nothing is looked up.
        assert!(seen.iter().all(|(_, count)| *count == seen[0].1), "{seen:?}");
    })
    .await;
}
