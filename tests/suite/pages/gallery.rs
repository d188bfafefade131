//! Every page with sample data in a real browser.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use signet::http::ui::{Frame, Locale, gallery};

use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::Options;
use crate::support::{Backend, Server, require};

/// A page of every kind.
const PLAIN: &[&str] = &["login", "login-refused", "consent", "account", "form-post", "error"];

/// The files that pages load, as the server sends them.
async fn assets(server: &Server) -> Vec<Value> {
    let mut assets = Vec::new();
    for path in [
        "/assets/signet.css",
        "/assets/console.css",
        "/assets/inspect.css",
        "/assets/brand.css",
        "/assets/logo",
        "/assets/login.js",
        "/assets/passkey.js",
        "/assets/submit.js",
        "/assets/inspect.js",
        "/.well-known/jwks.json?rs=signet-inspector",
    ] {
        let response = reqwest::get(server.url(path)).await.unwrap();
        if path.ends_with("logo") && response.status() == 404 {
            continue;
        }
        assert_eq!(response.status(), 200, "{path}");
        let headers: Value = ["content-type", "content-security-policy", "x-content-type-options"]
            .into_iter()
            .map(|name| (name.to_owned(), response.headers()[name].to_str().unwrap().into()))
            .collect::<serde_json::Map<_, _>>()
            .into();
        let body = STANDARD.encode(response.bytes().await.unwrap());
        assets.push(json!({"path": path, "headers": headers, "body": body}));
    }
    // The logo of the client in the samples.
    let picture = STANDARD.encode(include_bytes!("../../browser/photos.png"));
    let headers = json!({"content-type": "image/png", "x-content-type-options": "nosniff"});
    assets.push(json!({"path": "/assets/logos/photos", "headers": headers, "body": picture}));
    assets
}

/// Checks the pages of `server` that are `wanted`, in every language; `name` distinguishes the pictures of two runs.
async fn inspect(server: &Server, name: &str, wanted: impl Fn(&str) -> bool) {
    let Some(mut command) = browser_script(Browser::Chromium, "gallery.mjs") else { return };
    let mut pages = Vec::new();
    for words in Locale::all() {
        let (brand, base_path) = (&server.app.config.brand, &server.app.base_path);
        let here = Some("/login?flow=x");
        let frame = Frame { locale: words, brand, base_path, here, min_password: 8 };
        for page in gallery(frame).unwrap().into_iter().filter(|page| wanted(page.name)) {
            let (html, policy) = (page.html, page.policy);
            let lang = words.lang();
            pages.push(json!({"name": page.name, "lang": lang, "html": html, "policy": policy}));
        }
    }
    let content = json!({"assets": assets(server).await, "pages": pages}).to_string();
    let file = server.dir.path().join("gallery.json");
    std::fs::write(&file, content).unwrap();

    command.arg(&file);
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        let screenshots = Path::new(&screenshots).join(name);
        std::fs::create_dir_all(&screenshots).unwrap();
        command.arg(screenshots);
    }
    output(command).await;
}

/// In both colour schemes, wide and narrow, in every language, without a finding of axe-core. With
/// `SIGNET_TEST_SCREENSHOTS=FOLDER` there is a picture of each.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_stands_up_to_a_browser() {
    inspect(&Server::start(Backend::Sqlite).await, "signet", |_| true).await;
}

/// The same with a brand: another accent, a logo, a name of several words. The pages of the browser test suffice.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_stands_up_under_another_brand() {
    let logo = r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 40" width="160" height="40">
        <style>rect { fill: #8a1c4a }</style><rect width="160" height="40" rx="8"/></svg>"##;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("logo.svg");
    std::fs::write(&path, logo).unwrap();
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_BRAND_NAME", "Stadtbibliothek Musterstadt")
        .with("SIGNET_BRAND_COLOR", "#8a1c4a")
        .with("SIGNET_BRAND_LOGO", path.to_str().unwrap())
        .start()
        .await;
    inspect(&server, "branded", |name| PLAIN.contains(&name)).await;
}
