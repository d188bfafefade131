//! `signet client`: output and exit codes, beside a server and without one.

use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::{Place, members, text};
use crate::support::process::PATIENCE;
use crate::support::{postgres, require};

pub const API: &str = "https://api.example.com";
const CALLBACK: &str = "https://shop.example.com/callback";
const SHOP: &[&str] =
    &["client", "create", "--client-id", "shop", "--name", "Shop", "--type", "web"];

/// A web client called `shop`.
pub fn shop<'a>(more: &[&'a str]) -> Vec<&'a str> {
    [SHOP, &["--redirect-uri", CALLBACK], more].concat()
}

/// A public key; the point of RFC 7517, appendix A.1.
pub fn public_key() -> Value {
    json!({"kty": "EC", "crv": "P-256", "kid": "1",
        "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"})
}

#[test]
fn without_a_database_every_command_says_where_it_looked_and_makes_nothing() {
    let place = Place::empty();
    let database = place.database();
    let create = shop(&[]);
    let commands: &[&[&str]] = &[
        &create,
        &["client", "list"],
        &["client", "show", "shop"],
        &["client", "update", "shop", "--name", "x"],
        &["client", "disable", "shop"],
        &["client", "enable", "shop"],
        &["client", "rotate-secret", "shop"],
        &["client", "delete", "shop", "--yes"],
    ];
    for args in commands {
        place.run(args).refused(78, &[database.to_str().unwrap(), "SIGNET_DATA_DIR"]);
        assert!(!place.dir.path().join("data").exists(), "{args:?} made something");
    }
}

#[test]
fn invalid_arguments_are_refused_before_any_lookup() {
    let place = Place::empty();
    std::fs::write(place.dir.path().join("key.pem"), "-----BEGIN PRIVATE KEY-----").unwrap();
    let update = ["client", "update", "shop"];
    let commands: &[(&[&str], &str)] = &[
        (&["client", "create", "--name", "x"], "--type"),
        (&["client", "create", "--type", "web"], "--name"),
        (&["client", "create", "--name", "x", "--type", "robot"], "service"),
        (&shop(&["--auth-method", "client_secret_jwt"]), "private_key_jwt"),
        (&shop(&["--grant", "password"]), "token_exchange"),
        (&shop(&["--id-token-alg", "HS256"]), "EdDSA"),
        (&shop(&["--access-token-ttl", "25h"]), "too long"),
        (&shop(&["--refresh-idle-ttl", "30"]), "unit"),
        (&shop(&["--refresh-max-ttl", "1s"]), "too short"),
        (&shop(&["--skip-consent", "no"]), "false"),
        (&shop(&["--jwks-file", "key.pem"]), "JWK set"),
        (&update, "--help"),
        (&[&update[..], &["--skip-consent", "yes"]].concat(), "true"),
        (&[&update[..], &["--scope", "a", "--no-scopes"]].concat(), "--no-scopes"),
        (&[&update[..], &["--all-scopes", "--no-scopes"]].concat(), "--all-scopes"),
        (&[&update[..], &["--audience", API, "--no-audiences"]].concat(), "--no-audiences"),
        (&["client", "update", "--name", "x"], "CLIENT_ID"),
        (&["client", "delete", "shop"], "--yes"),
        (&["client", "list", "--limit", "0"], "--limit"),
    ];
    for (args, word) in commands {
        let ran = place.run(args).refused(2, &[word]);
        assert!(!ran.err.contains("BEGIN"), "{}", ran.err);
    }
    place.run(&shop(&["--jwks-file", "missing.json"])).refused(1, &["missing.json"]);
    place.run(&["client"]).code(2);
}

