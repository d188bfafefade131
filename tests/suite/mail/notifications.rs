//! Mail about changes of an account: recipient and language.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ADA, all_delivered, last_mail, options, subjects, verified_user, waiting};
use crate::support::process::until;
use crate::support::second_factors::{Authenticator, log_in_with};
use crate::support::server::{Tokens, on_both};
use crate::support::smtp_sink::{Behavior, Sink};

const PASSWORD: &str = "correct horse battery";

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_verified_address_learns_of_a_changed_password() {
    on_both("mail: password changed", async |backend| {
        let sink = Sink::start().await;
        let server = options(backend, &sink).start().await;
        let root = server.administrator("root").await;
        let create = async |login: &str, more: serde_json::Value| {
            let mut body = json!({"login": login, "password": PASSWORD});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            let request = server.request(Method::POST, "/v1/admin/users").bearer_auth(&root.access);
            let created = server.send(request.json(&body)).await.is(201).json();
            created["id"].as_str().unwrap().to_owned()
        };
        let verified = json!({"email": ADA, "email_verified": true});
        let (ada, _) = (create("ada", verified).await, create("bob", json!({})).await);
        create("eve", json!({"email": "eve@example.org"})).await;
        for login in ["ada", "bob", "eve"] {
            let answer = server.try_login(login, PASSWORD).await.is(200).json();
            let access = answer["access_token"].as_str().unwrap();
            let body =
                json!({"current_password": PASSWORD, "new_password": "another long password"});
            let request = server.request(Method::POST, "/v1/password").bearer_auth(access);
            let request = request.header("accept-language", "de-AT, en;q=0.5");
            server.send(request.json(&body)).await.is(204);
        }
        all_delivered(&server).await;
        let received = sink.received();
        assert_eq!(received.len(), 1, "neither without an address nor to an unverified one");
        assert_eq!(received[0].to, format!("<{ADA}>"));
        assert_eq!(received[0].header("content-language"), "de");
        let text = received[0].data.replace("=\r\n", "");
        assert!(text.contains("am 15. Januar 2027 um 08:00 Uhr (UTC)"), "{text}");

        let path = format!("/v1/admin/users/{ada}/password");
        let request = server.request(Method::POST, &path).bearer_auth(&root.access);
        server
            .send(request.json(&json!({"password": "chosen by the administrator"})))
            .await
            .is(204);
        all_delivered(&server).await;
        let received = sink.received();
        assert_eq!(received.len(), 2);
        assert_eq!(received[1].header("content-language"), "en");
        for mail in &received {
            for password in ["another long password", "chosen by the administrator"] {
                assert!(!mail.data.contains(password));
            }
        }
    })
    .await;
}

/// While mail cannot be delivered, repeated changes of a password queue one notice.
#[tokio::test(flavor = "multi_thread")]
async fn one_notice_of_a_changed_password_waits_for_each_user() {
    on_both("mail: one notice", async |backend| {
        let sink = Sink::start().await;
        sink.behave([Behavior::Reply("RCPT", "451 4.3.0 later")]);
        let server = options(backend, &sink).start().await;
        let root = server.administrator("root").await;
        let body = json!({"login": "ada", "email": ADA, "email_verified": true});
        let request = server.request(Method::POST, "/v1/admin/users").bearer_auth(&root.access);
        let ada = server.send(request.json(&body)).await.is(201).string("id");
        let path = format!("/v1/admin/users/{ada}/password");
        let change = async |password: &str| {
            let request = server.request(Method::POST, &path).bearer_auth(&root.access);
            server.send(request.json(&json!({"password": password}))).await.is(204);
        };
        change("the first of three").await;
        until("it was deferred", async || sink.connections() == 1).await;
        change("the second of three").await;
        change("the third of three").await;
        assert_eq!(waiting(&server).await, 1);
        server.advance(TimeSpan::from_secs(5));
        all_delivered(&server).await;
        change("another one after it").await;
        all_delivered(&server).await;
        assert_eq!(sink.received().len(), 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_of_a_verified_address_learns_of_every_change_of_factors() {
    on_both("mail: factors", async |backend| {
        let sink = Sink::start().await;
        let server = options(backend, &sink).start().await;
        let root = server.administrator("root").await;
        let ada = verified_user(&server, &root, "ada", ADA).await;
        let call = async |method: Method, path: &str, tokens: &Tokens| {
            server.call_as(method, path, &tokens.access, Value::Null).await
        };
        let tokens = server.login("ada").await;
        let app = Authenticator::enrol(&server, &tokens).await;
        let mut expected = vec!["A second factor was added to your account"];
        assert_eq!(subjects(&server, &sink, ADA).await, expected, "codes came with the app");

        let tokens = app.log_in(&server, "ada").await;
        let renewed = call(Method::POST, "/v1/factors/recovery-codes", &tokens).await;
        let codes = renewed.is(201).json()["recovery_codes"].clone();
        expected.push("Your recovery codes were replaced");
        assert_eq!(subjects(&server, &sink, ADA).await, expected);
        for (left, said) in [
            (9, "You have 9 recovery codes left."),
            (8, "You have 8 recovery codes left."),
            (7, "You have 7 recovery codes left."),
            (6, "You have 6 recovery codes left."),
            (5, "You have 5 recovery codes left."),
            (4, "You have 4 recovery codes left."),
            (3, "You have 3 recovery codes left. Create new ones: "),
            (2, "You have 2 recovery codes left. Create new ones: "),
            (1, "You have one recovery code left. Create new ones: "),
            (0, "You have no recovery codes left. Create new ones: "),
        ] {
            log_in_with(&server, "ada", codes[left].as_str().unwrap()).await.is(200);
            expected.push("A recovery code of your account was used");
            assert_eq!(subjects(&server, &sink, ADA).await, expected);
            let mail = last_mail(&server, &sink).await;
            assert!(mail.contains(said), "{mail}");
            assert_eq!(mail.contains("Create new ones"), left <= 3, "{mail}");
        }

        let tokens = app.log_in(&server, "ada").await;
        let path = format!("/v1/factors/{}", app.factor);
        call(Method::DELETE, &path, &tokens).await.is(204);
        all_delivered(&server).await;
        expected.push("A second factor was removed from your account");
        let tokens = server.login("ada").await;
        let app = Authenticator::enrol(&server, &tokens).await;
        expected.push("A second factor was added to your account");
        all_delivered(&server).await;
        let path = format!("/v1/admin/users/{ada}/factors");
        call(Method::DELETE, &path, &root).await.is(204);
        expected.push("Your second factors were removed");
        assert_eq!(subjects(&server, &sink, ADA).await, expected);
        // There is no second factor any more.
        call(Method::DELETE, &path, &root).await.is(204);
        let tokens = server.login("ada").await;
        let other = Authenticator::enrol(&server, &tokens).await;
        expected.push("A second factor was added to your account");
        all_delivered(&server).await;
        call(Method::DELETE, &format!("{path}/{}", other.factor), &root).await.is(204);
        expected.push("Your second factors were removed");
        assert_eq!(subjects(&server, &sink, ADA).await, expected);
        let codes = app.recovery_codes.iter().chain(&other.recovery_codes);
        let codes: Vec<_> = codes.cloned().collect();
        for mail in sink.received() {
            assert!(codes.iter().all(|code| !mail.data.contains(code)), "{}", mail.data);
        }
    })
    .await;
}
