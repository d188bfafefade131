//! Exporting the stored objects.

use serde_json::json;

use super::{API, Desk, SHOP, beside_a_server, two_desks};
use crate::support::server::{Backend, on_both};

/// An export that is applied to an empty server and exported again is the same file, byte for byte: for objects of a
/// file, and for objects that were created one by one with every setting.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_gives_the_same_objects_and_the_same_file() {
    on_both("export: round trip", async |backend| {
        let desk = Desk::on(backend).await;
        let _server = desk.serve().await;
        desk.run(&["apply", "shop.toml"]).ok();
        let key = desk.run(&["api", "create", "urn:legacy", "--signing-alg", "RS256", "--token-profile", "jwt",
            "--access-token-ttl", "5m", "--claim", "groups", "--documents", "on", "--scope", "a=\u{c4} \"b\" \\ c", "--key-scope", "a"]);
        key.ok();
        desk.write("keys.json", r#"[{"kty":"EC","crv":"P-256","kid":"k1","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]"#);
        desk.run(&["client", "create", "--name", "Mobile \u{1f4f1}", "--type", "native", "--client-id", "mobile",
            "--redirect-uri", "com.example.app:/cb", "--redirect-uri", "http://127.0.0.1/cb", "--min-acr", "mfa",
            "--refresh-idle-ttl", "7d", "--refresh-max-ttl", "30d", "--audience", "urn:legacy", "--first-party", "true",
            "--scope", "openid", "--scope", "a"]).ok();
        desk.run(&["client", "create", "--name", "Bank", "--type", "web", "--client-id", "bank", "--security-profile", "fapi2",
            "--auth-method", "private_key_jwt", "--jwks-file", "keys.json", "--redirect-uri", "https://bank.example.com/cb",
            "--serves", "urn:legacy", "--web-origin", "https://bank.example.com", "--backchannel-logout-uri",
            "https://bank.example.com/out", "--client-uri", "https://bank.example.com/"]).ok();
        desk.run(&["client", "create", "--name", "Old", "--type", "web", "--client-id", "old", "--auth-method",
            "client_secret_post", "--pkce", "optional", "--redirect-uri", "https://old.example.com/cb",
            "--id-token-alg", "ES256", "--id-token-claims", "scopes", "--skip-consent"]).ok();
        desk.run(&["client", "disable", "old"]).ok();
        desk.run(&["client", "create", "--name", "Ops", "--type", "service", "--client-id", "ops", "--admin-scope",
            "signet:users", "--admin-scope", "signet:read"]).ok();
        desk.run(&["trust", "add", "github"]).ok();
        desk.run(&["client", "create", "--name", "Job", "--type", "service", "--client-id", "job", "--auth-method",
            "private_key_jwt", "--audience", "urn:legacy", "--workload", "github: repository_id=1,ref=refs/heads/a%2Cb",
            "--workload", "github: repository_id=2"]).ok();
        let first = desk.run(&["export"]).ok().out;
        assert!(first.contains("OLD_CLIENT_SECRET") && first.contains("urn:legacy"), "{first}");
        let (json, all) = (desk.run(&["export", "-o", "json"]).ok().out, desk.everything());

        for (name, text) in [("again.toml", &first), ("again.json", &json)] {
            let empty = Desk::on(backend).await.with("OLD_CLIENT_SECRET", &"s".repeat(40)).with("OPS_CLIENT_SECRET", &"t".repeat(40));
            let _server = empty.serve().await;
            empty.write(name, text);
            // Trusted issuers cannot be in a file.
            assert!(empty.run(&["apply", name]).refused(2, &["workloads"]).err.contains("trust add"));
            empty.run(&["trust", "add", "github"]).ok();
            empty.run(&["apply", name]).ok();
            assert_eq!(empty.run(&["export"]).ok().out, first);
            assert_eq!(empty.run(&["export", "-o", "json"]).ok().out, json);
            // As other commands show them.
            let shown = |desk: &Desk, id: &str| {
                let mut client = desk.run(&["client", "show", id]).ok().json();
                let members = ["created_at", "updated_at", "disabled_at", "secrets"];
                for member in members {
                    client.as_object_mut().unwrap().shift_remove(member);
                }
                client
            };
            for id in ["mobile", "bank", "old", "ops", "job", "shop", "worker"] {
                let (one, other) = (shown(&desk, id), shown(&empty, id));
                let sets = |value: &serde_json::Value| {
                    let mut value = value.clone();
                    for (_, member) in value.as_object_mut().unwrap().iter_mut() {
                        if let Some(list) = member.as_array_mut() {
                            list.sort_by_key(ToString::to_string);
                        }
                    }
                    value
                };
                assert_eq!(sets(&one), sets(&other), "{id}");
            }
        }
        assert_eq!(desk.everything(), all, "an export changes nothing");
    })
    .await;
}

/// One source can be exported; users are included only if a file declared them.
#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_exported_by_itself() {
    beside_a_server("export: source", async |desk, _| {
        desk.run(&["apply", "shop.toml"]).ok();
        desk.run(&["api", "create", "urn:other"]).ok();
        desk.run(&["user", "create", "carol", "--no-password"]).ok();
        let all = desk.run(&["export", "-o", "json"]).ok().json();
        assert_eq!(all["source"]["name"], "export");
        assert_eq!(all["api"].as_array().unwrap().len(), 2);
        assert_eq!(all["user"].as_array().unwrap().len(), 2, "carol is no configuration");
        let own = desk.run(&["export", "--source", "infra/prod", "-o", "json"]).ok().json();
        assert_eq!(own["source"]["name"], "infra/prod");
        assert_eq!(own["api"][0]["identifier"], API);
        assert_eq!(own["client"][1]["client_id"], "desk");
        assert_eq!(own["client"][2]["client_secret"], json!({"env": "SHOP_SECRET"}));
        desk.write("own.toml", &desk.run(&["export", "--source", "infra/prod"]).ok().out);
        assert!(desk.run(&["apply", "own.toml"]).ok().err.contains("No changes."));
    })
    .await;
}

/// The schema has every key of every kind, and needs no database.
#[tokio::test(flavor = "multi_thread")]
async fn the_schema_has_every_key() {
    let desk = Desk::on(Backend::Sqlite).await;
    let schema = desk.run(&["export", "--schema"]).ok().json();
    let keys = |kind: &str| schema["properties"][kind]["items"]["properties"].as_object().unwrap();
    assert!(keys("client").contains_key("redirect_uris") && keys("user").contains_key("password"));
    assert_eq!(schema["properties"]["api"]["items"]["required"], json!(["identifier"]));
    // It has every key that the files of this suite use.
    for line in SHOP.lines().filter_map(|line| line.split_once(" = ")) {
        let key = line.0;
        let known = ["api", "client", "user"].iter().any(|kind| keys(kind).contains_key(key));
        assert!(known || key == "name", "{key}");
    }
}

/// An export of one process can be applied by another.
#[tokio::test(flavor = "multi_thread")]
async fn an_export_is_the_same_in_every_process() {
    let Some((one, two)) = two_desks("export: processes").await else { return };
    one.run(&["apply", "shop.toml"]).ok();
    assert_eq!(one.run(&["export"]).ok().out, two.run(&["export"]).ok().out);
    assert!(two.run(&["apply", "shop.toml"]).ok().err.contains("No changes."));
}
