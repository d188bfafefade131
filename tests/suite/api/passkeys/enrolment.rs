//! Adding, naming and removing passkeys.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ISSUER, MFA, add, begin, options, place, place_with, proceed, sign_in, store};
use crate::support::second_factors::{code_of, secret_of};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::software_authenticator::SoftwareAuthenticator;
use crate::support::{Backend, Server, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn a_password_signs_in_alone_unless_its_user_asks_for_a_second_factor() {
    on_both("second factor by choice", async |backend| {
        let unticked = place_with(options(backend), false).await;
        assert_eq!(unticked.recovery_codes.len(), 10);
        unticked.server.login("pia").await;
        let ticked = place_with(options(backend), true).await;
        ticked.server.try_login("pia", PASSWORD).await.is_problem(401, "mfa_required");
        assert_eq!(ticked.events("factor.added").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_options_name_the_user_and_what_is_stored() {
    let mut place = place(Backend::Sqlite).await;
    let tokens = place.sign_in().await;
    let begun = begin(&place.server, &tokens).await.is(200).json();
    let options = &begun["public_key"];
    assert_eq!(options["rp"], json!({ "id": "id.example.com", "name": "Signet" }));
    assert_eq!(options["user"]["name"], "pia");
    let algs: Vec<&Value> =
        options["pubKeyCredParams"].as_array().unwrap().iter().map(|one| &one["alg"]).collect();
    assert_eq!(algs, [&json!(-7), &json!(-8), &json!(-35), &json!(-257)]);
    assert_eq!(options["excludeCredentials"].as_array().unwrap().len(), 1);
    assert_eq!(options["authenticatorSelection"]["userVerification"], "required");
    assert_eq!(options["authenticatorSelection"]["residentKey"], "required");
    assert_eq!(options["attestation"], "none");
    assert_eq!(begun["expires_in"], 600);
    // The user handle is the id of the user, without personal data.
    let handle = uuid::Uuid::from_slice(&place.passkey.user_handle).unwrap();
    assert_eq!(handle.to_string(), place.pia);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_belongs_to_one_user() {
    on_both("credential of another user", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        server.register("ada").await;
        let ada = server.login("ada").await;
        let mut own = SoftwareAuthenticator::new(ISSUER);
        add(server, &ada, &mut own, json!({})).await.is(201);
        let ada = Tokens::of(&sign_in(server, &mut own).await);
        let begun = begin(server, &ada).await.is(200).json();
        let id = place.passkey.credential_id.clone();
        let mut other = SoftwareAuthenticator::new(ISSUER);
        let same = other.create_with(&begun["public_key"], |made| made.credential_id = id);
        store(server, &ada, &begun, same, json!({})).await.is_problem(409, "conflict");
        // Of many registrations of one credential one succeeds.
        let mut passkey = SoftwareAuthenticator::new(ISSUER);
        let mut requests = Vec::new();
        for _ in 0..10 {
            let begun = begin(server, &ada).await.is(200).json();
            let credential = passkey.create(&begun["public_key"]);
            requests.push((begun, credential));
        }
        let all = requests
            .iter()
            .map(|(begun, credential)| store(server, &ada, begun, credential.clone(), json!({})));
        let answers = join_all(all).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.is_problem(409, "conflict");
        }
    })
    .await;
}

async fn many(server: &Server, tokens: &Tokens, count: usize) {
    for _ in 0..count {
        add(server, tokens, &mut SoftwareAuthenticator::new(ISSUER), json!({})).await.is(201);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_has_ten_passkeys_at_most() {
    on_both("ten passkeys", async |backend| {
        let mut place = place(backend).await;
        let tokens = &place.sign_in().await;
        let server = &place.server;
        many(server, tokens, 8).await;
        let mut requests = Vec::new();
        for _ in 0..5 {
            let begun = begin(server, tokens).await.is(200).json();
            let credential = SoftwareAuthenticator::new(ISSUER).create(&begun["public_key"]);
            requests.push((begun, credential));
        }
        let all = requests
            .iter()
            .map(|(begun, credential)| store(server, tokens, begun, credential.clone(), json!({})));
        let answers = join_all(all).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 201).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            answer.is_problem(409, "conflict");
        }
        begin(server, tokens).await.is_problem(409, "conflict");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_for_one_user_one_time_and_ten_minutes() {
    on_both("challenge of a registration", async |backend| {
        let server = options(backend).start().await;
        server.register("pia").await;
        server.register("ada").await;
        let (pia, ada) = (server.login("pia").await, server.login("ada").await);
        let begun = begin(&server, &pia).await.is(200).json();
        let mut passkey = SoftwareAuthenticator::new(ISSUER);
        let credential = passkey.create(&begun["public_key"]);
        let foreign = store(&server, &ada, &begun, credential.clone(), json!({})).await;
        assert_eq!(foreign.is(422).json()["errors"][0]["field"], "challenge");
        let added = store(&server, &pia, &begun, credential, json!({ "name": "Laptop" })).await;
        assert_eq!(added.is(201).json()["factor"]["name"], "Laptop");
        let pia = Tokens::of(&sign_in(&server, &mut passkey).await);
        let other = SoftwareAuthenticator::new(ISSUER).create(&begun["public_key"]);
        store(&server, &pia, &begun, other, json!({})).await.is_problem(409, "conflict");
        let begun = begin(&server, &pia).await.is(200).json();
        server.advance(TimeSpan::from_mins(10));
        let pia = Tokens::of(&sign_in(&server, &mut passkey).await);
        let late = SoftwareAuthenticator::new(ISSUER).create(&begun["public_key"]);
        let late = store(&server, &pia, &begun, late, json!({})).await;
        assert_eq!(late.is(422).json()["errors"][0]["field"], "challenge");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_sign_in_adds_and_removes_no_passkey() {
    let mut place = place(Backend::Sqlite).await;
    let tokens = &place.sign_in().await;
    let server = &place.server;
    let begun = begin(server, tokens).await.is(200).json();
    let credential = SoftwareAuthenticator::new(ISSUER).create(&begun["public_key"]);
    server.advance(TimeSpan::from_mins(5) + TimeSpan::from_secs(1));
    begin(server, tokens).await.is_problem(401, "reauthentication_required");
    let stale = store(server, tokens, &begun, credential, json!({})).await;
    stale.is_problem(401, "reauthentication_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn removing_a_passkey_ends_what_rests_on_it() {
    on_both("passkey removed", async |backend| {
        let mut place = place(backend).await;
        let server = &place.server;
        let alone = Tokens::of(&sign_in(server, &mut place.passkey).await);
        let by_password = server.login("pia").await;
        let path = format!("/v1/factors/{}", place.factor);
        let named = json!({ "name": "Laptop" });
        let renamed = server.call_as(Method::PATCH, &path, &alone.access, named).await;
        assert_eq!(renamed.is(200).json()["name"], "Laptop");
        let removed = server.call_as(Method::DELETE, &path, &alone.access, Value::Null).await;
        removed.is(204);
        // Neither the other sessions continue nor the one that rested on the passkey alone.
        for tokens in [&alone, &by_password, &place.first] {
            server.get_as("/v1/me", &tokens.access).await.is_problem(401, "invalid_token");
        }
        sign_in(server, &mut place.passkey).await.is_problem(401, "mfa_failed");
        let tokens = server.login("pia").await;
        let listed = server.get_as("/v1/factors", &tokens.access).await.is(200).json();
        assert_eq!((&listed["data"], &listed["recovery_codes_left"]), (&json!([]), &json!(0)));
        // A session of a password continues without a removed passkey.
        let mut other = SoftwareAuthenticator::new(ISSUER);
        let added = add(server, &tokens, &mut other, json!({})).await.is(201).json();
        let path = format!("/v1/factors/{}", added["factor"]["id"].as_str().unwrap());
        let raised = raised(server, &tokens, &mut other).await;
        server.call_as(Method::DELETE, &path, &raised, Value::Null).await.is(204);
        let next = Tokens::of(&server.refresh(&tokens.refresh).await);
        assert_eq!(next.claims()["amr"], json!(["pwd"]));
        assert_eq!(next.claims()["acr"], "urn:signet:acr:single");
    })
    .await;
}

/// Raises the session of a password with a passkey of its user. Returns the new access token.
async fn raised(server: &Server, tokens: &Tokens, passkey: &mut SoftwareAuthenticator) -> String {
    let body = json!({ "acr_values": MFA, "max_age": 300 });
    let asked = server.call_as(Method::POST, "/v1/step-up", &tokens.access, body).await;
    let challenge = asked.is_problem(401, "mfa_required").string("challenge");
    let begun = server.post("/v1/login/passkey", json!({ "challenge": challenge })).await;
    let begun = begun.is(200).json();
    let credential = passkey.get(&begun["public_key"]);
    proceed(server, &begun, credential).await.is(200).string("access_token")
}

/// Everything that changes the factors of an account, each with an access token.
async fn changes(server: &Server, access: &str, factor: &str) -> Vec<(String, Answer)> {
    let factor = format!("/v1/factors/{factor}");
    let mut answers = Vec::new();
    for (method, path, body) in [
        (Method::POST, "/v1/factors/totp", Value::Null),
        (Method::POST, "/v1/factors/passkeys/options", Value::Null),
        (Method::POST, "/v1/factors/recovery-codes", Value::Null),
        (Method::PATCH, &*factor, json!({ "name": "Mine" })),
        (Method::DELETE, &*factor, Value::Null),
    ] {
        let answer = server.call_as(method.clone(), path, access, body).await;
        answers.push((format!("{method} {path}"), answer));
    }
    answers
}

/// The password alone signs in, and would suffice to take the account over: a thief of it would add a factor of their
/// own and remove that of the owner (NIST SP 800-63B-4 §4.1.2.1).
#[tokio::test(flavor = "multi_thread")]
async fn a_password_alone_changes_no_factor_of_an_account_with_a_passkey() {
    on_both("factors of an account with a passkey", async |backend| {
        let mut place = place(backend).await;
        let server = &place.server;
        let thief = server.login("pia").await;
        for tokens in [&thief, &place.first] {
            for (what, refused) in changes(server, &tokens.access, &place.factor).await {
                let refused = refused.is_problem(401, "reauthentication_required");
                let header = refused.header("www-authenticate");
                let wanted = format!(r#"max_age="300", acr_values="{MFA}""#);
                assert!(header.ends_with(&wanted), "{what}: {header}");
            }
        }
        // A change that was begun with the passkey is not completed without it.
        let strong = place.sign_in().await;
        let server = &place.server;
        let begun = begin(server, &strong).await.is(200).json();
        let credential = SoftwareAuthenticator::new(ISSUER).create(&begun["public_key"]);
        let stored = store(server, &thief, &begun, credential, json!({})).await;
        stored.is_problem(401, "reauthentication_required");
        let begun = server.call_as(Method::POST, "/v1/factors/totp", &strong.access, Value::Null);
        let begun = begun.await;
        let secret = secret_of(&begun.is(200).string("secret"));
        let code = code_of(server, &secret, 0);
        let confirmation = json!({ "setup": begun.string("setup"), "code": code });
        let path = "/v1/factors/totp/confirm";
        let confirmed = server.call_as(Method::POST, path, &thief.access, confirmation).await;
        confirmed.is_problem(401, "reauthentication_required");
        let listed = server.get_as("/v1/factors", &thief.access).await.is(200).json();
        assert_eq!(listed["data"].as_array().unwrap().len(), 1);
        assert_eq!(listed["recovery_codes_left"], 10);
        // Other changes still require only what the account requires: the password.
        server.get_as("/v1/me/export", &thief.access).await.is(200);

        // The step-up in the refusal can be completed with the passkey or a recovery code.
        let access = raised(server, &thief, &mut place.passkey).await;
        let begun = server.call_as(Method::POST, "/v1/factors/totp", &access, Value::Null).await;
        begun.is(200);
        let other = server.login("pia").await;
        let body = json!({ "acr_values": MFA, "max_age": 300 });
        let asked = server.call_as(Method::POST, "/v1/step-up", &other.access, body).await;
        let body = asked.is_problem(401, "mfa_required").json();
        assert_eq!(body["methods"], json!(["passkey", "recovery_code"]));
        let code = json!({ "challenge": body["challenge"], "code": place.recovery_codes[0] });
        let access = server.post("/v1/login/continue", code).await.is(200).string("access_token");
        for (what, answer) in changes(server, &access, &place.factor).await {
            assert!(answer.status < 300, "{what}: {}", answer.text);
        }
        // Without a factor the password alone suffices again.
        let tokens = server.login("pia").await;
        begin(server, &tokens).await.is(200);
    })
    .await;
}
