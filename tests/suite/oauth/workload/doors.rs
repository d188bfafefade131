//! The two ways for platform tokens: as a client assertion, and as the grant `jwt-bearer`.

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::jwt::decode_unverified;

use super::{API, GITHUB, ISSUERS, Place, TYPE, header, key, keys};
use crate::support::on_both;
use crate::support::relying_party::{error_of, signed};
use crate::support::server::{Answer, Options, pair};

fn claims(answer: &Answer) -> Value {
    json!(decode_unverified(&answer.string("access_token")).claims.unwrap())
}

/// Both ways give a token of the client, which expires no later than the assertion; the audit trail names the
/// workload and the rule.
#[tokio::test(flavor = "multi_thread")]
async fn a_job_gets_the_token_of_its_client_through_both_doors() {
    on_both("workload: doors", async |backend| {
        let place = Place::on(backend).await;
        let by_client = place.assert("deploy", &place.token(json!({}))).await;
        let by_grant = place.grant(&place.token(json!({})), &[]).await;
        for answer in [&by_client, &by_grant] {
            let body = answer.is(200).json();
            assert_eq!(
                (&body["token_type"], &body["scope"]),
                (&json!("Bearer"), &json!("orders:read"))
            );
            assert_eq!(body["expires_in"], 300, "the rest of the assertion");
            assert!(body.get("refresh_token").is_none());
            let said = claims(answer);
            assert_eq!((&said["sub"], &said["client_id"]), (&json!("deploy"), &json!("deploy")));
            assert_eq!(said["aud"], API);
        }
        let path = format!("/v1/forward-auth?audience={API}");
        place.server.get_as(&path, &by_grant.string("access_token")).await.is(200);
        let more = [("client_id", "deploy"), ("scope", "orders:read"), ("resource", API)];
        place.grant(&place.token(json!({"aud": [place.server.base]})), &more).await.is(200);
        // A long assertion gives a token of the usual length.
        let long = place.token(json!({"exp": place.server.now().secs() + 3_600}));
        assert_eq!(place.grant(&long, &[]).await.is(200).json()["expires_in"], 600);
        // One that has expired, by less than the leeway, gives a token that expires at once.
        let now = place.server.now().secs();
        let late = place.token(json!({"iat": now - 100, "exp": now - 20}));
        assert_eq!(place.grant(&late, &[]).await.is(200).json()["expires_in"], 1);

        let events = place.server.events(&place.root, "workload.authenticated").await;
        let detail = events[0]["detail"].as_str().unwrap();
        for part in [
            GITHUB,
            "repo:octo@9/shop@123:ref:refs/heads/main",
            "github: ref=refs/heads/main,repository_id=123",
        ] {
            assert!(detail.contains(part), "{detail}");
        }
        assert_eq!(events[0]["client_id"], "deploy");
    })
    .await;
}

/// The assertion is accepted at every endpoint where clients authenticate.
#[tokio::test(flavor = "multi_thread")]
async fn a_workload_authenticates_at_every_endpoint_of_clients() {
    on_both("workload: endpoints", async |backend| {
        let place = Place::on(backend).await;
        for path in ["/oauth2/introspect", "/oauth2/revoke"] {
            let token = place.token(json!({}));
            let fields = [
                ("token", "x"),
                ("client_id", "deploy"),
                ("client_assertion_type", TYPE),
                ("client_assertion", &*token),
            ];
            place.send(path, &fields).await.is(200);
            assert_eq!(error_of(&place.send(path, &fields).await, 401), "invalid_client", "{path}");
        }
    })
    .await;
}

