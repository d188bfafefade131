//! Back-channel logout: clients are told that a session has ended.

use std::sync::mpsc;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::jobs;

use crate::support::relying_party::{App, Person, form};
use crate::support::server::Tokens;

use super::set;

/// A client that is told over HTTP: what it was sent, or silence.
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
    // The answer does not wait for anybody who is told: the one that hangs is still asked after it.
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
    // It would be asked again, and waited for.
    let path = format!("/v1/admin/clients/{}", hanging.id);
    let silent = json!({"backchannel_logout_uri": null});
    server.call_as(Method::PATCH, &path, &root.access, silent).await.is(200);
    assert_eq!(ada.visit(&app.url(&[("prompt", "none")])).await.said("error"), "login_required");

    // Nobody answers at all: tried again, with pauses, and given up with an event.
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
