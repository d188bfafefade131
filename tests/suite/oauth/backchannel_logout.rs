//! Back-channel logout: clients are notified of the end of a session.

use std::sync::mpsc;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::id::{BranchId, NoticeId, SessionId, UserId};
use signet::base::{TimeSpan, Timestamp};
use signet::crypto::random::SystemEntropy;
use signet::domain::oidc::RequestedClaims;
use signet::domain::scope::Scopes;
use signet::domain::session::{Chain, Session};
use signet::domain::user_agent::Device;
use signet::store::logout_notices::{self, Notice};
use signet::{fetch_all, jobs};

use crate::support::mailed::MailingServer;
use crate::support::process::until;
use crate::support::relying_party::{App, Person, field, form};
use crate::support::server::{Server, Tokens, on_both};
use crate::support::sessions as test_sessions;

use super::set;

/// The endpoint of a client: the received requests; it does not respond unless `answers`.
fn listener(answers: bool) -> (String, mpsc::Receiver<String>) {
    use std::io::{Read as _, Write as _};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}/logout", listener.local_addr().unwrap());
    let (sent, received) = mpsc::channel();
    std::thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().take(8) {
            let mut stream = stream.unwrap();
            let mut text = String::new();
            let mut buffer = [0; 8192];
            while !text.contains("logout_token=") {
                let Ok(count) = stream.read(&mut buffer) else { break };
                if count == 0 {
                    break;
                }
                text.push_str(&String::from_utf8_lossy(&buffer[..count]));
            }
            if sent.send(text).is_err() {
                return;
            }
            if answers {
                let _ = stream.write_all(
                    b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
                );
            } else {
                kept.push(stream);
            }
        }
    });
    (uri, received)
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_that_a_session_has_ended() {
    let (server, root, _) = set().await;
    let (good, told) = listener(true);
    let (dead, held) = listener(false);
    let app = json!({"type": "web", "backchannel_logout_uri": good});
    let app = App::register(&server, &root, app).await;
    let hanging = json!({"type": "web", "backchannel_logout_uri": dead});
    let hanging = App::register(&server, &root, hanging).await;
    let ada = Person::new(&server, "ada");
    hanging.tokens(&server, &ada).await;
    let tokens = app.tokens(&server, &ada).await;
    let id =
        crate::support::relying_party::id_token(&server, &app, &tokens, Some("the nonce")).await;
    let hint = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
    // The response does not wait for the notices: the client that hangs is still being called after it.
    ada.get(&format!("/oauth2/logout?{}", form(hint))).await.is(200);
    let wait = crate::support::process::PATIENCE;
    let sent = tokio::task::spawn_blocking(move || told.recv_timeout(wait).unwrap()).await.unwrap();
    assert!(sent.starts_with("POST /logout HTTP/1.1\r\n"), "{sent}");
    assert!(sent.contains("application/x-www-form-urlencoded"), "{sent}");
    let token = sent.split_once("logout_token=").unwrap().1.trim().to_owned();
    let header = jsonwebtoken::decode_header(&token).unwrap();
    assert_eq!(header.typ.as_deref(), Some("logout+jwt"));
    let jwks = server.get("/.well-known/jwks.json").await;
    let set: jsonwebtoken::jwk::JwkSet = serde_json::from_str(&jwks.text).unwrap();
    let key = jsonwebtoken::DecodingKey::from_jwk(set.find(&header.kid.unwrap()).unwrap()).unwrap();
    let mut rules = jsonwebtoken::Validation::new(header.alg);
    rules.set_issuer(&[&server.base]);
    rules.set_audience(&[&app.id]);
    rules.validate_exp = false;
    let said = jsonwebtoken::decode::<Value>(&token, &key, &rules).unwrap().claims;
    assert_eq!((&said["sub"], &said["sid"]), (&id["sub"], &id["sid"]));
    assert!(said["iat"].is_i64() && said["jti"].is_string() && said.get("nonce").is_none());
    assert_eq!(said["events"], json!({"http://schemas.openid.net/event/backchannel-logout": {}}));
    tokio::task::spawn_blocking(move || held.recv_timeout(wait).unwrap()).await.unwrap();
    // Its notice would be sent again, and the test would wait for it.
    let path = format!("/v1/admin/clients/{}", hanging.id);
    let silent = json!({"backchannel_logout_uri": null});
    server.call_as(Method::PATCH, &path, &root.access, silent).await.is(200);
    assert_eq!(ada.visit(&app.url(&[("prompt", "none")])).await.said("error"), "login_required");

    // Without any response, the notice is retried with pauses, then abandoned with an event.
    let gone = json!({"backchannel_logout_uri": "http://127.0.0.1:9/"});
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::PATCH, &path, &root.access, gone).await.is(200);
    let bob = server.register("bob").await;
    app.tokens(&server, &Person::new(&server, "bob")).await;
    let path = format!("/v1/admin/users/{bob}/disable");
    server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
    let mut failed = Vec::new();
    for _ in 0..60 {
        server.advance(TimeSpan::from_mins(60));
        jobs::deliver_logout_notices(&server.app).await.unwrap();
        let root = Tokens::of(
            &server
                .post(
                    "/v1/login",
                    json!({"login": "root",
            "password": crate::support::server::PASSWORD, "scope": "signet:admin"}),
                )
                .await,
        );
        failed = server.events(&root, "logout.notice_failed").await;
        if failed.iter().any(|event| event["detail"] == app.id) {
            break;
        }
    }
    assert!(failed.iter().any(|event| event["detail"] == app.id), "{failed:?}");
}

