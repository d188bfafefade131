//! Second factors at `/v1`: enrolment, sign-in, removal and reset.

mod codes;
mod enrolment;
mod reset;
mod statements;

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::relying_party::App;
use crate::support::second_factors::{Authenticator, challenge_of, log_in_with, proceed};
use crate::support::server::{Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

/// A server with a user who has an authenticator app.
struct Place {
    server: Server,
    root: Tokens,
    tia: String,
    /// The tokens of the session in which the app was enrolled.
    first: Tokens,
    app: Authenticator,
}

async fn place(backend: Backend) -> Place {
    place_with(Options::on(backend)).await
}

async fn place_with(options: Options) -> Place {
    let server = options.start().await;
    let root = server.administrator("root").await;
    let tia = server.register("tia").await;
    let first = server.login("tia").await;
    let app = Authenticator::enrol(&server, &first).await;
    Place { server, root, tia, first, app }
}

impl Place {
    async fn sessions(&self) -> usize {
        let path = format!("/v1/admin/sessions?user_id={}", self.tia);
        let answer = self.server.get_as(&path, &self.root.access).await;
        answer.is(200).json()["data"].as_array().unwrap().len()
    }

    async fn events(&self, kind: &str) -> usize {
        self.server.events(&self.root, kind).await.len()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_password_without_a_code_opens_nothing_and_names_the_next_step() {
    on_both("second factor asked", async |backend| {
        let place = place(backend).await;
        let before = (place.sessions().await, place.events("login.succeeded").await);
        let answer = place.server.try_login("tia", PASSWORD).await;
        let body = answer.is_problem(401, "mfa_required").json();
        assert_eq!(body["methods"], json!(["totp", "recovery_code"]));
        assert_eq!(body["expires_in"], 300);
        assert!(body.get("access_token").is_none() && body.get("refresh_token").is_none());
        assert_eq!((place.sessions().await, place.events("login.succeeded").await), before);
        assert_eq!(place.events("login.first_factor").await, 1);
        let code = place.app.new_code(&place.server);
        let done = proceed(&place.server, &answer.string("challenge"), &code).await;
        let tokens = Tokens::of(&done);
        assert_eq!(tokens.claims()["amr"], json!(["pwd", "otp", "mfa"]));
        // A refresh changes nothing about it.
        let next = Tokens::of(&place.server.refresh(&tokens.refresh).await);
        assert_eq!(next.claims()["amr"], json!(["pwd", "otp", "mfa"]));
        assert_eq!(next.claims()["auth_time"], tokens.claims()["auth_time"]);
        assert_eq!(place.events("login.succeeded").await, before.1 + 1);
        // A wrong password is answered as before.
        place.server.try_login("tia", "wrong").await.is_problem(401, "invalid_credentials");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_beside_the_password_needs_one_request() {
    on_both("code beside the password", async |backend| {
        let place = place(backend).await;
        let tokens = place.app.log_in(&place.server, "tia").await;
        assert_eq!(tokens.claims()["amr"], json!(["pwd", "otp", "mfa"]));
        // A wrong code discloses that the password is right, and the log-in can be continued.
        let wrong = place.app.wrong_code(&place.server);
        let answer = log_in_with(&place.server, "tia", &wrong).await;
        answer.is_problem(401, "mfa_failed");
        let code = place.app.new_code(&place.server);
        proceed(&place.server, &answer.string("challenge"), &code).await.is(200);
        // Without a second factor a code is ignored; with a wrong password it is not checked.
        place.server.register("ada").await;
        log_in_with(&place.server, "ada", "123456").await.is(200);
        let code = place.app.new_code(&place.server);
        let body = json!({"login": "tia", "password": "wrong", "code": code});
        place.server.post("/v1/login", body).await.is_problem(401, "invalid_credentials");
        log_in_with(&place.server, "tia", &code).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_ends_with_its_time_its_account_and_its_first_success() {
    on_both("end of a challenge", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        let over = challenge_of(server, "tia").await;
        server.advance(TimeSpan::from_mins(5));
        let code = place.app.new_code(server);
        proceed(server, &over, &code).await.is_problem(401, "challenge_invalid");
        // The code was not used up by that.
        let used = challenge_of(server, "tia").await;
        proceed(server, &used, &code).await.is(200);
        let code = place.app.new_code(server);
        proceed(server, &used, &code).await.is_problem(401, "challenge_invalid");
        let before = challenge_of(server, "tia").await;
        let password = json!({"password": "another good one", "permanent": true});
        let path = format!("/v1/admin/users/{}/password", place.tia);
        server.call_as(Method::POST, &path, &place.root.access, password).await.is(204);
        proceed(server, &before, &code).await.is_problem(401, "challenge_invalid");
        let login = json!({"login": "tia", "password": "another good one"});
        let before = server.post("/v1/login", login).await.string("challenge");
        let path = format!("/v1/admin/users/{}/factors", place.tia);
        server.call_as(Method::DELETE, &path, &place.root.access, json!(null)).await.is(204);
        proceed(server, &before, &code).await.is_problem(401, "challenge_invalid");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_challenge_endpoint_asks_for_the_second_factor() {
    on_both("second factor at the challenge endpoint", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
            "first_party": true});
        let app = App::register(server, &place.root, native).await;
        let path = "/oauth2/authorize-challenge";
        let challenge = signet::crypto::digest::sha256_base64url(
            crate::support::relying_party::VERIFIER.as_bytes(),
        );
        let first = [
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
            ("login", "tia"),
            ("password", PASSWORD),
        ];
        let asked = app.call(server, path, &first).await;
        assert_eq!(asked.is(400).json()["error"], "insufficient_authorization");
        assert_eq!(asked.json()["methods"], json!(["totp", "recovery_code"]));
        let session = asked.string("auth_session");
        let wrong = place.app.wrong_code(server);
        let fields = [("auth_session", &*session), ("method", "totp"), ("code", &*wrong)];
        let denied = app.call(server, path, &fields).await;
        assert_eq!(denied.is(400).json()["error"], "access_denied");
        assert_eq!(denied.json()["methods"], json!(["totp", "recovery_code"]));
        let code = place.app.new_code(server);
        let session = denied.string("auth_session");
        let fields = [("auth_session", &*session), ("method", "totp"), ("code", &*code)];
        let done = app.call(server, path, &fields).await;
        let authorization_code = done.is(200).string("authorization_code");
        let verifier = crate::support::relying_party::VERIFIER;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &*authorization_code),
            ("code_verifier", verifier),
        ];
        let tokens = app.call(server, "/oauth2/token", &fields).await;
        let access = tokens.is(200).string("access_token");
        let claims = Tokens { access, refresh: String::new() }.claims();
        assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
        // The session has given its code, whatever else its user enters.
        let code = place.app.new_code(server);
        let fields = [("auth_session", &*session), ("method", "totp"), ("code", &*code)];
        assert_eq!(app.call(server, path, &fields).await.json()["error"], "invalid_session");
        // A code without a password before it is refused.
        let bare: Vec<_> = first[..4].iter().copied().chain([("code", "123456")]).collect();
        assert_eq!(app.call(server, path, &bare).await.json()["error"], "invalid_request");
    })
    .await;
}
