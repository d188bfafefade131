//! One assertion in concurrent requests, where it is not the first factor at `/v1`: one succeeds.

use futures_util::future::join_all;
use serde_json::{Value, json};
use signet::crypto::digest::sha256_base64url;

use super::{options, place_with, proceed};
use crate::support::on_both;
use crate::support::relying_party::{App, VERIFIER};
use crate::support::server::{Answer, PASSWORD};

const PATH: &str = "/oauth2/authorize-challenge";

#[track_caller]
fn one_of(answers: &[Answer]) -> &Answer {
    let won: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(won.len(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
    won[0]
}

#[tokio::test(flavor = "multi_thread")]
async fn one_assertion_after_a_password_counts_once() {
    on_both("race: passkey after a password", async |backend| {
        let mut place = place_with(options(backend), true).await;
        let asked = place.server.try_login("pia", PASSWORD).await;
        let challenge =
            json!({"challenge": asked.is_problem(401, "mfa_required").string("challenge")});
        let begun = place.server.post("/v1/login/passkey", challenge).await.is(200).json();
        let credential = place.passkey.get(&begun["public_key"]);
        let before = place.sessions().await;
        let all = (0..10).map(|_| proceed(&place.server, &begun, credential.clone()));
        let all = join_all(all).await;
        one_of(&all);
        for answer in all.iter().filter(|answer| answer.status != 200) {
            answer.is_problem(401, "challenge_invalid");
        }
        assert_eq!(place.sessions().await, before + 1);
        assert_eq!(place.events("passkey.counter_reused").await, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_assertion_at_the_challenge_endpoint_gives_one_code() {
    on_both("race: passkey at the challenge endpoint", async |backend| {
        let mut place = place_with(options(backend), true).await;
        let native = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
            "first_party": true});
        let app = App::register(&place.server, &place.root, native).await;
        let challenge = sha256_base64url(VERIFIER.as_bytes());
        let request = [
            ("response_type", "code"),
            ("scope", "openid"),
            ("code_challenge", &*challenge),
            ("code_challenge_method", "S256"),
        ];
        for typed in [&[][..], &[("login", "pia"), ("password", PASSWORD)]] {
            let fields = [&request[..], typed].concat();
            let begun = app.call(&place.server, PATH, &fields).await.is(400).json();
            let credential = place.passkey.get(&begun["public_key"]).to_string();
            let session = begun["auth_session"].as_str().unwrap();
            let fields = [("auth_session", session), ("credential", &*credential)];
            let all = join_all((0..10).map(|_| app.call(&place.server, PATH, &fields))).await;
            let code = one_of(&all).string("authorization_code");
            for answer in all.iter().filter(|answer| answer.status != 200) {
                assert_eq!(answer.is(400).json()["error"], "invalid_session");
                assert_eq!(answer.json().get("authorization_code"), None::<&Value>);
            }
            let fields = [
                ("grant_type", "authorization_code"),
                ("code", &*code),
                ("code_verifier", VERIFIER),
            ];
            app.call(&place.server, "/oauth2/token", &fields).await.is(200);
        }
        assert_eq!(place.events("passkey.counter_reused").await, 0);
    })
    .await;
}
