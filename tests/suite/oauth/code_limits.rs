//! Bounds of the rows that one user causes by repeated sign-ins to applications: codes, and sign-ins at the pages.

use futures_util::future::join_all;
use serde_json::json;
use signet::app::limits::Subject;
use signet::base::TimeSpan;
use signet::base::id::UserId;
use signet::domain::rate_limit::RateLimit;
use signet::fetch_all;

use crate::support::relying_party::{App, Person};
use crate::support::server::{Options, Server, Tokens};
use crate::support::{Backend, on_both};

async fn set(backend: Backend, sessions: &str) -> (Server, Tokens, App) {
    let server = Options::on(backend).with("SIGNET_MAX_SESSIONS_PER_USER", sessions).start().await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "spa", "skip_consent": true})).await;
    (server, root, app)
}

async fn codes(server: &Server) -> i64 {
    let mut link = server.app.db.reader().await.unwrap();
    fetch_all!(&mut link, (i64,), "SELECT count(*) FROM authorization_codes").unwrap()[0].0
}

/// A page that renews silently, without pause and without ever redeeming.
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_of_silent_requests_leaves_a_bounded_number_of_codes_on_both_databases() {
    on_both("codes: limit", async |backend| {
        let (server, root, app) = set(backend, "1000").await;
        let other =
            App::register(&server, &root, json!({"type": "spa", "skip_consent": true})).await;
        let ada = Person::new(&server, "ada");
        ada.visit(&app.url(&[])).await.said("code");
        let silent = app.url(&[("prompt", "none")]);
        let of_other = ada.visit(&other.url(&[])).await.said("code");
        let redeemed = ada.visit(&silent).await.said("code");
        app.redeem(&server, &redeemed).await.is(200);
        let mut last = String::new();
        for _ in 0..100 {
            last = ada.visit(&silent).await.said("code");
        }
        // 32 and the newest one; the redeemed one; and that of the other client.
        assert_eq!(codes(&server).await, 33 + 1 + 1);
        // The newest is valid, and no code of another client was removed.
        app.redeem(&server, &last).await.is(200);
        other.redeem(&server, &of_other).await.is(200);
        // Nor was the record of the redemption: a reused code still ends its session.
        app.redeem(&server, &redeemed).await.is(400);
        assert_eq!(server.events(&root, "code.reuse_detected").await.len(), 1);
        // Redeemed ones are bounded as well, and so are concurrent requests.
        for _ in 0..40 {
            server.advance(TimeSpan::from_millis(1));
            let code = ada.visit(&silent).await.said("code");
            app.redeem(&server, &code).await.is(200);
        }
        let landed = join_all((0..40).map(|_| ada.visit(&silent))).await;
        for landing in landed {
            landing.said("code");
        }
        ada.visit(&silent).await.said("code");
        let left = codes(&server).await;
        assert!(left <= 33 + 33 + 1, "{left}");
    })
    .await;
}

/// Such codes are stored, so they are counted however the requests end.
#[tokio::test(flavor = "multi_thread")]
async fn codes_without_a_question_are_counted_by_user_and_sign_ins_are_not() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let server = options.start().await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let app = App::register(&server, &root, json!({"type": "spa", "skip_consent": true})).await;
    let ada = Person::new(&server, "ada");
    ada.visit(&app.url(&[])).await.said("code");
    server.advance(TimeSpan::from_secs(1));
    let mut link = server.app.db.reader().await.unwrap();
    let user =
        fetch_all!(&mut link, (UserId,), "SELECT id FROM users WHERE login = 'ada'").unwrap()[0].0;
    drop(link);
    let purpose = RateLimit::UnattendedCode;
    for _ in 0..purpose.bucket().burst {
        server.app.address_limiter.take(Subject::of_user(purpose, user)).unwrap();
    }
    for more in [&[("prompt", "none")][..], &[]] {
        let refused = ada.visit(&app.url(more)).await;
        assert_eq!(refused.said("error"), "temporarily_unavailable");
    }
    // A user who signs in for the request is not limited.
    ada.visit(&app.url(&[("prompt", "login")])).await.said("code");
    server.advance(TimeSpan::from_secs(10));
    let silent = app.url(&[("prompt", "none")]);
    ada.visit(&silent).await.said("code");
    assert_eq!(ada.visit(&silent).await.said("error"), "temporarily_unavailable");
}

/// The sign-ins at the pages have the limit of the sessions of clients.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_too_many_ends_the_one_used_longest_ago_on_both_databases() {
    on_both("sign-ins: limit", async |backend| {
        let (server, root, app) = set(backend, "3").await;
        let mut browsers = Vec::new();
        let mut tokens = Vec::new();
        for _ in 0..3 {
            let browser = Person::new(&server, "ada");
            tokens.push(app.tokens(&server, &browser).await);
            browsers.push(browser);
            server.advance(TimeSpan::from_secs(1));
        }
        // The first is used again through its application, so the second is the least recently used one.
        app.refresh(&server, tokens[0]["refresh_token"].as_str().unwrap()).await.is(200);
        server.advance(TimeSpan::from_secs(1));
        let fourth = Person::new(&server, "ada");
        let page = fourth.get("/login").await;
        fourth.log_in(&page, crate::support::server::PASSWORD).await.is(303);
        browsers.push(fourth);
        for (number, browser) in browsers.iter().enumerate() {
            let status = browser.get("/account").await.status;
            assert_eq!(status == 200, number != 1, "{number}: {status}");
        }
        let refused = app.refresh(&server, tokens[1]["refresh_token"].as_str().unwrap()).await;
        assert_eq!(refused.is(400).string("error"), "invalid_grant");
        let ended = server.events(&root, "session.ended").await;
        let details: Vec<_> = ended.iter().map(|event| event["detail"].as_str().unwrap()).collect();
        assert!(details.contains(&"browser_session_limit"), "{details:?}");
        assert!(details.contains(&"session_limit"), "{details:?}");
        // The same browser again is the same sign-in.
        let page = browsers[0].get("/login").await;
        browsers[0].log_in(&page, crate::support::server::PASSWORD).await.is(303);
        assert_eq!(server.events(&root, "session.ended").await.len(), ended.len());
        // Concurrent sign-ins see one another.
        let many: Vec<Person<'_>> = (0..6).map(|_| Person::new(&server, "ada")).collect();
        join_all(many.iter().map(async |browser| {
            let page = browser.get("/login").await;
            browser.log_in(&page, crate::support::server::PASSWORD).await.is(303);
        }))
        .await;
        let mut live = 0;
        for browser in browsers.iter().chain(&many) {
            live += i32::from(browser.get("/account").await.status == 200);
        }
        assert_eq!(live, 3);
    })
    .await;
}
