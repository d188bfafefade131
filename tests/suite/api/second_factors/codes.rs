//! Codes: each is accepted once, at its time, and wrong ones are limited.

use std::sync::Arc;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{place, place_with};
use crate::support::on_both;
use crate::support::relying_party::{App, Person, VERIFIER, field};
use crate::support::second_factors::{challenge_of, log_in_with, proceed};
use crate::support::server::{Options, PASSWORD};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_requests_with_one_code_one_succeeds() {
    on_both("one code at once", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        // The confirming code is used up.
        log_in_with(server, "tia", &place.app.code(server, 0)).await.is_problem(401, "mfa_failed");
        let challenges = [challenge_of(server, "tia").await, challenge_of(server, "tia").await];
        let code = place.app.new_code(server);
        let all = (0..20).map(|at| proceed(server, &challenges[at % 2], &code));
        let statuses: Vec<u16> = join_all(all).await.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 401].contains(status)), "{statuses:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn codes_of_the_steps_around_now_count_and_none_after_a_newer_one() {
    on_both("steps of codes", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        server.advance(TimeSpan::from_mins(5));
        let code = |steps| place.app.code(server, steps);
        for steps in [-2, 2] {
            log_in_with(server, "tia", &code(steps)).await.is_problem(401, "mfa_failed");
        }
        log_in_with(server, "tia", &code(-1)).await.is(200);
        log_in_with(server, "tia", &code(-1)).await.is_problem(401, "mfa_failed");
        log_in_with(server, "tia", &code(1)).await.is(200);
        // Older than the last accepted one.
        log_in_with(server, "tia", &code(0)).await.is_problem(401, "mfa_failed");
        server.advance(TimeSpan::from_secs(60));
        // Typed in groups, as apps show it.
        let (one, two) = (code(0)[..3].to_owned(), code(0)[3..].to_owned());
        log_in_with(server, "tia", &format!(" {one} {two} ")).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sixth_wrong_code_has_to_wait_also_after_a_restart() {
    on_both("limit of codes", async |backend| {
        let limited = || Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
        let place = place_with(limited()).await;
        let wrong = place.app.wrong_code(&place.server);
        let challenge = challenge_of(&place.server, "tia").await;
        for _ in 0..3 {
            proceed(&place.server, &challenge, &wrong).await.is_problem(401, "mfa_failed");
        }
        // Other sign-ins share the limit.
        for _ in 0..2 {
            log_in_with(&place.server, "tia", &wrong).await.is_problem(401, "mfa_failed");
        }
        let right = place.app.new_code(&place.server);
        let answer = proceed(&place.server, &challenge, &right).await;
        answer.is_problem(429, "too_many_attempts");
        assert!(answer.header("retry-after").parse::<i64>().unwrap() <= 15 * 60);
        let (url, dir, base) = (
            place.server.database_url.clone(),
            Arc::clone(&place.server.dir),
            place.server.base.clone(),
        );
        let app = place.app;
        drop(place.server);
        let mut options = limited().with("SIGNET_ISSUER", &base);
        if let Some(url) = &url {
            options = options.on_database(url);
        }
        let server = options.start_in(dir).await;
        server.advance(TimeSpan::from_secs(90));
        let right = app.code(&server, 0);
        let answer = log_in_with(&server, "tia", &right).await;
        answer.is_problem(429, "too_many_attempts");
        // Recovery codes are counted separately.
        log_in_with(&server, "tia", &app.recovery_codes[0]).await.is(200);
        server.advance(TimeSpan::from_mins(15));
        log_in_with(&server, "tia", &app.new_code(&server)).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_recovery_codes_wait_for_an_hour_and_hold_up_no_app() {
    on_both("limit of recovery codes", async |backend| {
        let place = place_with(Options::on(backend).with("SIGNET_RATE_LIMITS", "on")).await;
        let server = &place.server;
        let challenge = challenge_of(server, "tia").await;
        let password = json!({"challenge": challenge, "new_password": "not asked for"});
        let refused = server.post("/v1/login/continue", password).await;
        assert_eq!(
            refused.is_problem(422, "validation_failed").json()["errors"][0]["field"],
            "code"
        );
        let all = (0..30).map(|_| proceed(server, &challenge, "0000-0000-0000-0000"));
        let all = join_all(all).await;
        let compared = all.iter().filter(|answer| answer.code() == "mfa_failed").count();
        assert_eq!(compared, 10, "codes that were compared");
        let right = &place.app.recovery_codes[0];
        proceed(server, &challenge, right).await.is_problem(429, "too_many_attempts");
        log_in_with(server, "tia", &place.app.new_code(server)).await.is(200);
        server.advance(TimeSpan::from_mins(60));
        log_in_with(server, "tia", right).await.is(200);
    })
    .await;
}

/// An attacker with the password cannot prevent the owner from using a recovery code.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_recovery_codes_of_one_network_hold_up_no_other() {
    on_both("recovery codes of networks", async |backend| {
        let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
        let place = place_with(options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1")).await;
        let log_in = async |address: &str, code: &str| {
            let request = place.server.request(Method::POST, "/v1/login");
            let body = json!({"login": "tia", "password": PASSWORD, "code": code});
            place.server.send(request.header("x-forwarded-for", address).json(&body)).await
        };
        for _ in 0..10 {
            log_in("192.0.2.1", "0000-0000-0000-0000").await.is_problem(401, "mfa_failed");
        }
        let right = &place.app.recovery_codes[0];
        log_in("192.0.2.1", right).await.is_problem(429, "too_many_attempts");
        log_in("203.0.113.9", right).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_code_counts_once_however_it_is_typed() {
    on_both("recovery codes", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        let codes = &place.app.recovery_codes;
        assert_eq!(codes.len(), 10);
        let challenges = [challenge_of(server, "tia").await, challenge_of(server, "tia").await];
        let all = (0..20).map(|at| proceed(server, &challenges[at % 2], &codes[0]));
        let won = join_all(all).await.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        let typed = codes[1].replace('-', "").to_lowercase();
        log_in_with(server, "tia", &typed).await.is(200);
        log_in_with(server, "tia", &codes[1]).await.is_problem(401, "mfa_failed");
        // Several codes for one challenge: one uses it up.
        let challenge = challenge_of(server, "tia").await;
        let all = codes[2..8].iter().map(|code| proceed(server, &challenge, code));
        let won = join_all(all).await.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1);
        let tokens = place.app.log_in(server, "tia").await;
        let path = "/v1/factors/recovery-codes";
        let renewed = server.call_as(Method::POST, path, &tokens.access, Value::Null).await;
        let new = renewed.is(201).json()["recovery_codes"].clone();
        assert_eq!(new.as_array().unwrap().len(), 10);
        log_in_with(server, "tia", &codes[9]).await.is_problem(401, "mfa_failed");
        log_in_with(server, "tia", new[0].as_str().unwrap()).await.is(200);
        let factors = server.get_as("/v1/factors", &tokens.access).await.is(200).json();
        assert_eq!(factors["recovery_codes_left"], json!(9));
        // Each kind of code only with its own method.
        let challenge = challenge_of(server, "tia").await;
        let body = json!({"challenge": challenge, "method": "totp", "code": new[1]});
        server.post("/v1/login/continue", body).await.is_problem(401, "mfa_failed");
    })
    .await;
}

/// An `auth_session` that has given a code checks nothing more: neither a password nor a code, which stays unused.
#[tokio::test(flavor = "multi_thread")]
async fn a_used_auth_session_uses_no_code_up() {
    on_both("used auth_session", async |backend| {
        let place = place(backend).await;
        let server = &place.server;
        let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
            "first_party": true});
        let app = App::register(server, &place.root, native).await;
        let path = "/oauth2/authorize-challenge";
        let challenge = signet::crypto::digest::sha256_base64url(VERIFIER.as_bytes());
        let first = [
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
            ("login", "tia"),
            ("password", PASSWORD),
        ];
        let session = app.call(server, path, &first).await.is(400).string("auth_session");
        let code = place.app.new_code(server);
        app.call(server, path, &[("auth_session", &session), ("code", &code)]).await.is(200);
        let next = place.app.new_code(server);
        let failed = place.events("factor.failed").await;
        for typed in [
            &[("code", &*next)][..],
            &[("code", "000000")],
            &[("login", "tia"), ("password", PASSWORD), ("code", &next)],
            &[("login", "tia"), ("password", "wrong")],
            &[],
        ] {
            let again = [&[("auth_session", &*session)][..], typed].concat();
            let answer = app.call(server, path, &again).await;
            assert_eq!(answer.is(400).json()["error"], "invalid_session", "{typed:?}");
        }
        assert_eq!(place.events("factor.failed").await, failed);
        log_in_with(server, "tia", &next).await.is(200);
    })
    .await;
}

/// In a network that the account knows the daily limit applies too; recovery codes and other networks are unaffected.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_of_a_known_network_are_bounded_by_day() {
    on_both("codes of a day", async |backend| {
        let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
        let place = place_with(options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1")).await;
        let server = &place.server;
        let log_in = async |address: &str, code: &str| {
            let request = server.request(Method::POST, "/v1/login");
            let body = json!({"login": "tia", "password": PASSWORD, "code": code});
            server.send(request.header("x-forwarded-for", address).json(&body)).await
        };
        let (office, home) = ("192.0.2.1", "203.0.113.9");
        for network in [office, home] {
            log_in(network, &place.app.new_code(server)).await.is(200);
        }
        let wrong = place.app.wrong_code(server);
        for _ in 0..4 {
            for _ in 0..5 {
                log_in(office, &wrong).await.is_problem(401, "mfa_failed");
            }
            log_in(office, &wrong).await.is_problem(429, "too_many_attempts");
            server.advance(TimeSpan::from_mins(15));
        }
        let refused = log_in(office, &place.app.new_code(server)).await;
        let wait = refused.is_problem(429, "too_many_attempts").header("retry-after");
        assert!(wait.parse::<i64>().unwrap() > 22 * 60 * 60, "{wait}");
        log_in(home, &place.app.new_code(server)).await.is(200);
        log_in(office, &place.app.recovery_codes[0]).await.is(200);
        server.advance(TimeSpan::from_days(1));
        log_in(office, &place.app.new_code(server)).await.is(200);
    })
    .await;
}

/// An attacker with the password gets no more attempts by changing the endpoint.
#[tokio::test(flavor = "multi_thread")]
async fn wrong_codes_count_together_at_every_endpoint() {
    on_both("one limit of codes", async |backend| {
        let place = place_with(Options::on(backend).with("SIGNET_RATE_LIMITS", "on")).await;
        let server = &place.server;
        let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
            "first_party": true});
        let app = App::register(server, &place.root, native).await;
        let path = "/oauth2/authorize-challenge";
        let challenge = signet::crypto::digest::sha256_base64url(VERIFIER.as_bytes());
        let first = [
            ("response_type", "code"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
            ("login", "tia"),
            ("password", PASSWORD),
        ];
        let session = app.call(server, path, &first).await.is(400).string("auth_session");
        let tia = Person::new(server, "tia");
        let signed_in = tia.log_in(&tia.get("/login").await, PASSWORD).await;
        let page = tia.get(&tia.below_base(signed_in.is(303).header("location"))).await;
        let (flow, of_page) = (field(&page.text, "flow"), field(&page.text, "challenge"));
        let of_api = challenge_of(server, "tia").await;
        // At the pages, at `/v1` in steps and at once, and in the forms of an application.
        let send = async |at: usize, code: &str| match at % 4 {
            0 => {
                let fields = [("flow", &*flow), ("challenge", &*of_page), ("method", "totp")];
                tia.post("/login/verify", &[&fields[..], &[("code", code)]].concat()).await.status
            }
            1 => proceed(server, &of_api, code).await.status,
            2 => log_in_with(server, "tia", code).await.status,
            _ => {
                let fields = [("auth_session", &*session), ("code", code)];
                app.call(server, path, &fields).await.status
            }
        };
        let wrong = place.app.wrong_code(server);
        let mut tried = 0;
        for at in 0..100 {
            match send(at, &wrong).await {
                400 | 401 => tried += 1,
                status => assert_eq!(status, 429, "{at}"),
            }
        }
        assert_eq!(tried, 5, "codes that were compared");
        let right = place.app.new_code(server);
        for at in 0..4 {
            assert_eq!(send(at, &right).await, 429, "{at}");
        }
    })
    .await;
}
