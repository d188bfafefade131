//! Rules of clients and trusted issuers: validation, and the rights to change them.

use reqwest::Method;
use serde_json::{Value, json};
use signet::base::TimeSpan;

use super::{GITHUB, ISSUERS, Place, key, keys};
use crate::support::on_both;
use crate::support::server::Options;

/// A rule that could match programs of others is refused, with a code of its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_rule_names_an_id_that_is_never_given_to_others() {
    on_both("workload: rules", async |backend| {
        let place = Place::on(backend).await;
        for issuer in [
            json!({"name": "gitlab", "jwks": keys(&key())}),
            json!({"name": "prod", "preset": "kubernetes", "issuer": "https://k8s.example", "jwks": keys(&key())}),
        ] {
            place.admin(Method::POST, ISSUERS, issuer).await.is(201);
        }
        for (rule, code) in [
            ("github: repository=octo/shop", "rule_too_wide"),
            ("github: ref=refs/heads/main", "rule_too_wide"),
            ("github: repository_id=1,sub=repo:octo/shop", "rule_too_wide"),
            ("gitlab: project_path=group/shop", "rule_too_wide"),
            ("prod: sub=backup", "rule_too_wide"),
            ("unknown: sub=x", "unknown_issuer"),
            ("github", "malformed"),
            ("github: ", "malformed"),
            ("github: repository_id", "malformed"),
        ] {
            let answer = place.try_client("fresh", &[rule]).await;
            answer.is_problem(422, "validation_failed");
            let error = &answer.json()["errors"][0];
            assert_eq!((&error["field"], &error["code"]), (&json!("workloads"), &json!(code)), "{rule}");
            let body = json!({"workloads": [rule]});
            let answer = place.admin(Method::PATCH, "/v1/admin/clients/deploy", body).await;
            assert_eq!(answer.is(422).json()["errors"][0]["code"], code, "{rule}");
        }
        let all = ["github: repository_id=1", "gitlab: project_id=7,ref_protected=true",
            "prod: sub=system:serviceaccount:a:b,sub=system:serviceaccount:a:c"];
        place.client("fresh", &all).await;
        let shown = place.admin(Method::GET, "/v1/admin/clients/fresh", Value::Null).await;
        assert_eq!(shown.is(200).json()["workloads"], json!(all));
        // A response can be sent back.
        let body = json!({"workloads": all});
        place.admin(Method::PATCH, "/v1/admin/clients/fresh", body).await.is(200);
        let many: Vec<String> = (0..33).map(|id| format!("github: repository_id={id}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        place.try_client("many", &many).await.is_problem(422, "validation_failed");
        let public = json!({"client_id": "app", "name": "App", "type": "spa", "workloads": [all[0]],
            "redirect_uris": ["https://app.example/cb"]});
        let answer = place.admin(Method::POST, "/v1/admin/clients", public).await;
        assert_eq!(answer.is(422).json()["errors"][0]["code"], "not_for_this_type");
    })
    .await;
}

/// An invalid issuer is refused with its field; github and gitlab have presets.
#[tokio::test(flavor = "multi_thread")]
async fn an_issuer_that_cannot_be_is_refused_by_its_field() {
    on_both("workload: issuers", async |backend| {
        let place = Place::without_issuer(Options::on(backend)).await;
        for (body, field) in [
            (json!({"name": "Up", "issuer": "https://ci.example"}), "name"),
            (json!({"name": "ci"}), "issuer"),
            (json!({"name": "ci", "issuer": "http://ci.example"}), "issuer"),
            (json!({"name": "ci", "issuer": "https://ci.example?x"}), "issuer"),
            (json!({"name": "mesh", "preset": "spiffe", "issuer": "spiffe://a.example"}), "jwks"),
            (json!({"name": "ci", "issuer": "https://ci.example", "jwks": {"keys": []}}), "jwks"),
            (json!({"name": "ci", "issuer": "https://ci.example", "jwks": {"keys": [{"kty": "oct", "k": "AA"}]}}), "jwks"),
            (json!({"name": "ci", "issuer": "https://ci.example", "max_life": 86_401}), "max_life"),
            (json!({"name": "ci", "issuer": "https://ci.example", "max_life": 59}), "max_life"),
            (json!({"name": "ci", "issuer": "https://ci.example", "networks": ["x"]}), "networks"),
            (json!({"name": "ci", "issuer": "https://ci.example", "algs": ["HS256"]}), "algs"),
            (json!({"name": "ci", "issuer": "https://ci.example", "preset": "x"}), "preset"),
        ] {
            let answer = place.admin(Method::POST, ISSUERS, body.clone()).await;
            answer.is_problem(422, "validation_failed");
            assert_eq!(answer.json()["errors"][0]["field"], field, "{body}");
        }
        let made = place.admin(Method::POST, ISSUERS, json!({"name": "github"})).await;
        let made = made.is(201).json();
        assert_eq!((&made["issuer"], &made["preset"]), (&json!(GITHUB), &json!("github")));
        assert_eq!((&made["jwks"], &made["max_life"]), (&Value::Null, &json!(3_600)));
        place.admin(Method::POST, ISSUERS, json!({"name": "github"})).await.is_problem(409, "conflict");
        let same = json!({"name": "other", "issuer": GITHUB});
        place.admin(Method::POST, ISSUERS, same).await.is_problem(409, "conflict");
        let listed = place.admin(Method::GET, ISSUERS, Value::Null).await;
        assert_eq!(listed.is(200).json()["data"], json!([made]));
    })
    .await;
}

/// An issuer can authenticate clients with administration scopes: adding one requires the full right and a
/// fresh sign-in.
#[tokio::test(flavor = "multi_thread")]
async fn only_the_whole_right_adds_an_issuer() {
    on_both("workload: rights", async |backend| {
        let place = Place::without_issuer(Options::on(backend)).await;
        let body = json!({"name": "github"});
        let log_in = json!({"login": "root", "password": crate::support::server::PASSWORD,
            "scope": "signet:clients signet:read"});
        let narrow = place.server.post("/v1/login", log_in).await.is(200).string("access_token");
        place.server.get_as(ISSUERS, &narrow).await.is(200);
        let answer = place.server.call_as(Method::POST, ISSUERS, &narrow, body.clone()).await;
        answer.is_problem(403, "insufficient_scope");
        place.server.advance(TimeSpan::from_mins(6));
        let answer = place.admin(Method::POST, ISSUERS, body).await;
        answer.is_problem(401, "reauthentication_required");
    })
    .await;
}

/// Rules from before the first grant of administration scopes end with it.
#[tokio::test(flavor = "multi_thread")]
async fn rules_are_named_again_with_the_first_administration_scopes() {
    on_both("workload: administration", async |backend| {
        let place = Place::on(backend).await;
        let path = "/v1/admin/clients/deploy";
        let body = json!({"admin_scopes": ["signet:read"]});
        let answer = place.admin(Method::PATCH, path, body).await;
        assert_eq!(answer.is(422).json()["errors"][0]["field"], "workloads");
        let body = json!({"admin_scopes": ["signet:read"], "workloads": ["github: repository_id=123,ref=refs/heads/main"]});
        place.admin(Method::PATCH, path, body).await.is(200);
        let more = [("scope", "signet:read")];
        let token = place.grant(&place.token(json!({})), &more).await.is(200).string("access_token");
        place.server.get_as(ISSUERS, &token).await.is(200);
    })
    .await;
}
