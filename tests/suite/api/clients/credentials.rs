//! Secrets and public keys of clients.

use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _, RsaKeyPair};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::join_all;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::base::opaque_token::CLIENT_SECRET;
use signet::crypto::digest::token_hash;

use crate::support::Backend;
use crate::support::server::{Answer, on_both};

use super::{CLIENTS, Place, faults, path, web};

fn rsa(size: KeySize) -> Value {
    let pair = RsaKeyPair::generate(size).unwrap();
    let public = pair.public_key();
    let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
    json!({"kty": "RSA", "n": number(public.modulus().big_endian_without_leading_zero()),
        "e": number(public.exponent().big_endian_without_leading_zero())})
}

pub fn ed25519(kid: &str) -> Value {
    let pair = Ed25519KeyPair::generate().unwrap();
    let x = URL_SAFE_NO_PAD.encode(pair.public_key().as_ref());
    json!({"kty": "OKP", "crv": "Ed25519", "x": x, "kid": kid, "alg": "EdDSA"})
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

        // After any number of concurrent rotations, the last two returned secrets are valid.
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

        // Keys are removed with the method as secrets are.
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
    let key = with(&key, "alg", json!("PS256"));
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
async fn a_secret_is_returned_once_and_not_stored() {
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
        // The search itself works: stored values are found.
        found |= holds(&bytes, "https://shop.example.com/callback");
        for secret in &secrets {
            let body = secret.strip_prefix(CLIENT_SECRET).unwrap();
            assert!(!holds(&bytes, body), "a secret is in {}", file.display());
        }
    }
    assert!(searched > 1 && found, "{searched} files, found: {found}");
}
