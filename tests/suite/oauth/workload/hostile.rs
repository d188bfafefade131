//! Tokens that are valid except for one property.

use std::collections::BTreeSet;

use serde_json::json;
use signet::crypto::jwt::SigningKey;
use signet::domain::signing_key::SigningAlg;

use super::{GITHUB, Place, header, key};
use crate::support::on_both;
use crate::support::relying_party::{error_of, signed};
use crate::support::server::Options;

/// Each is refused with the same text in both ways, whatever the cause; the operator sees the cause.
#[tokio::test(flavor = "multi_thread")]
async fn invalid_tokens_are_refused_with_one_text() {
    on_both("workload: hostile", async |backend| {
        let options = Options::on(backend).with("SIGNET_RATE_LIMITS", "off");
        let place = Place::with(options).await;
        let (now, base) = (place.server.now().secs(), place.server.base.clone());
        let (mut of_grant, mut of_client) = (BTreeSet::new(), BTreeSet::new());
        let mut refused = async |what: &str, token: &str| {
            let by_grant = place.grant(token, &[]).await;
            assert_eq!(error_of(&by_grant, 400), "invalid_grant", "{what}");
            let by_client = place.assert("deploy", token).await;
            assert_eq!(error_of(&by_client, 401), "invalid_client", "{what}");
            of_grant.insert(by_grant.string("error_description"));
            of_client.insert(by_client.string("error_description"));
        };
        let other = SigningKey::generate(SigningAlg::Rs256).unwrap().key;
        for (what, change) in [
            ("another repository", json!({"repository_id": "124"})),
            ("a longer id", json!({"repository_id": "1234"})),
            ("an id in a list", json!({"repository_id": ["123"]})),
            ("no id", json!({"repository_id": null})),
            ("another branch", json!({"ref": "refs/heads/mainline"})),
            ("a pull request", json!({"event_name": "pull_request"})),
            ("a pull request of a fork", json!({"event_name": "pull_request_target"})),
            ("no event", json!({"event_name": null})),
            ("two audiences", json!({"aud": [base, "https://other.example"]})),
            ("the audience twice", json!({"aud": [base, base]})),
            ("a slash", json!({"aud": format!("{base}/")})),
            ("a longer audience", json!({"aud": format!("{base}.evil.example")})),
            ("the endpoint", json!({"aud": format!("{base}/oauth2/token")})),
            ("no audience", json!({"aud": null})),
            ("expired", json!({"iat": now - 400, "nbf": now - 400, "exp": now - 31})),
            ("in the future", json!({"iat": now + 31, "nbf": now + 31})),
            ("not before", json!({"nbf": now + 31})),
            ("no iat", json!({"iat": null})),
            ("no exp", json!({"exp": null})),
            ("exp as text", json!({"exp": (now + 300).to_string()})),
            ("two hours", json!({"exp": now + 3_601})),
            ("no jti", json!({"jti": null})),
            ("an empty jti", json!({"jti": ""})),
            ("a long jti", json!({"jti": "x".repeat(513)})),
            ("jti a number", json!({"jti": 5})),
            ("an unknown issuer", json!({"iss": "https://evil.example"})),
            ("an issuer with a slash", json!({"iss": format!("{GITHUB}/")})),
            ("no issuer", json!({"iss": null})),
            ("this server as the issuer", json!({"iss": base})),
        ] {
            refused(what, &place.token(change)).await;
        }
        for (what, header) in [
            ("HS256", json!({"alg": "HS256", "kid": "k1"})),
            ("none", json!({"alg": "none", "kid": "k1"})),
            ("another algorithm", json!({"alg": "RS256", "kid": "k1"})),
            ("another key", json!({"alg": "ES256", "kid": "k2"})),
            ("an access token", json!({"alg": "ES256", "kid": "k1", "typ": "at+jwt"})),
            ("an ID-JAG", json!({"alg": "ES256", "kid": "k1", "typ": "oauth-id-jag+jwt"})),
            ("crit", json!({"alg": "ES256", "kid": "k1", "crit": ["exp"]})),
            ("a key of its own", json!({"alg": "ES256", "kid": "k2", "jwk": key().public, "jku": "https://evil.example"})),
        ] {
            refused(what, &signed(&place.github, &header, &place.job(json!({})))).await;
        }
        refused("a stranger's key", &signed(&key(), &header(), &place.job(json!({})))).await;
        refused("RSA", &signed(&other, &json!({"alg": "RS256", "kid": "k1"}), &place.job(json!({})))).await;
        let good = place.token(json!({}));
        let cut = &good[..good.len() - 1];
        for (what, text) in [
            ("cut", cut.to_owned()),
            ("nothing", "x".to_owned()),
            ("three dots", "a.b.c".to_owned()),
            ("large", format!("{good}{}", "A".repeat(10_000))),
        ] {
            refused(what, &text).await;
        }
        let own = place.server.administrator("root2").await;
        refused("our own access token", &own.access).await;
        assert_eq!(of_grant.len(), 1, "{of_grant:#?}");
        // A malformed token may be an assertion of the client's own, which has its own text.
        assert_eq!(of_client.len(), 2, "{of_client:#?}");
        // A refused token was not used up.
        place.grant(&good, &[]).await.is(200);

        let why = place.why("deploy").await.join("\n");
        for part in [
            "repository_id is \"124\"",
            "ref is \"refs/heads/mainline\"",
            "event_name is \"pull_request\"",
            "aud of the token is not exactly",
            "has expired",
            "lives longer",
            "has no jti",
            "no trusted issuer",
        ] {
            assert!(why.contains(part), "{part}: {why}");
        }
    })
    .await;
}

/// A client without rules, an unknown client and a public one are refused alike.
#[tokio::test(flavor = "multi_thread")]
async fn clients_without_rules_are_no_workloads() {
    on_both("workload: no rules", async |backend| {
        let place = Place::on(backend).await;
        for (name, kind) in [("plain", "service"), ("app", "spa")] {
            let body = json!({"client_id": name, "name": name, "type": kind,
                "redirect_uris": if kind == "spa" { json!(["https://app.example/cb"]) } else { json!([]) }});
            place.admin(reqwest::Method::POST, "/v1/admin/clients", body).await.is(201);
        }
        let mut texts: Vec<String> = Vec::new();
        for name in ["plain", "app", "nobody"] {
            let answer = place.assert(name, &place.token(json!({}))).await;
            assert_eq!(error_of(&answer, 401), "invalid_client", "{name}");
            texts.push(answer.string("error_description"));
        }
        texts.dedup();
        assert_eq!(texts.len(), 1);
    })
    .await;
}

/// Invalid assertions are refused until the limit of the network is used up; a valid one is always accepted.
#[tokio::test(flavor = "multi_thread")]
async fn failures_are_limited_by_network() {
    on_both("workload: limit", async |backend| {
        let place = Place::with(Options::on(backend).with("SIGNET_RATE_LIMITS", "on")).await;
        let mut statuses = Vec::new();
        for _ in 0..70 {
            statuses.push(place.grant("a.b.c", &[]).await.status);
        }
        assert!(statuses[..60].iter().all(|status| *status == 400), "{statuses:?}");
        assert!(statuses[60..].contains(&429), "{statuses:?}");
        place.grant(&place.token(json!({})), &[]).await.is(200);
    })
    .await;
}
