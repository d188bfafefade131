//! Files that are applied at a start, and the temporary demo.

use serde_json::json;

use super::{
    API, Desk, PASSWORD, SHOP, SHOP_SECRET, WORKER_SECRET, administrator, client_token, events,
    post, two_desks,
};
use crate::support::process::until;
use crate::support::server::{Backend, on_both};

/// A start applies the files of the setting before it serves: the first start, and one after a change of a file. A
/// file that cannot be applied is exit code 78 with its place, and nothing of it is stored.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_applies_its_files() {
    on_both("start: apply", async |backend| {
        let desk = Desk::on(backend).await;
        let desk = desk.with("SIGNET_APPLY_FILES", "apis.toml, shop.toml");
        desk.write("apis.toml", "[source]\nname = \"apis\"\n[[api]]\nidentifier = \"urn:second\"\n");
        let mut server = desk.serve().await;
        client_token(&server.caller(), "worker", WORKER_SECRET).await.is(200);
        assert!(!server.log().contains("/setup/"), "the file has an administrator: {}", server.log());
        let admin = administrator(&server.caller(), "ada@example.com").await;
        let created = |events: &[serde_json::Value]| events.iter().filter(|event| event["kind"] == "client.created").count();
        let trail = events(&server.caller(), &admin).await;
        assert_eq!(created(&trail), 4);
        assert!(trail.iter().any(|event| event["kind"] == "api.created" && event["via"] == "system"));
        server.kill();

        desk.write("shop.toml", &SHOP.replace("name = \"Shop\"", "name = \"Store\""));
        let mut server = desk.serve().await;
        assert_eq!(desk.run(&["client", "show", "shop"]).ok().json()["name"], "Store");
        let trail = events(&server.caller(), &admin).await;
        assert_eq!(created(&trail), 4);
        assert_eq!(trail.iter().filter(|event| event["kind"] == "client.updated").count(), 1);
        server.kill();

        let before = desk.everything();
        for (text, said) in [
            (format!("{SHOP}[[client]]\nclient_id = \"x\"\n"), "shop.toml:51: type of client x"),
            (SHOP.replace("name = \"Shop\"", "name = \"Third\"") + "[[client]]\nclient_id = \"x\"\ntype = \"service\"\nclient_secret = { generate = true }\n", "--secrets-out"),
            (SHOP.replace("infra/prod", "another"), "managed by the source infra/prod"),
        ] {
            desk.write("shop.toml", &text);
            let refused = desk.launch.try_start().await.err().expect("it starts");
            assert_eq!(refused.code, Some(78), "{}", refused.text);
            assert!(refused.text.contains(said) && !refused.text.contains("Listening"), "{}", refused.text);
        }
        std::fs::remove_file(desk.launch.dir.path().join("shop.toml")).unwrap();
        let refused = desk.launch.try_start().await.err().expect("it starts");
        assert_eq!(refused.code, Some(78), "{}", refused.text);
        assert!(refused.text.contains("shop.toml cannot be read"), "{}", refused.text);
        assert_eq!(desk.everything(), before);
    })
    .await;
}

/// Of two servers that start concurrently with the same files, one applies them and both serve.
#[tokio::test(flavor = "multi_thread")]
async fn two_replicas_apply_once() {
    let Some((one, two)) = two_desks("start: replicas").await else { return };
    let files = |desk: &Desk| desk.with("SIGNET_APPLY_FILES", "shop.toml");
    let (one, two) = (files(&one), files(&two));
    let (first, second) = tokio::join!(one.serve(), two.serve());
    for server in [&first, &second] {
        client_token(&server.caller(), "worker", WORKER_SECRET).await.is(200);
        client_token(&server.caller(), "shop", SHOP_SECRET).await.is(400);
    }
    let admin = administrator(&first.caller(), "ada@example.com").await;
    let trail = events(&second.caller(), &admin).await;
    let of = |kind: &str| trail.iter().filter(|event| event["kind"] == kind).count();
    assert_eq!((of("api.created"), of("client.created"), of("user.created")), (1, 4, 2));
}

/// The demo with a file is ready for the tests of an application: the users of the file with passwords from the
/// environment, clients with stable ids and secrets, and commands in another terminal on the printed directory.
#[tokio::test(flavor = "multi_thread")]
async fn the_demo_with_a_file_is_ready_for_tests() {
    let desk = Desk::on(Backend::Sqlite).await;
    let dir = desk.launch.dir.path().to_str().unwrap().to_owned();
    let demo = desk.with("TMPDIR", &dir);
    let server = demo.launch.start_as(&["dev", "--apply", "shop.toml"]).await;
    until("the whole block", async || server.log().contains("Press Ctrl+C")).await;
    let (log, caller) = (server.log(), server.caller());
    assert!(!log.contains("alice"), "the file has an administrator: {log}");
    client_token(&caller, "worker", WORKER_SECRET).await.is(200);
    let body = json!({"login": "bob", "password": PASSWORD, "client_id": "desk", "audience": API});
    post(&caller, "/v1/login", &body).await.is(200);
    // The printed command.
    let line =
        log.lines().find_map(|line| line.trim().strip_prefix("export SIGNET_DATA_DIR=")).unwrap();
    let beside = desk.with("SIGNET_DATA_DIR", line.split(' ').next().unwrap());
    assert_eq!(beside.run(&["client", "list"]).ok().rows().len(), 4);
    assert!(beside.run(&["apply", "shop.toml"]).ok().err.contains("No changes."));

    desk.write("none.toml", "[source]\nname = \"ci\"\n");
    let server = demo.launch.start_as(&["dev", "--apply", "none.toml"]).await;
    until("the whole block", async || server.log().contains("Press Ctrl+C")).await;
    assert!(
        server.log().contains("alice@example.test"),
        "an administrator is made: {}",
        server.log()
    );
    desk.write("none.toml", "[source]\n");
    let refused = demo.launch.try_start_as(&["dev", "--apply", "none.toml"]).await.err().unwrap();
    assert_eq!(refused.code, Some(78), "{}", refused.text);
    assert!(refused.text.contains("none.toml:1"), "{}", refused.text);
}
