//! The pages as served: the set-up page in a real browser, the language of the user, the brand.
use reqwest::Method;
use serde_json::json;
use signet::domain::request_info::RequestInfo;
use signet::identity::setup;
use url::form_urlencoded;

use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server, require};

/// Without JavaScript, by keyboard alone, in both colour schemes, wide and narrow. With
/// `SIGNET_TEST_SCREENSHOTS=FOLDER` the pictures of the documentation are made on the way.
#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_page_works_in_chromium() {
    let Some(mut command) = browser_script(Browser::Chromium, "setup.mjs") else { return };
    let server = Server::start(Backend::Sqlite).await;
    let app = server.app.clone();
    let now = server.now();
    let url = server
        .app
        .run_to_completion(async move { setup::make_link(&app, &RequestInfo::cli(now)).await })
        .await;
    let url = url.unwrap_or_else(|stop| panic!("{stop:?}"));

    command.arg(url.expose()).args(["ada@example.com", PASSWORD]);
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        command.arg(screenshots);
    }
    let said = output(command).await;
    // The token on the page is the real one.
    let me = server.get_as("/v1/me", said.trim()).await;
    assert_eq!(me.is(200).json()["role"], "admin");
    server.try_login("ada@example.com", PASSWORD).await.is(200);
}

/// Without JavaScript and by keyboard alone, on a narrow screen.
#[tokio::test(flavor = "multi_thread")]
async fn a_password_is_replaced_in_chromium_without_javascript() {
    let Some(mut command) = browser_script(Browser::Chromium, "new_password.mjs") else { return };
    let server = Options::on(Backend::Sqlite).real_clock().start().await;
    let root = server.administrator("root").await;
    let user =
        json!({"login": "ada@example.com", "password": PASSWORD, "must_change_password": true});
    server.call_as(Method::POST, "/v1/admin/users", &root.access, user).await.is(201);
    let new = "known to ada alone";
    command.args([&*server.base, "ada@example.com", PASSWORD, new]);
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        command.arg(screenshots);
    }
    output(command).await;
    server.try_login("ada@example.com", new).await.is(200);
    server.try_login("ada@example.com", PASSWORD).await.is(401);
}

async fn ask(server: &Server, path: &str, headers: &[(&str, &str)]) -> Answer {
    let request = server.request(Method::GET, path);
    server
        .send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value)))
        .await
}

/// Sends a form in a browser that prefers German.
async fn submit(server: &Server, path: &str, fields: &[(&str, &str)]) -> Answer {
    let body: String =
        form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = server.request(Method::POST, path).header("accept-language", "de");
    server
        .send(request.header("content-type", "application/x-www-form-urlencoded").body(body))
        .await
}

/// The user's choice has precedence over the browser, and nothing of the request is repeated.
#[tokio::test(flavor = "multi_thread")]
async fn pages_speak_the_reader_s_language() {
    let server = Server::start(Backend::Sqlite).await;
    let german = "Diese Adresse gibt es nicht.";
    let english = "This address does not exist.";
    for (headers, lang, text) in [
        (&[][..], "en", english),
        (&[("accept-language", "de-AT, en;q=0.5")], "de", german),
        (&[("accept-language", "de"), ("cookie", "a=b; signet_lang=en")], "en", english),
        (&[("accept-language", "fr"), ("cookie", "signet_lang=de")], "de", german),
        (&[("accept-language", "\u{fffd}<svg>"), ("cookie", "signet_lang=<svg>")], "en", english),
    ] {
        let answer = ask(&server, "/no<svg>/such?x=<svg>", headers).await;
        answer.is(404);
        assert!(answer.text.contains(&format!("<html lang=\"{lang}\">")), "{}", answer.text);
        assert!(answer.text.contains(text) && !answer.text.contains("svg"), "{}", answer.text);
        assert!(answer.text.contains(answer.header("x-request-id")), "{}", answer.text);
    }
    let wrong = submit(&server, "/setup/x", &[("login", "ada")]).await;
    assert!(wrong.is(404).text.contains("Dieser Link ist abgelaufen"), "{}", wrong.text);
    let home = ask(&server, "/", &[("accept-language", "de")]).await;
    assert!(home.text.contains("hat aber noch keinen Administrator"), "{}", home.text);
}

