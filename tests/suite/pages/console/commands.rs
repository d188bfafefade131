//! The command at the foot of a page prints the content of the page.

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::Timestamp;
use signet::domain::sign_in_diagnosis::{
    AccountFacts, CountedFrom, FailedAttempts, Guarded, Lock, Observed, StoredPassword,
    UnknownFacts, diagnose, diagnose_unknown,
};

use super::bulk::tick;
use super::{administrator, confirm, id_of, started};
use crate::support::relying_party::form;
use crate::support::server::Answer;
use crate::support::{Backend, Server, on_both};

/// The command on a page.
pub(super) fn named(page: &Answer) -> String {
    let (_, rest) = page.is(200).text.split_once("Same as: <code>").unwrap();
    let text = rest.split_once("</code>").unwrap().0;
    let escapes = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    escapes.iter().fold(text.to_owned(), |text, (escape, plain)| text.replace(escape, plain))
}

/// Runs the command in a shell, beside the running server.
fn run(server: &Server, command: &str) -> Output {
    let programs = Path::new(env!("CARGO_BIN_EXE_signet")).parent().unwrap();
    let mut shell = Command::new("/bin/sh");
    shell.env_clear().env("PATH", format!("{}:/usr/bin:/bin", programs.display()));
    shell.current_dir(server.dir.path());
    shell.env("SIGNET_DATA_DIR", server.dir.path().join("data"));
    shell.env("SIGNET_ISSUER", &server.base);
    if let Some(url) = &server.database_url {
        shell.env("SIGNET_DATABASE_URL", url);
    }
    shell.args(["-c", command]).stdin(Stdio::null()).output().unwrap()
}

/// The output of the command.
pub(super) fn printed(server: &Server, command: &str) -> String {
    assert!(command.contains("signet "), "{command}");
    let output = run(server, command);
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Logins that a shell or the command line could misinterpret.
const HOSTILE: [&str; 5] = ["-x", "--yes", "#x", "x|touch${IFS}pwn", "o'|touch${IFS}pwn|'"];

/// Users, one user, applications, APIs, keys and settings: the command of each page is accepted and prints its content.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_of_a_page_shows_the_same() {
    on_both("console: commands", async |backend: Backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let ada = super::id_of(&root, "ada").await;
        let kid = {
            let keys = server.get("/.well-known/jwks.json").await.is(200).json();
            keys["keys"][0]["kid"].as_str().unwrap().to_owned()
        };
        for (page, shown) in [
            ("/admin/users".to_owned(), "root"),
            (format!("/admin/users/{ada}"), &*ada),
            ("/admin/keys".to_owned(), &kid),
            ("/admin/settings".to_owned(), "SIGNET_DATA_DIR"),
            ("/admin/audit?user=ada&since=1h".to_owned(), &*ada),
            ("/admin/sessions?user=root".to_owned(), "browser"),
        ] {
            let page = root.get(&page).await;
            assert!(page.is(200).text.contains(shown), "{shown}: {}", page.text);
            let text = printed(&server, &named(&page));
            assert!(text.contains(shown), "{shown}: {text}");
        }
        let admin = server.administrator("second").await;
        for (path, body) in [
            ("clients", json!({"client_id": "shop", "name": "Shop", "type": "service"})),
            ("clients", json!({"client_id": "bot", "name": "Bot", "type": "service"})),
            ("apis", json!({"identifier": "https://api.example.com"})),
            ("apis", json!({"identifier": "urn:second"})),
        ] {
            let path = format!("/v1/admin/{path}");
            server.call_as(Method::POST, &path, &admin.access, body).await.is(201);
        }
        for (page, member, found) in [
            ("/admin/users", "id", 3),
            ("/admin/clients", "client_id", 2),
            ("/admin/apis", "id", 2),
        ] {
            let shown = root.get(page).await;
            let rows = rows(&printed(&server, &named(&shown)));
            let printed: BTreeSet<&str> =
                rows.iter().map(|row| row[member].as_str().unwrap()).collect();
            assert_eq!(printed.len(), found, "{page}: {rows:?}");
            assert_eq!(linked(&shown, page), printed, "{page}");
        }
    })
    .await;
}

/// The objects in the lines of a command.
fn rows(printed: &str) -> Vec<Value> {
    printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The last segment of each address below `path` that the rows of a list link to.
fn linked<'a>(page: &'a Answer, path: &str) -> BTreeSet<&'a str> {
    let link = format!("<th scope=\"row\"><a href=\"{path}/");
    let rest = page.is(200).text.split(&link).skip(1);
    rest.map(|rest| rest.split_once('"').unwrap().0).collect()
}

