//! Users change their login names, if the operator allows it.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ADA, delete_as, me, patch_as};
use crate::support::mailed::MailingServer;
use crate::support::server::{Answer, Options, PASSWORD, Tokens};
use crate::support::{Backend, Server, on_both};

pub(super) const ON: (&str, &str) = ("SIGNET_LOGIN_CHANGE", "on");

pub(super) async fn rename(server: &Server, tokens: &Tokens, login: &str) -> Answer {
    patch_as(server, tokens, json!({ "login": login })).await
}

async fn register(server: &Server, login: &str) -> Answer {
    server.post("/v1/register", json!({"login": login, "password": PASSWORD})).await
}

fn refused_login(answer: &Answer, code: &str) {
    let error = answer.is_problem(422, "validation_failed").json()["errors"][0].clone();
    assert_eq!((&error["field"], &error["code"]), (&json!("login"), &json!(code)));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_setting_a_login_name_stays() {
    let server = Server::start(Backend::Sqlite).await;
    server.register("ada").await;
    let tokens = server.login("ada").await;
    let refused = rename(&server, &tokens, "lovelace").await;
    let error = refused.is_problem(422, "read_only").json()["errors"][0].clone();
    assert_eq!((&error["field"], &error["code"]), (&json!("login"), &json!("read_only")));
    // Such a request has no effect.
    let both = patch_as(&server, &tokens, json!({"login": "lovelace", "name": "Ada"})).await;
    both.is_problem(422, "read_only");
    assert_eq!(me(&server, &tokens).await["name"], Value::Null);
    // The resource can be sent back.
    rename(&server, &tokens, "ada").await.is(200);
    for wrong in [json!(null), json!(1)] {
        let refused = patch_as(&server, &tokens, json!({ "login": wrong })).await;
        refused.is_problem(422, "read_only");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_user_stays_the_same_and_the_old_name_is_refused_to_others() {
    on_both("login change", async |backend| {
        let place = MailingServer::with(backend, &[ON]).await;
        let server = &place.server;
        let id = place.user("ada", ADA).await;
        let bob = place.user("bob", "bob@example.org").await;
        let tokens = server.login("ada").await;
        let changed = rename(server, &tokens, "lovelace").await;
        assert_eq!(changed.is(200).json()["login"], "lovelace");
        // Sessions continue, and the id stays.
        assert_eq!(me(server, &tokens).await["id"], json!(id));
        let next = Tokens::of(&server.refresh(&tokens.refresh).await);
        assert_eq!(next.claims()["sub"], json!(id));
        assert_eq!(server.login("lovelace").await.claims()["sub"], json!(id));
        server.login(ADA).await;
        server.try_login("ada", PASSWORD).await.is_problem(401, "invalid_credentials");
        let events = server.events(&place.root, "login.changed").await;
        assert_eq!((events.len(), &events[0]["user_id"]), (1, &json!(id)));
        let sent = place.sent_to(ADA).await;
        assert!(
            sent.iter().any(|(_, subject)| subject == "Your login name was changed"),
            "{sent:?}"
        );

        // At every endpoint, in other spellings and for look-alikes.
        let of_bob = server.login("bob").await;
        for name in ["ada", "ADA", "\u{430}da"] {
            register(server, name).await.is_problem(409, "login_taken");
            let body = json!({"login": name, "password": PASSWORD});
            place.admin(Method::POST, "/v1/admin/users", body).await.is_problem(409, "login_taken");
            rename(server, &of_bob, name).await.is_problem(409, "login_taken");
        }
        assert_eq!(me(server, &of_bob).await["id"], json!(bob));
        // The owner may change back, and then the other name is reserved.
        rename(server, &next, "Ada").await.is(200);
        register(server, "lovelace").await.is_problem(409, "login_taken");
        rename(server, &next, "lovelace").await.is(200);

        server.advance(TimeSpan::from_days(90) - TimeSpan::from_secs(1));
        register(server, "ada").await.is_problem(409, "login_taken");
        server.advance(TimeSpan::from_secs(2));
        register(server, "ada").await.is(201);
        // The current name stays taken.
        register(server, "lovelace").await.is_problem(409, "login_taken");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_has_to_be_free_and_an_address_the_own_one() {
    on_both("login change: refused names", async |backend| {
        let place = MailingServer::with(backend, &[ON]).await;
        let server = &place.server;
        place.user("ada", ADA).await;
        place.user("bob", "bob@example.org").await;
        server.register("squat@example.org").await;
        let tokens = server.login("ada").await;
        for taken in ["bob", "BOB", "b\u{43e}b"] {
            rename(server, &tokens, taken).await.is_problem(409, "login_taken");
        }
        for foreign in ["bob@example.org", "eve@example.org", "squat@example.org"] {
            refused_login(&rename(server, &tokens, foreign).await, "not_verified");
        }
        refused_login(&rename(server, &tokens, "a b").await, "hidden_character");
        refused_login(&rename(server, &tokens, "").await, "empty");
        for wrong in [json!(null), json!(1), json!(["ada"])] {
            refused_login(
                &patch_as(server, &tokens, json!({ "login": wrong })).await,
                "wrong_type",
            );
        }
        assert_eq!(me(server, &tokens).await["login"], "ada");
        rename(server, &tokens, "Ada@Example.org").await.is(200);
        // Another spelling of the same name reserves nothing.
        rename(server, &tokens, ADA).await.is(200);
        server.login(ADA).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_needs_a_fresh_authentication_and_reserves_three_names_at_most() {
    on_both("login change: limits", async |backend| {
        let server = Options::on(backend).with(ON.0, ON.1).start().await;
        server.register("ada").await;
        let tokens = server.login("ada").await;
        server.advance(TimeSpan::from_secs(301));
        rename(&server, &tokens, "one").await.is_problem(401, "reauthentication_required");
        let tokens = server.login("ada").await;
        for name in ["one", "two", "three"] {
            rename(&server, &tokens, name).await.is(200);
        }
        let refused = rename(&server, &tokens, "four").await;
        refused.is_problem(429, "too_many_attempts");
        assert_eq!(refused.header("retry-after"), (90 * 86_400).to_string());
        // A change back to a reserved name, whose place the other one takes.
        rename(&server, &tokens, "one").await.is(200);
        rename(&server, &tokens, "four").await.is_problem(429, "too_many_attempts");
        server.advance(TimeSpan::from_days(91));
        let tokens = server.login("one").await;
        rename(&server, &tokens, "four").await.is(200);
        // The reservations of a deleted account are released.
        delete_as(&server, &tokens, "four").await.is(204);
        for free in ["one", "four"] {
            register(&server, free).await.is(201);
        }
    })
    .await;
}
