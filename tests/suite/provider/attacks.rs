//! What somebody with an account, a client or an API of their own could try to get more than theirs.

use reqwest::Method;
use serde_json::json;

use crate::support::relying_party::{App, FORM, Person, form};
use crate::support::server::Tokens;
use crate::support::{Backend, Server};

const API: &str = "https://api.example.com";
const STOCK: &str = "https://stock.example.com";

async fn set() -> (Server, Tokens) {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    server.register("mallory").await;
    for (api, scopes) in [(API, json!(["read", "write"])), (STOCK, json!(["read", "count"]))] {
        let api = json!({"identifier": api, "scopes": scopes});
        server.call_as(Method::POST, "/v1/admin/apis", &root.access, api).await.is(201);
    }
    (server, root)
}

/// Any page can send a browser to the place where one logs out; none logs anybody out by it.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_logged_out_by_somebody_elses_page() {
    let (server, root) = set().await;
    let bye = "https://app.example.com/bye";
    let app = json!({"type": "spa", "post_logout_redirect_uris": [bye]});
    let app = App::register(&server, &root, app).await;
    let mallory = Person::new(&server, "mallory");
    let tokens = app.tokens(&server, &mallory).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let ada = Person::new(&server, "ada");
    app.code(&ada, &[]).await;
    let silent = app.url(&[("prompt", "none")]);

    // With an ID token of one's own: it is not of whoever is logged in here, so that one is asked.
    let pairs = [("id_token_hint", hint), ("post_logout_redirect_uri", bye)];
    let page = ada.get(&format!("/oauth2/logout?{}", form(pairs))).await;
    assert!(page.is(200).text.contains(r#"value="allow""#), "{}", page.text);
    assert_eq!((page.header("set-cookie"), page.header("location")), ("", ""));
    ada.visit(&silent).await.said("code");
    mallory.visit(&silent).await.said("code");

    // A form from another site comes without cookies: what it did not show is not taken away.
    let post = |pairs: &[(&str, &str)]| {
        let request = server.request(Method::POST, "/oauth2/logout").header("content-type", FORM);
        request.header("sec-fetch-site", "cross-site").body(form(pairs.iter().copied()))
    };
    let answer = server.send(post(&[("state", "x")])).await;
    assert_eq!(answer.is(303).header("location"), "/oauth2/logout?state=x");
    for answer in [answer, server.send(post(&pairs)).await, server.get("/oauth2/logout").await] {
        assert!(!answer.header("set-cookie").contains("signet_session"), "{}", answer.text);
    }
    ada.visit(&silent).await.said("code");
    // A client that sends its hint in a form has logged its own person out, cookie or not.
    assert_eq!(mallory.visit(&silent).await.said("error"), "login_required");
}
