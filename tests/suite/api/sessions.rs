//! Sessions: listing them, ending them, and how fast an end takes effect.

use futures_util::future::join_all;
use reqwest::Method;
use serde_json::json;
use signet::base::TimeSpan;
use signet::base::id::SessionId;
use signet::crypto::random::SystemEntropy;
use signet::execute;

use crate::support::server::{PASSWORD, Tokens};
use crate::support::{Server, on_both};

#[tokio::test(flavor = "multi_thread")]
async fn the_list_tells_devices_apart() {
    on_both("session list", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        server.register("bob").await;
        server.login("bob").await;
        let phone = server.login("ada").await;
        server.advance(TimeSpan::from_secs(60));
        let laptop = server.login("ada").await;
        server.refresh(&phone.refresh).await.is(200);
        server.advance(TimeSpan::from_secs(31));
        server.refresh(&phone.refresh).await.is(200);

        let list = server.get_as("/v1/sessions", &laptop.access).await.is(200).json();
        let data = list["data"].as_array().unwrap();
        assert_eq!(data.len(), 2);
        assert_eq!(data[1]["id"], phone.claims()["sid"]);
        assert_eq!(data[1]["current"], false);
        assert_eq!(data[1]["superseded"], true);
        assert_eq!(data[1]["user_agent"], "suite/1");
        assert_eq!(data[1]["address"], "127.0.0.1");
        assert_eq!(data[1]["created_at"], "2027-01-15T08:00:00.000Z");
        assert_eq!(data[1]["last_seen_at"], "2027-01-15T08:01:31.000Z");
        assert_eq!(data[0]["id"], laptop.claims()["sid"]);
        assert_eq!(data[0]["current"], true);
        assert_eq!(data[0]["superseded"], false);
    })
    .await;
}

async fn is_dead(server: &Server, tokens: &Tokens) {
    server.get_as("/v1/me", &tokens.access).await.is_problem(401, "invalid_token");
    server.refresh(&tokens.refresh).await.is_problem(401, "refresh_token_invalid");
}

