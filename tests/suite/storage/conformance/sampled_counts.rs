//! Counting for the metrics: the parts add up to the whole.

use signet::base::id::BranchId;
use signet::domain::session::Session;
use signet::execute;
use signet::store::sampled_counts;
use uuid::Uuid;

use super::{NOW, after, begun, commit, on_both_stores, opened, reader, session, session_id, user};

/// The counts of a table, in parts of several rows and of one.
async fn walk(
    rows: i64,
    mut edge: impl AsyncFnMut(Uuid, i64) -> Option<Uuid>,
    mut count: impl AsyncFnMut(Uuid, Uuid) -> (i64, i64),
) -> (i64, i64) {
    let (mut all, mut some, mut at) = (0, 0, Uuid::nil());
    loop {
        let next = edge(at, rows).await;
        let (one, other) = count(at, next.unwrap_or(Uuid::max())).await;
        (all, some) = (all + one, some + other);
        match next {
            Some(next) => at = next,
            None => return (all, some),
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_sessions_are_counted_in_parts_of_any_size() {
    on_both_stores("sampled counts", async |db| {
        let mut users = Vec::new();
        for number in 0..7 {
            users.push(user(&db, &format!("user-{number}")).await);
        }
        for (number, user) in users.iter().enumerate() {
            let id = session_id(i64::try_from(number).unwrap());
            let branch = BranchId::from_uuid(id.uuid());
            let grant_type = (number < 2).then(|| "authorization_code".to_owned());
            opened(&db, Session { id, branch, grant_type, ..session(*user) }).await;
            begun(&db, u8::try_from(number).unwrap(), *user).await;
        }
        commit(&db, async |tx| {
            execute!(tx, "UPDATE users SET disabled_at = $1 WHERE id = $2", NOW, users[3])?;
            execute!(tx, "UPDATE sessions SET revoked_at = $1 WHERE user_id = $2", NOW, users[4])?;
            execute!(tx, "UPDATE sessions SET expires_at = $1 WHERE user_id = $2", NOW, users[5])?;
            execute!(
                tx,
                "UPDATE browser_sessions SET ended_at = $1 WHERE user_id = $2",
                NOW,
                users[6]
            )
        })
        .await;
        for rows in [0, 1, 2, 6, 7, 5000] {
            let mut link = reader(&db).await;
            let mut other = reader(&db).await;
            let counted = walk(
                rows,
                async |at, rows| sampled_counts::users_edge(&mut link, at, rows).await.unwrap(),
                async |at, until| sampled_counts::count_users(&mut other, at, until).await.unwrap(),
            )
            .await;
            assert_eq!(counted, (7, 1), "{rows}");
            let counted = walk(
                rows,
                async |at, rows| sampled_counts::sessions_edge(&mut link, at, rows).await.unwrap(),
                async |at, until| {
                    sampled_counts::count_sessions(&mut other, at, until, after(60)).await.unwrap()
                },
            )
            .await;
            assert_eq!(counted, (5, 2), "{rows}");
            let counted = walk(
                rows,
                async |at, rows| {
                    sampled_counts::browser_sessions_edge(&mut link, at, rows).await.unwrap()
                },
                async |at, until| {
                    let now = after(60);
                    let count =
                        sampled_counts::count_browser_sessions(&mut other, at, until, now).await;
                    (count.unwrap(), 0)
                },
            )
            .await;
            assert_eq!(counted, (6, 0), "{rows}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn waiting_notices_are_counted_up_to_a_bound() {
    on_both_stores("sampled counts: notices", async |db| {
        let user = user(&db, "ada").await;
        for number in 0..5 {
            let id = session_id(number).uuid();
            commit(&db, async |tx| {
                execute!(
                    tx,
                    "INSERT INTO logout_notices (id, client_id, user_id, session_id, tries, \
                     next_at) VALUES ($1, 'shop', $2, $1, 0, $3)",
                    id,
                    user,
                    NOW
                )
            })
            .await;
        }
        for (most, expected) in [(3, 3), (5, 5), (100, 5)] {
            let counted =
                sampled_counts::count_notices(&mut reader(&db).await, most).await.unwrap();
            assert_eq!(counted, expected);
        }
        let sizes = db.sizes().await.unwrap();
        assert!(sizes.database.unwrap() >= 4096);
        assert_eq!(sizes.free.is_some(), db.is_sqlite());
        assert_eq!(sizes.log.is_some(), db.is_sqlite());
    })
    .await;
}
