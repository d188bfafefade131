//! Unlocking users after failed attempts, and the explanation why they could not sign in.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::execute;

use crate::support::mailed::MailingServer;
use crate::support::second_factors::Authenticator;
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

const ADA: &str = "ada@example.org";
/// How long an account is locked for a network with too many failures.
const LOCKED_FOR: TimeSpan = TimeSpan::from_mins(15);
const OFFICE: &str = "192.0.2.9";

async fn limited(backend: Backend) -> Server {
    let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "on");
    options.with("SIGNET_TRUSTED_PROXIES", "127.0.0.1/32").start().await
}

async fn login_from(server: &Server, address: &str, login: &str, password: &str) -> Answer {
    let request = server.request(Method::POST, "/v1/login").header("x-forwarded-for", address);
    server.send(request.json(&json!({"login": login, "password": password}))).await
}

/// Fails until the account is locked for the network.
async fn lock(server: &Server, address: &str, login: &str) {
    for _ in 0..20 {
        login_from(server, address, login, "wrong password").await.is(401);
    }
    login_from(server, address, login, PASSWORD).await.is_problem(429, "too_many_attempts");
}

async fn act(server: &Server, root: &Tokens, path: &str, body: Value) -> Answer {
    server.call_as(Method::POST, path, &root.access, body).await
}

/// The report about a user, and the codes of its findings.
async fn why(server: &Server, root: &Tokens, id: &str) -> (Value, Vec<String>) {
    let answer = server.get_as(&format!("/v1/admin/users/{id}/why"), &root.access).await;
    let report = answer.is(200).json();
    let findings = report["findings"].as_array().unwrap();
    let codes = findings.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect();
    assert_eq!(report["good"], findings.is_empty());
    (report, codes)
}

/// After an administrator unlocks a user, sets a password or enables the account, the right password signs in at once
/// from the network that was locked.
#[tokio::test(flavor = "multi_thread")]
async fn unlocking_resetting_and_enabling_let_the_user_in_at_once() {
    on_both("let in", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let user = format!("/v1/admin/users/{ada}");
        lock(&server, OFFICE, "ada").await;
        act(&server, &root, &format!("{user}/unlock"), Value::Null).await.is(204);
        login_from(&server, OFFICE, "ada", PASSWORD).await.is(200);
        lock(&server, OFFICE, "ada").await;
        let body = json!({"network": "198.51.100.1"});
        act(&server, &root, &format!("{user}/unlock"), body).await.is(204);
        login_from(&server, OFFICE, "ada", PASSWORD).await.is(429);
        act(&server, &root, &format!("{user}/unlock"), json!({"network": OFFICE})).await.is(204);
        login_from(&server, OFFICE, "ada", PASSWORD).await.is(200);
        let wrong =
            act(&server, &root, &format!("{user}/unlock"), json!({"network": "home"})).await;
        wrong.is_problem(422, "validation_failed");
        assert_eq!(wrong.json()["errors"][0]["field"], "network");
        lock(&server, OFFICE, "ada").await;
        let body = json!({"password": PASSWORD, "permanent": true});
        act(&server, &root, &format!("{user}/password"), body).await.is(204);
        login_from(&server, OFFICE, "ada", PASSWORD).await.is(200);
        lock(&server, OFFICE, "ada").await;
        act(&server, &root, &format!("{user}/disable"), Value::Null).await.is(200);
        act(&server, &root, &format!("{user}/enable"), Value::Null).await.is(200);
        login_from(&server, OFFICE, "ada", PASSWORD).await.is(200);
        let unlocked = server.events(&root, "user.unlocked").await;
        let mut details: Vec<_> = unlocked.iter().map(|event| event["detail"].clone()).collect();
        // Events of one moment have no order.
        details.sort_by_key(ToString::to_string);
        assert_eq!(details, [json!("192.0.2.9"), json!("198.51.100.1"), Value::Null]);
        assert_eq!(server.events(&root, "password.reset_by_admin").await.len(), 1);
        let must = json!({"must_change_password": true});
        server.call_as(Method::PATCH, &user, &root.access, must).await.is(200);
        let set = server.events(&root, "password.must_change_set").await;
        assert_eq!((set.len(), &set[0]["user_id"]), (1, &json!(ada)));
    })
    .await;
}

