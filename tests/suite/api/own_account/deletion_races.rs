//! Concurrent deletions: one succeeds, and an administrator remains.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;

use super::{ADA, delete_as};
use crate::support::mailed::MailingServer;
use crate::support::relying_party::{App, Person};
use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Server, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn of_several_deletions_of_one_account_one_deletes() {
    on_both("deletion: race", async |backend| {
        let place = MailingServer::start(backend).await;
        let id = place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        let own = join_all((0..6).map(|_| delete_as(&place.server, &tokens, "ada")));
        let path = format!("/v1/admin/users/{id}");
        let by_others =
            join_all((0..2).map(|_| place.admin(Method::DELETE, &path, serde_json::Value::Null)));
        let (own, by_others) = futures_util::future::join(own, by_others).await;
        let all: Vec<u16> = own.iter().chain(&by_others).map(|answer| answer.status).collect();
        assert_eq!(all.iter().filter(|status| **status == 204).count(), 1, "{all:?}");
        assert!(own.iter().all(|answer| [204, 401].contains(&answer.status)), "{all:?}");
        assert!(by_others.iter().all(|answer| [204, 404].contains(&answer.status)), "{all:?}");
        assert_eq!(place.server.events(&place.root, "user.deleted").await.len(), 1);
        let told = place.sent_to(ADA).await;
        assert_eq!(told.iter().filter(|(_, subject)| subject.ends_with("deleted")).count(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_administrator_stays() {
    on_both("deletion: last administrator", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        delete_as(&server, &root, "root").await.is_problem(409, "last_administrator");
        server.get_as("/v1/me", &root.access).await.is(200);
        // Of all administrators concurrently, one remains.
        let mut all = vec![("root".to_owned(), root)];
        for n in 0..4 {
            let login = format!("admin{n}");
            all.push((login.clone(), server.administrator(&login).await));
        }
        let answers = join_all(all.iter().map(|(login, tokens)| delete_as(&server, tokens, login)));
        let mut statuses: Vec<u16> = answers.await.iter().map(|answer| answer.status).collect();
        statuses.sort_unstable();
        assert_eq!(statuses, [204, 204, 204, 204, 409]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_during_the_deletion_opens_nothing_that_stays() {
    on_both("deletion: log-ins", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let tokens = server.login("ada").await;
        let log_ins = join_all((0..6).map(|_| server.try_login("ada", PASSWORD)));
        let (deleted, log_ins) =
            futures_util::future::join(delete_as(&server, &tokens, "ada"), log_ins).await;
        deleted.is(204);
        for answer in log_ins {
            match answer.status {
                200 => {
                    let tokens = Tokens::of(&answer);
                    server.get_as("/v1/me", &tokens.access).await.is_problem(401, "invalid_token");
                    assert_eq!(server.refresh(&tokens.refresh).await.status, 401);
                }
                _ => {
                    answer.is_problem(401, "invalid_credentials");
                }
            }
        }
        let body = json!({"login": "ada", "password": PASSWORD});
        server.post("/v1/register", body).await.is(201);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_consent_during_the_deletion_is_kept_or_refused() {
    on_both("deletion: consents", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let app = App::register(&server, &root, json!({"type": "spa"})).await;
        for round in 0..3 {
            let login = format!("ada{round}");
            server.register(&login).await;
            let tokens = server.login(&login).await;
            let person = Person::new(&server, &login);
            let page = person.get("/login").await;
            person.log_in(&page, PASSWORD).await.is(303);
            let mut asked = Vec::new();
            for _ in 0..6 {
                asked.push(person.get(&app.url(&[])).await);
            }
            let decided = join_all(asked.iter().map(|page| person.decide(page.is(200), "allow")));
            let deleted = delete_as(&server, &tokens, &login);
            let (deleted, decided) = futures_util::future::join(deleted, decided).await;
            deleted.is(204);
            for answer in decided {
                assert!(answer.status < 500, "{answer:?}");
            }
        }
    })
    .await;
}
