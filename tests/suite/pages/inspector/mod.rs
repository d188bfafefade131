//! The token inspector: its verdicts in a real browser, and that no token leaves it.

mod tokens;

use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Backend, Server, require};

use super::below_path;
use tokens::{API, Case, Maker};

const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      form-action 'none'; frame-ancestors 'none'; base-uri 'none'; \
                      require-trusted-types-for 'script'";

/// The report of `signet token why` about a token.
async fn why(server: &Server, root: &Tokens, case: &Case) -> Value {
    let body = json!({"token": case.token, "audience": case.audience});
    let path = "/v1/admin/tokens/why";
    server.call_as(Method::POST, path, &root.access, body).await.is(200).json()
}

/// Without a network, invalid tokens get the codes of `signet token why`, check by check; no request carries a token;
/// the revocation feed is loaded by a button; from a file on disk, without JavaScript, in German.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_judges_like_the_server_and_sends_no_token() {
    let Some(mut command) = browser_script(Browser::Chromium, "inspect.mjs") else { return };
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let api = json!({"identifier": API});
    let api = server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await;
    let api = format!("/v1/admin/apis/{}", api.is(201).string("id"));
    let good = server.login("ada").await;

    let maker = Maker::like(&server, &good);
    let login = json!({"login": "ada", "password": PASSWORD, "audience": API});
    let for_api = Tokens::of(&server.post("/v1/login", login).await);
    let mut all = maker.cases(&Maker::like(&server, &for_api));
    all.extend(tokens::of_every_algorithm(&server, &root, &api).await);
    let mut broken = 0;
    let mut cases = Vec::new();
    for case in &all {
        let report = why(&server, &root, case).await;
        broken += usize::from(report["good"] == json!(false));
        let Case { what, token, audience } = case;
        cases.push(json!({"what": what, "token": token, "audience": audience, "report": report}));
    }
    assert!(broken > 60 && all.len() - broken > 10, "{broken} of {}", all.len());

    let rules = json!({"signing_alg": "HS256"});
    server.call_as(Method::PATCH, &api, &root.access, rules).await.is(200);
    let login = json!({"login": "ada", "password": PASSWORD, "audience": API});
    let shared = Tokens::of(&server.post("/v1/login", login).await).access;
    let ended = server.login("ada").await;
    server.post("/v1/logout", json!({"refresh_token": ended.refresh})).await.is(204);
    server.advance(TimeSpan::from_secs(2));

    let file = server.dir.path().join("inspect.json");
    let markup = "<img src=x onerror=alert(1)>";
    let given = json!({
        "base": server.base,
        "now": server.now().millis(),
        "cases": cases,
        "good": good.access,
        "refresh": good.refresh,
        "markup": maker.claim("name", json!(markup)),
        "foreign": maker.claim("iss", json!("https://login.other.example")),
        "shared": shared,
        "ended": ended.access,
    });
    std::fs::write(&file, given.to_string()).unwrap();
    command.arg(&file);
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        let screenshots = Path::new(&screenshots).join("inspect");
        std::fs::create_dir_all(&screenshots).unwrap();
        command.arg(screenshots);
    }
    output(command).await;
}

/// The policy and the other measures that keep a token from leaving, also below a path and with a logo, which the page
/// does not load.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_has_a_policy_of_its_own() {
    let logo = "<svg xmlns=\"http://www.w3.org/2000/svg\"/>";
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("logo.svg");
    std::fs::write(&path, logo).unwrap();
    for stripped in [false, true] {
        let server = below_path::options(Backend::Sqlite, stripped)
            .with("SIGNET_BRAND_NAME", "City Library")
            .with("SIGNET_BRAND_LOGO", path.to_str().unwrap())
            .with("SIGNET_REVOCATION_FEED", "off")
            .start()
            .await;
        let below = below_path::Below::at(&below_path::served(&server, stripped, ""));
        let page = below.get("/inspect").await;
        assert_eq!(page.is(200).header("content-security-policy"), POLICY);
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        for part in [
            "src=\"/auth/assets/inspect.js\"",
            "href=\"/auth/assets/inspect.css\"",
            "href=\"/auth/inspect?lang=de\"",
            "&#34;jwks&#34;:&#34;/auth/.well-known/jwks.json?rs=signet-inspector&#34;",
            "&#34;issuer&#34;:&#34;https://id.example.com/auth&#34;",
            "&#34;feed&#34;:null",
            "<p class=\"brand\">City Library</p>",
            "<code>signet token inspect -</code>",
        ] {
            assert!(page.text.contains(part), "{part}: {}", page.text);
        }
        for part in ["<form", "<img", "rel=\"icon\"", " action="] {
            assert!(!page.text.contains(part), "{part}: {}", page.text);
        }
        for asset in ["inspect.js", "inspect.css"] {
            below.get(&format!("/assets/{asset}")).await.is(200);
        }
    }
}

/// The choice of a language is a link; one that does not exist is refused.
#[tokio::test(flavor = "multi_thread")]
async fn the_language_is_chosen_by_a_link() {
    let server = Server::start(Backend::Sqlite).await;
    let german = server.get("/inspect?lang=de").await;
    assert!(german.is(200).text.contains("<h1>Token-Prüfer</h1>"), "{}", german.text);
    assert!(german.text.contains("href=\"/inspect?lang=en\""), "{}", german.text);
    assert!(german.headers.get("set-cookie").is_none());
    let english = server.get("/inspect?lang=en").await;
    assert!(english.is(200).text.contains("<h1>Token inspector</h1>"), "{}", english.text);
    for (refused, status) in [("/inspect?lang=xx", 422), ("/inspect?lang=de&lang=en", 400)] {
        let page = server.get(refused).await;
        assert!(page.is(status).header("content-type").starts_with("text/html"), "{refused}");
    }
    // Not read, and not repeated.
    let page = server.get("/inspect?token=eyJhbGciOiJub25lIn0.e30.").await;
    assert!(!page.is(200).text.contains("eyJhbGciOiJub25lIn0"), "{}", page.text);
}

/// Operators see which resource servers fetch the keys before a rotation, so the page is not counted as one.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_is_counted_as_no_resource_server() {
    let server = Server::start(Backend::Sqlite).await;
    for name in ["orders", "signet-inspector"] {
        server.get(&format!("/.well-known/jwks.json?rs={name}")).await.is(200);
    }
    let counted = server.app.jwks_fetches.take().unknown;
    let names: Vec<_> = counted.into_iter().map(|seen| seen.name).collect();
    assert_eq!(names, ["orders"]);
}
