//! Concurrent requests for the same login names.

use futures_util::future::{join, join_all};
use serde_json::json;

use super::login_change::{ON, rename};
use super::me;
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Server, on_both};

async fn register(server: &Server, login: &str) -> Answer {
    server.post("/v1/register", json!({"login": login, "password": PASSWORD})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn of_several_who_want_one_name_one_gets_it() {
    on_both("login change: one name", async |backend| {
        let server = Options::on(backend).with(ON.0, ON.1).start().await;
        let mut users = Vec::new();
        for n in 0..6 {
            server.register(&format!("user{n}")).await;
            users.push(server.login(&format!("user{n}")).await);
        }
        let changes = join_all(users.iter().map(|tokens| rename(&server, tokens, "ada")));
        let registrations = join_all((0..4).map(|_| register(&server, "ada")));
        let (changes, registrations) = join(changes, registrations).await;
        let all: Vec<u16> =
            changes.iter().chain(&registrations).map(|answer| answer.status).collect();
        let won = all.iter().filter(|status| [200, 201].contains(status)).count();
        assert_eq!(won, 1, "{all:?}");
        assert!(all.iter().all(|status| [200, 201, 409].contains(status)), "{all:?}");
        // The others keep their names.
        for (n, (tokens, answer)) in users.iter().zip(&changes).enumerate() {
            let expected = if answer.status == 200 { "ada".to_owned() } else { format!("user{n}") };
            assert_eq!(me(&server, tokens).await["login"], json!(expected));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_login_is_never_free_while_it_is_changed() {
    on_both("login change: the old name", async |backend| {
        let server = Options::on(backend).with(ON.0, ON.1).start().await;
        server.register("ada").await;
        server.register("bob").await;
        let (ada, bob) = (server.login("ada").await, server.login("bob").await);
        let wanted = ["ada", "\u{430}da", "ada", "\u{430}da", "ada", "ada"];
        let registrations = join_all(wanted.iter().map(|login| register(&server, login)));
        let others = join(registrations, rename(&server, &bob, "ada"));
        let (changed, (registrations, renamed)) =
            join(rename(&server, &ada, "lovelace"), others).await;
        changed.is(200);
        renamed.is_problem(409, "login_taken");
        for answer in registrations {
            answer.is_problem(409, "login_taken");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_want_each_others_name_both_keep_theirs() {
    on_both("login change: swap", async |backend| {
        let server = Options::on(backend).with(ON.0, ON.1).start().await;
        server.register("ada").await;
        server.register("bob").await;
        let (ada, bob) = (server.login("ada").await, server.login("bob").await);
        let (one, other) = join(rename(&server, &ada, "bob"), rename(&server, &bob, "ada")).await;
        one.is_problem(409, "login_taken");
        other.is_problem(409, "login_taken");
        // Of several changes of one account, each is applied completely.
        let names = ["one", "two", "three"];
        let all = join_all(names.map(|name| rename(&server, &ada, name))).await;
        assert!(all.iter().all(|answer| answer.status == 200), "{all:?}");
        let now = me(&server, &ada).await["login"].as_str().unwrap().to_owned();
        server.login(&now).await;
        for free in names.iter().filter(|name| **name != now) {
            register(&server, free).await.is_problem(409, "login_taken");
        }
    })
    .await;
}
