//! The cost of refusing passwords of unknown login names: that of accounts.
//!
//! White box: it reads the costs of the verified hashes, which determine the response time.

use std::collections::BTreeMap;
use std::sync::Arc;

use signet::crypto::password::Cost;
use signet::store::password_costs::count_by_class;

use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, Server, on_both};

fn options(backend: Backend, memory_kib: u32) -> Options {
    Options::on(backend).with("SIGNET_ARGON2_MEMORY_KIB", &memory_kib.to_string())
}

/// The same database with other parameters.
async fn restarted(server: Server, backend: Backend, memory_kib: u32) -> Server {
    let (dir, url) = (Arc::clone(&server.dir), server.database_url.clone());
    drop(server);
    let mut options = options(backend, memory_kib);
    options.database_url = url;
    options.start_in(dir).await
}

/// The memory cost at which a wrong password for this name is verified.
async fn cost_of(server: &Server, login: &str) -> u32 {
    drop(server.app.hasher.take_verified());
    server.try_login(login, "wrong password").await.is_problem(401, "invalid_credentials");
    let verified: Vec<Cost> = server.app.hasher.take_verified();
    assert_eq!(verified.len(), 1, "{login}");
    verified[0].memory_kib
}

async fn costs(server: &Server, logins: impl Iterator<Item = String>) -> BTreeMap<u32, usize> {
    let mut costs = BTreeMap::new();
    for login in logins {
        *costs.entry(cost_of(server, &login).await).or_default() += 1;
    }
    costs
}

fn unknown(count: usize) -> impl Iterator<Item = String> {
    (0..count).map(|number| format!("nobody{number}"))
}

fn known() -> impl Iterator<Item = String> {
    (0..4).map(|number| format!("user{number}"))
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_names_cost_what_accounts_do_after_a_change_of_parameters_on_both_databases() {
    on_both("decoys", async |backend| {
        let mut server = options(backend, 64).start().await;
        assert_eq!(costs(&server, unknown(5)).await, BTreeMap::from([(64, 5)]), "no users");
        for login in known() {
            server.register(&login).await;
        }
        // Raised and lowered: until a user logs in, no name has the new cost.
        for memory in [128, 32, 256] {
            server = restarted(server, backend, memory).await;
            assert_eq!(costs(&server, known()).await, BTreeMap::from([(64, 4)]));
            assert_eq!(costs(&server, unknown(20)).await, BTreeMap::from([(64, 20)]));
        }
        // Two of four accounts have it: so does about every second name, and the same ones each time.
        for login in known().take(2) {
            server.try_login(&login, PASSWORD).await.is(200);
        }
        server.app.follow_stored_costs().await.unwrap();
        assert_eq!(costs(&server, known()).await, BTreeMap::from([(64, 2), (256, 2)]));
        let drawn = costs(&server, unknown(200)).await;
        assert_eq!(drawn.values().sum::<usize>(), 200);
        // Outside of this with a probability below one in a hundred million.
        assert!((60..=140).contains(&drawn[&64]), "{drawn:?}");
        for login in unknown(10) {
            let first = cost_of(&server, &login).await;
            assert_eq!(cost_of(&server, &login).await, first, "{login}");
        }
        // All have it; one account is deleted.
        for login in known() {
            server.try_login(&login, PASSWORD).await.is(200);
        }
        server.app.follow_stored_costs().await.unwrap();
        assert_eq!(costs(&server, unknown(20)).await, BTreeMap::from([(256, 20)]));
    })
    .await;
}

/// The part of the migration that fills the counts from existing rows.
fn fill(backend: Backend) -> &'static str {
    let text = match backend {
        Backend::Sqlite => include_str!("../../../migrations/sqlite/0013_password_costs.sql"),
        Backend::Postgres => include_str!("../../../migrations/postgres/0013_password_costs.sql"),
    };
    &text[text.find("INSERT").unwrap()..]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_migration_counts_the_users_there_are_on_both_databases() {
    on_both("decoys: migration", async |backend| {
        let mut server = options(backend, 64).start().await;
        for login in known() {
            server.register(&login).await;
        }
        server = restarted(server, backend, 128).await;
        server.try_login("user1", PASSWORD).await.is(200);
        let root = server.administrator("root").await;
        let nobody = serde_json::json!({"login": "nopw"});
        let path = "/v1/admin/users";
        server.call_as(reqwest::Method::POST, path, &root.access, nobody).await.is(201);
        let before = count_by_class(&mut server.app.db.reader().await.unwrap()).await.unwrap();
        let counts: Vec<(&str, i64)> =
            before.iter().map(|count| (&*count.cost, count.users)).collect();
        assert_eq!(counts, [("m=128,t=1,p=1", 2), ("m=64,t=1,p=1", 3)]);
        match &server.database_url {
            None => {
                let file = server.dir.path().join("data/signet.db");
                let options = sqlx::sqlite::SqliteConnectOptions::new().filename(file);
                let pool = sqlx::SqlitePool::connect_with(options).await.unwrap();
                sqlx::query("DELETE FROM password_costs").execute(&pool).await.unwrap();
                sqlx::query(fill(backend)).execute(&pool).await.unwrap();
            }
            Some(url) => {
                let pool = sqlx::PgPool::connect(url).await.unwrap();
                sqlx::query("DELETE FROM password_costs").execute(&pool).await.unwrap();
                sqlx::query(fill(backend)).execute(&pool).await.unwrap();
            }
        }
        let after = count_by_class(&mut server.app.db.reader().await.unwrap()).await.unwrap();
        assert_eq!(after, before);
    })
    .await;
}
