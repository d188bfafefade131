//! Concurrent submissions of one form: one succeeds.
//!
//! Single use is guarded by one write, whichever page sends the form; the pages have handlers of their own.

use std::future::Future;

use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::second_factors::{code_of, secret_of};
use crate::support::server::{Answer, Options, PASSWORD, Server, Tokens};
use crate::support::software_authenticator::SoftwareAuthenticator;

const ADA: &str = "ada@example.org";
const ISSUER: &str = "http://localhost:8484";
/// The number of concurrent submissions.
const MANY: usize = 12;

/// Sends one form concurrently. Returns the responses of those that failed.
async fn one_of<F: Future<Output = Answer>>(send: impl Fn(usize) -> F) -> Vec<Answer> {
    let all = join_all((0..MANY).map(send)).await;
    let (won, lost): (Vec<_>, Vec<_>) = all.into_iter().partition(|answer| answer.status == 303);
    let statuses: Vec<u16> = lost.iter().map(|answer| answer.status).collect();
    assert_eq!(won.len(), 1, "{statuses:?}");
    assert!(statuses.iter().all(|status| (400..500).contains(status)), "{statuses:?}");
    lost
}

fn password(n: usize) -> String {
    format!("the password of {n:02}")
}

/// The one password that signs in.
async fn chosen(server: &Server, login: &str) -> usize {
    let mut chosen = Vec::new();
    for n in 0..MANY {
        if server.try_login(login, &password(n)).await.status == 200 {
            chosen.push(n);
        }
    }
    assert_eq!(chosen.len(), 1, "{chosen:?}");
    chosen[0]
}