#[test]
fn a_client_is_created_changed_disabled_and_deleted() {
    let place = Place::served();
    place.run(&["api", "create", API, "--scope", "read"]).ok();
    let made = place.run(&shop(&["--audience", API, "--scope", "read"])).ok();
    let shop_made = made.one();
    let secret = text(&shop_made, "client_secret").to_owned();
    assert!(secret.starts_with("scs_") && secret.len() == 52, "{secret}");
    assert!(made.err.starts_with("Registered client Shop (shop)\n"), "{}", made.err);
    assert!(made.err.contains("cannot be shown again"), "{}", made.err);
    assert!(!made.err.contains(&secret), "a secret on stderr: {}", made.err);
    let wire = [
        "access_token_ttl",
        "admin_scopes",
        "assertion_audience",
        "audiences",
        "backchannel_logout_uri",
        "client_id",
        "client_secret",
        "client_uri",
        "created_at",
        "disabled",
        "disabled_at",
        "first_party",
        "grant_types",
        "id_token_claims",
        "id_token_signed_response_alg",
        "jwks",
        "logo",
        "min_acr",
        "name",
        "pkce",
        "policy_uri",
        "post_logout_redirect_uris",
        "redirect_uris",
        "refresh_idle_ttl",
        "refresh_max_ttl",
        "scopes",
        "secrets",
        "security_profile",
        "serves",
        "skip_consent",
        "token_endpoint_auth_method",
        "token_endpoint_auth_method_pinned",
        "tos_uri",
        "type",
        "updated_at",
        "web_origins",
        "workloads",
    ];
    assert_eq!(members(&shop_made), wire);
    place.run(&shop(&[])).refused(5, &["shop", "exists", "signet client list"]);

    let mut stored = shop_made.clone();
    stored.as_object_mut().unwrap().remove("client_secret");
    assert_eq!(place.run(&["client", "list"]).ok().one(), stored);
    assert_eq!(place.run(&["client", "show", "shop"]).ok().one(), stored);
    let table = place.run(&["client", "list", "-o", "table"]).ok().out;
    assert!(table.starts_with("CLIENT_ID  NAME  TYPE  AUTHENTICATES "), "{table}");
    assert!(table.contains("\nshop       Shop  web   client_secret_basic  active"), "{table}");
    let sheet = place.run(&["client", "show", "shop", "-o", "table"]).ok().out;
    assert!(sheet.starts_with("SETTING "), "{sheet}");
    for line in [format!("redirect_uris  {CALLBACK}"), format!("audiences  {API}")] {
        let found = sheet.lines().any(|had| {
            had.split_whitespace().collect::<Vec<_>>()
                == line.split_whitespace().collect::<Vec<_>>()
        });
        assert!(found, "{line}: {sheet}");
    }

    let disabled = place.run(&["client", "disable", "shop"]).ok();
    assert_eq!(disabled.err, "Disabled client Shop (shop)\n");
    assert_eq!(disabled.one()["disabled"], true);
    assert_eq!(place.run(&["client", "disable", "shop"]).ok().one(), disabled.one());
    assert_eq!(place.run(&["client", "enable", "shop"]).ok().one()["disabled"], false);

    let rotated = place.run(&["client", "rotate-secret", "shop"]).ok();
    assert!(rotated.err.contains("stays valid until the next rotation"), "{}", rotated.err);
    assert_ne!(text(&rotated.one(), "client_secret"), secret);
    assert_eq!(rotated.one()["secrets"].as_array().map(Vec::len), Some(2));
    let last = place.run(&["client", "rotate-secret", "shop", "--revoke-old", "-o", "table"]).ok();
    assert!(last.err.contains("only one") && last.err.contains("cannot be shown again"));
    assert!(last.out.starts_with("CLIENT_ID  CLIENT_SECRET\nshop       scs_"), "{}", last.out);
    assert_eq!(place.run(&["client", "show", "shop"]).ok().one()["secrets"][1], Value::Null);

    let gone = place.run(&["client", "delete", "shop", "--yes"]).ok();
    assert_eq!((gone.out.as_str(), gone.err.as_str()), ("", "Deleted client Shop (shop)\n"));
    for verb in ["show", "disable", "enable", "rotate-secret"] {
        place.run(&["client", verb, "shop"]).refused(3, &["\"shop\"", "signet client list"]);
    }
    place.run(&["client", "update", "shop", "--name", "x"]).refused(3, &["shop"]);
    place.run(&["client", "delete", "shop", "--yes"]).refused(3, &["shop"]);
    let steering = place.run(&["client", "show", "a\u{1b}[2J"]).refused(3, &["u{1b}"]);
    assert!(!steering.err.contains('\u{1b}'));
}

