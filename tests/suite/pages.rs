//! The set-up page in a real browser.

use std::path::Path;
use std::process::Command;

use signet::identity::setup;

use crate::support::packages::{copy_of, have, npm_ci};
use crate::support::server::PASSWORD;
use crate::support::{Backend, Server, require};

const CHROMIUM: &str = "/usr/bin/chromium";

/// Without JavaScript, by keyboard alone, in both colour schemes, wide and narrow. With
/// `SIGNET_TEST_SCREENSHOTS=FOLDER` the pictures of the documentation are made on the way.
#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_page_works_in_chromium() {
    let Some(node) = have("node", "node") else { return };
    if !Path::new(CHROMIUM).exists() {
        return require::missing("chromium", &format!("there is no {CHROMIUM}"));
    }
    let folder = copy_of("tests/browser");
    if !npm_ci(&folder) {
        return require::missing("node", "the packages of tests/browser cannot be installed");
    }
    let server = Server::start(Backend::Sqlite).await;
    let app = server.app.clone();
    let now = server.now();
    let url = server.app.run(async move { setup::make_link(&app, now).await }).await;
    let url = url.unwrap_or_else(|stop| panic!("{stop:?}"));

    let mut command = Command::new(node);
    command.arg("setup.mjs").arg(url.expose()).args(["ada@example.com", PASSWORD]);
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        command.arg(screenshots);
    }
    command.current_dir(&folder);
    let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
    let (stdout, stderr) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}{stderr}");
    // The token on the page is a real one.
    let me = server.get_as("/v1/me", stdout.trim()).await;
    assert_eq!(me.is(200).json()["role"], "admin");
    server.try_login("ada@example.com", PASSWORD).await.is(200);
}
