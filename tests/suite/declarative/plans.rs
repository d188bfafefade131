//! Plans: what they say, and that only what was planned is applied.

use serde_json::json;

use super::{API, SHOP, beside_a_server};

/// A plan says what is created, changed and left out with values before and after, changes nothing, and exits with 7
/// only when it is asked to.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_says_what_changes_and_changes_nothing() {
    beside_a_server("plan: contents", async |desk, _| {
        let empty = desk.everything();
        let plan = desk.run(&["plan", "shop.toml"]).ok();
        assert_eq!(plan.changes().len(), 7);
        assert!(plan.err.contains("Plan: 7 created"), "{}", plan.err);
        assert_eq!(desk.everything(), empty);
        desk.run(&["plan", "shop.toml", "--exit-code"]).code(7);
        desk.run(&["apply", "shop.toml"]).ok();
        assert!(desk.run(&["plan", "shop.toml", "--exit-code"]).ok().err.contains("No changes."));

        desk.write(
            "shop.toml",
            &SHOP
                .replace("orders:write\" = \"\"", "orders:delete\" = \"\"")
                .replace("name = \"Shop\"", "name = \"Store\""),
        );
        let plan = desk.run(&["plan", "shop.toml", "--exit-code"]).code(7).json();
        let changes = &plan["changes"];
        assert_eq!(
            changes[0]["fields"],
            json!([{"field": "scopes",
            "before": {"orders:read": "See your orders", "orders:write": ""},
            "after": {"orders:delete": "", "orders:read": "See your orders"}}])
        );
        assert_eq!(
            changes[1]["fields"],
            json!([{"field": "name", "before": "Shop", "after": "Store"}])
        );
        let text = desk.run(&["plan", "shop.toml", "-o", "table"]).ok().out;
        assert!(text.contains(&format!("change    api {API}  (infra/prod)")), "{text}");
        assert!(text.contains("name: \"Shop\" -> \"Store\""), "{text}");
    })
    .await;
}

/// What the database refuses is told together, each with its place, and nothing is applied.
#[tokio::test(flavor = "multi_thread")]
async fn refusals_of_several_objects_are_told_together() {
    beside_a_server("plan: refusals", async |desk, _| {
        desk.write(
            "x.toml",
            "[source]\nname = \"a\"\n[[client]]\nclient_id = \"one\"\ntype = \"spa\"\n\
             redirect_uris = [\"https://one.example/cb\"]\naudiences = [\"urn:none\"]\n[[client]]\n\
             client_id = \"two\"\ntype = \"spa\"\nredirect_uris = [\"https://two.example/cb\"]\n\
             audiences = [\"urn:nothing\"]\n[[client]]\nclient_id = \"three\"\ntype = \"spa\"\n\
             redirect_uris = [\"https://three.example/cb\"]\n",
        );
        for command in ["plan", "apply"] {
            let ran = desk.run(&[command, "x.toml"]).refused(
                2,
                &["x.toml:7: audiences of client one", "x.toml:12: audiences of client two"],
            );
            assert!(!ran.err.contains("three"), "{}", ran.err);
        }
        assert_eq!(desk.run(&["client", "list"]).ok().out, "");
        desk.run(&["plan", "gone.toml"]).refused(2, &["gone.toml cannot be read"]);
    })
    .await;
}

/// A plan that was saved is carried out only while files and objects are what they were: 5 otherwise, and nothing is
/// changed. It brings its own choices.
#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_is_refused_when_files_or_objects_moved() {
    beside_a_server("plan: saved", async |desk, _| {
        let save = |args: &[&str]| desk.write("plan.json", &desk.run(&[args, &["-o", "json"]].concat()).ok().out);
        save(&["plan", "shop.toml"]);
        desk.write("shop.toml", &SHOP.replace("name = \"Shop\"", "name = \"Store\""));
        let apply = ["apply", "shop.toml", "--plan", "plan.json"];
        desk.run(&apply).refused(5, &["The files are not what they were"]);
        assert_eq!(desk.run(&["client", "list"]).ok().out, "");
        // A comment moves nothing.
        desk.write("shop.toml", &format!("# a comment\n{SHOP}"));
        desk.run(&apply).ok();
        desk.run(&apply).refused(5, &["Objects have changed"]);

        desk.write("shop.toml", &SHOP.replace("name = \"Shop\"", "name = \"Store\""));
        save(&["plan", "shop.toml"]);
        desk.run(&["client", "update", "shop", "--name", "By hand", "--force"]).ok();
        desk.run(&apply).refused(5, &["Objects have changed"]);
        assert_eq!(desk.run(&["client", "show", "shop"]).ok().json()["name"], "By hand");

        desk.write("shop.toml", "[source]\nname = \"infra/prod\"\n[[user]]\nlogin = \"ada@example.com\"\nrole = \"admin\"\n");
        save(&["plan", "shop.toml", "--prune"]);
        desk.run(&[&apply[..], &["--prune"]].concat()).refused(2, &["--plan"]);
        desk.run(&apply).ok();
        assert_eq!(desk.run(&["client", "list"]).ok().out, "", "the plan says that it prunes");
        desk.write("plan.json", "{}");
        desk.run(&apply).refused(2, &["plan.json is no plan"]);
    })
    .await;
}