#[test]
fn the_application_is_told_what_it_needs_on_a_terminal() {
    let place = Place::served();
    let people = place.run(&shop(&["-o", "table"])).ok();
    let lines: Vec<&str> = people.out.lines().collect();
    assert_eq!(lines.len(), 3, "{}", people.out);
    assert_eq!(lines[0], "client_id      shop");
    assert!(lines[1].starts_with("client_secret  scs_"), "{}", people.out);
    let discovery = "discovery      http://localhost:8484/.well-known/openid-configuration";
    assert_eq!(lines[2], discovery);
    let said = ["Registered client Shop", "cannot be shown again", "Next: ", "--audience"];
    for said in said {
        assert!(people.err.contains(said), "{said}: {}", people.err);
    }
    let create = ["client", "create", "--name", "x", "-o", "table", "--type"];
    let native = [&create[..], &["native", "--redirect-uri", "myapp:/cb"]].concat();
    let native = place.run(&native).ok();
    assert_eq!(native.out.lines().count(), 2, "no secret: {}", native.out);
    for said in ["warning: myapp: any app can claim", "PKCE"] {
        assert!(native.err.contains(said), "{said}: {}", native.err);
    }
    assert!(!native.err.contains("cannot be shown again"), "{}", native.err);
    let service = place.run(&[&create[..], &["service"]].concat()).ok();
    for said in ["http://localhost:8484/oauth2/token", "grant_type=client_credentials"] {
        assert!(service.err.contains(said), "{said}: {}", service.err);
    }
    assert!(!service.err.contains("scs_"), "{}", service.err);
    let id = service.out.lines().next().unwrap().split_whitespace().last().unwrap();
    let command = format!("signet client update {id} --audience IDENTIFIER");
    assert_eq!(service.err.matches(&command).count(), 1, "said once: {}", service.err);
}

#[test]
fn clients_are_listed_page_by_page() {
    let place = Place::served();
    let mut ids = Vec::new();
    for _ in 0..3 {
        let args = ["client", "create", "--name", "Job", "--type", "service"];
        ids.push(text(&place.run(&args).ok().one(), "client_id").to_owned());
    }
    let listed = |args: &[&str]| -> (Vec<String>, String) {
        let ran = place.run(&[&["client", "list"], args].concat()).ok();
        let rows = ran.rows();
        let ids = rows.iter().map(|row| text(row, "client_id").to_owned());
        (ids.collect(), ran.err)
    };
    let (all, said) = listed(&[]);
    assert_eq!(all.len(), 3);
    assert!(said.is_empty() && ids.iter().all(|id| all.contains(id)));
    let (first, said) = listed(&["--limit", "2"]);
    assert_eq!(first, all[..2]);
    let cursor = said.trim_end().rsplit(' ').next().unwrap().to_owned();
    assert!(URL_SAFE_NO_PAD.decode(&cursor).is_ok(), "{said}");
    assert_eq!(listed(&["--after", &cursor]).0, all[2..]);
    assert_eq!(listed(&["--after", &all[1]]).0, all[2..], "a client_id that was given is a cursor");
}

/// A logo.
const PICTURE: &[u8] = include_bytes!("../../browser/photos.png");

