//! Findings about clients: counted in a bounded number of rows, deleted with their client.

use signet::base::{TimeSpan, Timestamp};
use signet::domain::client::{Client, ClientMetadata, ClientType};
use signet::domain::client_finding::{Finding, FindingKey, MAX_DETAILS, TOLD_FOR};
use signet::oauth::grants;
use signet::store::clients::StoredClient;
use signet::store::{Db, client_findings, clients};

use super::{after, at_once, commit, on_both_stores, reader, user_id};

async fn register(db: &Db, client_id: &str, secs: i64) {
    let metadata = ClientMetadata::new("App".to_owned(), ClientType::Service, grants::ALL);
    let client = Client::new(client_id.to_owned(), metadata, after(secs));
    let stored = StoredClient { id: user_id(secs).uuid(), client, updated_at: after(secs) };
    assert!(commit(db, async |tx| clients::insert(tx, &stored).await).await);
}

fn finding(client_id: &str, code: &str, detail: &str, at: Timestamp) -> Finding {
    let key = FindingKey::new(client_id, "/oauth2/token", code, detail);
    Finding { key, times: 2, first_at: at, last_at: at + TimeSpan::from_secs(1) }
}

async fn add(db: &Db, finding: &Finding) {
    commit(db, async |tx| client_findings::add(tx, finding).await).await;
}

async fn of(db: &Db, client_id: &str, since: Timestamp) -> Vec<Finding> {
    client_findings::of_client(&mut reader(db).await, client_id, since).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_finding_has_one_row_with_its_first_and_its_last_time() {
    on_both_stores("findings: counts", async |db| {
        register(&db, "shop", 0).await;
        for at in [5, 3, 4] {
            add(&db, &finding("shop", "invalid_grant", "It has expired.", after(at))).await;
        }
        let found = of(&db, "shop", after(0)).await;
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].times, found[0].last_at), (6, after(6)));
        // Unregistered clients, and earlier ones with the same id, have none.
        add(&db, &finding("nobody", "invalid_grant", "x", after(5))).await;
        add(&db, &finding("shop", "wrong_secret", "x", after(-1))).await;
        assert!(of(&db, "nobody", after(-10)).await.is_empty());
        assert_eq!(of(&db, "shop", after(-10)).await.len(), 1);
        assert!(of(&db, "shop", after(7)).await.is_empty(), "not seen since");
        commit(&db, async |tx| clients::delete(tx, "shop", after(8)).await).await;
        register(&db, "shop", 9).await;
        assert!(of(&db, "shop", after(-10)).await.is_empty(), "it is another client");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_a_bounded_number_of_findings_and_old_ones_make_room() {
    on_both_stores("findings: bounds", async |db| {
        register(&db, "shop", 0).await;
        for number in 0..50 {
            add(&db, &finding("shop", "scope_unknown", &format!("s{number}"), after(1))).await;
        }
        add(&db, &finding("shop", "scope_unknown", "s3", after(1))).await;
        add(&db, &finding("shop", "wrong_secret", "wrong_secret", after(1))).await;
        let found = of(&db, "shop", after(0)).await;
        let most = usize::try_from(MAX_DETAILS).unwrap();
        assert_eq!(found.len(), most + 2, "and one row for all others, and one of another code");
        let of_detail = |detail: &str| found.iter().find(|one| one.key.detail == detail).unwrap();
        assert_eq!(of_detail("s3").times, 4);
        assert_eq!(of_detail("").times, 2 * (50 - MAX_DETAILS));
        let later = after(2) + TOLD_FOR;
        add(&db, &finding("shop", "scope_unknown", "new", later)).await;
        let found = of(&db, "shop", after(0)).await;
        assert_eq!(found.len(), 1, "what was not seen for long has gone");
        assert_eq!(found[0].key.detail, "new");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_count_is_lost_when_several_processes_write_at_once() {
    on_both_stores("findings: races", async |db| {
        register(&db, "shop", 0).await;
        let one = finding("shop", "invalid_grant", "It has expired.", after(1));
        at_once(async |_| add(&db, &one).await).await;
        let found = of(&db, "shop", after(0)).await;
        let writers = at_once(async |_| ()).await.len();
        assert_eq!((found.len(), found[0].times), (1, 2 * i64::try_from(writers).unwrap()));
    })
    .await;
}
