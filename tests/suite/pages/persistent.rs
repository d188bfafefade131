//! "Stay signed in": whether the cookie of a sign-in is persistent, for every way to sign in.

use serde_json::json;
use signet::base::TimeSpan;

use crate::support::relying_party::{App, Landing, Person, REDIRECT_URI, field};
use crate::support::second_factors::{Authenticator, code_of, secret_of};
use crate::support::server::{Answer, Options, PASSWORD};
use crate::support::software_authenticator::SoftwareAuthenticator;
use crate::support::{Backend, Server, on_both};

const ISSUER: &str = "http://localhost:8484";
/// The lifetime of a sign-in, in seconds.
const LIFE: i64 = 12 * 3_600;
const MFA: &str = "urn:signet:acr:mfa";

async fn server(backend: Backend, setting: &str) -> Server {
    let options = Options::on(backend).with("SIGNET_ISSUER", ISSUER);
    options.with("SIGNET_BROWSER_SESSION_PERSISTENT", setting).start().await
}

/// `Max-Age` of the session cookie; `None` for a session cookie of the browser.
#[track_caller]
fn kept_for(answer: &Answer) -> Option<i64> {
    let mut cookies = answer.headers.get_all("set-cookie").iter().map(|c| c.to_str().unwrap());
    let cookie = cookies.find(|cookie| cookie.starts_with("signet_session="));
    let cookie = cookie.unwrap_or_else(|| panic!("{} {}", answer.status, answer.text));
    assert!(!cookie.contains("Expires"), "{cookie}");
    let (_, age) = cookie.split_once("; Max-Age=")?;
    Some(age.split(';').next().unwrap().parse().unwrap())
}

/// The fields of the sign-in page, with or without a tick.
async fn typed(person: &Person<'_>, page: &Answer, password: &str, tick: bool) -> Answer {
    let flow = field(&page.text, "flow");
    let mut fields = vec![("flow", &*flow), ("login", "tia"), ("password", password)];
    if tick {
        fields.push(("stay", "on"));
    }
    person.post("/login", &fields).await
}

async fn follow(person: &Person<'_>, answer: &Answer) -> Answer {
    person.get(&person.below_base(answer.is(303).header("location"))).await
}

async fn verify(person: &Person<'_>, page: &Answer, more: (&str, &str)) -> Answer {
    let (flow, challenge) = (field(&page.text, "flow"), field(&page.text, "challenge"));
    person.post("/login/verify", &[("flow", &*flow), ("challenge", &*challenge), more]).await
}

/// Each setting with and without a tick, and whether the cookie is persistent.
const CASES: [(&str, bool, bool); 6] = [
    ("off", false, false),
    ("off", true, false),
    ("on", false, true),
    ("on", true, true),
    ("ask", false, false),
    ("ask", true, true),
];

