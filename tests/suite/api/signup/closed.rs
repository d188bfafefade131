//! Closed registration: every endpoint refuses, also for sign-ups that were begun before.

use reqwest::Method;
use serde_json::{Value, json};

use super::{ADA, NEW, begin, complete, users, verified};
use crate::support::mailed::{MailingServer, options};
use crate::support::on_both;
use crate::support::relying_party::{App, Person};
use crate::support::server::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn closed_and_by_invitation_every_door_refuses() {
    on_both("sign-up: closed", async |backend| {
        for word in ["closed", "invite"] {
            let place = MailingServer::with(backend, &[("SIGNET_REGISTRATION", word)]).await;
            let client = App::register(&place.server, &place.root, json!({"type": "spa"})).await;
            for body in [
                json!({"login": "ada", "password": PASSWORD}),
                json!({"email": ADA}),
                json!({"email": ADA, "login": "ada", "password": PASSWORD}),
            ] {
                let refused = place.server.post("/v1/register", body).await;
                refused.is_problem(403, "registration_closed");
            }
            for body in [
                json!({"challenge": "sch_AAAA", "code": "12345678"}),
                json!({"token": "A".repeat(43)}),
            ] {
                let refused = complete(&place, body).await;
                assert!([403, 404].contains(&refused.status), "{}", refused.text);
            }
            let person = Person::new(&place.server, "ada");
            let login = person.get("/login").await;
            assert!(!login.is(200).text.contains("/signup"), "{}", login.text);
            for path in ["/signup", "/signup/code", "/signup/account"] {
                let page = person.get(path).await;
                assert!(page.is(403).text.contains("invitation"), "{}", page.text);
                let fields = [("email", ADA), ("login", "ada"), ("password", PASSWORD)];
                person.post(path, &fields).await.is(403);
            }
            // OpenID Connect requests a sign-up with prompt=create, which is not supported.
            let asked = person.visit(&client.url(&[("prompt", "create")])).await;
            assert_eq!(asked.said("error"), "invalid_request");
            let fields: Vec<_> = client.request(&[("prompt", "create"), ("login", "ada")]);
            let fields: Vec<_> = fields.iter().map(|(name, value)| (&**name, &**value)).collect();
            let challenged =
                client.call(&place.server, "/oauth2/authorize-challenge", &fields).await;
            assert_eq!(challenged.status, 400, "{}", challenged.text);
            assert_eq!(users(&place).await, 0);
            assert!(place.sink.received().is_empty());
            let mut link = place.server.app.db.reader().await.unwrap();
            let codes =
                signet::fetch_optional!(&mut link, (i64,), "SELECT count(*) FROM mailed_codes");
            assert_eq!(codes.unwrap(), Some((0,)));
            drop(link);
            // Administrators can still create and invite users.
            let body = json!({"login": "ada", "email": ADA, "invite": true});
            place.admin(Method::POST, "/v1/admin/users", body).await.is(201);
            let invited = place.newest().await;
            place.redeem(&invited.link, PASSWORD).await.is(204);
            assert_eq!(place.server.try_login(ADA, PASSWORD).await.status, 200);
        }
    })
    .await;
}

/// The setting applies at every step, not only at the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_does_not_complete_after_registration_closed() {
    on_both("sign-up: closed meanwhile", async |backend| {
        let MailingServer { sink, server, root } = {
            let place = verified(backend, &[]).await;
            let challenge = begin(&place, NEW).await;
            let mailed = place.newest().await;
            let (dir, url) = (place.server.dir.clone(), place.server.database_url.clone());
            let MailingServer { sink, server, root } = place;
            drop(server);
            let mut options = options(backend, &sink).with("SIGNET_REGISTRATION", "closed");
            if let Some(url) = url {
                options = options.on_database(&url);
            }
            let server = options.start_in(dir).await;
            let place = MailingServer { sink, server, root };
            let refused =
                complete(&place, json!({"challenge": challenge, "code": mailed.code})).await;
            refused.is_problem(403, "registration_closed");
            let refused = complete(&place, json!({ "token": mailed.link })).await;
            refused.is_problem(403, "registration_closed");
            let page = place.server.get(&mailed.path()).await;
            assert!(page.is(403).text.contains("invitation"), "{}", page.text);
            place
        };
        assert_eq!(sink.received().len(), 1);
        let list = server.get_as("/v1/admin/users?limit=10", &root.access).await;
        // The issuer of the earlier token had another port.
        assert!(list.status == 401 || list.json()["data"] == Value::Array(vec![]), "{}", list.text);
        let mut link = server.app.db.reader().await.unwrap();
        let users = signet::fetch_optional!(&mut link, (i64,), "SELECT count(*) FROM users");
        assert_eq!(users.unwrap(), Some((1,)));
    })
    .await;
}
