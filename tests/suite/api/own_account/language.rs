//! The language of mail: the user's choice, else that of the request.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ADA, me, patch_as};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn mail_to_a_user_is_in_the_language_that_was_chosen() {
    on_both("language of mail", async |backend| {
        let place = MailingServer::start(backend).await;
        let server = &place.server;
        let id = place.user("ada", ADA).await;
        let tokens = server.login("ada").await;
        assert_eq!(me(server, &tokens).await["language"], Value::Null);
        let last = async || place.sent_to(ADA).await.last().unwrap().0.clone();
        // That of the request, without a choice.
        let asked = server.request(Method::POST, "/v1/recovery").header("accept-language", "de");
        server.send(asked.json(&json!({ "email": ADA }))).await.is(202);
        assert_eq!(last().await, "de");

        for wrong in ["xx", "", "de-AT", "DE"] {
            let refused = patch_as(server, &tokens, json!({ "language": wrong })).await;
            let refused = refused.is_problem(422, "validation_failed").json();
            assert_eq!(refused["errors"][0]["field"], "language");
        }
        let chosen = patch_as(server, &tokens, json!({"language": "de"})).await;
        assert_eq!(chosen.is(200).json()["language"], "de");
        // A code requested by address, a notice, and a link requested by an administrator.
        place.recover(ADA).await;
        assert_eq!(last().await, "de");
        let change = json!({"current_password": PASSWORD, "new_password": "another fine one"});
        server.call_as(Method::POST, "/v1/password", &tokens.access, change).await.is(204);
        assert_eq!(last().await, "de");
        let path = format!("/v1/admin/users/{id}/recovery");
        place.admin(Method::POST, &path, Value::Null).await;
        assert_eq!(last().await, "de");

        patch_as(server, &tokens, json!({"language": null})).await.is(200);
        place.recover(ADA).await;
        assert_eq!(last().await, "en");
        // The last mail too, which is sent after the user was deleted.
        patch_as(server, &tokens, json!({"language": "de"})).await.is(200);
        place.admin(Method::DELETE, &format!("/v1/admin/users/{id}"), Value::Null).await.is(204);
        let sent = place.sent_to(ADA).await;
        assert_eq!(sent.last().unwrap().0, "de", "{sent:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_choice_at_a_page_is_that_of_the_user_who_is_signed_in_there() {
    on_both("language of the pages", async |backend| {
        let place = MailingServer::start(backend).await;
        let server = &place.server;
        place.user("ada", ADA).await;
        let tokens = server.login("ada").await;
        let stored = async || me(server, &tokens).await["language"].clone();
        let person = Person::new(server, "ada");
        let choose = async |lang: &str| {
            let fields = [("lang", lang), ("back", "/account")];
            person.post("/language", &fields).await.is(303).header("location").to_owned()
        };
        choose("de").await;
        assert_eq!(stored().await, Value::Null, "no one is signed in");
        let login = person.get("/login").await;
        let flow = field(&login.is(200).text, "flow");
        let fields = [("flow", &*flow), ("login", "ada"), ("password", PASSWORD)];
        person.post("/login", &fields).await.is(303);
        assert!(choose("de").await.ends_with("/account"));
        assert_eq!(stored().await, "de");
        choose("en").await;
        assert_eq!(stored().await, "en");
    })
    .await;
}
