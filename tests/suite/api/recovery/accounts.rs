//! The account after a recovery: all earlier sessions have ended, and no new one is opened.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ADA, NEW};
use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::second_factors::Authenticator;
use crate::support::server::{Answer, PASSWORD};
use crate::support::software_authenticator::SoftwareAuthenticator;

/// No response of a recovery has a token or a cookie.
#[track_caller]
fn opens_nothing(answer: &Answer) {
    assert!(answer.headers.get("set-cookie").is_none(), "{answer:?}");
    assert!(!answer.text.contains("_token"), "{}", answer.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_comes_before_the_new_password_in_every_order() {
    on_both("recovery: steps", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("tia", ADA).await;
        let tokens = place.server.login("tia").await;
        let app = Authenticator::enrol(&place.server, &tokens).await;
        let first = place.recover(ADA).await;
        let mailed = place.newest().await;
        let step = async |challenge: &str, more: serde_json::Value| {
            let answer = place.proceed(challenge, more).await;
            opens_nothing(&answer);
            answer
        };
        // Before the mailed code no other factor is accepted.
        let early = step(&first, json!({ "new_password": NEW })).await;
        assert_eq!(early.is_problem(401, "mfa_required").json()["methods"], json!(["mailed_code"]));
        let code = app.new_code(&place.server);
        step(&first, json!({ "code": code })).await.is_problem(401, "mfa_required");
        let second = step(&first, json!({ "code": mailed.code })).await;
        let methods = json!(["totp", "recovery_code"]);
        assert_eq!(second.is_problem(401, "mfa_required").json()["methods"], methods);
        let second = second.string("challenge");
        let early = step(&second, json!({ "new_password": NEW })).await;
        assert_eq!(early.is_problem(401, "mfa_required").json()["methods"], methods);
        // A mailbox is one factor, however often it is proved.
        step(&second, json!({ "code": mailed.code, "method": "mailed_code" }))
            .await
            .is_problem(401, "mfa_required");
        let wrong = app.wrong_code(&place.server);
        step(&second, json!({ "code": wrong })).await.is_problem(401, "mfa_failed");
        let third = step(&second, json!({ "code": code })).await;
        let third = third.is_problem(401, "password_change_required").string("challenge");
        let weak = step(&third, json!({ "new_password": "short" })).await;
        weak.is_problem(422, "weak_password");
        step(&third, json!({ "new_password": NEW })).await.is(204);
        place.server.try_login("tia", NEW).await.is_problem(401, "mfa_required");
        place.server.get_as("/v1/me", &tokens.access).await.is(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_ends_all_sessions_and_notifies_the_owner() {
    on_both("recovery: ends", async |backend| {
        let place = MailingServer::start(backend).await;
        let ada = place.user("ada", ADA).await;
        let must = json!({ "must_change_password": true });
        let tokens = place.server.login("ada").await;
        let browser = Person::new(&place.server, "ada");
        let page = browser.get("/login").await;
        browser.log_in(&page, PASSWORD).await.is(303);
        browser.get("/account").await.is(200);
        place.admin(Method::PATCH, &format!("/v1/admin/users/{ada}"), must).await.is(200);
        // A sign-in that waits for a step, too.
        let pending = place.server.try_login("ada", PASSWORD).await;
        let pending = pending.is_problem(401, "password_change_required").string("challenge");
        let challenge = place.recover(ADA).await;
        let mailed = place.newest().await;
        let right = place.proceed(&challenge, json!({ "code": mailed.code })).await;
        let next = right.is_problem(401, "password_change_required").string("challenge");
        // The password that the administrator knows is not accepted as a new one.
        place
            .proceed(&next, json!({ "new_password": PASSWORD }))
            .await
            .is_problem(422, "weak_password");
        place.proceed(&next, json!({ "new_password": NEW })).await.is(204);
        place.server.get_as("/v1/me", &tokens.access).await.is(401);
        place.server.refresh(&tokens.refresh).await.is(401);
        browser.get("/account").await.is(303);
        let answer = place.proceed(&pending, json!({ "new_password": "yet another one" })).await;
        answer.is_problem(401, "challenge_invalid");
        assert_eq!(
            place.server.try_login("ada", NEW).await.status,
            200,
            "nothing to change any more"
        );
        place.delivered().await;
        let notice = place.sink.received().pop().unwrap();
        assert_eq!(notice.header("subject"), "Your password was reset");
        let events = place.server.events(&place.root, "account.recovered").await;
        assert_eq!((events.len(), &events[0]["detail"]), (1, &json!("recover")));
    })
    .await;
}

/// Attackers who have locked an account do not prevent its owner from recovering it.
#[tokio::test(flavor = "multi_thread")]
async fn a_recovery_clears_the_lockout_of_the_account() {
    on_both("recovery: lockout", async |backend| {
        let place = MailingServer::with(backend, &[("SIGNET_RATE_LIMITS", "on")]).await;
        place.user("ada", ADA).await;
        for _ in 0..20 {
            place.server.try_login("ada", "wrong password").await.is(401);
        }
        place.server.try_login("ada", PASSWORD).await.is_problem(429, "too_many_attempts");
        place.recover(ADA).await;
        place.redeem(&place.newest().await.link, NEW).await.is(204);
        assert_eq!(place.server.try_login("ada", NEW).await.status, 200);
    })
    .await;
}

/// The request of an application is kept while its user recovers the account in the same browser.
#[tokio::test(flavor = "multi_thread")]
async fn the_pages_lead_from_a_forgotten_password_back_to_the_sign_in() {
    on_both("recovery: pages", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("tia", ADA).await;
        let tokens = place.server.login("tia").await;
        let app = Authenticator::enrol(&place.server, &tokens).await;
        let tia = Person::new(&place.server, "tia");
        let login = tia.get("/login").await;
        assert!(login.text.contains("Forgot your password?"), "{}", login.text);
        let flow = field(&login.text, "flow");
        let form = tia.get(&format!("/recover?flow={flow}")).await;
        assert_eq!(field(&form.is(200).text, "flow"), flow);
        let bad = tia.post("/recover", &[("flow", &flow), ("email", "tia")]).await;
        assert!(bad.is(422).text.contains("not a valid e-mail address"), "{}", bad.text);
        let sent = tia.post("/recover", &[("flow", &flow), ("email", ADA)]).await;
        let page = tia.get(&tia.below_base(sent.is(303).header("location"))).await;
        let challenge = field(&page.is(200).text, "challenge");
        let mailed = place.newest().await;
        // Neither in another browser nor in another recovery.
        let eve = Person::new(&place.server, "eve");
        eve.get("/login").await;
        let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", &*mailed.code)];
        eve.post("/recover/code", &fields).await.is(403);
        let wrong = mailed.wrong_code();
        let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", &*wrong)];
        let refused = tia.post("/recover/code", &fields).await;
        assert!(refused.is(401).text.contains("The code is wrong"), "{}", refused.text);
        let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", &*mailed.code)];
        let right = tia.post("/recover/code", &fields).await;
        let page = tia.get(&tia.below_base(right.is(303).header("location"))).await;
        assert!(page.is(200).text.contains("recovery code"), "{}", page.text);
        let challenge = field(&page.text, "challenge");
        let code = app.new_code(&place.server);
        let post = async |code: &str, new: &str| {
            let fields = [
                ("flow", &*flow),
                ("challenge", &*challenge),
                ("code", code),
                ("new_password", new),
            ];
            tia.post("/recover/password", &fields).await
        };
        assert!(post(&code, "short").await.is(422).text.contains("at least 8 characters"));
        post("123456", NEW).await.is(401);
        place.server.advance(TimeSpan::from_secs(30));
        let code = app.code(&place.server, 0);
        let done = post(&code, NEW).await;
        let to = tia.below_base(done.is(303).header("location"));
        assert!(done.headers.get("set-cookie").is_none(), "{done:?}");
        let login = tia.get(&to).await;
        assert!(login.is(200).text.contains("Your password was saved."), "{}", login.text);
        tia.get("/account").await.is(303);
    })
    .await;
}

/// A recovery cannot use a passkey, and names the alternatives, only to a user who has proved the mailbox.
#[tokio::test(flavor = "multi_thread")]
async fn an_account_whose_second_factor_is_a_passkey_alone_learns_the_way_on() {
    on_both("recovery: passkey only", async |backend| {
        let issuer = "https://id.example.com";
        let place = MailingServer::with(backend, &[("SIGNET_ISSUER", issuer)]).await;
        let server = &place.server;
        let pia = place.user("pia", ADA).await;
        let tokens = server.login("pia").await;
        let mut passkey = SoftwareAuthenticator::new(issuer);
        let path = "/v1/factors/passkeys";
        let begun = server
            .call_as(Method::POST, &format!("{path}/options"), &tokens.access, Value::Null)
            .await;
        let begun = begun.is(200).json();
        let credential = passkey.create(&begun["public_key"]);
        let body = json!({"challenge": begun["challenge"], "credential": credential,
            "second_factor": true});
        let added = server.call_as(Method::POST, path, &tokens.access, body).await.is(201).json();
        // With recovery codes left the recovery requires one.
        let challenge = place.recover(ADA).await;
        let asked = place.proceed(&challenge, json!({"code": place.newest().await.code})).await;
        let methods = asked.is_problem(401, "mfa_required").json()["methods"].clone();
        assert_eq!(methods, json!(["recovery_code"]));
        for code in added["recovery_codes"].as_array().unwrap() {
            let body = json!({"login": "pia", "password": PASSWORD, "code": code});
            server.post("/v1/login", body).await.is(200);
        }
        let challenge = place.recover(ADA).await;
        let mailed = place.newest().await;
        let wrong = place.proceed(&challenge, json!({"code": mailed.wrong_code()})).await;
        wrong.is_problem(401, "mfa_failed");
        let told = |answer: &Answer| {
            let detail = answer.is_problem(403, "forbidden").string("detail");
            assert!(detail.contains("passkey") && detail.contains("administrator"), "{detail}");
        };
        told(&place.proceed(&challenge, json!({"code": mailed.code})).await);
        told(&place.redeem(&mailed.link, NEW).await);
        let page = server.get(&mailed.path()).await;
        assert!(page.is(403).text.contains("Sign in with the passkey"), "{}", page.text);
        assert!(page.text.contains("/login\""), "{}", page.text);
        // At the page of the code as well, in the user's language.
        let person = Person::new(server, "pia");
        let flow = field(&person.get("/recover").await.is(200).text, "flow");
        let sent = person.post("/recover", &[("flow", &flow), ("email", ADA)]).await;
        let page = person.get(&person.below_base(sent.is(303).header("location"))).await;
        let challenge = field(&page.is(200).text, "challenge");
        let code = place.newest().await.code;
        let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", &*code)];
        let refused = person.post("/recover/code", &fields).await;
        assert!(refused.is(403).text.contains("Sign in with the passkey"), "{}", refused.text);
        // Nothing has changed, and the administrator can help.
        server.get_as("/v1/me", &tokens.access).await.is(200);
        server.try_login("pia", PASSWORD).await.is_problem(401, "mfa_required");
        let path = format!("/v1/admin/users/{pia}/factors");
        place.admin(Method::DELETE, &path, Value::Null).await.is(204);
        place.recover(ADA).await;
        place.redeem(&place.newest().await.link, NEW).await.is(204);
    })
    .await;
}

/// A recovery may keep the old password: refusing it would disclose to a reader of the mailbox that a guess was right.
#[tokio::test(flavor = "multi_thread")]
async fn the_new_password_of_a_recovery_may_be_the_old_one() {
    on_both("recovery: same password", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        place.recover(ADA).await;
        place.redeem(&place.newest().await.link, PASSWORD).await.is(204);
        place.server.get_as("/v1/me", &tokens.access).await.is(401);
        place.server.login("ada").await;
    })
    .await;
}
