//! Which source may change an object: objects of other sources, objects that are left out, and changes elsewhere.

use reqwest::Method;
use serde_json::{Value, json};

use super::{API, SHOP, administrator, beside_a_server, call};

const OTHER: &str = "[source]\nname = \"other\"\n[[api]]\nidentifier = \"https://orders.example.com\"\n\
                     [[client]]\nclient_id = \"extra\"\ntype = \"spa\"\nredirect_uris = [\"https://x.example.com/\"]\n";

/// An object of another source, or of none, is not changed: nothing of the run is applied, and the message names its
/// source. With `--adopt` it is taken over, also without another change; the previous source then leaves it alone.
#[tokio::test(flavor = "multi_thread")]
async fn objects_of_another_source_are_not_touched() {
    beside_a_server("ownership: sources", async |desk, caller| {
        desk.run(&["apply", "shop.toml"]).ok();
        desk.write("other.toml", OTHER);
        let before = desk.everything();
        let whose =
            "other.toml:3: api https://orders.example.com is managed by the source infra/prod";
        desk.run(&["plan", "other.toml"]).refused(5, &[whose, "--adopt"]);
        desk.run(&["apply", "other.toml"]).refused(5, &[whose]);
        assert_eq!(desk.everything(), before);
        desk.run(&[
            "client",
            "create",
            "--name",
            "X",
            "--type",
            "spa",
            "--client-id",
            "extra",
            "--redirect-uri",
            "https://x.example.com/",
        ])
        .ok();
        desk.run(&["apply", "other.toml"])
            .refused(5, &["client extra exists and is managed by no source"]);

        let ran = desk.run(&["apply", "other.toml", "--adopt"]).ok();
        let plan = ran.json();
        assert_eq!(plan["changes"][0]["adopted_from"], "infra/prod");
        assert_eq!(desk.run(&["apply", "other.toml"]).ok().changes(), []);
        desk.run(&["apply", "shop.toml"]).refused(5, &["managed by the source other"]);
        // An object that belongs to another source now is not reported as left out.
        let without = SHOP.replace(
            "[[api]]\nidentifier = \"https://orders.example.com\"",
            "[[api]]\nidentifier = \"urn:new\"",
        );
        desk.write(
            "shop.toml",
            &without.replace(
                "audiences = [\"https://orders.example.com\"]",
                "audiences = [\"urn:new\"]",
            ),
        );
        desk.run(&["apply", "shop.toml", "--prune"]).ok();
        assert_eq!(desk.run(&["api", "show", API]).ok().json()["scopes"], json!([]));
        // Taking over an unchanged object changes only its owner, with an event.
        desk.write(
            "same.toml",
            "[source]\nname = \"third\"\n[[api]]\nidentifier = \"https://orders.example.com\"\n",
        );
        let ran = desk.run(&["apply", "same.toml", "--adopt"]).ok();
        assert_eq!(ran.changes(), [("adopt".to_owned(), API.to_owned())]);
        let admin = administrator(&caller, "ada@example.com").await;
        let events = super::events(&caller, &admin).await;
        assert_eq!(events[0]["kind"], "login.succeeded");
        assert_eq!(events[1]["kind"], "config.adopted");
        assert_eq!(events[1]["detail"], format!("api {API}"));
    })
    .await;
}

/// Changing or deleting a managed object elsewhere is 409 `managed_object` at the API and exit code 5 on the command
/// line, and has no effect; `force` changes it, and the next run reverts the change. Properties that files cannot
/// declare (a logo, a password) are changed as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_managed_object_is_not_changed_elsewhere() {
    beside_a_server("ownership: 409", async |desk, caller| {
        desk.run(&["apply", "shop.toml"]).ok();
        let admin = administrator(&caller, "ada@example.com").await;
        let users = call(&caller, Method::GET, "/v1/admin/users", &admin, Value::Null).await.json();
        let bob =
            users["data"].as_array().unwrap().iter().find(|user| user["login"] == "bob").unwrap();
        let bob = format!("/v1/admin/users/{}", bob["id"].as_str().unwrap());
        let api = "/v1/admin/apis/https%3A%2F%2Forders.example.com";
        let before = desk.everything();
        let changes = [
            (Method::PATCH, api.to_owned(), json!({"scopes": ["x"]})),
            (Method::DELETE, api.to_owned(), Value::Null),
            (Method::PATCH, "/v1/admin/clients/shop".to_owned(), json!({"name": "X"})),
            (Method::POST, "/v1/admin/clients/shop/disable".to_owned(), Value::Null),
            (Method::POST, "/v1/admin/clients/shop/rotate-secret".to_owned(), Value::Null),
            (Method::DELETE, "/v1/admin/clients/shop".to_owned(), Value::Null),
            (Method::PATCH, bob.clone(), json!({"name": "X"})),
            (Method::POST, format!("{bob}/disable"), Value::Null),
            (Method::DELETE, bob.clone(), Value::Null),
        ];
        for (method, path, body) in &changes {
            let answer = call(&caller, method.clone(), path, &admin, body.clone()).await;
            answer.is_problem(409, "managed_object");
            assert!(answer.text.contains("infra/prod"), "{}", answer.text);
            let wrong =
                call(&caller, method.clone(), &format!("{path}?force=yes"), &admin, body.clone())
                    .await;
            wrong.is_problem(422, "validation_failed");
        }
        let commands: [&[&str]; 5] = [
            &["api", "set", API, "--no-scopes"],
            &["client", "update", "shop", "--name", "X"],
            &["client", "delete", "shop", "--yes"],
            &["user", "update", "bob", "--name", "X"],
            &["user", "disable", "bob"],
        ];
        for args in commands {
            desk.run(args).refused(5, &["managed by the configuration source infra/prod"]);
        }
        assert_eq!(desk.everything(), before);
        // A request that changes nothing is allowed, and undeclared properties are not guarded.
        call(&caller, Method::PATCH, "/v1/admin/clients/shop", &admin, json!({"name": "Shop"}))
            .await
            .is(200);
        call(
            &caller,
            Method::POST,
            &format!("{bob}/password"),
            &admin,
            json!({"password": super::PASSWORD, "permanent": true}),
        )
        .await
        .is(204);
        assert!(desk.run(&["drift"]).ok().err.contains("No drift."));

        for (method, path, body) in &changes {
            let answer =
                call(&caller, method.clone(), &format!("{path}?force=true"), &admin, body.clone())
                    .await;
            assert!((200..300).contains(&answer.status), "{path} {}", answer.text);
        }
        desk.run(&["client", "disable", "app", "--force"]).ok();
        let drifted = desk.run(&["drift"]).code(7).rows();
        let found: Vec<_> = drifted
            .iter()
            .map(|row| (row["name"].as_str().unwrap(), row["drift"].as_str().unwrap()))
            .collect();
        assert_eq!(
            found,
            [(API, "missing"), ("app", "changed"), ("shop", "missing"), ("bob", "missing")]
        );
        let ran = desk.run(&["apply", "shop.toml"]).ok();
        assert!(ran.err.contains("3 created, 1 changed"), "{}", ran.err);
        assert!(desk.run(&["drift"]).ok().err.contains("No drift."));
    })
    .await;
}

