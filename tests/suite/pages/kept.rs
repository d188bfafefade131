//! Pages that a user keeps, as Chromium sees them.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::json;

use crate::support::packages::{copy_of, have, npm_ci};
use crate::support::relying_party::App;
use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, require};

use super::below_path::Below;
use super::issuer_path::{administrator, register};

const CHROMIUM: &str = "/usr/bin/chromium";

/// Tabs, cleared cookies and the Back button, on a server that has its origin for itself and on one below a
/// path. With `SIGNET_TEST_SCREENSHOTS=FOLDER` there are pictures.
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_were_kept_begin_again_in_chromium() {
    let Some(node) = have("node", "node") else { return };
    if !Path::new(CHROMIUM).exists() {
        return require::missing("chromium", &format!("there is no {CHROMIUM}"));
    }
    let folder = copy_of("tests/browser");
    if !npm_ci(&folder) {
        return require::missing("node", "the packages of tests/browser cannot be installed");
    }
    // Free a moment ago; the server and the application take them at once.
    let free = || TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for path in ["", "/auth"] {
        let (port, app_port) = (free(), free());
        let issuer = format!("http://localhost:{port}{path}");
        let server = Options::on(Backend::Sqlite)
            .with("SIGNET_LISTEN", &format!("127.0.0.1:{port}"))
            .with("SIGNET_ISSUER", &issuer)
            .real_clock()
            .start()
            .await;
        let below = Below::at(&format!("{}{path}", server.base));
        let root = administrator(&server, &below).await;
        register(&below, "ada@example.com").await;
        let client = json!({"name": "Shop", "type": "spa",
            "redirect_uris": [format!("http://localhost:{app_port}/cb")],
            "client_uri": format!("http://localhost:{app_port}/")});
        let client = App::register(&below, &root, client).await;
        let mut command = Command::new(&node);
        command
            .arg("kept.mjs")
            .args([&*issuer, "ada@example.com", PASSWORD, &client.id])
            .env("APP_PORT", app_port.to_string())
            .current_dir(&folder);
        if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
            command.arg(screenshots);
        }
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let (stdout, stderr) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{issuer}: {stdout}{stderr}");
    }
}