/// Unlocking a network allows attempts at all accounts from there again, in every process.
#[tokio::test(flavor = "multi_thread")]
async fn unlocking_clears_what_a_network_has_failed() {
    on_both("network", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        for login in ["bob", "eve", "joe"] {
            for _ in 0..20 {
                login_from(&server, OFFICE, login, "wrong password").await.is(401);
            }
        }
        login_from(&server, OFFICE, "ada", PASSWORD).await.is_problem(429, "too_many_attempts");
        let (report, codes) = why(&server, &root, &ada).await;
        assert_eq!(codes, ["address_limited"], "{report:#}");
        act(&server, &root, &format!("/v1/admin/users/{ada}/unlock"), Value::Null).await.is(204);
        login_from(&server, OFFICE, "ada", PASSWORD).await.is(200);
    })
    .await;
}

/// A request for a new password proves nothing and unlocks nothing; a proved mailbox does.
#[tokio::test(flavor = "multi_thread")]
async fn asking_for_a_new_password_does_not_unlock() {
    on_both("no proof", async |backend| {
        let place = MailingServer::with(backend, &[("SIGNET_RATE_LIMITS", "on")]).await;
        place.user("ada", ADA).await;
        for _ in 0..20 {
            place.server.try_login("ada", "wrong password").await.is(401);
        }
        place.server.post("/v1/recovery", json!({"email": ADA})).await.is(202);
        place.server.try_login("ada", PASSWORD).await.is_problem(429, "too_many_attempts");
    })
    .await;
}