#[test]
fn a_logo_is_read_from_a_file_and_checked_before_anything_changes() {
    let place = Place::served();
    place.run(&shop(&[])).ok();
    let file =
        |name: &str, bytes: &[u8]| std::fs::write(place.dir.path().join(name), bytes).unwrap();
    file("logo.png", PICTURE);
    file("logo.svg", b"<svg xmlns=\"http://www.w3.org/2000/svg\"/>");
    file("large.png", &[PICTURE, &[0; 70_000]].concat());
    let policy = ["--policy-uri", "https://shop.example.com/privacy"];
    let set = [&["client", "update", "shop", "--logo", "logo.png"], &policy[..]].concat();
    let shown = place.run(&set).ok().one();
    assert!(text(&shown, "logo").starts_with("/assets/logos/"), "{shown}");
    assert_eq!(text(&shown, "policy_uri"), policy[1]);
    for (name, said) in [
        ("logo.svg", "A logo is a PNG, JPEG or WebP file"),
        ("large.png", "at most 64 KiB"),
        ("none.png", "cannot be read"),
    ] {
        let refused = place.run(&["client", "update", "shop", "--name", "Other", "--logo", name]);
        assert_ne!(refused.code, Some(0), "{name}");
        assert!(refused.err.contains(said) && refused.err.contains(name), "{}", refused.err);
    }
    let kept = place.run(&["client", "show", "shop"]).ok().one();
    assert_eq!((text(&kept, "name"), text(&kept, "logo")), ("Shop", text(&shown, "logo")));
    let removed =
        place.run(&["client", "update", "shop", "--no-logo", "--no-policy-uri"]).ok().one();
    assert!(removed["logo"].is_null() && removed["policy_uri"].is_null(), "{removed}");
}

/// The commands of the page, in order and unchanged.
#[test]
fn the_documented_commands_work_when_pasted() {
    const PAGE: &str = include_str!("../../../docs/clients.md");
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        return require::missing("openssl", "the commands of docs/clients.md");
    }
    let place = Place::served();
    let blocks = PAGE.split("```sh\n").skip(1);
    let script: String = blocks.filter_map(|block| block.split("```").next()).collect();
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_signet")).parent().unwrap();
    std::fs::write(place.dir.path().join("shop.png"), PICTURE).unwrap();
    let mut shell = place.command_of("sh", &["-eu", "-c", &script]);
    shell.env("PATH", format!("{}:/usr/local/bin:/usr/bin:/bin", binary.display()));
    let output = shell.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{said}");
    let listed = place.run(&["client", "list"]).ok().rows();
    let ids: Vec<&str> = listed.iter().map(|client| text(client, "client_id")).collect();
    assert_eq!(ids, ["shop", "shop-spa", "desk", "nightly", "billing", "bank"]);
    assert!(!said.contains("warning"), "{said}");
}

/// The running server picks up changes of the command line, also on PostgreSQL.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_known_to_the_running_server_without_a_restart() {
    let mut places = vec![Place::empty()];
    places.extend(
        postgres::fresh_database()
            .await
            .map(|url| Place::empty().with("SIGNET_DATABASE_URL", &url)),
    );
    for place in places {
        let server = place.serve();
        place.administrator("ada");
        let args = shop(&["--id-token-alg", "ES384"]);
        place.run(&args).ok();
        place.run(&args).refused(5, &["exists"]);
        place.run(&["client", "rotate-secret", "shop"]).ok();
        place.run(&["api", "create", "urn:a"]).ok();
        let named =
            ["client", "create", "--client-id", "urn:a", "--name", "x", "--type", "service"];
        place.run(&named).refused(2, &["client_id: "]);
        // The published keys follow the clients that were read.
        let deadline = Instant::now() + PATIENCE;
        while !server.get("/.well-known/jwks.json", "").await.1.contains("ES384") {
            assert!(Instant::now() < deadline, "not known after {PATIENCE:?}");
        }
        place.run(&["client", "delete", "shop", "--yes"]).ok();
        assert_eq!(place.run(&["client", "list"]).ok().rows(), Vec::<Value>::new());
    }
}
