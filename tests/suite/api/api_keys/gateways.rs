//! Keys at gateways, which forward them unchanged.

use reqwest::Method;
use serde_json::{Value, json};
use signet::crypto::jwt::decode_unverified;

use super::{API, CLOSED, Place};
use crate::support::on_both;

/// The service behind the gateway gets the identity of the caller in an identity token, and never the key.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_turns_a_key_into_an_identity_token() {
    on_both("API keys: gateway", async |backend| {
        let place = Place::on(backend).await;
        let (id, key) = place.key(&["orders:read"]).await;
        let answer = place.gateway("&scope=orders:read&role=buyer", &key).await;
        assert!(answer.is(200).text.is_empty());
        let header = |name: &str| answer.header(name).to_owned();
        assert_eq!(header("signetsubject"), place.ada);
        assert_eq!((&*header("signetclient"), &*header("signetscope")), ("signet", "orders:read"));
        assert_eq!(header("signetroles"), "buyer");
        let anatomy = decode_unverified(&header("signetidentity"));
        assert_eq!(json!(anatomy.header.unwrap())["typ"], "signet-identity+jwt");
        let said: Value = json!(anatomy.claims.unwrap());
        assert_eq!((&said["sub"], &said["aud"]), (&json!(place.ada), &json!(API)));
        assert_eq!((&said["tok"], &said["client_id"]), (&json!(id), &json!("signet")));
        assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 60);
        assert!(said.get("sid").is_none());
        assert!(!format!("{:?}", answer.headers).contains(&key));
        let used = place.keys().await[0]["last_used_at"].as_str().unwrap().to_owned();
        assert!(used.ends_with(":00:00.000Z"), "{used}");
    })
    .await;
}

/// Requests beyond the key are refused with the codes of access tokens.
#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_refuses_what_the_key_is_not_for() {
    on_both("API keys: refused at gateways", async |backend| {
        let place = Place::on(backend).await;
        let (id, key) = place.key(&["orders:read"]).await;
        place.gateway("&scope=orders:write", &key).await.is_problem(403, "insufficient_scope");
        place.gateway("&role=seller", &key).await.is_problem(403, "role_required");
        let other = format!("/v1/forward-auth?audience={CLOSED}");
        let answer = place.server.get_as(&other, &key).await;
        assert!(answer.is(401).header("www-authenticate").contains("wrong_audience"));
        let unknown = signet::base::opaque_token::encode("spk_", &[1; 32]);
        for (token, code) in [(&*unknown, "api_key"), ("spk_x", "api_key"), (&key[..50], "api_key")]
        {
            let answer = place.gateway("", token).await;
            let expected = format!("error_description=\"{code}\"");
            assert!(answer.is(401).header("www-authenticate").contains(&expected), "{token}");
        }
        let request =
            place.server.request(Method::GET, &format!("/v1/forward-auth?audience={API}"));
        let answer =
            place.server.send(request.header("authorization", format!("DPoP {key}"))).await;
        answer.is(401);
        place.revoke(&id).await.is(204);
        let answer = place.gateway("", &key).await;
        assert!(answer.is(401).header("www-authenticate").contains("error_description=\"ended\""));
    })
    .await;
}
