//! Pages that a browser keeps, in Chromium.

use serde_json::json;

use crate::support::ports::free_port;
use crate::support::relying_party::App;
use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, require};

use super::below_path::Below;
use super::issuer_path::{administrator, register};

/// Tabs, cleared cookies and the Back button, on a server that has its origin for itself and on one below a
/// path. With `SIGNET_TEST_SCREENSHOTS=FOLDER` there are pictures.
#[tokio::test(flavor = "multi_thread")]
async fn pages_that_were_kept_begin_again_in_chromium() {
    for path in ["", "/auth"] {
        let (port, app_port) = (free_port(), free_port());
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
        let Some(mut command) = browser_script(Browser::Chromium, "kept.mjs") else { return };
        command
            .args([&*issuer, "ada@example.com", PASSWORD, &client.id])
            .env("APP_PORT", app_port.to_string());
        if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
            command.arg(screenshots);
        }
        output(command).await;
    }
}
