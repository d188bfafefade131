//! The scope `email` (OpenID Connect Core §5.4): which clients receive the address, where, and when.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::relying_party::{App, Person, id_token};
use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

struct Place {
    server: Server,
    root: Tokens,
    ada: String,
}

impl Place {
    async fn on(backend: Backend) -> Self {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        Self { server, root, ada }
    }

    async fn app(&self, more: Value) -> App {
        let mut client = json!({"type": "web"});
        client.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        App::register(&self.server, &self.root, client).await
    }

    async fn patch(&self, patch: Value) {
        let path = format!("/v1/admin/users/{}", self.ada);
        self.server.call_as(Method::PATCH, &path, &self.root.access, patch).await.is(200);
    }

    /// The claims of userinfo and of the ID token.
    async fn told(&self, app: &App, more: &[(&str, &str)]) -> (Value, Value) {
        let ada = Person::new(&self.server, "ada");
        let code = app.code(&ada, more).await;
        let tokens = app.redeem(&self.server, &code).await.is(200).json();
        let claims = id_token(&self.server, app, &tokens, Some("the nonce")).await;
        let access = tokens["access_token"].as_str().unwrap();
        let info = self.server.get_as("/oauth2/userinfo", access).await.is(200).json();
        (info, claims)
    }
}

fn about(claims: &Value) -> (Option<&str>, Option<&Value>) {
    (claims["email"].as_str(), claims.get("email_verified"))
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_verified_address_is_told_and_in_the_id_token_only_where_it_was_asked_for() {
    on_both("the scope email", async |backend| {
        let place = Place::on(backend).await;
        let app = place.app(json!({})).await;
        let verbose = place.app(json!({"id_token_claims": "scopes"})).await;
        let (scope, narrow) = (("scope", "openid email"), ("scope", "openid"));
        let claims = r#"{"id_token":{"email":null,"email_verified":null}}"#;
        let by_name = [narrow, ("claims", claims)];
        let at_userinfo = [narrow, ("claims", r#"{"userinfo":{"email":{"essential":true}}}"#)];
        let nothing = (None, None);
        place.patch(json!({"email": "ada@x.org"})).await;
        for more in [&[scope][..], &by_name, &at_userinfo] {
            for app in [&app, &verbose] {
                let (info, id) = place.told(app, more).await;
                assert_eq!((about(&info), about(&id)), (nothing, nothing), "{more:?}");
            }
        }
        place.patch(json!({"email_verified": true})).await;
        let both = (Some("ada@x.org"), Some(&json!(true)));
        for (app, more, at_info, in_id) in [
            (&app, &[scope][..], both, nothing),
            (&app, &[narrow], nothing, nothing),
            (&app, &[("scope", "openid profile")], nothing, nothing),
            (&app, &by_name, nothing, both),
            (&app, &at_userinfo, (Some("ada@x.org"), None), nothing),
            (&verbose, &[scope], both, both),
            (&verbose, &[narrow], nothing, nothing),
        ] {
            let (info, id) = place.told(app, more).await;
            assert_eq!((about(&info), about(&id)), (at_info, in_id), "{more:?}");
        }
        // A client that may not have the scope receives nothing, however it is requested.
        let limited = place.app(json!({"scopes": ["openid"]})).await;
        for more in [&[scope][..], &by_name, &at_userinfo] {
            let (info, id) = place.told(&limited, more).await;
            assert_eq!((about(&info), about(&id)), (nothing, nothing), "{more:?}");
        }
        let document = place.server.get("/.well-known/openid-configuration").await.is(200).json();
        let lists = |list: &str, name: &str| {
            document[list].as_array().unwrap().iter().any(|known| known == name)
        };
        assert!(lists("scopes_supported", "email"));
        assert!(lists("claims_supported", "email") && lists("claims_supported", "email_verified"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_is_asked_before_a_client_is_told_the_address() {
    let place = Place::on(Backend::Sqlite).await;
    place.patch(json!({"email": "ada@x.org", "email_verified": true})).await;
    let app = place.app(json!({"skip_consent": false})).await;
    let ada = Person::new(&place.server, "ada");
    ada.visit(&app.url(&[("scope", "openid profile")])).await.said("code");
    // A consent from before the scope existed does not contain it.
    let page = ada.get(&app.url(&[("scope", "openid profile email")])).await;
    assert!(page.is(200).text.contains("Your e-mail address"), "{}", page.text);
    let german = ada.get(&app.url(&[("scope", "openid email"), ("ui_locales", "de")])).await;
    assert!(german.is(200).text.contains("Ihre E-Mail-Adresse"), "{}", german.text);
    let page = ada.decide(&page, "allow").await;
    let code = ada.go_on(page).await.said("code");
    let tokens = app.redeem(&place.server, &code).await.is(200).json();
    assert_eq!(tokens["scope"], "openid profile email");
    let silent = [("scope", "openid email"), ("prompt", "none")];
    ada.visit(&app.url(&silent)).await.said("code");
}

/// The consent page tells the user when the application will receive no address.
#[tokio::test(flavor = "multi_thread")]
async fn the_user_is_told_when_there_is_no_verified_address() {
    let place = Place::on(Backend::Sqlite).await;
    let app = place.app(json!({"skip_consent": false})).await;
    let ada = Person::new(&place.server, "ada");
    let request = [("scope", "openid email")];
    let page = ada.log_in(&ada.get(&app.url(&request)).await, PASSWORD).await;
    let address = ada.below_base(page.is(303).header("location"));
    let page = ada.get(&address).await;
    assert!(page.is(200).text.contains("Your account has no address"), "{}", page.text);
    place.patch(json!({"email": "ada@x.org"})).await;
    let page = ada.get(&address).await;
    assert!(page.is(200).text.contains("Your address is not verified"), "{}", page.text);
    let german = ada.get(&app.url(&[request[0], ("ui_locales", "de")])).await;
    assert!(german.is(200).text.contains("Ihre Adresse ist nicht bestätigt"), "{}", german.text);
    place.patch(json!({"email_verified": true})).await;
    let page = ada.get(&address).await;
    assert!(page.is(200).text.contains("Only if it is verified."), "{}", page.text);
}
