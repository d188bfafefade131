//! A log-in at `/v1` in several steps: a password that an administrator has set is replaced before there are
//! tokens.

use futures_util::future::join_all;
use reqwest::Method;
use reqwest::header::COOKIE;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::domain::password::Password;
use signet::domain::request_info::RequestInfo;
use signet::fetch_all;
use signet::identity::authentication::Entry;
use signet::identity::continue_login::continue_login;
use signet::identity::login::{LoginOutcome, LoginRequest, RequestedAccess, login};
use signet::store::db::counted;

use crate::support::relying_party::{App, Person};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

const SET: &str = "set by an administrator";
const NEW: &str = "known to ada alone";

struct Place {
    server: Server,
    root: Tokens,
    ada: String,
}

/// A server with a user whose password an administrator has set.
async fn place(options: Options) -> Place {
    let server = options.start().await;
    let root = server.administrator("root").await;
    let ada = server.register("ada").await;
    let place = Place { server, root, ada };
    place.set_password(json!({"password": SET})).await.is(204);
    // Events of one moment have no order.
    place.server.advance(TimeSpan::from_secs(1));
    place
}

impl Place {
    async fn set_password(&self, body: Value) -> Answer {
        let path = format!("/v1/admin/users/{}/password", self.ada);
        self.server.call_as(Method::POST, &path, &self.root.access, body).await
    }

    async fn patch(&self, body: Value) -> Answer {
        let path = format!("/v1/admin/users/{}", self.ada);
        self.server.call_as(Method::PATCH, &path, &self.root.access, body).await
    }

    /// The challenge of a log-in.
    async fn challenge(&self, password: &str) -> String {
        let answer = self.server.try_login("ada", password).await;
        answer.is_problem(401, "password_change_required").string("challenge")
    }

    async fn proceed(&self, challenge: &str, password: &str) -> Answer {
        let body = json!({"challenge": challenge, "new_password": password});
        self.server.post("/v1/login/continue", body).await
    }

    async fn sessions(&self) -> usize {
        let path = format!("/v1/admin/sessions?user_id={}", self.ada);
        let answer = self.server.get_as(&path, &self.root.access).await;
        answer.is(200).json()["data"].as_array().unwrap().len()
    }

    async fn events(&self, kind: &str) -> usize {
        self.server.events(&self.root, kind).await.len()
    }