/// An object that a file leaves out stays and is reported; `--prune` deletes those of this source, and `state =
/// "absent"` deletes one object by name. The last administrator is never deleted.
#[tokio::test(flavor = "multi_thread")]
async fn objects_left_out_are_deleted_only_with_prune() {
    beside_a_server("ownership: prune", async |desk, _| {
        desk.run(&["apply", "shop.toml"]).ok();
        desk.write("other.toml", &OTHER.replace("https://orders.example.com", "urn:other"));
        desk.run(&["apply", "other.toml"]).ok();
        let (head, _) = SHOP.split_once("[[user]]\nlogin = \"bob\"").unwrap();
        let less = head.replace("client_id = \"worker\"\ntype = \"service\"\naudiences = [\"https://orders.example.com\"]\nclient_secret = { file = \"worker.secret\" }", "client_id = \"worker\"\nstate = \"absent\"");
        desk.write("shop.toml", &less);
        let ran = desk.run(&["apply", "shop.toml"]).ok();
        assert_eq!(ran.changes(), [("delete".to_owned(), "worker".to_owned()), ("left_out".to_owned(), "bob".to_owned())]);
        assert!(ran.err.contains("1 left out"), "{}", ran.err);
        assert_eq!(desk.run(&["user", "list"]).ok().rows().len(), 2);
        desk.run(&["client", "show", "worker"]).refused(3, &[]);
        assert!(desk.run(&["apply", "shop.toml"]).ok().err.contains("No changes."), "absent twice");
        let ran = desk.run(&["apply", "shop.toml", "--prune"]).ok();
        assert_eq!(ran.changes(), [("delete".to_owned(), "bob".to_owned())]);
        assert_eq!(desk.run(&["client", "show", "extra"]).ok().json()["client_id"], "extra");

        let only = "[source]\nname = \"infra/prod\"\n";
        desk.write("shop.toml", only);
        desk.run(&["apply", "shop.toml", "--prune"]).refused(5, &["user ada@example.com", "last enabled administrator"]);
        assert_eq!(desk.run(&["client", "list"]).ok().rows().len(), 4, "nothing of the run is done");
        desk.write("shop.toml", &format!("{only}[[user]]\nlogin = \"ada@example.com\"\ndisabled = true\nrole = \"admin\"\n"));
        desk.run(&["apply", "shop.toml"]).refused(5, &["last enabled administrator"]);
        // Another administrator of the same run replaces this one.
        desk.write("shop.toml", &format!("{only}[[user]]\nlogin = \"eve\"\nrole = \"admin\"\npassword = {{ env = \"BOB_PASSWORD\" }}\n"));
        desk.run(&["apply", "shop.toml", "--prune"]).ok();
        let users = desk.run(&["user", "list"]).ok().rows();
        assert_eq!(users.iter().map(|user| user["login"].as_str().unwrap()).collect::<Vec<_>>(), ["eve"]);
        assert_eq!(desk.run(&["client", "list"]).ok().rows().len(), 1);
    })
    .await;
}

/// An object that was deleted and created again elsewhere is not the managed one: it has to be taken over.
#[tokio::test(flavor = "multi_thread")]
async fn another_object_of_the_same_name_is_not_the_managed_one() {
    beside_a_server("ownership: replaced", async |desk, _| {
        desk.run(&["apply", "shop.toml"]).ok();
        desk.run(&["client", "delete", "app", "--yes", "--force"]).ok();
        let create = [
            "client",
            "create",
            "--name",
            "Mine",
            "--type",
            "spa",
            "--client-id",
            "app",
            "--redirect-uri",
            "https://mine.example.com/",
        ];
        desk.run(&create).ok();
        let drifted = desk.run(&["drift"]).code(7).rows();
        assert_eq!(
            (&drifted[0]["name"], &drifted[0]["drift"]),
            (&json!("app"), &json!("replaced"))
        );
        desk.run(&["client", "update", "app", "--name", "Still mine"]).ok();
        desk.run(&["apply", "shop.toml"])
            .refused(5, &["client app exists and is managed by no source"]);
        desk.run(&["apply", "shop.toml", "--adopt"]).ok();
        assert_eq!(
            desk.run(&["client", "show", "app"]).ok().json()["redirect_uris"],
            json!(["https://app.example.com/cb"])
        );
    })
    .await;
}
