//! The audit trail of consents and of clients that fail to authenticate.

use serde_json::json;

use crate::support::relying_party::{App, Person, error_of, field};

use super::set;

/// Consents are recorded in the audit trail, also if they are not remembered.
#[tokio::test(flavor = "multi_thread")]
async fn consents_are_in_the_audit_trail() {
    let (server, root) = set().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let tv = json!({"type": "native", "grant_types": [device]});
    let tv = App::register(&server, &root, tv).await;
    let native = json!({"type": "native", "redirect_uris": ["com.example.app:/cb"]});
    let native = App::register(&server, &root, native).await;
    let ada = Person::new(&server, "ada");
    ada.visit(&native.url(&[])).await;
    let asked = tv.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    for decision in ["deny", "allow"] {
        let asked = match decision {
            "deny" => asked.string("user_code"),
            _ => {
                let fields = [("scope", "openid")];
                let again = tv.call(&server, "/oauth2/device_authorization", &fields).await;
                again.string("user_code")
            }
        };
        let form = ada.get("/device").await;
        let flow = field(&form.text, "flow");
        let page = ada.post("/device", &[("flow", &flow), ("user_code", &asked)]).await;
        ada.decide(&page, decision).await.is(200);
    }
    let events = server.events(&root, "consent.granted").await;
    let details: Vec<&str> = events.iter().filter_map(|event| event["detail"].as_str()).collect();
    assert_eq!(details.len(), 2, "{events:?}");
    assert!(details.contains(&&*tv.id) && details.contains(&&*native.id), "{details:?}");
}

/// Failed client authentications are recorded in grouped rows, and unknown clients are not named.
#[tokio::test(flavor = "multi_thread")]
async fn failed_client_authentication_is_in_the_audit_trail() {
    let (server, root) = set().await;
    let app = App::register(&server, &root, json!({"type": "web"})).await;
    let wrong = App { secret: Some("scs_wrong".to_owned()), ..app.clone() };
    let nobody = App { id: "nobody".to_owned(), ..wrong.clone() };
    let other = App { id: "somebody".to_owned(), ..wrong.clone() };
    let silent = App { secret: None, ..app.clone() };
    for app in [&wrong, &wrong, &silent, &nobody, &nobody, &other] {
        let answer = app.call(&server, "/oauth2/introspect", &[("token", "x")]).await;
        assert_eq!(error_of(&answer, 401), "invalid_client");
    }
    app.call(&server, "/oauth2/introspect", &[("token", "x")]).await.is(200);
    let events = server.events(&root, "client.auth_failed").await;
    let mut details: Vec<&str> = events.iter().filter_map(|e| e["detail"].as_str()).collect();
    details.sort_unstable();
    assert_eq!((events.len(), details), (2, vec![&*app.id]), "{events:?}");
}