/// Each of more than ten causes that prevent a sign-in is reported, by the user's id and by the entered login.
#[tokio::test(flavor = "multi_thread")]
async fn the_report_names_each_cause() {
    on_both("causes", async |backend| {
        let server = limited(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        assert_eq!(why(&server, &root, &ada).await.1, [""; 0]);
        let unknown = server.get_as("/v1/admin/users/why?login=adda", &root.access).await;
        let unknown = unknown.is(200).json();
        assert_eq!((&unknown["exists"], &unknown["nearest"]), (&json!(false), &json!(["ada"])));
        assert_eq!(unknown["findings"][0]["code"], "no_such_user");
        server
            .get_as("/v1/admin/users/why", &root.access)
            .await
            .is_problem(422, "validation_failed");

        login_from(&server, OFFICE, "ada", "wrong password").await.is(401);
        let (report, codes) = why(&server, &root, &ada).await;
        assert_eq!(codes, ["wrong_password"]);
        let failure = &report["failures"][0];
        assert_eq!(
            (&failure["address"], &failure["client_id"]),
            (&json!(OFFICE), &json!("signet"))
        );
        assert_ne!(failure["request_id"], "");
        server.advance(TimeSpan::from_secs(1));
        login_from(&server, OFFICE, "ada", PASSWORD).await.is(200);
        assert_eq!(why(&server, &root, &ada).await.1, [""; 0], "a success ends it");

        let of_login = async |login: &str| {
            let body = json!({"login": login});
            let made = act(&server, &root, "/v1/admin/users", body).await;
            made.is(201).string("id")
        };
        let no_password = of_login("empty").await;
        assert_eq!(why(&server, &root, &no_password).await.1, ["no_password"]);
        let path = format!("/v1/admin/users/{no_password}/disable");
        act(&server, &root, &path, Value::Null).await.is(200);
        assert_eq!(why(&server, &root, &no_password).await.1, ["disabled", "no_password"]);

        let must = server.register("must").await;
        let body = json!({"must_change_password": true});
        let path = format!("/v1/admin/users/{must}");
        server.call_as(Method::PATCH, &path, &root.access, body).await.is(200);
        assert_eq!(why(&server, &root, &must).await.1, ["password_change_required"]);

        let odd = server.register("odd").await;
        let mut tx = server.app.db.begin().await.unwrap();
        execute!(&mut tx, "UPDATE users SET password_hash = '$md5$x' WHERE login_key = 'odd'")
            .unwrap();
        tx.commit().await.unwrap();
        server.try_login("odd", PASSWORD).await.is(401);
        let (report, codes) = why(&server, &root, &odd).await;
        assert_eq!(codes, ["hash_unreadable"]);
        assert_eq!(report["failures"][0]["reason"], "hash_unreadable");

        let locked = server.register("locked").await;
        lock(&server, OFFICE, "locked").await;
        let (report, codes) = why(&server, &root, &locked).await;
        assert_eq!(codes, ["locked_from_network", "wrong_password"]);
        let lock = &report["locks"][0];
        assert_eq!((&lock["network"], &lock["locked"]), (&json!(OFFICE), &json!(true)));
        assert_eq!(lock["tries"], 20);
        let until = server.now() + LOCKED_FOR;
        assert_eq!(lock["until"], json!(until.rfc3339()));

        // Five networks with twenty failures each close the account for every network that it does not know.
        let closed = server.register("closed").await;
        for network in 0..6 {
            for _ in 0..20 {
                login_from(&server, &format!("203.0.113.{network}"), "closed", "wrong").await;
            }
        }
        let (report, codes) = why(&server, &root, &closed).await;
        assert!(codes.contains(&"locked_from_strangers".to_owned()), "{report:#}");
        login_from(&server, "203.0.113.99", "closed", PASSWORD).await.is(429);
        let (report, _) = why(&server, &root, &closed).await;
        let failures = report["failures"].as_array().unwrap();
        let reasons: Vec<_> = failures.iter().map(|event| &event["reason"]).collect();
        assert!(reasons.contains(&&json!("account_from_strangers")), "{reasons:?}");

        let by_login = server.get_as("/v1/admin/users/why?login=LOCKED", &root.access).await;
        assert_eq!(by_login.is(200).json()["account"]["user"]["id"], json!(locked));

        server.advance(LOCKED_FOR);
        let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
        let root = Tokens::of(&server.post("/v1/login", body).await);
        let (report, codes) = why(&server, &root, &locked).await;
        assert!(!codes.contains(&"locked_from_network".to_owned()), "it has ended: {report:#}");
        login_from(&server, OFFICE, "locked", PASSWORD).await.is(200);
    })
    .await;
}

/// A locked second factor, a wrong one, and a server that requires one are causes of their own.
#[tokio::test(flavor = "multi_thread")]
async fn the_report_names_causes_of_second_factors() {
    on_both("factor causes", async |backend| {
        let place = MailingServer::with(
            backend,
            &[("SIGNET_RATE_LIMITS", "on"), ("SIGNET_SECOND_FACTOR", "optional")],
        )
        .await;
        let tia = place.user("tia", ADA).await;
        let tokens = place.server.login("tia").await;
        let app = Authenticator::enrol(&place.server, &tokens).await;
        let with_code = async |code: &str| {
            let body = json!({"login": "tia", "password": PASSWORD, "code": code});
            place.server.post("/v1/login", body).await
        };
        place.server.advance(TimeSpan::from_secs(1));
        with_code(&app.wrong_code(&place.server)).await.is_problem(401, "mfa_failed");
        let (_, codes) = why(&place.server, &place.root, &tia).await;
        assert_eq!(codes, ["second_factor_failed"]);
        for _ in 0..4 {
            with_code(&app.wrong_code(&place.server)).await.is_problem(401, "mfa_failed");
        }
        let (report, codes) = why(&place.server, &place.root, &tia).await;
        assert_eq!(codes, ["second_factor_locked", "second_factor_failed"]);
        assert_eq!(report["locks"][0]["guards"], "second_factor");
        assert_eq!(report["account"]["factors"][0]["kind"], "totp");
    })
    .await;
}
