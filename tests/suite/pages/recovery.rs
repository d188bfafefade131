//! A forgotten password at the pages: names of accounts on them, and reported limits.

use crate::support::mailed::MailingServer;
use crate::support::on_both;
use crate::support::relying_party::{Person, field};
use crate::support::server::Answer;

const ADA: &str = "ada@example.org";

/// Requests a mail.
async fn ask(person: &Person<'_>, page: &Answer, email: &str) -> Answer {
    let flow = field(&page.text, "flow");
    person.post(&format!("/recover?flow={flow}"), &[("flow", &flow), ("email", email)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_name_the_address_and_the_account() {
    on_both("recovery: pages", async |backend| {
        let place = MailingServer::start(backend).await;
        place.user("ada", ADA).await;
        let ada = Person::new(&place.server, "ada");
        let page = ada.get("/recover").await;
        // An address without an account is shown as well: the page discloses nothing.
        for email in ["nobody@example.org", ADA] {
            let to = ask(&ada, &page, email).await;
            let code = ada.get(&ada.below_base(to.is(303).header("location"))).await;
            assert!(code.is(200).text.contains(&format!("If {email} is the")), "{}", code.text);
            assert!(!code.header("location").contains(email));
            let of = |name| field(&code.text, name);
            let (flow, challenge) = (of("flow"), of("challenge"));
            let here = format!("flow={flow}&challenge={challenge}");
            let form = ada.get(&format!("/recover?{here}")).await;
            assert!(form.is(200).text.contains(&format!("value=\"{email}\"")), "{}", form.text);
            let phone = Person::new(&place.server, "phone");
            let foreign = phone.get(&format!("/recover/code?{here}")).await;
            assert!(foreign.is(403).text.contains("action=\"/recover\""), "{}", foreign.text);
            let send = async |code: &str| {
                let fields = [("flow", &*flow), ("challenge", &*challenge), ("code", code)];
                ada.post("/recover/code", &fields).await
            };
            let wrong = send("00000000").await;
            assert!(wrong.is(401).text.contains(&format!("If {email} is the")), "{}", wrong.text);
            if email != ADA {
                continue;
            }
            let right = send(&place.newest().await.code).await;
            let password = ada.get(&ada.below_base(right.is(303).header("location"))).await;
            assert!(password.is(200).text.contains("for the account ada."), "{}", password.text);
            let known = r#"value="ada" autocomplete="username" readonly"#;
            assert!(password.text.contains(known), "{}", password.text);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_limit_says_how_long_to_wait() {
    on_both("recovery: limits at the pages", async |backend| {
        let place = MailingServer::with(backend, &[("SIGNET_RATE_LIMITS", "on")]).await;
        let ada = Person::new(&place.server, "ada");
        let page = ada.get("/recover").await;
        let mut limited = None;
        for _ in 0..20 {
            let answer = ask(&ada, &page, ADA).await;
            if answer.status == 429 {
                limited = Some(answer);
                break;
            }
        }
        let limited = limited.expect("a limit");
        assert!(limited.text.contains("Too many attempts. Try again in"), "{}", limited.text);
        assert!(limited.text.contains(&format!("value=\"{ADA}\"")), "{}", limited.text);
    })
    .await;
}
