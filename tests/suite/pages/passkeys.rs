//! Passkeys at the pages: the requests of the script, sent without it; and the complete flow in Chromium.

use serde_json::{Value, json};

use crate::support::ports::free_port;
use crate::support::relying_party::{Person, field};
use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::software_authenticator::SoftwareAuthenticator;
use crate::support::{Backend, on_both, require};

const ISSUER: &str = "http://localhost:8484";

/// The options on a page for its script.
fn options(page: &Answer) -> Value {
    let (_, rest) = page.is(200).text.split_once(r#" data-options=""#).unwrap();
    let text = rest.split_once('"').unwrap().0;
    let text = text.replace("&#34;", "\"").replace("&#38;", "&").replace("&amp;", "&");
    serde_json::from_str(&text.replace("&quot;", "\"")).unwrap()
}

/// The value of the last field of this name: the form of the script follows that of the password.
fn last(page: &Answer, name: &str) -> String {
    let at = page.text.rfind(&format!(r#"name="{name}" value=""#)).unwrap();
    field(&page.text[at - r#"<input type="hidden" "#.len()..], name)
}

async fn sign_in(person: &Person<'_>, passkey: &mut SoftwareAuthenticator) -> Answer {
    let page = person.get("/login").await;
    let credential = passkey.get(&options(&page)).to_string();
    let (flow, challenge) = (field(&page.text, "flow"), last(&page, "challenge"));
    let fields = [("flow", &*flow), ("challenge", &*challenge), ("credential", &*credential)];
    person.post("/login", &fields).await
}

async fn password(person: &Person<'_>, login: &str) -> Answer {
    password_at(person, "/login", login).await
}

/// Signs in with a password at a sign-in page.
async fn password_at(person: &Person<'_>, page: &str, login: &str) -> Answer {
    let page = person.get(page).await;
    let flow = field(&page.text, "flow");
    let fields = [("flow", &*flow), ("login", login), ("password", PASSWORD)];
    let answer = person.post("/login", &fields).await;
    person.get(&person.below_base(answer.is(303).header("location"))).await
}

async fn add(person: &Person<'_>, passkey: &mut SoftwareAuthenticator, ticked: bool) -> Answer {
    let page = person.get("/account/security").await;
    let csp = page.header("content-security-policy");
    assert!(csp.contains("script-src 'self'") && !csp.contains("connect-src"), "{csp}");
    let credential = passkey.create(&options(&page)).to_string();
    let (csrf, challenge) = (field(&page.text, "csrf"), last(&page, "challenge"));
    let mut fields =
        vec![("csrf", &*csrf), ("challenge", &*challenge), ("credential", &*credential)];
    if ticked {
        fields.push(("second_factor", "on"));
    }
    person.post("/account/security/passkeys", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_added_used_renamed_and_removed_at_the_pages() {
    on_both("passkeys at the pages", async |backend| {
        let server = Options::on(backend).with("SIGNET_ISSUER", ISSUER).start().await;
        server.register("pia").await;
        let pia = Person::new(&server, "pia");
        password(&pia, "pia").await.is(200);
        let mut passkey = SoftwareAuthenticator::new(ISSUER);
        let added = add(&pia, &mut passkey, false).await;
        assert!(added.is(200).text.contains("Your recovery codes"), "{}", added.text);
        // The password signs in alone, and cannot change factors any more: the page requires the passkey as well.
        let stale = pia.get("/account/security").await;
        assert!(stale.is(200).text.contains("without the passkey or code"), "{}", stale.text);
        let forms = ["totp", "passkeys", "remove", "recovery-codes"];
        let csrf = field(&added.text, "csrf");
        for path in forms.map(|form| format!("/account/security/{form}\"")) {
            assert!(!stale.text.contains(&path), "{path}: {}", stale.text);
        }
        for path in ["totp", "recovery-codes"].map(|form| format!("/account/security/{form}")) {
            let refused = pia.post(&path, &[("csrf", &csrf)]).await;
            assert!(refused.is(303).header("location").ends_with("/account/security"), "{path}");
        }
        let asked = password_at(&pia, "/login?to=security", "pia").await;
        let credential = passkey.get(&options(&asked)).to_string();
        let (flow, challenge) = (field(&asked.text, "flow"), field(&asked.text, "challenge"));
        let fields = [("flow", &*flow), ("challenge", &*challenge), ("credential", &*credential)];
        let signed_in = pia.post("/login/verify", &fields).await;
        assert!(signed_in.is(303).header("location").ends_with("/account/security"));
        // A second time: the page gives the reason.
        let again = add(&pia, &mut passkey, false).await;
        assert!(again.is(303).header("location").ends_with("done=passkey-refused"));

        let elsewhere = Person::new(&server, "pia");
        let page = elsewhere.get("/login").await;
        assert!(page.text.contains(r#"autocomplete="username webauthn""#), "{}", page.text);
        // Hidden until a script shows it.
        let (_, form) = page.text.split_once(r#" data-passkey="get""#).unwrap();
        assert!(form.split_once('>').unwrap().0.ends_with(" hidden"), "{form}");
        let signed_in = sign_in(&elsewhere, &mut passkey).await;
        assert!(signed_in.is(303).header("location").ends_with("/account"));
        let security = elsewhere.get("/account/security").await;
        let id = field(&security.is(200).text, "id");
        let csrf = field(&security.text, "csrf");
        let named = [("csrf", &*csrf), ("id", &*id), ("name", "<Laptop>")];
        let renamed = elsewhere.post("/account/security/rename", &named).await;
        assert!(renamed.is(303).header("location").ends_with("done=factor-renamed"));
        let nameless = [("csrf", &*csrf), ("id", &*id), ("name", "")];
        let refused = elsewhere.post("/account/security/rename", &nameless).await;
        assert!(refused.is(303).header("location").ends_with("done=name-refused"));
        let security = elsewhere.get("/account/security").await;
        assert!(security.text.contains("&#60;Laptop&#62;"), "{}", security.text);
        elsewhere.post("/account/security/remove", &[("csrf", &csrf), ("id", &id)]).await.is(303);
        let refused = sign_in(&Person::new(&server, "pia"), &mut passkey).await;
        assert!(refused.is(401).text.contains("not accepted"), "{}", refused.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_the_second_step_at_the_pages() {
    on_both("passkey as second step", async |backend| {
        let server = Options::on(backend).with("SIGNET_ISSUER", ISSUER).start().await;
        server.register("pia").await;
        let pia = Person::new(&server, "pia");
        password(&pia, "pia").await.is(200);
        let mut passkey = SoftwareAuthenticator::new(ISSUER);
        add(&pia, &mut passkey, true).await.is(200);

        let elsewhere = Person::new(&server, "pia");
        let page = password(&elsewhere, "pia").await;
        // There is no app: the page offers the passkey, and a recovery code without JavaScript.
        assert!(!page.is(200).text.contains("one-time-code"), "{}", page.text);
        assert!(page.text.contains(r#"name="method" value="recovery_code""#), "{}", page.text);
        let asked = options(&page);
        assert_eq!(asked["allowCredentials"].as_array().unwrap().len(), 1);
        let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
        let send = async |credential: &str| {
            let fields = [("flow", &*flow), ("challenge", &*challenge), ("credential", credential)];
            elsewhere.post("/login/verify", &fields).await
        };
        let wrong = passkey.get_with(&asked, |made| made.bad_signature = true).to_string();
        for wrong in [&*wrong, "{}"] {
            let refused = send(wrong).await;
            assert!(refused.is(401).text.contains("not accepted"), "{}", refused.text);
        }
        let right = passkey.get(&asked).to_string();
        let signed_in = send(&right).await;
        assert!(signed_in.is(303).header("location").ends_with("/account"));
        send(&right).await.is(401);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_challenge_belongs_to_one_browser() {
    let server = Options::on(Backend::Sqlite).with("SIGNET_ISSUER", ISSUER).start().await;
    server.register("pia").await;
    let pia = Person::new(&server, "pia");
    password(&pia, "pia").await.is(200);
    let mut passkey = SoftwareAuthenticator::new(ISSUER);
    add(&pia, &mut passkey, false).await.is(200);
    let (victim, attacker) = (Person::new(&server, "pia"), Person::new(&server, "eve"));
    let page = attacker.get("/login").await;
    let credential = passkey.get(&options(&page)).to_string();
    let challenge = last(&page, "challenge");
    let flow = field(&victim.get("/login").await.text, "flow");
    let fields = [("flow", &*flow), ("challenge", &*challenge), ("credential", &*credential)];
    let refused = victim.post("/login", &fields).await;
    assert!(refused.is(401).text.contains("open for too long"), "{}", refused.text);
}

/// Enrolment, the button, autofill and the second factor with a virtual authenticator; without JavaScript the
/// forms of the password and of recovery codes, and no control without a function.
#[tokio::test(flavor = "multi_thread")]
async fn passkeys_work_in_chromium() {
    let Some(mut command) = browser_script(Browser::Chromium, "passkeys.mjs") else { return };
    // The RP ID must be a domain name.
    let port = free_port();
    let issuer = format!("http://localhost:{port}");
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_LISTEN", &format!("127.0.0.1:{port}"))
        .with("SIGNET_ISSUER", &issuer)
        .with("SIGNET_BROWSER_SESSION_PERSISTENT", "ask")
        .real_clock()
        .start()
        .await;
    server.register("pia").await;
    server.register("ada").await;
    command.args([&*issuer, "pia", "ada", PASSWORD]);
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        command.arg(screenshots);
    }
    output(command).await;
    let root = server.administrator("root").await;
    assert_eq!(server.events(&root, "passkey.counter_reused").await, Vec::<Value>::new());
    assert_eq!(json!(server.events(&root, "factor.added").await.len()), json!(2));
}
