//! Refresh branches: several tabs of one client in one sign-in are one session.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;
use signet::fetch_all;

use crate::support::relying_party::{App, Person, error_of, field};
use crate::support::server::{Server, Tokens, on_both};

/// A server, an administrator, a user and a client of this kind.
async fn set(backend: crate::support::Backend, client: Value) -> (Server, Tokens, App) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, client).await;
    (server, root, app)
}

fn claim(tokens: &Value, name: &str) -> Value {
    let access = tokens["access_token"].as_str().unwrap().to_owned();
    Tokens { access, refresh: String::new() }.claims()[name].clone()
}

fn refresh_of(tokens: &Value) -> &str {
    tokens["refresh_token"].as_str().unwrap()
}

/// The sessions of the client in the list for administrators.
async fn listed(server: &Server, app: &App) -> Vec<Value> {
    let login = json!({"login": "root", "password": crate::support::server::PASSWORD,
        "scope": "signet:admin"});
    let root = Tokens::of(&server.post("/v1/login", login).await);
    let list = server.get_as("/v1/admin/sessions?limit=200", &root.access).await.is(200).json();
    let data = list["data"].as_array().unwrap();
    data.iter().filter(|session| session["client_id"] == *app.id).cloned().collect()
}

/// A client renews silently (`prompt=none`) twenty times: the account page, the administrator and a log-out
/// see one session, and the database has eight rows of it.
#[tokio::test(flavor = "multi_thread")]
async fn silent_renewals_are_branches_of_one_session_on_both_databases() {
    on_both("branches: renewals", async |backend| {
        let (server, _, app) = set(backend, json!({"type": "spa"})).await;
        let ada = Person::new(&server, "ada");
        let mut all = Vec::new();
        for round in 0..21 {
            server.advance(TimeSpan::from_secs(1));
            let more: &[(&str, &str)] = if round == 0 { &[] } else { &[("prompt", "none")] };
            let code = app.code(&ada, more).await;
            all.push(app.redeem(&server, &code).await.is(200).json());
        }
        let sid = claim(&all[0], "sid");
        assert!(all.iter().all(|tokens| claim(tokens, "sid") == sid));
        let seen = listed(&server, &app).await;
        assert_eq!(seen.len(), 1, "{seen:?}");
        assert_eq!(seen[0]["id"], sid);
        let page = ada.get("/account").await;
        let ends = page.is(200).text.matches("action=\"/account/sessions/end\"").count();
        assert_eq!(ends, 1, "one row for the application: {}", page.text);
        let mut link = server.app.db.reader().await.unwrap();
        let rows =
            fetch_all!(&mut link, (i64,), "SELECT count(*) FROM sessions WHERE sid IS NOT NULL");
        drop(link);
        assert_eq!(rows.unwrap()[0].0, 8, "the first branch has made room too");
        // Tokens of a replaced branch: the refresh token is unknown, without an alarm; access tokens stay
        // valid with the session.
        let userinfo = async |tokens: &Value| {
            let access = tokens["access_token"].as_str().unwrap();
            server.get_as("/oauth2/userinfo", access).await.status
        };
        for tokens in &all[..13] {
            assert_eq!(
                error_of(&app.refresh(&server, refresh_of(tokens)).await, 400),
                "invalid_grant"
            );
            assert_eq!(userinfo(tokens).await, 200);
        }
        for tokens in &all[13..] {
            app.refresh(&server, refresh_of(tokens)).await.is(200);
        }
        assert_eq!(listed(&server, &app).await.len(), 1);
    })
    .await;
}

/// The most recently refreshed branch is kept, however early it was opened.
#[tokio::test(flavor = "multi_thread")]
async fn the_ninth_branch_replaces_the_one_answered_longest_ago() {
    on_both("branches: replacement", async |backend| {
        let (server, _, app) = set(backend, json!({"type": "web"})).await;
        let ada = Person::new(&server, "ada");
        let mut first = app.tokens(&server, &ada).await;
        let mut others = Vec::new();
        for _ in 0..12 {
            server.advance(TimeSpan::from_secs(1));
            others.push(app.tokens(&server, &ada).await);
            server.advance(TimeSpan::from_secs(1));
            first = app.refresh(&server, refresh_of(&first)).await.is(200).json();
        }
        for (number, tokens) in others.iter().enumerate() {
            let answer = app.refresh(&server, refresh_of(tokens)).await;
            assert_eq!(answer.status == 200, number >= 5, "{number}: {}", answer.text);
        }
        app.refresh(&server, refresh_of(&first)).await.is(200);
        assert_eq!(server.app.metrics.replaced_branches.get(), 5, "an operator sees it");
    })
    .await;
}

