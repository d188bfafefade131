//! `signet snippet`.

use serde_json::Value;
use signet::view::snippet::SNIPPETS;

use super::{API, Place};
use crate::support::on_both;

/// With a database the file is for the API as registered.
#[tokio::test(flavor = "multi_thread")]
async fn a_snippet_is_for_the_api_that_is_registered() {
    on_both("snippets of a registered API", async |backend| {
        let place = Place::served_on(backend).await;
        let print = |arguments: &[&str]| place.run(&[&["snippet"][..], arguments].concat());
        print(&["node", "--audience", API]).refused(3, &["signet api list", API]);
        place
            .run(&["api", "create", API, "--scope", "orders:read", "--scope", "orders:write"])
            .ok();

        let printed = print(&["node", "--audience", API, "--scope", "orders:read"]).ok();
        assert_eq!(printed.err, "");
        for line in [
            "// Issuer: http://localhost:8484\n",
            "// Algorithms: ES256\n",
            "const ISSUER = 'http://localhost:8484';\n",
            "const AUDIENCE = 'https://api.example.com';\n",
            "const SCOPE = 'orders:read';\n",
            "const TYPE = 'at+jwt';\n",
            "const ALGORITHMS = ['ES256'];\n",
        ] {
            assert!(printed.out.contains(line), "{line}: {}", printed.out);
        }
        assert_eq!(
            printed.out.lines().next(),
            Some(&*format!(
                "// node.mjs, printed by `signet snippet node` of Signet {}.",
                env!("CARGO_PKG_VERSION")
            ))
        );

        place.run(&["api", "set", API, "--signing-alg", "RS256", "--token-profile", "jwt"]).ok();
        let arguments = [
            "go",
            "--audience",
            API,
            "--scope",
            "orders:read,orders:write",
            "--issuer",
            "https://id.example.com/auth",
        ];
        let printed = print(&arguments).ok().out;
        for line in [
            "const Issuer = \"https://id.example.com/auth\"\n",
            "const Scope = \"orders:read orders:write\"\n",
            "const Type = \"JWT\"\n",
            "var Algorithms = []string{\"RS256\"}\n",
        ] {
            assert!(printed.contains(line), "{line}: {printed}");
        }

        let offered = ["orders:delete", "orders:read orders:write"];
        print(&["nginx", "--audience", API, "--scope", "orders:delete"]).refused(2, &offered);
        place.run(&["api", "set", API, "--signing-alg", "HS256"]).ok();
        print(&["node", "--audience", API]).refused(2, &["HS256", "--signing-alg ES256"]);
    })
    .await;
}

/// Without a database the file is printed, with a report that nothing was checked.
#[test]
fn without_a_database_nothing_is_checked_and_it_says_so() {
    let place = Place::empty();
    let printed = place.run(&["snippet", "python", "--audience", API]).ok();
    assert!(
        printed.err.contains("it is not checked that the API is registered"),
        "{}",
        printed.err
    );
    for line in
        ["ALGORITHMS = [\"ES256\", \"RS256\"]\n", "SCOPE = \"\"\n", "# Scope: none is required\n"]
    {
        assert!(printed.out.contains(line), "{line}: {}", printed.out);
    }
    assert!(!place.database().exists());
    let refused: [(&[&str], i32, &[&str]); 5] = [
        (
            &["node", "--audience", API, "--issuer", "id.example.com"],
            2,
            &["--issuer", "Type a URL"],
        ),
        (
            &["node", "--audience", API, "--issuer", "https://id.example.com/"],
            2,
            &["ends with a slash"],
        ),
        (&["node", "--audience", API, "--scope", "a\"b"], 2, &["--scope"]),
        (
            &["node-revocations", "--audience", API],
            2,
            &["--when-stale closed", "--when-stale open"],
        ),
        (&["node", "--audience", API, "--when-stale", "open"], 2, &["node-revocations"]),
    ];
    for (arguments, code, words) in refused {
        place.run(&[&["snippet"][..], arguments].concat()).refused(code, words);
    }
    for arguments in [
        &["snippet", "node"][..],
        &["snippet", "--audience", API],
        &["snippet", "perl", "--audience", API],
    ] {
        place.run(arguments).code(2);
    }
}

/// The list has every snippet, and whether the tests run it.
#[test]
fn everything_that_can_be_printed_is_listed() {
    let listed = Place::empty().run(&["snippet", "--list"]).ok().rows();
    let names = |rows: &[Value]| -> Vec<String> {
        rows.iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&listed), SNIPPETS.iter().map(|snippet| snippet.name).collect::<Vec<_>>());
    let run = |name: &str| {
        listed.iter().find(|row| row["name"] == name).unwrap()["is_run_by_tests"].clone()
    };
    assert_eq!((run("express"), run("spring")), (Value::Bool(true), Value::Bool(false)));
    let table = Place::empty().run(&["snippet", "--list", "-o", "table"]).ok().out;
    assert!(table.contains("aspnet") && table.contains("form only, not run"), "{table}");
}

/// Snippets of gateways are the tested recipes.
#[test]
fn gateways_get_their_recipes() {
    let place = Place::empty();
    for (name, recipe) in [
        ("nginx", include_str!("../../../deploy/gateways/nginx/nginx.conf")),
        ("traefik-routes", include_str!("../../../deploy/gateways/traefik/routes.yml")),
        ("caddy", include_str!("../../../deploy/gateways/caddy/Caddyfile")),
        ("envoy", include_str!("../../../deploy/gateways/envoy/envoy.yaml")),
        ("haproxy", include_str!("../../../deploy/gateways/haproxy/haproxy.cfg")),
        ("haproxy-lua", include_str!("../../../deploy/gateways/haproxy/signet.lua")),
    ] {
        let arguments = ["snippet", name, "--audience", API, "--scope", "orders:read"];
        let printed = place.run(&arguments).ok().out;
        assert!(printed.ends_with(&format!("\n\n{recipe}")), "{name}: {printed}");
    }
}
