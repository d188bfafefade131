//! The enrolment that a policy requires, inside a sign-in at the pages.

use serde_json::json;
use signet::base::TimeSpan;

use crate::support::Server;
use crate::support::on_both;
use crate::support::relying_party::{App, Landing, Person, REDIRECT_URI, field, id_token};
use crate::support::second_factors::{Authenticator, code_of, secret_of};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};

/// Submits the page with a code.
async fn filled(person: &Person<'_>, page: &Answer, code: &str) -> Answer {
    let of = |name| field(&page.text, name);
    let (flow, challenge, setup) = (of("flow"), of("challenge"), of("setup"));
    let fields = [
        ("flow", &*flow),
        ("challenge", &*challenge),
        ("setup", &*setup),
        ("code", code),
        ("name", "Phone"),
    ];
    person.post("/login/enrol", &fields).await
}

async fn skipped(person: &Person<'_>, page: &Answer) -> Answer {
    let of = |name| field(&page.text, name);
    let (flow, challenge, setup) = (of("flow"), of("challenge"), of("setup"));
    let fields =
        [("flow", &*flow), ("challenge", &*challenge), ("setup", &*setup), ("decision", "skip")];
    person.post("/login/enrol", &fields).await
}

#[track_caller]
fn page(landing: Landing) -> Answer {
    match landing {
        Landing::Page(page) => page,
        Landing::Callback(url) => panic!("{url}"),
    }
}

/// The code of an app for the secret on a page.
fn code(server: &Server, page: &Answer) -> String {
    let (_, rest) = page.text.split_once(r#"<p class="groups"><code>"#).unwrap();
    code_of(server, &secret_of(&rest.split_once('<').unwrap().0.replace(' ', "")), 0)
}

async fn client(server: &Server, root: &Tokens) -> App {
    let web = json!({"type": "web", "redirect_uris": [REDIRECT_URI], "skip_consent": true});
    App::register(server, root, web).await
}

async fn administrator(server: &Server) -> Tokens {
    server.create_administrator("root").await;
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    let asked = server.post("/v1/login", body).await;
    let challenge = asked.is_problem(401, "enrolment_required").string("challenge");
    Tokens::of(&Authenticator::enrol_at_login(server, &challenge).await.1)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_factor_is_enrolled_on_the_way_to_an_application() {
    on_both("enrolment at the pages", async |backend| {
        let server = Options::on(backend).with("SIGNET_SECOND_FACTOR", "required").start().await;
        let root = administrator(&server).await;
        let app = client(&server, &root).await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let shown = page(ada.visit(&app.url(&[("nonce", "n")])).await);
        assert!(shown.is(200).text.contains("Set up two-step sign-in"), "{}", shown.text);
        assert!(shown.text.contains("App") && shown.text.contains("<svg"), "{}", shown.text);
        assert!(!shown.text.contains("Not now"), "{}", shown.text);
        // No user is signed in yet.
        assert!(ada.get("/account").await.header("location").ends_with("/login"));
        let refused = skipped(&ada, &shown).await;
        assert_eq!(refused.status, 422);
        assert!(ada.get("/account").await.header("location").ends_with("/login"));
        // A wrong code shows the same secret.
        let refused = filled(&ada, &shown, "12345").await;
        assert!(refused.is(422).text.contains("The code is wrong."), "{}", refused.text);
        assert_eq!(field(&refused.text, "setup"), field(&shown.text, "setup"));
        // Another browser cannot finish it.
        let elsewhere = Person::new(&server, "ada");
        elsewhere.get("/login").await;
        assert!([401, 403].contains(&filled(&elsewhere, &shown, "123456").await.status));
        let codes = filled(&ada, &shown, &code(&server, &shown)).await;
        assert!(codes.is(200).text.contains("Your recovery codes"), "{}", codes.text);
        let (csrf, all) = (field(&codes.text, "csrf"), field(&codes.text, "codes"));
        let fields = [("csrf", &*csrf), ("codes", &*all)];
        let file = ada.post("/account/security/recovery-codes/file", &fields).await;
        assert!(file.is(200).text.contains(all.split(' ').next().unwrap()));
        // Signed in, and on to the application.
        let (_, rest) = codes
            .text
            .split_once(r#"<p class="next"><a class="button whole secondary" href=""#)
            .unwrap();
        let onwards = rest.split_once('"').unwrap().0.replace("&#38;", "&");
        let code = ada.visit(&ada.below_base(&onwards)).await.said("code");
        let tokens = app.redeem(&server, &code).await.is(200).json();
        let claims = id_token(&server, &app, &tokens, Some("n")).await;
        assert_eq!(claims["acr"], "urn:signet:acr:mfa");
        // The account page has no button to remove the last app.
        let security = ada.get("/account/security").await;
        assert!(!security.text.contains("/account/security/remove"), "{}", security.text);
        assert!(security.text.contains("the last app cannot be removed"), "{}", security.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_enrolment_can_be_put_off_until_the_date() {
    on_both("grace at the pages", async |backend| {
        let server = Options::on(backend)
            .with("SIGNET_SECOND_FACTOR", "required")
            .with("SIGNET_SECOND_FACTOR_FROM", "1800003600")
            .start()
            .await;
        server.create_administrator("root").await;
        let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
        let challenge = server.post("/v1/login", body).await.string("challenge");
        let root = Tokens::of(&Authenticator::enrol_at_login(&server, &challenge).await.1);
        let app = client(&server, &root).await;
        server.register("ada").await;
        let ada = Person::new(&server, "ada");
        let shown = page(ada.visit(&app.url(&[])).await);
        assert!(shown.is(200).text.contains("Not now"), "{}", shown.text);
        let done = skipped(&ada, &shown).await;
        ada.go_on(done).await.said("code");
        // An existing sign-in is not affected before the date.
        app.code(&ada, &[]).await;
        server.advance(TimeSpan::from_secs(3_600));
        let silent = ada.visit(&app.url(&[("prompt", "none")])).await;
        assert_eq!(silent.said("error"), "login_required");
        let shown = page(ada.visit(&app.url(&[])).await);
        assert!(shown.is(200).text.contains("Set up two-step sign-in"), "{}", shown.text);
        assert!(!shown.text.contains("Not now"), "{}", shown.text);
        let codes = filled(&ada, &shown, &code(&server, &shown)).await;
        codes.is(200);
        app.code(&ada, &[("prompt", "none")]).await;
    })
    .await;
}
