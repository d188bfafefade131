//! A change takes effect with the code or the link, and not before.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ADA, CHANGED, CONFIRM, NEW, REQUESTED};
use crate::support::mailed::MailingServer;
use crate::support::server::{PASSWORD, Server, Tokens};
use crate::support::{Backend, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_changed_by_the_code_that_went_to_the_new_one() {
    on_both("own address: change", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        // A sign-in that is too old changes nothing.
        place.server.advance(TimeSpan::from_mins(6));
        let stale = place.ask(&tokens, NEW).await;
        stale.is_problem(401, "reauthentication_required");
        let header = stale.header("www-authenticate");
        assert!(header.contains(r#"error="insufficient_user_authentication""#), "{header}");
        assert!(header.contains(r#"max_age="300""#), "{header}");
        assert!(place.subjects(NEW).await.is_empty() && place.subjects(ADA).await.is_empty());

        let tokens = place.server.login("ada").await;
        let asked = place.ask(&tokens, NEW).await;
        assert_eq!(asked.is(202).json(), json!({"pending_email": NEW, "expires_in": 600}));
        assert_eq!(place.email_of(&tokens).await, json!([ADA, true, NEW]));
        assert_eq!(place.subjects(NEW).await, [CONFIRM]);
        assert_eq!(place.subjects(ADA).await, [REQUESTED]);
        let code = place.newest().await;
        for wrong in [code.wrong_code(), String::new(), "1234".to_owned()] {
            let refused = place.confirm(&tokens, &wrong).await;
            let problem = refused.is_problem(422, "validation_failed").json();
            assert_eq!(problem["errors"][0]["field"], "code");
        }
        assert_eq!(place.email_of(&tokens).await, json!([ADA, true, NEW]));
        place.confirm(&tokens, &code.code).await.is(204);
        assert_eq!(place.email_of(&tokens).await, json!([NEW, true, Value::Null]));
        assert_eq!(place.subjects(NEW).await, [CONFIRM, CHANGED]);
        assert_eq!(place.subjects(ADA).await, [REQUESTED, CHANGED]);
        // Only the previous address can undo it.
        let undo = place.newest().await;
        assert_eq!((&*undo.to, &*undo.code), (ADA, ""));
        // Neither address is in a mail to the other one.
        for mail in place.sink.received() {
            let other = if mail.to.contains(ADA) { NEW } else { ADA };
            assert!(!mail.data.contains(other), "{}", mail.data);
        }
        place.server.try_login(NEW, PASSWORD).await.is(200);
        place.server.try_login(ADA, PASSWORD).await.is_problem(401, "invalid_credentials");
        // Sessions go on.
        place.server.refresh(&tokens.refresh).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unverified_previous_address_gets_no_notice() {
    on_both("own address: verify", async |backend| {
        let place = MailingServer::start(backend).await;
        let (_, tokens) = place.unverified("ada", Some(ADA)).await;
        place.ask(&tokens, "ADA@example.org").await.is(202);
        place.confirm(&tokens, &place.newest().await.code).await.is(204);
        assert_eq!(place.email_of(&tokens).await, json!(["ADA@example.org", true, Value::Null]));
        assert_eq!(place.subjects("ADA@example.org").await, [CONFIRM]);
        let refused = place.ask(&tokens, ADA).await.is_problem(422, "validation_failed").json();
        assert_eq!(refused["errors"][0]["code"], "unchanged");

        // An unverified address may belong to another person: no notice, and no undo link.
        let (_, tokens) = place.unverified("bob", Some("victim@example.org")).await;
        place.change(&tokens, "bob@example.org").await;
        assert!(place.subjects("victim@example.org").await.is_empty());
        let (_, tokens) = place.unverified("eve", None).await;
        assert_eq!(place.email_of(&tokens).await, json!([null, false, null]));
        place.change(&tokens, "eve@example.org").await;
        assert_eq!(place.email_of(&tokens).await, json!(["eve@example.org", true, null]));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_confirms_in_any_browser_and_signs_none_in() {
    on_both("own address: link", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        place.ask(&tokens, NEW).await.is(202);
        let mailed = place.newest().await;
        let sessions = async || {
            let answer = place.server.get_as("/v1/sessions", &tokens.access).await;
            answer.is(200).json()["data"].as_array().unwrap().len()
        };
        let before = sessions().await;
        let answer = place.open(&mailed.link).await;
        assert!(answer.is(204).headers.get("set-cookie").is_none());
        assert_eq!(place.email_of(&tokens).await, json!([NEW, true, null]));
        assert_eq!(sessions().await, before);
        // Link and code belong together.
        place.confirm(&tokens, &mailed.code).await.is_problem(422, "validation_failed");
        place.open(&mailed.link).await.is_problem(404, "link_invalid");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invalid_address_is_refused_and_a_pending_one_can_be_cancelled() {
    on_both("own address: refused and cancelled", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        for bad in ["", " ", "ada", "é@example.org", "a b@example.org", "ada@", "\"a b\"@x.org"] {
            let refused = place.ask(&tokens, bad).await;
            let problem = refused.is_problem(422, "validation_failed").json();
            assert_eq!(problem["errors"][0]["field"], "email", "{bad}");
        }
        place.cancel(&tokens).await.is_problem(404, "not_found");
        place.ask(&tokens, NEW).await.is(202);
        let mailed = place.newest().await;
        place.cancel(&tokens).await.is(204);
        assert_eq!(place.email_of(&tokens).await, json!([ADA, true, null]));
        place.confirm(&tokens, &mailed.code).await.is_problem(422, "validation_failed");
        place.open(&mailed.link).await.is_problem(404, "link_invalid");
        // A merge patch cannot change the address.
        for patch in
            [json!({"email": NEW}), json!({"email_verified": false}), json!({"pending_email": NEW})]
        {
            let path = "/v1/me";
            let answer = place.server.call_as(Method::PATCH, path, &tokens.access, patch).await;
            answer.is_problem(422, "read_only");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mail_users_change_no_address() {
    let server = Server::start(Backend::Sqlite).await;
    server.register("ada").await;
    let tokens = server.login("ada").await;
    let body = json!({ "email": ADA });
    let answer = server.call_as(Method::PUT, "/v1/email", &tokens.access, body).await;
    answer.is_problem(403, "feature_disabled");
    let me = server.get_as("/v1/me", &tokens.access).await.is(200).json();
    assert_eq!(me["pending_email"], Value::Null);
}

/// Another user has the login that is the address of a user.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_looks_like_an_address_blocks_no_one_from_proving_it() {
    on_both("own address: another's login", async |backend| {
        const VIC: &str = "vic@example.org";
        const OF_THE_STRANGER: &str = "a password of a stranger";
        let place = MailingServer::start(backend).await;
        let body = json!({"login": VIC, "password": OF_THE_STRANGER});
        let stranger = place.server.post("/v1/register", body).await.is(201).string("id");
        let (id, vic) = place.unverified("vic", None).await;
        place.change(&vic, VIC).await;
        assert_eq!(place.email_of(&vic).await, json!([VIC, true, null]));
        let before = place.all().await.len();
        place.recover(VIC).await;
        let all = place.all().await;
        assert_eq!((all.len(), &*all[before].to), (before + 1, VIC));
        place.redeem(&all[before].link, "the new password of vic").await.is(204);
        // Each signs in to their own account with their own password, before and after.
        for (login, password, sub) in
            [(VIC, OF_THE_STRANGER, &stranger), ("vic", "the new password of vic", &id)]
        {
            let tokens = Tokens::of(&place.server.try_login(login, password).await);
            assert_eq!(tokens.claims()["sub"], **sub);
        }
        for password in [PASSWORD, "the new password of vic"] {
            place.server.try_login(VIC, password).await.is_problem(401, "invalid_credentials");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_by_an_administrator_revokes_codes_and_notifies_the_previous_address() {
    on_both("own address: administrator", async |backend| {
        let place = MailingServer::start(backend).await;
        let ada = place.user("ada", ADA).await;
        let tokens = place.server.login("ada").await;
        place.ask(&tokens, NEW).await.is(202);
        let mailed = place.newest().await;
        let path = format!("/v1/admin/users/{ada}");
        let patch = json!({"email": "countess@example.org", "email_verified": true});
        place.admin(Method::PATCH, &path, patch).await.is(200);
        assert_eq!(place.subjects(ADA).await, [REQUESTED, CHANGED]);
        assert!(place.subjects("countess@example.org").await.is_empty());
        assert_eq!(place.email_of(&tokens).await, json!(["countess@example.org", true, null]));
        place.confirm(&tokens, &mailed.code).await.is_problem(422, "validation_failed");
        place.open(&mailed.link).await.is_problem(404, "link_invalid");
        // The state alone is not another address.
        place.admin(Method::PATCH, &path, json!({"email_verified": false})).await.is(200);
        place.admin(Method::PATCH, &path, json!({"email_verified": true})).await.is(200);
        assert!(place.subjects("countess@example.org").await.is_empty());
        place.admin(Method::PATCH, &path, json!({"email": null})).await.is(200);
        assert_eq!(place.subjects("countess@example.org").await, [CHANGED]);
    })
    .await;
}

/// The wire form of a code allows the spaces that users type.
#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_read_with_spaces_and_dashes() {
    let place = MailingServer::start(Backend::Sqlite).await;
    let (_, tokens) = place.unverified("ada", Some(ADA)).await;
    place.ask(&tokens, ADA).await.is(202);
    let code = place.newest().await.code;
    let typed = format!(" {}-{} ", &code[..4], &code[4..]);
    place.confirm(&tokens, &typed).await.is(204);
}
