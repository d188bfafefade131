//! The revocation feed, which services that verify access tokens offline fetch.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::jwt::{UnverifiedHeader, VerifyingKey, decode_unverified};

use crate::support::relying_party::App;
use crate::support::server::{Answer, Options, PASSWORD, Tokens, pair};
use crate::support::{Backend, Server, on_both};

const FEED: &str = "/.well-known/revocations";
const API: &str = "https://api.example.com";

/// The claims of the feed a second later, when no process may serve an earlier read.
async fn feed(server: &Server) -> Value {
    server.advance(TimeSpan::from_secs(1));
    claims(&server.get(FEED).await)
}

fn claims(answer: &Answer) -> Value {
    json!(decode_unverified(&answer.is(200).text).claims.unwrap())
}

fn sid(tokens: &Tokens) -> String {
    tokens.claims()["sid"].as_str().unwrap().to_owned()
}

fn has(feed: &Value, kind: &str, value: &str) -> bool {
    feed[kind].get(value).is_some()
}

/// The feed is a JWT of its own type under a published key, open to every origin, cacheable for five seconds, and the
/// same bytes while nothing changes.
#[tokio::test(flavor = "multi_thread")]
async fn the_feed_is_a_signed_document_of_its_own_type() {
    on_both("feed: form", async |backend| {
        let server = Server::start(backend).await;
        let answer = server.get(FEED).await;
        let said = claims(&answer);
        assert_eq!(answer.header("content-type"), "application/jwt");
        assert_eq!(answer.header("cache-control"), "public, max-age=5");
        assert_eq!(answer.header("access-control-allow-origin"), "*");
        assert_eq!(said["iss"], json!(server.base));
        assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 60);
        assert_eq!((&said["poll"], &said["covers"]), (&json!(10), &json!(600)));
        for (member, empty) in
            [("sid", json!({})), ("jti", json!({})), ("cut", json!([])), ("kid", json!([]))]
        {
            assert_eq!(said[member], empty, "{member}");
        }
        let header = UnverifiedHeader::read(&answer.text).unwrap();
        assert_eq!(header.typ, "revocations+jwt");
        let keys = server.app.keyring();
        let key = keys.parsed(&header.kid).unwrap();
        assert!(VerifyingKey::new(key.alg, &key.public).unwrap().made(&answer.text));

        // The same bytes for five seconds, then with a new time.
        for secs in [0, 1, 3] {
            server.advance(TimeSpan::from_secs(secs));
            assert_eq!(server.get(FEED).await.text, answer.text);
        }
        let known =
            server.request(Method::GET, FEED).header("if-none-match", answer.header("etag"));
        server.send(known).await.is(304);
        server.advance(TimeSpan::from_secs(1));
        assert_eq!(
            claims(&server.get(FEED).await)["iat"],
            json!(said["iat"].as_i64().unwrap() + 5)
        );
        server.send(server.request(Method::OPTIONS, FEED)).await.is(204);
        let discovery = server.get("/.well-known/openid-configuration").await.is(200).json();
        assert_eq!(discovery["signet_revocations_uri"], json!(server.url(FEED)));
        // It is not accepted as an access token.
        server.get_as("/v1/me", &answer.text).await.is(401);
        server.get_as("/oauth2/userinfo", &answer.text).await.is(401);
    })
    .await;
}

/// A session that ends is listed by its id until its last token has expired everywhere; a session that continues, a
/// refused log-out and a changed role are not listed.
#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_ended_are_listed_until_their_tokens_expired() {
    on_both("feed: sessions", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        let (one, two) = (server.login("ada").await, server.login("ada").await);
        server.post("/v1/logout", json!({"refresh_token": "srt_x"})).await;
        let other = format!("/v1/sessions/{}", sid(&root));
        server.call_as(Method::DELETE, &other, &one.access, Value::Null).await.is(404);
        let user = format!("/v1/admin/users/{ada}");
        server.call_as(Method::PATCH, &user, &root.access, json!({"roles": ["x"]})).await.is(200);
        assert_eq!(feed(&server).await["sid"], json!({}));
        let body = json!({"current_password": PASSWORD, "new_password": "another good one"});
        server.call_as(Method::POST, "/v1/password", &two.access, body).await.is(204);
        let said = feed(&server).await;
        assert!(has(&said, "sid", &sid(&one)) && !has(&said, "sid", &sid(&two)), "{said}");
        let until = said["sid"][sid(&one)].as_i64().unwrap();
        let last = one.claims()["exp"].as_i64().unwrap();
        assert!((last + 60..=last + 62).contains(&until), "{until} {last}");
        server.advance(TimeSpan::from_secs(until - server.now().secs() - 3));
        assert!(has(&feed(&server).await, "sid", &sid(&one)));
        server.advance(TimeSpan::from_secs(2));
        assert_eq!(feed(&server).await["sid"], json!({}));
    })
    .await;
}

