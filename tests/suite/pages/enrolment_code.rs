//! The mailed code before an enrolment, at the pages.

use serde_json::json;
use signet::base::TimeSpan;

use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{App, Landing, Person, REDIRECT_URI, field};
use crate::support::second_factors::{code_of, secret_of};
use crate::support::server::{Answer, PASSWORD};

const ADA: &str = "ada@example.org";

#[track_caller]
fn page(landing: Landing) -> Answer {
    match landing {
        Landing::Page(page) => page,
        Landing::Callback(url) => panic!("{url}"),
    }
}

async fn client(place: &MailingServer) -> App {
    let web = json!({"type": "web", "redirect_uris": [REDIRECT_URI], "skip_consent": true});
    App::register(&place.server, &place.root, web).await
}

async fn post(person: &Person<'_>, page: &Answer, more: (&str, &str)) -> Answer {
    let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
    person.post("/login/mailed-code", &[("flow", &flow), ("challenge", &challenge), more]).await
}

async fn follow(person: &Person<'_>, answer: &Answer) -> Answer {
    person.get(&person.below_base(answer.is(303).header("location"))).await
}

/// Enrols an app at the page. Returns the response with the recovery codes.
async fn enrol(place: &MailingServer, person: &Person<'_>, page: &Answer) -> Answer {
    let (_, rest) = page.text.split_once(r#"<p class="groups"><code>"#).unwrap();
    let secret = secret_of(&rest.split_once('<').unwrap().0.replace(' ', ""));
    let of = |name| field(&page.text, name);
    let (flow, challenge, setup) = (of("flow"), of("challenge"), of("setup"));
    let code = code_of(&place.server, &secret, 0);
    let fields = [
        ("flow", &*flow),
        ("challenge", &*challenge),
        ("setup", &*setup),
        ("code", &*code),
        ("name", "Phone"),
    ];
    person.post("/login/enrol", &fields).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_lead_over_the_mailed_code_to_the_enrolment() {
    on_both("enrolment code: pages", async |backend| {
        let place = MailingServer::requiring_factors(backend, &[]).await;
        place.user("ada", ADA).await;
        let app = client(&place).await;
        let ada = Person::new(&place.server, "ada");
        let shown = page(ada.visit(&app.url(&[])).await);
        assert!(shown.is(200).text.contains("/login/mailed-code"), "{}", shown.text);
        assert!(shown.text.contains("You are signing in as ada."), "{}", shown.text);
        assert!(!shown.text.contains(ADA), "a thief must not read the address: {}", shown.text);
        let first = place.newest().await;
        // The pages of other steps redirect here, and enrol nothing.
        let (flow, challenge) = (field(&shown.text, "flow"), field(&shown.text, "challenge"));
        let query = format!("?flow={flow}&challenge={challenge}");
        let led = ada.get(&format!("/login/verify{query}")).await;
        assert_eq!(led.is(303).header("location"), format!("/login/mailed-code{query}"));
        assert_eq!(ada.get(&format!("/login/enrol{query}")).await.status, 422);
        assert!(ada.get("/account").await.header("location").ends_with("/login"));
        let wrong = first.wrong_code();
        let refused = post(&ada, &shown, ("code", &wrong)).await;
        assert!(refused.is(401).text.contains("The code is wrong"), "{}", refused.text);
        // Another browser can neither enter the code nor have another one sent.
        let eve = Person::new(&place.server, "ada");
        eve.get("/login").await;
        post(&eve, &shown, ("code", &first.code)).await.is(403);
        post(&eve, &shown, ("decision", "send")).await.is(403);
        let again = follow(&ada, &post(&ada, &shown, ("decision", "send")).await).await;
        assert!(again.is(200).text.contains("Another message"), "{}", again.text);
        let second = place.newest().await;
        assert_eq!(place.all().await.len(), 2);
        post(&ada, &again, ("code", &first.code)).await.is(401);
        let right = post(&ada, &again, ("code", &second.code)).await;
        assert!(right.is(303).header("location").contains("/login/enrol"), "{right:?}");
        let at_enrolment = page(ada.go_on(right).await);
        assert!(at_enrolment.text.contains("Set up two-step sign-in"), "{}", at_enrolment.text);
        // The form of the previous step leads to the page of this one, and sends nothing.
        let late = post(&ada, &at_enrolment, ("decision", "send")).await;
        assert!(late.is(303).header("location").contains("/login/enrol"), "{late:?}");
        enrol(&place, &ada, &at_enrolment).await.is(200);
        app.code(&ada, &[("prompt", "none")]).await;
    })
    .await;
}

/// Any site can send a signed-in browser to an address: that alone sends no mail.
#[tokio::test(flavor = "multi_thread")]
async fn a_sign_in_from_before_the_policy_asks_before_it_sends_a_code() {
    on_both("enrolment code: step-up at the pages", async |backend| {
        let from = [("SIGNET_SECOND_FACTOR_FROM", "1800003600")];
        let place = MailingServer::requiring_factors(backend, &from).await;
        place.user("ada", ADA).await;
        let app = client(&place).await;
        let ada = Person::new(&place.server, "ada");
        let shown = page(ada.visit(&app.url(&[])).await);
        assert!(shown.text.contains("Not now"), "{}", shown.text);
        let of = |name| field(&shown.text, name);
        let (flow, challenge, setup) = (of("flow"), of("challenge"), of("setup"));
        let fields = [
            ("flow", &*flow),
            ("challenge", &*challenge),
            ("setup", &*setup),
            ("decision", "skip"),
        ];
        let done = ada.post("/login/enrol", &fields).await;
        ada.go_on(done).await.said("code");
        place.server.advance(TimeSpan::from_secs(3_600));
        let silent = ada.visit(&app.url(&[("prompt", "none")])).await;
        assert_eq!(silent.said("error"), "login_required");
        let shown = page(ada.visit(&app.url(&[])).await);
        assert!(shown.is(200).text.contains("Send the message"), "{}", shown.text);
        assert!(!shown.text.contains(r#"name="code""#), "{}", shown.text);
        assert_eq!(place.all().await, []);
        let sent = follow(&ada, &post(&ada, &shown, ("decision", "send")).await).await;
        let mailed = place.newest().await;
        let right = post(&ada, &sent, ("code", &mailed.code)).await;
        let at_enrolment = page(ada.go_on(right).await);
        enrol(&place, &ada, &at_enrolment).await.is(200);
        app.code(&ada, &[("prompt", "none")]).await;
    })
    .await;
}

/// At the limit the sign-in page reports it; the sign-in is not lost.
#[tokio::test(flavor = "multi_thread")]
async fn mails_are_limited_at_the_pages() {
    let backend = crate::support::Backend::Sqlite;
    let limited = [("SIGNET_RATE_LIMITS", "on")];
    let place = MailingServer::requiring_factors(backend, &limited).await;
    place.user("ada", ADA).await;
    let ada = Person::new(&place.server, "ada");
    let login = ada.get("/login").await;
    let shown = follow(&ada, &ada.log_in(&login, PASSWORD).await).await;
    for _ in 0..2 {
        post(&ada, &shown, ("decision", "send")).await.is(303);
    }
    let refused = post(&ada, &shown, ("decision", "send")).await;
    assert!(refused.is(429).text.contains("Too many attempts"), "{}", refused.text);
    ada.log_in(&login, PASSWORD).await.is(429);
    let mailed = place.newest().await;
    let right = post(&ada, &refused, ("code", &mailed.code)).await;
    assert!(right.is(303).header("location").contains("/login/enrol"), "{right:?}");
}
