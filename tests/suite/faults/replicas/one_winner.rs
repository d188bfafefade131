//! Single-use operations, requested concurrently at every process.
//!
//! `SIGNET_TEST_ROUNDS` is the number of runs of each race.

use std::collections::BTreeSet;

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::{Clock as _, SystemClock};
use signet::crypto::digest::sha256_base64url;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;
use sqlx::{Connection as _, PgConnection};

use super::{Replicas, administer, count, register, spread, try_login};
use crate::support::process::{Caller, until};
use crate::support::relying_party::{
    App, FORM, Person, REDIRECT_URI, Site as _, VERIFIER, error_of, field, form, signed,
};
use crate::support::require::number;
use crate::support::server::{Answer, PASSWORD, Tokens};

/// The number of concurrent requests.
const CROWD: usize = 50;
const DEVICE: &str = "urn:ietf:params:oauth:grant-type:device_code";

fn rounds() -> u64 {
    number("SIGNET_TEST_ROUNDS").unwrap_or(3)
}

/// Two processes, an administrator, and an account `ada`.
async fn set(name: &str) -> Option<(Replicas, Caller, Tokens)> {
    let replicas = Replicas::start(name, 2).await?;
    let public = replicas.public();
    let root = administer(&public).await;
    register(&public, "ada").await;
    Some((replicas, public, root))
}

/// Registers a client and waits until every process knows it.
pub async fn client(replicas: &Replicas, root: &Tokens, client: Value) -> App {
    let app = App::register(&replicas.at(0), root, client).await;
    for index in 0..replicas.all.len() {
        let caller = replicas.at(index);
        until("the client is known", async || caller.get(&app.url(&[])).await.status != 400).await;
    }
    app
}

fn key() -> SigningKey {
    SigningKey::generate(SigningAlg::Es256).unwrap().key
}