/// The `sid`s in the logout tokens that a client received, `count` of them.
async fn sids(told: mpsc::Receiver<String>, count: usize) -> Vec<Value> {
    let wait = crate::support::process::PATIENCE;
    let read = move || (0..count).map(|_| told.recv_timeout(wait).unwrap()).collect::<Vec<_>>();
    let sent = tokio::task::spawn_blocking(read).await.unwrap();
    let sid = |text: &String| {
        let token = text.split_once("logout_token=").unwrap().1.trim().to_owned();
        Tokens { access: token, refresh: String::new() }.claims()["sid"].clone()
    };
    sent.iter().map(sid).collect()
}

/// Back-Channel Logout 1.0 §2.7: the client is notified, and its refresh token with `offline_access` stays valid.
#[tokio::test(flavor = "multi_thread")]
async fn an_offline_client_gets_a_logout_notice_on_both_databases() {
    on_both("notices: offline_access", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let (uri, told) = listener(true);
        let offline = json!({"type": "web", "backchannel_logout_uri": uri});
        let offline = App::register(&server, &root, offline).await;
        let (uri, told_online) = listener(true);
        let online = json!({"type": "web", "backchannel_logout_uri": uri});
        let online = App::register(&server, &root, online).await;
        let ada = Person::new(&server, "ada");
        let code = offline.code(&ada, &[("scope", "openid offline_access")]).await;
        let kept = offline.redeem(&server, &code).await.is(200).json();
        let ended = online.tokens(&server, &ada).await;
        let csrf = field(&ada.get("/account").await.is(200).text, "csrf");
        ada.post("/logout", &[("csrf", &csrf)]).await;
        jobs::deliver_logout_notices(&server.app).await.unwrap();
        let sid = |tokens: &Value| {
            let access = tokens["access_token"].as_str().unwrap().to_owned();
            Tokens { access, refresh: String::new() }.claims()["sid"].clone()
        };
        assert_eq!(sids(told, 1).await, [sid(&kept)]);
        assert_eq!(sids(told_online, 1).await, [sid(&ended)]);
        offline.refresh(&server, kept["refresh_token"].as_str().unwrap()).await.is(200);
        online.refresh(&server, ended["refresh_token"].as_str().unwrap()).await.is(400);
    })
    .await;
}

/// Clients are notified of the sessions that a recovery ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_sends_logout_notices_to_clients_on_both_databases() {
    on_both("notices: recovery", async |backend| {
        let place = MailingServer::start(backend).await;
        let server = &place.server;
        place.user("ada", "ada@example.org").await;
        let (uri, told) = listener(true);
        let app = json!({"type": "web", "backchannel_logout_uri": uri});
        let app = App::register(server, &place.root, app).await;
        let tokens = app.tokens(server, &Person::new(server, "ada")).await;
        let access = tokens["access_token"].as_str().unwrap().to_owned();
        let sid = Tokens { access, refresh: String::new() }.claims()["sid"].clone();
        place.recover("ada@example.org").await;
        place.redeem(&place.newest().await.link, "a password that is new").await.is(204);
        app.refresh(server, tokens["refresh_token"].as_str().unwrap()).await.is(400);
        jobs::deliver_logout_notices(&server.app).await.unwrap();
        assert_eq!(sids(told, 1).await, [sid]);
    })
    .await;
}

