//! Mailed codes: in which flow, for how many attempts and how long they are valid.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ADA, NEW};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::server::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn a_code_counts_in_its_flow_only_and_scanners_do_not_use_it_up() {
    on_both("recovery: flow", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let challenge = place.recover(ADA).await;
        let mailed = place.newest().await;
        for _ in 0..50 {
            place.server.get(&mailed.path()).await.is(200);
            let head = place.server.request(Method::HEAD, &mailed.path());
            place.server.send(head).await.is(200);
        }
        // Of another address, of a sign-in, and none at all.
        let other = place.recover("nobody@example.org").await;
        for _ in 0..6 {
            let answer = place.proceed(&other, json!({ "code": mailed.code })).await;
            answer.is_problem(401, "mfa_failed");
        }
        for bad in ["", "sch_AAAA", "x"] {
            let answer = place.proceed(bad, json!({ "code": mailed.code })).await;
            answer.is_problem(401, "challenge_invalid");
        }
        for _ in 0..4 {
            let wrong = json!({ "code": mailed.wrong_code() });
            place.proceed(&challenge, wrong).await.is_problem(401, "mfa_failed");
        }
        let shown = format!(" {}-{}", &mailed.code[..4], &mailed.code[4..]);
        let right =
            place.proceed(&challenge, json!({ "code": shown, "method": "mailed_code" })).await;
        right.is_problem(401, "password_change_required");
        let next = right.string("challenge");
        // The challenge of a recovery signs no user in, and its earlier copy is accepted nowhere else.
        for path in ["/v1/me", "/oauth2/userinfo"] {
            place.server.get_as(path, &next).await.is(401);
        }
        place.proceed(&next, json!({ "new_password": NEW })).await.is(204);
        assert_eq!(place.server.try_login("ada", NEW).await.status, 200);
        place.server.try_login("ada", PASSWORD).await.is(401);
        for used in [&challenge, &next] {
            let answer = place.proceed(used, json!({ "new_password": "yet another one" })).await;
            assert!(answer.status == 401, "{}", answer.text);
        }
        place
            .proceed(&challenge, json!({ "code": mailed.code }))
            .await
            .is_problem(401, "mfa_failed");
        place.redeem(&mailed.link, "yet another one").await.is_problem(404, "link_invalid");
        assert_eq!(place.server.try_login("ada", NEW).await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_fifty_wrong_codes_at_once_five_are_compared() {
    on_both("recovery: tries", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let challenge = place.recover(ADA).await;
        let mailed = place.newest().await;
        let wrong = mailed.wrong_code();
        let answers =
            join_all((0..50).map(|_| place.proceed(&challenge, json!({ "code": wrong })))).await;
        for answer in answers {
            answer.is_problem(401, "mfa_failed");
        }
        let mut link = place.server.app.db.reader().await.unwrap();
        let tries = signet::fetch_optional!(&mut link, (i64,), "SELECT tries FROM mailed_codes");
        assert_eq!(tries.unwrap(), Some((5,)));
        drop(link);
        place
            .proceed(&challenge, json!({ "code": mailed.code }))
            .await
            .is_problem(401, "mfa_failed");
        let again = place.recover(ADA).await;
        let mailed = place.newest().await;
        let right = place.proceed(&again, json!({ "code": mailed.code })).await;
        right.is_problem(401, "password_change_required");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_and_its_link_live_for_ten_minutes_by_every_clock() {
    on_both("recovery: life", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let challenge = place.recover(ADA).await;
        let mailed = place.newest().await;
        place.server.advance(TimeSpan::from_secs(599));
        place.server.get(&mailed.path()).await.is(200);
        let right = place.proceed(&challenge, json!({ "code": mailed.code })).await;
        right.is_problem(401, "password_change_required");
        place.server.advance(TimeSpan::from_secs(2));
        for jump in [0, -3_600] {
            place.server.jump(TimeSpan::from_secs(jump));
            place.server.get(&mailed.path()).await.is(404);
            place.redeem(&mailed.link, NEW).await.is_problem(404, "link_invalid");
            let answer = place.proceed(&challenge, json!({ "code": mailed.code })).await;
            assert_eq!(answer.status, 401, "{}", answer.text);
            assert_ne!(answer.code(), "password_change_required");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_newer_request_and_every_change_of_the_account_void_code_and_link() {
    on_both("recovery: void", async |backend| {
        let place = MailingServer::start(backend).await;
        let ada = place.user("ada", ADA).await;
        let user = format!("/v1/admin/users/{ada}");
        for what in ["newer", "password", "set password", "address", "everywhere", "disabled"] {
            let challenge = place.recover(ADA).await;
            let mailed = place.newest().await;
            place.server.get(&mailed.path()).await.is(200);
            let admin = async |method, path: &str, body| place.admin(method, path, body).await;
            match what {
                "newer" => {
                    place.recover(ADA).await;
                    assert_ne!(place.newest().await.link, mailed.link);
                }
                "password" => {
                    let tokens = place.server.login("ada").await;
                    let body = json!({"current_password": PASSWORD, "new_password": NEW});
                    place
                        .server
                        .call_as(Method::POST, "/v1/password", &tokens.access, body)
                        .await
                        .is(204);
                }
                "set password" => {
                    let body = json!({"password": PASSWORD, "permanent": true});
                    admin(Method::POST, &format!("{user}/password"), body).await.is(204);
                }
                "address" => {
                    let body = json!({"email": "ada@example.net", "email_verified": true});
                    admin(Method::PATCH, &user, body).await.is(200);
                    let body = json!({"email": ADA, "email_verified": true});
                    admin(Method::PATCH, &user, body).await.is(200);
                }
                "everywhere" => {
                    let path = format!("/v1/admin/sessions?user_id={ada}");
                    let ended = admin(Method::DELETE, &path, Value::Null).await;
                    assert!(ended.status < 300, "{}", ended.text);
                }
                _ => {
                    admin(Method::POST, &format!("{user}/disable"), Value::Null).await.is(200);
                }
            }
            place.server.get(&mailed.path()).await.is(404);
            place.redeem(&mailed.link, "yet another one").await.is_problem(404, "link_invalid");
            let answer = place.proceed(&challenge, json!({ "code": mailed.code })).await;
            answer.is_problem(401, "mfa_failed");
        }
    })
    .await;
}
