//! Trusted issuers of workload tokens: each name and each identifier once.

use serde_json::json;
use signet::base::TimeSpan;
use signet::domain::signing_key::SigningAlg;
use signet::domain::workload::{Preset, TrustedIssuer};
use signet::store::{clients, trusted_issuers};

use super::{NOW, commit, on_both_stores, reader};

fn issuer(name: &str, issuer: &str) -> TrustedIssuer {
    TrustedIssuer {
        name: name.to_owned(),
        issuer: issuer.to_owned(),
        preset: Preset::Kubernetes,
        jwks: Some(vec![json!({"kty": "EC", "kid": "ключ"})]),
        algs: vec![SigningAlg::Es256, SigningAlg::Rs256],
        max_life: TimeSpan::from_mins(90),
        networks: vec!["10.1.0.0/16".parse().unwrap()],
        created_at: NOW,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_is_found_by_its_name_and_its_identifier() {
    on_both_stores("trusted issuers", async |db| {
        let insert = async |issuer: &TrustedIssuer, most| {
            commit(&db, async |tx| trusted_issuers::insert(tx, issuer, most).await).await
        };
        let one = issuer("prod", "https://a.example");
        let other = TrustedIssuer {
            jwks: None,
            algs: Vec::new(),
            networks: Vec::new(),
            preset: Preset::Github,
            ..issuer("ci", "https://b.example")
        };
        assert!(insert(&one, 2).await && insert(&other, 2).await);
        assert!(!insert(&issuer("third", "https://c.example"), 2).await, "there are two");
        assert!(!insert(&issuer("prod", "https://c.example"), 9).await, "the name is taken");
        assert!(!insert(&issuer("third", "https://a.example"), 9).await, "the identifier is taken");
        let find =
            async |name: &str| trusted_issuers::find(&mut reader(&db).await, name).await.unwrap();
        assert_eq!(find("prod").await.as_ref(), Some(&one));
        assert_eq!(find("https://a.example").await, None);
        let of = async |issuer: &str| {
            trusted_issuers::of_identifier(&mut reader(&db).await, issuer).await.unwrap()
        };
        assert_eq!(of("https://b.example").await.as_ref(), Some(&other));
        assert_eq!(of("https://b.example/").await, None);
        let all = trusted_issuers::all(&mut reader(&db).await).await.unwrap();
        assert_eq!(all, [other, one]);
        let delete = async |name: &str| {
            commit(&db, async |tx| trusted_issuers::delete(tx, name).await).await
        };
        assert!(delete("ci").await && !delete("ci").await);
        assert_eq!(find("ci").await, None);
        let held = commit(&db, async |tx| clients::hold_all(tx).await).await;
        assert!(held.is_empty());
    })
    .await;
}
