//! Keys: sealed bytes are returned unchanged, and every process learns of new ones.

use signet::base::{TimeSpan, Timestamp};
use signet::domain::key_rotation::KeyFacts;
use signet::domain::signing_key::{KeyState, SigningAlg};
use signet::execute;
use signet::store::keys::{self, StoredKey};
use signet::store::{Db, meta};

use super::{NOW, after, commit, is_internal, on_both_stores, reader};

fn key(kid: &str, created_at: Timestamp) -> StoredKey {
    in_state(kid, SigningAlg::Es256, KeyState::Retiring, created_at)
}

fn in_state(kid: &str, alg: SigningAlg, state: KeyState, created_at: Timestamp) -> StoredKey {
    StoredKey {
        facts: KeyFacts {
            kid: kid.to_owned(),
            alg,
            state,
            since: created_at + TimeSpan::from_secs(3),
            published_at: created_at + TimeSpan::from_secs(1),
            activated_at: (state != KeyState::Published)
                .then(|| created_at + TimeSpan::from_secs(2)),
            signs_at: (state == KeyState::Published).then(|| created_at + TimeSpan::from_secs(4)),
            longest_ttl: TimeSpan::from_mins(10),
        },
        public_jwk: r#"{"kty":"EC"}"#.to_owned(),
        sealed: (0..=255).collect(),
        created_at,
    }
}

async fn insert(db: &Db, key: &StoredKey) {
    assert!(commit(db, async |tx| keys::insert_signing_key(tx, key).await).await);
}

async fn version(db: &Db) -> i64 {
    meta::cache_version(&mut reader(db).await).await.unwrap()
}

