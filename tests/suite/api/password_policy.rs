//! The operator's rules for new passwords apply to every way in which one is set.

use reqwest::Method;
use serde_json::json;
use signet::domain::request_info::RequestInfo;
use signet::identity::setup::make_link;

use crate::support::mailed::MailingServer;
use crate::support::relying_party::{Person, field};
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server, on_both};

const ADA: &str = "ada@example.org";
/// Long enough for the built-in rules only.
const SHORT: &str = "hidden rest";
/// On the operator's list, in another spelling.
const DENIED: &str = "ACME-winter-2026";
const RULE: &str = "Use at least 12 characters; 15 or more are recommended.";
const ON_LIST: &str = "This password is on the list of passwords that this server does not accept.";

/// The responses of an endpoint of `/v1` to the two.
#[track_caller]
fn is_weak(answer: &Answer, field: &str, password: &str) {
    answer.is_problem(422, "weak_password");
    let error = &answer.json()["errors"][0];
    let (code, rule) =
        if password == SHORT { ("too_short", RULE) } else { ("denied_password", ON_LIST) };
    assert_eq!((&error["field"], &error["code"]), (&json!(field), &json!(code)), "{}", answer.text);
    assert!(error["detail"].as_str().unwrap().starts_with(rule), "{}", answer.text);
}

/// The errors of a page, with the rule beside the field.
#[track_caller]
fn says(page: &Answer, password: &str) {
    let text = &page.is(422).text;
    let said = if password == SHORT { RULE } else { ON_LIST };
    assert!(text.contains(said), "{text}");
    assert!(text.contains("At least 12 characters; 15 or more are recommended."), "{text}");
}

/// A list of passwords, as the value of the setting.
fn list() -> (tempfile::TempDir, String) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("passwords.txt");
    std::fs::write(&path, "acme-Winter-2026\nanother-of-them\n").unwrap();
    let path = path.to_str().unwrap().to_owned();
    (dir, path)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_way_to_set_a_password_asks_the_same_rules() {
    on_both("password rules", async |backend| {
        let (_dir, path) = list();
        let settings =
            [("SIGNET_PASSWORD_MIN_LENGTH", "12"), ("SIGNET_PASSWORD_DENY_LIST", &*path)];
        let place = MailingServer::with(backend, &settings).await;
        let server = &place.server;
        let ada = place.user("ada", ADA).await;
        let tokens = server.login("ada").await;
        let person = Person::new(server, "ada");
        let login = person.get("/login").await;
        person.log_in(&login, PASSWORD).await.is(303);
        let account = person.get("/account").await;
        assert!(account.is(200).text.contains("At least 12 characters"), "{}", account.text);
        let csrf = field(&account.text, "csrf");
        for password in [SHORT, DENIED] {
            let register = json!({"login": "bob", "password": password});
            is_weak(&server.post("/v1/register", register).await, "password", password);
            let created = json!({"login": "bob", "password": password});
            let created = place.admin(Method::POST, "/v1/admin/users", created).await;
            is_weak(&created, "password", password);
            let set = format!("/v1/admin/users/{ada}/password");
            let set = place.admin(Method::POST, &set, json!({ "password": password })).await;
            is_weak(&set, "password", password);
            let change = json!({"current_password": PASSWORD, "new_password": password});
            let changed =
                server.call_as(Method::POST, "/v1/password", &tokens.access, change).await;
            is_weak(&changed, "new_password", password);
            let fields =
                [("csrf", &*csrf), ("current_password", PASSWORD), ("new_password", password)];
            says(&person.post("/account/password", &fields).await, password);
        }

        // By a mailed link, and by a mailed code.
        place.recover(ADA).await;
        let mailed = place.newest().await;
        let page = person.get(&mailed.path()).await;
        assert!(page.is(200).text.contains("for the account ada."), "{}", page.text);
        assert!(page.text.contains(r#"value="ada" autocomplete="username" readonly"#));
        let csrf = field(&page.text, "csrf");
        for password in [SHORT, DENIED] {
            let typed = [("csrf", &*csrf), ("new_password", password)];
            let refused = person.post(&mailed.path(), &typed).await;
            says(&refused, password);
            // The page is available in another language.
            assert_eq!(field(&refused.text, "back"), mailed.path());
            is_weak(&place.redeem(&mailed.link, password).await, "new_password", password);
        }

        // By an invitation.
        let body = json!({"login": "cleo", "email": "cleo@example.org", "invite": true});
        place.admin(Method::POST, "/v1/admin/users", body).await.is(201);
        let invitation = place.newest().await;
        let page = person.get(&invitation.path()).await;
        assert!(page.is(200).text.contains("for the account cleo."), "{}", page.text);
        for password in [SHORT, DENIED] {
            is_weak(&place.redeem(&invitation.link, password).await, "new_password", password);
        }

        // At the next sign-in, after an administrator has set one.
        let set = format!("/v1/admin/users/{ada}/password");
        let body = json!({"password": "set by an administrator"});
        place.admin(Method::POST, &set, body).await.is(204);
        let asked = server.try_login("ada", "set by an administrator").await;
        let challenge = asked.is_problem(401, "password_change_required").string("challenge");
        let away = Person::new(server, "ada");
        let login = away.get("/login").await;
        let to = away.log_in(&login, "set by an administrator").await;
        let page = away.get(&away.below_base(to.is(303).header("location"))).await;
        let (flow, sealed) = (field(&page.text, "flow"), field(&page.text, "challenge"));
        for password in [SHORT, DENIED] {
            let answer = place.proceed(&challenge, json!({ "new_password": password })).await;
            is_weak(&answer, "new_password", password);
            let typed = [("flow", &*flow), ("challenge", &*sealed), ("new_password", password)];
            says(&away.post("/login/password", &typed).await, password);
        }
        // Passwords from before the rules still sign in.
        assert!(PASSWORD.chars().count() >= 12, "the password of the tests follows them");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_set_up_page_asks_them_too() {
    let (_dir, path) = list();
    let server: Server = Options::on(Backend::Sqlite)
        .with("SIGNET_PASSWORD_MIN_LENGTH", "20")
        .with("SIGNET_PASSWORD_DENY_LIST", &path)
        .start()
        .await;
    let link = make_link(&server.app, &RequestInfo::cli(server.now())).await.unwrap();
    let token = link.expose().rsplit('/').next().unwrap().to_owned();
    let person = Person::new(&server, "root");
    let at = format!("/setup/{token}");
    let page = person.get(&at).await;
    // From fifteen on no greater length is recommended.
    assert!(page.is(200).text.contains("At least 20 characters. All characters"), "{}", page.text);
    let refused = person.post(&at, &[("login", "root"), ("password", "only nineteen long.")]).await;
    assert!(refused.is(422).text.contains("at least 20 characters."), "{}", refused.text);
    assert_eq!(field(&refused.text, "back"), at);
    let typed = [("login", "root"), ("password", "a passphrase of more than twenty")];
    let done = person.post(&at, &typed).await;
    assert!(!done.is(200).text.contains(r#"name="back""#), "{}", done.text);
}
