//! Codes and links of a sign-up: one account, in its flow.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use super::{ADA, NEW, begin, complete, users, verified};
use crate::support::on_both;
use crate::support::server::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn of_ten_completions_of_one_proof_one_makes_an_account() {
    on_both("sign-up: race", async |backend| {
        let place = verified(backend, &[]).await;
        let challenge = begin(&place, NEW).await;
        let mailed = place.newest().await;
        let of_code = (0..5).map(
            |n| json!({"challenge": challenge, "code": mailed.code, "login": format!("ada{n}")}),
        );
        let of_link = (5..10).map(|n| json!({"token": mailed.link, "login": format!("ada{n}")}));
        let answers = join_all(of_code.chain(of_link).map(|body| complete(&place, body))).await;
        let made: Vec<_> = answers.iter().filter(|answer| answer.status == 201).collect();
        assert_eq!(made.len(), 1, "{answers:?}");
        for answer in answers.iter().filter(|answer| answer.status != 201) {
            let told = (answer.status, answer.code());
            let expected = [(401, "mfa_failed"), (401, "challenge_invalid"), (404, "link_invalid")];
            assert!(expected.iter().any(|(s, c)| told == (*s, (*c).to_owned())), "{told:?}");
        }
        assert_eq!(users(&place).await, 1);
        let mut link = place.server.app.db.reader().await.unwrap();
        let owners =
            signet::fetch_optional!(&mut link, (i64,), "SELECT count(*) FROM email_owners");
        assert_eq!(owners.unwrap(), Some((1,)));
        drop(link);
        // The account of the successful request signs in, by login and by address.
        let login = made[0].string("login");
        for name in [&*login, NEW] {
            assert_eq!(place.server.try_login(name, PASSWORD).await.status, 200, "{name}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_counts_in_its_flow_only_and_scanners_do_not_use_it_up() {
    on_both("sign-up: flow", async |backend| {
        let place = verified(backend, &[]).await;
        let challenge = begin(&place, NEW).await;
        let mailed = place.newest().await;
        for _ in 0..20 {
            place.server.get(&mailed.path()).await.is(200);
            let head = place.server.request(Method::HEAD, &mailed.path());
            place.server.send(head).await.is(200);
        }
        let other = begin(&place, "other@example.org").await;
        place.user("ada", ADA).await;
        let recovery = place.recover(ADA).await;
        for _ in 0..6 {
            let body = json!({"challenge": other, "code": mailed.code});
            complete(&place, body).await.is_problem(401, "mfa_failed");
        }
        for bad in [&*recovery, "sch_AAAA", "x", ""] {
            let body = json!({"challenge": bad, "code": mailed.code});
            complete(&place, body).await.is_problem(401, "challenge_invalid");
        }
        // A challenge of a sign-up is not accepted in a sign-in or a recovery.
        for more in [json!({"code": mailed.code}), json!({"new_password": PASSWORD})] {
            place.proceed(&challenge, more).await.is_problem(401, "challenge_invalid");
        }
        for path in ["/v1/me", "/oauth2/userinfo"] {
            place.server.get_as(path, &challenge).await.is(401);
        }
        // None of these used up an attempt of the right flow, which has five.
        for _ in 0..4 {
            let wrong = json!({"challenge": challenge, "code": mailed.wrong_code()});
            complete(&place, wrong).await.is_problem(401, "mfa_failed");
        }
        complete(&place, json!({"challenge": challenge, "code": mailed.code})).await.is(201);
        for used in [
            json!({"challenge": challenge, "code": mailed.code, "login": "again"}),
            json!({"token": mailed.link, "login": "again"}),
        ] {
            let refused = complete(&place, used).await;
            assert!([401, 404].contains(&refused.status), "{}", refused.text);
        }
        place.server.get(&mailed.path()).await.is(404);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_flows_for_one_address_the_newer_counts() {
    on_both("sign-up: two flows", async |backend| {
        let place = verified(backend, &[]).await;
        let older = begin(&place, NEW).await;
        let first = place.newest().await;
        let newer = begin(&place, "NEW@example.org").await;
        let second = place.newest().await;
        for body in [
            json!({"challenge": older, "code": first.code}),
            json!({"challenge": older, "code": second.code}),
            json!({"challenge": newer, "code": first.code}),
        ] {
            complete(&place, body).await.is_problem(401, "mfa_failed");
        }
        let body = json!({ "token": first.link });
        complete(&place, body).await.is_problem(404, "link_invalid");
        complete(&place, json!({"challenge": newer, "code": second.code})).await.is(201);
        // Both concurrently, each with its own newest code: the database lets one own the address.
        let races =
            join_all((0..2).map(|_| async { begin(&place, "twin@example.org").await })).await;
        let codes = place.all().await;
        let tried = races.iter().flat_map(|challenge| {
            let newest = codes.iter().rev().filter(|mail| mail.to == "twin@example.org").take(2);
            newest.map(
                move |mail| json!({"challenge": challenge, "code": mail.code, "login": &mail.code}),
            )
        });
        let answers = join_all(tried.map(|body| complete(&place, body))).await;
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, 1, "{answers:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_wrong_codes_void_a_code_and_ten_minutes_end_it() {
    on_both("sign-up: tries and life", async |backend| {
        let place = verified(backend, &[]).await;
        let challenge = begin(&place, NEW).await;
        let mailed = place.newest().await;
        let wrong = json!({"challenge": challenge, "code": mailed.wrong_code()});
        for answer in join_all((0..20).map(|_| complete(&place, wrong.clone()))).await {
            answer.is_problem(401, "mfa_failed");
        }
        let right = json!({"challenge": challenge, "code": mailed.code});
        complete(&place, right).await.is_problem(401, "mfa_failed");

        let challenge = begin(&place, NEW).await;
        let mailed = place.newest().await;
        place.server.advance(TimeSpan::from_secs(601));
        for jump in [0, -3_600] {
            place.server.jump(TimeSpan::from_secs(jump));
            let late = json!({"challenge": challenge, "code": mailed.code});
            assert_eq!(complete(&place, late).await.status, 401);
            let late = json!({ "token": mailed.link });
            complete(&place, late).await.is_problem(404, "link_invalid");
        }
        assert_eq!(users(&place).await, 0);
    })
    .await;
}

/// The proof stays valid while the user chooses a login.
#[tokio::test(flavor = "multi_thread")]
async fn a_taken_login_is_reported_only_after_verification_and_costs_no_attempt() {
    on_both("sign-up: login taken", async |backend| {
        let place = verified(backend, &[]).await;
        place.user("ada", ADA).await;
        let challenge = begin(&place, NEW).await;
        let mailed = place.newest().await;
        // Before the proof a taken login and a free one have the same response.
        for login in ["ada", "free"] {
            let wrong =
                json!({"challenge": challenge, "code": mailed.wrong_code(), "login": login});
            complete(&place, wrong).await.is_problem(401, "mfa_failed");
        }
        let taken = json!({"challenge": challenge, "code": mailed.code, "login": "ada"});
        let mut refused = complete(&place, taken).await;
        for _ in 0..10 {
            refused.is_problem(409, "login_taken");
            assert_eq!(refused.json()["errors"][0]["field"], "login");
            // The challenge stands for the proof: no code is required any more.
            let next = json!({"challenge": refused.string("challenge"), "login": "ADA"});
            refused = complete(&place, next).await;
        }
        place.server.advance(TimeSpan::from_mins(11));
        let next = refused.string("challenge");
        complete(&place, json!({"challenge": next, "login": "lovelace"})).await.is(201);
        let used = complete(&place, json!({"challenge": next, "login": "again"})).await;
        used.is_problem(401, "challenge_invalid");
    })
    .await;
}
