//! Managing clients over HTTP: what one may be, whose name is free, what becomes of its secrets.

use std::time::Duration;

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::base::opaque_token::{CLIENT_SECRET, is_well_formed};
use signet::crypto::digest::token_hash;

use crate::support::server::{Answer, Tokens, on_both};
use crate::support::{Backend, Server};

const CLIENTS: &str = "/v1/admin/clients";
const API: &str = "https://api.example.com";

/// A server, its administrator, and one API.
struct Place {
    server: Server,
    root: Tokens,
}

impl Place {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let place = Self { server, root };
        place.api(API).await.is(201);
        place
    }

    async fn call(&self, method: Method, path: &str, body: Value) -> Answer {
        self.server.call_as(method, path, &self.root.access, body).await
    }

    async fn api(&self, identifier: &str) -> Answer {
        let body = json!({"identifier": identifier, "scopes": ["read"]});
        self.call(Method::POST, "/v1/admin/apis", body).await
    }

    async fn create(&self, body: Value) -> Answer {
        self.call(Method::POST, CLIENTS, body).await
    }

    async fn patch(&self, id: &str, body: Value) -> Answer {
        self.call(Method::PATCH, &path(id), body).await
    }

    async fn show(&self, id: &str) -> Value {
        self.server.get_as(&path(id), &self.root.access).await.is(200).json()
    }

    async fn rotate(&self, id: &str, body: Value) -> Answer {
        self.call(Method::POST, &format!("{}/rotate-secret", path(id)), body).await
    }

    /// A web client with everything it must have.
    async fn shop(&self) -> Answer {
        let made = self.create(web(json!({"client_id": "shop"}))).await;
        made.is(201);
        made
    }

    /// Whether `secret` is one of the client's, as whoever authenticates it would find out.
    fn is_live(&self, id: &str, secret: &str) -> bool {
        let client = self.server.app.client(id).unwrap();
        client.secrets.iter().any(|live| live.hash == *token_hash(secret).digest())
    }

    async fn events(&self, kind: &str) -> Vec<Value> {
        self.server.events(&self.root, kind).await
    }
}

fn path(id: &str) -> String {
    let id: String = url::form_urlencoded::byte_serialize(id.as_bytes()).collect();
    format!("{CLIENTS}/{id}")
}

/// A web client that is good, with `other` said as well or instead.
fn web(other: Value) -> Value {
    let mut body = json!({"name": "Shop", "type": "web",
        "redirect_uris": ["https://shop.example.com/callback"]});
    body.as_object_mut().unwrap().extend(other.as_object().unwrap().clone());
    body
}

/// The fields at fault with their codes.
#[track_caller]
fn faults(answer: &Answer) -> Vec<(String, String)> {
    answer.is_problem(422, "validation_failed");
    let text = |error: &Value, member: &str| error[member].as_str().unwrap().to_owned();
    let errors = answer.json()["errors"].as_array().unwrap().clone();
    errors.iter().map(|error| (text(error, "field"), text(error, "code"))).collect()
}

fn rsa(size: KeySize) -> Value {
    let pair = RsaKeyPair::generate(size).unwrap();
    let public = pair.public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"kty": "RSA", "n": number(public.modulus().big_endian_without_leading_zero()),
        "e": number(public.exponent().big_endian_without_leading_zero())})
}

fn ed25519(kid: &str) -> Value {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid})
}

