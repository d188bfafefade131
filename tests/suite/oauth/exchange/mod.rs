//! Token exchange (RFC 8693): narrower scopes, and the next API.

mod attacks;

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::relying_party::{App, Person, error_of};
use crate::support::server::{Answer, Tokens};

use super::{ACCESS_TOKEN, API, EXCHANGE, set};

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_exchanged_for_less_or_for_the_next_api() {
    let (server, root, app) = set().await;
    let stock = "https://stock.example.com";
    let api = json!({"type": "service", "serves": [API], "audiences": [stock],
        "grant_types": [EXCHANGE, "client_credentials"]});
    let api = App::register(&server, &root, api).await;
    let stranger = json!({"type": "service", "audiences": [stock], "grant_types": [EXCHANGE]});
    let stranger = App::register(&server, &root, stranger).await;
    let smaller = json!({"grant_types": ["authorization_code", "refresh_token", EXCHANGE]});
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(Method::PATCH, &path, &root.access, smaller).await.is(200);
    let ada = Person::new(&server, "ada");
    let code = app.code(&ada, &[("scope", "openid read write")]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    let exchange = async |app: &App, token: &str, more: &[(&str, &str)]| {
        let fields = [
            &[
                ("grant_type", EXCHANGE),
                ("subject_token", token),
                ("subject_token_type", ACCESS_TOKEN),
            ],
            more,
        ]
        .concat();
        app.call(&server, "/oauth2/token", &fields).await
    };
    let claims = |answer: &Answer| {
        Tokens { access: answer.string("access_token"), refresh: String::new() }.claims()
    };
    // A narrower token of the client's own, without an actor.
    let less = exchange(&app, access, &[("scope", "read")]).await;
    assert_eq!(less.is(200).json()["issued_token_type"], ACCESS_TOKEN);
    let said = claims(&less);
    assert_eq!((&said["scope"], &said["aud"]), (&json!("read"), &json!(API)));
    assert!(said.get("act").is_none() && less.json().get("refresh_token").is_none());
    assert_eq!(
        error_of(&exchange(&app, access, &[("scope", "profile")]).await, 400),
        "invalid_scope"
    );
    let small = less.string("access_token");
    assert_eq!(
        error_of(&exchange(&app, &small, &[("scope", "write")]).await, 400),
        "invalid_scope"
    );

    // The called API calls the next one: the user is the subject, the API the actor.
    server.advance(TimeSpan::from_mins(5));
    let next = exchange(&api, access, &[("resource", stock), ("scope", "count")]).await;
    let said = claims(next.is(200));
    assert_eq!(said["sub"], claims(&less)["sub"]);
    assert_eq!((&said["act"]["sub"], &said["client_id"]), (&json!(api.id), &json!(api.id)));
    assert_eq!(said["aud"], stock);
    let before = Tokens { access: access.to_owned(), refresh: String::new() }.claims();
    assert_eq!(said["exp"], before["exp"], "it lives no longer than the one it came from");
    let delegated = next.string("access_token");
    let look = async |token: &str| {
        let answer = api.call(&server, "/oauth2/introspect", &[("token", token)]).await;
        answer.is(200).json()["active"].clone()
    };
    assert_eq!(look(&delegated).await, true);

    for (app, token, more, wanted) in [
        (&stranger, access, &[("resource", stock)][..], "invalid_grant"),
        (&api, access, &[("resource", "https://nowhere.example")], "invalid_target"),
        (&api, access, &[("resource", stock), ("scope", "everything")], "invalid_scope"),
        (&api, "rubbish", &[("resource", stock)], "invalid_grant"),
        (&api, tokens["id_token"].as_str().unwrap(), &[("resource", stock)], "invalid_grant"),
        (&api, tokens["refresh_token"].as_str().unwrap(), &[("resource", stock)], "invalid_grant"),
        (
            &api,
            access,
            &[("requested_token_type", "urn:ietf:params:oauth:token-type:saml2")],
            "invalid_request",
        ),
        (&api, access, &[("actor_token", access)], "invalid_request"),
        (
            &api,
            access,
            &[("actor_token", access), ("actor_token_type", ACCESS_TOKEN)],
            "invalid_grant",
        ),
    ] {
        assert_eq!(error_of(&exchange(app, token, more).await, 400), wanted, "{more:?}");
    }
    // The end of the session ends exchanged tokens, and a revoked token cannot be exchanged.
    app.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(200);
    assert_eq!(look(&delegated).await, false);
    assert_eq!(
        error_of(&exchange(&api, access, &[("resource", stock)]).await, 400),
        "invalid_grant"
    );
}