/// Access tokens contain only the id of the session, so all branches of a session have the same requested claims.
#[tokio::test(flavor = "multi_thread")]
async fn userinfo_tells_single_claims_to_the_tokens_they_were_asked_for_on_both_databases() {
    on_both("branches: single claims", async |backend| {
        let (server, _, app) = set(backend, json!({"type": "web", "skip_consent": true})).await;
        let claims = json!({"userinfo": {"preferred_username": null}}).to_string();
        let with = [("scope", "openid"), ("claims", &*claims)];
        let without = [("scope", "openid")];
        for order in [[&with[..], &without], [&without, &with]] {
            let ada = Person::new(&server, "ada");
            let mut all = Vec::new();
            for more in order.iter().chain(&order) {
                server.advance(TimeSpan::from_secs(1));
                let code = app.code(&ada, more).await;
                let tokens = app.redeem(&server, &code).await.is(200).json();
                all.push((more.len() == 2, tokens));
            }
            for round in 0..2 {
                for (asked, tokens) in &mut all {
                    let access = tokens["access_token"].as_str().unwrap();
                    let told = server.get_as("/oauth2/userinfo", access).await.is(200).json();
                    assert_eq!(told["preferred_username"] == "ada", *asked, "{round} {told}");
                    *tokens = app.refresh(&server, refresh_of(tokens)).await.is(200).json();
                }
            }
            let sid = |index: usize| claim(&all[index].1, "sid");
            assert_eq!((sid(0), sid(1)), (sid(2), sid(3)), "renewals are branches");
            assert_ne!(sid(0), sid(1));
        }
    })
    .await;
}

/// Reuse, rollback, a reused code, revocation and log-out end every branch.
#[tokio::test(flavor = "multi_thread")]
async fn ending_one_branch_ends_the_session_on_both_databases() {
    on_both("branches: endings", async |backend| {
        let (server, root, app) = set(backend, json!({"type": "web"})).await;
        let ways =
            ["reuse", "rollback", "code", "revoke", "log-out", "account", "admin", "consent"];
        for way in ways {
            let ada = Person::new(&server, "ada");
            let code = app.code(&ada, &[]).await;
            let one = app.redeem(&server, &code).await.is(200).json();
            let two = app.tokens(&server, &ada).await;
            let three = app.tokens(&server, &ada).await;
            let sid = claim(&one, "sid");
            assert!(sid == claim(&two, "sid") && sid == claim(&three, "sid"));
            let sid = sid.as_str().unwrap().to_owned();
            match way {
                "reuse" => {
                    let mut token = refresh_of(&two).to_owned();
                    for _ in 0..3 {
                        token = app.refresh(&server, &token).await.is(200).string("refresh_token");
                    }
                    assert_eq!(
                        error_of(&app.refresh(&server, refresh_of(&two)).await, 400),
                        "invalid_grant"
                    );
                }
                "rollback" => {
                    let keys = server.app.refresh_keys();
                    let presented = keys.authenticate(refresh_of(&two)).unwrap();
                    let ahead = keys.mint(presented.branch, 7).unwrap();
                    assert_eq!(error_of(&app.refresh(&server, &ahead).await, 400), "invalid_grant");
                }
                "code" => {
                    // The code of the branch that joined, not of the one that opened the session.
                    let code = app.code(&ada, &[]).await;
                    let joined = app.redeem(&server, &code).await.is(200).json();
                    assert_eq!(claim(&joined, "sid"), *sid);
                    assert_eq!(error_of(&app.redeem(&server, &code).await, 400), "invalid_grant");
                }
                "revoke" => {
                    app.call(&server, "/oauth2/revoke", &[("token", refresh_of(&two))])
                        .await
                        .is(200);
                }
                "log-out" => {
                    let hint = two["id_token"].as_str().unwrap();
                    ada.get(&format!("/oauth2/logout?id_token_hint={hint}")).await.is(200);
                }
                "account" => {
                    let page = ada.get("/account").await;
                    let csrf = field(&page.is(200).text, "csrf");
                    let fields = [("csrf", &*csrf), ("id", &*sid)];
                    ada.post("/account/sessions/end", &fields).await.is(303);
                }
                "admin" => {
                    let path = format!("/v1/admin/sessions/{sid}");
                    server.call_as(Method::DELETE, &path, &root.access, Value::Null).await.is(204);
                }
                _ => {
                    let page = ada.get("/account").await;
                    let csrf = field(&page.is(200).text, "csrf");
                    let fields = [("csrf", &*csrf), ("client_id", &*app.id)];
                    ada.post("/account/apps/remove", &fields).await.is(303);
                }
            }
            for tokens in [&one, &two, &three] {
                let answer = app.refresh(&server, refresh_of(tokens)).await;
                assert_eq!(error_of(&answer, 400), "invalid_grant", "{way}");
                let access = tokens["access_token"].as_str().unwrap();
                assert_eq!(server.get_as("/oauth2/userinfo", access).await.status, 401, "{way}");
            }
            // One end, one row for services that verify offline.
            let mut link = server.app.db.reader().await.unwrap();
            let rows = fetch_all!(
                &mut link,
                (i64, i64),
                "SELECT at, until FROM revocations WHERE kind = 'sid' AND value = $1",
                &sid
            );
            drop(link);
            let rows = rows.unwrap();
            assert_eq!(rows.len(), 1, "{way}");
            let exp = claim(&three, "exp").as_i64().unwrap() * 1000;
            assert!(rows[0].1 >= exp + 60_000 && rows[0].0 == server.now().millis(), "{way}");
        }
        assert_eq!(server.events(&root, "refresh.reuse_detected").await.len(), 1);
        assert_eq!(server.events(&root, "refresh.rollback_detected").await.len(), 1);
        assert_eq!(server.events(&root, "code.reuse_detected").await.len(), 1);
    })
    .await;
}

