//! Errors in files: every one with its file, line and remedy.

use super::{Desk, SHOP};
use crate::support::server::Backend;

/// Unknown keys and tables, values of another type and repeated objects are reported together, each with its line, and
/// with the nearest name if there is one. In TOML and in JSON.
#[tokio::test(flavor = "multi_thread")]
async fn errors_have_line_numbers() {
    let desk = Desk::on(Backend::Sqlite).await;
    let _server = desk.serve().await;
    let wrong = [
        ("clinet = []", "1: a file has no table clinet; did you mean client?"),
        ("[settings]\nbrand_name = \"Acme\"", "1: settings (brand_name) are environment variables"),
        ("[[role]]\nname = \"support\"", "1: roles are not registered"),
        ("[[template]]\nname = \"x\"", "1: the texts of mail are part of Signet"),
        ("[client]\nclient_id = \"x\"", "1: each client has double brackets: [[client]]"),
        (
            "[[client]]\nclient_id = \"x\"\ntype = \"spa\"\nredirect_uri = [\"https://x\"]",
            "4: [[client]] has no key redirect_uri; did you mean redirect_uris?",
        ),
        (
            "[[client]]\nclient_id = \"x\"\n\ntype = \"sap\"",
            "4: type of client x: found sap, expected spa, web, native, service",
        ),
        (
            "[[client]]\nclient_id = \"x\"\ntype = \"spa\"\nredirect_uris = \"https://x\"",
            "4: redirect_uris of client x: found a text, expected a list of texts",
        ),
        ("[[client]]\ntype = \"spa\"", "1: client_id of [[client]]: it is missing"),
        (
            "[[client]]\nclient_id = \"signet\"\ntype = \"spa\"\nredirect_uris = [\"https://x.example\"]",
            "2: client_id of client signet: ",
        ),
        (
            "[[client]]\nclient_id = \"x\"\ntype = \"spa\"\nredirect_uris = [\"nonsense\"]",
            "4: redirect_uris of client x: ",
        ),
        (
            "[[client]]\nclient_id = \"x\"\ntype = \"spa\"\nredirect_uris = [\"https://x.example\"]\naccess_token_ttl = 1.5",
            "5: access_token_ttl of client x: found a fraction",
        ),
        (
            "[[api]]\nidentifier = \"http://localhost:8484\"",
            "2: identifier of api http://localhost:8484: The address of the issuer cannot be used as a name",
        ),
        (
            "[[api]]\nidentifier = \"urn:a\"\nscopes = [\"signet:admin\"]",
            "3: scopes of api urn:a: ",
        ),
        (
            "[[api]]\nidentifier = \"urn:a\"\nstate = \"absent\"\nclaims = []",
            "4: claims of api urn:a: an object with absent = true cannot have other keys",
        ),
        ("[[user]]\nlogin = \"a b\"", "2: login of [[user]]: "),
        (
            "[[user]]\nlogin = \"bob\"\npassword = \"plain text\"",
            "3: password of user bob: found a text, expected",
        ),
        (
            "[[api]]\nidentifier = \"urn:a\"\n[[api]]\nidentifier = \"urn:a\"",
            "3: api urn:a is already declared in x.toml:1",
        ),
        ("[[api]]\nidentifier = \"urn:a\"\nidentifier = \"urn:b\"", "3: not TOML: "),
        ("[[api]]\nidentifier = \"a\\u0000\"", "2: a text cannot contain U+0000"),
    ];
    for (text, said) in wrong {
        desk.write("x.toml", &format!("{text}\n"));
        let ran = desk.run(&["apply", "x.toml"]);
        ran.refused(2, &[&format!("x.toml:{said}")]);
    }
    let json = "{\"source\": {\"name\": \"a\"},\n \"client\": [\n  {\"client_id\": \"x\",\n   \"typ\": \"spa\"}]}";
    desk.write("x.json", json);
    desk.run(&["plan", "x.json"]).refused(
        2,
        &["x.json:4: [[client]] has no key typ; did you mean type?", "x.json:3: type of client x"],
    );
    desk.write("x.json", "{\"source\": {\"name\": \"a\"},\n \"source\": {}}");
    desk.run(&["plan", "x.json"]).refused(2, &["x.json:2: the key \"source\" is repeated"]);
    // Together, for all files.
    desk.write("x.toml", "[source]\nname = \"a b\"\n[[api]]\nidentifer = \"x\"\n");
    desk.run(&["apply", "x.toml", "x.json", "gone.toml"]).refused(2, &["gone.toml cannot be read"]);
    desk.run(&["apply", "x.toml", "x.json"]).refused(
        2,
        &["x.toml:2: name of [source]", "x.toml:4: ", "did you mean identifier?", "x.json:2: "],
    );
    desk.write("x.toml", "[[api]]\nidentifier = \"urn:a\"\n");
    desk.run(&["apply", "x.toml"]).refused(2, &["x.toml:1: the file names no source"]);
    desk.write("x.toml", "");
    desk.run(&["apply", "x.toml"]).refused(2, &["the file names no source"]);
    assert_eq!(desk.run(&["api", "list"]).ok().out, "");
}

/// Too many objects for one transaction, files that are too large or not text, and standard input named twice are
/// refused.
#[tokio::test(flavor = "multi_thread")]
async fn files_have_limits() {
    let desk = Desk::on(Backend::Sqlite).await;
    let _server = desk.serve().await;
    let many: String = (0..501).map(|n| format!("[[api]]\nidentifier = \"urn:a{n}\"\n")).collect();
    desk.write("x.toml", &format!("[source]\nname = \"a\"\n{many}"));
    desk.run(&["apply", "x.toml"]).refused(2, &["501 objects are declared, and at most 500"]);
    desk.write("x.toml", &"#".repeat(4 * 1024 * 1024 + 1));
    desk.run(&["apply", "x.toml"]).refused(2, &["larger than 4 MiB"]);
    std::fs::write(desk.launch.dir.path().join("x.toml"), b"\xff\xfe").unwrap();
    desk.run(&["apply", "x.toml"]).refused(2, &["x.toml is not UTF-8 text"]);
    desk.run(&["apply", "-", "-"]).refused(2, &["standard input"]);
    desk.run_with(&["apply", "-"], SHOP).ok();
}