/// The grant requires exactly one matching service client that is registered for it.
#[tokio::test(flavor = "multi_thread")]
async fn the_grant_needs_exactly_one_client() {
    on_both("workload: one client", async |backend| {
        let place = Place::on(backend).await;
        place.client("second", &["github: repository_id=123"]).await;
        let refused = place.grant(&place.token(json!({})), &[]).await;
        assert_eq!(error_of(&refused, 400), "invalid_grant");
        let refused = place.grant(&place.token(json!({})), &[("client_id", "deploy")]).await;
        assert_eq!(error_of(&refused, 400), "invalid_grant");
        assert!(place.why("second").await.iter().any(|said| said.contains("another client")));
        // With a `client_id`, each of them can authenticate.
        place.assert("deploy", &place.token(json!({}))).await.is(200);
        place.assert("second", &place.token(json!({}))).await.is(200);
        // On another branch only one matches.
        let other = json!({"ref": "refs/heads/next"});
        assert_eq!(claims(&place.grant(&place.token(other.clone()), &[]).await)["sub"], "second");
        // A `client_id` that does not match is refused, and does not use the token up.
        let token = place.token(other.clone());
        let named = place.grant(&token, &[("client_id", "deploy")]).await;
        assert_eq!(error_of(&named, 400), "invalid_grant");
        assert_eq!(claims(&place.grant(&token, &[]).await)["sub"], "second");
        let path = "/v1/admin/clients/second";
        let body = json!({"grant_types": ["client_credentials"]});
        place.admin(Method::PATCH, path, body).await.is(200);
        let refused = place.grant(&place.token(other.clone()), &[]).await;
        assert_eq!(error_of(&refused, 400), "unauthorized_client");
        place.admin(Method::POST, &format!("{path}/disable"), Value::Null).await.is(200);
        let refused = place.grant(&place.token(other), &[]).await;
        assert_eq!(error_of(&refused, 400), "invalid_grant");
        place.grant(&place.token(json!({})), &[]).await.is(200);
        // Two credentials in one request are refused.
        for more in
            [("client_secret", "x"), ("client_assertion", "x"), ("client_assertion_type", TYPE)]
        {
            let refused = place.grant(&place.token(json!({})), &[more]).await;
            assert_eq!(error_of(&refused, 400), "invalid_request", "{more:?}");
        }
        assert_eq!(
            error_of(&place.send("/oauth2/token", &[("grant_type", super::GRANT)]).await, 400),
            "invalid_request"
        );
    })
    .await;
}

/// Of concurrent requests with one token one succeeds; also at two processes.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_counts_once_however_many_present_it() {
    on_both("workload: race", async |backend| {
        let place = Place::on(backend).await;
        for by_grant in [true, false] {
            let token = place.token(json!({}));
            let tries = (0..20).map(|_| async {
                match by_grant {
                    true => place.grant(&token, &[]).await,
                    false => place.assert("deploy", &token).await,
                }
            });
            let answers = futures_util::future::join_all(tries).await;
            let won = answers.iter().filter(|answer| answer.status == 200).count();
            assert_eq!(won, 1, "by grant: {by_grant}");
        }
        // A token that one way has used up is refused by the other.
        let token = place.token(json!({}));
        place.grant(&token, &[]).await.is(200);
        assert_eq!(error_of(&place.assert("deploy", &token).await, 401), "invalid_client");
        assert!(place.why("deploy").await.iter().any(|said| said.contains("presented before")));
    })
    .await;
    let Some((one, other)) = pair("workload: two processes").await else { return };
    let place = Place { root: one.administrator("root").await, server: one, github: key() };
    let issuer = json!({"name": "github", "jwks": keys(&place.github)});
    place.admin(Method::POST, ISSUERS, issuer).await.is(201);
    let api = json!({"identifier": API, "scopes": ["orders:read"]});
    place.admin(Method::POST, "/v1/admin/apis", api).await.is(201);
    place.client("deploy", &["github: repository_id=123"]).await;
    other.app.reload_if_changed().await.unwrap();
    let token = place.token(json!({}));
    let there = Place { root: place.root.clone(), server: other, github: key() };
    let tries = (0..10).flat_map(|_| [&place, &there]).map(|place| place.grant(&token, &[]));
    let answers = futures_util::future::join_all(tries).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
}

