//! RP-initiated logout (OpenID Connect RP-Initiated Logout 1.0).

use signet::base::TimeSpan;

use crate::support::relying_party::{Person, error_of, field};

use super::oidc::set;

/// The profile RP-Initiated Logout: normal, without state, bad addresses, bad hints, no hint.
#[tokio::test(flavor = "multi_thread")]
async fn logging_out_where_one_logged_in() {
    let (server, _, app) = set().await;
    let bye = "https://app.example.com/bye";
    let out = |pairs: &[(&str, &str)]| {
        format!("/oauth2/logout?{}", crate::support::relying_party::form(pairs.iter().copied()))
    };
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
        // The old cookie is dead on the server too, and so is what the client had.
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
    for pairs in [
        &[("id_token_hint", hint), ("post_logout_redirect_uri", "https://evil.example/")][..],
        &[("id_token_hint", hint), ("post_logout_redirect_uri", &format!("{bye}?foo=bar"))],
        &[("id_token_hint", hint), ("client_id", "another")],
    ] {
        let answer = person.get(&out(pairs)).await;
        assert_eq!(answer.is(400).header("location"), "", "{pairs:?}");
        person.visit(&silent).await.said("code");
    }
    // What is no proof is none: the person is asked, and sent nowhere afterwards.
    for pairs in [
        &[("id_token_hint", &*unsigned), ("post_logout_redirect_uri", bye)][..],
        &[("id_token_hint", &altered), ("post_logout_redirect_uri", bye)],
        &[("id_token_hint", access), ("post_logout_redirect_uri", bye)],
        &[("post_logout_redirect_uri", bye)],
    ] {
        let page = person.get(&out(pairs)).await;
        let flow = field(&page.is(200).text, "flow");
        person.visit(&silent).await.said("code");
        let leave = [("flow", &*flow), ("decision", "allow")];
        assert_eq!(person.post("/oauth2/logout", &leave).await.is(200).header("location"), "");
        assert_eq!(person.visit(&silent).await.said("error"), "login_required");
        app.code(&person, &[]).await;
    }
    // Without a hint the person is asked; any page can send a browser here.
    for pairs in [&[][..], &[("state", "x")], &[("client_id", &*app.id)]] {
        let page = person.get(&out(pairs)).await;
        assert!(page.is(200).text.contains(r#"value="allow""#), "{}", page.text);
        person.visit(&silent).await.said("code");
        let flow = field(&page.text, "flow");
        let stay = [("flow", &*flow), ("decision", "deny")];
        person.post("/oauth2/logout", &stay).await.is(303);
        person.visit(&silent).await.said("code");
        // Another browser cannot answer for this one.
        let stranger = Person::new(&server, "ada");
        let leave = [("flow", &*flow), ("decision", "allow")];
        stranger.post("/oauth2/logout", &leave).await.is(403);
        person.visit(&silent).await.said("code");
    }
    let page = person.get("/oauth2/logout").await;
    let flow = field(&page.text, "flow");
    person.post("/oauth2/logout", &[("flow", &flow), ("decision", "allow")]).await.is(200);
    assert_eq!(person.visit(&silent).await.said("error"), "login_required");
    // A hint whose time is over still says who it is.
    let tokens = app.tokens(&server, &person).await;
    server.advance(TimeSpan::from_mins(60));
    let late = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
    person.get(&out(&late)).await.is(200);
    assert_eq!(person.visit(&silent).await.said("error"), "login_required");
}
