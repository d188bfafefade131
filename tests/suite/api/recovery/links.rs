//! Mailed links: opening one changes nothing, and of concurrent redemptions one succeeds.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signet::store::recovery_codes;

use super::{ADA, NEW};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::second_factors::Authenticator;
use crate::support::server::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn a_link_is_redeemed_once_by_the_form_of_its_page() {
    on_both("link: page", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        place.recover(ADA).await;
        let mailed = place.newest().await;
        let path = mailed.path();
        let ada = Person::new(&place.server, "ada");
        let page = ada.get(&path).await;
        assert!(!page.is(200).text.contains(&mailed.code));
        assert_eq!(page.header("referrer-policy"), "no-referrer");
        assert_eq!(page.header("cache-control"), "no-store");
        let csrf = field(&page.text, "csrf");
        // A form of another page or browser redeems nothing.
        let stranger = Person::new(&place.server, "eve");
        stranger.get(&path).await.is(200);
        for (person, csrf) in [(&ada, ""), (&ada, "x"), (&stranger, &*csrf)] {
            let fields = [("csrf", csrf), ("new_password", NEW)];
            person.post(&path, &fields).await.is(403);
        }
        let weak = ada.post(&path, &[("csrf", &csrf), ("new_password", "short")]).await;
        assert!(weak.is(422).text.contains("at least 8 characters"), "{}", weak.text);
        let done = ada.post(&path, &[("csrf", &csrf), ("new_password", NEW)]).await;
        let to = done.is(303).header("location").to_owned();
        assert!(
            done.headers
                .get_all("set-cookie")
                .iter()
                .all(|c| !c.to_str().unwrap().contains("session"))
        );
        let login = ada.get(&ada.below_base(&to)).await;
        assert!(login.is(200).text.contains("Your password was saved."), "{}", login.text);
        let second = ada.post(&path, &[("csrf", &csrf), ("new_password", "yet another one")]).await;
        // The page gives the reason and offers a new one.
        assert!(second.is(404).text.contains("Request a new one"), "{}", second.text);
        assert!(second.text.contains("/recover\""), "{}", second.text);
        assert_eq!(place.server.try_login("ada", NEW).await.status, 200);
        for bad in ["x", &"A".repeat(43), &"A".repeat(5_000)] {
            place.server.get(&format!("/link/{bad}")).await.is(404);
            place.redeem(bad, NEW).await.is_problem(404, "link_invalid");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_twenty_that_redeem_one_link_one_sets_its_password() {
    on_both("link: race", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        place.recover(ADA).await;
        let mailed = place.newest().await;
        let passwords: Vec<String> = (0..20).map(|n| format!("the password of {n:02}")).collect();
        let redeemed = join_all(passwords.iter().map(|new| place.redeem(&mailed.link, new))).await;
        let won: Vec<usize> = (0..20).filter(|n| redeemed[*n].status == 204).collect();
        assert_eq!(won.len(), 1, "{redeemed:?}");
        for (number, answer) in redeemed.iter().enumerate().filter(|(number, _)| *number != won[0])
        {
            assert_eq!(answer.code(), "link_invalid", "{number}");
        }
        for (number, password) in passwords.iter().enumerate() {
            let expected = if number == won[0] { 200 } else { 401 };
            assert_eq!(place.server.try_login("ada", password).await.status, expected);
        }
    })
    .await;
}

/// Nothing is used up before the second factor and the new password are both accepted.
#[tokio::test(flavor = "multi_thread")]
async fn a_link_asks_for_the_second_factor_of_the_account() {
    on_both("link: second factor", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("tia", ADA).await;
        let tokens = place.server.login("tia").await;
        let app = Authenticator::enrol(&place.server, &tokens).await;
        place.recover(ADA).await;
        let mailed = place.newest().await;
        place.redeem(&mailed.link, NEW).await.is_problem(401, "mfa_required");
        let redeem = async |code: &str, new: &str| {
            let body = json!({"token": mailed.link, "code": code, "new_password": new});
            place.server.post("/v1/link", body).await
        };
        redeem(&app.wrong_code(&place.server), NEW).await.is_problem(401, "mfa_failed");
        let code = app.new_code(&place.server);
        // A refused password does not use the code up.
        redeem(&code, "short").await.is_problem(422, "weak_password");
        place.server.get(&mailed.path()).await.is(200);
        let me = place.server.get_as("/v1/me", &tokens.access).await;
        me.is(200);
        redeem(&code, NEW).await.is(204);
        place.server.get_as("/v1/me", &tokens.access).await.is(401);
        let answer = place.server.try_login("tia", NEW).await;
        answer.is_problem(401, "mfa_required");

        // At the page, with a recovery code.
        place.recover(ADA).await;
        let mailed = place.newest().await;
        let tia = Person::new(&place.server, "tia");
        let page = tia.get(&mailed.path()).await;
        let csrf = field(&page.is(200).text, "csrf");
        let post = async |code: &str| {
            let fields = [("csrf", &*csrf), ("code", code), ("new_password", PASSWORD)];
            tia.post(&mailed.path(), &fields).await
        };
        post("").await.is(401);
        post("123").await.is(401);
        post(&app.recovery_codes[0]).await.is(303);
        place.server.try_login("tia", PASSWORD).await.is_problem(401, "mfa_required");
    })
    .await;
}

/// Nor if the entered password is the one that an administrator has set. Only the holder of a right code learns that.
#[tokio::test(flavor = "multi_thread")]
async fn a_temporary_password_typed_again_uses_no_code_up() {
    const TEMPORARY: &str = "a temporary password";
    on_both("link: temporary password", async |backend| {
        let place = MailingServer::start(backend).await;
        let id = place.user("tia", ADA).await;
        let tokens = place.server.login("tia").await;
        let app = Authenticator::enrol(&place.server, &tokens).await;
        let path = format!("/v1/admin/users/{id}/password");
        place.admin(Method::POST, &path, json!({"password": TEMPORARY})).await.is(204);
        place.recover(ADA).await;
        let mailed = place.newest().await;
        let redeem = async |code: &str, new: &str| {
            let body = json!({"token": mailed.link, "code": code, "new_password": new});
            place.server.post("/v1/link", body).await
        };
        let left = async || {
            let mut reader = place.server.app.db.reader().await.unwrap();
            recovery_codes::left(&mut reader, id.parse().unwrap()).await.unwrap()
        };
        redeem("AAAA-AAAA-AAAA-AAAA", TEMPORARY).await.is_problem(401, "mfa_failed");
        redeem(&app.wrong_code(&place.server), TEMPORARY).await.is_problem(401, "mfa_failed");
        let totp = app.new_code(&place.server);
        for code in [&*totp, &*app.recovery_codes[0]] {
            let refused = redeem(code, TEMPORARY).await;
            refused.is_problem(422, "weak_password");
            assert_eq!(refused.json()["errors"][0]["code"], "unchanged");
        }
        assert_eq!(left().await, 10);
        place.server.get(&mailed.path()).await.is(200);
        // Of concurrent requests with one code and one link, one uses both up.
        let passwords: Vec<String> = (0..10).map(|n| format!("the password of {n:02}")).collect();
        let code = &app.recovery_codes[0];
        let redeemed = join_all(passwords.iter().map(|new| redeem(code, new))).await;
        let statuses: Vec<u16> = redeemed.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 204).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| *status < 500), "{statuses:?}");
        assert_eq!(left().await, 9);
        // The code of the app was not used up by any of it.
        let won = statuses.iter().position(|status| *status == 204).unwrap();
        let body = json!({"login": "tia", "password": passwords[won], "code": totp});
        place.server.post("/v1/login", body).await.is(200);
    })
    .await;
}

