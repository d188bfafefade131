//! Applying files: the result, and the effect of a second run.

use reqwest::Method;
use serde_json::{Value, json};

use super::{
    API, PASSWORD, SHOP, SHOP_SECRET, WORKER_SECRET, administrator, beside_a_server, call,
    client_token, events, post,
};
use crate::support::relying_party::{App, Person};

/// One file sets up an empty server: the service client and the web client get tokens with their secrets, a user of
/// the file signs in for the API and at the page of the SPA, and each object has one event. A second run reports no
/// changes and writes none.
#[tokio::test(flavor = "multi_thread")]
async fn one_file_gives_a_working_api_spa_and_service_client() {
    beside_a_server("apply: one file", async |desk, caller| {
        let ran = desk.run(&["apply", "shop.toml"]).ok();
        assert!(ran.err.contains("7 created"), "{}", ran.err);
        assert_eq!(ran.changes().len(), 7);

        let token = client_token(&caller, "worker", WORKER_SECRET).await;
        token.is(200);
        client_token(&caller, "worker", SHOP_SECRET).await.is(401);
        let body = json!({"login": "bob", "password": PASSWORD, "client_id": "desk", "audience": API,
            "scope": "orders:read"});
        let answer = post(&caller, "/v1/login", &body).await;
        answer.is(200);
        assert_eq!(answer.json()["scope"], "orders:read");
        // The SPA: a code for a user who signs in at the page.
        let (id, redirect_uri) = ("app".to_owned(), "https://app.example.com/cb".to_owned());
        let app = App { id, secret: None, redirect_uri };
        let code = app.code(&Person::new(&caller, "bob"), &[("resource", API)]).await;
        app.redeem(&caller, &code).await.is(200);

        let admin = administrator(&caller, "ada@example.com").await;
        let before = events(&caller, &admin).await;
        let of = |kind: &str| before.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!((of("api.created"), of("client.created"), of("user.created")), (1, 4, 2));
        assert!(before.iter().filter(|event| event["kind"] == "client.created").all(|event| event["via"] == "cli"));

        let stored = desk.everything();
        let again = desk.run(&["apply", "shop.toml"]).ok();
        assert!(again.err.contains("No changes."), "{}", again.err);
        assert_eq!(again.changes(), []);
        assert_eq!(desk.everything(), stored);
        assert_eq!(events(&caller, &admin).await, before);
    })
    .await;
}

/// The same declarations in JSON, in another order and from standard input, are no change.
#[tokio::test(flavor = "multi_thread")]
async fn notation_and_order_mean_nothing() {
    beside_a_server("apply: JSON", async |desk, _| {
        desk.run(&["apply", "shop.toml"]).ok();
        let json = json!({
            "client": [
                {"client_id": "worker", "type": "service", "client_secret": {"file": "worker.secret"}, "audiences": [API]},
                {"client_id": "shop", "name": "Shop", "type": "web", "audiences": [API], "client_secret": {"env": "SHOP_SECRET"},
                 "redirect_uris": ["https://shop.example.com/other", "https://shop.example.com/cb"]},
            ],
            "api": [{"identifier": API, "claims": ["roles"], "scopes": {"orders:write": "", "orders:read": "See your orders"}}],
            "source": {"name": "infra/prod"},
        });
        let ran = desk.run_with(&["apply", "-"], &json.to_string()).ok();
        assert!(ran.err.contains("No changes."), "{}", ran.err);
        assert!(ran.err.contains("4 left out"), "{}", ran.err);
    })
    .await;
}

/// Every object is as the file declares: a key that is removed returns to its default, one that is changed
/// changes, and each changed object has one event.
#[tokio::test(flavor = "multi_thread")]
async fn an_absent_key_is_the_default() {
    beside_a_server("apply: defaults", async |desk, caller| {
        desk.run(&["apply", "shop.toml"]).ok();
        let admin = administrator(&caller, "ada@example.com").await;
        let before = events(&caller, &admin).await.len();
        let changed = SHOP
            .replace("claims = [\"roles\"]\n", "")
            .replace("name = \"Shop\"\n", "access_token_ttl = \"5m\"\n")
            .replace("skip_consent = true\n", "disabled = true\n")
            .replace("roles = [\"support\"]\n", "groups = [\"emea\"]\n");
        desk.write("shop.toml", &changed);
        let ran = desk.run(&["apply", "shop.toml"]).ok();
        let mut names: Vec<String> = ran.changes().into_iter().map(|(_, name)| name).collect();
        names.sort();
        assert_eq!(names, ["app", "bob", API, "shop"]);
        let shown = |noun: &str, name: &str| desk.run(&[noun, "show", name]).ok().json();
        assert_eq!(shown("api", API)["claims"], json!([]));
        let shop = shown("client", "shop");
        assert_eq!((&shop["name"], &shop["access_token_ttl"]), (&json!("shop"), &json!(300)));
        let app = shown("client", "app");
        assert_eq!((&app["disabled"], &app["skip_consent"]), (&json!(true), &json!(false)));
        let bob =
            desk.run(&["user", "list"]).ok().rows().into_iter().find(|user| user["login"] == "bob");
        let bob = bob.unwrap();
        assert_eq!((&bob["roles"], &bob["groups"]), (&json!([]), &json!(["emea"])));
        let after = events(&caller, &admin).await;
        let mut kinds: Vec<&str> = after[..after.len() - before]
            .iter()
            .map(|event| event["kind"].as_str().unwrap())
            .collect();
        kinds.sort_unstable();
        assert_eq!(kinds, ["api.updated", "client.disabled", "client.updated", "user.updated"]);
    })
    .await;
}

