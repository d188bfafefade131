//! The second half of the life: a sign-up, an enrolment that an application requires, the forms of pages, and waiting
//! mail.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::json;
use signet::base::{Clock as _, SystemClock};
use signet::domain::totp::TimeStep;

use super::{ADA, Life, NEW};
use crate::support::mailed::Mailed;
use crate::support::process::until;
use crate::support::relying_party::{Person, field};
use crate::support::second_factors::secret_of;
use crate::support::smtp_sink::Behavior;

/// The address that signs up.
pub(super) const SIGNED_UP: &str = "new@example.org";
const OF_SIGN_UP: &str = "third password 8Zq3";
const LAST: &str = "fourth password 8Zq4";

impl Life {
    /// A user signs up, and enrols the factor that an application requires, after a mailed code.
    pub(super) async fn signed_up(&mut self, root: &str) {
        let asked = self.post("/v1/register", json!({"email": SIGNED_UP})).await;
        let challenge = self.keep_challenge(asked.is(202));
        let mailed = self.mailed(5).await;
        let complete =
            |code: &str| json!({"challenge": challenge, "code": code, "password": OF_SIGN_UP});
        let (path, wrong) = ("/v1/register/complete", mailed.wrong_code());
        self.post(path, complete(&wrong)).await.is(401);
        self.post(path, complete(&mailed.code)).await.is(201);
        let client = json!({"client_id": "strict", "name": "Strict", "type": "native",
            "redirect_uris": ["http://127.0.0.1/cb"], "first_party": true,
            "min_acr": "urn:signet:acr:mfa"});
        self.call(Method::POST, "/v1/admin/clients", root, client).await.is(201);
        let body = json!({"login": SIGNED_UP, "password": OF_SIGN_UP, "client_id": "strict"});
        let asked = self.post("/v1/login", body).await;
        let challenge = self.keep_challenge(asked.is(401));
        let mailed = self.mailed(6).await;
        let code = |code: &str| json!({"method": "mailed_code", "code": code});
        let wrong = mailed.wrong_code();
        self.secrets.digits.push(wrong.clone());
        self.proceed(&challenge, code(&wrong)).await.is(401);
        let asked = self.proceed(&challenge, code(&mailed.code)).await;
        let challenge = self.keep_challenge(asked.is(401));
        let begun = self.post("/v1/login/enrol", json!({"challenge": challenge})).await;
        let (seed, setup) = (begun.is(200).string("secret"), begun.string("setup"));
        self.keep(&[&seed, &setup, &begun.string("otpauth_uri")]);
        let code = secret_of(&seed).code(TimeStep::at(SystemClock.now())).to_vec();
        let code = String::from_utf8(code).unwrap();
        self.secrets.digits.push(code.clone());
        let done = self.proceed(&challenge, json!({"setup": setup, "code": code})).await;
        self.keep_tokens(&done);
        for code in done.json()["recovery_codes"].as_array().unwrap() {
            self.keep(&[code.as_str().unwrap()]);
        }
        self.keep(&[OF_SIGN_UP]);
    }

    /// A sign-in and a new password in the forms of pages.
    pub(super) async fn at_the_pages(&mut self, codes: &[String]) {
        let caller = self.caller.clone();
        let ada = Person::new(&caller, "ada");
        let flow = field(&ada.get("/login").await.is(200).text, "flow");
        let typed = [("flow", &*flow), ("login", "ada"), ("password", NEW)];
        let answer = ada.post("/login", &typed).await;
        let page = ada.get(&ada.below_base(answer.is(303).header("location"))).await;
        let challenge = field(&page.is(200).text, "challenge");
        for (code, status) in [("AAAA-BBBB-CCCC-DDDD", 401), (&*codes[5], 303)] {
            let fields = [
                ("flow", &*flow),
                ("challenge", &*challenge),
                ("method", "recovery_code"),
                ("code", code),
            ];
            ada.post("/login/verify", &fields).await.is(status);
        }
        ada.get("/account/security").await.is(200);
        self.keep(&[&flow, &challenge]);
        // Cookies of settings are short words.
        for (_, cookie) in ada.cookies().into_iter().filter(|(_, cookie)| cookie.len() > 20) {
            self.keep(&[&cookie]);
        }
        self.post("/v1/recovery", json!({"email": ADA})).await.is(202);
        let mailed = self.mailed(7).await;
        let page = ada.get(&mailed.path()).await;
        let csrf = field(&page.is(200).text, "csrf");
        for (code, status) in [("EEEE-FFFF-GGGG-HHHH", 401), (&*codes[6], 303)] {
            let fields = [("csrf", &*csrf), ("code", code), ("new_password", LAST)];
            ada.post(&mailed.path(), &fields).await.is(status);
        }
        self.keep(&[LAST]);
    }

    /// Mail with codes and links that the mail server accepts only later: it is in the database meanwhile.
    pub(super) async fn waiting(&mut self, codes: &[String]) {
        let challenge = self.keep_challenge(&self.log_in(LAST).await);
        let access = self.keep_tokens(&self.proceed(&challenge, json!({"code": codes[7]})).await);
        let before = self.sink.received().len();
        self.sink.behave(std::iter::repeat_n(Behavior::DeferAfterData, 200));
        self.post("/v1/recovery", json!({"email": ADA})).await.is(202);
        self.post("/v1/register", json!({"email": "third@example.org"})).await.is(202);
        let change = json!({"email": "fourth@example.net"});
        self.call(Method::PUT, "/v1/email", &access, change).await.is(202);
        let waiting = |life: &Self| -> Vec<Mailed> {
            life.sink.received()[before..].iter().filter_map(Mailed::of).collect()
        };
        until("three mails wait", async || {
            let to: BTreeSet<String> = waiting(self).into_iter().map(|mail| mail.to).collect();
            to.len() == 3
        })
        .await;
        for mailed in waiting(self) {
            self.keep_mailed(&mailed);
        }
    }
}
