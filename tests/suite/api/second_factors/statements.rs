//! The cost of a sign-in with a second factor: one password hash, and a constant number of statements.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::webauthn::AssertionResponse;
use signet::domain::audit::{Origin, Via};
use signet::domain::password::Password;
use signet::domain::request_info::RequestInfo;
use signet::identity::authentication::Entry;
use signet::identity::continue_login::continue_login;
use signet::identity::login::{LoginOutcome, LoginRequest, RequestedAccess, login};
use signet::identity::second_factor::TypedCode;
use signet::store::db::counted;

use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::second_factors::{Authenticator, log_in_with};
use crate::support::server::{PASSWORD, Server, Tokens};
use crate::support::software_authenticator::SoftwareAuthenticator;

const ISSUER: &str = "https://id.example.com";
const SETTINGS: &[(&str, &str)] = &[("SIGNET_RATE_LIMITS", "on"), ("SIGNET_ISSUER", ISSUER)];

/// The network of every sign-in.
const ADDRESS: &str = "127.0.0.1";

fn info(server: &Server) -> RequestInfo {
    let origin = Origin { address: ADDRESS.parse().ok(), via: Via::Http, ..Origin::system() };
    RequestInfo::without_device(origin, server.now())
}

/// Sends the password. Returns the challenge, and the number of statements.
async fn password(server: &Server) -> (String, u32) {
    let request = LoginRequest {
        code: None,
        login: "tia".to_owned(),
        password: Password::for_verification(PASSWORD).unwrap(),
        asked: RequestedAccess::default(),
    };
    let (outcome, statements) = counted(login(server.app.clone(), request, info(server))).await;
    let Ok(LoginOutcome::Pending(pending)) = outcome else { panic!("not asked for more") };
    (pending.challenge, statements)
}

/// Sends one entry. Returns whether it completed the sign-in, and the number of statements.
async fn step(server: &Server, challenge: &str, entry: Entry) -> (bool, u32) {
    let work = continue_login(server.app.clone(), challenge.to_owned(), entry, info(server));
    let (outcome, statements) = counted(work).await;
    (matches!(outcome, Ok(LoginOutcome::Tokens(_))), statements)
}

fn code(text: &str) -> Entry {
    Entry::Code(TypedCode::guess(text.to_owned()))
}

/// Adds a passkey to an account with an app.
async fn add_passkey(server: &Server, tokens: &Tokens) -> SoftwareAuthenticator {
    let call =
        async |path: &str, body| server.call_as(Method::POST, path, &tokens.access, body).await;
    let begun = call("/v1/factors/passkeys/options", Value::Null).await.is(200).json();
    let mut passkey = SoftwareAuthenticator::new(ISSUER);
    let credential = passkey.create(&begun["public_key"]);
    let body = json!({"challenge": begun["challenge"], "credential": credential});
    call("/v1/factors/passkeys", body).await.is(201);
    passkey
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_with_a_second_factor_costs_one_hash_and_few_statements() {
    on_both("statements of a second factor", async |backend| {
        let place = MailingServer::with(backend, SETTINGS).await;
        let server = &place.server;
        place.user("tia", "tia@example.org").await;
        let app = Authenticator::enrol(server, &server.login("tia").await).await;
        let strong = app.log_in(server, "tia").await;
        let mut passkey = add_passkey(server, &strong).await;
        log_in_with(server, "tia", &app.recovery_codes[0]).await.is(200);
        let mut last = BTreeMap::new();
        for (number, method) in
            ["totp", "recovery_code", "passkey", "totp", "recovery_code", "passkey"]
                .into_iter()
                .enumerate()
        {
            let totp = app.new_code(server);
            let (hashes, _) = place.work("new_network").await;
            let (challenge, statements) = password(server).await;
            // The account; three counters, and its known networks; the event, and the count of right passwords.
            assert!(statements <= 7, "{method}: password {statements}");
            let (wrong, right) = match method {
                "totp" => (code(&app.wrong_code(server)), code(&totp)),
                "recovery_code" => {
                    (code("AAAA-AAAA-AAAA-AAAA"), code(&app.recovery_codes[1 + number]))
                }
                _ => {
                    let body = json!({ "challenge": challenge });
                    let begun = server.post("/v1/login/passkey", body).await.is(200).json();
                    let bad = passkey.get_with(&begun["public_key"], |made| {
                        made.bad_signature = true;
                    });
                    let entry = |made| Entry::Passkey(AssertionResponse::read(&made).unwrap());
                    (entry(bad), entry(passkey.get(&begun["public_key"])))
                }
            };
            let (done, statements) = step(server, &challenge, wrong).await;
            assert!(!done, "{method}: wrong");
            assert!(statements <= 16, "{method}: wrong {statements}");
            let (done, statements) = step(server, &challenge, right).await;
            assert!(done, "{method}: right");
            // Two reads; the code counted, compared and used up; then the session, in one transaction.
            assert!(statements <= 30, "{method}: right {statements}");
            let before = *last.entry(method).or_insert(statements);
            assert!(statements <= before, "{method}: {before}, then {statements}");
            assert_eq!(place.work("new_network").await.0, hashes + 1, "{method}: hashes");
        }
    })
    .await;
}
