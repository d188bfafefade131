//! Complete flows in real browsers: pages, policies, cookies and redirects in Chromium and Firefox.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::ports::free_port;
use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::{Options, PASSWORD};
use crate::support::{Backend, require};

/// With and without JavaScript, by keyboard, from another origin, for a scheme of its own; in both
/// colour schemes, wide and narrow, without a finding of axe-core and without anything the policy
/// blocks. With `SIGNET_TEST_SCREENSHOTS=FOLDER` there are pictures.
#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_for_clients_in_chromium() {
    let Some(mut command) = browser_script(Browser::Chromium, "provider.mjs") else {
        return;
    };
    let server = Options::on(Backend::Sqlite).real_clock().start().await;
    let root = server.administrator("root").await;
    server.register("ada@example.com").await;
    let port = free_port();
    let made = async |client: Value| {
        let path = "/v1/admin/clients";
        let answer = server.call_as(Method::POST, path, &root.access, client).await;
        answer.is(201).string("client_id")
    };
    let callbacks = ["localhost", "shop.localhost"].map(|host| format!("http://{host}:{port}/cb"));
    let web = made(json!({"name": "Shop", "type": "spa", "redirect_uris": callbacks})).await;
    let app = json!({"name": "App", "type": "native", "redirect_uris": ["com.example.app:/cb"]});
    let app = made(app).await;
    let post = made(json!({"name": "Poster", "type": "web", "redirect_uris": callbacks})).await;

    command
        .args([&server.base, "ada@example.com", PASSWORD, &web, &app, &post])
        .env("APP_PORT", port.to_string());
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        command.arg(screenshots);
    }
    output(command).await;
}

/// Callbacks that redirect on to another origin, to a scheme of an application's own and from one name of a
/// site to another; in the address and in a form, after either button, with and without JavaScript; and in
/// a pop-up. With `SIGNET_TEST_FIREFOX=all` every combination, which takes twice as long.
#[tokio::test(flavor = "multi_thread")]
async fn people_log_in_for_clients_in_firefox() {
    let Some(mut command) = browser_script(Browser::Firefox, "firefox.mjs") else {
        return;
    };
    let server = Options::on(Backend::Sqlite).real_clock().start().await;
    let root = server.administrator("root").await;
    server.register("ada@example.com").await;
    let port = free_port();
    let callbacks = ["localhost", "shop.localhost"].map(|host| format!("http://{host}:{port}/cb"));
    let mut clients = Vec::new();
    for kind in ["spa", "web"] {
        let client = json!({"name": "Shop", "type": kind, "redirect_uris": callbacks});
        let path = "/v1/admin/clients";
        let answer = server.call_as(Method::POST, path, &root.access, client).await;
        clients.push(answer.is(201).string("client_id"));
    }
    let profiles = tempfile::tempdir().unwrap();
    command
        .args([&server.base, "ada@example.com", PASSWORD, &clients[0], &clients[1]])
        .arg(profiles.path())
        .env("APP_PORT", port.to_string())
        .env("FLOWS", require::variable("SIGNET_TEST_FIREFOX").unwrap_or_default())
        .env("HOME", profiles.path());
    output(command).await;
}