/// The command on each page of a user and on each confirmation page, pasted into a shell, concerns that user alone,
/// whatever characters the login has.
#[tokio::test(flavor = "multi_thread")]
async fn commands_are_safe_to_paste_into_a_shell() {
    on_both("console: hostile logins", async |backend: Backend| {
        let server = started(backend).await;
        let api = server.administrator("second").await;
        let root = administrator(&server).await;
        for login in HOSTILE {
            let body = json!({ "login": login });
            let made = server.call_as(Method::POST, "/v1/admin/users", &api.access, body).await;
            let id = made.is(201).string("id");
            let q = form([("q", login)]);
            for page in [
                format!("/admin/users/{id}"),
                format!("/admin/users?{q}"),
                format!("/admin/search?{q}"),
                format!("/admin/sessions?user={id}"),
                format!("/admin/audit?user={id}"),
            ] {
                let command = named(&root.get(&page).await);
                let text = printed(&server, &command);
                assert!(page.contains("sessions") || text.contains(&id), "{command}: {text}");
            }
            for action in [
                "unlock",
                "must-change",
                "end-sessions",
                "reset-factors",
                "disable",
                "enable",
                "recovery",
            ] {
                let command = named(&root.get(&format!("/admin/users/{id}/{action}")).await);
                assert!(command.contains("touch") || command.contains(login), "{command}");
                printed(&server, &command);
            }
            let user = format!("/v1/admin/users/{id}");
            let shown = server.get_as(&user, &api.access).await.is(200).json();
            assert_eq!(shown["must_change_password"], true, "{shown}");
            // It requires a confirmation, and there is no terminal.
            let command = named(&root.get(&format!("/admin/users/{id}/delete")).await);
            let output = run(&server, &command);
            let error = String::from_utf8_lossy(&output.stderr);
            assert!(error.contains("--yes"), "{command}: {error}");
            assert!(!server.dir.path().join("pwn").exists(), "{login}");
        }
        let users = server.get_as("/v1/admin/users", &api.access).await.is(200).json();
        assert_eq!(users["data"].as_array().unwrap().len(), 3 + HOSTILE.len());
    })
    .await;
}

/// Each command of a diagnosis, pasted into a shell, is one call of `signet` with the login as one operand, which is
/// not read as an option.
#[test]
fn commands_of_a_diagnosis_are_safe_to_paste_into_a_shell() {
    let dir = tempfile::tempdir().unwrap();
    let program = dir.path().join("signet");
    std::fs::write(&program, "#!/bin/sh\nfor word; do printf '[%s]\\n' \"$word\"; done\n").unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    for login in HOSTILE {
        let commands = commands_of_diagnoses(login);
        assert!(commands.len() > 12, "{commands:?}");
        for command in commands {
            let mut shell = Command::new("/bin/sh");
            shell.env_clear().env("PATH", format!("{}:/usr/bin:/bin", dir.path().display()));
            let output = shell.args(["-c", &command]).current_dir(dir.path()).output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(output.status.success() && output.stderr.is_empty(), "{command}: {text}");
            let words: Vec<&str> = text.lines().collect();
            if words[0] == "[user]" {
                let at = words.iter().position(|word| *word == format!("[{login}]"));
                let at = at.unwrap_or_else(|| panic!("{command}: {text}"));
                assert!(!login.starts_with('-') || words[at - 1] == "[--]", "{command}: {text}");
            }
            let files = std::fs::read_dir(dir.path()).unwrap().count();
            assert_eq!(files, 1, "{command} made a file");
        }
    }
}

/// The commands for every cause, of an account and of an unknown login.
fn commands_of_diagnoses(login: &str) -> Vec<String> {
    let now = Timestamp::from_secs(1_000);
    let failure = |reason: &str| FailedAttempts {
        last_at: now,
        kind: "login.failed".to_owned(),
        reason: Some(reason.to_owned()),
        detail: None,
        address: Some("192.0.2.7".to_owned()),
        times: 3,
    };
    let lock = |guarded, from| Lock { guarded, from, tries: 20, limit: 20, until: now };
    let observed = Observed {
        locks: vec![
            lock(Guarded::Password, CountedFrom::Network("192.0.2.7".parse().ok())),
            lock(Guarded::Password, CountedFrom::Network(None)),
            lock(Guarded::Password, CountedFrom::Strangers),
            lock(Guarded::SecondFactor, CountedFrom::Strangers),
        ],
        failures: ["address", "wrong_password", "factor_failed"].map(failure).to_vec(),
        shed: 1,
        limited: Vec::new(),
    };
    let account = |password| AccountFacts {
        login: login.to_owned(),
        disabled_at: Some(now),
        password,
        must_change_password: true,
        lacks_second_factor: true,
        last_success: None,
        last_address: None,
    };
    let own = || Some(login.to_owned());
    let unknown =
        UnknownFacts { former: own(), unverified: own(), nearest: own().into_iter().collect() };
    let found = [StoredPassword::None, StoredPassword::Unreadable]
        .into_iter()
        .flat_map(|password| diagnose(&account(password), &observed, now))
        .chain(diagnose_unknown(&unknown, &observed, now));
    found.filter_map(|finding| finding.fix).collect()
}

