//! Keys on the pages of the account, without JavaScript.

use serde_json::{Value, json};
use signet::base::TimeSpan;
use url::Url;

use super::{API, CLOSED, Place};
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::{Options, PASSWORD};

/// A user creates a key at the page, sees it once, and revokes it.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_makes_and_revokes_a_key_at_the_page() {
    on_both("API keys: page", async |backend| {
        let place = Place::on(backend).await;
        let ada = Person::new(&place.server, "ada");
        let page = ada.get("/login").await;
        ada.log_in(&page, PASSWORD).await;
        let account = ada.get("/account").await;
        assert!(account.is(200).text.contains("You have no API keys."));
        let forms = ada.get("/account/keys").await;
        let html = &forms.is(200).text;
        assert!(html.contains(API) && !html.contains(CLOSED));
        assert!(html.contains("scope.orders:write") && !html.contains("scope.orders:refund"));
        assert!(!html.contains("<script"), "the page needs no script");
        let csrf = field(html, "csrf");
        let wish = |name: &'static str, scope: &'static str| {
            vec![
                ("csrf", csrf.clone()),
                ("audience", API.to_owned()),
                ("name", name.to_owned()),
                ("days", "30".to_owned()),
                (scope, "on".to_owned()),
            ]
        };
        let post = async |path: &str, fields: &[(&str, String)]| {
            let fields: Vec<(&str, &str)> =
                fields.iter().map(|(name, value)| (*name, value.as_str())).collect();
            ada.post(path, &fields).await
        };
        for (fields, text) in [
            (wish(" ", "scope.orders:read"), "A name has 1 to 128 printable characters."),
            (wish("Backup", "x"), "Choose at least one."),
            (
                wish("Backup", "scope.orders:refund"),
                "The API does not offer all of this to API keys.",
            ),
        ] {
            let refused = post("/account/keys", &fields).await;
            assert!(refused.is(422).text.contains(text), "{}", refused.text);
        }
        let made = post("/account/keys", &wish("Back<b>up", "scope.orders:read")).await;
        let html = &made.is(200).text;
        let (_, rest) = html.split_once("<code>spk_").unwrap();
        let key = format!("spk_{}", &rest[..48]);
        assert!(html.contains("Back&#60;b&#62;up") && !html.contains("Back<b>"));
        assert_eq!(made.header("cache-control"), "no-store");
        place.exchange(&key, &[]).await.is(200);
        let account = ada.get("/account").await;
        let html = &account.is(200).text;
        assert!(html.contains("orders:read") && !html.contains(&key));
        let id = place.keys().await[0]["id"].as_str().unwrap().to_owned();
        let forged =
            post("/account/keys/revoke", &[("csrf", "x".to_owned()), ("id", id.clone())]).await;
        assert_ne!(forged.status, 303);
        for _ in 0..2 {
            let form = [("csrf", csrf.clone()), ("id", id.clone())];
            let done = post("/account/keys/revoke", &form).await;
            assert!(done.is(303).header("location").contains("done=key-revoked"));
        }
        let account = ada.get("/account?done=key-revoked").await;
        assert!(account.is(200).text.contains("The API key was revoked."));
        place.exchange(&key, &[]).await.is(400);
    })
    .await;
}

/// After a while the page requires a new sign-in, which returns to it; without an API that accepts keys there is no
/// section.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_asks_for_a_fresh_sign_in() {
    on_both("API keys: stale page", async |backend| {
        let place = Place::on(backend).await;
        let ada = Person::new(&place.server, "ada");
        let page = ada.get("/login").await;
        ada.log_in(&page, PASSWORD).await;
        let csrf = field(&ada.get("/account/keys").await.text, "csrf");
        place.server.advance(TimeSpan::from_mins(6));
        let stale = ada.get("/account/keys").await;
        assert!(
            stale.is(200).text.contains("to=keys")
                && !stale.text.contains("<form method=\"post\" action=\"/account/keys\"")
        );
        let fields = [
            ("csrf", &*csrf),
            ("audience", API),
            ("name", "x"),
            ("days", "30"),
            ("scope.orders:read", "on"),
        ];
        let refused = ada.post("/account/keys", &fields).await;
        assert!(refused.is(303).header("location").ends_with("/account/keys"));
        assert!(place.keys().await.is_empty());
        let page = ada.get("/login?to=keys").await;
        let landed = ada.log_in(&page, PASSWORD).await;
        let back = Url::parse(&place.server.base).unwrap().join(landed.header("location")).unwrap();
        assert_eq!(back.path(), "/account/keys");
    })
    .await;
    on_both("API keys: no API", async |backend| {
        let server = Options::on(backend).start().await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let page = ada.get("/login").await;
        ada.log_in(&page, PASSWORD).await;
        assert!(!ada.get("/account").await.is(200).text.contains("API keys"));
        assert!(
            ada.get("/account/keys").await.is(200).text.contains("No API here accepts API keys.")
        );
        let made = server.login("ada").await;
        let body: Value = json!({"name": "x", "audience": API, "scopes": ["orders:read"]});
        let answer = server.call_as(reqwest::Method::POST, super::KEYS, &made.access, body).await;
        answer.is_problem(422, "validation_failed");
    })
    .await;
}
