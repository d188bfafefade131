//! Pages that are too old, or were opened in another browser: each completes its own request, or offers a
//! restart that the user has to choose.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::crypto::digest::sha256_base64url;
use url::Url;

use crate::support::relying_party::{App, Person, REDIRECT_URI, field, form, param};
use crate::support::server::{Answer, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

const HOME: &str = "https://home.example.com/";

async fn set(backend: Backend, client: Value) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, client).await;
    (server, root, app)
}

/// The restart form: its target and its fields.
fn start_again(page: &Answer) -> Option<(String, Vec<(String, String)>)> {
    let (_, rest) = page.text.split_once(r#"<form class="again" method="get" action=""#)?;
    let (action, rest) = rest.split_once('"').unwrap();
    let inside = rest.split_once("</form>").unwrap().0;
    let names = inside.split(r#"<input type="hidden" name=""#).skip(1);
    let names = names.map(|part| part.split_once('"').unwrap().0.to_owned());
    let fields = names.map(|name| (name.clone(), field(inside, &name))).collect();
    Some((action.to_owned(), fields))
}

/// Submits it.
async fn begin_again(person: &Person<'_>, page: &Answer) -> Answer {
    let (action, fields) = start_again(page).unwrap_or_else(|| panic!("{}", page.text));
    let fields = fields.iter().map(|(name, value)| (&**name, &**value));
    person.get(&format!("{action}?{}", form(fields))).await
}

/// Asserts a page with the reason, without an automatic redirect, whose form restarts the request `asked`.
#[track_caller]
fn offers(page: &Answer, status: u16, what: &str) {
    assert_eq!(page.status, status, "{what}: {}", page.text);
    assert_eq!(page.header("location"), "", "{what}");
    assert!(!page.text.contains("http-equiv") && !page.text.contains("<script"), "{what}");
    assert!(page.header("content-type").starts_with("text/html"), "{what}");
    // The headers that the restarted request needs (a pop-up, a redirect on).
    assert_eq!(page.header("cross-origin-opener-policy"), "", "{what}");
    assert!(!page.header("content-security-policy").contains("form-action"), "{what}");
}

/// A link to the application's home page, and no form.
#[track_caller]
fn links_to_the_application(page: &Answer, what: &str) {
    assert!(start_again(page).is_none(), "{what}: {}", page.text);
    assert!(
        page.text.contains(&format!(r#"<a href="{HOME}">Back to App</a>"#)),
        "{what}: {}",
        page.text
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_cannot_be_finished_begins_its_own_request_again() {
    on_both("stale pages", async |backend| {
        let (server, _, app) = set(backend, json!({"type": "spa"})).await;
        let hour = TimeSpan::from_mins(61);
        for (what, cleared, waited) in
            [("cleared cookies", true, false), ("an hour later", false, true), ("both", true, true)]
        {
            for begun_at in ["log-in", "switch", "consent", "consent page", "log-in page"] {
                let what = format!("{what}: {begun_at}");
                let ada = Person::new(&server, "ada");
                // Two tabs: each restarts its own request.
                let url = |state| app.url(&[("state", state), ("prompt", "consent")]);
                let tabs = [url("one"), url("two")];
                let login = [ada.get(&tabs[0]).await, ada.get(&tabs[1]).await];
                let at_consent = begun_at.starts_with("consent") || begun_at == "switch";
                let mut pages = Vec::new();
                for page in login {
                    pages.push(if at_consent {
                        let answer = ada.log_in(&page, PASSWORD).await;
                        ada.get(answer.is(303).header("location")).await
                    } else {
                        page
                    });
                }
                if cleared {
                    ada.clear_cookies();
                }
                if waited {
                    server.advance(hour);
                }
                for (page, state) in pages.iter().zip(["one", "two"]) {
                    let flow = field(&page.is(200).text, "flow");
                    let stale = match begun_at {
                        "log-in" => ada.log_in(page, PASSWORD).await,
                        "switch" => ada.post("/login/switch", &[("flow", &flow)]).await,
                        "consent" => ada.decide(page, "allow").await,
                        // A restored tab loads the address of its page.
                        _ => ada.get(&format!("/oauth2/authorize?flow={flow}")).await,
                    };
                    offers(&stale, 403, &what);
                    // The second tab finds the sign-in of the first.
                    let again = begin_again(&ada, &stale).await;
                    let callback = ada.go_on(again).await.callback();
                    assert!(callback.as_str().starts_with(REDIRECT_URI), "{what}: {callback}");
                    assert_eq!(param(&callback, "state").as_deref(), Some(state), "{what}");
                    let code = param(&callback, "code").unwrap();
                    app.redeem(&server, &code).await.is(200);
                }
            }
        }
    })
    .await;
}

/// The page itself has the form too: no failure is necessary.
#[tokio::test(flavor = "multi_thread")]
async fn every_page_of_a_request_carries_all_of_it() {
    let (server, root, app) = set(Backend::Sqlite, json!({"type": "spa"})).await;
    let api = json!({"identifier": "https://api.example.com", "scopes": ["read"]});
    let path = "/v1/admin/apis";
    server.call_as(reqwest::Method::POST, path, &root.access, api).await.is(201);
    let ada = Person::new(&server, "ada");
    let jkt = "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I";
    let more = [
        ("response_mode", "fragment"),
        ("scope", "openid profile email"),
        ("prompt", "login consent"),
        ("max_age", "3600"),
        ("login_hint", "ada \"<b>\" & co"),
        ("ui_locales", "en"),
        ("dpop_jkt", jkt),
        ("state", "\"><script>alert(1)</script>"),
        ("claims", r#"{"userinfo":{"name":null},"id_token":{"roles":null}}"#),
    ];
    let asked = ada.get(&app.url(&more)).await;
    let (action, first) = start_again(&asked).unwrap();
    assert_eq!(action, "/oauth2/authorize");
    assert!(!asked.text.contains("<script>alert"), "{}", asked.text);
    let said = |name: &str| {
        let found = first.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.clone()).unwrap_or_default()
    };
    for (name, value) in app.request(&more) {
        let found = said(&name);
        if name == "claims" {
            let found: Value = serde_json::from_str(&found).unwrap();
            assert_eq!(found, serde_json::from_str::<Value>(&value).unwrap());
        } else if name == "scope" {
            let words = |text: &str| -> std::collections::BTreeSet<String> {
                text.split(' ').map(str::to_owned).collect()
            };
            assert_eq!(words(&found), words(&value));
        } else {
            assert_eq!(found, value, "{name}");
        }
    }
    // The same request has the same form on every page of it.
    let again = begin_again(&ada, &asked).await;
    assert_eq!(start_again(&again), Some((action.clone(), first.clone())));
    let refused = ada.log_in(&again, "not the password").await;
    assert_eq!(start_again(&refused), Some((action.clone(), first.clone())));
    let answer = ada.log_in(&refused, PASSWORD).await;
    let consent = ada.get(answer.is(303).header("location")).await;
    assert!(consent.text.contains("action=\"/consent\""), "{}", consent.text);
    assert_eq!(start_again(&consent), Some((action.clone(), first.clone())));
    let flow = field(&consent.text, "flow");
    let switched = ada.post("/login/switch", &[("flow", &flow)]).await;
    assert_eq!(start_again(&switched), Some((action, first)));
}

/// The user that an ID token names remains the only accepted one.
#[tokio::test(flavor = "multi_thread")]
async fn a_request_for_one_user_begins_again_for_that_user() {
    let (server, _, app) = set(Backend::Sqlite, json!({"type": "spa", "skip_consent": true})).await;
    server.register("bob").await;
    let (ada, bob) = (Person::new(&server, "ada"), Person::new(&server, "bob"));
    let tokens = app.tokens(&server, &ada).await;
    let hint = [("id_token_hint", tokens["id_token"].as_str().unwrap())];
    app.code(&bob, &[]).await;
    let asked = bob.get(&app.url(&hint)).await;
    server.advance(TimeSpan::from_mins(61));
    let stale = bob.log_in(&asked, PASSWORD).await;
    let again = begin_again(&bob, &stale).await;
    // Bob is signed in, and has to sign in as the other user.
    assert!(again.is(200).text.contains("action=\"/login\""), "{}", again.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_that_was_answered_can_begin_again() {
    on_both("an answered request", async |backend| {
        let (server, _, app) = set(backend, json!({"type": "spa"})).await;
        let ada = Person::new(&server, "ada");
        let page = ada.get(&app.url(&[])).await;
        let answer = ada.log_in(&page, PASSWORD).await;
        let consent = ada.get(answer.header("location")).await;
        ada.decide(&consent, "allow").await.is(303);
        // The Back button, and submitted again.
        let used = ada.decide(&consent, "allow").await;
        offers(&used, 409, "answered");
        let again = begin_again(&ada, &used).await;
        let callback = ada.go_on(again).await.callback();
        app.redeem(&server, &param(&callback, "code").unwrap()).await.is(200);
    })
    .await;
}

/// Only the client of a pushed request can restart it.
#[tokio::test(flavor = "multi_thread")]
async fn a_pushed_request_leads_back_to_the_application() {
    for home in [Some(HOME), None] {
        let mut client = json!({"type": "web"});
        client["client_uri"] = json!(home);
        let (server, _, app) = set(Backend::Sqlite, client).await;
        let push = async || {
            let request = app.request(&[]);
            let fields: Vec<_> = request.iter().map(|(name, value)| (&**name, &**value)).collect();
            let name =
                app.call(&server, "/oauth2/par", &fields).await.is(201).string("request_uri");
            format!(
                "/oauth2/authorize?{}",
                form([("client_id", &*app.id), ("request_uri", &*name)])
            )
        };
        let ada = Person::new(&server, "ada");
        let leads_back = |page: &Answer, what: &str| match home {
            Some(_) => links_to_the_application(page, what),
            None => {
                assert!(start_again(page).is_none(), "{what}");
                assert!(
                    page.text.contains(r#"<a class="button whole" href="/account">"#),
                    "{what}: {}",
                    page.text
                );
            }
        };
        let url = push().await;
        let asked = ada.get(&url).await;
        if home.is_some() {
            links_to_the_application(asked.is(200), "the page itself");
        }
        ada.clear_cookies();
        let stale = ada.log_in(&asked, PASSWORD).await;
        offers(&stale, 403, "another browser");
        leads_back(&stale, "another browser");

        let asked = ada.get(&push().await).await;
        server.advance(TimeSpan::from_mins(61));
        let stale = ada.log_in(&asked, PASSWORD).await;
        offers(&stale, 403, "an hour later");
        leads_back(&stale, "an hour later");

        // The `request_uri` has expired by then.
        let over = ada.get(&url).await;
        offers(&over, 400, "a name that is over");
        leads_back(&over, "a name that is over");

        let landing = ada.visit(&push().await).await;
        landing.said("code");
    }
    // An unknown `request_uri`, and one of an unknown client, disclose no client.
    let (server, _, _) = set(Backend::Sqlite, json!({"type": "web", "client_uri": HOME})).await;
    let ada = Person::new(&server, "ada");
    let name = "urn:ietf:params:oauth:request_uri:x";
    let url = form([("client_id", "nobody"), ("request_uri", name)]);
    let over = ada.get(&format!("/oauth2/authorize?{url}")).await;
    offers(&over, 400, "an unknown client");
    assert!(!over.text.contains(HOME), "{}", over.text);
}

/// An expired request of a client with a home page: both ways.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_request_also_leads_back_to_the_application() {
    let (server, _, app) = set(Backend::Sqlite, json!({"type": "spa", "client_uri": HOME})).await;
    let ada = Person::new(&server, "ada");
    let asked = ada.get(&app.url(&[])).await;
    assert!(start_again(&asked).is_some() && !asked.text.contains(HOME), "{}", asked.text);
    server.advance(TimeSpan::from_mins(61));
    let stale = ada.log_in(&asked, PASSWORD).await;
    assert!(start_again(&stale).is_some(), "{}", stale.text);
    assert!(stale.text.contains(&format!(r#"<a href="{HOME}">Back to App</a>"#)));
    // The client was deleted: there is nothing to restart, and nothing of it is disclosed.
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    let root = Tokens::of(&server.post("/v1/login", body).await);
    let path = format!("/v1/admin/clients/{}", app.id);
    server.call_as(reqwest::Method::DELETE, &path, &root.access, Value::Null).await.is(204);
    let stale = ada.log_in(&asked, PASSWORD).await;
    offers(&stale, 403, "a client that is gone");
    assert!(start_again(&stale).is_none() && !stale.text.contains(HOME), "{}", stale.text);
    assert!(stale.text.contains(r#"<a class="button whole" href="/account">"#), "{}", stale.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_pages_of_devices_and_of_log_outs_begin_again() {
    let device = "urn:ietf:params:oauth:grant-type:device_code";
    let client = json!({"type": "spa", "grant_types": ["authorization_code", device],
        "post_logout_redirect_uris": ["https://app.example.com/out"]});
    let (server, _, app) = set(Backend::Sqlite, client).await;
    let ada = Person::new(&server, "ada");
    let asked = app.call(&server, "/oauth2/device_authorization", &[("scope", "openid")]).await;
    let code = asked.is(200).string("user_code");
    let page = ada.get("/device").await;
    let flow = field(&page.text, "flow");
    let login = ada.post("/device", &[("flow", &flow), ("user_code", &code)]).await;
    assert_eq!(start_again(&login).unwrap().0, "/device", "{}", login.text);
    for stale in [
        {
            ada.clear_cookies();
            ada.post("/device", &[("flow", &flow), ("user_code", &code)]).await
        },
        ada.log_in(&login, PASSWORD).await,
        ada.get(&format!("/device?flow={}", field(&login.text, "flow"))).await,
        ada.post("/device", &[("flow", "nonsense"), ("user_code", &code)]).await,
    ] {
        offers(&stale, 403, "a device");
        let again = begin_again(&ada, &stale).await;
        assert!(again.is(200).text.contains("action=\"/device\""), "{}", again.text);
    }

    let page = ada.get("/login").await;
    ada.log_in(&page, PASSWORD).await.is(303);
    let out = form([
        ("client_id", &*app.id),
        ("post_logout_redirect_uri", "https://app.example.com/out"),
        ("state", "s & t"),
    ]);
    let asks = ada.get(&format!("/oauth2/logout?{out}")).await;
    let flow = field(&asks.is(200).text, "flow");
    server.advance(TimeSpan::from_mins(61));
    let leave = [("flow", &*flow), ("decision", "allow")];
    let stale = ada.post("/oauth2/logout", &leave).await;
    offers(&stale, 403, "a log-out");
    let again = begin_again(&ada, &stale).await;
    let flow = field(&again.is(200).text, "flow");
    let leave = [("flow", &*flow), ("decision", "allow")];
    let answer = ada.post("/oauth2/logout", &leave).await;
    let back = Url::parse(answer.is(303).header("location")).unwrap();
    assert_eq!(param(&back, "state").as_deref(), Some("s & t"));
}

/// An unreadable form, and an address that accepts only forms: redirect to the account.
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_known_the_account_is_offered() {
    let (server, _, app) = set(Backend::Sqlite, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let asked = ada.get(&app.url(&[])).await;
    let account = |page: &Answer, what: &str| {
        assert!(
            page.text.contains(r#"<a class="button whole" href="/account">"#),
            "{what}: {}",
            page.text
        );
        assert!(start_again(page).is_none(), "{what}");
    };
    for (path, fields) in [
        ("/login", &[("flow", "x"), ("login", "ada"), ("password", PASSWORD)][..]),
        ("/login", &[]),
        ("/login/switch", &[("flow", "x")]),
        ("/consent", &[("flow", "x"), ("decision", "allow")]),
        ("/oauth2/logout", &[("flow", "x"), ("decision", "allow")]),
    ] {
        let page = ada.post(path, fields).await;
        offers(&page, 403, path);
        account(&page, path);
    }
    let page = ada.get("/oauth2/authorize?flow=x").await;
    offers(&page, 403, "an address");
    account(&page, "an address");
    for path in ["/consent", "/login/switch"] {
        let page = ada.get(path).await;
        offers(&page, 405, path);
        account(&page, path);
    }
    // Pages of the account that stayed open while its session ended.
    for path in ["/account/profile", "/account/password", "/logout"] {
        let page = ada.post(path, &[("csrf", "x")]).await;
        assert_eq!(page.status, 403, "{}", page.text);
        account(&page, path);
    }
    // A sign-in to the account that took too long ends there as well.
    let own = ada.get("/login").await;
    server.advance(TimeSpan::from_mins(61));
    let page = ada.log_in(&own, PASSWORD).await;
    account(page.is(403), "own");
    assert!(asked.text.contains("action=\"/login\""));
}

/// A form of one request is not accepted for another, with the reason.
#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_belongs_to_a_different_sign_in_says_so() {
    let (server, _, app) = set(Backend::Sqlite, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let own = field(&ada.get("/login").await.text, "flow");
    let asked = field(&ada.get(&app.url(&[])).await.text, "flow");
    for page in [
        ada.get(&format!("/oauth2/authorize?flow={own}")).await,
        ada.post("/login/switch", &[("flow", &own)]).await,
        ada.post("/device", &[("flow", &asked), ("user_code", "x")]).await,
        ada.post("/oauth2/logout", &[("flow", &asked), ("decision", "allow")]).await,
    ] {
        offers(&page, 403, "another kind");
        let said = "This form belongs to a different sign-in. Start again.";
        assert!(page.text.contains(said), "{}", page.text);
    }
}

/// Nothing is done for a request of another browser, in whichever browser it is sent.
#[tokio::test(flavor = "multi_thread")]
async fn another_browser_learns_no_more_than_the_address_that_began_it_says() {
    let (server, _, app) = set(Backend::Sqlite, json!({"type": "spa"})).await;
    let (ada, mallory) = (Person::new(&server, "ada"), Person::new(&server, "mallory"));
    let asked = ada.get(&app.url(&[])).await;
    let answer = ada.log_in(&asked, PASSWORD).await;
    let consent = ada.get(answer.header("location")).await;
    let seen = mallory.decide(&consent, "allow").await;
    offers(&seen, 403, "another browser");
    assert!(!seen.text.contains("ada"), "{}", seen.text);
    let (_, fields) = start_again(&seen).unwrap();
    let known: Vec<String> = app.request(&[]).into_iter().map(|(name, _)| name).collect();
    assert!(fields.iter().all(|(name, _)| known.contains(name)), "{fields:?}");
    // It can still be completed where it was begun.
    ada.decide(&consent, "allow").await.is(303);
}

/// While processes of version 0.1.0 serve the same users, its pages are completed here: what it sealed for a
/// browser is valid in that browser only.
#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_version_0_1_0_is_finished_in_the_browser_it_was_made_for() {
    let (server, _, app) = set(Backend::Sqlite, json!({"type": "spa"})).await;
    let ada = Person::new(&server, "ada");
    let asked = ada.get(&app.url(&[])).await;
    let sealed = URL_SAFE_NO_PAD.decode(field(&asked.text, "flow")).unwrap();
    let plain = server.app.seal.open("flow/v2", &sealed).unwrap();
    let flow = serde_json::from_slice::<Value>(&plain).unwrap()["flow"].to_string();
    let browser = sha256_base64url(ada.cookie("signet_browser").unwrap().as_bytes());
    let old = server.app.seal.newest().seal(&format!("flow/v1/{browser}"), flow.as_bytes());
    let old = URL_SAFE_NO_PAD.encode(old.unwrap());
    let fields = [("flow", &*old), ("login", "ada"), ("password", PASSWORD)];
    let mallory = Person::new(&server, "mallory");
    mallory.get("/login").await.is(200);
    mallory.post("/login", &fields).await.is(403);
    let answer = ada.post("/login", &fields).await;
    let consent = ada.get(answer.is(303).header("location")).await;
    ada.go_on(consent).await.said("code");
}