/// The only response with this status; the others have the other one.
#[track_caller]
fn winner(answers: &[Answer], won: u16, lost: u16) -> &Answer {
    assert_eq!((count(answers, won), count(answers, lost)), (1, answers.len() - 1));
    answers.iter().find(|answer| answer.status == won).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_code_is_one_set_of_tokens() {
    let Some((replicas, public, root)) = set("one code at two processes").await else { return };
    let app = client(&replicas, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&public, "ada");
    for _ in 0..rounds() {
        let code = app.code(&ada, &[]).await;
        let tries = (0..CROWD).map(|_| app.redeem(&public, &code));
        let answers = spread(&replicas, join_all(tries)).await;
        let tokens = winner(&answers, 200, 400).json();
        for lost in answers.iter().filter(|answer| answer.status != 200) {
            assert_eq!(error_of(lost, 400), "invalid_grant");
        }
        // The others were second presentations, at any process: the session of the first has ended.
        let refresh = tokens["refresh_token"].as_str().unwrap();
        for index in 0..2 {
            let answer = app.refresh(&replicas.at(index), refresh).await;
            assert_eq!(error_of(&answer, 400), "invalid_grant");
        }
    }
}

/// Inside the window all get a response, with the same tokens.
#[tokio::test(flavor = "multi_thread")]
async fn one_refresh_token_has_one_successor() {
    let Some((replicas, public, _)) = set("one refresh token at two processes").await else {
        return;
    };
    let mut connection = PgConnection::connect(&replicas.database).await.unwrap();
    let mut token = Tokens::of(&try_login(&public, "ada", PASSWORD).await).refresh;
    for _ in 0..rounds() {
        let body = json!({"refresh_token": token});
        let tries = (0..CROWD).map(|_| public.post("/v1/refresh", &body));
        let answers = spread(&replicas, join_all(tries)).await;
        let successors: BTreeSet<String> =
            answers.iter().map(|answer| answer.is(200).string("refresh_token")).collect();
        assert_eq!(successors.len(), 1, "{successors:?}");
        token = successors.into_iter().next().unwrap();
    }
    public.post("/v1/refresh", &json!({"refresh_token": token})).await.is(200);
    // The number of database connections is within the documented limit.
    let connections: i64 = sqlx::query_scalar(
        "SELECT count(*) FROM pg_stat_activity \
         WHERE datname = current_database() AND application_name = 'signet'",
    )
    .fetch_one(&mut connection)
    .await
    .unwrap();
    assert!((2..=2 * 16).contains(&connections), "{connections} connections of two processes");
}

#[tokio::test(flavor = "multi_thread")]
async fn one_device_code_is_one_set_of_tokens() {
    let Some((replicas, public, root)) = set("one device code at two processes").await else {
        return;
    };
    let device = json!({"type": "native", "grant_types": [DEVICE, "refresh_token"],
        "redirect_uris": [REDIRECT_URI]});
    let device = client(&replicas, &root, device).await;
    let ada = Person::new(&public, "ada");
    for _ in 0..rounds() {
        let fields = [("scope", "openid profile")];
        let begun = device.call(&public, "/oauth2/device_authorization", &fields).await;
        let user_code = begun.is(200).string("user_code");
        let page = ada.get(&format!("/device?user_code={user_code}")).await;
        let flow = field(&page.is(200).text, "flow");
        let mut page = ada.post("/device", &[("flow", &flow), ("user_code", &user_code)]).await;
        if page.text.contains(r#"action="/login""#) {
            let answer = ada.log_in(&page, PASSWORD).await;
            page = ada.get(answer.is(303).header("location")).await;
        }
        ada.decide(&page, "allow").await.is(200);

        let code = begun.string("device_code");
        let fields = [("grant_type", DEVICE), ("device_code", &*code)];
        let tries = (0..CROWD).map(|_| device.call(&public, "/oauth2/token", &fields));
        let answers = spread(&replicas, join_all(tries)).await;
        let tokens = winner(&answers, 200, 400).json();
        let refresh = tokens["refresh_token"].as_str().unwrap();
        device.refresh(&public, refresh).await.is(200);
    }
}

/// A pushed request may be opened by many and gives one code.
#[tokio::test(flavor = "multi_thread")]
async fn one_pushed_request_is_one_code() {
    let Some((replicas, public, root)) = set("one pushed request at two processes").await else {
        return;
    };
    let app = client(&replicas, &root, json!({"type": "web"})).await;
    let ada = Person::new(&public, "ada");
    // Signed in, and consented once.
    app.code(&ada, &[]).await;
    for _ in 0..rounds() {
        let request = app.request(&[("client_id", "")]);
        let fields: Vec<(&str, &str)> = request.iter().map(|(n, v)| (&**n, &**v)).collect();
        let pushed = app.call(&public, "/oauth2/par", &fields).await.is(201).string("request_uri");
        let fields = [("client_id", &*app.id), ("request_uri", &*pushed)];
        let url = format!("/oauth2/authorize?{}", form(fields));
        let answers = spread(&replicas, join_all((0..CROWD).map(|_| ada.get(&url)))).await;
        let won = winner(&answers, 303, 409);
        assert!(won.header("location").contains("code="), "{}", won.header("location"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_assertion_is_accepted_once() {
    let Some((replicas, public, root)) = set("one assertion at two processes").await else {
        return;
    };
    let mine = key();
    let app = json!({"type": "web", "token_endpoint_auth_method": "private_key_jwt",
        "jwks": {"keys": [mine.public]}});
    let app = client(&replicas, &root, app).await;
    for round in 0..rounds() {
        let now = SystemClock.now().secs();
        let claims = json!({"iss": app.id, "sub": app.id, "aud": public.base, "iat": now,
            "jti": format!("raced{round}"), "exp": now + 60});
        let assertion = signed(&mine, &json!({"alg": "ES256"}), &claims);
        let fields = [
            ("token", "x"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
            ("client_assertion", &*assertion),
        ];
        let tries = (0..CROWD).map(|_| public.form("/oauth2/introspect", &fields));
        winner(&spread(&replicas, join_all(tries)).await, 200, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_proof_is_accepted_once() {
    let Some((replicas, public, root)) = set("one proof at two processes").await else { return };
    let mine = key();
    let app = client(&replicas, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&public, "ada");
    let header = json!({"alg": "ES256", "typ": "dpop+jwt", "jwk": mine.public});
    let claims = |method: &str, path: &str, jti: String| {
        json!({"htm": method, "htu": format!("{}{path}", public.base), "jti": jti,
            "iat": SystemClock.now().secs()})
    };
    let code = app.code(&ada, &[]).await;
    let fields = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", REDIRECT_URI),
        ("code_verifier", VERIFIER),
        ("client_id", &*app.id),
    ];
    let proof = signed(&mine, &header, &claims("POST", "/oauth2/token", "first".to_owned()));
    let request = public.request(Method::POST, "/oauth2/token").header("dpop", proof);
    let tokens = public.send(request.header("content-type", FORM).body(form(fields))).await;
    let access = tokens.is(200).string("access_token");
    for round in 0..rounds() {
        let mut claims = claims("GET", "/oauth2/userinfo", format!("raced{round}"));
        claims["ath"] = json!(sha256_base64url(access.as_bytes()));
        let proof = signed(&mine, &header, &claims);
        let tries = (0..CROWD).map(|_| {
            let request = public.request(Method::GET, "/oauth2/userinfo").header("dpop", &proof);
            public.send(request.header("authorization", format!("DPoP {access}")))
        });
        winner(&spread(&replicas, join_all(tries)).await, 200, 401);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn one_login_is_one_account() {
    let Some((replicas, public, _)) = set("one registration at two processes").await else {
        return;
    };
    for round in 0..rounds() {
        let login = format!("grace{round}");
        let password = |number: usize| format!("{PASSWORD} {number}");
        let bodies: Vec<Value> =
            (0..CROWD).map(|n| json!({"login": login, "password": password(n)})).collect();
        let tries = bodies.iter().map(|body| public.post("/v1/register", body));
        let answers = spread(&replicas, join_all(tries)).await;
        winner(&answers, 201, 409);
        // Only the successful caller knows the password.
        for (number, answer) in answers.iter().enumerate().step_by(7) {
            let expected = if answer.status == 201 { 200 } else { 401 };
            let login = try_login(&public, &login, &password(number)).await;
            assert_eq!(login.status, expected);
        }
        let won = answers.iter().position(|answer| answer.status == 201).unwrap();
        try_login(&public, &login, &password(won)).await.is(200);
    }
}

/// Each process has printed its own link; all of them together create one administrator.
#[tokio::test(flavor = "multi_thread")]
async fn one_set_up_makes_one_administrator() {
    let name = "set-up at two processes";
    let Some(replicas) = Replicas::start_with(name, 2, |launch| launch).await else { return };
    let public = replicas.public();
    let links = [replicas.all[0].setup_path().await, replicas.all[1].setup_path().await];
    let tries = (0..16).map(|number| {
        let (public, link) = (&public, &links[number % 2]);
        let login = format!("user{number}");
        async move { public.form(link, &[("login", &*login), ("password", PASSWORD)]).await }
    });
    let answers = spread(&replicas, join_all(tries)).await;
    assert_eq!(count(&answers, 200), 1);
    for answer in &answers {
        assert!([200, 404, 409].contains(&answer.status), "{} {}", answer.status, answer.text);
    }
    let mut administrators = 0;
    for number in 0..16 {
        let login = try_login(&public, &format!("user{number}"), PASSWORD).await;
        administrators += usize::from(login.status == 200);
    }
    assert_eq!(administrators, 1);
    for link in &links {
        for index in 0..2 {
            replicas.at(index).get(link).await.is(404);
        }
    }
}
