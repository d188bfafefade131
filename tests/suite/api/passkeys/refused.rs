//! Responses of authenticators that are refused, for any error in them.

use serde_json::{Value, json};

use super::{ISSUER, begin, challenge, options, place, proceed, sign_in, store};
use crate::support::server::Tokens;
use crate::support::software_authenticator::{BE, BS, Response, SoftwareAuthenticator, UP, UV};
use crate::support::{Backend, on_both};

type Change = fn(&mut Response);

/// Errors that both ceremonies refuse.
const CHANGES: [(&str, Change); 12] = [
    ("user not verified", |made| made.flags &= !UV),
    ("user not present", |made| made.flags &= !UP),
    ("another origin", |made| made.client_data["origin"] = json!("https://evil.example.com")),
    ("origin with a port", |made| {
        made.client_data["origin"] = json!("https://id.example.com:8443")
    }),
    ("parent as origin", |made| made.client_data["origin"] = json!("https://example.com")),
    ("another RP ID", |made| made.rp_id = "example.com".to_owned()),
    ("another challenge", |made| made.client_data["challenge"] = json!("AAAA")),
    ("another type", |made| made.client_data["type"] = json!("payment.get")),
    ("a frame", |made| made.client_data["crossOrigin"] = json!(true)),
    ("a page around it", |made| made.client_data["topOrigin"] = json!("https://id.example.com")),
    ("backed up and not eligible", |made| made.flags |= BS),
    ("more bytes", |made| made.extra.push(0)),
];

#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_with_anything_wrong_opens_nothing() {
    on_both("assertions refused", async |backend| {
        let mut place = place(backend).await;
        let before = place.sessions().await;
        let more: [(&str, Change); 6] = [
            ("wrong signature", |made| made.bad_signature = true),
            ("now eligible for backup", |made| made.flags |= BE),
            ("no user handle", |made| made.user_handle = None),
            ("another user handle", |made| made.user_handle = Some(vec![0; 16])),
            ("unknown credential", |made| made.credential_id = vec![9; 32]),
            ("the other ceremony", |made| made.client_data["type"] = json!("webauthn.create")),
        ];
        for (what, change) in CHANGES.into_iter().chain(more) {
            let begun = challenge(&place.server).await;
            let wrong = place.passkey.get_with(&begun["public_key"], change);
            let refused = proceed(&place.server, &begun, wrong).await;
            assert_eq!((refused.status, &*refused.code()), (401, "mfa_failed"), "{what}");
        }
        // Truncated at any byte.
        for member in ["clientDataJSON", "authenticatorData", "signature"] {
            let begun = challenge(&place.server).await;
            let mut wrong = place.passkey.get(&begun["public_key"]);
            let text = wrong["response"][member].as_str().unwrap();
            let short = text[..text.len() / 8 * 4].to_owned();
            wrong["response"][member] = json!(short);
            let refused = proceed(&place.server, &begun, wrong).await;
            refused.is_problem(401, "mfa_failed");
        }
        assert_eq!(place.sessions().await, before);
        assert!(place.events("factor.failed").await > 0);
        sign_in(&place.server, &mut place.passkey).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_passkey_responses_are_field_errors() {
    let place = place(Backend::Sqlite).await;
    let begun = challenge(&place.server).await;
    for (wrong, field) in [
        (json!({ "credential": {} }), "credential"),
        (json!({ "credential": "x" }), "credential"),
        (json!({ "credential": { "id": "AA", "type": "password", "response": {} } }), "credential"),
        (json!({ "credential": {}, "method": "totp" }), "method"),
        (json!({ "credential": {}, "code": "123456" }), "code"),
        (json!({ "method": "passkey" }), "code"),
    ] {
        let mut body = wrong.clone();
        body["challenge"] = begun["challenge"].clone();
        let refused = place.server.post("/v1/login/continue", body).await;
        refused.is_problem(422, "validation_failed");
        let fields = refused.json()["errors"].as_array().unwrap().clone();
        assert!(fields.iter().any(|error| error["field"] == field), "{wrong}: {fields:?}");
    }
    // A challenge for a passkey accepts no code.
    let code = json!({ "challenge": begun["challenge"], "code": "123456" });
    let refused = place.server.post("/v1/login/continue", code).await;
    refused.is_problem(401, "challenge_invalid");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registration_with_anything_wrong_stores_nothing() {
    on_both("registrations refused", async |backend| {
        let server = options(backend).start().await;
        server.register("pia").await;
        let tokens = server.login("pia").await;
        let more: [(&str, Change); 3] = [
            ("the other ceremony", |made| made.client_data["type"] = json!("webauthn.get")),
            ("no id", |made| made.credential_id.clear()),
            ("an id too long", |made| made.credential_id = vec![1; 1024]),
        ];
        for (what, change) in CHANGES.into_iter().chain(more) {
            let begun = begin(&server, &tokens).await.is(200).json();
            let mut passkey = SoftwareAuthenticator::new(ISSUER);
            let wrong = passkey.create_with(&begun["public_key"], change);
            let refused = store(&server, &tokens, &begun, wrong, json!({})).await;
            assert_eq!((refused.status, &*refused.code()), (422, "validation_failed"), "{what}");
            assert_eq!(refused.json()["errors"][0]["field"], "credential", "{what}");
        }
        let listed = server.get_as("/v1/factors", &tokens.access).await.is(200).json();
        assert_eq!(listed["data"], json!([]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disabled_or_deleted_user_is_answered_as_an_unknown_credential() {
    on_both("passkey of a disabled user", async |backend| {
        let mut place = place(backend).await;
        let mut unknown = SoftwareAuthenticator::new(ISSUER);
        unknown.user_handle = place.passkey.user_handle.clone();
        let without_id = |answer: crate::support::server::Answer| -> Value {
            let mut body = answer.is_problem(401, "mfa_failed").json();
            body["request_id"].take();
            body
        };
        let wanted = without_id(sign_in(&place.server, &mut unknown).await);
        let user = format!("/v1/admin/users/{}", place.pia);
        let disable = format!("{user}/disable");
        let call = async |method, path: &str| {
            let Tokens { access, .. } = &place.root;
            place.server.call_as(method, path, access, Value::Null).await
        };
        call(reqwest::Method::POST, &disable).await.is(200);
        assert_eq!(without_id(sign_in(&place.server, &mut place.passkey).await), wanted);
        call(reqwest::Method::DELETE, &user).await.is(204);
        assert_eq!(without_id(sign_in(&place.server, &mut place.passkey).await), wanted);
    })
    .await;
}
