//! Exchanging keys at the token endpoint.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::jwt::decode_unverified;

use super::{API, CLOSED, Place, wish};
use crate::support::on_both;
use crate::support::relying_party::{FORM, basic, error_of, form};
use crate::support::server::{Answer, Options};

/// A request with a form.
fn posted(place: &Place, path: &str, fields: &[(&str, &str)]) -> reqwest::RequestBuilder {
    let request = place.server.request(Method::POST, path);
    request.header("content-type", FORM).body(form(fields.iter().copied()))
}

fn claims(answer: &Answer) -> Value {
    json!(decode_unverified(&answer.string("access_token")).claims.unwrap())
}

/// A script has only the key and gets a token for ten minutes, without a session and without a refresh token. The use
/// is recorded to the hour.
#[tokio::test(flavor = "multi_thread")]
async fn the_key_alone_gives_a_token_for_minutes() {
    on_both("API keys: exchange", async |backend| {
        let place = Place::on(backend).await;
        let (id, key) = place.key(&["orders:read", "orders:write"]).await;
        let answer = place.exchange(&key, &[]).await;
        let body = answer.is(200).json();
        assert_eq!(body["expires_in"], 600);
        assert_eq!(body["token_type"], "Bearer");
        assert_eq!(body["scope"], "orders:read orders:write");
        assert_eq!(body["issued_token_type"], "urn:ietf:params:oauth:token-type:access_token");
        for absent in ["refresh_token", "id_token"] {
            assert!(body.get(absent).is_none(), "{absent}");
        }
        let said = claims(&answer);
        assert_eq!((&said["sub"], &said["aud"]), (&json!(place.ada), &json!(API)));
        assert_eq!((&said["client_id"], &said["api_key_id"]), (&json!("signet"), &json!(id)));
        assert_eq!(said["roles"], json!(["buyer"]));
        for absent in ["sid", "acr", "amr", "auth_time", "act"] {
            assert!(said.get(absent).is_none(), "{absent}");
        }
        assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 600);
        let narrowed = place.exchange(&key, &[("scope", "orders:read"), ("resource", API)]).await;
        assert_eq!(narrowed.is(200).json()["scope"], "orders:read");
        let used = place.keys().await[0]["last_used_at"].as_str().unwrap().to_owned();
        assert!(used.ends_with(":00:00.000Z"), "{used}");
        let events = place.server.events(&place.root, "api_key.exchanged").await;
        assert_eq!((&events[0]["detail"], &events[0]["times"]), (&json!(id), &json!(2)));
        // Active at introspection, and valid for its API only.
        place.gateway("&scope=orders:read", &answer.string("access_token")).await.is(200);
        for path in ["/v1/me", "/v1/api-keys", "/oauth2/userinfo"] {
            place.server.get_as(path, &answer.string("access_token")).await.is(401);
        }
    })
    .await;
}

/// Another API, a wider scope, another form: each is refused, and no response discloses more than another.
#[tokio::test(flavor = "multi_thread")]
async fn exchanges_beyond_the_key_are_refused() {
    on_both("API keys: refused exchange", async |backend| {
        let place = Place::on(backend).await;
        let (_, key) = place.key(&["orders:read"]).await;
        let base = place.server.base.clone();
        for (more, error) in [
            (&[("resource", CLOSED)][..], "invalid_target"),
            (&[("audience", &*base)], "invalid_target"),
            (&[("audience", "https://unknown.example")], "invalid_target"),
            (&[("scope", "orders:write")], "invalid_scope"),
            (&[("scope", "orders:read orders:write")], "invalid_scope"),
            (&[("scope", "openid")], "invalid_scope"),
            (&[("scope", "signet:admin")], "invalid_scope"),
            (
                &[("requested_token_type", "urn:ietf:params:oauth:token-type:refresh_token")],
                "invalid_request",
            ),
            (
                &[
                    ("actor_token", "x"),
                    ("actor_token_type", "urn:ietf:params:oauth:token-type:jwt"),
                ],
                "invalid_request",
            ),
        ] {
            assert_eq!(error_of(&place.exchange(&key, more).await, 400), error, "{more:?}");
        }
        let mut unknown = key.clone();
        unknown.replace_range(10..11, if &key[10..11] == "A" { "B" } else { "A" });
        let made_up = signet::base::opaque_token::encode("spk_", &[7; 32]);
        let mut texts = Vec::new();
        for wrong in ["spk_", "x", &*unknown, &*made_up, &key[..51], &format!("{key}A")] {
            let answer = place.exchange(wrong, &[]).await;
            assert_eq!(error_of(&answer, 400), "invalid_grant", "{wrong}");
            texts.push(answer.json()["error_description"].as_str().unwrap().to_owned());
        }
        texts.dedup();
        assert_eq!(texts.len(), 1);
        // It is refused as an access token and as a token of another type.
        for (kind, path) in [("access_token", "/v1/me"), ("jwt", "/v1/admin/users")] {
            place.server.get_as(path, &key).await.is(401);
            let kind = format!("urn:ietf:params:oauth:token-type:{kind}");
            let more = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", &*key),
                ("subject_token_type", &*kind),
            ];
            let request = posted(&place, "/oauth2/token", &more);
            place.server.send(request).await.is(401);
        }
        let why = json!({"token": key});
        let why = place.admin(Method::POST, "/v1/admin/tokens/why", why).await;
        assert_eq!(why.is(200).json()["code"], "api_key");
    })
    .await;
}

