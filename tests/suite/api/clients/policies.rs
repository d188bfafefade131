//! The policies of a client: pinned methods, restrictions by type, and refused keys.

use serde_json::{Value, json};
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use crate::support::server::on_both;
use crate::support::{Backend, keys};

use super::{API, Place, faults, web};

const METHOD: &str = "token_endpoint_auth_method";
const PINNED: &str = "token_endpoint_auth_method_pinned";

#[tokio::test(flavor = "multi_thread")]
async fn a_method_that_is_chosen_is_pinned_and_a_default_is_not() {
    on_both("pinned methods", async |backend| {
        let place = Place::on(backend).await;
        for (body, pinned) in [
            (json!({}), false),
            (json!({ METHOD: null }), false),
            (json!({ METHOD: "client_secret_basic" }), true),
            (json!({ METHOD: "client_secret_post" }), true),
            (json!({ METHOD: "client_secret_post", PINNED: false }), false),
            (json!({ PINNED: true }), true),
        ] {
            let made = place.create(web(body.clone())).await.is(201).json();
            assert_eq!(made[PINNED], pinned, "{body}");
            let id = made["client_id"].as_str().unwrap();
            // Other changes keep the method pinned, and a response can be sent back.
            place.patch(id, json!({"name": "Other"})).await.is(200);
            assert_eq!(place.show(id).await[PINNED], pinned, "{body}");
            let shown = place.show(id).await;
            let back = json!({ METHOD: shown[METHOD], PINNED: shown[PINNED] });
            assert_eq!(place.patch(id, back).await.is(200).json()[PINNED], pinned, "{body}");
        }
        place.shop().await;
        let pinned =
            async |body: Value| place.patch("shop", body).await.is(200).json()[PINNED].clone();
        assert_eq!(pinned(json!({ METHOD: "client_secret_basic" })).await, true);
        assert_eq!(pinned(json!({ METHOD: null })).await, false);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_public_client_always_needs_a_challenge() {
    let place = Place::on(Backend::Sqlite).await;
    for kind in ["spa", "native"] {
        for policy in ["nonce", "optional"] {
            let body = json!({"name": "x", "type": kind, "pkce": policy,
                "redirect_uris": ["https://a.example/"]});
            let wanted = [("pkce".to_owned(), "not_for_this_type".to_owned())];
            assert_eq!(faults(&place.create(body).await), wanted, "{kind} {policy}");
        }
    }
    place.shop().await;
    place.patch("shop", json!({"pkce": "optional"})).await.is(200);
    // A client that becomes public loses the policy, and does not regain it with the method.
    let public = place.patch("shop", json!({"type": "spa", METHOD: null})).await;
    assert_eq!(public.is(200).json()["pkce"], "required");
    let back = place.patch("shop", json!({"type": "web", METHOD: null})).await;
    assert_eq!(back.is(200).json()["pkce"], "required");
    let default = place.patch("shop", json!({"pkce": null})).await;
    assert_eq!(default.is(200).json()["pkce"], "nonce");
}

#[tokio::test(flavor = "multi_thread")]
async fn first_party_implies_skip_consent_and_is_never_for_scripts_or_services() {
    let place = Place::on(Backend::Sqlite).await;
    for (kind, redirects) in [("spa", json!(["https://a.example/"])), ("service", json!([]))] {
        let body =
            json!({"name": "x", "type": kind, "redirect_uris": redirects, "first_party": true});
        let wanted = [("first_party".to_owned(), "not_for_this_type".to_owned())];
        assert_eq!(faults(&place.create(body).await), wanted, "{kind}");
    }
    let made = place.create(web(json!({"client_id": "shop", "first_party": true}))).await;
    assert_eq!(made.is(201).json()["skip_consent"], true);
    for refused in [json!({"skip_consent": false}), json!({"type": "spa", METHOD: null})] {
        let field = if refused.get("type").is_some() { "first_party" } else { "skip_consent" };
        assert_eq!(faults(&place.patch("shop", refused).await)[0].0, field);
    }
    let both = json!({"first_party": true, "skip_consent": false});
    let wanted = [("skip_consent".to_owned(), "conflict".to_owned())];
    assert_eq!(faults(&place.create(web(both)).await), wanted);
    // After the change is undone, users are asked for consent again.
    let back = place.patch("shop", json!({"first_party": false})).await.is(200).json();
    assert_eq!((&back["first_party"], &back["skip_consent"]), (&json!(false), &json!(false)));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_gets_no_token_is_warned_of() {
    let place = Place::on(Backend::Sqlite).await;
    let service = |more: Value| {
        let mut body = json!({"name": "Job", "type": "service"});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        body
    };
    let warnings = async |body: Value| place.create(body).await.is(201).json()["warnings"].clone();
    let said = warnings(service(json!({"client_id": "job"}))).await;
    let said = said[0].as_str().unwrap();
    assert!(said.contains("signet client update job --audience"), "{said}");
    assert_eq!(warnings(service(json!({"audiences": [API]}))).await, json!([]));
    // A resource server that only introspects needs no token.
    assert_eq!(warnings(service(json!({"serves": [API]}))).await, json!([]));
    assert_eq!(warnings(web(json!({}))).await, json!([]));
    let named = place.patch("job", json!({"name": "Other"})).await.is(200).json();
    assert_eq!(named["warnings"], json!([]), "only what is chosen now");
    place.patch("job", json!({"audiences": [API]})).await.is(200);
    let emptied = place.patch("job", json!({"audiences": []})).await.is(200).json();
    assert_eq!(emptied["warnings"].as_array().unwrap().len(), 1);
}

/// RFC 8725 §3.1: a key without `alg` gets one when it is registered.
#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_registered_for_one_algorithm() {
    let place = Place::on(Backend::Sqlite).await;
    let create = async |jwks: Value| {
        let body = json!({"name": "Job", "type": "service", "jwks": jwks, "audiences": [API],
            METHOD: "private_key_jwt"});
        place.create(body).await
    };
    for alg in SigningAlg::ALL.iter().copied() {
        let key = json!(SigningKey::generate(alg).unwrap().key.public);
        let made = create(json!([key])).await.is(201).json();
        let expected = if alg == SigningAlg::Ps256 { "RS256" } else { alg.as_str() };
        assert_eq!(made["jwks"]["keys"][0]["alg"], expected, "{alg}");
        let warned = made["warnings"].as_array().unwrap().len();
        assert_eq!(warned, usize::from(key["kty"] == "RSA"), "{alg}: {}", made["warnings"]);
        let mut named = key.clone();
        named["alg"] = json!(alg.as_str());
        let made = create(json!([named])).await.is(201).json();
        assert_eq!(
            (&made["jwks"]["keys"][0]["alg"], &made["warnings"]),
            (&named["alg"], &json!([]))
        );
    }
    let rsa = json!(SigningKey::generate(SigningAlg::Rs256).unwrap().key.public);
    let with = |key: &Value, kid: &str, alg: &str| {
        let mut key = key.clone();
        (key["kid"], key["alg"]) = (json!(kid), json!(alg));
        key
    };
    let two = json!([with(&rsa, "a", "RS256"), with(&rsa, "b", "PS256")]);
    let wanted = [("jwks".to_owned(), "two_algorithms".to_owned())];
    assert_eq!(faults(&create(two).await), wanted);
    create(json!([with(&rsa, "a", "RS256"), with(&rsa, "b", "RS256")])).await.is(201);
}

/// CVE-2017-15361.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_can_be_factored_is_refused() {
    let place = Place::on(Backend::Sqlite).await;
    for alg in [None, Some("RS256"), Some("PS256")] {
        let mut key = json!({"kty": "RSA", "n": keys::ROCA_N, "e": "AQAB"});
        if let Some(alg) = alg {
            key["alg"] = json!(alg);
        }
        let body = json!({"name": "Job", "type": "service", "jwks": [key],
            METHOD: "private_key_jwt"});
        let wanted = [("jwks".to_owned(), "weak_key".to_owned())];
        assert_eq!(faults(&place.create(body).await), wanted, "{alg:?}");
    }
}

/// FAPI 2.0 Security Profile, §5.3.2 and §5.4: the settings that the profile requires.
#[tokio::test(flavor = "multi_thread")]
async fn a_profile_names_every_setting_that_does_not_fit() {
    let place = Place::on(Backend::Sqlite).await;
    let key = |alg: SigningAlg| {
        let mut key = json!(SigningKey::generate(alg).unwrap().key.public);
        key["alg"] = json!(alg.as_str());
        key
    };
    let fapi2 = |more: Value| {
        let mut body = json!({"security_profile": "fapi2", METHOD: "private_key_jwt",
            "jwks": [key(SigningAlg::Es256)]});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        web(body)
    };
    let made = place.create(fapi2(json!({"client_id": "bank"}))).await.is(201).json();
    assert_eq!((&made["security_profile"], &made["pkce"]), (&json!("fapi2"), &json!("required")));
    assert_eq!(made["id_token_signed_response_alg"], "ES256");
    for alg in ["PS256", "ES256", "EdDSA"] {
        let body = fapi2(json!({ "id_token_signed_response_alg": alg }));
        assert_eq!(place.create(body).await.is(201).json()["id_token_signed_response_alg"], alg);
    }
    let rsa = json!(SigningKey::generate(SigningAlg::Rs256).unwrap().key.public);
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    for (more, field) in [
        (json!({ METHOD: null, "jwks": null }), METHOD),
        (json!({ METHOD: "client_secret_basic", "jwks": null }), METHOD),
        (json!({"pkce": "nonce"}), "pkce"),
        (json!({"pkce": "optional"}), "pkce"),
        (json!({"assertion_audience": "endpoint"}), "assertion_audience"),
        (json!({"id_token_signed_response_alg": "RS256"}), "id_token_signed_response_alg"),
        (json!({"id_token_signed_response_alg": "ES384"}), "id_token_signed_response_alg"),
        (json!({"jwks": [key(SigningAlg::Rs256)]}), "jwks"),
        (json!({"jwks": [key(SigningAlg::Es384)]}), "jwks"),
        (json!({"jwks": [key(SigningAlg::Ps256), rsa]}), "jwks"),
        (json!({"grant_types": ["authorization_code", device]}), "grant_types"),
        (json!({"first_party": true}), "first_party"),
    ] {
        let wanted = [(field.to_owned(), "not_for_this_profile".to_owned())];
        assert_eq!(faults(&place.create(fapi2(more.clone())).await), wanted, "{more}");
        assert_eq!(faults(&place.patch("bank", more.clone()).await), wanted, "{more}");
    }
    // A public client cannot have the profile.
    let spa = json!({"name": "x", "type": "spa", "redirect_uris": ["https://a.example/"],
        "security_profile": "fapi2"});
    assert!(faults(&place.create(spa).await).iter().any(|(field, _)| field == METHOD));
    // A client that gets the profile later, and loses it again.
    place.shop().await;
    let method = json!({ METHOD: "private_key_jwt", "jwks": [key(SigningAlg::Ps256)],
        "security_profile": "fapi2" });
    let held = place.patch("shop", method).await.is(200).json();
    assert_eq!((&held["pkce"], &held["secrets"]), (&json!("required"), &json!([])));
    let free = place.patch("shop", json!({"security_profile": null})).await.is(200).json();
    assert_eq!((&free["security_profile"], &free["pkce"]), (&Value::Null, &json!("required")));
}