#[tokio::test(flavor = "multi_thread")]
async fn a_password_signs_in_for_as_long_as_was_chosen() {
    on_both("staying: password", async |backend| {
        for (setting, tick, stays) in CASES {
            let server = server(backend, setting).await;
            server.register("tia").await;
            let tia = Person::new(&server, "tia");
            let page = tia.get("/login").await;
            let asks = setting == "ask";
            assert_eq!(page.text.contains(r#"name="stay" type="checkbox""#), asks, "{}", page.text);
            assert!(!page.text.contains(" checked"), "{}", page.text);
            // A wrong password keeps the choice.
            let refused = typed(&tia, &page, "not the password", tick).await;
            assert_eq!(refused.is(401).text.contains(" checked"), asks && tick);
            let done = typed(&tia, &page, PASSWORD, tick).await;
            assert_eq!(kept_for(&done), stays.then_some(LIFE), "{setting} {tick}");
            // Signing in again changes the choice.
            let page = tia.get("/login").await;
            let again = typed(&tia, &page, PASSWORD, !tick).await;
            let other = CASES.iter().find(|case| (case.0, case.1) == (setting, !tick)).unwrap().2;
            assert_eq!(kept_for(&again), other.then_some(LIFE), "{setting} {tick}");
            // Signing out removes the cookie.
            let csrf = field(&tia.get("/account").await.text, "csrf");
            let out = tia.post("/logout", &[("csrf", &csrf)]).await;
            assert_eq!(kept_for(&out), Some(0));
            assert_eq!(tia.cookie("signet_session"), None);
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_choice_survives_a_second_step_and_a_step_up() {
    on_both("staying: second factor", async |backend| {
        for (setting, tick, stays) in CASES {
            let server = server(backend, setting).await;
            let root = server.administrator("root").await;
            let web = json!({"type": "web", "redirect_uris": [REDIRECT_URI], "skip_consent": true});
            let app = App::register(&server, &root, web).await;
            server.register("tia").await;
            // Signed in before there was a second factor.
            let early = Person::new(&server, "tia");
            let page = early.get("/login").await;
            assert_eq!(kept_for(&typed(&early, &page, PASSWORD, tick).await).is_some(), stays);
            let tokens = server.login("tia").await;
            let authenticator = Authenticator::enrol(&server, &tokens).await;

            let tia = Person::new(&server, "tia");
            let page = tia.get("/login").await;
            let page = follow(&tia, &typed(&tia, &page, PASSWORD, tick).await).await;
            let refused = verify(&tia, &page, ("code", "12345")).await;
            let code = authenticator.new_code(&server);
            let done = verify(&tia, refused.is(401), ("code", &code)).await;
            assert_eq!(kept_for(&done), stays.then_some(LIFE), "{setting} {tick}");

            // A step-up renews the cookie, which lasts no longer than the sign-in.
            server.advance(TimeSpan::from_mins(60));
            let asked = match early.visit(&app.url(&[("acr_values", MFA)])).await {
                Landing::Page(page) => page,
                Landing::Callback(url) => panic!("{url}"),
            };
            let code = authenticator.new_code(&server);
            let raised = verify(&early, &asked, ("code", &code)).await;
            let left = kept_for(raised.is(303));
            assert_eq!(left.is_some(), stays, "{setting} {tick}");
            assert!(
                left.is_none_or(|left| (LIFE - 3_900..=LIFE - 3_600).contains(&left)),
                "{left:?}"
            );
        }
    })
    .await;
}

/// The options in the form of the sign-in page for its script.
fn passkey_options(page: &Answer) -> serde_json::Value {
    let (_, rest) = page.is(200).text.split_once(r#" data-options=""#).unwrap();
    let text = rest.split_once('"').unwrap().0.replace("&#34;", "\"").replace("&#38;", "&");
    serde_json::from_str(&text).unwrap()
}

/// The value of the last field of this name: the form of the script follows that of the password.
fn last(page: &Answer, name: &str) -> String {
    let at = page.text.rfind(&format!(r#"name="{name}" value=""#)).unwrap();
    field(&page.text[at - 1..], name)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_signs_in_for_as_long_as_was_chosen() {
    on_both("staying: passkey", async |backend| {
        for (setting, tick, stays) in CASES {
            let server = server(backend, setting).await;
            server.register("tia").await;
            let first = Person::new(&server, "tia");
            let page = first.get("/login").await;
            typed(&first, &page, PASSWORD, false).await.is(303);
            let security = first.get("/account/security").await;
            let mut passkey = SoftwareAuthenticator::new(ISSUER);
            let credential = passkey.create(&passkey_options(&security)).to_string();
            let (csrf, challenge) = (field(&security.text, "csrf"), last(&security, "challenge"));
            let fields =
                [("csrf", &*csrf), ("challenge", &*challenge), ("credential", &*credential)];
            first.post("/account/security/passkeys", &fields).await.is(200);

            let tia = Person::new(&server, "tia");
            let page = tia.get("/login").await;
            // The value that the script copies from the check box.
            assert_eq!(page.text.contains(r#"data-like="stay""#), setting == "ask");
            let credential = passkey.get(&passkey_options(&page)).to_string();
            let (flow, challenge) = (field(&page.text, "flow"), last(&page, "challenge"));
            let fields = [
                ("flow", &*flow),
                ("challenge", &*challenge),
                ("credential", &*credential),
                ("stay", if tick { "on" } else { "" }),
            ];
            let done = tia.post("/login", &fields).await;
            assert_eq!(kept_for(done.is(303)), stays.then_some(LIFE), "{setting} {tick}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_choice_survives_an_enrolment() {
    on_both("staying: enrolment", async |backend| {
        for (setting, tick, stays) in CASES {
            let options = Options::on(backend).with("SIGNET_SECOND_FACTOR", "required");
            let options = options.with("SIGNET_BROWSER_SESSION_PERSISTENT", setting);
            let server = options.start().await;
            server.register("tia").await;
            let tia = Person::new(&server, "tia");
            let page = tia.get("/login").await;
            let to = follow(&tia, &typed(&tia, &page, PASSWORD, tick).await).await;
            let page = follow(&tia, &to).await;
            let (_, rest) = page.text.split_once(r#"<p class="groups"><code>"#).unwrap();
            let secret = secret_of(&rest.split_once('<').unwrap().0.replace(' ', ""));
            let of = |name| field(&page.text, name);
            let (flow, challenge, setup) = (of("flow"), of("challenge"), of("setup"));
            let code = code_of(&server, &secret, 0);
            let fields = [
                ("flow", &*flow),
                ("challenge", &*challenge),
                ("setup", &*setup),
                ("code", &*code),
                ("name", "Phone"),
            ];
            let codes = tia.post("/login/enrol", &fields).await;
            assert_eq!(kept_for(codes.is(200)), stays.then_some(LIFE), "{setting} {tick}");
            // The codes are shown once: changing the language would lose them.
            assert!(!codes.text.contains(r#"name="back""#), "{}", codes.text);
        }
    })
    .await;
}

/// A stolen copy of the earlier cookie is invalid afterwards.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_of_the_password_and_the_end_of_the_others_change_the_cookie_and_not_its_life() {
    on_both("staying: change of the password", async |backend| {
        for (tick, stays) in [(false, false), (true, true)] {
            let server = server(backend, "ask").await;
            server.register("tia").await;
            let tia = Person::new(&server, "tia");
            let page = tia.get("/login").await;
            typed(&tia, &page, PASSWORD, tick).await.is(303);
            let before = tia.cookie("signet_session").unwrap();
            server.advance(TimeSpan::from_secs(60));
            let csrf = field(&tia.get("/account").await.text, "csrf");
            let change = async |current: &str| {
                let new = "another fine password";
                let fields =
                    [("csrf", &*csrf), ("current_password", current), ("new_password", new)];
                tia.post("/account/password", &fields).await
            };
            let refused = change("not the password").await;
            assert!(refused.headers.get("set-cookie").is_none(), "{refused:?}");
            let changed = change(PASSWORD).await;
            assert_eq!(kept_for(&changed), stays.then_some(LIFE - 60));
            assert!(changed.header("location").ends_with("/account?done=password"));
            let csrf = field(&tia.get("/account").await.is(200).text, "csrf");
            let is_over = async |cookie: &str| {
                let thief = Person::new(&server, "tia");
                for (name, value) in tia.cookies() {
                    thief.set_cookie(&name, &value);
                }
                thief.set_cookie("signet_session", cookie);
                assert!(thief.get("/account").await.is(303).header("location").ends_with("/login"));
            };
            is_over(&before).await;
            // So is it after all sessions were ended.
            let before = tia.cookie("signet_session").unwrap();
            let ended = tia.post("/account/sessions/end-others", &[("csrf", &csrf)]).await;
            assert_eq!(kept_for(&ended), stays.then_some(LIFE - 60));
            is_over(&before).await;
            tia.get("/account").await.is(200);
        }
    })
    .await;
}
