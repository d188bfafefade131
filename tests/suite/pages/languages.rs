//! Errors at the provider's pages are in the language of the user.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::json;

use crate::support::relying_party::{App, FORM, Person, field, form};
use crate::support::server::Answer;
use crate::support::{Backend, Server};

/// The texts of a language, by their English sentence.
fn texts(language: &str) -> BTreeMap<String, String> {
    let path = format!("{}/locales/{language}.json", env!("CARGO_MANIFEST_DIR"));
    let all: BTreeMap<String, String> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    all.into_iter().map(|(key, text)| (text, key)).collect()
}

fn alert(answer: &Answer) -> String {
    let (_, rest) = answer.text.split_once(r#"role="alert""#).unwrap_or_else(|| {
        panic!("{} {}", answer.status, answer.text);
    });
    let (_, rest) = rest.split_once('>').unwrap();
    rest.split_once('<').unwrap().0.to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_error_has_a_text_in_every_language() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    let request = |more: &[(&str, &str)]| app.url(more);
    let evil = "https://evil.example/";
    let pushed =
        form([("client_id", &*app.id), ("request_uri", "urn:ietf:params:oauth:request_uri:x")]);
    let addresses = [
        request(&[("client_id", "nobody")]),
        request(&[("redirect_uri", evil)]),
        request(&[("redirect_uri", "")]),
        format!("{}&client_id=x", request(&[])),
        format!("/oauth2/authorize?{pushed}"),
        format!("/oauth2/authorize?{}", "a=1&".repeat(101)),
        "/oauth2/authorize?flow=x".to_owned(),
        format!("/oauth2/authorize?x={}", "x".repeat(20_000)),
        "/device?flow=x".to_owned(),
    ];
    let forms =
        [("/login", "flow=x"), ("/consent", "flow=x&decision=allow"), ("/logout", "csrf=x")];
    let (english, german) = (texts("en"), texts("de"));
    let mut said = Vec::new();
    for (language, known) in [("en", &english), ("de", &german)] {
        let asked =
            |method, path: &str| server.request(method, path).header("accept-language", language);
        for address in &addresses {
            let answer = server.send(asked(Method::GET, address)).await;
            assert!(
                known.contains_key(&alert(&answer)),
                "{language} {address:.80}: {}",
                alert(&answer)
            );
            said.push(alert(&answer));
        }
        for (path, body) in forms {
            let request = asked(Method::POST, path).header("content-type", FORM).body(body);
            let answer = server.send(request).await;
            assert!(known.contains_key(&alert(&answer)), "{language} {path}: {}", alert(&answer));
        }
        // A code that no device shows.
        let page = server.send(asked(Method::GET, "/device")).await;
        let cookie = page.header("set-cookie").split(';').next().unwrap().to_owned();
        let flow = field(&page.text, "flow");
        let request = asked(Method::POST, "/device").header("content-type", FORM);
        let body = form([("flow", &*flow), ("user_code", "BCDF-GHJK")]);
        let answer = server.send(request.header("cookie", cookie).body(body)).await;
        assert!(known.contains_key(&alert(&answer)), "{language}: {}", alert(&answer));
    }
    let (first, second) = said.split_at(addresses.len());
    for (one, other) in first.iter().zip(second) {
        assert_eq!(english[one], german[other], "the same text");
    }
}

/// The user's choice has precedence over the application and the browser, and the return address is a page of
/// this server.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_chooses_the_language_of_the_pages() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let asked = ada.get(&app.url(&[("ui_locales", "de")])).await;
    assert!(asked.text.contains("<html lang=\"de\">"), "{}", asked.text);
    let back = field(&asked.text, "back").replace("&amp;", "&");
    let chosen = ada.post("/language", &[("lang", "en"), ("back", &back)]).await;
    assert_eq!((chosen.status, chosen.header("location")), (303, &*back));
    let cookie = chosen.header("set-cookie");
    assert!(cookie.starts_with("signet_lang=en; Path=/; Max-Age=31536000; HttpOnly; SameSite=Lax"));
    let again = ada.get(&back).await;
    assert!(again.text.contains("<html lang=\"en\">"), "{}", again.text);
    // A refused form names its request, and the page can be loaded again.
    let flow = field(&again.text, "flow");
    let typed = [("flow", &*flow), ("login", "ada"), ("password", "not the password")];
    let refused = ada.post(&format!("/login?flow={flow}"), &typed).await;
    let back = field(&refused.text, "back").replace("&amp;", "&");
    assert!(ada.get(&back).await.is(200).text.contains("name=\"password\""), "{back}");
    for elsewhere in ["//evil.example", "https://evil.example/", "/\\evil.example", ""] {
        let chosen = ada.post("/language", &[("lang", "de"), ("back", elsewhere)]).await;
        assert_eq!(chosen.header("location"), "/", "{elsewhere}");
    }
    ada.post("/language", &[("lang", "tlh"), ("back", "/")]).await.is(422);
}

/// The page of a refused form has an address that can be loaded, without entered values.
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_form_keeps_the_choice_of_the_language() {
    let server = Server::start(Backend::Sqlite).await;
    server.register("ada").await;
    let ada = Person::new(&server, "ada");
    let login = ada.get("/login").await;
    ada.log_in(&login, crate::support::server::PASSWORD).await.is(303);
    let csrf = field(&ada.get("/account").await.text, "csrf");
    let begun = ada.post("/account/security/totp", &[("csrf", &csrf)]).await;
    let setup_page = ada.below_base(begun.is(303).header("location"));
    let setup = field(&ada.get(&setup_page).await.text, "setup");
    let password = [("csrf", &*csrf), ("current_password", "wrong"), ("new_password", "x")];
    let name = [("csrf", &*csrf), ("name", "\u{7f}")];
    let code = [("csrf", &*csrf), ("setup", &*setup), ("code", "1"), ("name", "Phone")];
    for (path, fields, back) in [
        ("/account/password", &password[..], "/account"),
        ("/account/profile", &name[..], "/account"),
        ("/account/security/totp/confirm", &code[..], &*setup_page),
    ] {
        let refused = ada.post(path, fields).await;
        assert!([401, 422].contains(&refused.status), "{path}: {}", refused.text);
        let named = field(&refused.text, "back").replace("&amp;", "&");
        assert_eq!(named, back, "{path}");
        let chosen = ada.post("/language", &[("lang", "de"), ("back", &named)]).await;
        assert_eq!(chosen.is(303).header("location"), back);
        assert!(ada.get(back).await.is(200).text.contains("<html lang=\"de\">"), "{path}");
    }
    let device = field(&ada.get("/device").await.text, "flow");
    let unknown = ada.post("/device", &[("flow", &device), ("user_code", "BCDF-GHJK")]).await;
    assert_eq!(field(&unknown.text, "back"), "/device", "{}", unknown.text);
    // An invalid form has no address.
    let foreign = ada.post("/account/password", &[("csrf", "x")]).await;
    assert!(!foreign.is(403).text.contains(r#"name="back""#), "{}", foreign.text);
}
