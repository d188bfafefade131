//! Second factors that a policy requires, and step-up at `/v1`.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::second_factors::{Authenticator, log_in_with};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

const SINGLE: &str = "urn:signet:acr:single";
const MFA: &str = "urn:signet:acr:mfa";

/// An hour after the clock of a test starts.
const SOON: &str = "1800003600";

async fn server(backend: Backend, policy: &str) -> Server {
    Options::on(backend).with("SIGNET_SECOND_FACTOR", policy).start().await
}

async fn log_in(server: &Server, login: &str, scope: &str) -> Answer {
    let body = json!({"login": login, "password": PASSWORD, "scope": scope});
    server.post("/v1/login", body).await
}

async fn step_up(server: &Server, tokens: &Tokens, body: Value) -> Answer {
    server.call_as(Method::POST, "/v1/step-up", &tokens.access, body).await
}

async fn go_on(server: &Server, challenge: &str, mut entry: Value) -> Answer {
    entry["challenge"] = json!(challenge);
    server.post("/v1/login/continue", entry).await
}

/// The access token of a response, in the session of `tokens`.
fn raised(answer: &Answer, tokens: &Tokens) -> Tokens {
    assert!(answer.is(200).json().get("refresh_token").is_none(), "{}", answer.text);
    Tokens { access: answer.string("access_token"), refresh: tokens.refresh.clone() }
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_enrol_a_second_factor_and_need_it_at_every_call() {
    on_both("policy admins", async |backend| {
        let server = server(backend, "admins").await;
        server.create_administrator("root").await;
        server.register("ada").await;
        // Users do not need one.
        assert_eq!(server.login("ada").await.claims()["acr"], SINGLE);
        let asked = log_in(&server, "root", "signet:admin").await;
        let body = asked.is_problem(401, "enrolment_required").json();
        assert_eq!((&body["methods"], &body["may_skip"]), (&json!(["totp"]), &json!(false)));
        assert!(body.get("access_token").is_none());
        let challenge = asked.string("challenge");
        let skipped = go_on(&server, &challenge, json!({"skip": true})).await;
        skipped.is_problem(422, "validation_failed");
        // A wrong first code changes nothing.
        let begun = server.post("/v1/login/enrol", json!({ "challenge": challenge })).await;
        let wrong = json!({"setup": begun.is(200).string("setup"), "code": "000000"});
        assert_eq!(go_on(&server, &challenge, wrong).await.status, 422);
        let (app, done) = Authenticator::enrol_at_login(&server, &challenge).await;
        let root = Tokens::of(&done);
        assert_eq!(app.recovery_codes.len(), 10);
        let claims = root.claims();
        assert_eq!((&claims["acr"], &claims["amr"]), (&json!(MFA), &json!(["pwd", "otp", "mfa"])));
        server.get_as("/v1/admin/users", &root.access).await.is(200);
        // The challenge is used up, and the account has a factor by now.
        let again = server.post("/v1/login/enrol", json!({ "challenge": challenge })).await;
        assert!([401, 422].contains(&again.status), "{}", again.text);
        log_in(&server, "root", "signet:admin").await.is_problem(401, "mfa_required");
        // The last factor is kept, and the command line can reset it.
        let factors = server.get_as("/v1/factors", &root.access).await.json();
        let path = format!("/v1/factors/{}", factors["data"][0]["id"].as_str().unwrap());
        let refused = server.call_as(Method::DELETE, &path, &root.access, Value::Null).await;
        refused.is_problem(409, "conflict");
        log_in_with(&server, "root", &app.recovery_codes[0]).await.is(200);
        Authenticator::enrol(&server, &root).await;
        server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_before_is_stepped_up_or_refused_by_the_policy() {
    on_both("policy from a date on", async |backend| {
        let options = Options::on(backend)
            .with("SIGNET_SECOND_FACTOR", "admins")
            .with("SIGNET_SECOND_FACTOR_FROM", SOON);
        let server = options.start().await;
        server.create_administrator("root").await;
        // Before the date the enrolment can be postponed.
        let asked = log_in(&server, "root", "signet:admin").await;
        let body = asked.is_problem(401, "enrolment_required").json();
        assert_eq!(body["may_skip"], true);
        let challenge = asked.string("challenge");
        let root = Tokens::of(&go_on(&server, &challenge, json!({"skip": true})).await);
        assert_eq!(root.claims()["acr"], SINGLE);
        server.get_as("/v1/admin/users", &root.access).await.is(200);
        go_on(&server, &challenge, json!({"skip": true}))
            .await
            .is_problem(401, "challenge_invalid");
        // One that was begun before the date must be completed after it.
        server.advance(TimeSpan::from_secs(3_500));
        let early = log_in(&server, "root", "signet:admin").await.string("challenge");
        server.advance(TimeSpan::from_secs(100));
        go_on(&server, &early, json!({"skip": true})).await.is_problem(422, "validation_failed");
        let root = Tokens::of(&server.refresh(&root.refresh).await);
        let refused = server.get_as("/v1/admin/users", &root.access).await;
        refused.is_problem(401, "insufficient_user_authentication");
        let header = refused.header("www-authenticate");
        assert!(header.contains(r#"error="insufficient_user_authentication""#), "{header}");
        assert!(header.contains(r#"acr_values="urn:signet:acr:mfa""#), "{header}");
        server.get_as("/v1/me", &root.access).await.is(200);
        // A thief of the token cannot enrol a factor: the password is required first.
        let asked = step_up(&server, &root, json!({"acr_values": MFA})).await;
        let body = asked.is_problem(401, "mfa_required").json();
        assert_eq!(body["methods"], json!(["password"]));
        let challenge = asked.string("challenge");
        let begun = server.post("/v1/login/enrol", json!({ "challenge": challenge })).await;
        begun.is_problem(422, "validation_failed");
        // The session is raised, and the earlier token is not.
        let asked = go_on(&server, &challenge, json!({"password": PASSWORD})).await;
        asked.is_problem(401, "enrolment_required");
        let (_, done) = Authenticator::enrol_at_login(&server, &asked.string("challenge")).await;
        let strong = raised(&done, &root);
        assert_eq!(strong.claims()["sid"], root.claims()["sid"]);
        server.get_as("/v1/admin/users", &strong.access).await.is(200);
        let weak = server.get_as("/v1/admin/users", &root.access).await;
        weak.is_problem(401, "insufficient_user_authentication");
        let next = Tokens::of(&server.refresh(&root.refresh).await);
        assert_eq!(next.claims()["acr"], MFA);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_user_needs_a_second_factor_if_the_policy_requires_it() {
    on_both("policy required", async |backend| {
        let server = server(backend, "required").await;
        server.register("ada").await;
        let asked = log_in(&server, "ada", "").await;
        asked.is_problem(401, "enrolment_required");
        // A code is not accepted, nor the setup of another challenge.
        let challenge = asked.string("challenge");
        let code = go_on(&server, &challenge, json!({"code": "123456"})).await;
        code.is_problem(422, "validation_failed");
        server.register("bob").await;
        let other = log_in(&server, "bob", "").await.string("challenge");
        let setup = server.post("/v1/login/enrol", json!({ "challenge": other })).await;
        let stolen = json!({"setup": setup.string("setup"), "code": "123456"});
        assert_eq!(go_on(&server, &challenge, stolen).await.status, 422);
        // Of concurrent enrolments one succeeds.
        let begun = server.post("/v1/login/enrol", json!({ "challenge": challenge })).await;
        let secret = crate::support::second_factors::secret_of(&begun.string("secret"));
        let code = crate::support::second_factors::code_of(&server, &secret, 0);
        let entry = json!({"setup": begun.string("setup"), "code": code});
        let answers = join_all((0..20).map(|_| go_on(&server, &challenge, entry.clone()))).await;
        let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
        let factors = server.get_as("/v1/factors", &won[0].string("access_token")).await.json();
        assert_eq!(factors["data"].as_array().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_before_an_enrolment_is_not_lost() {
    on_both("new password, then enrolment", async |backend| {
        let server = server(backend, "required").await;
        let id = server.register("ada").await;
        server.create_administrator("root").await;
        let asked = log_in(&server, "root", "signet:admin").await.string("challenge");
        let root = Tokens::of(&Authenticator::enrol_at_login(&server, &asked).await.1);
        let path = format!("/v1/admin/users/{id}/password");
        let body = json!({ "password": PASSWORD });
        server.call_as(Method::POST, &path, &root.access, body).await.is(204);
        let asked = log_in(&server, "ada", "").await;
        asked.is_problem(401, "password_change_required");
        let new = json!({"new_password": "known to ada alone"});
        let asked = go_on(&server, &asked.string("challenge"), new).await;
        asked.is_problem(401, "enrolment_required");
        // The password is changed, although no session was opened yet.
        log_in(&server, "ada", "").await.is_problem(401, "invalid_credentials");
        let challenge = asked.string("challenge");
        let (_, done) = Authenticator::enrol_at_login(&server, &challenge).await;
        assert_eq!(Tokens::of(&done).claims()["acr"], MFA);
        let body = json!({"login": "ada", "password": "known to ada alone"});
        server.post("/v1/login", body).await.is_problem(401, "mfa_required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn off_hides_the_enrolment_and_asks_for_what_is_enrolled() {
    let place = Options::on(Backend::Sqlite);
    let server = place.start().await;
    server.register("tia").await;
    let tia = server.login("tia").await;
    let app = Authenticator::enrol(&server, &tia).await;
    let (dir, base) = (std::sync::Arc::clone(&server.dir), server.base.clone());
    drop(server);
    let off = Options::on(Backend::Sqlite)
        .with("SIGNET_SECOND_FACTOR", "off")
        .with("SIGNET_ISSUER", &base);
    let server = off.start_in(dir).await;
    let tokens = app.log_in(&server, "tia").await;
    assert_eq!(tokens.claims()["acr"], MFA);
    let begin = server.call_as(Method::POST, "/v1/factors/totp", &tokens.access, Value::Null).await;
    begin.is_problem(403, "feature_disabled");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_raises_the_session_and_leaves_its_refresh_token() {
    on_both("step-up", async |backend| {
        let server = Server::start(backend).await;
        server.register("tia").await;
        let tia = server.login("tia").await;
        // Without a factor there is no higher level.
        step_up(&server, &tia, json!({"acr_values": MFA})).await.is_problem(403, "forbidden");
        let app = Authenticator::enrol(&server, &tia).await;
        for (body, field) in [
            (json!({"acr_values": "mfa"}), "acr_values"),
            (json!({"max_age": -1}), "max_age"),
            (json!({"max_age": "1"}), "max_age"),
            (json!({"acr": MFA}), "acr"),
        ] {
            let refused = step_up(&server, &tia, body).await;
            refused.is_problem(422, "validation_failed");
            assert_eq!(refused.json()["errors"][0]["field"], field);
        }
        let asked = step_up(&server, &tia, json!({"acr_values": format!("{MFA} phr")})).await;
        let body = asked.is_problem(401, "mfa_required").json();
        assert_eq!(body["methods"], json!(["totp", "recovery_code"]));
        let challenge = asked.string("challenge");
        let wrong = json!({"code": app.wrong_code(&server)});
        go_on(&server, &challenge, wrong).await.is_problem(401, "mfa_failed");
        let tia = Tokens::of(&server.refresh(&tia.refresh).await);
        assert_eq!(tia.claims()["acr"], SINGLE);
        let code = json!({"code": app.new_code(&server)});
        let answers = join_all((0..10).map(|_| go_on(&server, &challenge, code.clone()))).await;
        let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1);
        let strong = raised(won[0], &tia);
        let (before, after) = (tia.claims(), strong.claims());
        assert_eq!((&after["acr"], &after["sid"]), (&json!(MFA), &before["sid"]));
        assert_eq!(after["auth_time"], before["auth_time"], "the password is as old as it was");
        let next = Tokens::of(&server.refresh(&tia.refresh).await);
        assert_eq!((&next.claims()["acr"], &next.claims()["sid"]), (&json!(MFA), &before["sid"]));
        // The level suffices: a token without a challenge.
        raised(&step_up(&server, &next, json!({"acr_values": MFA})).await, &next);
        // The challenge opens no session, and that of a log-in raises none.
        step_up(&server, &next, json!({"acr_values": "phr"})).await.is_problem(403, "forbidden");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_session_becomes_fresh_with_every_factor() {
    on_both("fresh authentication by step-up", async |backend| {
        let server = Server::start(backend).await;
        server.register("tia").await;
        let first = server.login("tia").await;
        let app = Authenticator::enrol(&server, &first).await;
        let tia = app.log_in(&server, "tia").await;
        server.advance(TimeSpan::from_secs(301));
        let change = async |tokens: &Tokens| {
            let path = "/v1/factors/recovery-codes";
            server.call_as(Method::POST, path, &tokens.access, Value::Null).await
        };
        let stale = change(&tia).await;
        stale.is_problem(401, "reauthentication_required");
        assert!(stale.header("www-authenticate").contains(r#"max_age="300""#));
        let asked = step_up(&server, &tia, json!({})).await;
        assert_eq!(asked.is_problem(401, "mfa_required").json()["methods"], json!(["password"]));
        let challenge = asked.string("challenge");
        let code = json!({"code": app.new_code(&server)});
        go_on(&server, &challenge, code).await.is_problem(422, "validation_failed");
        let wrong = json!({"password": "wrong"});
        go_on(&server, &challenge, wrong).await.is_problem(401, "mfa_failed");
        let asked = go_on(&server, &challenge, json!({ "password": PASSWORD })).await;
        asked.is_problem(401, "mfa_required");
        let code = json!({"code": app.new_code(&server)});
        let fresh = raised(&go_on(&server, &asked.string("challenge"), code).await, &tia);
        assert_eq!(fresh.claims()["sid"], tia.claims()["sid"]);
        assert!(fresh.claims()["auth_time"].as_i64() > tia.claims()["auth_time"].as_i64());
        change(&fresh).await.is(201);
        // A session that has ended is not raised.
        server.advance(TimeSpan::from_secs(1));
        let asked = step_up(&server, &fresh, json!({"max_age": 0})).await.string("challenge");
        server.call_as(Method::POST, "/v1/logout", &fresh.access, json!({})).await.is(204);
        let next = go_on(&server, &asked, json!({ "password": PASSWORD })).await;
        let next = next.is_problem(401, "mfa_required").string("challenge");
        let code = json!({"code": app.new_code(&server)});
        go_on(&server, &next, code).await.is_problem(401, "challenge_invalid");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_that_put_an_enrolment_off_one_opens_a_session() {
    on_both("race: enrolment put off", async |backend| {
        let options = Options::on(backend)
            .with("SIGNET_SECOND_FACTOR", "required")
            .with("SIGNET_SECOND_FACTOR_FROM", SOON);
        let server = options.start().await;
        server.register("ada").await;
        let challenge = log_in(&server, "ada", "").await.string("challenge");
        let skip = json!({"skip": true});
        let all = join_all((0..20).map(|_| go_on(&server, &challenge, skip.clone()))).await;
        let (won, lost): (Vec<_>, Vec<_>) = all.iter().partition(|answer| answer.status == 200);
        assert_eq!(won.len(), 1);
        for answer in lost {
            answer.is_problem(401, "challenge_invalid");
        }
        let sessions = server.get_as("/v1/sessions", &Tokens::of(won[0]).access).await;
        assert_eq!(sessions.is(200).json()["data"].as_array().unwrap().len(), 1);
    })
    .await;
}
