//! Passkeys at `/v1` and at the challenge endpoint: adding them, signing in with them, and refusals.

mod challenge_endpoint;
mod enrolment;
mod races;
mod refused;
mod relying_party;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::software_authenticator::{Alg, SoftwareAuthenticator};
use crate::support::tables::rows_of_tables;
use crate::support::{Backend, Server, on_both};

/// The issuer of the servers of these tests, which is the origin of its pages.
const ISSUER: &str = "https://id.example.com";

/// The level of a passkey.
const MFA: &str = "urn:signet:acr:mfa";

/// A server with a user who has a passkey.
struct Place {
    server: Server,
    root: Tokens,
    pia: String,
    /// The tokens of the session in which the passkey was added.
    first: Tokens,
    passkey: SoftwareAuthenticator,
    factor: String,
    recovery_codes: Vec<String>,
}

fn options(backend: Backend) -> Options {
    Options::on(backend).with("SIGNET_ISSUER", ISSUER)
}

async fn place(backend: Backend) -> Place {
    place_with(options(backend), false).await
}

async fn place_with(options: Options, second_factor: bool) -> Place {
    let server = options.start().await;
    let root = server.administrator("root").await;
    let pia = server.register("pia").await;
    let first = server.login("pia").await;
    let mut passkey = SoftwareAuthenticator::new(ISSUER);
    let added = add(&server, &first, &mut passkey, json!({ "second_factor": second_factor })).await;
    let added = added.is(201).json();
    let codes = added["recovery_codes"].as_array().cloned().unwrap_or_default();
    Place {
        server,
        root,
        pia,
        first,
        passkey,
        factor: added["factor"]["id"].as_str().unwrap().to_owned(),
        recovery_codes: codes.iter().map(|code| code.as_str().unwrap().to_owned()).collect(),
    }
}

async fn begin(server: &Server, tokens: &Tokens) -> Answer {
    let path = "/v1/factors/passkeys/options";
    server.call_as(Method::POST, path, &tokens.access, Value::Null).await
}

/// Adds a passkey; `more` are further members of the request.
async fn add(
    server: &Server,
    tokens: &Tokens,
    passkey: &mut SoftwareAuthenticator,
    more: Value,
) -> Answer {
    let begun = begin(server, tokens).await.is(200).json();
    let credential = passkey.create(&begun["public_key"]);
    store(server, tokens, &begun, credential, more).await
}

async fn store(
    server: &Server,
    tokens: &Tokens,
    begun: &Value,
    credential: Value,
    more: Value,
) -> Answer {
    let mut body = json!({ "challenge": begun["challenge"], "credential": credential });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    server.call_as(Method::POST, "/v1/factors/passkeys", &tokens.access, body).await
}

/// The options of a sign-in that begins with a passkey.
async fn challenge(server: &Server) -> Value {
    server.post("/v1/login/passkey", json!({})).await.is(200).json()
}

async fn proceed(server: &Server, begun: &Value, credential: Value) -> Answer {
    let body = json!({ "challenge": begun["challenge"], "credential": credential });
    server.post("/v1/login/continue", body).await
}

async fn sign_in(server: &Server, passkey: &mut SoftwareAuthenticator) -> Answer {
    let begun = challenge(server).await;
    let credential = passkey.get(&begun["public_key"]);
    proceed(server, &begun, credential).await
}

impl Place {
    /// Signs in with the passkey.
    async fn sign_in(&mut self) -> Tokens {
        Tokens::of(&sign_in(&self.server, &mut self.passkey).await)
    }

    async fn sessions(&self) -> usize {
        let path = format!("/v1/admin/sessions?user_id={}", self.pia);
        let answer = self.server.get_as(&path, &self.root.access).await;
        answer.is(200).json()["data"].as_array().unwrap().len()
    }