/// A revoked access token is listed by its `jti`; deleted clients and APIs are a `cut` of all earlier tokens.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_clients_and_apis_are_listed() {
    on_both("feed: tokens and cuts", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let post = async |path: &str, body: Value| {
            server.call_as(Method::POST, path, &root.access, body).await
        };
        let api = post("/v1/admin/apis", json!({"identifier": API})).await;
        api.is(201);
        let app = App::register(
            &server,
            &root,
            json!({"type": "service", "client_id": "bot", "audiences": [API]}),
        )
        .await;
        server.app.reload_if_changed().await.unwrap();
        let secret = app.secret.clone().unwrap();
        let form = async |path: &str, form: String| {
            let form = format!("client_id=bot&client_secret={secret}&{form}");
            let request = server.request(Method::POST, path);
            let request = request.header("content-type", "application/x-www-form-urlencoded");
            server.send(request.body(form)).await
        };
        let token = form("/oauth2/token", "grant_type=client_credentials".to_owned()).await;
        let token = token.is(200).string("access_token");
        form("/oauth2/revoke", format!("token={token}")).await.is(200);
        let jti = decode_unverified(&token).claims.unwrap()["jti"].as_str().unwrap().to_owned();
        let said = feed(&server).await;
        assert!(has(&said, "jti", &jti), "{said}");
        assert_eq!((&said["sid"], &said["cut"]), (&json!({}), &json!([])));

        let at = server.now().secs();
        post("/v1/admin/clients/bot/disable", Value::Null).await.is(200);
        let path = format!("/v1/admin/apis/{}", API.replace(':', "%3A").replace('/', "%2F"));
        server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
        let said = feed(&server).await;
        let cut = |name: &str, value: &str| {
            let found = said["cut"].as_array().unwrap().iter().find(|cut| cut[name] == value);
            found.unwrap_or_else(|| panic!("{name}: {said}")).clone()
        };
        for entry in [cut("client_id", "bot"), cut("aud", API)] {
            assert!((at..=at + 1).contains(&entry["iat"].as_i64().unwrap()), "{entry}");
            assert!(entry["until"].as_i64().unwrap() > at + 600, "{entry}");
        }
        let everything = json!({"all": true});
        let ended = post("/v1/admin/sessions/end", everything).await;
        assert!([200, 204].contains(&ended.status), "{}", ended.text);
        let said = feed(&server).await;
        let all =
            said["cut"].as_array().unwrap().iter().find(|cut| cut.as_object().unwrap().len() == 2);
        assert!(all.is_some(), "{said}");
    })
    .await;
}

/// A key that is retired in an emergency is listed, and the feed is signed by another.
#[tokio::test(flavor = "multi_thread")]
async fn a_withdrawn_key_is_named() {
    on_both("feed: keys", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let kid = UnverifiedHeader::read(&server.get(FEED).await.text).unwrap().kid;
        let post = async |path: &str, body: Value| {
            server.call_as(Method::POST, path, &root.access, body).await
        };
        post("/v1/admin/keys/rotate", json!({"now": true})).await.is(200);
        server.advance(TimeSpan::from_secs(7));
        let retired = post(&format!("/v1/admin/keys/{kid}/retire"), json!({"now": true})).await;
        retired.is(204);
        let said = feed(&server).await;
        assert_eq!(said["kid"], json!([kid]));
        let signed = UnverifiedHeader::read(&server.get(FEED).await.text).unwrap();
        assert_ne!(signed.kid, kid);
    })
    .await;
}

/// Sessions that one process ends are in the feed of another a second later.
#[tokio::test(flavor = "multi_thread")]
async fn every_process_lists_what_any_has_ended() {
    let Some((one, two)) = pair("feed: two processes").await else { return };
    one.register("ada").await;
    let tokens = one.login("ada").await;
    assert!(!has(&feed(&two).await, "sid", &sid(&tokens)));
    one.post("/v1/logout", json!({"refresh_token": tokens.refresh})).await.is(204);
    assert!(has(&feed(&two).await, "sid", &sid(&tokens)));
}

/// If disabled, there is no feed, and the metadata have no address for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_feed_can_be_switched_off() {
    let server = Options::on(Backend::Sqlite).with("SIGNET_REVOCATION_FEED", "off").start().await;
    server.get(FEED).await.is_problem(404, "not_found");
    let discovery = server.get("/.well-known/openid-configuration").await.is(200).json();
    assert!(discovery.get("signet_revocations_uri").is_none());
}

