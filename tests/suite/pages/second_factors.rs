//! Two-step sign-in at the pages: enrolling an authenticator app, signing in with it, removing it.

use signet::base::TimeSpan;
use signet::crypto::totp::TotpSecret;

use crate::support::relying_party::{Person, field};
use crate::support::second_factors::{code_of, secret_of};
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::{Backend, Server, on_both};

/// The secret on a page, in groups of four.
fn shown_secret(page: &Answer) -> TotpSecret {
    let (_, rest) = page.text.split_once(r#"<p class="groups"><code>"#).unwrap();
    secret_of(&rest.split_once('<').unwrap().0.replace(' ', ""))
}

/// Signs in with a password, up to the next step.
async fn password(person: &Person<'_>) -> Answer {
    let page = person.get("/login").await;
    let flow = field(&page.text, "flow");
    let fields = [("flow", &*flow), ("login", "tia"), ("password", PASSWORD)];
    let answer = person.post("/login", &fields).await;
    person.get(&person.below_base(answer.is(303).header("location"))).await
}

async fn verify(person: &Person<'_>, page: &Answer, method: &str, code: &str) -> Answer {
    let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
    let fields = [("flow", &*flow), ("challenge", &*challenge), ("method", method), ("code", code)];
    person.post("/login/verify", &fields).await
}

/// Enrols an app. Returns the secret, and the page with the recovery codes.
async fn enrol(server: &Server, person: &Person<'_>) -> (TotpSecret, Answer) {
    let account = person.get("/account/security").await;
    let csrf = field(&account.is(200).text, "csrf");
    let begun = person.post("/account/security/totp", &[("csrf", &csrf)]).await;
    let address = person.below_base(begun.is(303).header("location"));
    let page = person.get(&address).await;
    // A reload shows the same secret.
    assert_eq!(person.get(&address).await.text, page.text);
    let secret = shown_secret(page.is(200));
    let setup = field(&page.text, "setup");
    let confirm = async |code: &str| {
        let fields = [("csrf", &*csrf), ("setup", &*setup), ("code", code), ("name", "Phone")];
        person.post("/account/security/totp/confirm", &fields).await
    };
    let refused = confirm("12345").await;
    assert!(refused.is(422).text.contains("The code is wrong."), "{}", refused.text);
    assert_eq!(field(&refused.text, "setup"), setup);
    let done = confirm(&code_of(server, &secret, 0)).await;
    assert!(done.is(200).text.contains("Your recovery codes"), "{}", done.text);
    (secret, done)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_app_is_enrolled_used_and_removed_at_the_pages() {
    on_both("second factors at the pages", async |backend| {
        let server = Server::start(backend).await;
        server.register("tia").await;
        let tia = Person::new(&server, "tia");
        password(&tia).await.is(200);
        let (secret, codes) = enrol(&server, &tia).await;
        let csrf = field(&codes.text, "csrf");
        let all = field(&codes.text, "codes");
        let fields = [("csrf", &*csrf), ("codes", &*all)];
        let file = tia.post("/account/security/recovery-codes/file", &fields).await;
        assert!(file.header("content-disposition").starts_with("attachment"));
        assert!(file.header("content-type").starts_with("text/plain"));
        let code = all.split(' ').next().unwrap();
        assert!(file.is(200).text.contains(&format!("{code}\r\n")), "{}", file.text);
        // An invalid code is not shown again.
        let fields = [("csrf", &*csrf), ("codes", "<script>")];
        let file = tia.post("/account/security/recovery-codes/file", &fields).await;
        assert!(!file.text.contains("script"));

        // Another browser needs a code.
        let elsewhere = Person::new(&server, "tia");
        let page = password(&elsewhere).await;
        assert!(page.is(200).text.contains(r#"autocomplete="one-time-code""#), "{}", page.text);
        assert!(elsewhere.get("/account").await.header("location").ends_with("/login"));
        let refused = verify(&elsewhere, &page, "totp", "12345").await;
        assert!(refused.is(401).text.contains("The code is wrong"), "{}", refused.text);
        server.advance(TimeSpan::from_secs(60));
        let done = verify(&elsewhere, &refused, "totp", &code_of(&server, &secret, 0)).await;
        assert!(done.is(303).header("location").ends_with("/account"), "{done:?}");
        elsewhere.get("/account").await.is(200);
        // The challenge of one browser is refused in another, and a second time.
        let again = verify(&elsewhere, &page, "totp", &code_of(&server, &secret, 1)).await;
        assert!([401, 403].contains(&again.status), "{}", again.status);
        let third = Person::new(&server, "tia");
        let page = password(&third).await;
        let recovery = verify(&third, &page, "recovery_code", code).await;
        assert!(recovery.is(303).header("location").ends_with("/account"));
        // The first browser is signed in without a code: a change requires a new sign-in.
        let stale = tia.get("/account/security").await;
        assert!(stale.is(200).text.contains("sign in again: you did so"), "{}", stale.text);
        assert!(!stale.text.contains("/account/security/remove"));
        // The new sign-in returns to this page.
        let page = tia.get("/login?to=security").await;
        assert!(stale.text.contains(r#"href="/login?to=security""#), "{}", stale.text);
        let flow = field(&page.is(200).text, "flow");
        let fields = [("flow", &*flow), ("login", "tia"), ("password", PASSWORD)];
        let answer = tia.post("/login", &fields).await;
        let page = tia.get(&tia.below_base(answer.is(303).header("location"))).await;
        server.advance(TimeSpan::from_secs(60));
        let done = verify(&tia, &page, "totp", &code_of(&server, &secret, 0)).await;
        assert!(done.is(303).header("location").ends_with("/account/security"), "{done:?}");
        assert!(tia.get("/account/security").await.text.contains("/account/security/remove"));
        let away = Person::new(&server, "tia");
        let to = away.get("/account/security").await;
        assert!(to.is(303).header("location").ends_with("/login?to=security"), "{to:?}");

        let security = elsewhere.get("/account/security").await;
        let (csrf, id) = (field(&security.text, "csrf"), field(&security.text, "id"));
        let fields = [("csrf", &*csrf), ("id", &*id)];
        // Without the form token of this browser nothing happens.
        third.post("/account/security/remove", &fields).await.is(403);
        // The only one is removed after a confirmation.
        let asked = elsewhere.post("/account/security/remove", &fields).await;
        assert!(asked.is(200).text.contains("Turn off two-step sign-in?"), "{}", asked.text);
        elsewhere.get("/account").await.is(200);
        let fields = [("csrf", &*csrf), ("id", &*id), ("confirmed", "yes")];
        let removed = elsewhere.post("/account/security/remove", &fields).await;
        assert!(removed.is(303).header("location").ends_with("done=factor-removed"));
        let security = elsewhere.get("/account/security").await;
        assert!(security.is(200).text.contains("Two-step sign-in is off"), "{}", security.text);
        assert!(third.get("/account").await.header("location").ends_with("/login"));
        password(&Person::new(&server, "tia")).await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_application_gets_its_code_after_the_second_factor() {
    use crate::support::relying_party::{App, REDIRECT_URI, id_token};
    on_both("second factor for an application", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let web = serde_json::json!({"type": "web", "redirect_uris": [REDIRECT_URI]});
        let app = App::register(&server, &root, web).await;
        server.register("tia").await;
        let tia = Person::new(&server, "tia");
        password(&tia).await.is(200);
        let (secret, _) = enrol(&server, &tia).await;
        let elsewhere = Person::new(&server, "tia");
        let page = match elsewhere.visit(&app.url(&[("nonce", "n")])).await {
            crate::support::relying_party::Landing::Page(page) => page,
            other => panic!("{other:?}"),
        };
        assert!(page.text.contains("/login/verify"), "{}", page.text);
        server.advance(TimeSpan::from_secs(60));
        let done = verify(&elsewhere, &page, "totp", &code_of(&server, &secret, 0)).await;
        let code = elsewhere.go_on(done).await.said("code");
        let tokens = app.redeem(&server, &code).await.is(200).json();
        let claims = id_token(&server, &app, &tokens, Some("n")).await;
        assert_eq!(claims["amr"], serde_json::json!(["pwd", "otp", "mfa"]));
    })
    .await;
}

/// Each page of a sign-in names the account, and redirects to the page of the step that the sign-in waits for.
#[tokio::test(flavor = "multi_thread")]
async fn the_page_of_another_step_leads_to_the_right_one() {
    on_both("pages of other steps", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let id = server.register("tia").await;
        let tia = Person::new(&server, "tia");
        password(&tia).await.is(200);
        let (secret, _) = enrol(&server, &tia).await;
        let body = serde_json::json!({"must_change_password": true});
        let path = format!("/v1/admin/users/{id}");
        server.call_as(reqwest::Method::PATCH, &path, &root.access, body).await.is(200);
        let elsewhere = Person::new(&server, "tia");
        let page = password(&elsewhere).await;
        assert!(page.is(200).text.contains("You are signing in as tia."), "{}", page.text);
        let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
        let query = format!("?flow={flow}&challenge={challenge}");
        let led = elsewhere.get(&format!("/login/password{query}")).await;
        assert_eq!(led.is(303).header("location"), format!("/login/verify{query}"));
        let fields =
            [("flow", &*flow), ("challenge", &*challenge), ("new_password", "another good one")];
        let led = elsewhere.post("/login/password", &fields).await;
        assert_eq!(led.is(303).header("location"), format!("/login/verify{query}"));
        // The reverse, after the code.
        server.advance(TimeSpan::from_secs(60));
        let done = verify(&elsewhere, &page, "totp", &code_of(&server, &secret, 0)).await;
        let to = elsewhere.below_base(done.is(303).header("location"));
        let page = elsewhere.get(&to).await;
        assert!(page.is(200).text.contains("You are signing in as tia."), "{}", page.text);
        let query = to.strip_prefix("/login/password").unwrap();
        let led = elsewhere.get(&format!("/login/verify{query}")).await;
        assert_eq!(led.is(303).header("location"), to);
        let led = verify(&elsewhere, &page, "totp", &code_of(&server, &secret, 1)).await;
        assert_eq!(led.is(303).header("location"), to);
        let challenge = field(&page.text, "challenge");
        let fields =
            [("flow", &*flow), ("challenge", &*challenge), ("new_password", "another good one")];
        let done = elsewhere.post("/login/password", &fields).await;
        assert!(done.is(303).header("location").ends_with("/account"), "{done:?}");
        // A completed sign-in has neither page.
        elsewhere.get(&to).await.is(401);
    })
    .await;
}

/// A page that refuses temporarily shows for how long.
#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_for_too_many_codes_says_for_how_long() {
    let options = Options::on(Backend::Sqlite).with("SIGNET_RATE_LIMITS", "on");
    let server = options.start().await;
    server.register("tia").await;
    let tia = Person::new(&server, "tia");
    password(&tia).await.is(200);
    enrol(&server, &tia).await;
    let elsewhere = Person::new(&server, "tia");
    let page = password(&elsewhere).await;
    for _ in 0..5 {
        verify(&elsewhere, &page, "totp", "12345").await.is(401);
    }
    server.advance(TimeSpan::from_mins(3));
    let refused = verify(&elsewhere, &page, "totp", "12345").await;
    assert!(refused.is(429).text.contains("Try again in 12 minutes."), "{}", refused.text);
}
