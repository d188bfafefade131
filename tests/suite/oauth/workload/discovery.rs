//! Keys that are fetched from the issuer.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{ISSUERS, Place, header, key, keys};
use crate::support::document_host::{Hosts, Reply};
use crate::support::on_both;
use crate::support::relying_party::{error_of, signed};
use crate::support::require;
use crate::support::server::Options;

const ISSUER: &str = "https://client.example/ci";
const METADATA: &str = "/ci/.well-known/openid-configuration";

async fn place(backend: crate::support::Backend, hosts: &Hosts) -> Place {
    let options = Options::on(backend).with("SIGNET_TEST_HOSTS", &hosts.file());
    let place = Place::without_issuer(options).await;
    let body = json!({"name": "ci", "issuer": ISSUER});
    place.admin(Method::POST, ISSUERS, body).await.is(201);
    place.client("job", &["ci: sub=job-1"]).await;
    place
}

fn publish(hosts: &Hosts, keys: &Value) {
    let metadata = json!({"issuer": ISSUER, "jwks_uri": "https://client.example/jwks"});
    hosts.answer(METADATA, Reply::json(&metadata));
    hosts.answer("/jwks", Reply::json(keys));
}

impl Place {
    fn of_job(&self, kid: &str) -> String {
        let mut header = header();
        header["kid"] = json!(kid);
        let claims = self.job(json!({"iss": ISSUER, "sub": "job-1"}));
        signed(&self.github, &header, &claims)
    }
}

/// Keys are fetched once and cached; an unknown `kid` causes a fetch, but not each of many; and the cached keys are
/// used for a while if the issuer is down.
#[tokio::test(flavor = "multi_thread")]
async fn keys_are_fetched_once_and_again_for_a_new_key() {
    on_both("workload: discovery", async |backend| {
        let Some(hosts) = Hosts::start().await else {
            return require::missing("openssl", "keys of trusted issuers by discovery");
        };
        let mut place = place(backend, &hosts).await;
        publish(&hosts, &keys(&place.github));
        let tries = futures_util::future::join_all(
            (0..8).map(|_| async { place.grant(&place.of_job("k1"), &[]).await }),
        );
        for answer in tries.await {
            answer.is(200);
        }
        assert_eq!(hosts.requests().len(), 2, "the metadata and the keys");
        for number in 0..20 {
            let refused = place.grant(&place.of_job(&format!("x{number}")), &[]).await;
            assert_eq!(error_of(&refused, 400), "invalid_grant");
        }
        assert_eq!(hosts.requests().len(), 2, "no pause is over");
        // A new key.
        place.github = key();
        let mut set = keys(&place.github);
        set["keys"][0]["kid"] = json!("k2");
        publish(&hosts, &set);
        place.server.advance(TimeSpan::from_secs(30));
        place.grant(&place.of_job("k2"), &[]).await.is(200);
        assert_eq!(hosts.requests().len(), 4);
        // The issuer is down: the cached keys are used for a day.
        hosts.forget(METADATA);
        place.server.advance(TimeSpan::from_mins(120));
        place.grant(&place.of_job("k2"), &[]).await.is(200);
        assert_eq!(hosts.requests().len(), 5);
        place.server.advance(TimeSpan::from_mins(23 * 60));
        let refused = place.grant(&place.of_job("k2"), &[]).await;
        assert_eq!(error_of(&refused, 400), "invalid_grant");
        publish(&hosts, &set);
        place.server.advance(TimeSpan::from_secs(30));
        place.grant(&place.of_job("k2"), &[]).await.is(200);
    })
    .await;
}

/// Metadata of another issuer, invalid keys, and a host in a private network are refused.
#[tokio::test(flavor = "multi_thread")]
async fn metadata_and_keys_of_another_issuer_are_refused() {
    on_both("workload: bad discovery", async |backend| {
        let Some(hosts) = Hosts::start().await else {
            return require::missing("openssl", "keys of trusted issuers by discovery");
        };
        let place = place(backend, &hosts).await;
        let refused = async |what: &str| {
            place.server.advance(TimeSpan::from_secs(30));
            let refused = place.grant(&place.of_job("k1"), &[]).await;
            assert_eq!(error_of(&refused, 400), "invalid_grant", "{what}");
        };
        refused("nothing there").await;
        let set = keys(&place.github);
        for (what, metadata) in [
            ("another issuer", json!({"issuer": "https://other.example", "jwks_uri": "https://client.example/jwks"})),
            ("a slash", json!({"issuer": format!("{ISSUER}/"), "jwks_uri": "https://client.example/jwks"})),
            ("no keys", json!({"issuer": ISSUER})),
            ("no https", json!({"issuer": ISSUER, "jwks_uri": "http://client.example/jwks"})),
            ("loopback", json!({"issuer": ISSUER, "jwks_uri": "https://127.0.0.1/jwks"})),
            ("a private name", json!({"issuer": ISSUER, "jwks_uri": "https://inside.client.example/jwks"})),
        ] {
            publish(&hosts, &set);
            hosts.answer(METADATA, Reply::json(&metadata));
            refused(what).await;
        }
        for (what, reply) in [
            ("no set", Reply::json(&json!({"keys": 5}))),
            ("private keys", Reply::json(&json!({"keys": [{"kty": "oct", "k": "AA", "kid": "k1"}]}))),
            ("not found", Reply::json(&set).status(404)),
            ("large", Reply::text("application/json", &vec![b' '; 200_000])),
        ] {
            publish(&hosts, &set);
            hosts.answer("/jwks", reply);
            refused(what).await;
        }
        publish(&hosts, &set);
        place.server.advance(TimeSpan::from_secs(30));
        place.grant(&place.of_job("k1"), &[]).await.is(200);
    })
    .await;
}