/// The error is beside the field in the language of the page, and the login is kept.
#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_form_explains_in_german_too() {
    let server = Server::start(Backend::Sqlite).await;
    let app = server.app.clone();
    let now = server.now();
    let url = server
        .app
        .run_to_completion(async move { setup::make_link(&app, &RequestInfo::cli(now)).await })
        .await
        .unwrap();
    let path = url.expose().strip_prefix(&server.base).unwrap();
    for (login, password, text) in [
        ("a<b>", PASSWORD, "Der Benutzername enthält ein Zeichen, das hier nicht erlaubt ist."),
        ("ada", "short", "Verwenden Sie mindestens 8 Zeichen"),
        ("ada", "password1", "Dieses Passwort gehört zu denen"),
    ] {
        let answer = submit(&server, path, &[("login", login), ("password", password)]).await;
        assert!(answer.is(422).text.contains(text), "{}", answer.text);
        let kept = login.replace('<', "&#60;").replace('>', "&#62;");
        assert!(answer.text.contains(&format!("value=\"{kept}\"")), "{}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_brand_is_on_every_page() {
    let dir = tempfile::tempdir().unwrap();
    let svg = "<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>";
    let path = dir.path().join("logo");
    std::fs::write(&path, svg).unwrap();
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_BRAND_NAME", "Ours & <Theirs>")
        .with("SIGNET_BRAND_COLOR", "#7a0000")
        .with("SIGNET_BRAND_COLOR_DARK", "#ffaaaa")
        .with("SIGNET_BRAND_LOGO", path.to_str().unwrap())
        .start()
        .await;
    for path in ["/", "/nothing", "/setup/x"] {
        let answer = server.get(path).await;
        let alt = "<img class=\"logo\" src=\"/assets/logo\" alt=\"Ours &#38; &#60;Theirs&#62;\">";
        assert!(answer.text.contains(" – Ours &#38; &#60;Theirs&#62;</title>"), "{}", answer.text);
        assert!(answer.text.contains(alt), "{}", answer.text);
        let policy = answer.header("content-security-policy");
        assert!(policy.contains("form-action 'self'") && !policy.contains("script"), "{policy}");
    }
    let css = server.get("/assets/brand.css").await;
    assert_eq!(css.is(200).header("content-type"), "text/css; charset=utf-8");
    let (light, dark) = css.text.split_once("@media (prefers-color-scheme: dark)").unwrap();
    assert!(light.contains("--accent: #7a0000; --on-accent: #ffffff;"), "{light}");
    assert!(dark.contains("--accent: #ffaaaa; --on-accent: #000000;"), "{dark}");

    // An image that could run scripts if it were opened by itself.
    let logo = server.get("/assets/logo").await;
    assert_eq!(logo.is(200).text, svg);
    assert_eq!(logo.header("content-type"), "image/svg+xml");
    assert_eq!(logo.header("x-content-type-options"), "nosniff");
    assert_eq!(
        logo.header("content-security-policy"),
        "default-src 'none'; style-src 'unsafe-inline'; sandbox"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn assets_are_asked_for_again_and_sent_once() {
    let server = Server::start(Backend::Sqlite).await;
    for (name, kind) in [
        ("signet.css", "text/css; charset=utf-8"),
        ("brand.css", "text/css; charset=utf-8"),
        ("login.js", "text/javascript; charset=utf-8"),
        ("passkey.js", "text/javascript; charset=utf-8"),
        ("submit.js", "text/javascript; charset=utf-8"),
        ("inspect.css", "text/css; charset=utf-8"),
        ("inspect.js", "text/javascript; charset=utf-8"),
    ] {
        let path = format!("/assets/{name}");
        let first = server.get(&path).await;
        assert_eq!(first.is(200).header("content-type"), kind, "{name}");
        assert_eq!(first.header("cache-control"), "public, max-age=300", "{name}");
        let again = ask(&server, &path, &[("if-none-match", first.header("etag"))]).await;
        assert_eq!((&*again.is(304).text, again.header("etag")), ("", first.header("etag")));
        ask(&server, &path, &[("if-none-match", "\"other\"")]).await.is(200);
    }
    let none = server.get("/assets/logo").await;
    assert!(none.is(404).text.contains("This address does not exist."), "{}", none.text);
    let home = server.get("/").await.text;
    assert!(home.contains("<p class=\"brand\">Signet</p>") && !home.contains("<img"), "{home}");
}

/// The home page of a branded server is for its users: it names no software and no address of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_branded_home_page_says_nothing_of_signet() {
    let plain = Server::start(Backend::Sqlite).await;
    plain.administrator("root").await;
    let home = plain.get("/").await.text;
    assert!(
        home.contains("Signet token server") && home.contains("openid-configuration"),
        "{home}"
    );
    for language in ["en", "de"] {
        let server =
            Options::on(Backend::Sqlite).with("SIGNET_BRAND_NAME", "City Library").start().await;
        server.administrator("root").await;
        let home = ask(&server, "/", &[("accept-language", language)]).await;
        assert!(home.is(200).text.contains("<h1>City Library</h1>"), "{}", home.text);
        assert!(home.text.contains("href=\"/account\""), "{}", home.text);
        for word in ["Token", "token", &*server.base, "openid", "jwks", "openapi", "Issuer"] {
            assert!(!home.text.contains(word), "{word}: {}", home.text);
        }
        let text = home.text.replace("/assets/signet.css", "").to_lowercase();
        assert!(!text.contains("signet"), "{text}");
    }
}

/// The suggestion on the page of a used link works: a new link would be refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_used_set_up_link_does_not_recommend_another_one() {
    let server = Server::start(Backend::Sqlite).await;
    let app = server.app.clone();
    let now = server.now();
    let url = server
        .app
        .run_to_completion(async move { setup::make_link(&app, &RequestInfo::cli(now)).await })
        .await
        .unwrap();
    let path = url.expose().strip_prefix(&server.base).unwrap().to_owned();
    let fields = [("login", "ada"), ("password", PASSWORD)];
    submit(&server, &path, &fields).await.is(200);
    for path in [&*path, "/setup/x"] {
        let (english, german) = ("Set-up is complete", "Die Einrichtung ist abgeschlossen");
        let posted = submit(&server, path, &fields).await;
        for (answer, text) in [(server.get(path).await, english), (posted, german)] {
            assert!(answer.is(404).text.contains(text), "{}", answer.text);
            assert!(!answer.text.contains("setup-link"), "{}", answer.text);
            assert!(answer.text.contains("signet user set-password LOGIN"), "{}", answer.text);
        }
    }
}
