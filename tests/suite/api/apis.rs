//! APIs over HTTP: their settings apply to their tokens, on both databases.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::server::{Answer, Options, PASSWORD, Tokens, on_both};
use crate::support::{Backend, Server};

const API: &str = "https://api.example.com";

/// A server with an administrator `root`, an ordinary user `ada` and one API.
async fn with_api(backend: Backend, api: Value) -> (Server, Tokens, Answer) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let made = create(&server, &root, api).await;
    made.is(201);
    (server, root, made)
}

async fn create(server: &Server, root: &Tokens, mut api: Value) -> Answer {
    if api.get("identifier").is_none() {
        api["identifier"] = json!(API);
    }
    server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await
}

async fn set(server: &Server, root: &Tokens, made: &Answer, patch: Value) -> Answer {
    let path = format!("/v1/admin/apis/{}", made.string("id"));
    server.call_as(Method::PATCH, &path, &root.access, patch).await
}

async fn try_login(server: &Server, scope: &str) -> Answer {
    let body = json!({"login": "ada", "password": PASSWORD, "audience": API, "scope": scope});
    server.post("/v1/login", body).await
}

async fn login(server: &Server, scope: &str) -> Tokens {
    Tokens::of(&try_login(server, scope).await)
}

fn header(token: &str) -> Value {
    let bytes = URL_SAFE_NO_PAD.decode(token.split('.').next().unwrap()).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

fn members(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_follow_the_settings_of_their_api() {
    on_both("api choices", async |backend| {
        let (server, root, made) = with_api(backend, json!({"scopes": ["a", "b"]})).await;
        let shown = made.json();
        for (name, value) in [
            ("signing_alg", Value::Null),
            ("token_profile", json!("rfc9068")),
            ("access_token_ttl", Value::Null),
            ("claims", json!([])),
            ("shared_secret_kid", Value::Null),
            ("warnings", json!([])),
        ] {
            assert_eq!(shown[name], value, "{name}");
        }
        let tokens = login(&server, "a").await;
        let plain = header(&tokens.access);
        assert_eq!(members(&plain), ["alg", "kid", "typ"]);
        assert_eq!((&plain["alg"], &plain["typ"]), (&json!("ES256"), &json!("at+jwt")));
        assert!(tokens.claims().get("azp").is_none());

        let patch = json!({"signing_alg": "RS256", "token_profile": "jwt", "access_token_ttl": 90});
        let changed = set(&server, &root, &made, patch).await;
        assert_eq!(changed.is(200).json()["access_token_ttl"], 90);
        assert_eq!(changed.json()["scopes"], json!(["a", "b"]), "the rest stays");
        for answer in [try_login(&server, "a").await, server.refresh(&tokens.refresh).await] {
            assert_eq!(answer.is(200).json()["expires_in"], 90);
            let tokens = Tokens::of(&answer);
            let (header, claims) = (header(&tokens.access), tokens.claims());
            assert_eq!(members(&header), ["alg", "kid", "typ"]);
            assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
            assert_eq!(
                (&claims["azp"], &claims["client_id"]),
                (&json!("signet"), &json!("signet"))
            );
            let life = claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap();
            assert_eq!(life, 90);
            server.get_as("/v1/me", &tokens.access).await.is_problem(401, "invalid_token");
        }

        let back = json!({"signing_alg": null, "token_profile": null, "access_token_ttl": null,
            "scopes": null});
        let back = set(&server, &root, &made, back).await.is(200).json();
        assert_eq!((&back["signing_alg"], &back["scopes"]), (&Value::Null, &json!([])));
        assert_eq!(back["token_profile"], "rfc9068");
        let again = login(&server, "").await;
        assert_eq!(header(&again.access), plain);
        assert_eq!(server.events(&root, "api.updated").await.len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_granted_scope_is_always_returned_and_never_wider_than_the_api() {
    on_both("api scopes", async |backend| {
        let (server, root, made) = with_api(backend, json!({"scopes": ["a", "b"]})).await;
        let body = json!({"login": "ada", "password": PASSWORD, "audience": "urn:nobody"});
        server.post("/v1/login", body).await.is_problem(400, "invalid_target");
        try_login(&server, "a c").await.is_problem(400, "invalid_scope");
        for scope in ["", "a", "b a"] {
            let answer = try_login(&server, scope).await;
            assert_eq!(answer.is(200).json()["scope"], scope);
            assert_eq!(Tokens::of(&answer).claims()["scope"], scope);
        }
        let tokens = login(&server, "a b").await;
        set(&server, &root, &made, json!({"scopes": ["b", "c"]})).await.is(200);
        try_login(&server, "a").await.is_problem(400, "invalid_scope");
        let narrowed = server.refresh(&tokens.refresh).await;
        assert_eq!(narrowed.is(200).json()["scope"], "b", "neither a nor c");
        let narrowed = Tokens::of(&narrowed);
        assert_eq!(narrowed.claims()["scope"], "b");
        // The grant itself was not removed.
        set(&server, &root, &made, json!({"scopes": ["a", "c"]})).await.is(200);
        let other = Tokens::of(&server.refresh(&narrowed.refresh).await);
        assert_eq!(other.claims()["scope"], "a");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_secret_is_shown_once_and_signs_what_only_its_api_accepts() {
    on_both("shared secrets", async |backend| {
        let (server, root, made) = with_api(backend, json!({"signing_alg": "HS256"})).await;
        let (secret, kid) = (made.string("shared_secret"), made.string("shared_secret_kid"));
        let bytes = URL_SAFE_NO_PAD.decode(&secret).unwrap();
        assert_eq!(bytes.len(), 32);
        assert_eq!(made.header("cache-control"), "no-store");
        assert!(made.json()["warnings"].as_array().is_some_and(|said| !said.is_empty()));
        let path = format!("/v1/admin/apis/{}", made.string("id"));
        for path in [path.as_str(), "/v1/admin/apis"] {
            let shown = server.get_as(path, &root.access).await;
            assert!(!shown.is(200).text.contains(&secret) && shown.text.contains(&kid));
        }
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &bytes);
        assert_ne!(kid, URL_SAFE_NO_PAD.encode(digest));
        assert!(!server.get("/.well-known/jwks.json").await.text.contains(&kid));

        let genuine = |secret: &str, token: &str| {
            let key = hmac::Key::new(hmac::HMAC_SHA256, &URL_SAFE_NO_PAD.decode(secret).unwrap());
            let (message, tag) = token.rsplit_once('.').unwrap();
            hmac::verify(&key, message.as_bytes(), &URL_SAFE_NO_PAD.decode(tag).unwrap()).is_ok()
        };
        let tokens = login(&server, "").await;
        let head = header(&tokens.access);
        assert_eq!(head, json!({"alg": "HS256", "kid": kid, "typ": "at+jwt"}));
        assert!(genuine(&secret, &tokens.access));
        for path in ["/v1/me", "/v1/admin/users"] {
            server.get_as(path, &tokens.access).await.is_problem(401, "invalid_token");
        }
        let logout = server.call_as(Method::POST, "/v1/logout", &tokens.access, Value::Null);
        logout.await.is_problem(401, "invalid_token");

        // An attacker with the secret can forge tokens, which are accepted nowhere here.
        let mut claims = root.claims();
        claims["scope"] = json!("signet:admin");
        let forged = format!(
            "{}.{}",
            tokens.access.split('.').next().unwrap(),
            URL_SAFE_NO_PAD.encode(claims.to_string())
        );
        let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &bytes), forged.as_bytes());
        let forged = format!("{forged}.{}", URL_SAFE_NO_PAD.encode(tag));
        server.get_as("/v1/admin/users", &forged).await.is_problem(401, "invalid_token");

        // A change without `new_secret` keeps the secret; a new one replaces it at once.
        let same = set(&server, &root, &made, json!({"scopes": ["a"], "signing_alg": "HS256"}));
        let same = same.await;
        assert!(same.is(200).json().get("shared_secret").is_none());
        assert_eq!(same.string("shared_secret_kid"), kid);
        let fresh = set(&server, &root, &made, json!({"new_secret": true})).await;
        let (new, new_kid) = (fresh.string("shared_secret"), fresh.string("shared_secret_kid"));
        assert!(new != secret && new_kid != kid);
        let refreshed = Tokens::of(&server.refresh(&tokens.refresh).await);
        assert_eq!(header(&refreshed.access)["kid"], new_kid);
        assert!(genuine(&new, &refreshed.access) && !genuine(&secret, &refreshed.access));

        // Another algorithm deletes it: changing back creates another one.
        let away = set(&server, &root, &made, json!({"signing_alg": "ES256"})).await;
        assert_eq!(away.is(200).json()["shared_secret_kid"], Value::Null);
        assert_eq!(away.json()["warnings"], json!([]));
        let refused = set(&server, &root, &made, json!({"new_secret": true})).await;
        refused.is_problem(422, "validation_failed");
        assert_eq!(refused.json()["errors"][0]["field"], "new_secret");
        let back = set(&server, &root, &made, json!({"signing_alg": "HS256"})).await;
        assert!(back.string("shared_secret") != new);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shared_secret_is_found_again_after_a_restart() {
    let (server, _, made) = with_api(Backend::Sqlite, json!({"signing_alg": "HS256"})).await;
    let kid = made.string("shared_secret_kid");
    let (dir, tokens) = (server.dir.clone(), login(&server, "").await);
    drop(server);
    let server = Options::on(Backend::Sqlite).start_in(dir).await;
    let refreshed = Tokens::of(&server.refresh(&tokens.refresh).await);
    assert_eq!(header(&refreshed.access)["kid"], kid);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_api_is_deleted_ends_at_its_next_refresh() {
    on_both("deleted api", async |backend| {
        let (server, root, made) = with_api(backend, json!({})).await;
        let tokens = login(&server, "").await;
        let path = format!("/v1/admin/apis/{}", made.string("id"));
        server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
        try_login(&server, "").await.is_problem(400, "invalid_target");
        server.refresh(&tokens.refresh).await.is_problem(401, "refresh_token_invalid");
        // The same API created again does not restore the session, and no reuse is reported.
        create(&server, &root, json!({})).await.is(201);
        server.advance(TimeSpan::from_mins(2));
        server.refresh(&tokens.refresh).await.is_problem(401, "refresh_token_invalid");
        let ended = server.events(&root, "session.ended").await;
        assert_eq!(ended[0]["detail"], "api_deleted");
        assert!(server.events(&root, "refresh.reuse_detected").await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_that_cannot_be_name_their_field_and_change_nothing() {
    let (server, root, made) = with_api(Backend::Sqlite, json!({"scopes": ["a"]})).await;
    let before = server.get_as("/v1/admin/apis", &root.access).await.json();
    for (field, value) in [
        ("signing_alg", json!("none")),
        ("signing_alg", json!("HS512")),
        ("token_profile", json!("JWT")),
        ("access_token_ttl", json!(0)),
        // Shorter than twice the retry window of 30 seconds.
        ("access_token_ttl", json!(59)),
        ("access_token_ttl", json!(86_401)),
        ("access_token_ttl", json!(i64::MIN)),
        ("claims", json!(["sub"])),
        ("claims", json!(["signet:x"])),
        ("claims", json!(["a b"])),
        ("claims", json!([""])),
        ("scopes", json!(["a b"])),
        ("scopes", json!(["signet:admin"])),
    ] {
        let mut body = json!({"identifier": "urn:other"});
        body[field] = value.clone();
        for answer in [
            set(&server, &root, &made, json!({ field: value.clone() })).await,
            create(&server, &root, body).await,
        ] {
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{value}");
        }
    }
    for identifier in [server.base.clone(), format!("{}/", server.base), "signet".to_owned()] {
        let answer = create(&server, &root, json!({ "identifier": identifier })).await;
        answer.is_problem(422, "validation_failed");
        assert_eq!(answer.json()["errors"][0]["field"], "identifier");
    }
    assert_eq!(server.get_as("/v1/admin/apis", &root.access).await.json(), before);
    let nobody = "/v1/admin/apis/00000000-0000-7000-8000-000000000000";
    let answer = server.call_as(Method::PATCH, nobody, &root.access, json!({})).await;
    answer.is_problem(404, "not_found");
    // The percent-encoded identifier names it too.
    let named = format!("/v1/admin/apis/{}", "https%3A%2F%2Fapi.example.com");
    let answer = server.call_as(Method::PATCH, &named, &root.access, json!({"claims": ["roles"]}));
    assert_eq!(answer.await.is(200).json()["claims"], json!(["roles"]));
}

/// Two administrators who change different settings of one API concurrently are both successful.
#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_api_at_once_do_not_undo_each_other() {
    on_both("api changes at once", async |backend| {
        let (server, root, made) = with_api(backend, json!({})).await;
        for round in 0..10 {
            let (scope, claim) = (format!("s{round}"), format!("c{round}"));
            let (one, two, three) = tokio::join!(
                set(&server, &root, &made, json!({"scopes": [scope]})),
                set(&server, &root, &made, json!({"claims": [claim]})),
                set(&server, &root, &made, json!({"access_token_ttl": 100 + round})),
            );
            for answer in [one, two, three] {
                answer.is(200);
            }
            let path = format!("/v1/admin/apis/{}", made.string("id"));
            let now = server.get_as(&path, &root.access).await.json();
            assert_eq!(now["scopes"], json!([scope]));
            assert_eq!(now["claims"], json!([claim]));
            assert_eq!(now["access_token_ttl"], 100 + round);
        }
    })
    .await;
}
