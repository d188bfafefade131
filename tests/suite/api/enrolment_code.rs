//! The mailed code before a second factor is enrolled inside a sign-in: a thief of the password cannot enrol one.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use crate::support::mailed::{Mailed, MailingServer};
use crate::support::on_both;
use crate::support::relying_party::{App, VERIFIER, error_of};
use crate::support::second_factors::{Authenticator, challenge_of};
use crate::support::server::{Answer, Options, PASSWORD, Tokens};

const ADA: &str = "ada@example.org";

/// A server whose policy requires a second factor, and `ada`, whose address is verified.
async fn place(backend: crate::support::Backend) -> MailingServer {
    let place = MailingServer::requiring_factors(backend, &[]).await;
    place.user("ada", ADA).await;
    place
}

/// A log-in with the right password, and the code that it caused.
async fn begin(place: &MailingServer) -> (String, Mailed) {
    let asked = place.server.try_login("ada", PASSWORD).await;
    let body = asked.is_problem(401, "mfa_required").json();
    assert_eq!(body["methods"], json!(["mailed_code"]));
    assert_eq!(body["expires_in"], 600);
    (asked.string("challenge"), place.newest().await)
}

async fn code(place: &MailingServer, challenge: &str, code: &str) -> Answer {
    place.proceed(challenge, json!({"code": code, "method": "mailed_code"})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_enrols_after_a_mailed_code_and_a_thief_of_the_password_does_not() {
    on_both("enrolment code", async |backend| {
        let place = place(backend).await;
        let (challenge, mailed) = begin(&place).await;
        assert_eq!((&*mailed.to, &*mailed.link), (ADA, ""), "a code alone");
        // Requests that a thief of the password can send.
        let enrol = async |challenge: &str| {
            place.server.post("/v1/login/enrol", json!({ "challenge": challenge })).await
        };
        enrol(&challenge).await.is_problem(422, "validation_failed");
        for entry in [
            json!({"skip": true}),
            json!({"setup": "sfs_x", "code": "123456"}),
            json!({"new_password": "another good one"}),
            json!({"code": "123456"}),
            json!({"code": mailed.code}),
            json!({"code": mailed.code, "method": "totp"}),
        ] {
            let refused = place.proceed(&challenge, entry).await;
            refused.is_problem(422, "validation_failed");
        }
        for wrong in [&*mailed.wrong_code(), "", "1234"] {
            code(&place, &challenge, wrong).await.is_problem(401, "mfa_failed");
        }
        // The sign-in of a thief has its own code, and does not affect that of the owner.
        let (stolen, other) = begin(&place).await;
        assert_ne!(other.code, mailed.code);
        code(&place, &stolen, &mailed.code).await.is_problem(401, "mfa_failed");
        let typed = format!("{} {}", &mailed.code[..4], &mailed.code[4..]);
        let right = code(&place, &challenge, &typed).await;
        let body = right.is_problem(401, "enrolment_required").json();
        assert_eq!((&body["methods"], &body["may_skip"]), (&json!(["totp"]), &json!(false)));
        // The code is used up, and the earlier challenge is invalid.
        code(&place, &challenge, &mailed.code).await.is_problem(401, "mfa_failed");
        enrol(&challenge).await.is_problem(422, "validation_failed");
        let next = right.string("challenge");
        let (app, done) = Authenticator::enrol_at_login(&place.server, &next).await;
        let claims = Tokens::of(&done).claims();
        assert_eq!(claims["amr"], json!(["pwd", "otp", "mfa"]));
        assert_eq!(claims["acr"], "urn:signet:acr:mfa");
        // From now on the factor is required, also in the other sign-in.
        enrol(&stolen).await.is_problem(422, "validation_failed");
        code(&place, &stolen, &other.code).await.is_problem(422, "validation_failed");
        challenge_of(&place.server, "ada").await;
        app.log_in(&place.server, "ada").await;
        let failed = place.server.events(&place.root, "factor.failed").await;
        assert!(failed.iter().any(|event| event["detail"] == "mailed_code"), "{failed:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn five_codes_are_compared_and_a_right_one_counts_once() {
    on_both("enrolment code: tries", async |backend| {
        let place = place(backend).await;
        let (challenge, mailed) = begin(&place).await;
        let wrong = mailed.wrong_code();
        for answer in join_all((0..20).map(|_| code(&place, &challenge, &wrong))).await {
            answer.is_problem(401, "mfa_failed");
        }
        let mut link = place.server.app.db.reader().await.unwrap();
        let tries = signet::fetch_optional!(&mut link, (i64,), "SELECT tries FROM mailed_codes");
        assert_eq!(tries.unwrap(), Some((5,)));
        drop(link);
        code(&place, &challenge, &mailed.code).await.is_problem(401, "mfa_failed");
        let (challenge, mailed) = begin(&place).await;
        let answers = join_all((0..20).map(|_| code(&place, &challenge, &mailed.code))).await;
        let won: Vec<&Answer> =
            answers.iter().filter(|answer| answer.code() == "enrolment_required").collect();
        assert_eq!(won.len(), 1, "{:?}", answers.iter().map(|a| a.status).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_ends_with_its_time_and_with_every_change_of_the_account() {
    on_both("enrolment code: void", async |backend| {
        let place = MailingServer::requiring_factors(backend, &[]).await;
        let path = format!("/v1/admin/users/{}", place.user("ada", ADA).await);
        let switch = async |how: &str| {
            place.admin(Method::POST, &format!("{path}/{how}"), Value::Null).await.is(200);
        };
        // A proof of another mailbox is not accepted.
        let (challenge, mailed) = begin(&place).await;
        let body = json!({"email": "new@example.org", "email_verified": true});
        place.admin(Method::PATCH, &path, body).await.is(200);
        let refused = code(&place, &challenge, &mailed.code).await;
        assert!(refused.status == 401 && refused.code() != "enrolment_required", "{refused:?}");
        let (challenge, mailed) = begin(&place).await;
        assert_eq!(mailed.to, "new@example.org");
        switch("disable").await;
        code(&place, &challenge, &mailed.code).await.is_problem(401, "challenge_invalid");
        switch("enable").await;
        code(&place, &challenge, &mailed.code).await.is_problem(401, "challenge_invalid");
        // No mail is sent to an unverified address, and no code is required.
        let verified = async |is: bool| {
            let body = json!({"email": "new@example.org", "email_verified": is});
            place.admin(Method::PATCH, &path, body).await.is(200);
        };
        verified(false).await;
        let asked = place.server.try_login("ada", PASSWORD).await;
        asked.is_problem(401, "enrolment_required");
        verified(true).await;
        let (challenge, mailed) = begin(&place).await;
        place.server.advance(TimeSpan::from_secs(599));
        code(&place, &challenge, &mailed.wrong_code()).await.is_problem(401, "mfa_failed");
        place.server.advance(TimeSpan::from_secs(2));
        code(&place, &challenge, &mailed.code).await.is_problem(401, "challenge_invalid");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_mail_no_code_is_asked_for() {
    let options = Options::on(crate::support::Backend::Sqlite);
    let server = options.with("SIGNET_SECOND_FACTOR", "required").start().await;
    server.create_administrator("root").await;
    let body = json!({"login": "root", "password": PASSWORD, "scope": "signet:admin"});
    let asked = server.post("/v1/login", body).await.string("challenge");
    let root = Tokens::of(&Authenticator::enrol_at_login(&server, &asked).await.1);
    let body = json!({"login": "ada", "password": PASSWORD, "email": ADA, "email_verified": true});
    server.call_as(Method::POST, "/v1/admin/users", &root.access, body).await.is(201);
    let asked = server.try_login("ada", PASSWORD).await;
    asked.is_problem(401, "enrolment_required");
    Authenticator::enrol_at_login(&server, &asked.string("challenge")).await;
}

/// Every mail is limited, and a thief in another network does not delay the owner.
#[tokio::test(flavor = "multi_thread")]
async fn mails_are_limited_by_network() {
    on_both("enrolment code: send limits", async |backend| {
        let limited = [("SIGNET_RATE_LIMITS", "on"), ("SIGNET_TRUSTED_PROXIES", "127.0.0.1")];
        let place = MailingServer::requiring_factors(backend, &limited).await;
        place.user("ada", ADA).await;
        let from = async |network: &str| {
            let body = json!({"login": "ada", "password": PASSWORD});
            let request = place.server.request(Method::POST, "/v1/login");
            let request = request.header("x-forwarded-for", network).json(&body);
            place.server.send(request).await
        };
        for _ in 0..3 {
            from("192.0.2.1").await.is_problem(401, "mfa_required");
        }
        let refused = from("192.0.2.1").await;
        refused.is_problem(429, "too_many_attempts");
        assert!(!refused.header("retry-after").is_empty());
        from("198.51.100.1").await.is_problem(401, "mfa_required");
        assert_eq!(place.all().await.len(), 4);
    })
    .await;
}

/// A session from before the date of the policy is raised with a current code.
#[tokio::test(flavor = "multi_thread")]
async fn a_step_up_requires_the_code_as_well() {
    on_both("enrolment code: step-up", async |backend| {
        let from =
            [("SIGNET_SECOND_FACTOR", "admins"), ("SIGNET_SECOND_FACTOR_FROM", "1800003600")];
        let place = MailingServer::requiring_factors(backend, &from).await;
        let body = json!({"login": "ada", "password": PASSWORD, "email": ADA,
            "email_verified": true, "role": "admin"});
        place.admin(Method::POST, "/v1/admin/users", body).await.is(201);
        // Until the date the enrolment can be postponed, and needs no code, as with `optional`.
        let asked = place.server.try_login("ada", PASSWORD).await;
        asked.is_problem(401, "enrolment_required");
        let skipped = place.proceed(&asked.string("challenge"), json!({"skip": true})).await;
        let ada = Tokens::of(&skipped);
        place.server.advance(TimeSpan::from_secs(3_600));
        let ada = Tokens::of(&place.server.refresh(&ada.refresh).await);
        let path = "/v1/step-up";
        let body = json!({"acr_values": "urn:signet:acr:mfa"});
        let asked = place.server.call_as(Method::POST, path, &ada.access, body).await;
        let problem = asked.is_problem(401, "mfa_required").json();
        assert_eq!(problem["methods"], json!(["mailed_code"]));
        let mailed = place.newest().await;
        let right = code(&place, &asked.string("challenge"), &mailed.code).await;
        right.is_problem(401, "enrolment_required");
        let next = right.string("challenge");
        let (_, done) = Authenticator::enrol_at_login(&place.server, &next).await;
        assert!(done.json().get("refresh_token").is_none(), "{}", done.text);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_authorization_challenge_endpoint_sends_the_user_to_the_pages() {
    let place = place(crate::support::Backend::Sqlite).await;
    let client = json!({"type": "native", "redirect_uris": ["http://127.0.0.1/cb"],
        "first_party": true});
    let app = App::register(&place.server, &place.root, client).await;
    let challenge = signet::crypto::digest::sha256_base64url(VERIFIER.as_bytes());
    let fields = [
        ("scope", "openid"),
        ("code_challenge", &*challenge),
        ("code_challenge_method", "S256"),
        ("login", "ada"),
        ("password", PASSWORD),
    ];
    let answer = app.call(&place.server, "/oauth2/authorize-challenge", &fields).await;
    assert_eq!(error_of(&answer, 400), "redirect_to_web");
    assert!(answer.json()["request_uri"].is_string(), "{}", answer.text);
    // The pages send the code during a sign-in there.
    assert_eq!(place.all().await, []);
}
