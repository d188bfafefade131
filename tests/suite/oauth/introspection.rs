//! Introspection (RFC 7662) and revocation (RFC 7009).

use serde_json::json;

use crate::support::relying_party::{App, Person, error_of};
use crate::support::server::Tokens;

use super::{API, EXCHANGE, set};

#[tokio::test(flavor = "multi_thread")]
async fn a_client_learns_what_concerns_it_and_nothing_else() {
    let (server, root, app) = set().await;
    let api = json!({"type": "service", "serves": [API], "grant_types": [EXCHANGE]});
    let api = App::register(&server, &root, api).await;
    let stranger = App::register(&server, &root, json!({"type": "web"})).await;
    let public = App::register(&server, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let code = app.code(&ada, &[("scope", "openid read")]).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let access = tokens["access_token"].as_str().unwrap();
    let look = async |app: &App, token: &str| {
        app.call(&server, "/oauth2/introspect", &[("token", token), ("token_type_hint", "x")]).await
    };
    let inactive = json!({"active": false});
    for asker in [&app, &api] {
        let seen = look(asker, access).await.is(200).json();
        assert_eq!(
            (&seen["active"], &seen["aud"], &seen["scope"]),
            (&json!(true), &json!(API), &json!("openid read"))
        );
        assert_eq!(seen["client_id"], app.id);
    }
    assert_eq!(look(&stranger, access).await.is(200).json(), inactive);
    assert_eq!(error_of(&look(&public, access).await, 401), "invalid_client");
    let refresh = tokens["refresh_token"].as_str().unwrap();
    assert_eq!(look(&app, refresh).await.json()["active"], true);
    assert_eq!(look(&api, refresh).await.json(), inactive);
    for rubbish in ["x", "srt_x", &"x".repeat(20_000), tokens["id_token"].as_str().unwrap(), &code]
    {
        assert_eq!(look(&app, rubbish).await.is(200).json(), inactive);
    }
    // A token of /v1 for the API concerns the API too.
    let login = json!({"login": "ada", "password": crate::support::server::PASSWORD,
        "audience": API, "scope": "read"});
    let own = Tokens::of(&server.post("/v1/login", login).await);
    assert_eq!(look(&api, &own.access).await.json()["active"], true);

    // Revoked by somebody else: nothing happens. By its client: everything of it is over.
    stranger.call(&server, "/oauth2/revoke", &[("token", refresh)]).await.is(200);
    stranger.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(200);
    app.call(&server, "/oauth2/revoke", &[("token", "rubbish")]).await.is(200);
    assert_eq!(look(&app, access).await.json()["active"], true);
    server.get("/oauth2/revoke").await.is(405);
    let nobody = App { secret: Some("x".to_owned()), ..app.clone() };
    nobody.call(&server, "/oauth2/revoke", &[("token", access)]).await.is(401);
    app.call(&server, "/oauth2/revoke", &[("token", refresh)]).await.is(200);
    for token in [access, refresh] {
        assert_eq!(look(&app, token).await.json(), inactive);
    }
    assert_eq!(error_of(&app.refresh(&server, refresh).await, 400), "invalid_grant");
}