/// A code that was used meanwhile is treated as wrong, and does not affect the link.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_used_before_consumes_no_link() {
    on_both("link: used code", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("tia", ADA).await;
        let tokens = place.server.login("tia").await;
        let app = Authenticator::enrol(&place.server, &tokens).await;
        let code = app.new_code(&place.server);
        let body = json!({"login": "tia", "password": PASSWORD, "code": code});
        place.server.post("/v1/login", body).await.is(200);
        place.recover(ADA).await;
        let mailed = place.newest().await;
        let body = |code: &str| json!({"token": mailed.link, "code": code, "new_password": NEW});
        let events = async || place.server.events(&place.root, "factor.failed").await.len();
        let before = events().await;
        place.server.post("/v1/link", body(&code)).await.is_problem(401, "mfa_failed");
        assert_eq!(events().await, before + 1);
        let fresh = app.new_code(&place.server);
        place.server.post("/v1/link", body(&fresh)).await.is(204);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_a_link_are_checked() {
    on_both("link: members", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        place.recover(ADA).await;
        let mailed = place.newest().await;
        for (body, field) in [
            (json!({}), "token"),
            (json!({"token": 1}), "token"),
            (json!({"token": mailed.link}), "new_password"),
            (json!({"token": mailed.link, "new_password": NEW, "more": 1}), "more"),
        ] {
            let answer = place.server.post("/v1/link", body).await;
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], field);
        }
        let request = place.server.request(Method::GET, "/v1/link");
        place.server.send(request).await.is(405);
        place.redeem(&mailed.link, NEW).await.is(204);
    })
    .await;
}
