//! Administrators helping users who cannot sign in: invitations, links for a new password, unlocking.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::mailed::MailingServer;
use crate::support::relying_party::{Person, field};
use crate::support::second_factors::Authenticator;
use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Server, on_both};

const ADA: &str = "ada@example.org";
const NEW: &str = "a password that is new";

/// Creates a user without a password who is invited. Returns the id and the response.
async fn invited(place: &MailingServer) -> (String, Value) {
    let body = json!({"login": "ada", "email": ADA, "invite": true});
    let created = place.admin(Method::POST, "/v1/admin/users", body).await;
    (created.is(201).string("id"), created.json())
}

async fn invite(place: &MailingServer, id: &str) -> crate::support::server::Answer {
    place.admin(Method::POST, &format!("/v1/admin/users/{id}/invite"), Value::Null).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_is_accepted_once_and_verifies_the_address() {
    on_both("invitations: once", async |backend| {
        let place = MailingServer::start(backend).await;
        let (ada, created) = invited(&place).await;
        assert_eq!(created["email_verified"], false);
        let invitation = json!({"mailed_to": ADA, "link": null, "expires_in": 7 * 24 * 3_600});
        assert_eq!(created["invitation"], invitation);
        let first = place.newest().await;
        assert_eq!((&*first.to, &*first.code), (ADA, ""));
        // Another one invalidates it.
        invite(&place, &ada).await.is(200);
        let second = place.newest().await;
        place.server.get(&first.path()).await.is(404);
        place.redeem(&first.link, NEW).await.is_problem(404, "link_invalid");
        place.server.advance(TimeSpan::from_secs(7 * 24 * 3_600 - 1));
        place.server.get(&second.path()).await.is(200);
        let passwords: Vec<String> = (0..10).map(|n| format!("the password of {n:02}")).collect();
        let all = join_all(passwords.iter().map(|new| place.redeem(&second.link, new))).await;
        let won: Vec<usize> = (0..10).filter(|n| all[*n].status == 204).collect();
        assert_eq!(won.len(), 1, "{all:?}");
        assert!(all.iter().all(|answer| answer.status == 204 || answer.code() == "link_invalid"));
        assert_eq!(place.server.try_login("ada", &passwords[won[0]]).await.status, 200);
        // By the address as well, which is verified now.
        assert_eq!(place.server.try_login(ADA, &passwords[won[0]]).await.status, 200);
        let root = log_in_again(&place).await;
        let events = place.server.events(&root, "invitation.accepted").await;
        assert_eq!((events.len(), &events[0]["detail"]), (1, &json!("verified")));
        let path = format!("/v1/admin/users/{ada}/invite");
        let again = place.server.call_as(Method::POST, &path, &root.access, Value::Null).await;
        again.is_problem(409, "conflict");
    })
    .await;
}

/// The administrator's token, renewed because time has passed.
async fn log_in_again(place: &MailingServer) -> Tokens {
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    Tokens::of(&place.server.post("/v1/login", body).await)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_expires_after_seven_days_and_with_a_password() {
    on_both("invitations: end", async |backend| {
        let place = MailingServer::start(backend).await;
        let (ada, _) = invited(&place).await;
        let first = place.newest().await;
        let body = json!({"password": PASSWORD, "permanent": true});
        place.admin(Method::POST, &format!("/v1/admin/users/{ada}/password"), body).await.is(204);
        place.redeem(&first.link, NEW).await.is_problem(404, "link_invalid");
        let body = json!({"login": "bob", "email": "bob@example.org", "invite": true});
        place.admin(Method::POST, "/v1/admin/users", body).await.is(201);
        let second = place.newest().await;
        place.server.advance(TimeSpan::from_secs(7 * 24 * 3_600));
        place.redeem(&second.link, NEW).await.is_problem(404, "link_invalid");
    })
    .await;
}

/// A link that is handed over proves no address, and an address that another user has verified stays theirs.
#[tokio::test(flavor = "multi_thread")]
async fn an_invitation_proves_an_address_only_by_mail_and_only_a_free_one() {
    on_both("invitations: address", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let body = json!({"login": "ada", "email": ADA, "invite": true});
        let created = server.call_as(Method::POST, "/v1/admin/users", &root.access, body).await;
        let invitation = created.is(201).json()["invitation"].clone();
        let link = invitation["link"].as_str().unwrap();
        let token = link.strip_prefix(&format!("{}/link/", server.base)).unwrap();
        let page = server.get(&format!("/link/{token}")).await;
        assert!(page.is(200).text.contains("Choose a password for your account."), "{}", page.text);
        server.post("/v1/link", json!({"token": token, "new_password": NEW})).await.is(204);
        let tokens = Tokens::of(&server.try_login("ada", NEW).await);
        assert_eq!(server.get_as("/v1/me", &tokens.access).await.json()["email_verified"], false);

        let place = MailingServer::start(backend).await;
        invited(&place).await;
        let mailed = place.newest().await;
        place.user("vic", ADA).await;
        place.redeem(&mailed.link, NEW).await;
        let vic = place.server.login(ADA).await;
        assert_eq!(place.server.get_as("/v1/me", &vic.access).await.json()["login"], "vic");
        for (body, field) in [
            (json!({"login": "eve", "password": PASSWORD, "invite": true}), "invite"),
            (json!({"login": "eve", "invite": "yes"}), "invite"),
        ] {
            let answer = place.admin(Method::POST, "/v1/admin/users", body).await;
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], field);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_administrator_sends_a_link_for_a_new_password() {
    on_both("recovery: by an administrator", async |backend| {
        let place = MailingServer::start(backend).await;
        let tia = place.user("tia", ADA).await;
        let tokens = place.server.login("tia").await;
        let app = Authenticator::enrol(&place.server, &tokens).await;
        let path = format!("/v1/admin/users/{tia}/recovery");
        let sent = place.admin(Method::POST, &path, Value::Null).await;
        assert_eq!(
            sent.is(200).json(),
            json!({"mailed_to": ADA, "link": null, "expires_in": 86_400})
        );
        let mailed = place.newest().await;
        assert_eq!(mailed.code, "");
        // Nothing has changed yet, and the second factor is required.
        place.server.get_as("/v1/me", &tokens.access).await.is(200);
        place.server.advance(TimeSpan::from_mins(60));
        place.redeem(&mailed.link, NEW).await.is_problem(401, "mfa_required");
        let code = app.new_code(&place.server);
        let body = json!({"token": mailed.link, "code": code, "new_password": NEW});
        place.server.post("/v1/link", body).await.is(204);
        place.server.try_login("tia", NEW).await.is_problem(401, "mfa_required");
        // Without a verified address the link is returned.
        let root = log_in_again(&place).await;
        let body = json!({"login": "eve", "password": PASSWORD, "email": "eve@example.org"});
        let post = async |path: &str, body| {
            place.server.call_as(Method::POST, path, &root.access, body).await
        };
        let eve = post("/v1/admin/users", body).await.is(201).string("id");
        let sent = post(&format!("/v1/admin/users/{eve}/recovery"), Value::Null).await;
        assert_eq!(sent.is(200).json()["mailed_to"], Value::Null);
        let link = sent.string("link");
        let eve_page = Person::new(&place.server, "eve");
        let page = eve_page.get(&eve_page.below_base(&link)).await;
        let csrf = field(&page.is(200).text, "csrf");
        let fields = [("csrf", &*csrf), ("new_password", NEW)];
        eve_page.post(&eve_page.below_base(&link), &fields).await.is(303);
        assert_eq!(place.server.try_login("eve", NEW).await.status, 200);
        // An unknown user, and a disabled one.
        let nobody = "/v1/admin/users/0190f5a2-7c1e-7b7c-9d0e-2f6a8c1b3d4e";
        post(&format!("/v1/admin/users/{eve}/disable"), Value::Null).await.is(200);
        for what in ["invite", "recovery"] {
            post(&format!("{nobody}/{what}"), Value::Null).await.is_problem(404, "not_found");
            let path = format!("/v1/admin/users/{eve}/{what}");
            post(&path, Value::Null).await.is_problem(409, "conflict");
            let answer =
                place.server.call_as(Method::POST, &path, &tokens.access, Value::Null).await;
            answer.is(401);
        }
        post(&format!("{nobody}/unlock"), Value::Null).await.is_problem(404, "not_found");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unlocking_clears_the_counters_of_password_and_second_factor() {
    on_both("unlock", async |backend| {
        let place = MailingServer::with(backend, &[("SIGNET_RATE_LIMITS", "on")]).await;
        let tia = place.user("tia", ADA).await;
        let tokens = place.server.login("tia").await;
        let app = Authenticator::enrol(&place.server, &tokens).await;
        let unlock = async || {
            let path = format!("/v1/admin/users/{tia}/unlock");
            place.admin(Method::POST, &path, Value::Null).await.is(204);
        };
        let with_code = async |code: &str| {
            let body = json!({"login": "tia", "password": PASSWORD, "code": code});
            place.server.post("/v1/login", body).await
        };
        for _ in 0..5 {
            with_code(&app.wrong_code(&place.server)).await.is_problem(401, "mfa_failed");
        }
        let code = app.new_code(&place.server);
        with_code(&code).await.is_problem(429, "too_many_attempts");
        unlock().await;
        with_code(&code).await.is(200);
        for _ in 0..20 {
            place.server.try_login("tia", "wrong password").await.is(401);
        }
        let code = app.new_code(&place.server);
        with_code(&code).await.is_problem(429, "too_many_attempts");
        unlock().await;
        with_code(&code).await.is(200);
        let events = place.server.events(&place.root, "user.unlocked").await;
        assert_eq!(events.len(), 2);
    })
    .await;
}
