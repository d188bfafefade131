//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0).

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::on_both;
use crate::support::relying_party::{App, Landing, Person, error_of, field, form};
use crate::support::server::Answer;

use super::oidc::{set, set_on};

const BYE: &str = "https://app.example.com/bye";

fn out(pairs: &[(&str, &str)]) -> String {
    format!("/oauth2/logout?{}", form(pairs.iter().copied()))
}

/// The user confirms on the page.
async fn confirm(person: &Person<'_>, page: &Answer) -> Landing {
    let flow = field(&page.is(200).text, "flow");
    let answer = person.post("/oauth2/logout", &[("flow", &flow), ("decision", "allow")]).await;
    person.go_on(answer).await
}

/// The profile RP-Initiated Logout: normal, without state, bad addresses, bad hints, no hint.
#[tokio::test(flavor = "multi_thread")]
async fn rp_initiated_logout() {
    let (server, _, app) = set().await;
    let bye = BYE;
    let silent = app.url(&[("prompt", "none")]);

    let state = "s".repeat(128);
    for with_state in [true, false] {
        let person = Person::new(&server, "ada");
        let tokens = app.tokens(&server, &person).await;
        let hint = tokens["id_token"].as_str().unwrap();
        let old = person.cookie("signet_session").unwrap();
        let mut pairs = vec![("id_token_hint", hint), ("post_logout_redirect_uri", bye)];
        if with_state {
            pairs.push(("state", &state));
        }
        let landed = person.visit(&out(&pairs)).await.callback();
        let wanted = if with_state { format!("{bye}?state={state}") } else { bye.to_owned() };
        assert_eq!(landed.as_str(), wanted);
        assert_eq!(person.visit(&silent).await.said("error"), "login_required");
        // The old cookie is invalid on the server too, and so are the tokens of the client.
        person.set_cookie("signet_session", &old);
        assert_eq!(person.visit(&silent).await.said("error"), "login_required");
        let dead = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
        assert_eq!(error_of(&dead, 400), "invalid_grant");
        server.get_as("/oauth2/userinfo", tokens["access_token"].as_str().unwrap()).await.is(401);
    }

    let person = Person::new(&server, "ada");
    let tokens = app.tokens(&server, &person).await;
    let hint = tokens["id_token"].as_str().unwrap();
    let parts: Vec<&str> = hint.split('.').collect();
    let unsigned = format!("eyJhbGciOiJub25lIn0.{}.", parts[1]);
    let altered = format!("{}.{}.{}", parts[0], parts[1], "A".repeat(342));
    let access = tokens["access_token"].as_str().unwrap();
    // Without proof the user has to confirm, and is not redirected.
    for pairs in [
        &[("id_token_hint", &*unsigned), ("post_logout_redirect_uri", bye)][..],
        &[("id_token_hint", &altered), ("post_logout_redirect_uri", bye)],
        &[("id_token_hint", access), ("post_logout_redirect_uri", bye)],
        &[("post_logout_redirect_uri", bye)],
        &[("id_token_hint", hint), ("client_id", "another"), ("post_logout_redirect_uri", bye)],
        &[("id_token_hint", hint), ("state", "1"), ("state", "2"), ("client_id", &app.id)],
    ] {
        let page = person.get(&out(pairs)).await;
        let flow = field(&page.is(200).text, "flow");
        person.visit(&silent).await.said("code");
        let leave = [("flow", &*flow), ("decision", "allow")];
        assert_eq!(person.post("/oauth2/logout", &leave).await.is(200).header("location"), "");
        assert_eq!(person.visit(&silent).await.said("error"), "login_required");
        app.code(&person, &[]).await;
    }
    // Without a hint the user has to confirm, because any page can send a browser here.
    for pairs in [&[][..], &[("state", "x")], &[("client_id", &*app.id)]] {
        let page = person.get(&out(pairs)).await;
        assert!(page.is(200).text.contains(r#"value="allow""#), "{}", page.text);
        person.visit(&silent).await.said("code");
        let flow = field(&page.text, "flow");
        let stay = [("flow", &*flow), ("decision", "deny")];
        person.post("/oauth2/logout", &stay).await.is(303);
        person.visit(&silent).await.said("code");
        // Another browser cannot confirm for this one.
        let stranger = Person::new(&server, "ada");
        let leave = [("flow", &*flow), ("decision", "allow")];
        stranger.post("/oauth2/logout", &leave).await.is(403);
        person.visit(&silent).await.said("code");
    }
    let page = person.get("/oauth2/logout").await;
    let flow = field(&page.text, "flow");
    person.post("/oauth2/logout", &[("flow", &flow), ("decision", "allow")]).await.is(200);
    assert_eq!(person.visit(&silent).await.said("error"), "login_required");
    // An expired hint still names the user.
    let tokens = app.tokens(&server, &person).await;
    server.advance(TimeSpan::from_mins(60));
    let late = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
    person.get(&out(&late)).await.is(200);
    assert_eq!(person.visit(&silent).await.said("error"), "login_required");
}

/// An unregistered return address is a mistake of the application, or an attack: the user is not redirected,
/// and does not stay signed in.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_out_with_an_unregistered_return_address_logs_the_user_out_on_both_databases() {
    on_both("log-out: return address", async |backend| {
        let server = crate::support::Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let client = json!({"type": "web", "post_logout_redirect_uris": [BYE]});
        let app = App::register(&server, &root, client).await;
        let silent = app.url(&[("prompt", "none")]);
        let strange = ["https://evil.example/", "javascript:alert(1)", "rubbish", ""];
        for uri in strange.into_iter().chain([&*format!("{BYE}?foo=bar")]) {
            let person = Person::new(&server, "ada");
            let tokens = app.tokens(&server, &person).await;
            let hint = tokens["id_token"].as_str().unwrap();
            let pairs =
                [("id_token_hint", hint), ("post_logout_redirect_uri", uri), ("state", "x")];
            let done = person.get(&out(&pairs)).await;
            assert_eq!(
                (done.is(200).header("location"), done.header("refresh")),
                ("", ""),
                "{uri}"
            );
            assert!(!done.text.contains(r#"class="button""#), "{uri}: {}", done.text);
            assert_eq!(person.visit(&silent).await.said("error"), "login_required", "{uri}");
            let dead = app.refresh(&server, tokens["refresh_token"].as_str().unwrap()).await;
            assert_eq!(error_of(&dead, 400), "invalid_grant", "{uri}");
        }
    })
    .await;
}

/// RP-Initiated Logout §2: `client_id` names the client with the registered address; the user confirms.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_is_only_named_gets_its_user_back_after_a_confirmation() {
    on_both("log-out: client_id", async |backend| {
        let (server, root, app) = set_on(backend).await;
        let other = App::register(&server, &root, json!({"type": "web"})).await;
        let bob = server.register("bob").await;
        assert!(!bob.is_empty());
        let of_bob = app.tokens(&server, &Person::new(&server, "bob")).await;
        let of_bob = of_bob["id_token"].as_str().unwrap();
        let silent = app.url(&[("prompt", "none")]);
        let id = &*app.id;
        let named = [("client_id", id), ("post_logout_redirect_uri", BYE), ("state", "a&b")];
        for more in [
            &[][..],
            &[("id_token_hint", "rubbish")],
            // The ID token of another user, which any user could have obtained.
            &[("id_token_hint", of_bob)],
        ] {
            let person = Person::new(&server, "ada");
            app.code(&person, &[]).await;
            let page = person.get(&out(&[&named[..], more].concat())).await;
            assert!(page.is(200).text.contains("App asks"), "{}", page.text);
            person.visit(&silent).await.said("code");
            let landed = confirm(&person, &page).await.callback();
            assert_eq!(landed.as_str(), format!("{BYE}?state=a%26b"), "{more:?}");
            assert_eq!(person.visit(&silent).await.said("error"), "login_required");
            // A second confirmation in another tab: no user is signed in, and the user has confirmed.
            assert_eq!(confirm(&person, &page).await.callback().path(), "/bye");
        }
        for (pairs, what) in [
            (vec![("client_id", id), ("post_logout_redirect_uri", "https://evil.example/")], "no"),
            (
                vec![("client_id", id), ("post_logout_redirect_uri", "https://app.example.com/by")],
                "by",
            ),
            (vec![("client_id", id), ("post_logout_redirect_uri", &*format!("{BYE}?x=1"))], "x"),
            (vec![("client_id", &*other.id), ("post_logout_redirect_uri", BYE)], "another's"),
            (vec![("client_id", "nobody"), ("post_logout_redirect_uri", BYE)], "unknown"),
            (vec![("post_logout_redirect_uri", BYE), ("state", "x")], "no client"),
            (vec![("client_id", id)], "no address"),
        ] {
            // Signed in: log-out after a confirmation, without a redirect.
            let person = Person::new(&server, "ada");
            app.code(&person, &[]).await;
            let page = person.get(&out(&pairs)).await;
            let Landing::Page(done) = confirm(&person, &page).await else { panic!("{what}") };
            assert!(!done.is(200).text.contains(r#"class="button""#), "{what}: {}", done.text);
            assert_eq!(person.visit(&silent).await.said("error"), "login_required", "{what}");
            // No user is signed in: no link.
            let done = person.get(&out(&pairs)).await;
            assert!(!done.is(200).text.contains(r#"class="button""#), "{what}: {}", done.text);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn log_out_without_a_sign_in_shows_a_link_and_does_not_redirect() {
    let (server, root, app) = set().await;
    let path = format!("/v1/admin/clients/{}", app.id);
    let change = async |body| {
        server.call_as(Method::PATCH, &path, &root.access, body).await.is(200);
    };
    change(json!({"name": "Caf\u{e9} <b>"})).await;
    let named = [("client_id", &*app.id), ("post_logout_redirect_uri", BYE), ("state", "\"><svg>")];
    let page = Person::new(&server, "ada").get(&out(&named)).await;
    assert_eq!((page.is(200).header("location"), page.header("refresh")), ("", ""));
    let link = format!(r#"href="{BYE}?state=%22%3E%3Csvg%3E""#);
    assert!(page.text.contains(&link), "{}", page.text);
    assert!(page.text.contains("Back to Caf\u{e9} &#60;b&#62;"), "{}", page.text);
    assert!(!page.text.contains("http-equiv") && !page.text.contains("<svg"));
    // Nor if the client is disabled.
    let disable = format!("{path}/disable");
    server.call_as(Method::POST, &disable, &root.access, json!(null)).await.is(200);
    let page = Person::new(&server, "ada").get(&out(&named)).await;
    assert!(!page.is(200).text.contains(BYE), "{}", page.text);
}

/// An address that is removed between page and confirmation is not used.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_taken_from_the_client_meanwhile_is_not_gone_to() {
    let (server, root, app) = set().await;
    let person = Person::new(&server, "ada");
    app.code(&person, &[]).await;
    let named = [("client_id", &*app.id), ("post_logout_redirect_uri", BYE)];
    let page = person.get(&out(&named)).await;
    let path = format!("/v1/admin/clients/{}", app.id);
    let none = json!({"post_logout_redirect_uris": []});
    server.call_as(Method::PATCH, &path, &root.access, none).await.is(200);
    let Landing::Page(done) = confirm(&person, &page).await else { panic!("sent on") };
    assert!(!done.is(200).text.contains(BYE), "{}", done.text);
    let silent = app.url(&[("prompt", "none")]);
    assert_eq!(person.visit(&silent).await.said("error"), "login_required");
}

/// A redirect to a private-use scheme needs a page, as after a sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn an_app_with_a_scheme_of_its_own_gets_its_user_back_by_a_link() {
    let (server, root, _) = set().await;
    let uri = "com.example.desk:/out";
    let native = json!({"type": "native", "redirect_uris": ["com.example.desk:/cb"],
        "post_logout_redirect_uris": [uri]});
    let native = App::register(&server, &root, native).await;
    let person = Person::new(&server, "ada");
    let Landing::Page(_) = person.visit(&native.url(&[])).await else { panic!("redirected") };
    let named = [("client_id", &*native.id), ("post_logout_redirect_uri", uri)];
    let page = person.get(&out(&named)).await;
    let Landing::Page(done) = confirm(&person, &page).await else { panic!("redirected") };
    assert!(done.is(200).text.contains(&format!(r#"href="{uri}""#)), "{}", done.text);
}

/// A form without one of the two decisions is refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_out_without_a_decision_is_confirmed_again() {
    let (server, _, app) = set().await;
    let person = Person::new(&server, "ada");
    app.code(&person, &[]).await;
    let page =
        person.get(&out(&[("client_id", &*app.id), ("post_logout_redirect_uri", BYE)])).await;
    let flow = field(&page.is(200).text, "flow");
    for decision in [&[][..], &[("decision", "")], &[("decision", "yes")]] {
        let again = person.post("/oauth2/logout", &[&[("flow", &*flow)], decision].concat()).await;
        assert!(again.is(422).text.contains("Choose one of the two buttons."), "{}", again.text);
        assert!(again.text.contains("App asks"), "{}", again.text);
        person.visit(&app.url(&[("prompt", "none")])).await.said("code");
        assert_eq!(field(&again.text, "flow"), flow);
    }
    assert_eq!(confirm(&person, &page).await.callback().path(), "/bye");
    let signed_out = person.post("/oauth2/logout", &[("flow", &flow)]).await;
    assert!(signed_out.is(200).text.contains("signed out"), "{}", signed_out.text);
}
