//! Requests that another site causes in a browser: forged log-outs, secrets in addresses, headers.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use signet::http::routes::TABLE;

use crate::support::relying_party::{App, FORM, Person, error_of, field, form};

use super::{API, set};

/// Any page can send a browser to the log-out page; that alone logs no user out.
#[tokio::test(flavor = "multi_thread")]
async fn a_foreign_page_cannot_log_a_user_out() {
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

    // With an ID token of another user: the user who is signed in has to confirm.
    let pairs = [("id_token_hint", hint), ("post_logout_redirect_uri", bye)];
    let page = ada.get(&format!("/oauth2/logout?{}", form(pairs))).await;
    assert!(page.is(200).text.contains(r#"value="allow""#), "{}", page.text);
    assert_eq!((page.header("set-cookie"), page.header("location")), ("", ""));
    ada.visit(&silent).await.said("code");
    mallory.visit(&silent).await.said("code");

    // A form from another site is sent without cookies: the session of the browser stays.
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
    // A client that posts its hint has logged out its own user, with or without a cookie.
    assert_eq!(mallory.visit(&silent).await.said("error"), "login_required");
}

/// Secrets in addresses end up in logs; they are not read from there.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_secret_is_taken_from_an_address() {
    let (server, root) = set().await;
    let post = json!({"type": "web", "token_endpoint_auth_method": "client_secret_post",
        "grant_types": ["authorization_code", "client_credentials"], "audiences": [API]});
    let post = App::register(&server, &root, post).await;
    let secret = post.secret.as_deref().unwrap();
    let proof = [("client_id", &*post.id), ("client_secret", secret)];
    let asked = [("grant_type", "client_credentials"), ("scope", "read")];
    let send = async |path: String, body: String| {
        let request = server.request(Method::POST, &path).header("content-type", FORM);
        server.send(request.body(body)).await
    };
    let in_address = |path: &str| format!("{path}?{}", form(proof));
    let answer = send(in_address("/oauth2/token"), form(asked)).await;
    assert_eq!(error_of(&answer, 401), "invalid_client");
    let token = send("/oauth2/token".to_owned(), form([asked, proof].concat())).await;
    let token = token.is(200).string("access_token");
    for path in ["/oauth2/introspect", "/oauth2/revoke"] {
        let answer = send(in_address(path), form([("token", &*token)])).await;
        assert_eq!(error_of(&answer, 401), "invalid_client");
        let answer = send(format!("{path}?token={token}"), form(proof)).await;
        assert_eq!(error_of(&answer, 400), "invalid_request");
    }
    let answer = server.get(&format!("/oauth2/userinfo?access_token={token}")).await;
    assert_eq!(answer.is(401).header("www-authenticate"), r#"Bearer realm="signet""#);
}

/// Every page, with any content: not in a frame, not in a cache, scripts of this origin only, and not
/// readable for other sites.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_has_its_headers() {
    let (server, root) = set().await;
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let grants = ["authorization_code", device];
    let app = App::register(&server, &root, json!({"type": "spa", "grant_types": grants})).await;
    let native = json!({"type": "native", "redirect_uris": ["com.example.app:/cb"]});
    let native = App::register(&server, &root, native).await;
    let ada = Person::new(&server, "ada");
    let mut pages = vec![("log-in", ada.get(&app.url(&[])).await)];
    pages.push(("wrong password", ada.log_in(&pages[0].1, "not the password").await));
    let answer = ada.log_in(&pages[0].1, crate::support::server::PASSWORD).await;
    pages.push(("consent", ada.get(answer.header("location")).await));
    pages.push(("switch", {
        let flow = field(&pages[2].1.text, "flow");
        ada.post("/login/switch", &[("flow", &flow)]).await
    }));
    let asks = ada.get(&app.url(&[("response_mode", "form_post")])).await;
    pages.push(("form_post", ada.decide(&asks, "allow").await));
    let asks = ada.get(&native.url(&[])).await;
    pages.push(("continue", ada.decide(&asks, "allow").await));
    pages.push(("device", ada.get("/device").await));
    let asked = app.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let (flow, code) = (field(&pages[6].1.text, "flow"), asked.is(200).string("user_code"));
    pages.push(("unknown code", ada.post("/device", &[("flow", &flow), ("user_code", "x")]).await));
    pages
        .push(("device asks", ada.post("/device", &[("flow", &flow), ("user_code", &code)]).await));
    pages.push(("device done", ada.decide(&pages[8].1, "allow").await));
    pages.push(("own log-in", ada.get("/login").await));
    pages.push(("own sign-up", ada.get("/signup").await));
    let flow = field(&pages[0].1.text, "flow");
    pages.push(("sign-up", ada.get(&format!("/signup?flow={flow}")).await));
    pages.push(("account", ada.get("/account").await));
    for page in ["/account/history", "/account/export", "/account/delete", "/account/keys"] {
        pages.push((page, ada.get(page).await));
    }
    pages.push(("foreign form", ada.post("/account/profile", &[("csrf", "x")]).await));
    pages.push(("wrong client", ada.get("/oauth2/authorize").await));
    pages.push(("nothing", ada.get("/nowhere").await));
    pages.push(("method", ada.post("/account", &[]).await));
    let asks = ada.get("/oauth2/logout").await;
    let flow = field(&asks.text, "flow");
    pages.push(("log-out", asks));
    let leave = [("flow", &*flow), ("decision", "allow")];
    pages.push(("logged out", ada.post("/oauth2/logout", &leave).await));
    let password = crate::support::server::PASSWORD;
    let eve = json!({"login": "eve", "password": password, "must_change_password": true});
    server.call_as(Method::POST, "/v1/admin/users", &root.access, eve).await.is(201);
    let eve = Person::new(&server, "eve");
    let asks = eve.get(&app.url(&[])).await;
    let answer = eve.log_in(&asks, password).await;
    pages.push(("new password", eve.get(answer.is(303).header("location")).await));
    for (what, page) in &pages {
        assert!(page.header("content-type").starts_with("text/html"), "{what}: {}", page.text);
        let policy = page.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none';"), "{what}: {policy}");
        assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
        // Pages of a pending request may be redirected on by the application, and may be in a pop-up that the
        // application opened.
        let own = what.starts_with("/account/")
            || ["account", "own log-in", "own sign-up", "foreign form", "nothing", "method"]
                .contains(what);
        assert_eq!(policy.contains("form-action 'self'"), own, "{what}: {policy}");
        let opener = if own { "same-origin" } else { "" };
        assert!(policy.contains("base-uri 'none'"), "{what}: {policy}");
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{what}: {policy}");
        for (name, value) in [
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
            ("x-content-type-options", "nosniff"),
            ("access-control-allow-origin", ""),
            ("cross-origin-opener-policy", opener),
        ] {
            assert_eq!(page.header(name), value, "{what}: {name}");
        }
        assert!(!page.text.contains("<script>") && !page.text.contains(" style="), "{what}");
    }
}

/// Every response on the path of a flow, from the handler, the router or the middleware.
#[tokio::test(flavor = "multi_thread")]
async fn every_response_while_a_request_is_under_way_may_be_sent_on_and_opened_by_another_page() {
    let (server, root) = set().await;
    let app = App::register(&server, &root, json!({"type": "spa", "skip_consent": true})).await;
    let ada = Person::new(&server, "ada");
    let flows: BTreeSet<&str> = TABLE.iter().filter(|r| r.is_flow).map(|r| r.path).collect();
    assert!(flows.len() >= 6, "{flows:?}");
    let long = "x".repeat(17 * 1024);
    let large = form([("flow", "x"), ("password", &"x".repeat(70 * 1024))]);
    let mut seen = BTreeSet::new();
    for path in &flows {
        let ask = async |method: Method, query: &str, kind: &str, body: &str| {
            let request = server.request(method, &format!("{path}{query}"));
            let request = request.header("content-type", kind).body(body.to_owned());
            server.send(request).await
        };
        let mut answers = vec![
            ask(Method::PUT, "", FORM, "").await,
            ask(Method::DELETE, "?flow=x", FORM, "").await,
            ask(Method::OPTIONS, "", FORM, "").await,
            ask(Method::POST, &format!("?{long}"), FORM, "").await,
            ask(Method::GET, &format!("?{long}"), FORM, "").await,
            ask(Method::POST, "", "application/json", "{}").await,
            ask(Method::POST, "", FORM, &large).await,
            ask(Method::POST, "", FORM, "flow=%ff&flow=x").await,
            ask(Method::POST, "", FORM, "").await,
        ];
        // Without a request these belong to the user's own account.
        if !["/login", "/signup"].contains(path) {
            answers.push(ask(Method::GET, "", FORM, "").await);
            answers.push(ask(Method::HEAD, "", FORM, "").await);
        }
        for answer in answers {
            seen.insert(answer.status);
            let (status, policy) = (answer.status, answer.header("content-security-policy"));
            assert!(policy.starts_with("default-src 'none'"), "{path} {status}: {policy}");
            assert!(!policy.contains("form-action"), "{path} {status}: {policy}");
            assert!(policy.contains("frame-ancestors 'none'"), "{path} {status}: {policy}");
            assert_eq!(answer.header("cross-origin-opener-policy"), "", "{path} {status}");
            assert_eq!(answer.header("x-frame-options"), "DENY", "{path} {status}");
        }
    }
    for status in [400, 403, 405, 413, 414, 415] {
        assert!(seen.contains(&status), "{status}: {seen:?}");
    }
    // Redirects during the flow, and the sign-in itself.
    let page = ada.get(&app.url(&[])).await;
    let answer = ada.log_in(&page, crate::support::server::PASSWORD).await;
    let redirect = ada.get(answer.is(303).header("location")).await;
    for answer in [&page, &answer, redirect.is(303)] {
        assert!(!answer.header("content-security-policy").contains("form-action"));
        assert_eq!(answer.header("cross-origin-opener-policy"), "");
    }
}

/// The sign-in to the account page belongs to no request: its pages keep the headers.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_to_the_account_is_closed_to_other_pages() {
    let (server, root) = set().await;
    let users = server.get_as("/v1/admin/users", &root.access).await.is(200).json();
    let users = users["data"].as_array().unwrap();
    let ada_id = users.iter().find(|user| user["login"] == "ada").unwrap()["id"].clone();
    let ada_id = ada_id.as_str().unwrap();
    let ada = Person::new(&server, "ada");
    let page = ada.get("/login").await;
    let refused = ada.log_in(&page, "not the password").await;
    let answer = ada.log_in(&page, crate::support::server::PASSWORD).await;
    let account = ada.get(answer.is(303).header("location")).await;
    for answer in [&page, &refused, &answer, &account] {
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{}", answer.text);
    }
    let path = format!("/v1/admin/users/{ada_id}/password");
    let body = json!({"password": crate::support::server::PASSWORD});
    server.call_as(Method::POST, &path, &root.access, body).await.is(204);
    let page = ada.get("/login").await;
    let answer = ada.log_in(&page, crate::support::server::PASSWORD).await;
    let new_password = ada.get(answer.is(303).header("location")).await;
    for answer in [&answer, new_password.is(200)] {
        assert_eq!(answer.header("cross-origin-opener-policy"), "same-origin", "{}", answer.text);
    }
    for page in [&page, &refused, &account, &new_password] {
        assert!(page.header("content-security-policy").contains("form-action 'self'"));
    }
}
