//! Every operation that ends something, and its entry in the revocation feed; and operations without an entry.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::jwt::decode_unverified;

use super::{ACCESS_TOKEN, API, EXCHANGE};
use crate::support::relying_party::{App, Person, field};
use crate::support::server::{PASSWORD, Tokens, pair};
use crate::support::{Backend, Server, on_both};

const FEED: &str = "/.well-known/revocations";
const OTHER: &str = "https://other.example.com";

struct Stage {
    server: Server,
    root: Tokens,
    app: App,
}

/// An entry that the feed must have.
enum Listed {
    /// The session of a token.
    Session(String),
    /// The token itself.
    Token(String),
    /// Every token with this claim, or every token if there is none.
    Cut(Option<(&'static str, String)>),
}

fn claim(token: &str, name: &str) -> String {
    let claims = decode_unverified(token).claims.unwrap();
    claims[name].as_str().unwrap_or_else(|| panic!("no {name}: {claims:?}")).to_owned()
}

fn session_of(token: &str) -> Listed {
    Listed::Session(claim(token, "sid"))
}

async fn feed(server: &Server) -> Value {
    server.advance(TimeSpan::from_secs(1));
    json!(decode_unverified(&server.get(FEED).await.is(200).text).claims.unwrap())
}

fn has(feed: &Value, listed: &Listed) -> bool {
    match listed {
        Listed::Session(sid) => feed["sid"].get(sid).is_some(),
        Listed::Token(jti) => feed["jti"].get(jti).is_some(),
        Listed::Cut(of) => feed["cut"].as_array().unwrap().iter().any(|cut| match of {
            Some((name, value)) => cut[*name] == json!(value),
            None => cut.as_object().unwrap().len() == 2,
        }),
    }
}

impl Stage {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        for identifier in [API, OTHER] {
            let api = json!({"identifier": identifier, "scopes": ["read"]});
            server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
        }
        let app = App::register(&server, &root, json!({"type": "web"})).await;
        Self { server, root, app }
    }

    async fn as_root(&self, method: Method, path: &str, body: Value) {
        let answer = self.server.call_as(method, path, &self.root.access, body).await;
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text);
    }

    /// Creates a user. Returns the id and the tokens of a session.
    async fn user(&self, login: &str) -> (String, Tokens) {
        let id = self.server.register(login).await;
        (id, self.server.login(login).await)
    }

    /// A user in a browser with tokens of the client.
    async fn visitor(&self, login: &str) -> (Person<'_>, Value) {
        self.server.register(login).await;
        let person = Person::new(&self.server, login);
        let tokens = self.app.tokens(&self.server, &person).await;
        (person, tokens)
    }

    async fn submit(&self, person: &Person<'_>, path: &str, more: &[(&str, &str)]) {
        let csrf = field(&person.get("/account").await.is(200).text, "csrf");
        let answer = person.post(path, &[more, &[("csrf", &*csrf)]].concat()).await;
        assert!([200, 302, 303].contains(&answer.status), "{path}: {}", answer.text);
    }

    /// Ends something in one way. Returns the required entries.
    async fn end(&self, way: &str) -> Vec<Listed> {
        match way {
            "log-out by refresh token"
            | "log-out by access token"
            | "own session"
            | "others"
            | "all"
            | "own password"
            | "revoked refresh token"
            | "reuse" => self.own(way).await,
            "new password by an administrator"
            | "disabled user"
            | "deleted user"
            | "session by an administrator"
            | "sessions of a user"
            | "own deletion" => self.by_administrator(way).await,
            "log-out page"
            | "log-out of a client"
            | "session of the account page"
            | "others of the account page"
            | "removed application"
            | "code twice"
            | "revoked access token of a session" => self.in_browser(way).await,
            way => self.at_large(way).await,
        }
    }