    fn logins(&self) -> u64 {
        let text = self.server.app.metrics.render(&[]);
        let line = text.lines().find(|line| line.contains("logins_total{result=\"ok\"}"));
        line.map_or(0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_set_by_an_administrator_is_replaced_before_there_are_tokens() {
    on_both("required change", async |backend| {
        let place = place(Options::on(backend)).await;
        let (successes, logins) = (place.events("login.succeeded").await, place.logins());
        let asked = place.server.try_login("ada", SET).await;
        asked.is_problem(401, "password_change_required");
        assert_eq!(asked.header("www-authenticate"), "Bearer realm=\"signet\"");
        let body = asked.json();
        assert_eq!((&body["expires_in"], &body["methods"]), (&json!(300), &json!([])));
        for token in ["access_token", "refresh_token"] {
            assert!(body.get(token).is_none(), "{body}");
        }
        assert_eq!(place.sessions().await, 0);
        assert_eq!((place.events("login.succeeded").await, place.logins()), (successes, logins));
        let first = place.server.events(&place.root, "login.first_factor").await;
        assert_eq!((first.len(), &first[0]["user_id"]), (1, &json!(place.ada)));

        let challenge = body["challenge"].as_str().unwrap();
        let tokens = place.proceed(challenge, NEW).await;
        let members: Vec<String> =
            tokens.is(200).json().as_object().unwrap().keys().cloned().collect();
        let usual = Tokens::of(&place.server.try_login("ada", NEW).await);
        let expected = [
            "access_token",
            "expires_in",
            "refresh_expires_in",
            "refresh_token",
            "scope",
            "token_type",
        ];
        let mut sorted = members.clone();
        sorted.sort();
        assert_eq!(sorted, expected);
        let claims = Tokens::of(&tokens).claims();
        assert_eq!(claims["amr"], json!(["pwd"]));
        assert_eq!(claims["auth_time"], place.server.now().secs());
        place.server.get_as("/v1/me", &Tokens::of(&tokens).access).await.is(200);
        place.server.refresh(&usual.refresh).await.is(200);
        place.server.try_login("ada", SET).await.is_problem(401, "invalid_credentials");
        place.server.try_login("ada", PASSWORD).await.is_problem(401, "invalid_credentials");
        assert_eq!(place.logins(), logins + 2);
        assert_eq!(place.events("login.succeeded").await, successes + 2);
        let changes = place.server.events(&place.root, "password.changed").await;
        let details: Vec<&Value> = changes.iter().map(|event| &event["detail"]).collect();
        assert_eq!(details, [&json!("required")]);
        let resets = place.server.events(&place.root, "password.reset_by_admin").await;
        let details: Vec<&Value> = resets.iter().map(|event| &event["detail"]).collect();
        assert_eq!(details, [&json!("must_change")]);
        let path = format!("/v1/admin/users/{}", place.ada);
        let shown = place.server.get_as(&path, &place.root.access);
        assert_eq!(shown.await.json()["must_change_password"], false);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_decides_whether_a_password_lasts() {
    on_both("permanent passwords", async |backend| {
        let place = place(Options::on(backend)).await;
        place.set_password(json!({"password": SET, "permanent": true})).await.is(204);
        let tokens = Tokens::of(&place.server.try_login("ada", SET).await);
        let changed = place.patch(json!({"must_change_password": true})).await;
        assert_eq!(changed.is(200).json()["must_change_password"], true);
        // Existing sessions are kept.
        place.server.get_as("/v1/me", &tokens.access).await.is(200);
        place.server.refresh(&tokens.refresh).await.is(200);
        let challenge = place.challenge(SET).await;
        place.patch(json!({"must_change_password": false})).await.is(200);
        place.server.try_login("ada", SET).await.is(200);
        // No new password is required any more.
        place.proceed(&challenge, NEW).await.is_problem(401, "challenge_invalid");
        // A change by the user is enough.
        place.patch(json!({"must_change_password": true})).await.is(200);
        let body = json!({"current_password": SET, "new_password": NEW});
        place.server.call_as(Method::POST, "/v1/password", &tokens.access, body).await.is(204);
        place.server.try_login("ada", NEW).await.is(200);
        let created = json!({"login": "bob", "password": SET, "must_change_password": true});
        let users = "/v1/admin/users";
        let bob = place.server.call_as(Method::POST, users, &place.root.access, created).await;
        assert_eq!(bob.is(201).json()["must_change_password"], true);
        place.server.try_login("bob", SET).await.is_problem(401, "password_change_required");
    })
    .await;
}

/// As after any change of a password.
#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_ends_what_the_old_one_opened() {
    on_both("sessions of the old password", async |backend| {
        let place = place(Options::on(backend)).await;
        place.set_password(json!({"password": SET, "permanent": true})).await.is(204);
        let old = Tokens::of(&place.server.try_login("ada", SET).await);
        let person = Person::new(&place.server, "ada");
        let page = person.get("/login").await;
        person.log_in(&page, SET).await.is(303);
        person.get("/account").await.is(200);
        place.patch(json!({"must_change_password": true})).await.is(200);
        let challenge = place.challenge(SET).await;
        let new = Tokens::of(&place.proceed(&challenge, NEW).await);
        place.server.get_as("/v1/me", &old.access).await.is_problem(401, "invalid_token");
        place.server.refresh(&old.refresh).await.is(401);
        assert_eq!(person.get("/account").await.header("location"), "/login");
        place.server.get_as("/v1/me", &new.access).await.is(200);
        place.server.refresh(&new.refresh).await.is(200);
        assert_eq!(place.sessions().await, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_password_is_another_one_and_keeps_the_rules() {
    on_both("unacceptable new passwords", async |backend| {
        let place = place(Options::on(backend)).await;
        let challenge = place.challenge(SET).await;
        for (password, code) in [
            (SET, "unchanged"),
            ("short", "too_short"),
            ("ada", "too_short"),
            ("password1", "common_password"),
        ] {
            let refused = place.proceed(&challenge, password).await;
            let error = refused.is_problem(422, "weak_password").json()["errors"][0].clone();
            assert_eq!((&error["field"], &error["code"]), (&json!("new_password"), &json!(code)));
        }
        let long = "x".repeat(1025);
        let refused = place.proceed(&challenge, &long).await;
        assert_eq!(refused.is(422).json()["errors"][0]["field"], "new_password");
        place.server.post("/v1/login/continue", json!({"challenge": challenge})).await.is(422);
        // A code is for another step than the next one.
        let code = json!({"challenge": challenge, "code": "123456"});
        let refused = place.server.post("/v1/login/continue", code).await;
        let error = refused.is_problem(422, "validation_failed").json()["errors"][0].clone();
        assert_eq!((&error["field"], &error["code"]), (&json!("new_password"), &json!("missing")));
        // The challenge stays valid after each of them.
        place.proceed(&challenge, NEW).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_is_valid_as_it_was_issued_for_five_minutes_and_once() {
    on_both("challenges", async |backend| {
        let place = place(Options::on(backend)).await;
        let challenge = place.challenge(SET).await;
        let mut texts = Vec::new();
        let invalid = async |challenge: &str| {
            let refused = place.proceed(challenge, NEW).await;
            refused.is_problem(401, "challenge_invalid").string("detail")
        };
        for at in (0..challenge.len()).step_by(7) {
            let mut bytes = challenge.clone().into_bytes();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            texts.push(invalid(&String::from_utf8(bytes).unwrap()).await);
        }
        for other in ["", "sch_", "sch_AAAA", "\u{1}", &challenge[1..], &place.root.refresh] {
            texts.push(invalid(other).await);
        }
        place.server.advance(TimeSpan::from_secs(299));
        let late = place.challenge(SET).await;
        place.server.advance(TimeSpan::from_secs(1));
        texts.push(invalid(&challenge).await);
        place.server.jump(TimeSpan::ZERO - TimeSpan::from_mins(6));
        texts.push(invalid(&late).await);
        place.server.jump(TimeSpan::from_mins(6));
        place.proceed(&late, NEW).await.is(200);
        texts.push(invalid(&late).await);
        texts.dedup();
        assert_eq!(texts.len(), 1, "{texts:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_authenticates_no_request() {
    on_both("a challenge elsewhere", nothing_else).await;
}

async fn nothing_else(backend: Backend) {
    let place = place(Options::on(backend)).await;
    let app = App::register(&place.server, &place.root, json!({"type": "web"})).await;
    let challenge = place.challenge(SET).await;
    for path in ["/v1/me", "/oauth2/userinfo", "/v1/sessions", "/v1/admin/users"] {
        place.server.get_as(path, &challenge).await.is(401);
    }
    place.server.refresh(&challenge).await.is(401);
    for grant in
        ["authorization_code", "refresh_token", "urn:ietf:params:oauth:grant-type:device_code"]
    {
        let body = format!(
            "grant_type={grant}&code={challenge}&refresh_token={challenge}&device_code={challenge}&client_id=signet"
        );
        let request = place.server.request(Method::POST, "/oauth2/token").body(body);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let refused = place.server.send(request).await;
        assert!(matches!(refused.status, 400 | 401), "{}", refused.text);
    }
    for name in ["signet_session", "signet_browser"] {
        let request = place.server.request(Method::GET, "/account");
        let answer = place.server.send(request.header(COOKIE, format!("{name}={challenge}"))).await;
        assert_eq!((answer.status, answer.header("location")), (303, "/login"));
        let request = place.server.request(Method::GET, &app.url(&[("prompt", "none")]));
        let answer = place.server.send(request.header(COOKIE, format!("{name}={challenge}"))).await;
        let to = answer.is(303).header("location");
        assert!(to.contains("error=login_required"), "{to}");
    }
    place.proceed(&challenge, NEW).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_continuation_of_many_wins() {
    on_both("continuation race", async |backend| {
        let place = place(Options::on(backend)).await;
        let challenge = place.challenge(SET).await;
        let attempts = (0..20).map(|number| {
            let password = format!("{NEW} {number}");
            let challenge = challenge.clone();
            let place = &place;
            async move { place.proceed(&challenge, &password).await }
        });
        let all = join_all(attempts).await;
        let won: Vec<usize> = (0..20).filter(|number| all[*number].status == 200).collect();
        assert_eq!(won.len(), 1, "{all:?}");
        for (number, answer) in all.iter().enumerate() {
            if number != won[0] {
                answer.is_problem(401, "challenge_invalid");
            }
            let status = if number == won[0] { 200 } else { 401 };
            place.server.try_login("ada", &format!("{NEW} {number}")).await.is(status);
        }
        place.server.get_as("/v1/me", &Tokens::of(&all[won[0]]).access).await.is(200);
        assert_eq!(place.sessions().await, 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_ends_with_the_account_that_it_was_issued_for() {
    on_both("changes between the steps", async |backend| {
        let place = place(Options::on(backend)).await;
        let user = format!("/v1/admin/users/{}", place.ada);
        let challenge = place.challenge(SET).await;
        place.set_password(json!({"password": "set by another one"})).await.is(204);
        place.proceed(&challenge, NEW).await.is_problem(401, "challenge_invalid");
        place.set_password(json!({"password": SET})).await.is(204);
        place.proceed(&challenge, NEW).await.is_problem(401, "challenge_invalid");

        let challenge = place.challenge(SET).await;
        let access = &place.root.access;
        place
            .server
            .call_as(Method::POST, &format!("{user}/disable"), access, Value::Null)
            .await
            .is(200);
        place.proceed(&challenge, NEW).await.is_problem(401, "challenge_invalid");
        place
            .server
            .call_as(Method::POST, &format!("{user}/enable"), access, Value::Null)
            .await
            .is(200);
        place.proceed(&challenge, NEW).await.is_problem(401, "challenge_invalid");

        let challenge = place.challenge(SET).await;
        place.server.call_as(Method::DELETE, &user, access, Value::Null).await.is(204);
        place.proceed(&challenge, NEW).await.is_problem(401, "challenge_invalid");
    })
    .await;
}

/// A request that the user may not make is refused before a new password is chosen for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_requested_scopes_are_granted_with_the_last_step() {
    on_both("requests over steps", async |backend| {
        let place = place(Options::on(backend)).await;
        let api = json!({"identifier": "https://api.example.com", "scopes": ["orders:read"]});
        place
            .server
            .call_as(Method::POST, "/v1/admin/apis", &place.root.access, api.clone())
            .await
            .is(201);
        let ask = async |more: Value| {
            let mut body = json!({"login": "ada", "password": SET});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            place.server.post("/v1/login", body).await
        };
        ask(json!({"scope": "signet:admin"})).await.is_problem(400, "invalid_scope");
        assert_eq!(place.events("login.refused").await, 1);
        let more = json!({"audience": "https://api.example.com", "scope": "orders:read"});
        let asked = ask(more).await;
        let challenge = asked.is_problem(401, "password_change_required").string("challenge");
        // Another API under the same identifier is not the requested one.
        let apis = place.server.get_as("/v1/admin/apis", &place.root.access).await.json();
        let id = apis["data"][0]["id"].as_str().unwrap().to_owned();
        let of_first =
            ask(json!({"audience": "https://api.example.com"})).await.string("challenge");
        place.server.advance(TimeSpan::from_secs(1));
        let access = &place.root.access;
        let path = format!("/v1/admin/apis/{id}");
        place.server.call_as(Method::DELETE, &path, access, Value::Null).await.is(204);
        place.server.call_as(Method::POST, "/v1/admin/apis", access, api).await.is(201);
        for challenge in [&challenge, &of_first] {
            place.proceed(challenge, NEW).await.is_problem(400, "invalid_target");
        }
        place.server.advance(TimeSpan::from_secs(1));
        let more = json!({"audience": "https://api.example.com", "scope": "orders:read"});
        let challenge = ask(more).await.string("challenge");
        let tokens = place.proceed(&challenge, NEW).await;
        assert_eq!(tokens.is(200).json()["scope"], "orders:read");
        assert_eq!(Tokens::of(&tokens).claims()["aud"], "https://api.example.com");
    })
    .await;
}

/// A network does not become known by a sign-in that is not completed.
#[tokio::test(flavor = "multi_thread")]
async fn a_network_becomes_known_with_the_last_step() {
    on_both("known networks over steps", async |backend| {
        let place = place(Options::on(backend).with("SIGNET_RATE_LIMITS", "on")).await;
        let known = async || {
            let mut reader = place.server.app.db.reader().await.unwrap();
            let rows = fetch_all!(&mut reader, (i64,), "SELECT count(*) FROM known_networks");
            rows.unwrap()[0].0
        };
        let before = known().await;
        let challenge = place.challenge(SET).await;
        assert_eq!(known().await, before);
        place.proceed(&challenge, NEW).await.is(200);
        assert_eq!(known().await, before + 1);
    })
    .await;
}

/// The statements of each step. A step before the last reads the account and whether the challenge was used, and at
/// most once the standing of the network.
#[tokio::test(flavor = "multi_thread")]
async fn each_step_asks_the_database_for_little() {
    on_both("statements of a log-in in steps", async |backend| {
        let place = place(Options::on(backend).with("SIGNET_RATE_LIMITS", "on")).await;
        let app = place.server.app.clone();
        let info = RequestInfo::system(place.server.now());
        let request = LoginRequest {
            code: None,
            login: "ada".to_owned(),
            password: Password::for_verification(SET).unwrap(),
            asked: RequestedAccess::default(),
        };
        let outcome = login(app.clone(), request, info.clone()).await;
        let Ok(LoginOutcome::Pending(pending)) = outcome else { panic!("not asked for more") };
        let step = |password: &str| {
            let entry = Entry::NewPassword(password.to_owned());
            counted(continue_login(app.clone(), pending.challenge.clone(), entry, info.clone()))
        };
        let (refused, statements) = step(SET).await;
        assert!(refused.is_err());
        assert!(statements <= 3, "{statements}");
        let (done, statements) = step(NEW).await;
        assert!(matches!(done, Ok(LoginOutcome::Tokens(_))));
        // Two reads. Then in one transaction: the id spent; the user held and the tokens of their sessions read; the
        // password held, written and counted by its cost (twice); `password.changed`; the user held, the sessions over
        // the limit, the session and its device written; the day noted; the counter forgiven and given back;
        // `login.succeeded`.
        assert!(statements <= 18, "{statements}");
        let (replayed, statements) = step(NEW).await;
        assert!(replayed.is_err());
        assert_eq!(statements, 1, "a replay is found before anything is hashed");
    })
    .await;
}
