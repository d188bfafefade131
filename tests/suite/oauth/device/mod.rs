//! Device authorization (RFC 8628), from the first request to the tokens.

mod attacks;

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::relying_party::{App, FORM, Person, error_of, field, form};
use crate::support::server::{Answer, PASSWORD};
use crate::support::{Backend, Server};

use super::{DEVICE, set};

#[tokio::test(flavor = "multi_thread")]
async fn a_device_waits_until_the_user_decides() {
    let (server, root, _) = set().await;
    let device = json!({"type": "native", "grant_types": [DEVICE, "refresh_token"]});
    let device = App::register(&server, &root, device).await;
    let other = json!({"type": "native", "grant_types": [DEVICE]});
    let other = App::register(&server, &root, other).await;
    let begin = async || {
        let fields = [("scope", "openid profile")];
        let answer = device.call(&server, "/oauth2/device_authorization", &fields).await;
        assert_eq!(answer.is(200).json()["verification_uri"], server.url("/device"));
        (answer.string("device_code"), answer.string("user_code"))
    };
    let poll = async |app: &App, code: &str| {
        app.call(&server, "/oauth2/token", &[("grant_type", DEVICE), ("device_code", code)]).await
    };
    let ada = Person::new(&server, "ada");
    let kind = |person: &Person<'_>, typed: String| {
        let cookie = person.cookie("signet_browser");
        (typed, cookie)
    };
    for decision in ["allow", "deny"] {
        let (code, user_code) = begin().await;
        assert_eq!(error_of(&poll(&device, &code).await, 400), "authorization_pending");
        assert_eq!(error_of(&poll(&device, &code).await, 400), "slow_down");
        assert_eq!(error_of(&poll(&other, &code).await, 400), "invalid_grant");
        // The address with the code in it decides nothing by itself.
        let page = ada.get(&format!("/device?user_code={user_code}")).await;
        assert_eq!(field(&page.is(200).text, "user_code"), user_code);
        let (typed, _) = kind(&ada, user_code.to_lowercase().replace('-', " "));
        let flow = field(&page.text, "flow");
        let mut page = ada.post("/device", &[("flow", &flow), ("user_code", &typed)]).await;
        if page.text.contains(r#"action="/login""#) {
            let answer = ada.log_in(&page, crate::support::server::PASSWORD).await;
            page = ada.get(answer.is(303).header("location")).await;
        }
        assert!(page.is(200).text.contains(&user_code), "{}", page.text);
        // Another browser cannot decide it.
        let sealed = field(&page.text, "flow");
        let stranger = Person::new(&server, "ada");
        stranger.get("/device").await;
        stranger.post("/consent", &[("flow", &sealed), ("decision", decision)]).await.is(403);
        ada.decide(&page, decision).await.is(200);
        ada.decide(&page, "allow").await;
        server.advance(TimeSpan::from_secs(30));
        if decision == "deny" {
            assert_eq!(error_of(&poll(&device, &code).await, 400), "access_denied");
            continue;
        }
        let tries = (0..20).map(|_| poll(&device, &code));
        let answers = futures_util::future::join_all(tries).await;
        let good: Vec<&Answer> = answers.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(good.len(), 1);
        let tokens = good[0].json();
        assert_eq!(tokens["scope"], "openid profile");
        device.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await.is(200);
        assert_eq!(error_of(&poll(&device, &code).await, 400), "invalid_grant");
    }
    let (code, user_code) = begin().await;
    server.advance(TimeSpan::from_mins(10));
    assert_eq!(error_of(&poll(&device, &code).await, 400), "expired_token");
    let page = ada.get("/device").await;
    for typed in [&*user_code, "XXXX-XXXX", "<svg/onload=x>", ""] {
        let flow = field(&page.text, "flow");
        let answer = ada.post("/device", &[("flow", &flow), ("user_code", typed)]).await;
        assert!(answer.is(422).text.contains("role=\"alert\"") && !answer.text.contains("<svg"));
    }
    assert_eq!(error_of(&poll(&device, "sdc_x").await, 400), "invalid_grant");
}

/// The page after the code has its own address: reloading it does not lose the code.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_after_the_code_can_be_loaded_again() {
    let server = Server::start(Backend::Sqlite).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let tv = json!({"type": "native", "name": "TV", "grant_types": [DEVICE]});
    let device = App::register(&server, &root, tv).await;
    let asked = device.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let typed = asked.is(200).string("user_code");
    let ada = Person::new(&server, "ada");
    let flow = field(&ada.get("/device").await.text, "flow");
    let post = server.request(Method::POST, "/device");
    let post = post.header("content-type", FORM).header("cookie", {
        let cookies = ada.cookies().into_iter().map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    });
    let answer = server.send(post.body(form([("flow", &*flow), ("user_code", &typed)]))).await;
    let address = ada.below_base(answer.is(303).header("location"));
    assert!(address.starts_with("/device?flow="), "{address}");
    for _ in 0..2 {
        let login = ada.get(&address).await;
        assert!(login.is(200).text.contains("name=\"password\""), "{}", login.text);
    }
    let consent = ada.log_in(&ada.get(&address).await, PASSWORD).await;
    let address = ada.below_base(consent.is(303).header("location"));
    for _ in 0..2 {
        let consent = ada.get(&address).await;
        assert!(
            consent.is(200).text.contains(&format!("<code>{typed}</code>")),
            "{}",
            consent.text
        );
    }
    let done = ada.decide(&ada.get(&address).await, "allow").await;
    assert!(done.is(200).text.contains("TV"), "{}", done.text);
}