/// Kubernetes and SPIFFE return the same token to a program repeatedly.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_kubernetes_and_spiffe_count_again() {
    on_both("workload: again", async |backend| {
        let place = Place::without_issuer(Options::on(backend)).await;
        let cluster = "https://kubernetes.default.svc.cluster.local";
        for issuer in [
            json!({"name": "prod", "preset": "kubernetes", "issuer": cluster, "jwks": keys(&place.github)}),
            json!({"name": "mesh", "preset": "spiffe", "issuer": "spiffe://example.org",
                "jwks": {"keys": [svid_key(&place), {"kty": "RSA", "use": "x509-svid", "n": "x", "e": "AQAB"}]}}),
        ] {
            place.admin(Method::POST, ISSUERS, issuer).await.is(201);
        }
        let account = "system:serviceaccount:shop:backup";
        place.client("backup", &[&format!("prod: sub={account},kubernetes.io/pod/uid=u-1")]).await;
        place.client("mesh-backup", &["mesh: sub=spiffe://example.org/backup"]).await;
        let now = place.server.now().secs();
        let base = place.server.base.clone();
        let of_pod = |uid: &str| {
            json!({"iss": cluster, "aud": [base], "sub": account, "iat": now, "nbf": now, "exp": now + 600, "jti": "same",
                "kubernetes.io": {"namespace": "shop", "pod": {"name": "backup-0", "uid": uid},
                    "serviceaccount": {"name": "backup", "uid": "s-1"}}})
        };
        let header = json!({"alg": "ES256", "kid": "k1"});
        let token = signed(&place.github, &header, &of_pod("u-1"));
        for _ in 0..2 {
            assert_eq!(claims(&place.grant(&token, &[]).await)["sub"], "backup");
            place.assert("backup", &token).await.is(200);
        }
        let other = signed(&place.github, &header, &of_pod("u-2"));
        assert_eq!(error_of(&place.grant(&other, &[]).await, 400), "invalid_grant");
        assert!(place.why("backup").await.iter().any(|said| said.contains("kubernetes.io/pod/uid is \"u-2\"")));

        // `iss` is optional in a JWT-SVID.
        let svid = |sub: &str, iss: Option<&str>| {
            let mut said = json!({"aud": [base], "sub": sub, "iat": now, "exp": now + 300});
            if let Some(iss) = iss {
                said["iss"] = json!(iss);
            }
            signed(&place.github, &json!({"alg": "ES256", "kid": "k1", "typ": "JOSE"}), &said)
        };
        let good = svid("spiffe://example.org/backup", None);
        for _ in 0..2 {
            assert_eq!(claims(&place.grant(&good, &[]).await)["sub"], "mesh-backup");
        }
        let fields = [
            ("grant_type", "client_credentials"),
            ("client_id", "mesh-backup"),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"),
            ("client_assertion", &*good),
        ];
        place.send("/oauth2/token", &fields).await.is(200);
        for wrong in [
            svid("spiffe://example.org/other", None),
            svid("spiffe://example.org/backup/", None),
            svid("spiffe://evil.example/backup", None),
            svid("spiffe://evil.example/backup", Some("spiffe://example.org")),
            svid("backup", Some("spiffe://example.org")),
        ] {
            assert_eq!(error_of(&place.grant(&wrong, &[]).await, 400), "invalid_grant");
        }
    })
    .await;
}

/// The key of a bundle.
fn svid_key(place: &Place) -> Value {
    let mut key = keys(&place.github)["keys"][0].clone();
    key["use"] = json!("jwt-svid");
    key
}

/// A token under the key of another issuer is refused, and so are tokens of an issuer that was removed.
#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_a_removed_issuer_are_refused() {
    on_both("workload: removed", async |backend| {
        let place = Place::on(backend).await;
        let path = format!("{ISSUERS}/github");
        place.admin(Method::DELETE, &path, Value::Null).await.is_problem(409, "conflict");
        let body = json!({"workloads": []});
        // Without rules, a client with private_key_jwt needs a key.
        let client = "/v1/admin/clients/deploy";
        place.admin(Method::PATCH, client, body.clone()).await.is_problem(422, "validation_failed");
        let mut body = body;
        body["jwks"] = keys(&key());
        place.admin(Method::PATCH, client, body).await.is(200);
        assert_eq!(
            error_of(&place.grant(&place.token(json!({})), &[]).await, 400),
            "invalid_grant"
        );
        place.admin(Method::DELETE, &path, Value::Null).await.is(204);
        place.admin(Method::DELETE, &path, Value::Null).await.is_problem(404, "not_found");
        let refused = place.assert("deploy", &place.token(json!({}))).await;
        assert_eq!(error_of(&refused, 401), "invalid_client");
        let other = signed(&key(), &header(), &place.job(json!({})));
        assert_eq!(error_of(&place.grant(&other, &[]).await, 400), "invalid_grant");
        let kinds = ["trusted_issuer.added", "trusted_issuer.removed"];
        for kind in kinds {
            let events = place.server.events(&place.root, kind).await;
            assert_eq!(events[0]["detail"], format!("github {GITHUB}"));
        }
    })
    .await;
}