    async fn own(&self, way: &str) -> Vec<Listed> {
        let server = &self.server;
        let login = way.replace(' ', "-");
        let (_, tokens) = self.user(&login).await;
        let sid = claim(&tokens.access, "sid");
        let delete = async |path: &str, by: &Tokens| {
            server.call_as(Method::DELETE, path, &by.access, Value::Null).await.is(204);
        };
        match way {
            "log-out by refresh token" => {
                let body = json!({"refresh_token": tokens.refresh});
                server.post("/v1/logout", body).await.is(204);
            }
            "log-out by access token" => {
                server
                    .call_as(Method::POST, "/v1/logout", &tokens.access, Value::Null)
                    .await
                    .is(204);
            }
            "own session" => delete(&format!("/v1/sessions/{sid}"), &tokens).await,
            "others" => delete("/v1/sessions?scope=others", &server.login(&login).await).await,
            "all" => {
                let second = server.login(&login).await;
                delete("/v1/sessions?scope=all", &tokens).await;
                return vec![session_of(&tokens.access), session_of(&second.access)];
            }
            "own password" => {
                let other = server.login(&login).await;
                let body =
                    json!({"current_password": PASSWORD, "new_password": "another good one"});
                server.call_as(Method::POST, "/v1/password", &other.access, body).await.is(204);
            }
            "revoked refresh token" => {
                let (_, tokens) = self.visitor("revoker").await;
                let refresh = tokens["refresh_token"].as_str().unwrap();
                self.app.call(server, "/oauth2/revoke", &[("token", refresh)]).await.is(200);
                return vec![session_of(tokens["access_token"].as_str().unwrap())];
            }
            _ => {
                let next = Tokens::of(&server.refresh(&tokens.refresh).await);
                let next = Tokens::of(&server.refresh(&next.refresh).await);
                assert_eq!(claim(&next.access, "sid"), sid);
                server.advance(TimeSpan::from_mins(1));
                server.refresh(&tokens.refresh).await.is(401);
            }
        }
        vec![Listed::Session(sid)]
    }

    async fn by_administrator(&self, way: &str) -> Vec<Listed> {
        let (id, tokens) = self.user(&way.replace(' ', "-")).await;
        let user = format!("/v1/admin/users/{id}");
        match way {
            "new password by an administrator" => {
                let body = json!({"password": "a password by root", "permanent": true});
                self.as_root(Method::POST, &format!("{user}/password"), body).await;
            }
            "disabled user" => {
                self.as_root(Method::POST, &format!("{user}/disable"), Value::Null).await
            }
            "deleted user" => self.as_root(Method::DELETE, &user, Value::Null).await,
            "session by an administrator" => {
                let path = format!("/v1/admin/sessions/{}", claim(&tokens.access, "sid"));
                self.as_root(Method::DELETE, &path, Value::Null).await;
            }
            "own deletion" => {
                let body = json!({"login": "own-deletion"});
                let answer =
                    self.server.call_as(Method::DELETE, "/v1/me", &tokens.access, body).await;
                answer.is(204);
            }
            _ => {
                let body = json!({"user_id": id});
                self.as_root(Method::POST, "/v1/admin/sessions/end", body).await;
            }
        }
        vec![session_of(&tokens.access)]
    }

    async fn in_browser(&self, way: &str) -> Vec<Listed> {
        let (person, tokens) = self.visitor(&way.replace(' ', "-")).await;
        let access = tokens["access_token"].as_str().unwrap();
        let sid = claim(access, "sid");
        match way {
            "log-out page" => self.submit(&person, "/logout", &[]).await,
            "log-out of a client" => {
                let hint = tokens["id_token"].as_str().unwrap();
                person.get(&format!("/oauth2/logout?id_token_hint={hint}")).await.is(200);
            }
            "session of the account page" => {
                self.submit(&person, "/account/sessions/end", &[("id", &sid)]).await;
            }
            "others of the account page" => {
                let second = Person::new(&self.server, &way.replace(' ', "-"));
                self.app.tokens(&self.server, &second).await;
                self.submit(&second, "/account/sessions/end-others", &[]).await;
            }
            "removed application" => {
                let id = [("client_id", &*self.app.id)];
                self.submit(&person, "/account/apps/remove", &id).await;
            }
            "code twice" => {
                let code = self.app.code(&person, &[]).await;
                let tokens = self.app.redeem(&self.server, &code).await.is(200).json();
                self.app.redeem(&self.server, &code).await.is(400);
                return vec![session_of(tokens["access_token"].as_str().unwrap())];
            }
            _ => {
                let form = [("token", access)];
                self.app.call(&self.server, "/oauth2/revoke", &form).await.is(200);
                return vec![Listed::Token(claim(access, "jti"))];
            }
        }
        vec![Listed::Session(sid)]
    }

