//! Tests of responses as browsers write them, and of invalid ones.

use serde_json::json;

use super::*;

fn assertion() -> Value {
    json!({
        "id": "AQ", "rawId": "AQ", "type": "public-key", "authenticatorAttachment": "platform",
        "response": {
            "clientDataJSON": "Ag", "authenticatorData": "Aw", "signature": "BA", "userHandle": "BQ",
        },
        "clientExtensionResults": {},
    })
}

#[test]
fn responses_are_read_as_browsers_write_them() {
    let read = AssertionResponse::read(&assertion()).unwrap();
    assert_eq!((read.credential_id, read.user_handle), (vec![1], Some(vec![5])));
    let mut without = assertion();
    without["response"]["userHandle"] = Value::Null;
    assert_eq!(AssertionResponse::read(&without).unwrap().user_handle, None);
    let registration = json!({
        "id": "AQ", "rawId": "AQ", "type": "public-key",
        "response": {
            "clientDataJSON": "Ag", "attestationObject": "Aw",
            "transports": ["internal", "telepathy", "hybrid"],
            "publicKeyAlgorithm": -7,
        },
    });
    let read = RegistrationResponse::read(&registration).unwrap();
    assert_eq!(read.transports, "hybrid internal");
}

#[test]
fn malformed_responses_are_refused() {
    for (member, value) in [
        ("id", json!("")),
        ("id", json!("A")),
        ("id", json!("AQ==")),
        ("id", json!(URL_SAFE_NO_PAD.encode([0; 1024]))),
        ("rawId", json!("Ag")),
        ("type", json!("password")),
        ("response", json!({})),
        ("response", json!("x")),
    ] {
        let mut changed = assertion();
        changed[member] = value.clone();
        assert!(AssertionResponse::read(&changed).is_none(), "{member}: {value}");
    }
    assert!(AssertionResponse::read(&json!(null)).is_none());
    assert!(RegistrationResponse::read(&assertion()).is_none());
}
