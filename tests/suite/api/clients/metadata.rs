//! The metadata of a client: defaults of each type, redirect URIs, and refusals.

use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::base::opaque_token::{CLIENT_SECRET, is_well_formed};

use crate::support::Backend;
use crate::support::server::on_both;

use super::credentials::ed25519;
use super::{API, CLIENTS, Place, faults, web};

#[tokio::test(flavor = "multi_thread")]
async fn each_type_starts_with_what_it_needs() {
    on_both("client types", async |backend| {
        let place = Place::on(backend).await;
        let code = json!(["authorization_code", "refresh_token"]);
        let machine = json!(["client_credentials"]);
        for (kind, redirect, method, grants, warned) in [
            ("spa", json!(["https://a.example/cb"]), "none", &code, 0),
            ("native", json!(["com.example.app:/cb"]), "none", &code, 0),
            ("web", json!(["https://a.example/cb"]), "client_secret_basic", &code, 0),
            // Without an audience it gets no token.
            ("service", json!([]), "client_secret_basic", &machine, 1),
        ] {
            let body = json!({"name": "Größe", "type": kind, "redirect_uris": redirect});
            let made = place.create(body).await;
            let client = made.is(201).json();
            let id = made.string("client_id");
            let parsed: uuid::Uuid = id.parse().unwrap();
            assert_eq!((parsed.get_version_num(), parsed.to_string()), (7, id.clone()));
            assert_eq!(client["token_endpoint_auth_method"], method, "{kind}");
            assert_eq!(&client["grant_types"], grants);
            assert_eq!(client["warnings"].as_array().unwrap().len(), warned, "{kind}");
            assert_eq!(client["pkce"], if method == "none" { "required" } else { "nonce" });
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
                ("token_endpoint_auth_method_pinned", json!(false)),
                ("assertion_audience", json!("issuer")),
                ("client_uri", Value::Null),
                ("security_profile", Value::Null),
                ("id_token_claims", json!("minimal")),
                ("min_acr", Value::Null),
                ("skip_consent", json!(false)),
                ("first_party", json!(false)),
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
            "token_endpoint_auth_method_pinned": false, "assertion_audience": "endpoint",
            "pkce": "optional", "client_uri": "https://shop.example.com/",
            "id_token_claims": "scopes", "first_party": true, "min_acr": "urn:signet:acr:mfa",
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

        // Members that are absent keep their values.
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
        assert_eq!(place.events("client.updated").await.len(), 3, "none of the empty change");
        assert_eq!(place.events("client.updated").await[0]["detail"], "shop");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn duplicates_are_removed_from_lists() {
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

/// The redirect URIs that each type allows.
#[tokio::test(flavor = "multi_thread")]
async fn the_redirect_uris_of_each_type() {
    let place = Place::on(Backend::Sqlite).await;
    let long = format!("https://a.example/{}", "x".repeat(2048));
    // The code for `spa` and `web`, and for `native`; none if it is allowed.
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
        ("https://a.example/\u{0}", "null_character", "null_character"),
        ("https://a.example/\u{1}", "not_a_uri", "not_a_uri"),
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
        ("audiences", json!(["\u{0}"]), "null_character"),
        ("audiences", json!(["\u{1}"]), "unknown_api"),
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
        ("first_party", json!("yes"), "wrong_type"),
        ("token_endpoint_auth_method_pinned", json!(1), "wrong_type"),
        ("assertion_audience", json!("https://a.example"), "unknown"),
        ("pkce", json!("plain"), "unknown"),
        ("pkce", json!(true), "wrong_type"),
        ("security_profile", json!("fapi1"), "unknown"),
        ("id_token_claims", json!(["name"]), "wrong_type"),
        ("min_acr", json!("mfa"), "unknown"),
        ("min_acr", json!(2), "wrong_type"),
        ("client_uri", json!("http://a.example/"), "plain_http"),
        ("client_uri", json!("javascript:alert(1)"), "forbidden_scheme"),
        ("client_uri", json!("myapp:/x"), "not_for_this_type"),
        ("client_uri", json!("/home"), "not_a_uri"),
        ("client_uri", json!(5), "wrong_type"),
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
    for id in
        ["", "a b", "a%b", "a+b", "ä", ".", "..", "a\u{1}", "a:b", ":", "urn:a", &"x".repeat(129)]
    {
        let answer = place.create(web(json!({ "client_id": id }))).await;
        assert_eq!(faults(&answer), [("client_id".to_owned(), "malformed".to_owned())], "{id:?}");
    }
    // All together.
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

/// The key is created with the client, published, and kept while a client needs its signatures.
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

        // And no key is removed before the longest-lived token it may have signed has expired.
        let server_says = place.server.app.longest_access_ttl();
        assert!(server_says < TimeSpan::from_secs(80_000));
        place.patch("shop", json!({"access_token_ttl": 80_000})).await.is(200);
        assert_eq!(place.server.app.longest_access_ttl(), TimeSpan::from_secs(80_000));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scheme_that_any_app_can_claim_is_warned_of() {
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