/// Tabs that redeem their codes concurrently, before there is a session.
#[tokio::test(flavor = "multi_thread")]
async fn codes_redeemed_at_once_open_one_session_on_both_databases() {
    on_both("branches: race", async |backend| {
        let (server, _, app) = set(backend, json!({"type": "spa"})).await;
        for _ in 0..5 {
            let ada = Person::new(&server, "ada");
            let mut codes = Vec::new();
            for _ in 0..6 {
                codes.push(app.code(&ada, &[]).await);
            }
            let redeemed =
                futures_util::future::join_all(codes.iter().map(|code| app.redeem(&server, code)))
                    .await;
            let sids: std::collections::BTreeSet<String> = redeemed
                .iter()
                .map(|answer| claim(&answer.is(200).json(), "sid").to_string())
                .collect();
            assert_eq!(sids.len(), 1, "{sids:?}");
        }
    })
    .await;
}

/// Another browser, another client, and a log-in without a browser are separate sessions.
#[tokio::test(flavor = "multi_thread")]
async fn another_sign_in_or_client_is_another_session() {
    on_both("branches: borders", async |backend| {
        let (server, root, app) = set(backend, json!({"type": "spa"})).await;
        let other = App::register(&server, &root, json!({"type": "spa"})).await;
        let (here, there) = (Person::new(&server, "ada"), Person::new(&server, "ada"));
        let mut sids = Vec::new();
        for (app, browser) in [(&app, &here), (&other, &here), (&app, &there)] {
            sids.push(claim(&app.tokens(&server, browser).await, "sid").to_string());
        }
        for _ in 0..2 {
            sids.push(server.login("ada").await.claims()["sid"].to_string());
        }
        // A sign-in after a log-out is a new one.
        here.get("/account").await.is(200);
        let csrf = field(&here.get("/account").await.text, "csrf");
        here.post("/logout", &[("csrf", &csrf)]).await;
        sids.push(claim(&app.tokens(&server, &here).await, "sid").to_string());
        let distinct: std::collections::BTreeSet<&String> = sids.iter().collect();
        assert_eq!(distinct.len(), sids.len(), "{sids:?}");
    })
    .await;
}

/// The number of a user's sessions is bounded: the least recently used one ends, and the log-in succeeds.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_too_many_ends_the_one_used_longest_ago_on_both_databases() {
    on_both("sessions: limit", async |backend| {
        let server = crate::support::server::Options::on(backend)
            .with("SIGNET_MAX_SESSIONS_PER_USER", "3")
            .start()
            .await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(server.login("ada").await);
            server.advance(TimeSpan::from_secs(1));
        }
        // The first is used again, so the second is the least recently used one.
        all[0] = Tokens::of(&server.refresh(&all[0].refresh).await);
        server.advance(TimeSpan::from_secs(1));
        all.push(server.login("ada").await);
        for (number, tokens) in all.iter().enumerate() {
            let alive = server.get_as("/v1/me", &tokens.access).await.status == 200;
            assert_eq!(alive, number != 1, "{number}");
        }
        let ended = server.events(&root, "session.ended").await;
        assert_eq!(ended.len(), 1);
        assert_eq!(ended[0]["detail"], "session_limit");
        assert_eq!(ended[0]["session_id"], all[1].claims()["sid"]);
        // Concurrent log-ins may exceed the limit; the next one ends the excess.
        futures_util::future::join_all((0..6).map(|_| server.login("ada"))).await;
        let last = server.login("ada").await;
        let list = server.get_as("/v1/sessions", &last.access).await.is(200).json();
        assert_eq!(list["data"].as_array().unwrap().len(), 3);
    })
    .await;
}

/// Lists begin with the newest session and reach the oldest.
#[tokio::test(flavor = "multi_thread")]
async fn lists_of_sessions_are_newest_first_and_paged_to_the_end() {
    on_both("sessions: lists", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let mut sids = Vec::new();
        let mut last = None;
        for _ in 0..7 {
            server.advance(TimeSpan::from_secs(1));
            let tokens = server.login("ada").await;
            sids.insert(0, tokens.claims()["sid"].as_str().unwrap().to_owned());
            last = Some(tokens);
        }
        let access = last.unwrap().access;
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/sessions?limit=3{cursor}");
            let page = server.get_as(&path, &access).await.is(200).json();
            let data = page["data"].as_array().unwrap();
            assert!(data.len() <= 3);
            seen.extend(data.iter().map(|session| session["id"].as_str().unwrap().to_owned()));
            let Some(next) = page["next"].as_str() else { break };
            cursor = format!("&after={next}");
        }
        assert_eq!(seen, sids);
    })
    .await;
}