/// The options on a page for its script.
fn options(page: &Answer) -> Value {
    let (_, rest) = page.is(200).text.split_once(r#" data-options=""#).unwrap();
    let text = rest.split_once('"').unwrap().0;
    let text = text.replace("&#34;", "\"").replace("&#38;", "&").replace("&amp;", "&");
    serde_json::from_str(&text.replace("&quot;", "\"")).unwrap()
}

/// The challenge of the form of the script, which follows that of the password.
fn challenge_of_passkey(page: &Answer) -> String {
    let at = page.text.rfind(r#"name="challenge" value=""#).unwrap();
    field(&page.text[at - r#"<input type="hidden" "#.len()..], "challenge")
}

/// Adds a passkey to the account of `tokens`.
async fn add_passkey(server: &Server, tokens: &Tokens, asks_second: bool) -> SoftwareAuthenticator {
    let mut passkey = SoftwareAuthenticator::new(ISSUER);
    let path = "/v1/factors/passkeys";
    let post = async |path: &str, body| {
        server.call_as(reqwest::Method::POST, path, &tokens.access, body).await
    };
    let begun = post(&format!("{path}/options"), Value::Null).await.is(200).json();
    let credential = passkey.create(&begun["public_key"]);
    let body = json!({"challenge": begun["challenge"], "credential": credential,
        "second_factor": asks_second});
    post(path, body).await.is(201);
    passkey
}

/// Signs in with the password. Returns the page after it.
async fn signed_in(person: &Person<'_>) -> Answer {
    let page = person.get("/login").await;
    let mut answer = person.log_in(&page, PASSWORD).await;
    // An enrolment redirects to the address of its secret.
    while answer.status == 303 {
        answer = person.get(&person.below_base(answer.header("location"))).await;
    }
    answer
}

#[tokio::test(flavor = "multi_thread")]
async fn one_form_of_a_recovery_sets_its_password() {
    on_both("race: recovery page", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let ada = Person::new(&place.server, "ada");
        let flow = field(&ada.get("/recover").await.is(200).text, "flow");
        let sent = ada.post("/recover", &[("flow", &flow), ("email", ADA)]).await;
        let page = ada.get(&ada.below_base(sent.is(303).header("location"))).await;
        let challenge = field(&page.is(200).text, "challenge");
        let code = place.newest().await.code;
        let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", &*code)];
        let right = ada.post("/recover/code", &fields).await;
        let page = ada.get(&ada.below_base(right.is(303).header("location"))).await;
        let challenge = field(&page.is(200).text, "challenge");
        one_of(async |n| {
            let new = password(n);
            let fields = [("flow", &*flow), ("challenge", &*challenge), ("new_password", &*new)];
            ada.post("/recover/password", &fields).await
        })
        .await;
        chosen(&place.server, "ada").await;
        let events = place.server.events(&place.root, "account.recovered").await;
        assert_eq!(events.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_form_of_a_mailed_link_sets_its_password() {
    on_both("race: link page", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let body = json!({"login": "new", "email": "new@example.org", "invite": true});
        place.admin(reqwest::Method::POST, "/v1/admin/users", body).await.is(201);
        let invitation = place.newest().await;
        place.recover(ADA).await;
        for (login, mailed) in [("ada", place.newest().await), ("new", invitation)] {
            let person = Person::new(&place.server, login);
            let path = mailed.path();
            let csrf = field(&person.get(&path).await.is(200).text, "csrf");
            let lost = one_of(async |n| {
                let new = password(n);
                person.post(&path, &[("csrf", &csrf), ("new_password", &new)]).await
            })
            .await;
            assert!(lost.iter().all(|answer| answer.status == 404), "{lost:?}");
            chosen(&place.server, login).await;
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_form_with_a_passkey_signs_in() {
    on_both("race: passkey page", async |backend| {
        let server = Options::on(backend).with("SIGNET_ISSUER", ISSUER).start().await;
        let root = server.administrator("root").await;
        server.register("pia").await;
        let tokens = server.login("pia").await;
        let mut passkey = add_passkey(&server, &tokens, true).await;
        let pia = Person::new(&server, "pia");
        let page = pia.get("/login").await;
        let credential = passkey.get(&options(&page)).to_string();
        let (flow, challenge) = (field(&page.text, "flow"), challenge_of_passkey(&page));
        one_of(async |_| {
            let fields =
                [("flow", &*flow), ("challenge", &*challenge), ("credential", &*credential)];
            pia.post("/login", &fields).await
        })
        .await;
        // Also after the password.
        let elsewhere = Person::new(&server, "pia");
        let page = signed_in(&elsewhere).await;
        let credential = passkey.get(&options(&page)).to_string();
        let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
        one_of(async |_| {
            let fields =
                [("flow", &*flow), ("challenge", &*challenge), ("credential", &*credential)];
            elsewhere.post("/login/verify", &fields).await
        })
        .await;
        assert_eq!(server.events(&root, "passkey.counter_reused").await, Vec::<Value>::new());
        let opened = server.events(&root, "login.succeeded").await;
        let opened = opened.iter().filter(|event| event["detail"] == "browser").count();
        assert_eq!(opened, 2);
    })
    .await;
}

/// The secret that a page shows.
fn secret(page: &Answer) -> signet::crypto::totp::TotpSecret {
    let (_, rest) = page.text.split_once(r#"<p class="groups"><code>"#).unwrap();
    secret_of(&rest.split_once('<').unwrap().0.replace(' ', ""))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_form_of_an_enrolment_enrols_and_one_puts_it_off() {
    on_both("race: enrolment page", async |backend| {
        let server = Options::on(backend)
            .with("SIGNET_SECOND_FACTOR", "required")
            .with("SIGNET_SECOND_FACTOR_FROM", "1800003600")
            .start()
            .await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let page = signed_in(&ada).await;
        let of = |name| field(&page.is(200).text, name);
        let (flow, challenge, setup) = (of("flow"), of("challenge"), of("setup"));
        let form = [("flow", &*flow), ("challenge", &*challenge), ("setup", &*setup)];
        one_of(async |_| {
            let fields = [&form[..], &[("decision", "skip")]].concat();
            ada.post("/login/enrol", &fields).await
        })
        .await;
        let account = ada.get("/account").await;
        assert_eq!((account.status, account.header("location")), (200, ""));

        let other = Person::new(&server, "ada");
        let page = signed_in(&other).await;
        let of = |name| field(&page.is(200).text, name);
        let (flow, challenge, setup) = (of("flow"), of("challenge"), of("setup"));
        let form = [("flow", &*flow), ("challenge", &*challenge), ("setup", &*setup)];
        let code = code_of(&server, &secret(&page), 0);
        let all = join_all((0..MANY).map(async |_| {
            let fields = [&form[..], &[("code", &*code), ("name", "Phone")]].concat();
            other.post("/login/enrol", &fields).await
        }))
        .await;
        // Its response shows the recovery codes, once.
        let won: Vec<&Answer> = all.iter().filter(|answer| answer.status == 200).collect();
        assert_eq!(won.len(), 1, "{:?}", all.iter().map(|a| a.status).collect::<Vec<_>>());
        assert!(won[0].text.contains("Your recovery codes"), "{}", won[0].text);
        let security = other.get("/account/security").await;
        assert_eq!(security.is(200).text.matches(r#"id="factor-"#).count(), 1, "{}", security.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_form_of_an_own_app_enrols_it() {
    on_both("race: app page", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        signed_in(&ada).await.is(200);
        let csrf = field(&ada.get("/account/security").await.is(200).text, "csrf");
        let begun = ada.post("/account/security/totp", &[("csrf", &csrf)]).await;
        let page = ada.get(&ada.below_base(begun.is(303).header("location"))).await;
        let setup = field(&page.is(200).text, "setup");
        let code = code_of(&server, &secret(&page), 0);
        let fields = [("csrf", &*csrf), ("setup", &*setup), ("code", &*code), ("name", "Phone")];
        let path = "/account/security/totp/confirm";
        let all = join_all((0..MANY).map(|_| ada.post(path, &fields))).await;
        let won = all.iter().filter(|answer| answer.status == 200).count();
        assert_eq!(won, 1, "{:?}", all.iter().map(|a| a.status).collect::<Vec<_>>());
        let security = ada.get("/account/security").await;
        assert_eq!(security.is(200).text.matches(r#"id="factor-"#).count(), 1, "{}", security.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_form_takes_a_change_of_address_back() {
    on_both("race: undo page", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let ada = place.server.login("ada").await;
        let method = reqwest::Method::PUT;
        let body = json!({"email": "lovelace@example.net"});
        place.server.call_as(method, "/v1/email", &ada.access, body).await.is(202);
        let body = json!({"code": place.newest().await.code});
        let path = "/v1/email/verify";
        place.server.call_as(reqwest::Method::POST, path, &ada.access, body).await.is(204);
        let undo = place.all().await.into_iter().rfind(|mail| mail.to == ADA).unwrap();
        let person = Person::new(&place.server, "ada");
        let csrf = field(&person.get(&undo.path()).await.is(200).text, "csrf");
        let path = undo.path();
        let fields = [("csrf", &*csrf)];
        let all = join_all((0..MANY).map(|_| person.post(&path, &fields))).await;
        let won = all.iter().filter(|answer| answer.status < 400).count();
        assert_eq!(won, 1, "{:?}", all.iter().map(|a| a.status).collect::<Vec<_>>());
        assert!(all.iter().all(|answer| answer.status < 500));
    })
    .await;
}