/// A partial feed has at least the entries since the given time, and never begins after it.
#[tokio::test(flavor = "multi_thread")]
async fn the_feed_since_a_time_omits_no_new_entry() {
    on_both("feed: since", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let (early, late) = (server.login("ada").await, server.login("ada").await);
        let log_out = async |tokens: &Tokens| {
            let body = json!({"refresh_token": tokens.refresh});
            server.post("/v1/logout", body).await.is(204);
        };
        log_out(&early).await;
        let known = feed(&server).await["iat"].as_i64().unwrap();
        server.advance(TimeSpan::from_secs(60));
        log_out(&late).await;
        server.advance(TimeSpan::from_secs(1));
        let whole = claims(&server.get(FEED).await);
        assert!(whole.get("since").is_none());
        let since = async |since: i64| claims(&server.get(&format!("{FEED}?since={since}")).await);
        // The entries since the verifier's time, and ten seconds before it.
        let said = since(known).await;
        assert!(has(&said, "sid", &sid(&late)) && has(&said, "sid", &sid(&early)), "{said}");
        let begins = said["since"].as_i64().unwrap();
        assert!((known - 9..=known).contains(&begins), "{begins} {known}");
        assert_eq!((&said["iat"], &said["exp"]), (&whole["iat"], &whole["exp"]));
        let said = since(known + 30).await;
        assert!(has(&said, "sid", &sid(&late)) && !has(&said, "sid", &sid(&early)), "{said}");
        // A time in the future is treated as now, and one long ago gives the whole feed.
        let said = since(known + 1_000_000).await;
        assert!(said["since"].as_i64().unwrap() <= whole["iat"].as_i64().unwrap());
        assert!(has(&said, "sid", &sid(&late)));
        for long_ago in [0, known - 700] {
            assert_eq!(since(long_ago).await, whole);
        }
        // The same bytes for all requests, and the whole feed is unaffected.
        let path = |nth: i64| format!("{FEED}?since={}", known / 10 * 10 + nth);
        assert_eq!(server.get(&path(1)).await.text, server.get(&path(9)).await.text);
        assert_eq!(claims(&server.get(FEED).await), whole);
        for wrong in ["", "x", "-1", "1.5", "253402300800", "99999999999999999999"] {
            let answer = server.get(&format!("{FEED}?since={wrong}")).await;
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], "since");
        }
    })
    .await;
}

/// A long feed is compressed for clients that accept gzip, with its own entity tag.
#[tokio::test(flavor = "multi_thread")]
async fn a_long_feed_is_compressed() {
    let server = Server::start(Backend::Sqlite).await;
    server.register("ada").await;
    let fetch = async |accepts: Option<&str>, known: &str| {
        let mut request = server.request(Method::GET, FEED).header("if-none-match", known);
        if let Some(accepts) = accepts {
            request = request.header("accept-encoding", accepts);
        }
        let response = request.send().await.unwrap();
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
        let named = (text("content-encoding"), text("etag").unwrap(), text("vary"));
        (status, named, response.bytes().await.unwrap())
    };
    // A short one is not compressed.
    assert_eq!(fetch(Some("gzip"), "x").await.1.0, None);
    for _ in 0..40 {
        let tokens = server.login("ada").await;
        server.post("/v1/logout", json!({"refresh_token": tokens.refresh})).await.is(204);
    }
    server.advance(TimeSpan::from_secs(6));
    let (_, (coding, plain_tag, vary), plain) = fetch(None, "x").await;
    assert_eq!((coding, vary.as_deref()), (None, Some("accept-encoding")));
    for accepts in ["gzip", "br, GZIP;q=0.5", "gzip;q=1.0, identity"] {
        let (status, (coding, tag, _), body) = fetch(Some(accepts), "x").await;
        assert_eq!((status, coding.as_deref()), (200, Some("gzip")), "{accepts}");
        assert!(tag != plain_tag && body.len() < plain.len() * 4 / 5, "{}", body.len());
        let mut inflated = Vec::new();
        let mut decoder = flate2::read::GzDecoder::new(&*body);
        std::io::Read::read_to_end(&mut decoder, &mut inflated).unwrap();
        assert_eq!(inflated, plain);
        let (status, (coding, ..), body) = fetch(Some(accepts), &tag).await;
        assert_eq!((status, coding, body.len()), (304, None, 0));
    }
    for accepts in ["br", "identity", "gzip;q=0", "gzip; q=0.0", "xgzip"] {
        let (_, (coding, tag, _), body) = fetch(Some(accepts), "x").await;
        assert_eq!((coding, tag, body), (None, plain_tag.clone(), plain.clone()), "{accepts}");
    }
}
