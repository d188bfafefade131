//! The page of an expired mailed link offers a way to continue, in the language of the reader.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::jobs;

use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::{Answer, PASSWORD};

const ADA: &str = "ada@example.org";
const NEW: &str = "lovelace@example.net";

/// The page of a link in a language.
async fn opened(place: &MailingServer, path: &str, language: &str) -> Answer {
    let request = place.server.request(Method::GET, path);
    place.server.send(request.header("accept-language", language)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_that_has_expired_names_who_sends_another_one() {
    on_both("expired invitation", async |backend| {
        let place = MailingServer::start(backend).await;
        let body = json!({"login": "ada", "email": ADA, "invite": true});
        let ada = place.admin(Method::POST, "/v1/admin/users", body).await.is(201).string("id");
        let mailed = place.newest().await;
        // Also weeks later, when expired rows are removed.
        for span in [TimeSpan::from_days(8), TimeSpan::from_days(20)] {
            place.server.advance(span);
            jobs::housekeep(&place.server.app, place.server.now()).await.unwrap();
            for (language, said, way) in [
                ("en", "Ask the administrator who invited you", "Sign in"),
                ("de", "Bitten Sie die Person, die Sie eingeladen hat", "Anmelden"),
            ] {
                let page = opened(&place, &mailed.path(), language).await;
                assert!(page.is(404).text.contains(said), "{language}: {}", page.text);
                assert!(page.text.contains("href=\"/login\"") && page.text.contains(way));
                // A new password is not offered: the account has none yet.
                assert!(!page.text.contains("/recover"), "{}", page.text);
            }
        }
        // The administrator sends another one.
        let root = place.server.post(
            "/v1/login",
            json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"}),
        );
        let root = root.await.is(200).string("access_token");
        let path = format!("/v1/admin/users/{ada}/invite");
        place.server.call_as(Method::POST, &path, &root, Value::Null).await.is(200);
        let another = place.newest().await;
        opened(&place, &another.path(), "en").await.is(200);
        // The previous one is unknown by now.
        opened(&place, &mailed.path(), "en").await.is(404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_that_cannot_be_taken_back_any_more_leads_to_the_address() {
    on_both("expired undo", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        let call = async |method, path: &str, body| {
            place.server.call_as(method, path, &tokens.access, body).await
        };
        call(Method::PUT, "/v1/email", json!({ "email": NEW })).await.is(202);
        let code = place.newest().await.code;
        call(Method::POST, "/v1/email/verify", json!({ "code": code })).await.is(204);
        let undo = place.newest().await;
        assert_eq!((&*undo.to, &*undo.code), (ADA, ""));
        place.server.advance(TimeSpan::from_mins(73 * 60));
        jobs::housekeep(&place.server.app, place.server.now()).await.unwrap();
        for (language, said) in [
            ("en", "If you cannot sign in, ask an administrator"),
            ("de", "wenden Sie sich an einen Administrator"),
        ] {
            let page = opened(&place, &undo.path(), language).await;
            assert!(page.is(404).text.contains(said), "{language}: {}", page.text);
            assert!(page.text.contains("action=\"/account/email\""), "{}", page.text);
        }
    })
    .await;
}

/// A form of another browser has no effect, and its response has a valid form.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_of_another_browser_is_answered_with_one_of_this_browser() {
    on_both("link: form of another browser", async |backend| {
        let settings = [("SIGNET_REGISTRATION", "verified")];
        let place = MailingServer::with(backend, &settings).await;
        place.user("ada", ADA).await;
        place.recover(ADA).await;
        let recovery = place.newest().await;
        place.server.post("/v1/register", json!({ "email": NEW })).await.is(202);
        let sign_up = place.newest().await;
        for (mailed, fields) in [
            (&recovery, vec![("new_password", "a password that is new")]),
            (&sign_up, vec![("login", NEW), ("password", PASSWORD)]),
        ] {
            let (first, other) =
                (Person::new(&place.server, "ada"), Person::new(&place.server, "ada"));
            let page = first.get(&mailed.path()).await;
            let foreign = field(&page.is(200).text, "csrf");
            let all = [&[("csrf", &*foreign)][..], &fields[..]].concat();
            let refused = other.post(&mailed.path(), &all).await;
            assert!(refused.is(403).text.contains("Nothing was changed."), "{}", refused.text);
            let own = field(&refused.text, "csrf");
            assert_ne!(own, foreign);
            let all = [&[("csrf", &*own)][..], &fields[..]].concat();
            other.post(&mailed.path(), &all).await.is(303);
        }
        place.server.try_login("ada", "a password that is new").await.is(200);
        place.server.try_login(NEW, PASSWORD).await.is(200);
    })
    .await;
}
