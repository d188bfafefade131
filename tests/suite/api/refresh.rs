//! Refreshing at `/v1`, on both databases.

use futures_util::future::join_all;
use signet::base::TimeSpan;

use crate::support::server::{Answer, Tokens};
use crate::support::{Backend, Server, on_both};

const OUTSIDE: TimeSpan = TimeSpan::from_secs(31);

async fn logged_in(backend: Backend) -> (Server, Tokens, Tokens) {
    let server = Server::start(backend).await;
    let root = server.administrator("root").await;
    server.register("ada").await;
    let tokens = server.login("ada").await;
    (server, root, tokens)
}

fn refresh_of(answer: &Answer) -> String {
    answer.is(200).string("refresh_token")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_live_token_rotates_and_its_parent_gets_the_same_successor() {
    on_both("rotation", async |backend| {
        let (server, _, tokens) = logged_in(backend).await;
        let second = refresh_of(&server.refresh(&tokens.refresh).await);
        assert_ne!(second, tokens.refresh);
        server.advance(TimeSpan::from_secs(30));
        assert_eq!(refresh_of(&server.refresh(&tokens.refresh).await), second);
        // The window starts at the last response, so a client that only retries is never logged out.
        server.advance(TimeSpan::from_secs(30));
        assert_eq!(refresh_of(&server.refresh(&tokens.refresh).await), second);
        let third = refresh_of(&server.refresh(&second).await);
        assert_ne!(third, second);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_at_once_get_one_successor_also_after_a_supersede() {
    on_both("parallel presentations", async |backend| {
        let (server, _, tokens) = logged_in(backend).await;
        let all = join_all((0..50).map(|_| server.refresh(&tokens.refresh))).await;
        let successors: std::collections::HashSet<String> = all.iter().map(refresh_of).collect();
        assert_eq!(successors.len(), 1);

        server.advance(OUTSIDE);
        let all = join_all((0..50).map(|_| server.refresh(&tokens.refresh))).await;
        let siblings: std::collections::HashSet<String> = all.iter().map(refresh_of).collect();
        assert_eq!(siblings.len(), 1);
        assert_ne!(siblings, successors);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_superseded_successor_ends_the_session() {
    on_both("superseded", async |backend| {
        let (server, root, tokens) = logged_in(backend).await;
        let lost = refresh_of(&server.refresh(&tokens.refresh).await);
        server.advance(OUTSIDE);
        let sibling = refresh_of(&server.refresh(&tokens.refresh).await);
        assert_eq!(server.events(&root, "refresh.superseded").await.len(), 1);
        server.refresh(&lost).await.is_problem(401, "refresh_token_reused");
        server.refresh(&sibling).await.is_problem(401, "refresh_token_invalid");
        server.refresh(&tokens.refresh).await.is_problem(401, "refresh_token_invalid");
        server.get_as("/v1/me", &tokens.access).await.is_problem(401, "invalid_token");
        let events = server.events(&root, "refresh.reuse_detected").await;
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["detail"], "superseded_token_used");
        assert_eq!(events[0]["session_id"], tokens.claims()["sid"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_is_repeated_after_three_lost_responses() {
    on_both("lost answers", async |backend| {
        let (server, root, tokens) = logged_in(backend).await;
        server.refresh(&tokens.refresh).await.is(200);
        let mut last = String::new();
        for _ in 0..3 {
            server.advance(OUTSIDE);
            last = refresh_of(&server.refresh(&tokens.refresh).await);
        }
        let on = refresh_of(&server.refresh(&last).await);
        assert!(!on.is_empty());

        let again = server.login("ada").await;
        server.refresh(&again.refresh).await.is(200);
        for _ in 0..3 {
            server.advance(OUTSIDE);
            server.refresh(&again.refresh).await.is(200);
        }
        server.advance(OUTSIDE);
        server.refresh(&again.refresh).await.is_problem(401, "refresh_token_reused");
        let events = server.events(&root, "refresh.reuse_detected").await;
        assert_eq!(events[0]["detail"], "superseded_too_often");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_token_ends_the_session_even_within_the_window() {
    on_both("older token", async |backend| {
        let (server, root, tokens) = logged_in(backend).await;
        let second = refresh_of(&server.refresh(&tokens.refresh).await);
        let third = refresh_of(&server.refresh(&second).await);
        server.refresh(&tokens.refresh).await.is_problem(401, "refresh_token_reused");
        server.refresh(&third).await.is_problem(401, "refresh_token_invalid");
        let events = server.events(&root, "refresh.reuse_detected").await;
        assert_eq!(events[0]["detail"], "older_token_used");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_from_the_future_ends_the_session() {
    on_both("counter ahead", async |backend| {
        let (server, root, tokens) = logged_in(backend).await;
        // As after restoring a backup: the token is genuine, and its row is older.
        let session = tokens.claims()["sid"].as_str().unwrap().parse().unwrap();
        let ahead = server.app.refresh_keys().mint(session, 7).unwrap();
        server.refresh(&ahead).await.is_problem(401, "refresh_token_invalid");
        server.refresh(&tokens.refresh).await.is_problem(401, "refresh_token_invalid");
        assert_eq!(server.events(&root, "refresh.rollback_detected").await.len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_idle_and_in_any_case() {
    on_both("lifetimes", async |backend| {
        let (server, _, tokens) = logged_in(backend).await;
        server.advance(TimeSpan::from_days(30));
        server.refresh(&tokens.refresh).await.is_problem(401, "session_expired");

        let mut token = server.login("ada").await.refresh;
        for _ in 0..6 {
            server.advance(TimeSpan::from_days(29));
            let answer = server.refresh(&token).await;
            token = refresh_of(&answer);
        }
        // 174 of 180 days have passed: the remaining time is shorter than the idle lifetime.
        let answer = server.refresh(&token).await;
        assert_eq!(answer.is(200).json()["refresh_expires_in"], 6 * 86_400);
        token = refresh_of(&answer);
        server.advance(TimeSpan::from_days(6));
        server.refresh(&token).await.is_problem(401, "session_expired");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_altered_byte_is_refused_without_a_change() {
    let (server, _, tokens) = logged_in(Backend::Sqlite).await;
    for at in 0..tokens.refresh.len() {
        let mut bytes = tokens.refresh.clone().into_bytes();
        bytes[at] ^= 1;
        let altered = String::from_utf8_lossy(&bytes).into_owned();
        server.refresh(&altered).await.is_problem(401, "refresh_token_invalid");
    }
    for rubbish in ["", "srt_", "x", &"srt_A".repeat(1000), &tokens.access] {
        server.refresh(rubbish).await.is_problem(401, "refresh_token_invalid");
    }
    server.refresh(&tokens.refresh).await.is(200);
}