/// A client that authenticates gets the token in its own name, within its registration.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_exchanges_a_key_within_its_registration() {
    on_both("API keys: client", async |backend| {
        let place = Place::on(backend).await;
        let (id, key) = place.key(&["orders:read", "orders:write"]).await;
        let register = async |name: &str, more: Value| {
            let mut body = json!({"client_id": name, "name": name, "type": "service",
                "grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]});
            for (key, value) in more.as_object().unwrap() {
                body[key] = value.clone();
            }
            let made = place.admin(Method::POST, "/v1/admin/clients", body).await;
            made.is(201).string("client_secret")
        };
        let near = register("near", json!({"audiences": [API], "scopes": ["orders:read"]})).await;
        let far = register("far", json!({"audiences": [CLOSED]})).await;
        let other =
            register("other", json!({"audiences": [API], "grant_types": ["client_credentials"]}))
                .await;
        let ask = async |name: &str, secret: &str, more: &[(&str, &str)]| {
            let fields = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", &*key),
                ("subject_token_type", "urn:signet:token-type:api-key"),
            ];
            let fields: Vec<_> = fields.into_iter().chain(more.iter().copied()).collect();
            let request = posted(&place, "/oauth2/token", &fields);
            place.server.send(request.header("authorization", basic(name, secret))).await
        };
        let answer = ask("near", &near, &[]).await;
        let said = claims(answer.is(200));
        assert_eq!((&said["client_id"], &said["scope"]), (&json!("near"), &json!("orders:read")));
        assert_eq!((&said["sub"], &said["api_key_id"]), (&json!(place.ada), &json!(id)));
        let wide = ask("near", &near, &[("scope", "orders:write")]).await;
        assert_eq!(error_of(&wide, 400), "invalid_scope");
        assert_eq!(error_of(&ask("far", &far, &[]).await, 400), "invalid_target");
        assert_eq!(error_of(&ask("other", &other, &[]).await, 400), "unauthorized_client");
        assert_eq!(error_of(&ask("near", "wrong", &[]).await, 401), "invalid_client");
        // The client is disabled: its token is no longer active.
        let token = answer.string("access_token");
        place.gateway("", &token).await.is(200);
        place.admin(Method::POST, "/v1/admin/clients/near/disable", Value::Null).await.is(200);
        place.gateway("", &token).await.is(401);
    })
    .await;
}