    async fn events(&self, kind: &str) -> usize {
        self.server.events(&self.root, kind).await.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_signs_in_alone() {
    on_both("sign-in with a passkey", async |backend| {
        let mut place = place(backend).await;
        let tokens = Tokens::of(&sign_in(&place.server, &mut place.passkey).await);
        assert_eq!(tokens.claims()["amr"], json!(["pop", "user", "mfa"]));
        assert_eq!(tokens.claims()["acr"], "phr");
        assert_eq!(tokens.claims()["sub"], json!(place.pia));
        // A refresh changes nothing about it.
        let next = Tokens::of(&place.server.refresh(&tokens.refresh).await);
        assert_eq!(next.claims()["amr"], tokens.claims()["amr"]);
        assert_eq!(next.claims()["auth_time"], tokens.claims()["auth_time"]);
        let listed = place.server.get_as("/v1/factors", &tokens.access).await.is(200).json();
        assert_eq!(listed["data"][0]["kind"], "passkey");
        assert!(listed["data"][0]["last_used_at"].is_string());
        // The sign-in is fresh: it permits changes of the account.
        begin(&place.server, &tokens).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_algorithm_that_is_offered_signs_in() {
    let server = options(Backend::Sqlite).start().await;
    server.register("pia").await;
    let mut tokens = server.login("pia").await;
    for alg in [Alg::Es256, Alg::Es384, Alg::Ed25519, Alg::Rs256] {
        let mut passkey = SoftwareAuthenticator::with(ISSUER, alg);
        add(&server, &tokens, &mut passkey, json!({})).await.is(201);
        tokens = Tokens::of(&sign_in(&server, &mut passkey).await);
        let begun = challenge(&server).await;
        let forged = passkey.get_with(&begun["public_key"], |made| made.bad_signature = true);
        proceed(&server, &begun, forged).await.is_problem(401, "mfa_failed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_options_of_a_sign_in_tell_nothing() {
    on_both("options of a sign-in", async |backend| {
        let place = place(backend).await;
        let (one, other) = (challenge(&place.server).await, challenge(&place.server).await);
        let without = |mut begun: Value| {
            begun["challenge"].take();
            begun["public_key"]["challenge"].take();
            begun
        };
        assert_ne!(one["public_key"]["challenge"], other["public_key"]["challenge"]);
        assert_eq!(one["public_key"]["allowCredentials"], json!([]));
        assert_eq!(one["public_key"]["userVerification"], "required");
        assert_eq!(one["public_key"]["rpId"], "id.example.com");
        assert_eq!(one["expires_in"], 300);
        assert_eq!(without(one), without(other));
        let asked = json!({ "audience": "https://nowhere.example.com" });
        place.server.post("/v1/login/passkey", asked).await.is_problem(400, "invalid_target");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn options_are_stored_nowhere() {
    on_both("options are stored nowhere", async |backend| {
        let place = place(backend).await;
        // Rows of the process and its jobs, which exist without any request.
        let own = ["processes", "activity"];
        let rows = async || {
            let mut rows = rows_of_tables(&place.server).await;
            rows.retain(|(table, _)| !own.contains(&&**table));
            rows
        };
        let before = rows().await;
        assert!(before.iter().any(|(table, count)| table == "users" && *count == 2), "{before:?}");
        for _ in 0..1000 {
            challenge(&place.server).await;
        }
        assert_eq!(rows().await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_assertion_counts_once() {
    on_both("one assertion", async |backend| {
        let mut place = place(backend).await;
        let begun = challenge(&place.server).await;
        let credential = place.passkey.get(&begun["public_key"]);
        let before = place.sessions().await;
        let all = (0..10).map(|_| proceed(&place.server, &begun, credential.clone()));
        let answers = join_all(all).await;
        assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
        for answer in answers.iter().filter(|answer| answer.status != 200) {
            answer.is_problem(401, "challenge_invalid");
        }
        assert_eq!(place.sessions().await, before + 1);
        let again = proceed(&place.server, &begun, credential).await;
        again.is_problem(401, "challenge_invalid");
        // A refused response is no sign that the passkey was copied.
        assert_eq!(place.events("passkey.counter_reused").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_ends_with_its_time() {
    let mut place = place(Backend::Sqlite).await;
    let begun = challenge(&place.server).await;
    let credential = place.passkey.get(&begun["public_key"]);
    place.server.advance(TimeSpan::from_mins(5));
    let late = proceed(&place.server, &begun, credential).await;
    late.is_problem(401, "challenge_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_counter_that_does_not_increase_is_recorded_and_not_refused() {
    on_both("counter", async |backend| {
        let mut place = place(backend).await;
        place.passkey.count = 7;
        sign_in(&place.server, &mut place.passkey).await.is(200);
        assert_eq!(place.events("passkey.counter_reused").await, 0);
        place.passkey.count = 3;
        sign_in(&place.server, &mut place.passkey).await.is(200);
        assert_eq!(place.events("passkey.counter_reused").await, 1);
        // The highest counter is kept: the authenticator that has it raises no alarm.
        place.passkey.count = 8;
        sign_in(&place.server, &mut place.passkey).await.is(200);
        assert_eq!(place.events("passkey.counter_reused").await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_the_second_factor_where_its_user_wants_one() {
    on_both("passkey as second factor", async |backend| {
        let mut place = place_with(options(backend), true).await;
        let server = &place.server;
        let asked = server.try_login("pia", PASSWORD).await;
        let body = asked.is_problem(401, "mfa_required").json();
        assert_eq!(body["methods"], json!(["passkey", "recovery_code"]));
        // The options name the passkeys of the user after the right password.
        let path = "/v1/login/passkey";
        let begun = server.post(path, json!({ "challenge": body["challenge"] })).await;
        let begun = begun.is(200).json();
        let allowed = begun["public_key"]["allowCredentials"].as_array().unwrap();
        assert_eq!(allowed.len(), 1);
        assert_eq!(allowed[0]["transports"], json!(["internal"]));
        // Authenticators omit the user handle if the options name the credential.
        let right = place.passkey.get_with(&begun["public_key"], |made| made.user_handle = None);
        let mut wrong = right.clone();
        wrong["response"]["signature"] = json!("AAAA");
        proceed(server, &begun, wrong).await.is_problem(401, "mfa_failed");
        let tokens = Tokens::of(&proceed(server, &begun, right.clone()).await);
        assert_eq!(tokens.claims()["amr"], json!(["pwd", "pop", "user", "mfa"]));
        proceed(server, &begun, right).await.is_problem(401, "challenge_invalid");
        // A recovery code replaces it, and the passkey alone still signs in.
        let challenge = server.try_login("pia", PASSWORD).await.string("challenge");
        let code = json!({ "challenge": challenge, "code": place.recovery_codes[0] });
        server.post("/v1/login/continue", code).await.is(200);
        sign_in(server, &mut place.passkey).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_raises_a_session_and_not_the_tokens_from_before() {
    on_both("step-up with a passkey", async |backend| {
        let mut place = place(backend).await;
        let server = &place.server;
        let tokens = server.login("pia").await;
        let step_up = async |access: &str, level: &str| {
            let body = json!({ "acr_values": level });
            server.call_as(Method::POST, "/v1/step-up", access, body).await
        };
        let asked = step_up(&tokens.access, "phr").await;
        let body = asked.is_problem(401, "mfa_required").json();
        assert_eq!(body["methods"], json!(["passkey"]));
        let path = "/v1/login/passkey";
        let begun = server.post(path, json!({ "challenge": body["challenge"] })).await;
        let begun = begun.is(200).json();
        let credential = place.passkey.get(&begun["public_key"]);
        let raised = proceed(server, &begun, credential).await.is(200).string("access_token");
        let claims = Tokens { access: raised.clone(), refresh: String::new() }.claims();
        assert_eq!((&claims["acr"], &claims["sid"]), (&json!("phr"), &tokens.claims()["sid"]));
        step_up(&raised, "phr").await.is(200);
        // The earlier one stands for the password, which suffices for its level: it is not exchanged.
        step_up(&tokens.access, "phr").await.is_problem(401, "mfa_required");
        step_up(&tokens.access, "urn:signet:acr:single").await.is_problem(401, "invalid_token");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_that_has_to_be_replaced_is_replaced_after_the_passkey() {
    on_both("passkey and a new password", async |backend| {
        let mut place = place(backend).await;
        let server = &place.server;
        let path = format!("/v1/admin/users/{}/password", place.pia);
        let body = json!({ "password": "a temporary one" });
        server.call_as(Method::POST, &path, &place.root.access, body).await.is(204);
        let asked = sign_in(server, &mut place.passkey).await;
        asked.is_problem(401, "password_change_required");
        let new = json!({ "challenge": asked.string("challenge"), "new_password": PASSWORD });
        let tokens = Tokens::of(&server.post("/v1/login/continue", new).await);
        assert_eq!(tokens.claims()["amr"], json!(["pop", "user", "mfa"]));
        server.login("pia").await;
    })
    .await;
}