async fn lives(server: &Server, tokens: &Tokens) {
    server.get_as("/v1/me", &tokens.access).await.is(200);
    server.refresh(&tokens.refresh).await.is(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn ending_one_the_others_and_all() {
    on_both("ending sessions", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        server.register("bob").await;
        let bob = server.login("bob").await;
        let all: Vec<Tokens> =
            join_all((0..4).map(|_| server.login("ada"))).await.into_iter().collect();
        let sid = |tokens: &Tokens| tokens.claims()["sid"].as_str().unwrap().to_owned();
        let end = async |by: &Tokens, path: &str| {
            server.call_as(Method::DELETE, path, &by.access, json!(null)).await
        };

        end(&all[0], &format!("/v1/sessions/{}", sid(&all[1]))).await.is(204);
        is_dead(&server, &all[1]).await;
        // A second time is not found; so are another user's session and a malformed id.
        for id in [sid(&all[1]), sid(&bob), "nonsense".to_owned()] {
            end(&all[0], &format!("/v1/sessions/{id}")).await.is_problem(404, "not_found");
        }
        lives(&server, &bob).await;

        end(&all[0], "/v1/sessions").await.is_problem(422, "validation_failed");
        end(&all[0], "/v1/sessions?scope=some").await.is_problem(422, "validation_failed");
        end(&all[0], "/v1/sessions?scope=others").await.is(204);
        is_dead(&server, &all[2]).await;
        is_dead(&server, &all[3]).await;
        lives(&server, &all[0]).await;

        end(&all[0], "/v1/sessions?scope=all").await.is(204);
        is_dead(&server, &all[0]).await;
        lives(&server, &bob).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn logging_out_by_either_token_twice_and_late() {
    on_both("log-out", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let old = server.login("ada").await;
        let new = Tokens::of(&server.refresh(&old.refresh).await);
        // Any genuine token of the session, however old, ends it.
        let out =
            async |token: &str| server.post("/v1/logout", json!({ "refresh_token": token })).await;
        out(&old.refresh).await.is(204);
        is_dead(&server, &new).await;
        out(&old.refresh).await.is(204);
        out("srt_nonsense").await.is(204);

        let expired = server.login("ada").await;
        server.advance(TimeSpan::from_mins(20));
        let bearer = async |token: &str| {
            server.send(server.request(Method::POST, "/v1/logout").bearer_auth(token)).await
        };
        bearer(&expired.access).await.is(204);
        server.refresh(&expired.refresh).await.is_problem(401, "refresh_token_invalid");
        bearer(&expired.access).await.is(204);
        bearer("nonsense").await.is_problem(401, "invalid_token");
        let bare = server.send(server.request(Method::POST, "/v1/logout")).await;
        bare.is_problem(401, "invalid_token");
        assert_eq!(bare.header("www-authenticate"), r#"Bearer realm="signet""#);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_change_ends_every_other_session() {
    on_both("password change", async |backend| {
        let server = Server::start(backend).await;
        server.register("ada").await;
        let mine = server.login("ada").await;
        let other = server.login("ada").await;
        let change = async |current: &str, new: &str| {
            let body = json!({"current_password": current, "new_password": new});
            server.call_as(Method::POST, "/v1/password", &mine.access, body).await
        };
        change("not the password", "another good one").await.is_problem(401, "invalid_credentials");
        change(PASSWORD, "short").await.is_problem(422, "weak_password");
        lives(&server, &other).await;
        let other = server.login("ada").await;
        change(PASSWORD, "another good one").await.is(204);
        is_dead(&server, &other).await;
        lives(&server, &mine).await;
        server.try_login("ada", PASSWORD).await.is_problem(401, "invalid_credentials");
        server.try_login("ada", "another good one").await.is(200);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn disabling_ends_everything_and_enabling_revives_nothing() {
    on_both("disable", async |backend| {
        let server = Server::start(backend).await;
        let id = server.register("ada").await;
        let root = server.administrator("root").await;
        let tokens = server.login("ada").await;
        let call = async |verb: &str| {
            let path = format!("/v1/admin/users/{id}/{verb}");
            server.call_as(Method::POST, &path, &root.access, json!(null)).await
        };
        assert_eq!(call("disable").await.is(200).json()["disabled"], true);
        call("disable").await.is(200);
        is_dead(&server, &tokens).await;
        server.try_login("ada", PASSWORD).await.is_problem(401, "invalid_credentials");
        assert_eq!(call("enable").await.is(200).json()["disabled"], false);
        is_dead(&server, &tokens).await;
        lives(&server, &server.login("ada").await).await;
        assert_eq!(server.events(&root, "user.disabled").await.len(), 1);
    })
    .await;
}

/// The old credential must not survive a concurrent change: 200 rounds, each with a log-in that races a
/// disabling and one that races a password change.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_racing_a_disable_or_a_password_change_cannot_survive() {
    on_both("log-in races", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let id = server.register("ada").await;
        let mut survivors = 0;
        let mut password = PASSWORD.to_owned();
        for round in 0..200 {
            let path = format!("/v1/admin/users/{id}/disable");
            let disable = server.call_as(Method::POST, &path, &root.access, json!(null));
            let (login, disabled) = tokio::join!(server.try_login("ada", &password), disable);
            disabled.is(200);
            if login.status == 200 {
                let tokens = Tokens::of(&login);
                survivors +=
                    usize::from(server.get_as("/v1/me", &tokens.access).await.status == 200);
                survivors += usize::from(server.refresh(&tokens.refresh).await.status == 200);
            }
            let path = format!("/v1/admin/users/{id}/enable");
            server.call_as(Method::POST, &path, &root.access, json!(null)).await.is(200);

            let mine = Tokens::of(&server.try_login("ada", &password).await);
            let next = format!("correct horse battery {round}");
            let body = json!({"current_password": password, "new_password": next});
            let change = server.call_as(Method::POST, "/v1/password", &mine.access, body);
            let (login, changed) = tokio::join!(server.try_login("ada", &password), change);
            changed.is(204);
            if login.status == 200 {
                let tokens = Tokens::of(&login);
                survivors +=
                    usize::from(server.get_as("/v1/me", &tokens.access).await.status == 200);
                survivors += usize::from(server.refresh(&tokens.refresh).await.status == 200);
            }
            server.get_as("/v1/me", &mine.access).await.is(200);
            password = next;
        }
        assert_eq!(survivors, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_see_and_end_sessions_of_all_users() {
    on_both("sessions of others", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        let ada = server.register("ada").await;
        // Ids are ordered by the millisecond.
        server.advance(TimeSpan::from_secs(1));
        let one = server.login("ada").await;
        server.advance(TimeSpan::from_secs(1));
        let two = server.login("ada").await;
        let mut seen = Vec::new();
        let mut after = String::new();
        loop {
            let path = format!("/v1/admin/sessions?limit=1{after}");
            let page = server.get_as(&path, &root.access).await.is(200).json();
            seen.extend(page["data"].as_array().unwrap().iter().map(|s| s["id"].clone()));
            match page["next"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        let sids = [&two, &one, &root].map(|tokens| tokens.claims()["sid"].clone());
        assert_eq!(seen, sids);
        let delete = async |path: &str| {
            server.call_as(Method::DELETE, path, &root.access, json!(null)).await
        };
        let path = format!("/v1/admin/sessions/{}", sids[1].as_str().unwrap());
        delete(&path).await.is(204);
        delete(&path).await.is_problem(404, "not_found");
        is_dead(&server, &one).await;
        delete(&format!("/v1/admin/sessions?user_id={ada}")).await.is(204);
        is_dead(&server, &two).await;
        for bad in ["?after=x", "?limit=0", "?limit=201", "?limit=x", "?user_id=x"] {
            let path = format!("/v1/admin/sessions{bad}");
            server.get_as(&path, &root.access).await.is_problem(422, "validation_failed");
        }
    })
    .await;
}

/// Many ended sessions that are still stored do not slow a list down: after 10,000 of them a page ends, with a cursor
/// to the others. The list of one user is not bounded.
#[tokio::test(flavor = "multi_thread")]
async fn pages_end_after_many_ended_sessions() {
    on_both("ended sessions", async |backend| {
        let server = Server::start(backend).await;
        let root = server.administrator("root").await;
        server.register("ada").await;
        // Of sessions of one millisecond either may be the newer.
        server.advance(TimeSpan::from_secs(1));
        let ada = server.login("ada").await;
        let of = |tokens: &Tokens| SessionId::from_uuid(tokens.claims()["sid"].as_str().unwrap().parse().unwrap());
        server.advance(TimeSpan::from_mins(1));
        let mut tx = server.app.db.begin().await.unwrap();
        for _ in 0..10_010 {
            // The row as after the end of all sessions of its user.
            execute!(
                &mut tx,
                "INSERT INTO sessions (id, user_id, client_id, audience, scope, current, answered_at, supersedes, \
                 created_at, idle_expires_at, expires_at, user_epoch, auth_time) \
                 SELECT $1, user_id, client_id, audience, scope, current, answered_at, supersedes, created_at, \
                 idle_expires_at, expires_at, user_epoch - 1, auth_time FROM sessions WHERE id = $2",
                SessionId::new(server.now(), &SystemEntropy),
                of(&ada)
            )
            .unwrap();
        }
        tx.commit().await.unwrap();
        let live = [&ada, &root].map(|tokens| of(tokens).to_string());
        for query in ["limit=200", "limit=200&client_id=signet"] {
            let path = format!("/v1/admin/sessions?{query}");
            let page = server.get_as(&path, &root.access).await.is(200).json();
            assert_eq!(page["data"], json!([]), "{query}");
            let path = format!("{path}&after={}", page["next"].as_str().unwrap());
            let page = server.get_as(&path, &root.access).await.is(200).json();
            let ids: Vec<&str> = page["data"].as_array().unwrap().iter().map(|row| row["id"].as_str().unwrap()).collect();
            assert_eq!(ids, live, "{query}");
            assert_eq!(page["next"], json!(null), "{query}");
        }
        let mine = server.get_as("/v1/sessions", &ada.access).await.is(200).json();
        assert_eq!(mine["data"].as_array().unwrap().len(), 1);
        assert_eq!(mine["next"], json!(null));
        // A walk through the list continues after such a page.
        let body = json!({"client_id": "signet", "dry_run": true});
        let path = "/v1/admin/sessions/end";
        let counted = server.call_as(Method::POST, path, &root.access, body).await.is(200).json();
        assert_eq!((&counted["sessions"], &counted["next"]), (&json!(2), &json!(null)));
    })
    .await;
}
