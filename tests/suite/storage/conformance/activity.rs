//! Counts for charts: added up by bucket, bounded in their keys, removed when they are old.

use signet::base::Timestamp;
use signet::domain::activity::{Count, MAX_KEYS, OTHERS, Series, Width};
use signet::store::{Db, activity};

use super::{NOW, at_once, commit, on_both_stores, reader};

fn count(width: Width, bucket: Timestamp, key: &str, n: i64) -> Count {
    Count { series: Series::TokensByClient, width, bucket, key: key.to_owned(), n }
}

async fn add(db: &Db, count: &Count) {
    commit(db, async |tx| activity::add(tx, count).await).await;
}

async fn all(db: &Db, width: Width) -> Vec<Count> {
    let (from, until) = (Timestamp::from_secs(0), NOW + Width::Day.kept_for());
    let mut reader = reader(db).await;
    activity::counts(&mut reader, Series::TokensByClient, width, from, until).await.unwrap()
}

/// All additions to one count are kept, with other writes in between and in any number of concurrent ones.
#[tokio::test(flavor = "multi_thread")]
async fn additions_to_a_bucket_add_up() {
    on_both_stores("activity: sums", async |db| {
        let bucket = Width::Hour.bucket(NOW);
        let one = count(Width::Hour, bucket, "shop", 2);
        let times = at_once(async |_| add(&db, &one).await).await.len();
        add(&db, &count(Width::Hour, bucket + Width::Hour.span(), "shop", 1)).await;
        add(&db, &count(Width::Day, Width::Day.bucket(NOW), "shop", 7)).await;
        let next = bucket + Width::Hour.span();
        let expected = [
            count(Width::Hour, bucket, "shop", 2 * i64::try_from(times).unwrap()),
            count(Width::Hour, next, "shop", 1),
        ];
        assert_eq!(all(&db, Width::Hour).await, expected);
        let mut reader = reader(&db).await;
        let read = |from, until| (Series::TokensByClient, Width::Hour, from, until);
        let (series, width, from, until) = read(bucket, next);
        let found = activity::counts(&mut reader, series, width, from, until).await.unwrap();
        assert_eq!(found, expected[..1], "the end is not part of it");
        let found =
            activity::counts(&mut reader, Series::TokensByApi, width, from, until).await.unwrap();
        assert!(found.is_empty(), "another series");
    })
    .await;
}

/// A bucket has 200 keys; all further ones are counted together, and a key that is stored keeps its row.
#[tokio::test(flavor = "multi_thread")]
async fn a_bucket_has_a_bounded_number_of_keys() {
    on_both_stores("activity: keys", async |db| {
        let bucket = Width::Hour.bucket(NOW);
        commit(&db, async |tx| {
            for number in 0..MAX_KEYS + 5 {
                let count = count(Width::Hour, bucket, &format!("c{number:04}"), 1);
                activity::add(tx, &count).await?;
            }
            activity::add(tx, &count(Width::Hour, bucket, "c0000", 1)).await
        })
        .await;
        let found = all(&db, Width::Hour).await;
        assert_eq!(i64::try_from(found.len()).unwrap(), MAX_KEYS + 1);
        assert_eq!(found[0], count(Width::Hour, bucket, OTHERS, 5));
        assert_eq!(found[1], count(Width::Hour, bucket, "c0000", 2));
    })
    .await;
}

/// Buckets of each length are removed after their retention, in steps; so are those of a clock that was days ahead.
#[tokio::test(flavor = "multi_thread")]
async fn old_buckets_are_removed_in_steps() {
    on_both_stores("activity: age", async |db| {
        for width in Width::ALL {
            let kept = width.bucket(NOW - width.kept_for() + width.span());
            for bucket in [kept, kept - width.span(), kept - width.span() - width.span(), NOW] {
                add(&db, &count(width, width.bucket(bucket), "shop", 1)).await;
            }
            let ahead = width.bucket(NOW + Width::Day.span() + Width::Day.span());
            add(&db, &count(width, ahead, "shop", 1)).await;
        }
        for width in Width::ALL {
            let remove = async || {
                commit(&db, async |tx| activity::remove_old(tx, width, NOW, 2).await).await
            };
            let mut removed = vec![remove().await, remove().await, remove().await];
            removed.retain(|rows| *rows > 0);
            assert!(removed.iter().all(|rows| *rows <= 2), "{removed:?}");
            let left = all(&db, width).await;
            let oldest = NOW - width.kept_for();
            assert!(left.iter().all(|count| count.bucket >= oldest && count.bucket <= NOW));
            assert!(left.len() >= 2, "{left:?}");
        }
    })
    .await;
}
