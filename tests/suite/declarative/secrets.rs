//! Secrets by reference.

use std::os::unix::fs::PermissionsExt as _;

use rustix::process::Signal;

use crate::support::postgres::everything_in;
use crate::support::process::{Caller, Process, until};
use crate::support::server::on_both;

use super::{
    API, Desk, PASSWORD, SHOP, SHOP_SECRET, WORKER_SECRET, administrator, beside_a_server,
    client_token, events,
};

/// A running server accepts a secret within seconds.
async fn accepted(caller: &Caller, secret: &str) {
    until("the secret", async || client_token(caller, "worker", secret).await.status == 200).await;
}

/// A plan reports whether a secret is the same or changed; an applied one is the client's new secret, and the
/// previous one stays valid until the next change.
#[tokio::test(flavor = "multi_thread")]
async fn a_changed_secret_is_told_and_applied() {
    beside_a_server("secrets: changed", async |desk, caller| {
        desk.run(&["apply", "shop.toml"]).ok();
        client_token(&caller, "worker", WORKER_SECRET).await.is(200);
        let other = "another-secret-another-secret-another";
        desk.write("worker.secret", other);
        let plan = desk.run(&["plan", "shop.toml"]).ok().json();
        assert_eq!(
            (&plan["changes"][0]["name"], &plan["changes"][0]["secret"]),
            (&"worker".into(), &"changed".into())
        );
        desk.run(&["apply", "shop.toml"]).ok();
        assert!(desk.run(&["apply", "shop.toml"]).ok().err.contains("No changes."));
        for secret in [other, WORKER_SECRET] {
            accepted(&caller, secret).await;
        }
        let third = "a-third-secret-a-third-secret-a-third-secret";
        desk.write("worker.secret", third);
        desk.run(&["apply", "shop.toml"]).ok();
        accepted(&caller, third).await;
        client_token(&caller, "worker", WORKER_SECRET).await.is(401);
    })
    .await;
}

