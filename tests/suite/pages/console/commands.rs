//! The command at the foot of a page shows the same as the page.

use std::process::Command;

use super::{administrator, id_of, started};
use crate::support::server::Answer;
use crate::support::{Backend, Server, on_both};

/// The command that a page names.
fn named(page: &Answer) -> String {
    let (_, rest) = page.is(200).text.split_once("Same as: <code>").unwrap();
    rest.split_once("</code>").unwrap().0.replace("&#38;", "&")
}

/// What the command prints beside the running server.
fn printed(server: &Server, command: &str) -> String {
    let words: Vec<&str> = command.split_whitespace().collect();
    let (program, arguments) = words.split_first().unwrap();
    assert_eq!(*program, "signet");
    let mut command = Command::new(env!("CARGO_BIN_EXE_signet"));
    command.env_clear().env("PATH", "/usr/bin:/bin").current_dir(server.dir.path());
    command.env("SIGNET_DATA_DIR", server.dir.path().join("data"));
    command.env("SIGNET_ISSUER", &server.base);
    if let Some(url) = &server.database_url {
        command.env("SIGNET_DATABASE_URL", url);
    }
    let output = command.args(arguments).output().unwrap();
    let error = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {error}");
    String::from_utf8(output.stdout).unwrap()
}

/// Users, one user, applications, APIs, keys and settings: the command of each page is accepted and prints what the page
/// shows.
#[tokio::test(flavor = "multi_thread")]
async fn the_command_of_a_page_shows_the_same() {
    on_both("console: commands", async |backend: Backend| {
        let server = started(backend).await;
        let root = administrator(&server).await;
        let ada = id_of(&root, "ada").await;
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
        for page in ["/admin/clients", "/admin/apis"] {
            printed(&server, &named(&root.get(page).await));
        }
    })
    .await;
}