    async fn at_large(&self, way: &str) -> Vec<Listed> {
        let cut = |name, value: &str| vec![Listed::Cut(Some((name, value.to_owned())))];
        let client =
            json!({"type": "service", "client_id": way.replace(' ', "-"), "audiences": [API]});
        let client = async || App::register(&self.server, &self.root, client.clone()).await;
        match way {
            "disabled client" => {
                let id = client().await.id;
                self.as_root(Method::POST, &format!("/v1/admin/clients/{id}/disable"), Value::Null)
                    .await;
                cut("client_id", &id)
            }
            "deleted client" => {
                let id = client().await.id;
                self.as_root(Method::DELETE, &format!("/v1/admin/clients/{id}"), Value::Null).await;
                cut("client_id", &id)
            }
            "deleted API" => {
                let path =
                    format!("/v1/admin/apis/{}", OTHER.replace(':', "%3A").replace('/', "%2F"));
                self.as_root(Method::DELETE, &path, Value::Null).await;
                cut("aud", OTHER)
            }
            "everything, as after a restore" => {
                let body = json!({"all": true});
                self.as_root(Method::POST, "/v1/admin/sessions/end", body).await;
                vec![Listed::Cut(None)]
            }
            other => panic!("no such way: {other}"),
        }
    }
}

/// The last one ends the administrator's session as well.
const WAYS: &[&str] = &[
    "log-out by refresh token",
    "log-out by access token",
    "own session",
    "others",
    "all",
    "own password",
    "revoked refresh token",
    "reuse",
    "own deletion",
    "new password by an administrator",
    "disabled user",
    "deleted user",
    "session by an administrator",
    "sessions of a user",
    "log-out page",
    "log-out of a client",
    "session of the account page",
    "others of the account page",
    "removed application",
    "code twice",
    "revoked access token of a session",
    "disabled client",
    "deleted client",
    "deleted API",
    "everything, as after a restore",
];

/// A second after the response the entry is in the feed.
#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_end_something_is_in_the_feed() {
    on_both("feed: every way", async |backend| {
        let stage = Stage::on(backend).await;
        let mut missing = Vec::new();
        for way in WAYS {
            let expected = stage.end(way).await;
            let found = feed(&stage.server).await;
            if !expected.iter().all(|listed| has(&found, listed)) {
                missing.push(*way);
            }
        }
        assert!(missing.is_empty(), "{backend:?}: the feed lacks {missing:?}");
    })
    .await;
}

/// A refused ending, a removed role and an expired session have no entries.
#[tokio::test(flavor = "multi_thread")]
async fn the_feed_lists_no_refused_ending_lost_role_or_expiry() {
    on_both("feed: no entry", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        let (ada, tokens) = stage.user("ada").await;
        let (_, eve) = stage.user("eve").await;
        let sid = claim(&tokens.access, "sid");
        // Of another user, not allowed, and not a token.
        let path = format!("/v1/sessions/{sid}");
        server.call_as(Method::DELETE, &path, &eve.access, Value::Null).await.is(404);
        let path = format!("/v1/admin/sessions/{sid}");
        server.call_as(Method::DELETE, &path, &eve.access, Value::Null).await.is(403);
        let body = json!({"current_password": "wrong", "new_password": "another good one"});
        let refused = server.call_as(Method::POST, "/v1/password", &tokens.access, body).await;
        assert!((400..500).contains(&refused.status), "{}", refused.text);
        server.post("/v1/logout", json!({"refresh_token": "srt_x"})).await;
        for roles in [json!(["buyer"]), json!([])] {
            let path = format!("/v1/admin/users/{ada}");
            stage.as_root(Method::PATCH, &path, json!({"roles": roles})).await;
        }
        assert_eq!(feed(server).await["sid"], json!({}));
        server.get_as("/v1/me", &tokens.access).await.is(200);
        server.advance(TimeSpan::from_days(400));
        server.refresh(&tokens.refresh).await.is(401);
        let said = feed(server).await;
        let none = (&json!({}), &json!({}), &json!([]));
        assert_eq!((&said["sid"], &said["jti"], &said["cut"]), none);
    })
    .await;
}