/// The pages about users: each filter, the diagnosis and the preview show a command that prints the same; so do the
/// confirmation pages for ticked users and the page of a new user.
#[tokio::test(flavor = "multi_thread")]
async fn the_commands_of_the_pages_about_users_do_the_same() {
    on_both("console: commands about users", async |backend: Backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        server.register("o'hara").await;
        let ada = id_of(&root, "ada").await;
        for (page, shown, other) in [
            ("/admin/users?q=ada", "ada", "root"),
            ("/admin/users?state=active&role=admin", "root", "ada"),
            ("/admin/users?q=o'hara", "o'hara", "ada"),
        ] {
            let page = root.get(page).await;
            assert!(page.is(200).text.contains(&shown.replace('\'', "&#39;")), "{}", page.text);
            let text = printed(&server, &named(&page));
            let has = |login: &str| text.contains(&format!("\"login\":\"{login}\""));
            assert!(has(shown) && !has(other), "{shown}: {text}");
        }
        for state in ["disabled", "locked", "must-change"] {
            let page = root.get(&format!("/admin/users?state={state}")).await;
            assert!(!printed(&server, &named(&page)).contains("\"ada\""), "{state}");
        }
        let why = named(&root.get(&format!("/admin/users/{ada}/why")).await);
        assert!(printed(&server, &why).contains("\"good\":true"), "{why}");
        let unknown = named(&root.get("/admin/why?login=adda").await);
        assert_eq!(run(&server, &unknown).status.code(), Some(3), "{unknown}");
        let preview = named(&root.get(&format!("/admin/users/{ada}/token")).await);
        assert!(printed(&server, &preview).contains(&ada), "{preview}");

        let hara = id_of(&root, "o%27hara").await;
        for action in ["end-sessions", "unlock", "disable"] {
            let to = tick(&root, action, &[&ada, &hara]).await;
            let to = root.below_base(to.is(303).header("location"));
            printed(&server, &named(&root.get(&to).await));
        }
        let disabled = printed(&server, "signet user find --disabled");
        assert!(disabled.contains("ada") && disabled.contains("o'hara"), "{disabled}");

        let page = root.get("/admin/users/new").await;
        let command = named(&page);
        assert_eq!(command, "signet user create LOGIN --invite");
        let made = printed(&server, &command.replace("LOGIN", "ida"));
        assert!(made.contains("/link/"), "{made}");
    })
    .await;
}

/// A refused form shows no command, which with the entered values could have another effect: roles with spaces between
/// them would grant a role of Signet.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_form_names_no_command() {
    on_both("console: commands of refused forms", async |backend: Backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let id = id_of(&root, "root").await;
        let roles = [("login", "ida"), ("roles", "signet:foo admin")];
        let disable = format!("/admin/users/{id}/disable");
        for (path, typed) in [
            ("/admin/users/new", &roles[..]),
            ("/admin/users/new", &[("login", "ada")]),
            ("/admin/apis/new", &[("identifier", "no uri")]),
            (&disable, &[]),
        ] {
            let refused = confirm(&root, path, typed).await;
            assert!([409, 422].contains(&refused.status), "{path}: {}", refused.text);
            assert!(!refused.text.contains("Same as:"), "{path}: {}", refused.text);
        }
        for path in ["/admin/sessions?user=nemo", "/admin/audit?user=nemo"] {
            let refused = root.get(path).await;
            assert!(!refused.is(422).text.contains("Same as:"), "{path}: {}", refused.text);
        }
    })
    .await;
}

/// The page of an application that a configuration source manages names that source and no command that would be
/// refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_managed_application_names_its_source() {
    on_both("console: managed application", async |backend: Backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let file = "[source]\nname = \"infra/prod\"\n[[client]]\nclient_id = \"shop\"\ntype = \"spa\"\n\
                    redirect_uris = [\"https://x.example.com/\"]\n";
        std::fs::write(server.dir.path().join("shop.toml"), file).unwrap();
        printed(&server, "signet apply shop.toml");
        let page = root.get("/admin/clients/shop").await;
        let text = &page.is(200).text;
        assert!(text.contains("managed by the configuration source infra/prod"), "{text}");
        assert!(!text.contains("signet client update"), "{text}");
        for action in ["disable", "delete"] {
            let path = format!("/admin/clients/shop/{action}");
            let refused = confirm(&root, &path, &[("typed", "shop")]).await;
            assert!(refused.is(409).text.contains("infra/prod"), "{action}: {}", refused.text);
        }
        let shown: Value = serde_json::from_str(&printed(&server, "signet client show shop")).unwrap();
        assert_eq!((&shown["disabled_at"], &shown["name"]), (&Value::Null, &json!("shop")));
    })
    .await;
}
