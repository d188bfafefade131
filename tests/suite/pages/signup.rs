//! Signing up at the pages, without JavaScript: with a mailed code, with its link, and without an address.

use serde_json::json;
use signet::base::TimeSpan;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use crate::support::mailed::MailingServer;
use crate::support::relying_party::{App, Person, field};
use crate::support::scripts::{Browser, browser_script, output};
use crate::support::server::{Answer, Backend, Options, PASSWORD};
use crate::support::{on_both, require};

const NEW: &str = "new@example.org";
const TERMS: (&str, &str) = ("SIGNET_TERMS_URL", "https://example.com/terms");

async fn place(backend: Backend, way: &str, more: &[(&str, &str)]) -> MailingServer {
    let all: Vec<_> =
        [("SIGNET_REGISTRATION", way)].into_iter().chain(more.iter().copied()).collect();
    MailingServer::with(backend, &all).await
}

/// The page to which a response redirects.
async fn follow(person: &Person<'_>, answer: &Answer) -> Answer {
    person.get(&person.below_base(answer.is(303).header("location"))).await
}

/// The target of the link with this text.
fn link(page: &Answer, text: &str) -> String {
    let before = page.text.split_once(&format!(">{text}</a>")).unwrap().0;
    let href = before.rsplit_once("href=\"").unwrap().1.trim_end_matches('"');
    href.replace("&#38;", "&").replace("&amp;", "&")
}

/// Submits the form of an address, after a delay like a user.
async fn type_address(place: &MailingServer, person: &Person<'_>, page: &Answer) -> Answer {
    place.server.advance(TimeSpan::from_secs(3));
    let flow = field(&page.is(200).text, "flow");
    person.post("/signup", &[("flow", &flow), ("email", NEW), ("website", "")]).await
}