/// A generated secret is created once, written to a new file with mode 0600, and works; a second run creates none.
/// Without a file for it, nothing is applied. References to a missing or too short secret are refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_generated_secret_is_written_once() {
    beside_a_server("secrets: generated", async |desk, caller| {
        let shop = SHOP.replace("client_secret = { file = \"worker.secret\" }", "client_secret = { generate = true }");
        desk.write("shop.toml", &format!("{shop}[[api]]\nidentifier = \"urn:hs\"\nsigning_alg = \"HS256\"\nshared_secret = {{ generate = true }}\n"));
        desk.run(&["apply", "shop.toml"]).refused(2, &["--secrets-out"]);
        assert_eq!(desk.run(&["client", "list"]).ok().out, "");
        let plan = desk.run(&["plan", "shop.toml"]).ok().json();
        let worker = plan["changes"].as_array().unwrap().iter().find(|change| change["name"] == "worker");
        assert_eq!(worker.unwrap()["secret"], "generated");
        let ran = desk.run(&["apply", "shop.toml", "--secrets-out", "out.ndjson"]).ok();
        let mode = std::fs::metadata(desk.launch.dir.path().join("out.ndjson")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let written: Vec<serde_json::Value> = desk.read("out.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(written.len(), 2, "{written:?}");
        let of = |name: &str| written.iter().find(|line| line["name"] == name).unwrap()["value"].as_str().unwrap().to_owned();
        assert!(!ran.out.contains(&of("worker")) && !ran.err.contains(&of("worker")));
        client_token(&caller, "worker", &of("worker")).await.is(200);
        assert_eq!(of("urn:hs").len(), 43);
        let again = desk.run(&["apply", "shop.toml", "--secrets-out", "more.ndjson"]).ok();
        assert!(again.err.contains("No changes.") && !desk.launch.dir.path().join("more.ndjson").exists());
        assert!(desk.run(&["apply", "shop.toml"]).ok().err.contains("No changes."), "nothing is to be made");
        // A secret that no file declares is rotated as before, and that is no drift.
        desk.run(&["client", "rotate-secret", "worker"]).ok();
        desk.run(&["drift"]).ok();
        // An existing file is not overwritten.
        desk.run(&["client", "delete", "worker", "--yes", "--force"]).ok();
        desk.run(&["apply", "shop.toml", "--secrets-out", "out.ndjson"]).refused(1, &["out.ndjson"]);
        assert_eq!(desk.read("out.ndjson").lines().count(), 2);
    })
    .await;
}

/// The first administration scopes of a client end its earlier secret: a generated one is generated again and written,
/// one from a file stays as the file has it, and further scopes change neither.
#[tokio::test(flavor = "multi_thread")]
async fn the_first_administration_scopes_end_a_secret_from_before() {
    beside_a_server("apply: first grant", async |desk, caller| {
        let bot = |scopes: &str, secret: &str| {
            desk.write(
                "bot.toml",
                &format!(
                    "[source]\nname = \"bots\"\n[[client]]\nclient_id = \"bot\"\ntype = \"service\"\n\
                     admin_scopes = [{scopes}]\nclient_secret = {secret}\n"
                ),
            );
        };
        let generate = "{ generate = true }";
        let made = |to: &str| {
            let written = desk.read(to);
            let written: serde_json::Value = serde_json::from_str(written.trim()).unwrap();
            written["value"].as_str().unwrap().to_owned()
        };
        let status = async |secret: &str| {
            let form = [
                ("grant_type", "client_credentials"),
                ("scope", "signet:users"),
                ("client_id", "bot"),
                ("client_secret", secret),
            ];
            caller.form("/oauth2/token", &form).await.status
        };
        bot("", generate);
        desk.run(&["apply", "bot.toml", "--secrets-out", "first"]).ok();
        bot("\"signet:users\"", generate);
        desk.run(&["apply", "bot.toml"]).refused(2, &["--secrets-out"]);
        desk.run(&["apply", "bot.toml", "--secrets-out", "second"]).ok();
        until("the new secret", async || status(&made("second")).await == 200).await;
        assert_eq!(status(&made("first")).await, 401);
        bot("\"signet:users\", \"signet:read\"", generate);
        desk.run(&["apply", "bot.toml"]).ok();
        assert_eq!(status(&made("second")).await, 200);
    })
    .await;
}

/// A secret that is missing, too short, or written in the file itself is refused; so is a confidential client
/// without one.
#[tokio::test(flavor = "multi_thread")]
async fn a_secret_that_cannot_be_is_refused() {
    beside_a_server("secrets: refused", async |desk, _| {
        let with = |line: &str| {
            let text = SHOP.replace("client_secret = { env = \"SHOP_SECRET\" }", line);
            desk.write("x.toml", &text);
            desk.with("SHORT", "too-short").run(&["apply", "x.toml"])
        };
        with("client_secret = { env = \"NONE\" }").refused(
            2,
            &["x.toml:16: client_secret of client shop: the environment variable NONE is not set"],
        );
        with("client_secret = { env = \"SHORT\" }").refused(2, &["32 to 512 printable"]);
        with("client_secret = { file = \"gone\" }").refused(2, &["gone cannot be read"]);
        with("client_secret = \"hunter2hunter2hunter2hunter2hunter2\"")
            .refused(2, &["never be in the file"]);
        with("").refused(2, &["client_secret of client shop", "needs one"]);
        with("token_endpoint_auth_method = \"private_key_jwt\"")
            .refused(2, &["jwks of client shop"]);
        assert_eq!(desk.run(&["client", "list"]).ok().out, "");
    })
    .await;
}

/// No secret and no password is in a plan, in the output of applying or exporting, in the log of the server or in the
/// audit trail; the database has only hashes. The server logs at the lowest level, and the second one applies the file
/// itself at its start.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_told() {
    on_both("secrets: leaks", async |backend| {
        let desk = Desk::on(backend).await.with("SIGNET_LOG", "debug");
        let mut server = desk.serve().await;
        let mut said = String::new();
        let mut keep = |ran: super::Ran| {
            said.push_str(&ran.out);
            said.push_str(&ran.err);
        };
        for format in ["json", "table", "ndjson"] {
            keep(desk.run(&["plan", "shop.toml", "-o", format]).ok());
        }
        keep(desk.run(&["apply", "shop.toml"]).ok());
        let other = WORKER_SECRET.to_uppercase();
        desk.write("worker.secret", &other);
        keep(desk.run(&["plan", "shop.toml", "-o", "json"]).ok());
        keep(desk.run(&["apply", "shop.toml"]).ok());
        desk.run(&["api", "set", API, "--no-claims", "--force"]).ok();
        keep(desk.run(&["drift", "-o", "json"]).code(7));
        keep(desk.run(&["export"]).ok());
        keep(desk.run(&["export", "-o", "json"]).ok());
        keep(desk.run(&["audit", "list"]).ok());
        accepted(&server.caller(), &other).await;
        let admin = administrator(&server.caller(), "ada@example.com").await;
        said.push_str(&serde_json::to_string(&events(&server.caller(), &admin).await).unwrap());
        let third = "a-third-secret-a-third-secret-a-third-secret";
        stop(&mut server, &mut said).await;
        desk.write("worker.secret", third);
        let mut server = desk.with("SIGNET_APPLY_FILES", "shop.toml").serve().await;
        client_token(&server.caller(), "worker", third).await.is(200);
        stop(&mut server, &mut said).await;
        assert!(said.contains("/oauth2/token"), "the log has the requests: {said}");
        for secret in [SHOP_SECRET, WORKER_SECRET, &other, third, PASSWORD] {
            assert!(!said.contains(secret), "{secret}: {said}");
        }
        let everything = match desk.launch.setting("SIGNET_DATABASE_URL") {
            Some(url) => everything_in(&url).await,
            None => ["signet.db", "signet.db-wal"]
                .map(|name| {
                    let path = desk.launch.dir.path().join("data").join(name);
                    std::fs::read(path).unwrap_or_default()
                })
                .concat(),
        };
        assert!(memchr::memmem::find(&everything, b"infra/prod").is_some());
        for secret in [SHOP_SECRET, WORKER_SECRET, &other, third, PASSWORD] {
            assert!(memchr::memmem::find(&everything, secret.as_bytes()).is_none(), "{secret}");
        }
    })
    .await;
}

/// Stops a server and keeps its output.
async fn stop(server: &mut Process, said: &mut String) {
    server.signal(Signal::TERM);
    assert_eq!(server.ended().await, Some(0), "{}", server.log());
    said.push_str(&server.all_of_log());
}
