//! Userinfo and access tokens for an API: the scope `openid` decides (OpenID Connect Core §5.3).

use serde_json::Value;

use crate::support::relying_party::Person;
use crate::support::server::Tokens;

use super::{API, set};

/// The claims that an access token gets at userinfo depend on its scopes, not on its audience: a client that
/// does not want to disclose the user to its API gives it a token without `openid`.
#[tokio::test(flavor = "multi_thread")]
async fn userinfo_answers_a_token_for_an_api_only_if_it_has_the_scope_openid() {
    let (server, _, app) = set().await;
    let ada = Person::new(&server, "ada");
    let request = [("resource", API), ("scope", "openid profile read offline_access")];
    let code = app.code(&ada, &request).await;
    let tokens = app.redeem(&server, &code).await.is(200).json();
    let userinfo = async |tokens: &Value| {
        server.get_as("/oauth2/userinfo", tokens["access_token"].as_str().unwrap()).await
    };
    let said = userinfo(&tokens).await.is(200).json();
    assert_eq!(said["preferred_username"], "ada");
    // Its refresh token gives a token for the API alone.
    let refresh = tokens["refresh_token"].as_str().unwrap();
    let narrow = |scope: &'static str, token: &str| {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
        fields.map(|(name, value)| (name, value.to_owned()))
    };
    for (scope, status) in [("read", 403), ("openid read", 200)] {
        let fields = narrow(scope, refresh);
        let fields = fields.each_ref().map(|(name, value)| (*name, &**value));
        let answer = app.call(&server, "/oauth2/token", &fields).await;
        let narrowed = answer.is(200).json();
        let claims = Tokens {
            access: narrowed["access_token"].as_str().unwrap().to_owned(),
            refresh: String::new(),
        }
        .claims();
        assert_eq!(claims["aud"], API);
        let answer = userinfo(&narrowed).await;
        assert_eq!(answer.status, status, "{scope}: {}", answer.text);
        assert!(answer.json().get("preferred_username").is_none(), "{scope}: {}", answer.text);
    }
    // A first request for the API alone does the same.
    let code = app.code(&ada, &[("resource", API), ("scope", "read")]).await;
    let alone = app.redeem(&server, &code).await.is(200).json();
    let refused = userinfo(&alone).await;
    assert_eq!(refused.is(403).string("error"), "insufficient_scope");
    // No token for an API, with or without `openid`, is accepted at `/v1`.
    server.get_as("/v1/me", tokens["access_token"].as_str().unwrap()).await.is(401);
}