/// The token of a key that an API exchanges for the next API ends with the key too.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_exchanged_on_dies_with_the_key() {
    on_both("API keys: exchanged on", async |backend| {
        let place = Place::on(backend).await;
        let (id, key) = place.key(&["orders:read"]).await;
        let body = json!({"client_id": "orders", "name": "Orders", "type": "service", "serves": [API],
            "audiences": [CLOSED], "grant_types": ["urn:ietf:params:oauth:grant-type:token-exchange"]});
        let made = place.admin(Method::POST, "/v1/admin/clients", body).await;
        let secret = made.is(201).string("client_secret");
        let token = place.exchange(&key, &[]).await.is(200).string("access_token");
        let call = async |path: &str, fields: &[(&str, &str)]| {
            let request = posted(&place, path, fields);
            place.server.send(request.header("authorization", basic("orders", &secret))).await
        };
        let fields = [
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token", &*token),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:access_token"),
            ("resource", CLOSED),
        ];
        let next = call("/oauth2/token", &fields).await;
        let said = claims(next.is(200));
        assert_eq!((&said["sub"], &said["api_key_id"]), (&json!(place.ada), &json!(id)));
        assert_eq!(said["act"]["client_id"], "orders");
        let next = next.string("access_token");
        let asked = call("/oauth2/introspect", &[("token", &token)]).await;
        assert_eq!(asked.is(200).json()["active"], true);
        let path = format!("/v1/forward-auth?audience={CLOSED}");
        place.server.get_as(&path, &next).await.is(200);
        place.revoke(&id).await.is(204);
        let asked = call("/oauth2/introspect", &[("token", &token)]).await;
        assert_eq!(asked.is(200).json(), json!({"active": false}));
        place.server.get_as(&path, &next).await.is(401);
        let why = json!({"token": token});
        let why = place.admin(Method::POST, "/v1/admin/tokens/why", why).await;
        assert_eq!(why.is(200).json()["code"], "api_key_ended");
    })
    .await;
}

/// Invalid keys are refused until the limit of the network is used up; a valid one is always accepted.
#[tokio::test(flavor = "multi_thread")]
async fn guesses_are_limited_by_network_and_recorded() {
    on_both("API keys: guesses", async |backend| {
        let place = Place::with(Options::on(backend).with("SIGNET_RATE_LIMITS", "on")).await;
        let (_, key) = place.key(&["orders:read"]).await;
        let guess = signet::base::opaque_token::encode("spk_", &[9; 32]);
        let mut statuses = Vec::new();
        for _ in 0..70 {
            statuses.push(place.exchange(&guess, &[]).await.status);
        }
        assert!(statuses[..60].iter().all(|status| *status == 400), "{statuses:?}");
        assert!(statuses[60..].contains(&429), "{statuses:?}");
        place.exchange(&key, &[]).await.is(200);
        let events = place.server.events(&place.root, "api_key.refused").await;
        let times: i64 = events.iter().map(|event| event["times"].as_i64().unwrap()).sum();
        assert_eq!((times, &events[0]["detail"]), (60, &json!("unknown")));
        assert!(events.len() <= 2);
    })
    .await;
}

/// A key with networks is accepted only from callers in them.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_works_from_its_networks() {
    on_both("API keys: networks", async |backend| {
        let options = Options::on(backend).with("SIGNET_TRUSTED_PROXIES", "127.0.0.0/8,::1");
        let place = Place::with(options).await;
        let mut body = wish(&["orders:read"]);
        body["networks"] = json!(["192.0.2.0/24"]);
        let key = place.try_key(body).await.is(201).string("key");
        for (address, token, gateway) in [("192.0.2.9", 200, 200), ("192.0.3.1", 400, 401)] {
            let fields = [
                ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
                ("subject_token", &*key),
                ("subject_token_type", "urn:signet:token-type:api-key"),
            ];
            let request = posted(&place, "/oauth2/token", &fields);
            let answer = place.server.send(request.header("x-forwarded-for", address)).await;
            assert_eq!(answer.status, token, "{}", answer.text);
            let path = format!("/v1/forward-auth?audience={API}");
            let request = place.server.request(Method::GET, &path).bearer_auth(&key);
            let answer = place.server.send(request.header("x-forwarded-for", address)).await;
            assert_eq!(answer.status, gateway, "{}", answer.text);
        }
        // A token ends with its key.
        let mut body = wish(&["orders:read"]);
        body["expires_in"] = json!(60);
        let short = place.try_key(body).await.is(201).string("key");
        assert_eq!(place.exchange(&short, &[]).await.is(200).json()["expires_in"], 60);
        place.server.advance(TimeSpan::from_secs(60));
        assert_eq!(error_of(&place.exchange(&short, &[]).await, 400), "invalid_grant");
    })
    .await;
}