/// Submits the form of an account.
async fn type_account(person: &Person<'_>, page: &Answer, more: &[(&str, &str)]) -> Answer {
    let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
    let fields: Vec<_> = [("flow", &*flow), ("challenge", &*challenge), ("password", PASSWORD)]
        .into_iter()
        .filter(|(name, _)| more.iter().all(|(other, _)| other != name))
        .chain(more.iter().copied())
        .collect();
    person.post("/signup/account", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_up_on_the_way_to_an_application() {
    on_both("pages: sign-up", async |backend| {
        let place = place(backend, "verified", &[TERMS]).await;
        let client =
            App::register(&place.server, &place.root, json!({"type": "spa", "name": "Shop"})).await;
        let ada = Person::new(&place.server, "ada");
        let login = ada.get(&client.url(&[("ui_locales", "de")])).await;
        let to = link(&login, "Konto anlegen");
        let page = ada.get(&ada.below_base(&to)).await;
        assert!(page.text.contains("um mit Shop fortzufahren"), "{}", page.text);
        assert!(
            page.header("content-security-policy").contains("script-src 'none'")
                || !page.header("content-security-policy").contains("script-src 'self'")
        );
        let sent = type_address(&place, &ada, &page).await;
        let page = follow(&ada, &sent).await;
        assert!(page.text.contains(NEW) && page.text.contains("10 Minuten"), "{}", page.text);
        let mailed = place.newest().await;
        let mail = place.sink.received().pop().unwrap();
        assert_eq!(mail.header("content-language"), "de");

        let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
        let type_code = async |person: &Person<'_>, code: &str| {
            let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", code)];
            person.post("/signup/code", &fields).await
        };
        let wrong = type_code(&ada, &mailed.wrong_code()).await;
        assert!(wrong.is(401).text.contains("Der Code ist falsch"), "{}", wrong.text);
        // Another browser has neither the request nor the sign-up.
        type_code(&Person::new(&place.server, "eve"), &mailed.code).await.is(403);
        // Not before the code.
        let early = ada.get(&format!("/signup/account?flow={flow}&challenge={challenge}")).await;
        assert!(early.is(303).header("location").contains("/signup/code"), "{early:?}");
        let page = follow(&ada, &type_code(&ada, &mailed.code).await).await;
        assert!(page.text.contains(&format!("name=\"login\" value=\"{NEW}\"")), "{}", page.text);
        assert!(page.text.contains("https://example.com/terms"), "{}", page.text);
        let ticked = page.text.split("name=\"terms_accepted\"").nth(1).unwrap();
        assert!(!ticked.split('>').next().unwrap().contains("checked"), "{}", page.text);

        for (fields, status, said) in [
            (&[("login", NEW)][..], 422, "den Nutzungsbedingungen zu"),
            (
                &[("login", NEW), ("terms_accepted", "true"), ("password", "kurz")],
                422,
                "mindestens 8",
            ),
            (&[("login", "root"), ("terms_accepted", "true")], 409, "gibt es schon"),
            (&[("login", "x@y.example"), ("terms_accepted", "true")], 422, "bestätigte Adresse"),
        ] {
            let refused = type_account(&ada, &page, fields).await;
            assert!(refused.is(status).text.contains(said), "{said}: {}", refused.text);
            assert!(!refused.text.contains(PASSWORD));
        }
        let done = type_account(
            &ada,
            &page,
            &[("login", "ada"), ("name", "Ada"), ("terms_accepted", "true")],
        )
        .await;
        assert!(done.is(303).header("location").contains("/oauth2/authorize?flow="), "{done:?}");
        let code = ada.go_on(done).await.said("code");
        let tokens = client.redeem(&place.server, &code).await.is(200).json();
        assert!(tokens["access_token"].is_string());
        // Used up.
        let again =
            type_account(&ada, &page, &[("login", "again"), ("terms_accepted", "true")]).await;
        again.is(401);
        assert_eq!(place.server.try_login(NEW, PASSWORD).await.status, 200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_makes_the_account_elsewhere_and_signs_in_no_browser() {
    on_both("pages: sign-up link", async |backend| {
        let place = place(backend, "verified", &[]).await;
        let ada = Person::new(&place.server, "ada");
        let page = ada.get("/signup").await;
        let waits = follow(&ada, &type_address(&place, &ada, &page).await).await;
        let mailed = place.newest().await;
        let elsewhere = Person::new(&place.server, "phone");
        let page = elsewhere.get(&mailed.path()).await;
        assert!(page.is(200).text.contains(NEW) && !page.text.contains(&mailed.code));
        let csrf = field(&page.text, "csrf");
        let fields = [("csrf", &*csrf), ("login", "ada"), ("password", PASSWORD)];
        ada.post(&mailed.path(), &fields).await.is(403);
        let short = [("csrf", &*csrf), ("login", "ada"), ("password", "short")];
        let refused = elsewhere.post(&mailed.path(), &short).await;
        assert!(refused.is(422).text.contains("at least 8 characters"), "{}", refused.text);
        assert!(refused.text.contains("name=\"login\" value=\"ada\""), "{}", refused.text);
        let taken = [("csrf", &*csrf), ("login", "root"), ("password", PASSWORD)];
        elsewhere.post(&mailed.path(), &taken).await.is(409);
        let done = elsewhere.post(&mailed.path(), &fields).await;
        let login = follow(&elsewhere, &done).await;
        assert!(login.text.contains("Your account was created."), "{}", login.text);
        for person in [&ada, &elsewhere] {
            assert!(person.get("/account").await.header("location").ends_with("/login"));
        }
        elsewhere.post(&mailed.path(), &fields).await.is(404);
        // The code in the waiting tab is used up as well.
        let (flow, challenge) = (field(&waits.text, "flow"), field(&waits.text, "challenge"));
        let late = [("flow", &*flow), ("challenge", &*challenge), ("code", &*mailed.code)];
        ada.post("/signup/code", &late).await.is(401);
    })
    .await;
}

/// A user without an account is sent to the start of the sign-up.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_up_that_is_over_begins_again() {
    on_both("pages: sign-up over", async |backend| {
        let place = place(backend, "verified", &[]).await;
        let ada = Person::new(&place.server, "ada");
        let page = ada.get("/signup").await;
        let page = follow(&ada, &type_address(&place, &ada, &page).await).await;
        let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
        // Another mail is requested for the entered address.
        let again = link(&page, "Send another message, or change the address");
        let form = ada.get(&ada.below_base(&again)).await;
        assert!(form.is(200).text.contains(&format!("value=\"{NEW}\"")), "{}", form.text);
        let there = format!("/signup/code?flow={flow}&challenge={challenge}");
        let foreign = Person::new(&place.server, "phone").get(&there).await;
        assert!(foreign.is(403).text.contains("action=\"/signup\""), "{}", foreign.text);
        let mailed = place.newest().await;
        place.server.advance(TimeSpan::from_mins(31));
        let expired = ada.get(&mailed.path()).await;
        assert!(expired.is(404).text.contains("action=\"/signup\""), "{}", expired.text);
        let late = ada.get(&format!("/signup/code?flow={flow}&challenge={challenge}")).await;
        assert!(late.is(401).text.contains("action=\"/signup\""), "{}", late.text);
        // The same request goes on.
        let again = ada.get(&format!("/signup?flow={}", field(&late.text, "flow"))).await;
        let sent = type_address(&place, &ada, &again).await;
        assert!(sent.is(303).header("location").contains("/signup/code?flow="), "{sent:?}");
    })
    .await;
}

/// Of concurrent submissions of one form one creates an account.
#[tokio::test(flavor = "multi_thread")]
async fn of_ten_forms_of_one_sign_up_one_makes_an_account() {
    on_both("pages: sign-up race", async |backend| {
        let place = place(backend, "verified", &[]).await;
        let ada = Person::new(&place.server, "ada");
        let page = ada.get("/signup").await;
        let page = follow(&ada, &type_address(&place, &ada, &page).await).await;
        let mailed = place.newest().await;
        let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
        let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", &*mailed.code)];
        let page = follow(&ada, &ada.post("/signup/code", &fields).await).await;
        let link = Person::new(&place.server, "phone");
        let csrf = field(&link.get(&mailed.path()).await.text, "csrf");
        let names: Vec<String> = (0..10).map(|n| format!("ada{n}")).collect();
        let answers = futures_util::future::join_all(names.iter().enumerate().map(|(n, name)| {
            let (ada, link, page, csrf, path) = (&ada, &link, &page, &csrf, mailed.path());
            async move {
                if n % 2 == 0 {
                    return type_account(ada, page, &[("login", name)]).await;
                }
                let fields = [("csrf", &**csrf), ("login", name), ("password", PASSWORD)];
                link.post(&path, &fields).await
            }
        }))
        .await;
        let made = answers.iter().filter(|answer| answer.status == 303).count();
        assert_eq!(made, 1, "{answers:?}");
        let mut signed_in = 0;
        for name in &names {
            signed_in += usize::from(place.server.try_login(name, PASSWORD).await.status == 200);
        }
        assert_eq!(signed_in, 1);
    })
    .await;
}

/// A program gets the usual response, and no mail is sent.
#[tokio::test(flavor = "multi_thread")]
async fn programs_get_the_usual_answer_and_no_mail() {
    on_both("pages: automated sign-up", async |backend| {
        let place = place(backend, "verified", &[]).await;
        let person = Person::new(&place.server, "bot");
        for (wait, decoy) in [(0, ""), (1, ""), (3, "https://spam.example")] {
            let page = person.get("/signup").await;
            place.server.advance(TimeSpan::from_secs(wait));
            let flow = field(&page.is(200).text, "flow");
            let fields = [("flow", &*flow), ("email", NEW), ("website", decoy)];
            let answer = person.post("/signup", &fields).await;
            assert!(answer.is(303).header("location").contains("/signup/code?flow="), "{answer:?}");
            let page = follow(&person, &answer).await;
            assert!(page.is(200).text.contains(NEW), "{}", page.text);
            let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
            let code = [("flow", &*flow), ("challenge", &*challenge), ("code", "12345678")];
            person.post("/signup/code", &code).await.is(401);
        }
        assert!(place.all().await.is_empty());
        let mut link = place.server.app.db.reader().await.unwrap();
        let codes = signet::fetch_optional!(&mut link, (i64,), "SELECT count(*) FROM mailed_codes");
        assert_eq!(codes.unwrap(), Some((0,)));
        drop(link);
        let page = person.get("/signup").await;
        let answer = type_address(&place, &person, &page).await;
        assert!(answer.is(303).header("location").contains("/signup/code?flow="), "{answer:?}");
        assert_eq!(place.all().await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn where_no_address_is_asked_for_the_page_makes_the_account() {
    on_both("pages: open sign-up", async |backend| {
        let place = place(backend, "open", &[TERMS]).await;
        let bob = Person::new(&place.server, "bob");
        let login = bob.get("/login").await;
        let page = bob.get(&bob.below_base(&link(&login, "Create an account"))).await;
        assert!(!page.is(200).text.contains("name=\"email\""), "{}", page.text);
        let send = async |person: &Person<'_>, flow: &str, more: &[(&str, &str)]| {
            let fields: Vec<_> = [
                ("flow", flow),
                ("login", "bob"),
                ("password", PASSWORD),
                ("terms_accepted", "true"),
            ]
            .into_iter()
            .filter(|(name, _)| more.iter().all(|(other, _)| other != name))
            .chain(more.iter().copied())
            .collect();
            person.post("/signup", &fields).await
        };
        let flow = field(&page.text, "flow");
        // At once, and with the hidden field filled in: the usual response.
        for more in [&[][..], &[("website", "x")]] {
            let answer = send(&bob, &flow, more).await;
            assert!(answer.is(303).header("location").ends_with("/account"), "{answer:?}");
            assert!(bob.get("/account").await.header("location").ends_with("/login"));
        }
        place.server.advance(TimeSpan::from_secs(3));
        send(&Person::new(&place.server, "eve"), &flow, &[]).await.is(403);
        for (more, status, said) in [
            (&[("terms_accepted", "")][..], 422, "accept the terms of service"),
            (&[("login", "root")], 409, "already exists"),
            (&[("password", "short")], 422, "at least 8 characters"),
            (&[("login", "")], 422, "Enter a user name"),
        ] {
            let refused = send(&bob, &flow, more).await;
            assert!(refused.is(status).text.contains(said), "{said}: {}", refused.text);
        }
        let done = send(&bob, &flow, &[]).await;
        assert!(done.is(303).header("location").ends_with("/account"), "{done:?}");
        let account = follow(&bob, &done).await;
        assert!(account.is(200).text.contains("bob"), "{}", account.text);
        // The address is optional, and can be added later.
        bob.get("/account/email").await.is(200);
        bob.get("/signup/code").await.is(403);
    })
    .await;
}

/// `prompt=create` (Initiating User Registration via OpenID Connect 1.0).
#[tokio::test(flavor = "multi_thread")]
async fn a_client_begins_with_the_sign_up_page() {
    on_both("pages: prompt=create", async |backend| {
        let place = place(backend, "open", &[]).await;
        let client =
            App::register(&place.server, &place.root, json!({"type": "spa", "name": "Shop"})).await;
        let metadata = place.server.get("/.well-known/openid-configuration").await.json();
        assert!(metadata["prompt_values_supported"].as_array().unwrap().contains(&json!("create")));
        let create = client.url(&[("prompt", "create")]);
        let eve = Person::new(&place.server, "eve");
        let page = follow(&eve, &eve.get(&create).await).await;
        place.server.advance(TimeSpan::from_secs(3));
        let flow = field(&page.text, "flow");
        let fields = [("flow", &*flow), ("login", "eve"), ("password", PASSWORD)];
        let done = eve.post("/signup", &fields).await;
        let code = eve.go_on(done).await.said("code");
        client.redeem(&place.server, &code).await.is(200);
        // A user who is signed in can create another account; one who has an account can sign in instead.
        place.server.advance(TimeSpan::from_secs(60));
        let page = follow(&eve, &eve.get(&create).await).await;
        let login = eve.get(&eve.below_base(&link(&page, "Sign in"))).await;
        assert!(login.is(200).text.contains("name=\"password\""), "{}", login.text);

        let closed = Options::on(backend).with("SIGNET_REGISTRATION", "closed").start().await;
        let root = closed.administrator("root").await;
        let client = App::register(&closed, &root, json!({"type": "spa", "name": "Shop"})).await;
        let metadata = closed.get("/.well-known/openid-configuration").await.json();
        assert!(
            !metadata["prompt_values_supported"].as_array().unwrap().contains(&json!("create"))
        );
        let refused = Person::new(&closed, "bob").get(&client.url(&[("prompt", "create")])).await;
        assert!(
            refused.is(303).header("location").contains("error=invalid_request"),
            "{refused:?}"
        );
    })
    .await;
}

/// If the login must be an address of certain domains, the page requests one, in the language of the user.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_of_certain_domains_is_an_address() {
    on_both("pages: open sign-up, domains", async |backend| {
        let domains = [("SIGNET_REGISTRATION_DOMAINS", "example.org")];
        let place = place(backend, "open", &domains).await;
        let bob = Person::new(&place.server, "bob");
        let page = bob.get("/signup").await;
        let label = "<label for=\"login\">Your e-mail address</label>";
        assert!(page.is(200).text.contains(label), "{}", page.text);
        place.server.advance(TimeSpan::from_secs(3));
        let flow = field(&page.text, "flow");
        let login = bob.post("/language", &[("lang", "de"), ("back", "/signup")]).await;
        login.is(303);
        for (login, said) in [
            ("bob", "ist hier eine E-Mail-Adresse nötig"),
            ("bob@example.net", "Verwenden Sie eine andere Adresse"),
        ] {
            let fields = [("flow", &*flow), ("login", login), ("password", PASSWORD)];
            let refused = bob.post("/signup", &fields).await;
            assert!(refused.is(422).text.contains(said), "{login}: {}", refused.text);
        }
    })
    .await;
}

/// The steps of every sign-in are required at the first one.
#[tokio::test(flavor = "multi_thread")]
async fn a_policy_counts_for_the_sign_in_after_the_sign_up() {
    on_both("pages: sign-up with a policy", async |backend| {
        let place =
            MailingServer::requiring_factors(backend, &[("SIGNET_REGISTRATION", "open")]).await;
        let bob = Person::new(&place.server, "bob");
        let page = bob.get("/signup").await;
        place.server.advance(TimeSpan::from_secs(3));
        let flow = field(&page.is(200).text, "flow");
        let fields = [("flow", &*flow), ("login", "bob"), ("password", PASSWORD)];
        let done = bob.post("/signup", &fields).await;
        assert!(done.is(303).header("location").contains("/login/enrol"), "{done:?}");
        assert!(bob.cookie("signet_session").is_none());
        let page = follow(&bob, &follow(&bob, &done).await).await;
        assert!(page.is(200).text.contains("name=\"setup\""), "{}", page.text);
    })
    .await;
}

/// The complete flow in a browser, by keyboard and without JavaScript.
#[tokio::test(flavor = "multi_thread")]
async fn a_user_signs_up_in_chromium_without_a_script() {
    let Some(mut command) = browser_script(Browser::Chromium, "signup.mjs") else {
        return;
    };
    let mails = tempfile::tempdir().unwrap();
    let folder = mails.path().to_str().unwrap();
    let server = Options::on(Backend::Sqlite)
        .with("SIGNET_REGISTRATION", "verified")
        .with(TERMS.0, TERMS.1)
        .with("SIGNET_SMTP_URL", &format!("file:{folder}"))
        .with("SIGNET_MAIL_FROM", "signet@example.com")
        .start()
        .await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let clock = format!("http://{}/", listener.local_addr().unwrap());
    command.args([&server.base, &clock, folder, NEW, PASSWORD]);
    if let Some(screenshots) = require::variable("SIGNET_TEST_SCREENSHOTS") {
        command.arg(screenshots);
    }
    let time_passes = async {
        loop {
            let (mut connection, _) = listener.accept().await.unwrap();
            server.advance(TimeSpan::from_secs(3));
            let _ = connection.read(&mut [0; 4096]).await;
            let answer = b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";
            connection.write_all(answer).await.unwrap();
        }
    };
    tokio::select! {
        _ = output(command) => {}
        () = time_passes => {}
    }
    assert_eq!(server.try_login(NEW, PASSWORD).await.status, 200);
}