#[tokio::test(flavor = "multi_thread")]
async fn each_type_starts_with_what_it_needs() {
    on_both("client types", async |backend| {
        let place = Place::on(backend).await;
        let code = json!(["authorization_code", "refresh_token"]);
        let machine = json!(["client_credentials"]);
        for (kind, redirect, method, grants) in [
            ("spa", json!(["https://a.example/cb"]), "none", &code),
            ("native", json!(["com.example.app:/cb"]), "none", &code),
            ("web", json!(["https://a.example/cb"]), "client_secret_basic", &code),
            ("service", json!([]), "client_secret_basic", &machine),
        ] {
            let body = json!({"name": "Größe", "type": kind, "redirect_uris": redirect});
            let made = place.create(body).await;
            let client = made.is(201).json();
            let id = made.string("client_id");
            let parsed: uuid::Uuid = id.parse().unwrap();
            assert_eq!((parsed.get_version_num(), parsed.to_string()), (7, id.clone()));
            assert_eq!(client["token_endpoint_auth_method"], method, "{kind}");
            assert_eq!((&client["grant_types"], &client["warnings"]), (grants, &json!([])));
            for (member, value) in [
                ("name", json!("Größe")),
                ("type", json!(kind)),
                ("redirect_uris", redirect),
                ("post_logout_redirect_uris", json!([])),
                ("backchannel_logout_uri", Value::Null),
                ("web_origins", json!([])),
                ("scopes", Value::Null),
                ("audiences", json!([])),
                ("serves", json!([])),
                ("access_token_ttl", Value::Null),
                ("refresh_idle_ttl", Value::Null),
                ("refresh_max_ttl", Value::Null),
                ("id_token_signed_response_alg", json!("RS256")),
                ("skip_consent", json!(false)),
                ("jwks", Value::Null),
                ("disabled", json!(false)),
                ("disabled_at", Value::Null),
            ] {
                assert_eq!(client[member], value, "{kind} {member}");
            }
            let secret = client.get("client_secret").and_then(Value::as_str);
            assert_eq!(secret.is_some(), method != "none", "{kind}");
            assert_eq!(client["secrets"].as_array().unwrap().len(), usize::from(secret.is_some()));
            if let Some(secret) = secret {
                assert!(is_well_formed(CLIENT_SECRET, secret), "{secret}");
                assert!(place.is_live(&id, secret));
                assert_eq!(made.header("cache-control"), "no-store");
            }
            let location = made.header("location").to_owned();
            let there = location.strip_prefix(&place.server.base).unwrap();
            let shown = place.server.get_as(there, &place.root.access).await.is(200).json();
            let mut expected = client.clone();
            for once in ["client_secret", "warnings"] {
                expected.as_object_mut().unwrap().remove(once);
            }
            assert_eq!(shown, expected);
        }
        assert_eq!(place.events("client.created").await.len(), 4);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_choice_can_be_made_left_and_taken_back() {
    on_both("client choices", async |backend| {
        let place = Place::on(backend).await;
        let made = place.shop().await;
        let mut before = made.json();
        for once in ["client_secret", "warnings", "updated_at"] {
            before.as_object_mut().unwrap().remove(once);
        }
        let choices = json!({
            "name": "Other", "token_endpoint_auth_method": "client_secret_post",
            "redirect_uris": ["https://shop.example.com/a", "http://localhost:3000/a"],
            "post_logout_redirect_uris": ["https://shop.example.com/"],
            "backchannel_logout_uri": "https://shop.example.com/back",
            "web_origins": ["https://www.example.com"],
            "grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"],
            "scopes": ["read", "openid"], "audiences": [API], "serves": [API],
            "access_token_ttl": 90, "refresh_idle_ttl": 3600, "refresh_max_ttl": 86400,
            "id_token_signed_response_alg": "ES256", "skip_consent": true,
        });
        place.server.advance(TimeSpan::from_secs(5));
        let changed = place.patch("shop", choices.clone()).await.is(200).json();
        for (member, value) in choices.as_object().unwrap() {
            assert_eq!(&changed[member], value, "{member}");
        }
        assert!(changed.get("client_secret").is_none(), "the method still has a secret");
        assert_ne!(changed["updated_at"], made.json()["updated_at"]);
        assert!(place.is_live("shop", &made.string("client_secret")));
        let client = place.server.app.client("shop").unwrap();
        assert!(
            client.may_target_api(API)
                && client.may_request_scope("openid")
                && !client.may_request_scope("write")
        );
        assert!(place.server.app.is_client_origin("https://www.example.com"));

        // What is not spoken of stays.
        let same = place.patch("shop", json!({})).await.is(200).json();
        assert_eq!(same, changed);
        place.patch("shop", json!({"scopes": []})).await.is(200);
        assert_eq!(place.show("shop").await["scopes"], json!([]), "none at all, not all");

        let mut back = choices;
        back.as_object_mut().unwrap().values_mut().for_each(|value| *value = Value::Null);
        back["name"] = json!("Shop");
        back["redirect_uris"] = json!(["https://shop.example.com/callback"]);
        place.patch("shop", back).await.is(200);
        let mut after = place.show("shop").await;
        after.as_object_mut().unwrap().remove("updated_at");
        assert_eq!(after, before);
        assert_eq!(place.events("client.updated").await.len(), 4);
        assert_eq!(place.events("client.updated").await[0]["detail"], "shop");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_says_each_thing_once() {
    let place = Place::on(Backend::Sqlite).await;
    let twice = web(json!({
        "redirect_uris": ["https://a.example/", "https://b.example/", "https://a.example/"],
        "grant_types": ["refresh_token", "authorization_code", "refresh_token"],
        "audiences": [API, API], "scopes": ["read", "read"],
    }));
    let made = place.create(twice).await.is(201).json();
    assert_eq!(made["redirect_uris"], json!(["https://a.example/", "https://b.example/"]));
    assert_eq!(made["grant_types"], json!(["refresh_token", "authorization_code"]));
    assert_eq!((&made["audiences"], &made["scopes"]), (&json!([API]), &json!(["read"])));
}

/// What may stand as a redirect URI, by type.
#[tokio::test(flavor = "multi_thread")]
async fn the_redirect_uris_of_each_type() {
    let place = Place::on(Backend::Sqlite).await;
    let long = format!("https://a.example/{}", "x".repeat(2048));
    // The code each gives, for spa and web, and for native; nothing where it is good.
    for (uri, browser, native) in [
        ("https://a.example/cb", "", ""),
        ("https://a.example", "", ""),
        ("https://a.example:8443/cb?tenant=1", "", ""),
        ("http://localhost:3000/cb", "", ""),
        ("http://127.0.0.1/cb", "", ""),
        ("http://[::1]:9/cb", "", ""),
        ("com.example.app:/cb", "not_for_this_type", ""),
        ("myapp://cb", "not_for_this_type", ""),
        ("http://a.example/cb", "plain_http", "plain_http"),
        ("http://localhost.example.com/cb", "plain_http", "plain_http"),
        ("http://127.0.0.1.example.com/cb", "plain_http", "plain_http"),
        ("http://10.0.0.1/cb", "plain_http", "plain_http"),
        ("https://a.example/cb#x", "has_fragment", "has_fragment"),
        ("https://a.example/cb#", "has_fragment", "has_fragment"),
        ("https://*.a.example/cb", "ambiguous", "ambiguous"),
        ("https://a.example/*", "ambiguous", "ambiguous"),
        ("https://a.example/../cb", "ambiguous", "ambiguous"),
        ("https://a.example/%2E%2e/cb", "ambiguous", "ambiguous"),
        ("https://a.example\\@evil.example/cb", "ambiguous", "ambiguous"),
        ("https://u@a.example/cb", "ambiguous", "ambiguous"),
        ("https://u:p@a.example/cb", "ambiguous", "ambiguous"),
        ("https://A.example/cb", "ambiguous", "ambiguous"),
        ("https://a.example:0/cb", "ambiguous", "ambiguous"),
        ("https://a.example:/cb", "ambiguous", "ambiguous"),
        ("javascript:alert(1)", "forbidden_scheme", "forbidden_scheme"),
        ("data:text/html,x", "forbidden_scheme", "forbidden_scheme"),
        ("file:///etc/passwd", "forbidden_scheme", "forbidden_scheme"),
        ("blob:https://a.example/x", "forbidden_scheme", "forbidden_scheme"),
        ("", "not_a_uri", "not_a_uri"),
        ("/cb", "not_a_uri", "not_a_uri"),
        ("a.example/cb", "not_a_uri", "not_a_uri"),
        ("https:a.example/cb", "not_a_uri", "not_a_uri"),
        ("HTTPS://a.example/cb", "not_a_uri", "not_a_uri"),
        ("https://a.example/c b", "not_a_uri", "not_a_uri"),
        ("https://ä.example/cb", "not_a_uri", "not_a_uri"),
        ("https://a.example/\u{0}", "not_a_uri", "not_a_uri"),
        (&long, "not_a_uri", "not_a_uri"),
    ] {
        for (kind, code) in [("spa", browser), ("web", browser), ("native", native)] {
            for field in ["redirect_uris", "post_logout_redirect_uris"] {
                let mut body = json!({"name": "x", "type": kind,
                    "redirect_uris": ["https://good.example/"]});
                body[field] = json!(["https://good.example/", uri]);
                let answer = place.create(body).await;
                if code.is_empty() {
                    answer.is(201);
                } else {
                    assert_eq!(faults(&answer), [(field.to_owned(), code.to_owned())], "{uri:?}");
                }
            }
        }
        let body = json!({"name": "x", "type": "service", "redirect_uris": [uri]});
        assert_eq!(faults(&place.create(body).await)[0].0, "redirect_uris", "{uri:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn choices_that_cannot_be_name_their_field_and_change_nothing() {
    let place = Place::on(Backend::Sqlite).await;
    place.shop().await;
    place.create(json!({"client_id": "job", "name": "Job", "type": "service"})).await.is(201);
    let everything = async || place.server.get_as(CLIENTS, &place.root.access).await.is(200).json();
    let before = everything().await;
    let many = |prefix: &str| (0..65).map(|n| format!("{prefix}{n}")).collect::<Vec<_>>();
    let method = "token_endpoint_auth_method";
    for (field, value, code) in [
        ("name", json!(""), "malformed"),
        ("name", json!("a\u{202e}b"), "malformed"),
        ("name", json!("x".repeat(129)), "malformed"),
        ("name", Value::Null, "missing"),
        ("type", json!("robot"), "unknown"),
        ("type", Value::Null, "missing"),
        (method, json!("client_secret_jwt"), "unknown"),
        (method, json!("none"), "not_for_this_type"),
        ("redirect_uris", json!([]), "missing"),
        ("redirect_uris", Value::Null, "missing"),
        ("redirect_uris", json!(many("https://a.example/")), "too_many"),
        ("post_logout_redirect_uris", json!(many("https://a.example/")), "too_many"),
        ("backchannel_logout_uri", json!("http://a.example/"), "plain_http"),
        ("backchannel_logout_uri", json!("myapp:/x"), "not_for_this_type"),
        ("web_origins", json!(["https://a.example/"]), "not_an_origin"),
        ("web_origins", json!(["*"]), "not_an_origin"),
        ("web_origins", json!(["null"]), "not_an_origin"),
        ("web_origins", json!(["http://a.example"]), "not_an_origin"),
        ("grant_types", json!(["password"]), "unknown"),
        ("grant_types", json!(["implicit", "authorization_code"]), "unknown"),
        ("scopes", json!(["a b"]), "malformed"),
        ("scopes", json!([""]), "malformed"),
        ("scopes", json!(many("s")), "malformed"),
        ("scopes", json!(["signet:admin"]), "reserved"),
        ("audiences", json!(["urn:nobody"]), "unknown_api"),
        ("audiences", json!([API, ""]), "unknown_api"),
        ("audiences", json!(["\u{0}"]), "unknown_api"),
        ("audiences", json!(["shop"]), "unknown_api"),
        ("audiences", json!([place.server.base]), "unknown_api"),
        ("serves", json!(["urn:nobody"]), "unknown_api"),
        ("access_token_ttl", json!(0), "out_of_range"),
        // Shorter than twice the retry window of 30 seconds.
        ("access_token_ttl", json!(59), "out_of_range"),
        ("access_token_ttl", json!(86_401), "out_of_range"),
        ("access_token_ttl", json!(i64::MIN), "out_of_range"),
        ("access_token_ttl", json!(i64::MAX), "out_of_range"),
        ("access_token_ttl", json!(90.5), "wrong_type"),
        ("refresh_idle_ttl", json!(59), "out_of_range"),
        ("refresh_max_ttl", json!(315_360_001), "out_of_range"),
        ("id_token_signed_response_alg", json!("none"), "unknown"),
        ("id_token_signed_response_alg", json!("HS256"), "unknown"),
        ("skip_consent", json!("yes"), "wrong_type"),
        ("jwks", json!({"keys": [ed25519("a")]}), "not_used"),
    ] {
        let wanted = [(field.to_owned(), code.to_owned())];
        let answer = place.create(web(json!({ field: value }))).await;
        assert_eq!(faults(&answer), wanted, "{value}");
        assert_eq!(faults(&place.patch("shop", json!({ field: value })).await), wanted, "{value}");
    }
    for (body, field, code) in [
        (json!({"type": "spa"}), method, "not_for_this_type"),
        (json!({"type": "spa", method: "client_secret_post"}), method, "not_for_this_type"),
        (
            json!({"type": "spa", method: null, "grant_types": ["client_credentials"]}),
            "grant_types",
            "needs_authentication",
        ),
    ] {
        let answer = place.patch("shop", body).await;
        assert_eq!(faults(&answer), [(field.to_owned(), code.to_owned())]);
    }
    let answer = place.patch("job", json!({"grant_types": ["authorization_code"]})).await;
    let wanted = ("grant_types".to_owned(), "not_for_this_type".to_owned());
    assert!(faults(&answer).contains(&wanted), "{}", answer.text);
    for id in ["", "a b", "a%b", "a+b", "ä", ".", "..", "a\u{0}", &"x".repeat(129)] {
        let answer = place.create(web(json!({ "client_id": id }))).await;
        assert_eq!(faults(&answer), [("client_id".to_owned(), "malformed".to_owned())], "{id:?}");
    }
    // All at once.
    let body = json!({"client_id": "signet", "name": "", "type": "web", "scopes": ["a b"],
        "redirect_uris": ["x"], "access_token_ttl": 1});
    let fields: Vec<String> =
        faults(&place.create(body).await).into_iter().map(|(field, _)| field).collect();
    assert_eq!(fields.len(), 5, "{fields:?}");
    for field in ["client_id", "name", "scopes", "redirect_uris", "access_token_ttl"] {
        assert!(fields.iter().any(|named| named == field), "{field} is not in {fields:?}");
    }
    assert_eq!(everything().await, before);
    assert!(place.events("client.updated").await.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_has_one_bearer() {
    on_both("client names", async |backend| {
        let place = Place::on(backend).await;
        place.shop().await;
        for reserved in ["signet", &place.server.base, &format!("{}/", place.server.base)] {
            let answer = place.create(web(json!({ "client_id": reserved }))).await;
            assert_eq!(faults(&answer), [("client_id".to_owned(), "reserved".to_owned())]);
        }
        for taken in ["shop", API] {
            let answer = place.create(web(json!({ "client_id": taken }))).await;
            answer.is_problem(409, "conflict");
        }
        let uri = "https://shop.example.com";
        place.create(web(json!({ "client_id": uri }))).await.is(201);
        place.api(uri).await.is_problem(409, "conflict");
        place.api(API).await.is_problem(409, "conflict");
        assert!(place.server.app.audience(Some(uri)).is_none());
        // Whoever is gone leaves the name to others.
        place.call(Method::DELETE, &path(uri), Value::Null).await.is(204);
        place.api(uri).await.is(201);
        place.create(web(json!({ "client_id": uri }))).await.is_problem(409, "conflict");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_asked_for_by_many_is_one_clients() {
    on_both("client races", async |backend| {
        let place = Place::on(backend).await;
        for round in 0..3 {
            let id = format!("shop{round}");
            let body = web(json!({ "client_id": id }));
            let all = join_all((0..20).map(|_| place.create(body.clone()))).await;
            let won: Vec<&Answer> = all.iter().filter(|answer| answer.status == 201).collect();
            assert_eq!(won.len(), 1, "round {round}");
            for answer in all.iter().filter(|answer| answer.status != 201) {
                answer.is_problem(409, "conflict");
            }
            // Whoever was told yes has the secret that works.
            assert!(place.is_live(&id, &won[0].string("client_secret")));
        }
        assert_eq!(place.events("client.created").await.len(), 3);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_name_is_never_a_clients_and_an_apis() {
    on_both("client and API races", async |backend| {
        let place = Place::on(backend).await;
        for round in 0..10 {
            let name = format!("https://name{round}.example.com");
            let all = join_all((0..8).map(async |number| {
                // The other kind is first every second time.
                if (number + round) % 2 == 0 {
                    place.create(web(json!({ "client_id": name }))).await
                } else {
                    place.api(&name).await
                }
            }))
            .await;
            let won = all.iter().filter(|answer| answer.status == 201).count();
            assert_eq!(won, 1, "round {round}");
            assert!(all.iter().all(|answer| matches!(answer.status, 201 | 409)), "{all:?}");
            let client = place.server.app.client(&name).is_some();
            let api = place.server.app.audience(Some(&name)).is_some();
            assert!(client != api, "round {round}: client {client}, API {api}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_secrets_are_good_at_a_time() {
    on_both("client secrets", async |backend| {
        let place = Place::on(backend).await;
        let first = place.shop().await.string("client_secret");
        place.server.advance(TimeSpan::from_secs(10));
        // The body may be absent.
        let rotated = place.rotate("shop", Value::Null).await;
        let second = rotated.is(200).string("client_secret");
        assert_eq!(rotated.header("cache-control"), "no-store");
        let secrets = rotated.json()["secrets"].as_array().unwrap().clone();
        assert_eq!(secrets.len(), 2);
        assert!(secrets[0]["created_at"].as_str() > secrets[1]["created_at"].as_str());
        assert_eq!(secrets[0].as_object().unwrap().len(), 1, "no hash: {secrets:?}");
        assert!(place.is_live("shop", &first) && place.is_live("shop", &second));
        let third = place.rotate("shop", json!({})).await.string("client_secret");
        let good = [&first, &second, &third].map(|secret| place.is_live("shop", secret));
        assert_eq!(good, [false, true, true], "the oldest went");
        let body = json!({"revoke_old": true});
        let last = place.rotate("shop", body).await.is(200).string("client_secret");
        let good = [&second, &third, &last].map(|secret| place.is_live("shop", secret));
        assert_eq!(good, [false, false, true]);
        assert_eq!(place.show("shop").await["secrets"].as_array().unwrap().len(), 1);
        assert_eq!(place.events("client.secret_rotated").await.len(), 3);

        // However many rotate at once, the last two told are the two that work.
        let all = join_all((0..8).map(|_| place.rotate("shop", Value::Null))).await;
        let live = |answer: &&Answer| place.is_live("shop", &answer.string("client_secret"));
        assert_eq!(all.iter().filter(live).count(), 2);

        let spa = json!({"client_id": "spa", "name": "x", "type": "spa",
            "redirect_uris": ["https://a.example/"]});
        place.create(spa).await.is(201);
        place.rotate("spa", Value::Null).await.is_problem(409, "conflict");
        let wrong = place.rotate("shop", json!({"revoke_old": 1})).await;
        assert_eq!(faults(&wrong), [("revoke_old".to_owned(), "wrong_type".to_owned())]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_method_drops_the_secrets_or_makes_one() {
    on_both("client methods", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.shop().await.string("client_secret");
        let method = "token_endpoint_auth_method";
        let keys = json!({"keys": [ed25519("a")]});
        let away = json!({method: "private_key_jwt", "jwks": keys});
        let away = place.patch("shop", away).await.is(200).json();
        assert_eq!((&away["secrets"], &away["jwks"]), (&json!([]), &keys));
        assert!(away.get("client_secret").is_none() && !place.is_live("shop", &secret));
        place.rotate("shop", Value::Null).await.is_problem(409, "conflict");

        // Keys go as secrets go; nobody has to speak of them.
        let back = place.patch("shop", json!({method: null})).await;
        let fresh = back.is(200).string("client_secret");
        assert_eq!(back.json()["jwks"], Value::Null);
        assert!(fresh != secret && place.is_live("shop", &fresh));
        assert_eq!(place.events("client.secret_rotated").await.len(), 1);
        let post = place.patch("shop", json!({method: "client_secret_post"})).await;
        assert!(post.is(200).json().get("client_secret").is_none());
        assert!(place.is_live("shop", &fresh), "the same secret, sent another way");

        let public = json!({"type": "spa", method: null});
        let public = place.patch("shop", public).await.is(200).json();
        assert_eq!((&public[method], &public["secrets"]), (&json!("none"), &json!([])));
        let wrong = place.patch("shop", json!({"type": "web", method: "private_key_jwt"})).await;
        assert_eq!(faults(&wrong), [("jwks".to_owned(), "missing".to_owned())]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn public_keys_are_kept_and_private_ones_refused() {
    let place = Place::on(Backend::Sqlite).await;
    let rsa = rsa(KeySize::Rsa2048);
    let with = |key: &Value, member: &str, value: Value| {
        let mut key = key.clone();
        key[member] = value;
        key
    };
    let create = async |jwks: Value| {
        let body = json!({"name": "Job", "type": "service", "jwks": jwks,
            "token_endpoint_auth_method": "private_key_jwt"});
        place.create(body).await
    };
    let key = with(&with(&rsa, "kid", json!("r")), "use", json!("sig"));
    let chatty = with(&with(&key, "x5u", json!("https://a.example")), "ext", json!(true));
    let made = create(json!([chatty, ed25519("e")])).await;
    assert!(made.is(201).json().get("client_secret").is_none());
    assert_eq!(made.json()["jwks"]["keys"][0], key);
    assert_eq!(made.json()["jwks"]["keys"][1]["kid"], "e");
    let id = made.string("client_id");
    let next = json!({"keys": [ed25519("f")]});
    let changed = place.patch(&id, json!({ "jwks": next })).await.is(200).json();
    assert_eq!(changed["jwks"], next, "all of them are replaced");
    place.patch(&id, json!({"name": "Other"})).await.is(200);
    assert_eq!(place.show(&id).await["jwks"], next);

    let many: Vec<Value> = (0..17).map(|n| ed25519(&n.to_string())).collect();
    for (jwks, code) in [
        (json!([]), "missing"),
        (Value::Null, "missing"),
        (json!({"keys": 5}), "malformed"),
        (json!("https://a.example/jwks"), "malformed"),
        (json!([with(&rsa, "d", json!("AQAB"))]), "private_key"),
        (json!([ed25519("a"), with(&rsa, "qi", json!("AQAB"))]), "private_key"),
        (json!([{"kty": "oct", "k": "AQAB"}]), "private_key"),
        (json!([{"kty": "oct"}]), "unsupported_key"),
        (json!([with(&rsa, "n", json!("AQAB"))]), "unsupported_key"),
        (json!([with(&rsa, "alg", json!("RS512"))]), "unsupported_key"),
        (json!([with(&rsa, "n", json!(7))]), "unreadable_key"),
        (json!([with(&rsa, "use", json!("enc"))]), "not_for_signatures"),
        (json!([ed25519("a"), ed25519("a")]), "same_kid"),
        (json!(many), "too_many"),
    ] {
        let answer = create(jwks.clone()).await;
        assert_eq!(faults(&answer), [("jwks".to_owned(), code.to_owned())], "{jwks}");
        assert!(!answer.text.contains("AQAB"));
    }
    assert!(place.server.app.client(&id).is_some());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_api_that_is_gone_hinders_no_other_change() {
    let place = Place::on(Backend::Sqlite).await;
    let made = place.api("urn:gone").await.string("id");
    let body = web(json!({"client_id": "shop", "audiences": [API, "urn:gone"]}));
    place.create(body).await.is(201);
    let api = format!("/v1/admin/apis/{made}");
    place.call(Method::DELETE, &api, Value::Null).await.is(204);
    place.patch("shop", json!({"name": "Other"})).await.is(200);
    let again = json!({"audiences": [API, "urn:gone"]});
    let answer = place.patch("shop", again).await;
    assert_eq!(faults(&answer), [("audiences".to_owned(), "unknown_api".to_owned())]);
    place.patch("shop", json!({"audiences": [API]})).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_client_is_nobody_until_it_is_enabled() {
    on_both("disabled clients", async |backend| {
        let place = Place::on(backend).await;
        let secret = place.shop().await.string("client_secret");
        let post = async |verb: &str| {
            let path = format!("{}/{verb}", path("shop"));
            place.call(Method::POST, &path, Value::Null).await.is(200).json()
        };
        let disabled = post("disable").await;
        assert_eq!(disabled["disabled"], true);
        place.server.advance(TimeSpan::from_secs(10));
        assert_eq!(post("disable").await, disabled, "the second time changes nothing");
        assert!(place.server.app.client("shop").is_none());
        assert!(!place.server.app.is_client_origin("https://shop.example.com"));
        let enabled = post("enable").await;
        assert_eq!((&enabled["disabled"], &enabled["disabled_at"]), (&json!(false), &Value::Null));
        assert_eq!(post("enable").await, enabled);
        assert!(place.is_live("shop", &secret));
        assert!(place.server.app.is_client_origin("https://shop.example.com"));
        for kind in ["client.disabled", "client.enabled"] {
            let events = place.events(kind).await;
            assert_eq!((events.len(), &events[0]["detail"]), (1, &json!("shop")), "{kind}");
            assert_eq!(events[0]["actor_id"], place.root.claims()["sub"]);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deleted_client_is_gone_and_its_name_another_ones() {
    on_both("deleted clients", async |backend| {
        let place = Place::on(backend).await;
        let first = place.shop().await;
        let gone = path("shop");
        place.call(Method::DELETE, &gone, Value::Null).await.is(204);
        assert!(place.server.app.client("shop").is_none());
        let nobodies = ["shop", "nobody", "a b", "\u{0}", "ä", &"x".repeat(200)];
        for id in nobodies {
            let base = path(id);
            let verb = |verb: &str| format!("{base}/{verb}");
            for (method, path, body) in [
                (Method::GET, base.clone(), Value::Null),
                (Method::PATCH, base.clone(), json!({})),
                (Method::DELETE, base.clone(), Value::Null),
                (Method::POST, verb("disable"), Value::Null),
                (Method::POST, verb("enable"), Value::Null),
                (Method::POST, verb("rotate-secret"), Value::Null),
            ] {
                place.call(method, &path, body).await.is_problem(404, "not_found");
            }
        }
        place.server.advance(TimeSpan::from_secs(1));
        let second = place.shop().await;
        assert_ne!(second.json()["created_at"], first.json()["created_at"]);
        assert!(!place.is_live("shop", &first.string("client_secret")));
        assert_eq!(place.events("client.deleted").await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_with_slashes_is_found_and_lists_come_in_pages() {
    on_both("client pages", async |backend| {
        let place = Place::on(backend).await;
        let ids = ["https://a.example/x", "a:b~c", "z", "0"];
        for id in ids {
            let made = place.create(web(json!({ "client_id": id }))).await;
            let location = made.is(201).header("location").to_owned();
            let there = location.strip_prefix(&place.server.base).unwrap().to_owned();
            let patched = place.call(Method::PATCH, &there, json!({"name": id})).await;
            assert_eq!(patched.is(200).string("client_id"), id);
            place.server.advance(TimeSpan::from_secs(1));
        }
        let mut found = Vec::new();
        let mut next = String::new();
        loop {
            let page = format!("{CLIENTS}?limit=3{next}");
            let page = place.server.get_as(&page, &place.root.access).await.is(200).json();
            for client in page["data"].as_array().unwrap() {
                found.push(client["client_id"].as_str().unwrap().to_owned());
                assert!(client.get("client_secret").is_none());
            }
            let Some(cursor) = page["next"].as_str() else { break };
            next = format!("&after={cursor}");
        }
        assert_eq!(found, ids);
        let wrong = format!("{CLIENTS}?after=x");
        let wrong = place.server.get_as(&wrong, &place.root.access).await;
        assert_eq!(faults(&wrong)[0].0, "after");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn changes_of_one_client_at_once_do_not_undo_each_other() {
    on_both("client changes at once", async |backend| {
        let place = Place::on(backend).await;
        place.shop().await;
        for round in 0..5 {
            let (scope, name) = (format!("s{round}"), format!("Shop {round}"));
            let (one, two, three) = tokio::join!(
                place.patch("shop", json!({"scopes": [scope]})),
                place.patch("shop", json!({"name": name})),
                place.rotate("shop", json!({"revoke_old": true})),
            );
            one.is(200);
            two.is(200);
            let secret = three.is(200).string("client_secret");
            let now = place.show("shop").await;
            assert_eq!((&now["scopes"], &now["name"]), (&json!([scope]), &json!(name)));
            assert!(place.is_live("shop", &secret));
        }
    })
    .await;
}

/// The key is there with the client, published, and stays while anybody wants its signatures.
#[tokio::test(flavor = "multi_thread")]
async fn id_tokens_can_be_signed_with_what_was_chosen() {
    on_both("client algorithms", async |backend| {
        let place = Place::on(backend).await;
        let algorithms = async || {
            let jwks = place.server.get("/.well-known/jwks.json").await.json();
            let keys = jwks["keys"].as_array().unwrap().clone();
            keys.iter().map(|key| key["alg"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        assert!(!algorithms().await.contains(&"PS256".to_owned()));
        let body = web(json!({"client_id": "shop", "id_token_signed_response_alg": "PS256"}));
        let made = place.create(body).await;
        let said = made.is(201).json()["warnings"].as_array().unwrap().clone();
        assert!(said.iter().any(|warning| warning.as_str().unwrap().contains("PS256")));
        assert!(algorithms().await.contains(&"PS256".to_owned()));
        let wanted = |alg: &str| {
            place.server.app.key_policy().wanted.iter().any(|known| known.as_str() == alg)
        };
        assert!(wanted("PS256") && !wanted("ES384"));
        place.patch("shop", json!({"id_token_signed_response_alg": "ES384"})).await.is(200);
        assert!(wanted("ES384") && !wanted("PS256"));
        assert!(algorithms().await.contains(&"ES384".to_owned()));

        // And no key leaves the set before the longest token it may have signed has expired.
        let server_says = place.server.app.longest_access_ttl();
        assert!(server_says < TimeSpan::from_secs(80_000));
        place.patch("shop", json!({"access_token_ttl": 80_000})).await.is(200);
        assert_eq!(place.server.app.longest_access_ttl(), TimeSpan::from_secs(80_000));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_anybody_can_claim_is_warned_of() {
    let place = Place::on(Backend::Sqlite).await;
    let body = json!({"client_id": "app", "name": "x", "type": "native",
        "redirect_uris": ["myapp://cb", "myapp://other", "com.example.app:/cb"],
        "post_logout_redirect_uris": ["other:/x"]});
    let said = place.create(body).await.is(201).json()["warnings"].clone();
    let said: Vec<&str> = said.as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(said.len(), 2, "{said:?}");
    assert!(said[0].starts_with("myapp: ") && said[1].starts_with("other: "), "{said:?}");
    let quiet = place.patch("app", json!({"name": "y"})).await.is(200).json();
    assert_eq!(quiet["warnings"], json!([]), "only what is chosen now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_said_once_and_found_nowhere_in_the_database() {
    let place = Place::on(Backend::Sqlite).await;
    let mut secrets = vec![place.shop().await.string("client_secret")];
    secrets.push(place.rotate("shop", Value::Null).await.string("client_secret"));
    place.create(web(json!({"client_id": "shop", "name": "again"}))).await.is(409);
    for path in [path("shop"), CLIENTS.to_owned(), "/v1/admin/audit?limit=200".to_owned()] {
        let shown = place.server.get_as(&path, &place.root.access).await;
        let hash = format!("{:?}", token_hash(&secrets[1]).digest());
        let hash = hash.trim_matches(['[', ']']).replace(", ", ",");
        assert!(!shown.is(200).text.contains(&hash), "a hash in {path}");
        for secret in &secrets {
            assert!(!shown.text.contains(secret.as_str()), "{path}");
        }
    }
    let holds = |bytes: &[u8], text: &str| {
        bytes.windows(text.len()).any(|window| window == text.as_bytes())
    };
    let (mut searched, mut found) = (0, false);
    for entry in std::fs::read_dir(place.server.dir.path().join("data")).unwrap() {
        let file = entry.unwrap().path();
        let bytes = std::fs::read(&file).unwrap();
        searched += 1;
        // The search itself works: what must be in the database is found there.
        found |= holds(&bytes, "https://shop.example.com/callback");
        for secret in &secrets {
            let body = secret.strip_prefix(CLIENT_SECRET).unwrap();
            assert!(!holds(&bytes, body), "a secret is in {}", file.display());
        }
    }
    assert!(searched > 1 && found, "{searched} files, found: {found}");
}

/// Addresses of clients are for browsers, and for nobody else until there is something to tell.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_fetched_from_a_clients_addresses() {
    let place = Place::on(Backend::Sqlite).await;
    let canary = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/x", canary.local_addr().unwrap());
    let mut key = ed25519("a");
    key["x5u"] = json!(url);
    let body = web(json!({"client_id": "shop", "redirect_uris": [url], "jwks": [key],
        "post_logout_redirect_uris": [url], "backchannel_logout_uri": url,
        "token_endpoint_auth_method": "private_key_jwt"}));
    place.create(body).await.is(201);
    place.patch("shop", json!({"jwks": [key], "backchannel_logout_uri": url})).await.is(200);
    place.call(Method::DELETE, &path("shop"), Value::Null).await.is(204);
    let waited = tokio::time::timeout(Duration::from_millis(100), canary.accept()).await;
    assert!(waited.is_err(), "somebody came: {waited:?}");
}

/// Another process knows a client within seconds, and at once where it looks again.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_is_known_in_every_process() {
    let Some((one, two)) = crate::support::server::pair("clients of two processes").await else {
        return;
    };
    let root = one.administrator("root").await;
    let body = web(json!({"client_id": "shop"}));
    one.call_as(Method::POST, CLIENTS, &root.access, body).await.is(201);
    assert!(two.app.client_or_reload("shop").await.unwrap().is_some());
    assert!(two.app.client("shop").is_some());
}
