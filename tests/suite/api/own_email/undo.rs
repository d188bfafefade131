//! The previous address can undo a change, whatever else the attacker changes meanwhile.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use super::{ADA, NEW};
use crate::support::mailed::{Mailed, MailingServer};
use crate::support::on_both;
use crate::support::server::{PASSWORD, Tokens};

const THIRD: &str = "third@example.com";

fn to<'a>(mails: &'a [Mailed], address: &str) -> &'a Mailed {
    mails.iter().rfind(|mail| mail.to == address && mail.code.is_empty()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_is_taken_back_with_everything_the_thief_has() {
    on_both("own address: undo", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let thief = place.server.login("ada").await;
        let mails = place.change(&thief, NEW).await;
        // The attacker changes the password: the link stays valid.
        let body = json!({"current_password": PASSWORD, "new_password": "the password of a thief"});
        place.server.call_as(Method::POST, "/v1/password", &thief.access, body).await.is(204);
        place.server.advance(TimeSpan::from_mins(71 * 60));
        let undo = to(&mails, ADA);
        for _ in 0..5 {
            place.server.get(&undo.path()).await.is(200);
        }
        place.open(&undo.link).await.is(204);
        place.server.get_as("/v1/me", &thief.access).await.is(401);
        place.server.refresh(&thief.refresh).await.is(401);
        place
            .server
            .try_login("ada", "the password of a thief")
            .await
            .is_problem(401, "password_change_required");
        place.server.try_login(NEW, PASSWORD).await.is_problem(401, "invalid_credentials");
        let root = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
        let root = Tokens::of(&place.server.post("/v1/login", root).await);
        assert_eq!(place.server.events(&root, "email.change_undone").await.len(), 1);
        // The owner has the mailbox again.
        place.recover(ADA).await;
        let recovery = place.newest().await;
        assert_eq!(recovery.to, ADA);
        place.redeem(&recovery.link, "the password of ada").await.is(204);
        let tokens = json!({"login": ADA, "password": "the password of ada"});
        let access = place.server.post("/v1/login", tokens).await.is(200).string("access_token");
        let me = place.server.get_as("/v1/me", &access).await.is(200).json();
        assert_eq!((&me["email"], &me["email_verified"]), (&json!(ADA), &json!(true)));
        place.open(&undo.link).await.is_problem(404, "link_invalid");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_undo_returns_to_the_oldest_address() {
    on_both("own address: several changes", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let thief = place.server.login("ada").await;
        place.change(&thief, NEW).await;
        place.server.advance(TimeSpan::from_secs(1));
        let mails = place.change(&thief, THIRD).await;
        // The attacker's own link does not invalidate that of the owner.
        place.open(&to(&mails, NEW).link).await.is(204);
        place.open(&to(&mails, ADA).link).await.is(204);
        let path = "/v1/admin/users?limit=10";
        let users = place.server.get_as(path, &place.root.access).await.is(200).json();
        let ada = users["data"].as_array().unwrap().iter().find(|user| user["login"] == "ada");
        assert_eq!(ada.unwrap()["email"], ADA);
        // And nothing of the attacker remains.
        for address in [NEW, ADA] {
            place.open(&to(&mails, address).link).await.is_problem(404, "link_invalid");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_of_the_owner_voids_those_of_later_changes() {
    on_both("own address: undo voids later ones", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let thief = place.server.login("ada").await;
        place.change(&thief, NEW).await;
        place.server.advance(TimeSpan::from_secs(1));
        let mails = place.change(&thief, THIRD).await;
        place.open(&to(&mails, ADA).link).await.is(204);
        place.open(&to(&mails, NEW).link).await.is_problem(404, "link_invalid");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_ends_after_three_days_with_the_account_and_with_another_owner() {
    on_both("own address: end of undo", async |backend| {
        let place = MailingServer::start(backend).await;
        let ada = place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        let mails = place.change(&tokens, NEW).await;
        let undo = to(&mails, ADA);
        // Another user has verified the address since.
        let (bob, _) = place.unverified("bob", None).await;
        let path = format!("/v1/admin/users/{bob}");
        let verified = json!({"email": ADA, "email_verified": true});
        place.admin(Method::PATCH, &path, verified).await.is(200);
        place.open(&undo.link).await.is_problem(409, "email_taken");
        place.admin(Method::PATCH, &path, json!({"email": null})).await.is(200);
        let path = format!("/v1/admin/users/{ada}/disable");
        place.admin(Method::POST, &path, json!(null)).await.is(200);
        place.open(&undo.link).await.is_problem(404, "link_invalid");
        let path = format!("/v1/admin/users/{ada}/enable");
        place.admin(Method::POST, &path, json!(null)).await.is(200);
        // A change by an administrator is final.
        let path = format!("/v1/admin/users/{ada}");
        let decided = json!({"email": THIRD, "email_verified": true});
        place.admin(Method::PATCH, &path, decided).await.is(200);
        place.open(&undo.link).await.is_problem(404, "link_invalid");

        let tokens = place.server.login("ada").await;
        let mails = place.change(&tokens, NEW).await;
        place.server.advance(TimeSpan::from_mins(73 * 60));
        place.open(&to(&mails, THIRD).link).await.is_problem(404, "link_invalid");
    })
    .await;
}
