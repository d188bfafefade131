//! Mail about suspicious sign-ins: its recipient, and how often.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ADA, last_mail, options, subjects, verified_user};
use crate::support::Backend;
use crate::support::second_factors::{Authenticator, challenge_of, log_in_with, proceed};
use crate::support::server::{Answer, Options, PASSWORD, Server, Tokens, on_both};
use crate::support::smtp_sink::Sink;
use crate::support::software_authenticator::SoftwareAuthenticator;

const ADDED: &str = "A second factor was added to your account";
const LIMIT: &str = "Too many wrong codes at sign-ins to your account";
const MISSING: &str = "Sign-ins to your account stop before the second factor";
const NETWORK: &str = "Sign-in to your account from a new network";
const COPIED: &str = "A passkey of your account may have been copied";
const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";

fn limited(backend: Backend, sink: &Sink) -> Options {
    let options = options(backend, sink).with("SIGNET_RATE_LIMITS", "on");
    options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1")
}

/// A log-in from an address.
async fn log_in_from(server: &Server, address: &str, code: Option<&str>) -> Answer {
    let request = server.request(Method::POST, "/v1/login").header("user-agent", FIREFOX);
    let mut body = json!({"login": "ada", "password": PASSWORD});
    if let Some(code) = code {
        body["code"] = json!(code);
    }
    server.send(request.header("x-forwarded-for", address).json(&body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn one_mail_says_that_the_limit_of_codes_was_reached() {
    on_both("mail: limit of codes", async |backend| {
        let sink = Sink::start().await;
        let server = limited(backend, &sink).start().await;
        let root = server.administrator("root").await;
        verified_user(&server, &root, "ada", ADA).await;
        let tokens = server.login("ada").await;
        let app = Authenticator::enrol(&server, &tokens).await;
        let wrong = app.wrong_code(&server);
        let challenge = challenge_of(&server, "ada").await;
        for _ in 0..5 {
            proceed(&server, &challenge, &wrong).await.is_problem(401, "mfa_failed");
        }
        assert_eq!(subjects(&server, &sink, ADA).await, [ADDED], "within the limit");
        for _ in 0..4 {
            proceed(&server, &challenge, &wrong).await.is_problem(429, "too_many_attempts");
        }
        log_in_with(&server, "ada", &wrong).await.is_problem(429, "too_many_attempts");
        assert_eq!(subjects(&server, &sink, ADA).await, [ADDED, LIMIT]);
        let mail = last_mail(&server, &sink).await;
        assert!(mail.contains("had completed the first step"), "{mail}");
        // In the next window there is another message.
        server.advance(TimeSpan::from_mins(16));
        let wrong = app.wrong_code(&server);
        for _ in 0..5 {
            log_in_with(&server, "ada", &wrong).await.is_problem(401, "mfa_failed");
        }
        log_in_with(&server, "ada", &wrong).await.is_problem(429, "too_many_attempts");
        assert_eq!(subjects(&server, &sink, ADA).await, [ADDED, LIMIT, LIMIT]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_right_passwords_without_the_second_factor_are_one_mail() {
    on_both("mail: second factor missing", async |backend| {
        let sink = Sink::start().await;
        let server = limited(backend, &sink).start().await;
        let root = server.administrator("root").await;
        verified_user(&server, &root, "ada", ADA).await;
        let tokens = server.login("ada").await;
        let app = Authenticator::enrol(&server, &tokens).await;
        for _ in 0..8 {
            challenge_of(&server, "ada").await;
        }
        // A completed sign-in resets the count.
        app.log_in(&server, "ada").await;
        for _ in 0..9 {
            challenge_of(&server, "ada").await;
        }
        assert_eq!(subjects(&server, &sink, ADA).await, [ADDED]);
        for _ in 0..3 {
            challenge_of(&server, "ada").await;
        }
        assert_eq!(subjects(&server, &sink, ADA).await, [ADDED, MISSING]);
        // A user without a second factor is not counted.
        verified_user(&server, &root, "bob", "bob@example.org").await;
        for _ in 0..12 {
            server.login("bob").await;
        }
        assert!(subjects(&server, &sink, "bob@example.org").await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_from_a_new_network_is_reported_once_a_day() {
    on_both("mail: new network", async |backend| {
        let sink = Sink::start().await;
        let server = limited(backend, &sink).start().await;
        let root = server.administrator("root").await;
        verified_user(&server, &root, "ada", ADA).await;
        let told = async || subjects(&server, &sink, ADA).await.len();
        log_in_from(&server, "192.0.2.1", None).await.is(200);
        log_in_from(&server, "192.0.2.1", None).await.is(200);
        assert_eq!(told().await, 0, "the network where the account begins");
        log_in_from(&server, "198.51.100.7", None).await.is(200);
        assert_eq!(subjects(&server, &sink, ADA).await, [NETWORK]);
        let mail = last_mail(&server, &sink).await;
        assert!(mail.contains("Address: 198.51.100.7"), "{mail}");
        assert!(mail.contains("Firefox") && !mail.contains("Gecko"), "{mail}");
        log_in_from(&server, "198.51.100.7", None).await.is(200);
        log_in_from(&server, "203.0.113.5", None).await.is(200);
        assert_eq!(told().await, 1, "one a day");
        server.advance(TimeSpan::from_days(2));
        log_in_from(&server, "198.51.100.7", None).await.is(200);
        assert_eq!(told().await, 1, "known");
        log_in_from(&server, "203.0.113.200", None).await.is(200);
        log_in_from(&server, "2001:db8:1::1", None).await.is(200);
        assert_eq!(told().await, 2);
    })
    .await;
}

/// A password alone does not make a network known if a second factor is required.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_network_is_reported_when_the_last_factor_is_completed() {
    on_both("mail: new network of a user with a second factor", async |backend| {
        let sink = Sink::start().await;
        let server = limited(backend, &sink).start().await;
        let root = server.administrator("root").await;
        verified_user(&server, &root, "ada", ADA).await;
        let tokens = Tokens::of(&log_in_from(&server, "192.0.2.1", None).await);
        let app = Authenticator::enrol(&server, &tokens).await;
        log_in_from(&server, "198.51.100.7", None).await.is_problem(401, "mfa_required");
        assert_eq!(subjects(&server, &sink, ADA).await, [ADDED]);
        let code = app.new_code(&server);
        log_in_from(&server, "198.51.100.7", Some(&code)).await.is(200);
        let code = app.new_code(&server);
        log_in_from(&server, "198.51.100.7", Some(&code)).await.is(200);
        assert_eq!(subjects(&server, &sink, ADA).await, [ADDED, NETWORK]);
    })
    .await;
}

/// Adds a passkey to the account of `tokens`.
async fn add_passkey(server: &Server, tokens: &Tokens, passkey: &mut SoftwareAuthenticator) {
    let path = "/v1/factors/passkeys/options";
    let begun = server.call_as(Method::POST, path, &tokens.access, Value::Null).await;
    let begun = begun.is(200).json();
    let credential = passkey.create(&begun["public_key"]);
    let body = json!({"challenge": begun["challenge"], "credential": credential});
    let path = "/v1/factors/passkeys";
    server.call_as(Method::POST, path, &tokens.access, body).await.is(201);
}

/// A log-in with a passkey from an address.
async fn passkey_from(
    server: &Server,
    address: &str,
    passkey: &mut SoftwareAuthenticator,
) -> Answer {
    let begun = server.post("/v1/login/passkey", json!({})).await.is(200).json();
    let credential = passkey.get(&begun["public_key"]);
    let body = json!({"challenge": begun["challenge"], "credential": credential});
    let request = server.request(Method::POST, "/v1/login/continue").json(&body);
    server.send(request.header("x-forwarded-for", address)).await
}

/// A sign-in with a passkey from a new network is reported like one with a password, and makes the network known.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_with_a_passkey_makes_its_network_known_and_tells_of_a_new_one() {
    on_both("mail: new network of a passkey", async |backend| {
        let sink = Sink::start().await;
        let issuer = "https://id.example.com";
        let server = limited(backend, &sink).with("SIGNET_ISSUER", issuer).start().await;
        let root = server.administrator("root").await;
        verified_user(&server, &root, "ada", ADA).await;
        let tokens = Tokens::of(&log_in_from(&server, "192.0.2.1", None).await);
        let mut passkey = SoftwareAuthenticator::new(issuer);
        add_passkey(&server, &tokens, &mut passkey).await;
        let told = async || {
            let subjects = subjects(&server, &sink, ADA).await;
            subjects.into_iter().filter(|subject| subject == NETWORK).count()
        };
        passkey_from(&server, "192.0.2.1", &mut passkey).await.is(200);
        assert_eq!(told().await, 0, "the network where the account begins");
        passkey_from(&server, "198.51.100.7", &mut passkey).await.is(200);
        assert_eq!(told().await, 1);
        let mail = last_mail(&server, &sink).await;
        assert!(mail.contains("Address: 198.51.100.7"), "{mail}");
        passkey_from(&server, "198.51.100.7", &mut passkey).await.is(200);
        server.advance(TimeSpan::from_days(2));
        passkey_from(&server, "198.51.100.7", &mut passkey).await.is(200);
        log_in_from(&server, "198.51.100.7", None).await.is(200);
        assert_eq!(told().await, 1, "known, also to the password");
        log_in_from(&server, "203.0.113.5", None).await.is(200);
        assert_eq!(told().await, 2);
        server.advance(TimeSpan::from_days(2));
        passkey_from(&server, "203.0.113.5", &mut passkey).await.is(200);
        assert_eq!(told().await, 2, "known from the password");
    })
    .await;
}

/// Counters of synced passkeys are not reliable, so the user is asked to judge.
#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_does_not_increase_is_told_once_a_day() {
    on_both("mail: counter of a passkey", async |backend| {
        let sink = Sink::start().await;
        let issuer = "https://id.example.com";
        let server = options(backend, &sink).with("SIGNET_ISSUER", issuer).start().await;
        let root = server.administrator("root").await;
        verified_user(&server, &root, "ada", ADA).await;
        let tokens = server.login("ada").await;
        let mut passkey = SoftwareAuthenticator::new(issuer);
        add_passkey(&server, &tokens, &mut passkey).await;
        let expected = |copies: usize| {
            let copies = std::iter::repeat_n(COPIED, copies);
            std::iter::once(ADDED).chain(copies).collect::<Vec<_>>()
        };
        let mut sign_in = async |count: u32| {
            passkey.count = count;
            passkey_from(&server, "192.0.2.1", &mut passkey).await.is(200);
        };
        sign_in(7).await;
        assert_eq!(subjects(&server, &sink, ADA).await, expected(0));
        for _ in 0..2 {
            sign_in(3).await;
            assert_eq!(subjects(&server, &sink, ADA).await, expected(1));
        }
        let mail = last_mail(&server, &sink).await;
        assert!(mail.contains("/account/security"), "{mail}");
        server.advance(TimeSpan::from_days(2));
        sign_in(3).await;
        assert_eq!(subjects(&server, &sink, ADA).await, expected(2));
    })
    .await;
}

/// A login that was released and taken by another user: the known networks of the previous user are not known
/// to the new one.
#[tokio::test(flavor = "multi_thread")]
async fn the_networks_of_a_deleted_account_are_new_to_the_next_one_of_its_name() {
    on_both("mail: networks of a deleted account", async |backend| {
        let sink = Sink::start().await;
        let server = limited(backend, &sink).start().await;
        let root = server.administrator("root").await;
        let before = verified_user(&server, &root, "ada", ADA).await;
        log_in_from(&server, "192.0.2.1", None).await.is(200);
        let wrong = json!({"login": "ada", "password": "not the password"});
        server.post("/v1/login", wrong).await.is(401);
        let path = format!("/v1/admin/users/{before}");
        server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
        verified_user(&server, &root, "ada", ADA).await;
        let told = async || {
            let subjects = subjects(&server, &sink, ADA).await;
            subjects.into_iter().filter(|subject| subject == NETWORK).count()
        };
        log_in_from(&server, "198.51.100.7", None).await.is(200);
        assert_eq!(told().await, 0, "the network where the account begins");
        log_in_from(&server, "192.0.2.1", None).await.is(200);
        assert_eq!(told().await, 1);
    })
    .await;
}
