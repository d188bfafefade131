//! The e-mail address at the pages: verifying and changing it, by code and by link, without JavaScript.

use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;

use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::{Answer, PASSWORD};

const ADA: &str = "ada@example.org";
const NEW: &str = "lovelace@example.net";

async fn sign_in(person: &Person<'_>, path: &str) -> String {
    let page = person.get(path).await;
    let flow = field(&page.is(200).text, "flow");
    let fields = [("flow", &*flow), ("login", "ada"), ("password", PASSWORD)];
    let answer = person.post("/login", &fields).await;
    answer.is(303).header("location").to_owned()
}

async fn act(person: &Person<'_>, path: &str, fields: &[(&str, &str)]) -> Answer {
    let page = person.get("/account/email").await;
    let csrf = field(&page.is(200).text, "csrf");
    let all: Vec<_> = [("csrf", &*csrf)].into_iter().chain(fields.iter().copied()).collect();
    person.post(path, &all).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_is_verified_and_changed_at_the_pages() {
    on_both("pages: own address", async |backend| {
        let place = MailingServer::start(backend).await;
        let body = json!({"login": "ada", "password": PASSWORD, "email": ADA});
        place.admin(Method::POST, "/v1/admin/users", body).await.is(201);
        let ada = Person::new(&place.server, "ada");
        let to = ada.get("/account/email").await;
        assert!(to.is(303).header("location").ends_with("/login?to=email"), "{to:?}");
        assert!(sign_in(&ada, "/login?to=email").await.ends_with("/account/email"));
        let account = ada.get("/account").await;
        assert!(account.is(200).text.contains("Not verified"), "{}", account.text);
        // The page of two-step sign-in names the missing step, with a link.
        let security = ada.get("/account/security").await;
        assert!(security.is(200).text.contains("first verify your e-mail address"));
        assert!(
            security.text.contains("/account/email") && !security.text.contains("security/totp")
        );

        let sent = act(&ada, "/account/email", &[("email", ADA)]).await;
        assert!(sent.is(303).header("location").ends_with("/account/email?done=email-sent"));
        let page = ada.get("/account/email?done=email-sent").await;
        assert!(page.is(200).text.contains("We sent a code to ada@example.org"), "{}", page.text);
        let mailed = place.newest().await;
        let wrong = act(&ada, "/account/email/verify", &[("code", &mailed.wrong_code())]).await;
        assert!(wrong.is(422).text.contains("The code is wrong or has expired"), "{}", wrong.text);
        let right = act(&ada, "/account/email/verify", &[("code", &mailed.code)]).await;
        assert!(right.is(303).header("location").ends_with("done=email-verified"));
        assert!(ada.get("/account").await.text.contains("Verified"));
        assert!(ada.get("/account/security").await.text.contains("/account/security/totp"));

        for (typed, said) in [
            (ADA, "This is already your verified address"),
            ("ada", "This is not a valid e-mail address"),
            ("", "Enter an e-mail address"),
        ] {
            let refused = act(&ada, "/account/email", &[("email", typed)]).await;
            assert!(refused.is(422).text.contains(said), "{}", refused.text);
        }
        // Cancelled, also when no change is pending any more.
        act(&ada, "/account/email", &[("email", NEW)]).await.is(303);
        for _ in 0..2 {
            let cancelled = act(&ada, "/account/email/cancel", &[]).await;
            assert!(cancelled.is(303).header("location").ends_with("done=email-cancelled"));
        }
        // Without the form token of this browser nothing happens.
        ada.post("/account/email", &[("email", NEW)]).await.is(403);

        // A sign-in that is too old is renewed, and returns to the page.
        place.server.advance(TimeSpan::from_mins(6));
        let stale = ada.get("/account/email").await;
        assert!(stale.is(200).text.contains("/login?to=email"), "{}", stale.text);
        let refused = act_stale(&ada, &stale).await;
        assert!(refused.is(303).header("location").ends_with("/account/email"));
        assert!(sign_in(&ada, "/login?to=email").await.ends_with("/account/email"));
        act(&ada, "/account/email", &[("email", NEW)]).await.is(303);
        by_link(&place, &ada).await;
    })
    .await;
}

/// A form of the page although the sign-in is too old.
async fn act_stale(ada: &Person<'_>, page: &Answer) -> Answer {
    // The page has no form; the token of another page of the account is the same.
    let account = ada.get("/account").await;
    assert!(!page.text.contains("name=\"email\""), "{}", page.text);
    let csrf = field(&account.is(200).text, "csrf");
    ada.post("/account/email", &[("csrf", &csrf), ("email", NEW)]).await
}

/// The link is opened in a browser without a sign-in; then the previous address undoes the change.
async fn by_link(place: &MailingServer, ada: &Person<'_>) {
    let mailed = place.newest().await;
    let elsewhere = Person::new(&place.server, "nobody");
    let page = elsewhere.get(&mailed.path()).await;
    assert!(page.is(200).text.contains(NEW), "{}", page.text);
    assert_eq!(elsewhere.get(&mailed.path()).await.status, 200, "scanners change nothing");
    let csrf = field(&page.text, "csrf");
    ada.post(&mailed.path(), &[("csrf", &csrf)]).await.is(403);
    let done = elsewhere.post(&mailed.path(), &[("csrf", &csrf)]).await;
    assert!(done.is(200).text.contains("Your e-mail address is confirmed"), "{}", done.text);
    // It signs in no browser.
    assert!(elsewhere.get("/account").await.header("location").ends_with("/login"));
    ada.get("/account").await.is(200);
    let again = elsewhere.post(&mailed.path(), &[("csrf", &csrf)]).await;
    again.is(404);

    let undo = place.newest().await;
    assert_eq!(undo.to, ADA);
    let page = elsewhere.get(&undo.path()).await;
    assert!(page.is(200).text.contains("Undo the change"), "{}", page.text);
    let csrf = field(&page.text, "csrf");
    let done = elsewhere.post(&undo.path(), &[("csrf", &csrf)]).await;
    assert!(done.is(200).text.contains("/recover"), "{}", done.text);
    assert!(ada.get("/account").await.header("location").ends_with("/login"));
    assert!(elsewhere.get("/account").await.header("location").ends_with("/login"));
}

/// Another mail is requested where the first one was.
#[tokio::test(flavor = "multi_thread")]
async fn an_expired_link_leads_to_the_address_and_not_to_a_new_password() {
    on_both("pages: expired link", async |backend| {
        let place = MailingServer::start(backend).await;
        let body = json!({"login": "ada", "password": PASSWORD, "email": ADA});
        place.admin(Method::POST, "/v1/admin/users", body).await.is(201);
        let ada = Person::new(&place.server, "ada");
        sign_in(&ada, "/login?to=email").await;
        act(&ada, "/account/email", &[("email", ADA)]).await.is(303);
        let mailed = place.newest().await;
        place.server.advance(TimeSpan::from_mins(11));
        let expired = ada.get(&mailed.path()).await;
        assert!(expired.is(404).text.contains("action=\"/account/email\""), "{}", expired.text);
    })
    .await;
}