/// A token that was exchanged for one of a session has its `sid`, so that a verifier of the other API refuses it.
#[tokio::test(flavor = "multi_thread")]
async fn an_exchanged_token_ends_with_the_session() {
    on_both("feed: exchanged", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        let gate = json!({"type": "service", "client_id": "gate", "audiences": [OTHER],
            "serves": [API], "grant_types": [EXCHANGE]});
        let gate = App::register(server, &stage.root, gate).await;
        server.app.reload_if_changed().await.unwrap();
        server.register("ada").await;
        let body = json!({"login": "ada", "password": PASSWORD, "audience": API, "scope": "read"});
        let tokens = Tokens::of(&server.post("/v1/login", body).await);
        let form = [
            ("grant_type", EXCHANGE),
            ("subject_token", &*tokens.access),
            ("subject_token_type", ACCESS_TOKEN),
            ("resource", OTHER),
        ];
        let exchanged =
            gate.call(server, "/oauth2/token", &form).await.is(200).string("access_token");
        assert_eq!(claim(&exchanged, "aud"), OTHER);
        assert_eq!(claim(&exchanged, "sid"), claim(&tokens.access, "sid"));
        server.post("/v1/logout", json!({"refresh_token": tokens.refresh})).await.is(204);
        assert!(has(&feed(server).await, &session_of(&exchanged)));
    })
    .await;
}

/// A log-in that races a change of the password is under the new password, or its session is in the feed: no accepted
/// token is unknown to both the feed and the server as ended.
#[tokio::test(flavor = "multi_thread")]
async fn no_log_in_slips_past_a_new_password() {
    on_both("feed: races", async |backend| {
        let stage = Stage::on(backend).await;
        let server = &stage.server;
        let id = server.register("ada").await;
        for round in 0..25 {
            let path = format!("/v1/admin/users/{id}/password");
            let body = json!({"password": format!("password of round {round}"), "permanent": true});
            let old = match round {
                0 => PASSWORD.to_owned(),
                round => format!("password of round {}", round - 1),
            };
            let change = server.call_as(Method::POST, &path, &stage.root.access, body);
            let log_ins =
                futures_util::future::join_all((0..4).map(|_| server.try_login("ada", &old)));
            let (changed, answers) = futures_util::join!(change, log_ins);
            assert!(changed.status < 300, "{}", changed.text);
            let said = feed(server).await;
            for answer in answers.iter().filter(|answer| answer.status == 200) {
                let tokens = Tokens::of(answer);
                let lives = server.get_as("/v1/me", &tokens.access).await.status == 200;
                let listed = has(&said, &session_of(&tokens.access));
                assert!(
                    lives != listed,
                    "{backend:?} round {round}: lives {lives}, listed {listed}"
                );
            }
        }
    })
    .await;
}

/// Sessions that ended at one of two processes are in the feed of the other within a second.
#[tokio::test(flavor = "multi_thread")]
async fn the_other_process_lists_it_too() {
    let Some((one, two)) = pair("feed: ways on two processes").await else { return };
    let root = one.administrator("root").await;
    let ada = one.register("ada").await;
    let tokens = one.login("ada").await;
    let path = format!("/v1/admin/users/{ada}/disable");
    one.call_as(Method::POST, &path, &root.access, Value::Null).await;
    assert!(has(&feed(&two).await, &session_of(&tokens.access)));
}