/// An error in the last object changes nothing: neither earlier objects, nor the audit trail, nor the file for
/// secrets. The same for an error that only the database finds.
#[tokio::test(flavor = "multi_thread")]
async fn one_bad_object_changes_nothing() {
    beside_a_server("apply: all or nothing", async |desk, _| {
        desk.run(&["user", "create", "carol", "--no-password"]).ok();
        let before = desk.everything();
        for (last, code, place) in [
            ("[[user]]\nlogin = \"zoe\"\nemail_verified = true\n", 2, "shop.toml:53: email_verified of user zoe"),
            // A look-alike of a login in use.
            ("[[user]]\nlogin = \"c\u{430}rol\"\n", 5, "shop.toml:52: login of user"),
            ("[[client]]\nclient_id = \"z\"\ntype = \"service\"\naudiences = [\"urn:gone\"]\nclient_secret = { generate = true }\n", 2, "shop.toml:54: audiences of client z"),
            ("[[user]]\nlogin = \"zoe\"\npassword = { env = \"WEAK\" }\n", 2, "shop.toml:53: password of user zoe"),
        ] {
            desk.write("shop.toml", &format!("{SHOP}{last}"));
            let desk = desk.with("WEAK", "123");
            let ran = desk.run(&["apply", "shop.toml", "--secrets-out", "secrets"]);
            ran.refused(code, &[place]);
            assert_eq!(desk.everything(), before, "{last}");
            assert!(!desk.launch.dir.path().join("secrets").exists());
        }
    })
    .await;
}

/// Two concurrent runs are serialized: one creates everything, the other finds no changes.
#[tokio::test(flavor = "multi_thread")]
async fn runs_at_the_same_moment_follow_each_other() {
    beside_a_server("apply: race", async |desk, _| {
        let runs = std::thread::scope(|scope| {
            let run = || desk.run(&["apply", "shop.toml"]);
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(run)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect::<Vec<_>>()
        });
        let created = runs.iter().filter(|ran| ran.err.contains("7 created")).count();
        let done = runs.iter().filter(|ran| ran.err.contains("No changes.")).count();
        assert_eq!((created, done), (1, 3), "{runs:#?}");
    })
    .await;
}

/// A plan counts what a change ends: the sessions and consents of a deleted client.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_counts_what_ends() {
    beside_a_server("plan: reach", async |desk, caller| {
        desk.run(&["apply", "shop.toml"]).ok();
        let body =
            json!({"login": "bob", "password": PASSWORD, "client_id": "desk", "audience": API});
        for _ in 0..3 {
            post(&caller, "/v1/login", &body).await.is(200);
        }
        let without = |from: &str, to: &str| {
            let (head, rest) = SHOP.split_once(from).unwrap();
            format!("{head}{}", &rest[rest.find(to).unwrap()..])
        };
        desk.write(
            "less.toml",
            &without("[[client]]\nclient_id = \"desk\"", "[[client]]\nclient_id = \"worker\""),
        );
        let plan = desk.run(&["plan", "less.toml", "--prune", "-o", "json"]).ok();
        assert_eq!(plan.changes(), [("delete".to_owned(), "desk".to_owned())]);
        assert_eq!(plan.json()["changes"][0]["ends"], json!({"sessions": 3, "consents": 0}));
        let text = desk.run(&["plan", "less.toml", "--prune", "-o", "table"]).ok().out;
        assert!(text.contains("ends 3 sessions"), "{text}");
        // A plan changes nothing.
        assert_eq!(desk.run(&["plan", "shop.toml"]).ok().changes(), []);
    })
    .await;
}

/// A password of a file is set only once: the user's own is never replaced, also if the file has another one.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_never_replaced() {
    beside_a_server("apply: passwords", async |desk, caller| {
        desk.run(&["apply", "shop.toml"]).ok();
        let other = desk.with("BOB_PASSWORD", "another plaid sofa bed");
        assert!(other.run(&["apply", "shop.toml"]).ok().err.contains("No changes."));
        let login = |password: &'static str| json!({"login": "bob", "password": password});
        post(&caller, "/v1/login", &login(PASSWORD)).await.is(200);
        // Once it is set, the variable is not read.
        assert!(
            desk.without("BOB_PASSWORD")
                .run(&["apply", "shop.toml"])
                .ok()
                .err
                .contains("No changes.")
        );
        // A user without a password gets the one of the file.
        desk.run(&["user", "create", "carol", "--no-password"]).ok();
        let carol =
            format!("{SHOP}[[user]]\nlogin = \"carol\"\npassword = {{ env = \"BOB_PASSWORD\" }}\n");
        desk.write("shop.toml", &carol);
        desk.run(&["apply", "shop.toml", "--adopt"]).ok();
        let body = json!({"login": "carol", "password": PASSWORD});
        post(&caller, "/v1/login", &body).await.is(200);
        let admin = administrator(&caller, "ada@example.com").await;
        let changed = events(&caller, &admin).await;
        assert!(changed.iter().any(|event| event["kind"] == "password.changed"), "{changed:?}");
        let me = call(&caller, Method::GET, "/v1/me", &admin, Value::Null).await;
        assert_eq!(me.is(200).json()["login"], "ada@example.com");
    })
    .await;
}
