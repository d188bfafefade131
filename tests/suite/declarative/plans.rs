//! Plans: their content, and that only the planned changes are applied.

use serde_json::json;

use super::{API, SHOP, beside_a_server};

/// A plan lists created, changed and left-out objects with values before and after, changes nothing, and exits with
/// 7 only with `--exit-code`.
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

/// Refusals of the database are reported together, each with its place, and nothing is applied.
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

/// A saved plan is applied only while files and objects are unchanged: otherwise the exit code is 5 and nothing is
/// changed. It contains its own options.
#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_is_refused_when_files_or_objects_moved() {
    beside_a_server("plan: saved", async |desk, _| {
        let save = |args: &[&str]| desk.write("plan.json", &desk.run(&[args, &["-o", "json"]].concat()).ok().out);
        save(&["plan", "shop.toml"]);
        desk.write("shop.toml", &SHOP.replace("name = \"Shop\"", "name = \"Store\""));
        let apply = ["apply", "shop.toml", "--plan", "plan.json"];
        desk.run(&apply).refused(5, &["The files have changed"]);
        assert_eq!(desk.run(&["client", "list"]).ok().out, "");
        // A comment is no change.
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
        desk.run(&apply).refused(2, &["plan.json is not a plan"]);
    })
    .await;
}

/// A plan shows the access tokens of a user before and after, as previews do, for each audience where they
/// differ, and changes nothing. It is refused if they cannot be shown.
#[tokio::test(flavor = "multi_thread")]
async fn a_plan_shows_how_the_tokens_of_a_user_change() {
    beside_a_server("plan: sample user", async |desk, _| {
        let empty = desk.everything();
        let plan = ["plan", "shop.toml", "--sample-user", "bob"];
        let sample = |name: &str, user: &str| {
            desk.run(&["plan", name, "--sample-user", user]).ok().json()["sample"].clone()
        };
        let created = sample("shop.toml", "bob");
        assert_eq!(created["user"], "bob");
        let of_api = created["tokens"].as_array().unwrap();
        let of_api = of_api.iter().find(|token| token["audience"] == API).unwrap();
        assert_eq!(of_api["before"], json!(null), "the user does not exist yet");
        assert_eq!(of_api["after"]["claims"]["scope"], "orders:read orders:write");
        assert_eq!(of_api["after"]["claims"]["roles"], json!(["support"]));
        let text = desk.run(&[&plan[..], &["-o", "table"]].concat()).ok().out;
        assert!(text.contains(&format!("token     of bob for {API}\n          new\n")), "{text}");
        assert_eq!(desk.everything(), empty);
        let refused = [&plan[..3], &["nobody"]].concat();
        desk.run(&refused).refused(3, &["There is no user nobody, and no file declares one."]);
        desk.run(&["apply", "shop.toml"]).ok();

        let same = desk.run(&plan).ok();
        assert_eq!(same.json()["sample"]["tokens"], json!([]));
        let text = desk.run(&[&plan[..], &["-o", "table"]].concat()).ok().out;
        assert_eq!(text, "tokens    of bob stay as they are\n");
        assert!(desk.run(&plan[..2]).ok().json().get("sample").is_none(), "nobody was named");

        let changed = SHOP
            .replace(
                ", \"orders:write\" = \"\" }",
                " }\naccess_token_ttl = \"2m\"\nsigning_alg = \"EdDSA\"",
            )
            .replace("roles = [\"support\"]", "roles = [\"desk\"]");
        desk.write("changed.toml", &changed);
        let tokens = sample("changed.toml", "bob")["tokens"].clone();
        assert_eq!(tokens.as_array().unwrap().len(), 1, "the issuer's tokens stay: {tokens}");
        let (before, after) = (&tokens[0]["before"], &tokens[0]["after"]);
        assert_eq!(before["header"], json!({"alg": "ES256", "typ": "at+jwt"}));
        // The key of the algorithm is created when the file is applied.
        assert_eq!(after["header"], json!({"alg": "EdDSA", "typ": "at+jwt"}));
        let preview =
            ["token", "preview", "bob", "--audience", API, "--scope", "orders:read orders:write"];
        let preview = desk.run(&preview).ok().json();
        for claim in ["iss", "sub", "aud", "client_id", "scope", "roles", "acr"] {
            assert_eq!(before["claims"][claim], preview["claims"][claim], "{claim}");
        }
        let changes =
            ["scope", "roles"].map(|claim| (&before["claims"][claim], &after["claims"][claim]));
        assert_eq!(changes[0], (&json!("orders:read orders:write"), &json!("orders:read")));
        assert_eq!(changes[1], (&json!(["support"]), &json!(["desk"])));
        let text =
            desk.run(&["plan", "changed.toml", "--sample-user", "BOB", "-o", "table"]).ok().out;
        for line in [
            "alg: \"ES256\" -> \"EdDSA\"",
            "lifetime: 600 -> 120",
            "roles: [\"support\"] -> [\"desk\"]",
            "scope: \"orders:read orders:write\" -> \"orders:read\"",
        ] {
            assert!(text.contains(&format!("\n          {line}\n")), "{line}: {text}");
        }
        assert!(!text.contains("jti") && !text.contains("exp:"), "{text}");
        // An address names its user, and another user has other tokens.
        assert_eq!(
            sample("changed.toml", "ada@example.com")["tokens"].as_array().unwrap().len(),
            1
        );

        desk.write(
            "disabled.toml",
            &SHOP.replace("login = \"bob\"", "login = \"bob\"\ndisabled = true"),
        );
        let tokens = sample("disabled.toml", "bob")["tokens"].clone();
        assert_eq!(tokens.as_array().unwrap().len(), 2, "the API and the issuer");
        assert!(tokens.as_array().unwrap().iter().all(|token| token["after"].is_null()));
        let text =
            desk.run(&["plan", "disabled.toml", "--sample-user", "bob", "-o", "table"]).ok().out;
        assert!(
            text.contains("token     of bob for Signet itself\n          none any more\n"),
            "{text}"
        );
        assert!(desk.run(&["plan", "shop.toml"]).ok().err.contains("No changes."));
    })
    .await;
}
