//! The consent page for a client that is not registered, and when users are asked again.

use serde_json::json;
use signet::base::TimeSpan;
use signet::domain::refusal_reason::Reason;

use super::{ID, MCP, PATH, Place, REDIRECT, app, document, stays, with};
use crate::support::document_host::Reply;
use crate::support::relying_party::{Landing, Person};
use crate::support::server::{Answer, PASSWORD};
use crate::support::{Backend, on_both};

/// The consent page, for a user who has just signed in.
async fn asked(person: &Person<'_>, more: &[(&str, &str)]) -> Answer {
    let more = [&[("resource", MCP), ("scope", "tools")], more].concat();
    let mut page = person.get(&app(ID).url(&more)).await;
    if page.text.contains(r#"action="/login""#) {
        let answer = person.log_in(&page, PASSWORD).await;
        page = person.get(&person.below_base(answer.is(303).header("location"))).await;
    }
    page
}

#[track_caller]
fn is_question(page: &Answer) {
    assert!(page.is(200).text.contains(r#"action="/consent""#), "{}", page.text);
}

/// Whether the next authorization shows the consent page; otherwise it returns a code.
async fn is_asked(person: &Person<'_>) -> bool {
    let page = asked(person, &[]).await;
    if page.status == 303 {
        assert!(page.header("location").contains("code="), "{}", page.header("location"));
        return false;
    }
    is_question(&page);
    true
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_names_the_hosts_and_loads_nothing_of_the_client() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    let mut document = with("client_name", json!("Signet <b>Support</b>"));
    for (name, value) in [
        ("logo_uri", "https://client.example/logo.png"),
        ("client_uri", "https://client.example/home"),
        ("policy_uri", "https://client.example/policy"),
        ("tos_uri", "https://client.example/terms"),
    ] {
        document[name] = json!(value);
    }
    place.publish(&document);
    let ada = Person::new(&place.server, "ada");
    let signing_in = ada.get(&app(ID).url(&[("resource", MCP)])).await;
    assert!(signing_in.text.contains("client.example (Signet"), "{}", signing_in.text);
    let page = asked(&ada, &[]).await;
    is_question(&page);
    let text = &page.text;
    let heading = text.split("<h1").nth(1).unwrap().split("</h1>").next().unwrap();
    assert!(heading.contains("<strong>client.example</strong>"), "{heading}");
    assert!(!heading.contains("Support"), "{heading}");
    assert!(text.contains("Signet &#60;b&#62;Support"), "{text}");
    assert!(text.contains("This description comes from the application itself"), "{text}");
    assert!(text.contains("You will be sent to <strong>client.example</strong>"), "{text}");
    assert!(!text.contains("any program can receive it"), "{text}");
    for foreign in
        ["logo.png", "client.example/home", "client.example/policy", "client.example/terms", "<img"]
    {
        assert!(!text.contains(foreign), "{foreign} in {text}");
    }
    let policy = page.header("content-security-policy");
    assert!(policy.contains("default-src 'none'"), "{policy}");
    assert!(!policy.contains("client.example") && !policy.contains("https:"), "{policy}");
    assert_eq!(place.hosts.connections(), 1, "nothing but the document is asked for");

    let local = asked(&ada, &[("redirect_uri", "http://127.0.0.1:50123/cb")]).await;
    assert!(
        local.text.contains("You will be sent to <strong>127.0.0.1:50123</strong>"),
        "{}",
        local.text
    );
    assert!(local.text.contains("any program can receive it"), "{}", local.text);
    // In German as well.
    let german = asked(&ada, &[("ui_locales", "de")]).await;
    assert!(
        german.text.contains("Diese Beschreibung stammt von der Anwendung selbst"),
        "{}",
        german.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_changes_is_asked_about_again() {
    on_both("documents: changed", async |backend| {
        let Some(place) = Place::on(backend).await else { return };
        place.publish(&document());
        let ada = Person::new(&place.server, "ada");
        let later = || place.server.advance(TimeSpan::from_mins(6));
        let allow = async |person: &Person<'_>| {
            let page = asked(person, &[]).await;
            let answer = person.decide(&page, "allow").await;
            assert!(answer.is(303).header("location").contains("code="));
        };
        allow(&ada).await;
        assert!(!is_asked(&ada).await, "it was allowed");
        // Members that do not describe the client are no change.
        place.publish(&with("logo_uri", json!("https://client.example/new.png")));
        later();
        assert!(!is_asked(&ada).await);
        for changed in [
            with("redirect_uris", json!([REDIRECT, "https://client.example/other"])),
            with("client_name", json!("Another app")),
        ] {
            place.publish(&changed);
            later();
            assert!(is_asked(&ada).await, "{changed}");
            allow(&ada).await;
            assert!(!is_asked(&ada).await, "{changed}");
        }
        // The first content again: its consent was replaced.
        place.publish(&document());
        later();
        assert!(is_asked(&ada).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_changes_under_an_open_page_gives_no_code() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    place.publish(&document());
    let (ada, bob) = (Person::new(&place.server, "ada"), Person::new(&place.server, "ada"));
    let later = async |changed: &serde_json::Value| {
        place.publish(changed);
        place.server.advance(TimeSpan::from_mins(6));
        // Another browser causes the new copy to be fetched.
        bob.get(&app(ID).url(&[("resource", MCP), ("redirect_uri", "http://127.0.0.1/cb")]))
            .await
            .is(200);
    };
    let page = asked(&ada, &[]).await;
    is_question(&page);
    later(&with("client_name", json!("Another app"))).await;
    let again = ada.decide(&page, "allow").await;
    is_question(&again);
    assert!(again.text.contains("Another app"), "{}", again.text);
    // The redirect URI was removed: nothing is sent there.
    later(&with("redirect_uris", json!(["http://127.0.0.1/cb"]))).await;
    let gone = ada.decide(&again, "allow").await;
    stays(&gone, 400, Reason::ClientGone);
}

/// The server cannot tell which program of the user's machine answers.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_on_the_machine_of_the_user_is_asked_about_every_time() {
    let Some(place) = Place::on(Backend::Sqlite).await else { return };
    place.hosts.answer(PATH, Reply::json(&document()));
    let ada = Person::new(&place.server, "ada");
    for port in [50_001, 50_002] {
        let redirect = format!("http://127.0.0.1:{port}/cb");
        let page = asked(&ada, &[("redirect_uri", &redirect)]).await;
        is_question(&page);
        let answer = ada.decide(&page, "allow").await;
        match ada.go_on(answer).await {
            Landing::Callback(url) => assert!(url.as_str().starts_with(&redirect), "{url}"),
            Landing::Page(page) => panic!("{}", page.text),
        }
    }
    let silent = [("redirect_uri", "http://127.0.0.1:50003/cb"), ("prompt", "none")];
    let more = [&[("resource", MCP), ("scope", "tools")], &silent[..]].concat();
    assert_eq!(ada.visit(&app(ID).url(&more)).await.said("error"), "consent_required");
}