/// Every client of every session, in transactions of 500, wherever the process stops in between.
#[tokio::test(flavor = "multi_thread")]
async fn every_client_is_told_however_many_sessions_end_at_once_on_both_databases() {
    on_both("notices: many", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let app = json!({"type": "web", "backchannel_logout_uri": "http://127.0.0.1:9/"});
        let app = App::register(&server, &root, app).await;
        let count = async |sql: &str| {
            let mut link = server.app.db.reader().await.unwrap();
            let row = match sql {
                "notices" => fetch_all!(&mut link, (i64,), "SELECT count(*) FROM logout_notices"),
                _ => fetch_all!(&mut link, (i64,), "SELECT count(*) FROM logout_fanouts"),
            };
            row.unwrap()[0].0
        };
        let mut expected = 0;
        for (way, sessions) in [("disable", 1_203), ("delete", 1_203)] {
            let ada: UserId = server.register(way).await.parse().unwrap();
            let now = server.now();
            let mut tx = server.app.db.begin().await.unwrap();
            for _ in 0..sessions {
                let id = SessionId::new(now, &SystemEntropy);
                let session = opened_by(&app, ada, id, now);
                assert!(test_sessions::open(&mut tx, &session, &Device::default()).await.unwrap());
            }
            tx.commit().await.unwrap();
            let path = format!("/v1/admin/users/{ada}");
            if way == "disable" {
                let path = format!("{path}/disable");
                server.call_as(Method::POST, &path, &root.access, Value::Null).await.is(200);
            } else {
                server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
            }
            // Written in batches; the job of the server itself may have begun already.
            while jobs::write_logout_notices(&server.app, server.now()).await.unwrap() {}
            expected += sessions;
            assert_eq!(count("fanouts").await, 0);
            assert_eq!(count("notices").await, expected, "{way}");
        }
    })
    .await;
}

/// Each client has its own queue: one that never responds and has the most and oldest notices delays no other.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_does_not_answer_delays_no_other_on_both_databases() {
    on_both("notices: queues", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada: UserId = server.register("ada").await.parse().unwrap();
        let (dead, held) = listener(false);
        let (good, told) = listener(true);
        let hanging = json!({"type": "web", "backchannel_logout_uri": dead});
        let hanging = App::register(&server, &root, hanging).await;
        let app = json!({"type": "web", "backchannel_logout_uri": good});
        let app = App::register(&server, &root, app).await;
        let now = server.now();
        let mut tx = server.app.db.begin().await.unwrap();
        for number in 0..400 {
            let client_id = if number == 399 { app.id.clone() } else { hanging.id.clone() };
            let notice = Notice {
                id: NoticeId::new(now, &SystemEntropy),
                client_id,
                user_id: ada,
                session_id: SessionId::new(now, &SystemEntropy),
                tries: 0,
            };
            logout_notices::insert(&mut tx, &notice, now).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(sids(told, 1).await.len(), 1);
        // Four at a time are sent to the other client, which does not respond; the rest waits.
        let untried = async || {
            let mut link = server.app.db.reader().await.unwrap();
            let rows = fetch_all!(
                &mut link,
                (i64,),
                "SELECT count(*) FROM logout_notices WHERE tries = 0"
            );
            rows.unwrap()[0].0
        };
        until("four are under way", async || untried().await <= 395).await;
        assert_eq!(untried().await, 395);
        drop(held);
    })
    .await;
}

/// More unresponsive clients than are notified at a time, with older notices than the one that responds.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_do_not_answer_take_no_place_of_others_on_both_databases() {
    on_both("notices: many dead clients", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada: UserId = server.register("ada").await.parse().unwrap();
        let (dead, held) = listener(false);
        let (good, told) = listener(true);
        let hanging = json!({"type": "web", "backchannel_logout_uri": dead});
        let app = json!({"type": "web", "backchannel_logout_uri": good});
        let app = App::register(&server, &root, app).await;
        let mut clients = Vec::new();
        for _ in 0..300 {
            clients.push(App::register(&server, &root, hanging.clone()).await.id);
        }
        clients.push(app.id.clone());
        let now = server.now();
        let mut tx = server.app.db.begin().await.unwrap();
        for (number, client_id) in clients.into_iter().enumerate() {
            let due = now - TimeSpan::from_secs(1_000 - i64::try_from(number).unwrap());
            let notice = Notice {
                id: NoticeId::new(now, &SystemEntropy),
                client_id,
                user_id: ada,
                session_id: SessionId::new(now, &SystemEntropy),
                tries: 0,
            };
            logout_notices::insert(&mut tx, &notice, due).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(sids(told, 1).await.len(), 1);
        // No notice of the others is done: each is being sent or waits for a retry.
        let mut link = server.app.db.reader().await.unwrap();
        let left = fetch_all!(&mut link, (i64,), "SELECT count(*) FROM logout_notices");
        assert!(left.unwrap()[0].0 >= 300);
        drop(held);
    })
    .await;
}

/// A session of the client, as a redeemed code opens it.
fn opened_by(app: &App, user: UserId, id: SessionId, now: Timestamp) -> Session {
    Session {
        id,
        branch: BranchId::from_uuid(id.uuid()),
        user_id: user,
        client_id: app.id.clone(),
        audience: None,
        scopes: Scopes::default(),
        chain: Chain::opened(now),
        created_at: now,
        idle_expires_at: now + TimeSpan::from_days(1),
        expires_at: now + TimeSpan::from_days(1),
        revoked: None,
        user_epoch: 0,
        grant_type: Some("authorization_code".to_owned()),
        auth_time: now,
        factors: None,
        browser: None,
        asked_claims: RequestedClaims::default(),
        dpop_jkt: None,
        requested_scopes: None,
    }
}