/// A key in a comparable form.
fn facts(key: &StoredKey) -> (&KeyFacts, &str, &[u8], Timestamp) {
    (&key.facts, &key.public_jwk, &key.sealed, key.created_at)
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_keys_of_every_kind_come_back_oldest_first() {
    on_both_stores("keys: round trip", async |db| {
        assert!(keys::signing_keys(&mut reader(&db).await).await.unwrap().is_empty());
        let mut made = Vec::new();
        for (index, state) in KeyState::ALL.iter().enumerate() {
            for alg in SigningAlg::ALL {
                // Two of each age, whose names determine the order.
                let age = Timestamp::from_millis(-i64::try_from(index).unwrap());
                let key = in_state(&format!("{alg}-{index}"), *alg, *state, age);
                insert(&db, &key).await;
                made.push(key);
            }
        }
        made.sort_by(|a, b| (a.created_at, &a.facts.kid).cmp(&(b.created_at, &b.facts.kid)));
        let found = keys::signing_keys(&mut reader(&db).await).await.unwrap();
        let found: Vec<_> = found.iter().map(facts).collect();
        assert_eq!(found, made.iter().map(facts).collect::<Vec<_>>());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_withdrawn_until_its_last_token_has_expired() {
    on_both_stores("keys: withdrawn", async |db| {
        for (kid, state) in [
            ("active", KeyState::Active),
            ("retired", KeyState::Retired),
            ("unused", KeyState::Retired),
        ] {
            let mut key = in_state(kid, SigningAlg::Es256, state, after(100));
            key.facts.activated_at = (kid != "unused").then_some(NOW);
            key.facts.longest_ttl = TimeSpan::from_secs(600);
            insert(&db, &key).await;
        }
        let withdrawn = async |at: i64| {
            let leeway = TimeSpan::from_secs(60);
            keys::withdrawn(&mut reader(&db).await, after(at), leeway).await.unwrap()
        };
        assert_eq!(withdrawn(100).await, ["retired"]);
        assert_eq!(withdrawn(762).await, ["retired"]);
        assert!(withdrawn(763).await.is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_published_key_is_ordered_to_sign_once() {
    on_both_stores("keys: orders", async |db| {
        let mut waiting = in_state("waiting", SigningAlg::Es256, KeyState::Published, NOW);
        waiting.facts.signs_at = None;
        insert(&db, &waiting).await;
        insert(&db, &in_state("signing", SigningAlg::Es256, KeyState::Active, NOW)).await;
        let order =
            async |kid: &str, at| commit(&db, async |tx| keys::order(tx, kid, at).await).await;
        let before = version(&db).await;
        assert!(!order("signing", after(1)).await && !order("unknown", after(1)).await);
        assert_eq!(version(&db).await, before);
        assert!(order("waiting", after(6)).await);
        assert!(version(&db).await > before, "every process is told");
        assert!(order("waiting", after(9)).await);
        let found = keys::signing_keys(&mut reader(&db).await).await.unwrap();
        let found = found.iter().find(|key| key.facts.kid == "waiting").unwrap();
        assert_eq!(found.facts.signs_at, Some(after(6)), "the first order stays");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sealed_bytes_of_any_length_round_trip() {
    on_both_stores("keys: bytes", async |db| {
        for (secs, length) in (0..).zip([0, 1, 100_000]) {
            let sealed = vec![0; length];
            let kid = "鍵".repeat(length.min(100) + 1);
            let key = StoredKey { sealed, ..key(&kid, after(secs)) };
            insert(&db, &key).await;
            let found = keys::signing_keys(&mut reader(&db).await).await.unwrap();
            assert_eq!(facts(found.last().unwrap()), facts(&key));
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_never_overwritten() {
    on_both_stores("keys: taken names", async |db| {
        insert(&db, &key("one", NOW)).await;
        commit(&db, async |tx| keys::insert_refresh_key(tx, 1, b"first", NOW).await).await;
        let before = version(&db).await;
        let mut tx = db.begin().await.unwrap();
        let other = StoredKey { sealed: Vec::new(), ..key("one", after(1)) };
        assert!(!keys::insert_signing_key(&mut tx, &other).await.unwrap());
        tx.commit().await.unwrap();
        let mut tx = db.begin().await.unwrap();
        let refused = keys::insert_refresh_key(&mut tx, 1, b"second", NOW).await;
        assert!(refused.is_err_and(|fault| is_internal(&fault)));
        tx.rollback().await;
        let link = &mut reader(&db).await;
        let kept = keys::signing_keys(link).await.unwrap();
        assert_eq!(facts(&kept[0]), facts(&key("one", NOW)));
        assert_eq!(keys::refresh_keys(link).await.unwrap(), [(1, b"first".to_vec())]);
        assert_eq!(version(&db).await, before);
    })
    .await;
}

/// Two processes do the same concurrently: the second changes nothing and learns of it.
#[tokio::test(flavor = "multi_thread")]
async fn one_key_of_an_algorithm_signs_and_one_waits() {
    on_both_stores("keys: one of each", async |db| {
        for state in [KeyState::Active, KeyState::Published] {
            insert(&db, &in_state(&format!("{state}-1"), SigningAlg::Es256, state, NOW)).await;
            let second = in_state(&format!("{state}-2"), SigningAlg::Es256, state, NOW);
            let before = version(&db).await;
            assert!(!commit(&db, async |tx| keys::insert_signing_key(tx, &second).await).await);
            assert_eq!(version(&db).await, before);
            let other = in_state(&format!("{state}-3"), SigningAlg::Rs256, state, NOW);
            insert(&db, &other).await;
        }
        for state in [KeyState::Retiring, KeyState::Retired] {
            for number in 0..2 {
                insert(&db, &in_state(&format!("{state}-{number}"), SigningAlg::Es256, state, NOW))
                    .await;
            }
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_goes_from_the_state_it_is_in_and_only_once() {
    on_both_stores("keys: stages", async |db| {
        use KeyState::{Active, Published, Retired, Retiring};
        insert(&db, &in_state("one", SigningAlg::Es256, Published, NOW)).await;
        let go = async |from, to, at| {
            commit(&db, async |tx| keys::advance(tx, "one", from, to, at).await).await
        };
        let stored = async || {
            let mut all = keys::signing_keys(&mut reader(&db).await).await.unwrap();
            all.remove(0).facts
        };
        let before = version(&db).await;
        assert!(!go(Active, Retiring, after(10)).await);
        assert_eq!(version(&db).await, before);
        for (from, to, at) in
            [(Published, Active, 10), (Active, Retiring, 20), (Retiring, Retired, 30)]
        {
            assert!(go(from, to, after(at)).await);
            assert!(!go(from, to, after(at + 1)).await);
            let facts = stored().await;
            assert_eq!((facts.state, facts.since), (to, after(at)));
            assert_eq!(facts.activated_at, Some(after(10)));
            assert_eq!(facts.published_at, after(1));
        }
        assert_eq!(version(&db).await, before + 3);
        let nobody =
            commit(&db, async |tx| keys::advance(tx, "nobody", Retired, Active, NOW).await);
        assert!(!nobody.await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_longest_life_only_grows_and_only_where_tokens_may_still_be_signed() {
    on_both_stores("keys: longest life", async |db| {
        for state in KeyState::ALL {
            insert(&db, &in_state(state.as_str(), SigningAlg::Es256, *state, NOW)).await;
        }
        let note = async |minutes| {
            commit(&db, async |tx| keys::note_ttl(tx, TimeSpan::from_mins(minutes)).await).await;
            let all = keys::signing_keys(&mut reader(&db).await).await.unwrap();
            let ttl = |state| {
                let key = all.iter().find(|key| key.facts.state == state).unwrap();
                key.facts.longest_ttl.secs() / 60
            };
            [KeyState::Published, KeyState::Active, KeyState::Retiring, KeyState::Retired].map(ttl)
        };
        assert_eq!(note(5).await, [10, 10, 10, 10]);
        assert_eq!(note(60).await, [60, 60, 10, 10]);
        assert_eq!(note(20).await, [60, 60, 10, 10]);
    })
    .await;
}

/// The same key sealed again: nothing else changes, and no process has to read it again.
#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_sealed_again_and_stays_the_same() {
    on_both_stores("keys: another seal", async |db| {
        for kid in ["one", "two"] {
            insert(&db, &key(kid, NOW)).await;
        }
        for version in [1, 2] {
            commit(&db, async |tx| keys::insert_refresh_key(tx, version, b"old", NOW).await).await;
        }
        let before = version(&db).await;
        commit(&db, async |tx| keys::reseal_signing_key(tx, "two", b"new").await).await;
        commit(&db, async |tx| keys::reseal_refresh_key(tx, 2, b"new").await).await;
        let link = &mut reader(&db).await;
        let found = keys::signing_keys(link).await.unwrap();
        assert_eq!(facts(&found[0]), facts(&key("one", NOW)));
        assert_eq!(
            facts(&found[1]),
            facts(&StoredKey { sealed: b"new".to_vec(), ..key("two", NOW) })
        );
        let expected = [(1, b"old".to_vec()), (2, b"new".to_vec())];
        assert_eq!(keys::refresh_keys(link).await.unwrap(), expected);
        assert_eq!(version(&db).await, before);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn refresh_keys_come_back_in_the_order_of_their_versions() {
    on_both_stores("keys: refresh keys", async |db| {
        assert!(keys::refresh_keys(&mut reader(&db).await).await.unwrap().is_empty());
        for version in [u16::MAX, 2, 10, 0] {
            let sealed = version.to_be_bytes();
            let insert =
                async |tx: &mut _| keys::insert_refresh_key(tx, version, &sealed, NOW).await;
            commit(&db, insert).await;
        }
        let expected = [0, 2, 10, u16::MAX].map(|v| (i64::from(v), v.to_be_bytes().to_vec()));
        assert_eq!(keys::refresh_keys(&mut reader(&db).await).await.unwrap(), expected);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_new_key_raises_the_cache_version() {
    on_both_stores("keys: cache version", async |db| {
        let before = version(&db).await;
        insert(&db, &key("one", NOW)).await;
        assert_eq!(version(&db).await, before + 1);
        commit(&db, async |tx| keys::insert_refresh_key(tx, 1, b"sealed", NOW).await).await;
        assert_eq!(version(&db).await, before + 2);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_an_unknown_kind_is_a_fault() {
    on_both_stores("keys: unknown kinds", async |db| {
        insert(&db, &key("one", NOW)).await;
        macro_rules! broken_by {
            ($($sql:literal),+) => {
                $({
                    let mut tx = db.begin().await.unwrap();
                    assert_eq!(execute!(&mut tx, $sql, "one").unwrap(), 1);
                    let found = keys::signing_keys(&mut tx).await;
                    assert!(found.is_err_and(|fault| is_internal(&fault)), $sql);
                    tx.rollback().await;
                })+
            };
        }
        broken_by!(
            "UPDATE signing_keys SET alg = 'none' WHERE kid = $1",
            "UPDATE signing_keys SET state = 'lost' WHERE kid = $1"
        );
        assert_eq!(keys::signing_keys(&mut reader(&db).await).await.unwrap().len(), 1);
    })
    .await;
}
